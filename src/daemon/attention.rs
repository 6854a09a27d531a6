//! Everything that needs attention: the one source of the page, of the API, of the readiness and of the service manager's line.

use super::approvals;
use super::contests;
use super::controller::Controller;
use super::departed::DepartedTogether;
use super::room_table::{Freshness, Room};
use super::write_gate::Closure;
use crate::model::{Guard, ReasonCode, RoomId, UserId, counted, counted_people, printable};
use crate::plan::Note;
use crate::status::{Aside, Attention, AttentionSeverity, Hold, RoomState};
use crate::web::IntakeTrouble;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Most rooms that an item names.
pub(super) const ROOMS_NAMED: usize = 25;
/// Most rooms whose labels stand in a message.
const LABELS: usize = 3;

const FILES_INVALID: &str = "files_invalid";
const FILES_UNREAD: &str = "files_unread";
const FILES_RESTLESS: &str = "files_restless";
const CLOCK: &str = "clock";
const SETTINGS_INVALID: &str = "settings_invalid";
const TOKEN_EXPIRES: &str = "token_expires";
const UNKNOWN: &str = "unknown";
const FAILED: &str = "failed";
const BLOCKED: &str = "blocked";
const NOT_MANAGED: &str = "not_managed";
const WEBHOOK: &str = "webhook";

/// Items of this daemon, outages first.
pub(super) fn attention(daemon: &Controller) -> Vec<Attention> {
    let now = daemon.now();
    let mut all: Vec<Attention> = files(daemon).into_iter().collect();
    let trouble = daemon.health.trouble();
    all.extend(trouble.map(|trouble| {
        let message = format!("nothing can be done in any room: {}", trouble.message);
        red(trouble.code.as_str(), message, trouble.since)
    }));
    if trouble.is_none_or(|trouble| trouble.code != ReasonCode::Quota) {
        let quota = daemon.gate.quota().trouble(now);
        all.extend(quota.map(|(message, since)| red(ReasonCode::Quota.as_str(), message, since)));
    }
    let closures = daemon.gate.closures();
    all.extend(closures.into_iter().filter_map(|why| closed(why, daemon.started)));
    if let Some(message) = daemon.token.trouble(now) {
        let since = daemon.token.trouble_since(now).unwrap_or(now);
        let item = if daemon.token.has_ended(now) { red } else { amber };
        all.push(item(TOKEN_EXPIRES, message, since));
    }
    let bad_settings = daemon.settings_watch.trouble();
    all.extend(bad_settings.map(|(message, since)| amber(SETTINGS_INVALID, message, since)));
    all.extend(webhook(daemon));
    all.extend(clock(daemon));
    // While a first look goes on, a count says how far it is.
    if first_look(daemon).is_none() {
        let freshness = freshness(daemon);
        let rooms: Vec<RoomFacts<'_>> = daemon
            .rooms
            .iter()
            .map(|room| RoomFacts::of(room, freshness))
            .collect();
        all.extend(of_rooms(&rooms, trouble.is_some()));
    }
    let exclusions = daemon.safeguards.exclusions();
    let holds = daemon.rooms.ids().flat_map(|id| exclusions.shown_holds(id));
    all.extend(held(&holds.collect::<Vec<_>>()));
    all.extend(approvals::attention(daemon));
    let over_budget = daemon.safeguards.over_budget(&daemon.rooms);
    all.extend(kept_by_budget(daemon, over_budget));
    if daemon.rooms.iter().any(Room::has_pending) {
        let restless = daemon.files.restless();
        all.extend(restless.map(|(message, since)| amber(FILES_RESTLESS, message, earlier(now, since))));
    }
    let clock = daemon.safeguards.clock();
    all.extend(set_aside(&exclusions.set_aside().shown(clock.moment())));
    all.extend(contests::attention(&exclusions.contested().shown(clock.moment())));
    all.extend(daemon.departed.shown(now).iter().map(departed));
    // Stable: within a severity they stay in this order.
    all.sort_by_key(|item| item.severity);
    all
}

/// Item about our clock, if it is wrong or cannot be compared where places end by it.
fn clock(daemon: &Controller) -> Option<Attention> {
    const MEANWHILE: &str = "nobody's place ends (`until`)";
    let trouble = daemon.safeguards.clock_trouble();
    Some(match (trouble, daemon.safeguards.no_place_ends()) {
        (None, None) => return None,
        (Some((message, since)), None) => amber(CLOCK, message, since),
        (Some((message, since)), Some(_)) => {
            amber(CLOCK, format!("{message}; until then {MEANWHILE}"), since)
        }
        (None, Some(doubt)) => amber(CLOCK, format!("{MEANWHILE}: {doubt}"), daemon.started),
    })
}

/// Item about the room files on the disk, if something is wrong with them.
pub(super) fn files(daemon: &Controller) -> Option<Attention> {
    let message = daemon.files.trouble()?;
    Some(match daemon.files.invalid_since() {
        Some(since) => red(FILES_INVALID, message, since),
        None => amber(FILES_UNREAD, message, daemon.started),
    })
}

/// Item about the webhook. Without it rooms are looked at every interval, so nothing is lost.
fn webhook(daemon: &Controller) -> Option<Attention> {
    let events = &daemon.events;
    if events.served != daemon.settings.webhook {
        let message =
            "the settings have another `webhook` than the one that is listened for; restart roomsync";
        return Some(amber(WEBHOOK, message.to_owned(), daemon.started));
    }
    let IntakeTrouble { message, since } = events.intake.trouble()?;
    Some(amber(WEBHOOK, message, since))
}

/// Time for which a look says something of a room: two intervals, and the length of a pass.
pub(super) fn freshness(daemon: &Controller) -> Freshness {
    let two = daemon.settings.sync.interval.saturating_mul(2);
    // While nothing answers, a pass sees no room, however long it takes.
    let is_away = daemon.health.trouble().is_some();
    Freshness {
        fresh_for: two.saturating_add(daemon.history.pass_length(!is_away)),
        is_away,
    }
}

/// Rooms that were looked at, while the first look at all rooms has not ended. `None` if it has.
pub(super) fn first_look(daemon: &Controller) -> Option<usize> {
    let rooms = &daemon.rooms;
    let looked = rooms.iter().filter(|room| room.state() != RoomState::Unseen);
    let looked = looked.count();
    let has_ended = daemon.history.passes().last_ended.is_some() || looked == rooms.len();
    (!has_ended).then_some(looked)
}

/// Time of day at an instant that is over.
fn earlier(now: Timestamp, instant: Instant) -> Timestamp {
    let age = SignedDuration::try_from(instant.elapsed()).unwrap_or_default();
    now.checked_sub(age).unwrap_or(now)
}

fn item(severity: AttentionSeverity, code: &'static str, message: String, since: Timestamp) -> Attention {
    Attention {
        severity,
        code,
        message,
        since,
        by: None,
        why: None,
        count: 1,
        rooms: Vec::new(),
    }
}

fn red(code: &'static str, message: String, since: Timestamp) -> Attention {
    item(AttentionSeverity::Red, code, message, since)
}

pub(super) fn amber(code: &'static str, message: String, since: Timestamp) -> Attention {
    item(AttentionSeverity::Amber, code, message, since)
}

/// Item about a gate that is closed. A dry run is meant to write nothing.
fn closed(why: Closure, started: Timestamp) -> Option<Attention> {
    let Closure {
        code,
        message,
        since,
        pause,
    } = why;
    let message = format!("nothing is written: {message}");
    let since = since.unwrap_or(started);
    match code {
        ReasonCode::DryRun => None,
        ReasonCode::Paused => {
            let (by, why) = pause.map_or((None, None), |pause| (Some(pause.by), pause.why));
            let paused = amber(code.as_str(), format!("paused, so {message}"), since);
            Some(Attention { by, why, ..paused })
        }
        _ => Some(red(code.as_str(), message, since)),
    }
}

/// A room, as far as it may need attention.
#[derive(Debug)]
struct RoomFacts<'a> {
    id: &'a RoomId,
    name: Option<&'a str>,
    state: RoomState,
    since: Timestamp,
    error: Option<&'a Note>,
}

impl<'a> RoomFacts<'a> {
    fn of(room: &'a Room, freshness: Freshness) -> Self {
        let (state, since) = room.shown_state(freshness);
        Self {
            id: &room.desired().id,
            name: room.desired().name.as_deref(),
            state,
            since,
            error: room.error(),
        }
    }

    fn label(&self) -> String {
        self.name
            .map_or_else(|| self.id.to_string(), |name| printable(name).into_owned())
    }
}

/// Items about the rooms that are not in order, an item for each kind. `is_away`: why they are not seen is said already.
fn of_rooms(rooms: &[RoomFacts<'_>], is_away: bool) -> Vec<Attention> {
    let mut all = Vec::new();
    for (state, code, severity) in [
        (RoomState::Unknown, UNKNOWN, AttentionSeverity::Red),
        (RoomState::Failed, FAILED, AttentionSeverity::Amber),
        (RoomState::Blocked, BLOCKED, AttentionSeverity::Amber),
    ] {
        let such: Vec<_> = rooms.iter().filter(|room| room.state == state).collect();
        let Some(since) = such.iter().map(|room| room.since).min() else {
            continue;
        };
        if state == RoomState::Unknown && is_away {
            continue;
        }
        let labels: Vec<String> = such.iter().take(LABELS + 1).map(|room| room.label()).collect();
        let subject = subject(such.len(), &labels);
        let message = match (state, such.as_slice()) {
            (RoomState::Unknown, _) => format!("{subject} not seen for two intervals"),
            (RoomState::Failed, [one]) => {
                let why = one.error.map(|error| format!(": {}", in_words(error)));
                format!("{subject} failed{}", why.unwrap_or_default())
            }
            (RoomState::Failed, _) => format!("{subject} failed"),
            _ => format!(
                "{subject} blocked by a guard; `roomsync approve ROOM` lets through once what is meant"
            ),
        };
        all.push(Attention {
            count: such.len(),
            rooms: such
                .iter()
                .take(ROOMS_NAMED)
                .map(|room| room.id.clone())
                .collect(),
            ..item(severity, code, message, since)
        });
    }
    all
}

fn in_words(error: &Note) -> String {
    let user = error.user.as_deref().map(|user| format!("{}: ", printable(user)));
    format!("{}{}", user.unwrap_or_default(), error.message)
}

/// Some rooms, with the first of their labels: `room lobby`, `5 rooms (a, b, c and 2 more)`.
fn subject(count: usize, labels: &[String]) -> String {
    match labels {
        [one] if count == 1 => format!("room {one}"),
        _ => {
            let named: Vec<&str> = labels.iter().take(LABELS).map(String::as_str).collect();
            let more = and_more(count - named.len());
            format!("{} ({}{more})", counted(count, "room"), named.join(", "))
        }
    }
}

fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" and {count} more"),
    }
}

/// Item about the names that guards on the files hold, if there are some.
fn held(holds: &[Hold]) -> Option<Attention> {
    let since = holds.iter().map(|hold| hold.since).min()?;
    let count = holds.iter().map(|hold| hold.held).sum();
    let rooms: BTreeSet<&RoomId> = holds.iter().map(|hold| &hold.room).collect();
    let message = format!(
        "{} held, because too many left the files at once",
        counted(count, "name")
    );
    Some(Attention {
        count,
        rooms: rooms.into_iter().take(ROOMS_NAMED).cloned().collect(),
        ..amber(ReasonCode::Held.as_str(), message, since)
    })
}

/// Item about the people whom the removal budgets keep, if there are some.
fn kept_by_budget(daemon: &Controller, people: usize) -> Option<Attention> {
    let by_budget = |room: &&Room| {
        let plan = room.plan();
        plan.is_some_and(|plan| {
            plan.blocked
                .iter()
                .any(|block| block.guard == Guard::RemovalBudget)
        })
    };
    let rooms: Vec<&Room> = daemon.rooms.iter().filter(by_budget).collect();
    let since = rooms.iter().map(|room| room.since()).min();
    let message = format!("{} kept by the removal budget", counted_people(people));
    let code = Guard::RemovalBudget.as_str();
    (people > 0).then(|| Attention {
        count: people,
        rooms: rooms
            .iter()
            .take(ROOMS_NAMED)
            .map(|room| room.desired().id.clone())
            .collect(),
        ..amber(code, message, since.unwrap_or(daemon.started))
    })
}

/// Item about the people set aside, if there are some.
fn set_aside(aside: &[Aside]) -> Option<Attention> {
    let since = aside.iter().map(|aside| aside.since).min()?;
    let people: BTreeSet<_> = aside.iter().map(|aside| &aside.user).collect();
    let message = format!(
        "{} set aside, because the service does not take them: {}",
        counted_people(people.len()),
        named(&people)
    );
    let rooms: BTreeSet<&RoomId> = aside.iter().filter_map(|aside| aside.room.as_ref()).collect();
    Some(Attention {
        count: people.len(),
        rooms: rooms.into_iter().take(ROOMS_NAMED).cloned().collect(),
        ..amber(ReasonCode::SetAside.as_str(), message, since)
    })
}

/// The first of some people.
pub(super) fn named(people: &BTreeSet<&UserId>) -> String {
    let names: Vec<&str> = people.iter().take(LABELS).map(|user| user.as_str()).collect();
    let more = and_more(people.len() - names.len());
    format!("{}{more}", names.join(", "))
}

/// Item about rooms that have left the files.
fn departed(together: &DepartedTogether) -> Attention {
    let DepartedTogether { at, rooms } = together;
    let labels: Vec<String> = rooms
        .iter()
        .take(LABELS + 1)
        .map(|(_, label)| label.clone())
        .collect();
    let message = format!("{} no longer managed: left as is", subject(rooms.len(), &labels));
    Attention {
        count: rooms.len(),
        rooms: rooms.iter().take(ROOMS_NAMED).map(|(id, _)| id.clone()).collect(),
        ..amber(NOT_MANAGED, message, *at)
    }
}

#[cfg(test)]
mod tests;
