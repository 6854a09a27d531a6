//! What the daemon knows, and what it makes of what it learns. No waiting and no calls: those are the passes'.

use super::audit::Audit;
use super::clock::Clock;
use super::coming_and_going::ComingAndGoing;
use super::files::Stillness;
use super::holds::Rosters;
use super::log_dedup::LogDedup;
use super::quota::{self, UsedUp};
use super::room::{Room, Turn, backoff};
use super::service_time::ServiceTime;
use super::settling::Settling;
use super::shared::Counting;
use super::state_dir::{PersistedState, StateDir};
use crate::apply::Stop;
use crate::chat::{CallError, CallErrorKind};
use crate::desired::{Loaded, Provenance, Source};
use crate::diagnostics::Diagnostic;
use crate::model::{Guard, ReasonCode, RoomId, UserId};
use crate::settings::Settings;
use crate::web::{Change, Passes, Trouble, Withheld};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

/// The files in force.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) source: Source,
    pub(super) provenance: Provenance,
    pub(super) taken: Timestamp,
}

/// What the daemon knows.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) random: fastrand::Rng,
    pub(super) started: Timestamp,
    pub(super) set: Option<Arc<Set>>,
    /// What is wrong with what is on the disk now.
    pub(super) problems: Vec<Diagnostic>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    /// How many entries rooms have had in all, so that none is taken for another of the same room.
    generations: u64,
    /// What ends the work under way in rooms that have left the files.
    pub(super) leaving: BTreeMap<RoomId, Stop>,
    pub(super) store: StateDir,
    pub(super) rosters: Rosters,
    pub(super) settling: Settling,
    /// Stillness of the files, as last reported.
    pub(super) stillness: Stillness,
    /// Settling time for which the files are already being read once more.
    pub(super) asked_to_read: Option<Instant>,
    /// Number of sets taken so far.
    pub(super) sets: u64,
    /// The digest of the set before this process, if it had settled.
    pub(super) settled_before: Option<String>,
    pub(super) ledger: PersistedState,
    /// Why the state could not be saved, if so; nothing is written to the service until it can be.
    pub(super) unsaved: Option<String>,
    /// Why `state_dir` cannot be asked whether the daemon is paused, if so.
    pub(super) out_of_reach: Option<String>,
    pub(super) service_time: Arc<ServiceTime>,
    /// Lead of the wall clock over the service's, if it is too large.
    pub(super) clock_ahead: Option<SignedDuration>,
    /// The pricing plan's quota, once a write has met its end.
    pub(super) used_up: Option<UsedUp>,
    /// How often in a row reads have met its end.
    pub(super) quota_reads: u32,
    pub(super) coming_and_going: ComingAndGoing,
    pub(super) audit: Audit,
    pub(super) dry_run: bool,
    pub(super) paused: bool,
    pub(super) changes: VecDeque<Change>,
    pub(super) trouble: Option<Trouble>,
    pub(super) passes: Passes,
    pub(super) log_dedup: LogDedup,
    /// When all rooms are to be looked at next, but not before a look at all of them that goes on has ended.
    pub(super) full_due: Instant,
    /// What was last said of why nothing is written.
    pub(super) said_withheld: Option<Withheld>,
    /// Whether all rooms were looked at once in this process.
    pub(super) seen_all: bool,
    /// Removals begun since the look at all rooms began that is under way.
    pub(super) since_look: BTreeSet<(RoomId, UserId)>,
}

impl Engine {
    pub(super) fn new(
        settings: Settings,
        counting: &Counting,
        seed: u64,
        store: StateDir,
        (rosters, mut ledger, settled_before): (Rosters, PersistedState, Option<String>),
        dry_run: bool,
    ) -> Self {
        let clock = counting.clock.clone();
        clock.go_on_from(ledger.clock.as_ref());
        ledger.void_the_future(clock.steady());
        let (started, now) = (clock.now(), Instant::now());
        Self {
            audit: Audit::new(settings.audit_log.clone()),
            // What cannot be told yet is told before anything is written.
            paused: store.paused().unwrap_or(true),
            out_of_reach: None,
            settings,
            clock,
            random: fastrand::Rng::with_seed(seed),
            started,
            set: None,
            problems: Vec::new(),
            rooms: BTreeMap::new(),
            generations: 0,
            leaving: BTreeMap::new(),
            store,
            rosters,
            settling: Settling::new(now),
            stillness: Stillness::unknown(now),
            asked_to_read: None,
            sets: 0,
            settled_before,
            ledger,
            unsaved: None,
            service_time: Arc::clone(&counting.service_time),
            clock_ahead: None,
            used_up: None,
            quota_reads: 0,
            coming_and_going: ComingAndGoing::default(),
            dry_run,
            changes: VecDeque::new(),
            trouble: None,
            passes: Passes::default(),
            log_dedup: LogDedup::default(),
            full_due: Instant::now(),
            said_withheld: None,
            seen_all: false,
            since_look: BTreeSet::new(),
        }
    }

    /// Takes a valid set of files: holds what it drops, and has the rooms reconciled whose entries changed.
    pub(super) fn take(&mut self, loaded: Loaded) {
        let Loaded {
            desired, provenance, ..
        } = loaded;
        let (now, at) = (self.clock.now(), Instant::now());
        self.problems.clear();
        self.sets += 1;
        let rooms: BTreeMap<RoomId, _> = desired
            .rooms
            .into_iter()
            .map(|room| (room.id.clone(), Arc::new(room)))
            .collect();
        self.begin_to_settle(&rooms, &desired.source.digest);
        let spends = self.take_into_budgets(&rooms);
        let (turned, differs) = self.rosters.take(&rooms, now);
        let differs = differs || spends;
        for id in &turned {
            self.tell_hold(id);
        }
        let gone: Vec<RoomId> = self
            .rooms
            .keys()
            .filter(|id| !rooms.contains_key(id))
            .cloned()
            .collect();
        for id in gone {
            if let Some(stop) = self.rooms.remove(&id).and_then(|room| room.applying) {
                stop.interrupt();
                self.leaving.insert(id.clone(), stop);
            }
            self.log_dedup.forget_room(&id);
            tracing::warn!(room = %id, "no longer managed: the room has left the files, and is left as it is");
        }
        for (id, desired) in rooms {
            match self.rooms.get_mut(&id) {
                None => {
                    self.generations += 1;
                    let mut room = Room::new(desired, self.generations, now);
                    room.due = Some(at);
                    // It is not changed again before what was under way when it left has ended.
                    room.applying = self.leaving.remove(&id);
                    self.rooms.insert(id, room);
                }
                Some(room) if *room.desired != *desired || turned.contains(&id) => {
                    self.generations += 1;
                    room.take(desired, self.generations, at);
                }
                Some(_) => {}
            }
        }
        let named = provenance.naming(&self.ledger.aside.users());
        let let_go = self.ledger.aside.let_go(&named);
        if let_go {
            self.all_soon();
        }
        let set_before = self.set.replace(Arc::new(Set {
            source: desired.source,
            provenance,
            taken: now,
        }));
        let digest = |set: &Option<Arc<Set>>| set.as_ref().map(|set| set.source.digest.clone());
        let differs = differs || digest(&set_before) != digest(&self.set);
        // Before anything is done by the new set: a restart in between must find its holds.
        if differs || let_go {
            self.save_all();
        }
        if self.trouble.is_some() {
            self.all_soon();
        }
    }

    /// Whether a look at all rooms goes on.
    pub(super) fn full_runs(&self) -> bool {
        self.passes.running_since.is_some()
    }

    /// Has all rooms looked at as soon as may be.
    pub(super) fn all_soon(&mut self) {
        self.full_due = Instant::now();
    }

    /// Takes down that what is on the disk cannot be used.
    pub(super) fn refuse(&mut self, problems: Vec<Diagnostic>) {
        self.problems = problems;
    }

    fn tell_hold(&self, id: &RoomId) {
        let Some(roster) = self.rosters.of(id) else { return };
        let mut any = false;
        for (guard, hold) in [
            (Guard::MaxRemovals, &roster.removals),
            (Guard::MaxDemotions, &roster.demotions),
        ] {
            let Some(hold) = hold else { continue };
            any = true;
            let (limit, held) = (hold.limit.to_string(), hold.users.len());
            tracing::warn!(
                room = %id, guard = guard.as_str(), limit, dropped = hold.dropped, of = hold.of, held,
                "held: more names left the files at once than the guard allows; put them back, or allow it in the room's own `guards`"
            );
        }
        if !any {
            tracing::info!(room = %id, "nothing is held any more");
        }
    }

    /// A look ended before every room was seen.
    pub(super) fn stopped_by(&mut self, error: &CallError) {
        if error.kind == CallErrorKind::Interrupted {
            // There is another client by now.
            return self.all_soon();
        }
        self.service_down(error.kind.code(), &error.kind.to_string());
    }

    /// The service keeps every call from succeeding.
    pub(super) fn service_down(&mut self, code: ReasonCode, message: &str) {
        let now = self.clock.now();
        let trouble = match self.trouble.take() {
            Some(trouble) if trouble.code == code => Trouble {
                message: message.to_owned(),
                times: trouble.times + 1,
                ..trouble
            },
            other => {
                tracing::error!(code = code.as_str(), "nothing can be done in any room: {message}");
                Trouble {
                    code,
                    message: message.to_owned(),
                    since: other.as_ref().map_or(now, |other| other.since),
                    times: other.map_or(0, |other| other.times) + 1,
                    next_try: None,
                }
            }
        };
        let times = u32::try_from(trouble.times).unwrap_or(u32::MAX);
        self.quota_reads = if code == ReasonCode::Quota {
            self.quota_reads + 1
        } else {
            0
        };
        let wait = if code == ReasonCode::Quota {
            quota::wait(self.quota_reads)
        } else {
            backoff(times, &mut self.random)
        };
        self.full_due = Instant::now() + wait;
        let next_try = SignedDuration::try_from(wait)
            .ok()
            .and_then(|wait| now.checked_add(wait).ok());
        self.trouble = Some(Trouble { next_try, ..trouble });
    }

    /// A pass came through.
    pub(super) fn service_up(&mut self) {
        self.quota_reads = 0;
        if let Some(Trouble { since, times, .. }) = self.trouble.take() {
            tracing::info!(%since, times, "the service does what it is asked again");
        }
    }

    /// The room of this turn, unless the files have another entry for it by now.
    pub(super) fn current(&mut self, turn: &Turn) -> Option<&mut Room> {
        let room = self.rooms.get_mut(&turn.desired.id)?;
        (room.generation == turn.generation).then_some(room)
    }
}
