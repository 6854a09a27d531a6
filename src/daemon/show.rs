//! What the web is shown.

use super::engine::Engine;
use super::files::Stillness;
use super::holds::Hold;
use super::progress::{Outlook, Share, Stand, outlook, shares};
use super::room::Room;
use super::{Shared, lock};
use crate::model::{Guard, RoomId, counted, counted_people};
use crate::render::people_diff;
use crate::web::{self, Files, Gauges, RoomDetail, RoomLine, Service, Source, State, Status, Withheld};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Past this age of the loop's last move it counts as wedged. The loop moves every second.
const WEDGED: Duration = Duration::from_secs(15);
/// How many held names are shown of a room.
const NAMES_SHOWN: usize = 100;

/// A handle to the daemon for those who look at it.
#[derive(Debug, Clone)]
pub(super) struct Window(pub(super) Arc<Shared>);

impl Source for Window {
    fn alive(&self) -> Result<(), String> {
        let age = self.0.age_of_beat();
        if age > WEDGED {
            return Err(format!("the loop has not moved for {} s", age.as_secs()));
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let engine = lock(&self.0.engine);
        let mut missing = engine.file_troubles();
        let unseen = engine
            .rooms
            .values()
            .filter(|room| room.state == State::Unseen)
            .count();
        if unseen > 0 {
            let (seen, all) = (engine.rooms.len() - unseen, engine.rooms.len());
            missing.push(format!("{seen} of {} looked at", counted(all, "room")));
            missing.extend(engine.trouble.as_ref().map(|trouble| trouble.message.clone()));
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    fn status(&self) -> Status {
        let shares = shares(&lock(&self.0.reader));
        Status {
            progress: self.0.stand().map(|stand| progress(&stand, &shares)),
            ..lock(&self.0.engine).status()
        }
    }

    fn room(&self, id: &RoomId) -> Option<RoomDetail> {
        lock(&self.0.engine).detail(id)
    }

    fn gauges(&self) -> Gauges {
        let shares = shares(&lock(&self.0.reader));
        Gauges {
            progress: self.0.stand().map(|stand| progress(&stand, &shares)),
            budget: shares.into_iter().map(budget).collect(),
            ..lock(&self.0.engine).gauges()
        }
    }

    fn reconcile(&self) {
        self.0.reconcile();
    }
}

fn budget(share: Share) -> web::Budget {
    let Share {
        method,
        used,
        limit,
        configured,
    } = share;
    web::Budget {
        method,
        used,
        limit,
        configured,
    }
}

fn progress(stand: &Stand, shares: &[Share]) -> web::Progress {
    let Outlook {
        applying,
        per_second,
        bound,
        left,
        done: _,
        of: _,
    } = outlook(stand, shares);
    web::Progress {
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

impl Engine {
    /// What is wrong with the files, a line each.
    fn file_troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if let Some(first) = self.problems.first() {
            let place = first.location.as_ref().map(|location| format!("{location}: "));
            let place = place.unwrap_or_default();
            let help = first.help.as_ref().map(|help| format!("; {help}"));
            let help = help.unwrap_or_default();
            let count = counted(self.problems.len(), "problem");
            let force = if self.set.is_some() {
                "the last good ones stay in force"
            } else {
                "nothing is done until they are"
            };
            troubles.push(format!(
                "the room files are not valid, and {force}: {count}, first: {place}{}{help}",
                first.message
            ));
        } else if self.set.is_none() {
            troubles.push("the room files have not been read yet".to_owned());
        }
        troubles
    }

    fn attention(&self) -> Vec<String> {
        let mut all = self.file_troubles();
        all.extend(self.quota_in_words());
        all.extend(self.clock_in_words());
        all.extend(
            self.trouble
                .as_ref()
                .map(|trouble| format!("nothing can be done in any room: {}", trouble.message)),
        );
        let standing = |state| self.rooms.values().filter(|room| room.state == state).count();
        for (state, what) in [
            (State::Failed, "failed and will be tried again"),
            (State::Blocked, "blocked by a guard"),
        ] {
            let count = standing(state);
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
        let over_budget = self.over_budget();
        if over_budget > 0 {
            all.push(format!(
                "{} kept by the removal budget",
                counted_people(over_budget)
            ));
        }
        all.extend(self.restless());
        let aside = self.ledger.aside.shown(self.clock.moment()).len();
        if aside > 0 {
            all.push(format!(
                "{} set aside, because the service does not take them",
                counted_people(aside)
            ));
        }
        all
    }

    /// People who stay until the room files have settled.
    fn pending(&self) -> Option<web::Pending> {
        let since = self.settling.since()?;
        let waiting = self.rooms.values().filter_map(|room| {
            let pending = &room.plan.as_ref()?.pending;
            (!pending.is_empty()).then_some((pending.remove.len(), pending.demote.len()))
        });
        let none = (0, 0, 0);
        let (removals, demotions, rooms) =
            waiting.fold(none, |(a, b, rooms), (c, d)| (a + c, b + d, rooms + 1));
        let until = self.settles_at();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        let Stillness {
            being_written,
            changed,
            ..
        } = &self.stillness;
        let file = being_written.as_ref().or(changed.as_ref());
        let now = self.clock.now();
        let age = SignedDuration::try_from(since.elapsed()).unwrap_or_default();
        Some(web::Pending {
            removals,
            demotions,
            rooms,
            since: now.checked_sub(age).unwrap_or(now),
            until: until.and_then(|until| self.time_of(until)),
            seconds_left: left.map(|left| (left * 10.0).ceil() / 10.0),
            file: file.map(|file| file.display().to_string()),
        })
    }

    /// How many names are held.
    fn held(&self) -> usize {
        let rosters = self.rooms.keys().filter_map(|id| self.rosters.of(id));
        rosters
            .flat_map(|roster| [&roster.removals, &roster.demotions])
            .flatten()
            .map(|hold| hold.users.len())
            .sum()
    }

    fn holds(&self) -> Vec<web::Hold> {
        self.rooms.keys().flat_map(|id| self.holds_of(id)).collect()
    }

    fn holds_of(&self, id: &RoomId) -> Vec<web::Hold> {
        let Some(roster) = self.rosters.of(id) else {
            return Vec::new();
        };
        let shown = |guard, hold: &Hold| web::Hold {
            room: id.clone(),
            guard,
            limit: hold.limit.to_string(),
            dropped: usize::try_from(hold.dropped).unwrap_or(usize::MAX),
            of: usize::try_from(hold.of).unwrap_or(usize::MAX),
            users: hold.users.iter().take(NAMES_SHOWN).cloned().collect(),
            held: hold.users.len(),
            since: hold.since,
        };
        [
            (Guard::MaxRemovals, &roster.removals),
            (Guard::MaxDemotions, &roster.demotions),
        ]
        .into_iter()
        .filter_map(|(guard, hold)| Some(shown(guard, hold.as_ref()?)))
        .collect()
    }

    fn status(&self) -> Status {
        let at = self.clock.moment();
        let now = at.wall;
        let set = self.set.as_ref();
        let mut passes = self.passes.clone();
        passes.next = self.time_of(self.full_due);
        Status {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
            now,
            attention: self.attention(),
            withheld: self.withheld(),
            files: Files {
                valid: self.problems.is_empty() && set.is_some(),
                files: set.map_or(0, |set| set.source.files),
                rooms: self.rooms.len(),
                digest: set.map(|set| set.source.digest.clone()),
                revision: set.and_then(|set| set.source.revision.clone()),
                taken: set.map(|set| set.taken),
                problems: self.problems.clone(),
            },
            service: Service {
                app: self.settings.service.app.to_string(),
                url: self.settings.service.url.to_string(),
                trouble: self.trouble.clone(),
            },
            passes,
            progress: None,
            rooms: self.rooms.values().map(|room| self.line(room)).collect(),
            aside: self.ledger.aside.shown(at),
            coming_and_going: self.coming_and_going.shown(at),
            holds: self.holds(),
            pending: self.pending(),
            changes: self.changes.iter().cloned().collect(),
        }
    }

    /// The time of day at an instant to come.
    fn time_of(&self, due: Instant) -> Option<Timestamp> {
        let wait = SignedDuration::try_from(due.saturating_duration_since(Instant::now())).ok()?;
        self.clock.now().checked_add(wait).ok()
    }

    fn line(&self, room: &Room) -> RoomLine {
        let plan = room.plan.as_ref();
        let next_try = room.due.filter(|_| room.comes_back());
        RoomLine {
            id: room.desired.id.clone(),
            name: room.desired.name.clone(),
            state: room.state,
            since: room.since,
            looked: room.looked,
            add: plan.map_or(0, |plan| plan.add.len()),
            remove: plan.map_or(0, |plan| plan.remove.len()),
            promote: plan.map_or(0, |plan| plan.promote.len()),
            demote: plan.map_or(0, |plan| plan.demote.len()),
            pending: plan.map_or(0, |plan| plan.pending.people().len()),
            blocked: plan.map(|plan| plan.blocked.clone()).unwrap_or_default(),
            notes: plan.map_or(0, |plan| plan.notes.len()),
            error: room.error.clone(),
            next_try: next_try.and_then(|due| self.time_of(due)),
        }
    }

    fn detail(&self, id: &RoomId) -> Option<RoomDetail> {
        let room = self.rooms.get(id)?;
        let plan = room.plan.as_ref();
        Some(RoomDetail {
            line: self.line(room),
            mode: room.desired.mode.as_str(),
            live: plan.and_then(|plan| plan.live.clone()),
            diff: plan.map(people_diff).unwrap_or_default(),
            remarks: plan.map(|plan| plan.notes.clone()).unwrap_or_default(),
            holds: self.holds_of(id),
            changes: self
                .changes
                .iter()
                .filter(|change| change.room == *id)
                .cloned()
                .collect(),
        })
    }

    fn gauges(&self) -> Gauges {
        let at = self.clock.moment();
        let now = at.wall;
        let mut rooms: BTreeMap<State, usize> = BTreeMap::new();
        for room in self.rooms.values() {
            *rooms.entry(room.state).or_default() += 1;
        }
        let age = |then: Timestamp| now.duration_since(then).as_secs_f64();
        let aside = self.ledger.aside.shown(at);
        let people: BTreeSet<_> = aside.iter().map(|aside| &aside.user).collect();
        Gauges {
            rooms: rooms.into_iter().collect(),
            aside: people.len(),
            coming_and_going: self.coming_and_going.shown(at).len(),
            held: self.held(),
            pending: self
                .pending()
                .map_or(0, |pending| pending.removals + pending.demotions),
            files_valid: self.problems.is_empty() && self.set.is_some(),
            files_age: self.set.as_ref().map(|set| age(set.taken)),
            last_good_age: self.passes.last_good.map(age),
            withheld: self.withheld().is_some(),
            quota_used_up: self.used_up.is_some(),
            progress: None,
            budget: Vec::new(),
        }
    }

    /// The daemon in a line, for the service manager.
    pub(super) fn in_a_line(&self) -> String {
        let attention = self.attention();
        let rooms = counted(self.rooms.len(), "room");
        let state = match (&self.withheld(), attention.as_slice()) {
            (Some(Withheld { code, .. }), _) => format!("nothing is written ({code})"),
            (None, []) => "all is well".to_owned(),
            (None, [one]) => one.clone(),
            (None, [one, rest @ ..]) => format!("{one}, and {} more", rest.len()),
        };
        // A newline would end the message to the service manager.
        format!("{rooms}: {state}").replace('\n', " ")
    }
}
