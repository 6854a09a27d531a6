//! The daemon's state as it is shown.

use super::controller::Controller;
use super::handle::{DaemonHandle, lock};
use super::process;
use super::room_table::Room;
use crate::chat::wire::Method;
use crate::model::{RoomId, counted, counted_people};
use crate::reconcile::progress::{Outlook, Share, Stand, outlook, shares};
use crate::render::people_diff;
use crate::status::{
    self, Files, Gauges, RoomDetail, RoomLine, RoomState, Service, Status, StatusSource, WritesSuspended,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Past this age of the loop's last move it counts as wedged. The loop moves every second.
const WEDGED: Duration = Duration::from_secs(15);

impl StatusSource for DaemonHandle {
    fn alive(&self) -> Result<(), String> {
        let age = self.age_of_beat();
        if age > WEDGED {
            return Err(format!("the loop has not moved for {} s", age.as_secs()));
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let controller = lock(&self.controller);
        let mut missing: Vec<String> = controller.files.trouble().into_iter().collect();
        let rooms = &controller.rooms;
        let seen = rooms
            .iter()
            .filter(|room| room.state() != RoomState::Unseen)
            .count();
        if seen < rooms.len() {
            missing.push(format!("{seen} of {} looked at", counted(rooms.len(), "room")));
            missing.extend(controller.health.trouble().map(|trouble| trouble.message.clone()));
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    fn status(&self) -> Status {
        let shares = shares(&lock(&self.reader));
        Status {
            progress: self.stand().map(|stand| progress(&stand, &shares)),
            ..View(&lock(&self.controller)).status()
        }
    }

    fn room(&self, id: &RoomId) -> Option<RoomDetail> {
        View(&lock(&self.controller)).detail(id)
    }

    fn gauges(&self) -> Gauges {
        let shares = shares(&lock(&self.reader));
        let stand = self.stand();
        let (gauges, last) = {
            let controller = lock(&self.controller);
            (
                View(&controller).gauges(),
                length_of_last(controller.history.passes()),
            )
        };
        let rooms = gauges.rooms.iter().map(|(_, number)| number).sum();
        Gauges {
            full_pass: last.max(shortest_pass(rooms, stand.as_ref(), &shares)),
            progress: stand.map(|stand| progress(&stand, &shares)),
            budget: shares.into_iter().map(budget).collect(),
            process: process::used(),
            ..gauges
        }
    }

    fn reconcile(&self) {
        self.resync_soon();
    }
}

fn budget(share: Share) -> status::CallBudget {
    let Share {
        method,
        used,
        limit,
        configured,
    } = share;
    status::CallBudget {
        method,
        used,
        limit,
        configured,
    }
}

fn progress(stand: &Stand, shares: &[Share]) -> status::Progress {
    let Outlook {
        applying,
        per_second,
        bound,
        left,
        done: _,
        of: _,
    } = outlook(stand, shares);
    status::Progress {
        doing: if applying { "applying" } else { "looking" },
        rooms: stand.rooms,
        looked: stand.looked,
        calls: stand.calls,
        made: stand.made(),
        per_second: (per_second * 10.0).round() / 10.0,
        budget: bound.map(budget),
        seconds_left: left.map(|left| left.as_secs_f64().ceil()),
    }
}

/// Length of the last pass over all rooms.
fn length_of_last(passes: &status::Passes) -> Duration {
    let times = passes.last_begun.zip(passes.last_ended);
    let length = times.map(|(begun, ended)| ended.duration_since(begun));
    length
        .and_then(|length| length.try_into().ok())
        .unwrap_or_default()
}

/// Least time that a pass over so many rooms takes at the calls that are allowed now, with the write calls of passes under way.
fn shortest_pass(rooms: usize, stand: Option<&Stand>, shares: &[Share]) -> Duration {
    let slowest = |methods: &[Method]| {
        let of_methods = shares
            .iter()
            .filter(|share| methods.iter().any(|method| method.as_str() == share.method));
        of_methods.map(|share| share.limit).min().unwrap_or(1).max(1)
    };
    // A look makes an admin list and a member list a room at the least.
    let looks = rooms as f64 / slowest(&[Method::ListAdmins, Method::ListMembers]) as f64;
    let writes = Method::ALL.into_iter().filter(|method| method.writes());
    let calls = stand.map_or(0, |stand| stand.calls);
    let writes = calls as f64 / slowest(&writes.collect::<Vec<_>>()) as f64;
    Duration::from_secs_f64(looks + writes)
}

/// The daemon as others see it.
struct View<'a>(&'a Controller);

impl View<'_> {
    /// Lines about everything that needs attention.
    fn attention(&self) -> Vec<String> {
        let Self(daemon) = self;
        let now = daemon.now();
        let mut all: Vec<String> = daemon.files.trouble().into_iter().collect();
        all.extend(daemon.gate.quota().trouble(now));
        all.extend(daemon.safeguards.clock_trouble());
        all.extend(daemon.token.trouble(now));
        let trouble = daemon.health.trouble();
        all.extend(trouble.map(|trouble| format!("nothing can be done in any room: {}", trouble.message)));
        for (state, what) in [
            (RoomState::Failed, "failed and will be tried again"),
            (RoomState::Blocked, "blocked by a guard"),
        ] {
            let count = daemon.rooms.iter().filter(|room| room.state() == state).count();
            if count > 0 {
                all.push(format!("{} {what}", counted(count, "room")));
            }
        }
        let held = self.held();
        if held > 0 {
            all.push(format!(
                "{} held, because too many left the files at once",
                counted(held, "name")
            ));
        }
        let over_budget = daemon.safeguards.over_budget(&daemon.rooms);
        if over_budget > 0 {
            all.push(format!(
                "{} kept by the removal budget",
                counted_people(over_budget)
            ));
        }
        if daemon.rooms.iter().any(Room::has_pending) {
            all.extend(daemon.files.restless());
        }
        let aside = self.set_aside().len();
        if aside > 0 {
            all.push(format!(
                "{} set aside, because the service does not take them",
                counted_people(aside)
            ));
        }
        all
    }

    /// People who stay until the room files have settled.
    fn pending(&self) -> Option<status::Pending> {
        let Self(daemon) = self;
        let files = &daemon.files;
        let since = files.unsettled_since()?;
        let waiting = daemon.rooms.iter().filter_map(|room| {
            let pending = &room.plan()?.pending;
            (!pending.is_empty()).then_some((pending.remove.len(), pending.demote.len()))
        });
        let none = (0, 0, 0);
        let (removals, demotions, rooms) =
            waiting.fold(none, |(a, b, rooms), (c, d)| (a + c, b + d, rooms + 1));
        let until = files.settles_at(daemon.settings.sync.settle_removals);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        let now = daemon.now();
        let age = SignedDuration::try_from(since.elapsed()).unwrap_or_default();
        Some(status::Pending {
            removals,
            demotions,
            rooms,
            since: now.checked_sub(age).unwrap_or(now),
            until: until.and_then(|until| self.time_of(until)),
            seconds_left: left.map(|left| (left * 10.0).ceil() / 10.0),
            file: files.changed_file(),
        })
    }

    /// Number of names that are held.
    fn held(&self) -> usize {
        let exclusions = self.0.safeguards.exclusions();
        exclusions.count_held(self.0.rooms.ids())
    }

    fn set_aside(&self) -> Vec<status::Aside> {
        let safeguards = &self.0.safeguards;
        safeguards
            .exclusions()
            .set_aside()
            .shown(safeguards.clock().moment())
    }

    fn coming_and_going(&self) -> Vec<status::ComingAndGoing> {
        let safeguards = &self.0.safeguards;
        safeguards
            .exclusions()
            .shown_coming_and_going(safeguards.clock().moment())
    }

    fn status(&self) -> Status {
        let Self(daemon) = self;
        let set = daemon.files.set();
        let service = &daemon.settings.service;
        let exclusions = daemon.safeguards.exclusions();
        let mut passes = daemon.history.passes().clone();
        passes.next = self.time_of(daemon.history.resync_due());
        Status {
            version: env!("CARGO_PKG_VERSION"),
            started: daemon.started,
            now: daemon.now(),
            attention: self.attention(),
            withheld: daemon.gate.suspended(),
            files: Files {
                valid: daemon.files.are_valid(),
                files: set.map_or(0, |set| set.source.files),
                rooms: daemon.rooms.len(),
                digest: set.map(|set| set.source.digest.clone()),
                revision: set.and_then(|set| set.source.revision.clone()),
                taken: set.map(|set| set.taken),
                problems: daemon.files.problems().to_vec(),
            },
            service: Service {
                app: service.app.to_string(),
                url: service.url.to_string(),
                trouble: daemon.health.trouble().cloned(),
            },
            token_expires: daemon.token.expiry().map(|expiry| expiry.at),
            passes,
            progress: None,
            rooms: daemon.rooms.iter().map(|room| self.line(room)).collect(),
            aside: self.set_aside(),
            coming_and_going: self.coming_and_going(),
            holds: daemon
                .rooms
                .ids()
                .flat_map(|id| exclusions.shown_holds(id))
                .collect(),
            pending: self.pending(),
            changes: daemon.history.changes().cloned().collect(),
        }
    }

    /// The time of day at an instant to come.
    fn time_of(&self, due: Instant) -> Option<Timestamp> {
        let wait = SignedDuration::try_from(due.saturating_duration_since(Instant::now())).ok()?;
        self.0.now().checked_add(wait).ok()
    }

    fn line(&self, room: &Room) -> RoomLine {
        let plan = room.plan();
        RoomLine {
            id: room.desired().id.clone(),
            name: room.desired().name.clone(),
            state: room.state(),
            since: room.since(),
            looked: room.looked(),
            add: plan.map_or(0, |plan| plan.add.len()),
            remove: plan.map_or(0, |plan| plan.remove.len()),
            promote: plan.map_or(0, |plan| plan.promote.len()),
            demote: plan.map_or(0, |plan| plan.demote.len()),
            pending: plan.map_or(0, |plan| plan.pending.people().len()),
            blocked: plan.map(|plan| plan.blocked.clone()).unwrap_or_default(),
            notes: plan.map_or(0, |plan| plan.notes.len()),
            error: room.error().cloned(),
            next_try: room.next_try().and_then(|due| self.time_of(due)),
        }
    }

    fn detail(&self, id: &RoomId) -> Option<RoomDetail> {
        let Self(daemon) = self;
        let room = daemon.rooms.get(id)?;
        let plan = room.plan();
        let changes = daemon.history.changes();
        Some(RoomDetail {
            line: self.line(room),
            mode: room.desired().mode.as_str(),
            live: plan.and_then(|plan| plan.live.clone()),
            diff: plan.map(people_diff).unwrap_or_default(),
            remarks: plan.map(|plan| plan.notes.clone()).unwrap_or_default(),
            holds: daemon.safeguards.exclusions().shown_holds(id),
            changes: changes.filter(|change| change.room == *id).cloned().collect(),
        })
    }

    fn gauges(&self) -> Gauges {
        let Self(daemon) = self;
        let mut rooms: BTreeMap<RoomState, usize> = BTreeMap::new();
        for room in daemon.rooms.iter() {
            *rooms.entry(room.state()).or_default() += 1;
        }
        let aside = self.set_aside();
        let people: BTreeSet<_> = aside.iter().map(|aside| &aside.user).collect();
        Gauges {
            rooms: rooms.into_iter().collect(),
            aside: people.len(),
            coming_and_going: self.coming_and_going().len(),
            held: self.held(),
            pending: self
                .pending()
                .map_or(0, |pending| pending.removals + pending.demotions),
            files_valid: daemon.files.are_valid(),
            files_taken: daemon.files.set().map(|set| set.taken),
            last_good: daemon.history.passes().last_good,
            interval: daemon.settings.sync.interval,
            full_pass: Duration::ZERO,
            service_trouble: daemon.health.troubles(),
            withheld: daemon.gate.suspended().is_some(),
            quota_used_up: daemon.gate.quota().is_used_up(),
            token_expires: daemon.token.expiry().map(|expiry| status::TokenExpires {
                at: expiry.at,
                renewed: expiry.renewed,
            }),
            progress: None,
            budget: Vec::new(),
            started: daemon.started,
            process: None,
        }
    }
}

/// Describes the daemon in a line, for the service manager.
pub(super) fn in_a_line(controller: &Controller) -> String {
    let attention = View(controller).attention();
    let rooms = counted(controller.rooms.len(), "room");
    let state = match (controller.gate.suspended(), attention.as_slice()) {
        (Some(WritesSuspended { code, .. }), _) => format!("nothing is written ({code})"),
        (None, []) => "all is well".to_owned(),
        (None, [one]) => one.clone(),
        (None, [one, rest @ ..]) => format!("{one}, and {} more", rest.len()),
    };
    // A newline would end the message to the service manager.
    format!("{rooms}: {state}").replace('\n', " ")
}
