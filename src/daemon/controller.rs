//! The daemon's whole state: accepts files, looks and reports, and decides what is to be done. It never waits and never
//! calls: that is for `passes`.

use super::call_metrics::CallMetrics;
use super::departed::Departed;
use super::events::Events;
use super::files_in_force::FilesInForce;
use super::learned_limits::{LearnedLimits, ServiceLink};
use super::log_dedup::LogDedup;
use super::pass_history::{self, PassHistory, PassLook};
use super::presence::Presence;
use super::room_news::RoomNews;
use super::room_status;
use super::room_table::{Room, RoomTable};
use super::safeguards::Safeguards;
use super::service_health::ServiceHealth;
use super::settings_watch::SettingsWatch;
use super::state_dir::{Pause, PauseChange, Persister, Restored};
use super::token_watch::TokenWatch;
use super::unmanaged::UnmanagedCount;
use super::workqueue::Ticket;
use super::write_gate::{DiskReport, GateTurn, WriteGate};
use crate::apply::Report;
use crate::audit_log::AuditLog;
use crate::chat::{CallError, CallErrorKind};
use crate::desired::{DesiredRoom, Loaded};
use crate::live::Observed;
use crate::model::{ReasonCode, RoomId, UserId, log_code};
use crate::plan::{Constraints, FleetGuard};
use crate::reconcile::{Looked, Planned};
use crate::settings::Settings;
use crate::status::PassOutcome;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// The daemon's whole state.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) settings: Settings,
    pub(super) settings_watch: SettingsWatch,
    pub(super) started: Timestamp,
    pub(super) random: fastrand::Rng,
    pub(super) files: FilesInForce,
    pub(super) rooms: RoomTable,
    pub(super) safeguards: Safeguards,
    pub(super) gate: WriteGate,
    pub(super) health: ServiceHealth,
    pub(super) history: PassHistory,
    pub(super) departed: Departed,
    pub(super) log: LogDedup,
    pub(super) learned: Option<LearnedLimits>,
    pub(super) token: TokenWatch,
    pub(super) persister: Persister,
    /// Dry runs have none, and settings need not name one.
    pub(super) audit: AuditLog,
    pub(super) events: Events,
    pub(super) presence: Presence,
    pub(super) unmanaged: UnmanagedCount,
}

impl Controller {
    /// Goes on from what an earlier process kept.
    pub(super) fn new(
        settings: Settings,
        metrics: &CallMetrics,
        seed: u64,
        mut restored: Restored,
        (persister, audit, settings_watch): (Persister, AuditLog, SettingsWatch),
        dry_run: bool,
    ) -> Self {
        let (learned, settled) = (restored.state.learned_limits.clone(), restored.settled.clone());
        let clock = metrics.clock.clone();
        let presence = Presence::new(std::mem::take(&mut restored.seen));
        Self {
            presence,
            unmanaged: UnmanagedCount::new(),
            started: clock.now(),
            random: fastrand::Rng::with_seed(seed),
            files: FilesInForce::new(settled, Instant::now()),
            rooms: RoomTable::default(),
            safeguards: Safeguards::new(clock.clone(), Arc::clone(&metrics.service_time), restored),
            gate: WriteGate::new(
                dry_run,
                settings.sync.paused,
                persister.pause_file(),
                persister.was_paused(),
                clock.now(),
            ),
            health: ServiceHealth::default(),
            history: PassHistory::new(),
            departed: Departed::default(),
            log: LogDedup::default(),
            learned,
            token: TokenWatch::default(),
            persister,
            audit,
            events: Events::new(metrics, settings.webhook.clone()),
            settings,
            settings_watch,
        }
    }

    /// Takes a valid set of files: holds what it drops, and has the rooms reconciled whose entries changed. `written`: time since which
    /// the files are as they are.
    pub(super) fn take(&mut self, loaded: Loaded, written: Instant) {
        let now = self.now();
        let edited = self.files.edited(&loaded.desired.source, written);
        let (desired, provenance, people) = (loaded.desired, loaded.provenance, loaded.people);
        // Whoever has gone by then is not dropped by this set.
        self.end_places();
        let entries = desired
            .rooms
            .into_iter()
            .map(|room| self.safeguards.ends().entry(room));
        let rooms: BTreeMap<RoomId, Arc<DesiredRoom>> =
            entries.map(|room| (room.id.clone(), Arc::new(room))).collect();
        let before = self.rooms.iter().map(Room::desired);
        let kept = |room: &DesiredRoom| self.safeguards.kept_in(room);
        self.files
            .begin_to_settle(&desired.source.digest, &rooms, before, kept);
        let holds = self.safeguards.take(&rooms, |room| self.rooms.has(room));
        self.departed.forget(now);
        for room in self.rooms.remove_others(&rooms) {
            let id = &room.id;
            self.departed.left(&room, now);
            self.log.forget_room(id);
            tracing::warn!(code = log_code::NOT_MANAGED, room = %id, "no longer managed: the room has left the files, and is left as it is");
        }
        for (id, desired) in rooms {
            self.departed.back(&id);
            let room = self.rooms.put(desired, holds.rooms.contains(&id), now);
            if let Some((room, at)) = room.zip(edited) {
                room.lag_mut().edited(at);
            }
        }
        self.save_invitations();
        self.see_ends();
        let exclusions = self.safeguards.exclusions_mut();
        let named = provenance.naming(&exclusions.freed_by_files());
        let let_go = exclusions.let_go(&named);
        let differs = self.files.take(desired.source, (provenance, people), now);
        // Nothing is written by the new set before its holds are on the disk.
        if differs || holds.differs || let_go {
            self.save_all();
        }
        if let_go || self.health.trouble().is_some() {
            self.resync_soon();
        }
    }

    /// Has all rooms looked at as soon as possible.
    pub(super) fn resync_soon(&mut self) {
        self.history.resync_at(Instant::now());
    }

    /// Begins a look at all rooms. Gives those whose turn it is: all but those that failed and come back on their own.
    pub(super) fn begin_resync(&mut self) -> Vec<Ticket> {
        // Whatever becomes of this one: it must not begin again at once.
        let spread = 0.9 + 0.2 * self.random.f64();
        self.history
            .resync_at(Instant::now() + self.settings.sync.interval.mul_f64(spread));
        self.safeguards.begin_look();
        self.history.begin(self.now());
        // While the service is away no room comes back on its own.
        self.rooms.take_all(self.health.trouble().is_some())
    }

    /// True if a look at all rooms is to begin now.
    pub(super) fn resync_is_due(&self) -> bool {
        self.resync_due().is_some_and(|due| due <= Instant::now())
    }

    /// Without files there is nothing to look at, and one look at all rooms at a time is enough.
    fn resync_due(&self) -> Option<Instant> {
        let may_begin = self.files.set().is_some() && !self.history.is_running();
        may_begin.then(|| self.history.resync_due())
    }

    /// Takes the rooms that are due on their own.
    pub(super) fn take_due(&mut self) -> Vec<Ticket> {
        if !self.works_alone() {
            return Vec::new();
        }
        if self.gate.waits_for_quota() {
            self.gate
                .quota_mut()
                .choose_probe(&mut self.rooms, &mut self.random);
        }
        self.rooms.take_due(Instant::now())
    }

    /// Before all rooms were looked at there is no budget to go on from; while the service is away, the next look at all rooms
    /// takes along those that are due.
    pub(super) fn works_alone(&self) -> bool {
        self.safeguards.fleet().has_seen_all() && self.health.trouble().is_none()
    }

    /// Time at which something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let works_alone = self.works_alone();
        let alone = [
            self.rooms.next_due(),
            self.events.looks.next_due(),
            self.gate.quota().probe_due(&self.rooms),
            self.unmanaged_due(),
        ];
        let alone = alone.into_iter().filter(|_| works_alone);
        let settles = self.files.next_due(self.settings.sync.settle_removals);
        alone
            .chain([self.resync_due(), settles, self.end_due()])
            .flatten()
            .min()
    }

    /// The fleet's guard for a pass over all rooms.
    pub(super) fn guard_of_all(&self, looked: &Looked) -> FleetGuard {
        let budget = (self.settings.max_removals_total, self.settings.sync.interval);
        self.safeguards.guard_of_all(budget, looked, &self.rooms)
    }

    /// The fleet's guard for a pass over some rooms.
    pub(super) fn guard_of_some(&mut self, looked: &Looked) -> FleetGuard {
        let limit = self.settings.max_removals_total;
        self.safeguards.guard_of_some(limit, looked, &mut self.rooms)
    }

    /// All rooms were looked at, with so many members: the fleet's budget begins anew.
    pub(super) fn begin_budget(&mut self, members: u64) {
        self.rooms.count_all();
        self.safeguards.begin_budget(members, self.settings.sync.interval);
        self.save_state();
    }

    /// These removals are begun.
    pub(super) fn spend(&mut self, removals: BTreeSet<(RoomId, UserId)>) {
        if !removals.is_empty() {
            self.safeguards.spend(removals);
            self.save_state();
        }
    }

    /// Constraints on a room for now. Also records what the look shows of its people.
    pub(super) fn constraints(&mut self, ticket: &Ticket, observed: &Observed) -> Constraints {
        self.check_clock();
        let (desired, live) = (&ticket.desired, observed.room());
        if self.safeguards.see(desired, observed) {
            self.save_all();
        }
        // A read that contradicts itself proves of nobody that they have left.
        if observed.complete().is_some() {
            self.see_contests(ticket, live);
            self.see_people(ticket, live);
        }
        let current = self.rooms.current(ticket);
        let is_current = current.is_some();
        let allow_list = current.and_then(|room| room.allow_list_trouble().cloned());
        let constraints = Constraints {
            unsettled: self.unsettled(&desired.id, observed),
            allow_list,
            ..self.safeguards.constraints(desired, observed, is_current)
        };
        self.save_invitations();
        constraints
    }

    /// Checks the clock, and releases people for whom the removal budgets have room by now.
    pub(super) fn tick(&mut self) {
        self.check_clock();
        self.forget_approvals();
        self.forget_seen();
        self.record_seen();
        let advanced = self.safeguards.advance_budgets(&self.rooms);
        for id in &advanced {
            tracing::info!(code = log_code::BUDGET_ROOM, room = %id, "the removal budget has room again");
            self.rooms.schedule(id, Instant::now());
        }
        if !advanced.is_empty() {
            self.save_state();
        }
    }

    pub(super) fn check_clock(&mut self) {
        if self.safeguards.check_clock() {
            self.save_state();
        }
        self.end_places();
    }

    /// Takes in the state of the disk. If nothing may be written any more, work under way ends; once it may be again, all rooms
    /// are looked at.
    pub(super) fn see_disk(&mut self, disk: DiskReport) {
        let pause = disk.paused.as_ref().ok().and_then(Option::as_ref);
        // Neither a clock that jumps ahead ends a pause, nor one that is in doubt.
        let moment = self.safeguards.clock().moment();
        let is_over = |pause: &Pause| pause.is_over(moment.wall) && pause.is_over(moment.steady);
        let clock_is_right = self.safeguards.clock_trouble().is_none();
        let over = pause.filter(|pause| clock_is_right && is_over(pause)).cloned();
        if let Some(end) = over.as_ref().and_then(|pause| pause.until) {
            self.persister.change_pause(PauseChange::Over(end));
        }
        self.gate.see_disk(disk, over.is_some(), moment.wall);
        self.turn_gate();
    }

    pub(super) fn turn_gate(&mut self) {
        match self.gate.turn() {
            GateTurn::None => {}
            GateTurn::Closed => self.rooms.interrupt_all(),
            GateTurn::Opened => self.resync_soon(),
        }
    }

    /// Has the secret files checked now and then.
    pub(super) fn look_at_settings(&mut self) {
        let now = self.now();
        self.settings_watch.look(&self.settings, now);
    }

    /// Takes other settings. If something was wrong, whoever changed them may have put it right.
    pub(super) fn change_settings(&mut self, settings: Settings) {
        if !settings.report_unmanaged || settings.service.app != self.settings.service.app {
            self.unmanaged.forget();
        }
        self.gate.pause_by_settings(settings.sync.paused, self.now());
        self.gate.quota_mut().probe_now();
        self.health.forget_quota();
        self.history
            .resync_before(Instant::now() + settings.sync.interval);
        self.settings = settings;
        self.turn_gate();
        if self.health.trouble().is_some() {
            self.resync_soon();
        }
    }

    /// Keeps the limits learned on the way to the service, and forgets those of another way.
    pub(super) fn learn(&mut self, link: &ServiceLink) {
        if let Some(learned) = link.learned(&self.settings)
            && learned != self.learned
        {
            self.learned = learned;
            self.save_state();
        }
    }

    /// Reports the condition of the room of this ticket, if it is news.
    pub(super) fn report_room(&mut self, ticket: &Ticket, news: &mut RoomNews) {
        if let Some(room) = self.rooms.current(ticket) {
            room_status::report(room, &mut self.log, news);
        }
    }

    /// Ends a pass over all rooms.
    pub(super) fn end_resync(&mut self, planned: &Planned, report: Option<&Report>) -> PassOutcome {
        let outcome = self.outcome(planned, report);
        let look = PassLook::of(planned, &self.rooms);
        self.history.end(outcome, look, self.now());
        let is_idle = planned.plan.rooms.iter().all(|room| room.steps().is_empty());
        if is_idle && outcome == PassOutcome::Good {
            self.history.report_idle(planned.plan.rooms.len());
        }
        outcome
    }

    /// Outcome of a pass. The service is well after any that came through.
    pub(super) fn outcome(&mut self, planned: &Planned, report: Option<&Report>) -> PassOutcome {
        let suspended = self.gate.suspended().map(|why| why.code);
        let outcome = pass_history::outcome(planned, report, &self.rooms, suspended);
        if outcome != PassOutcome::Failed && !planned.plan.rooms.is_empty() {
            self.health.up();
        }
        outcome
    }

    /// Records that the service keeps every call from succeeding.
    pub(super) fn service_down(&mut self, code: ReasonCode, message: &str) {
        let now = self.now();
        let wait = self.health.down(code, message, now, &mut self.random);
        self.history.resync_at(Instant::now() + wait);
    }

    /// Records the error that ended a look before every room was seen.
    pub(super) fn look_stopped(&mut self, error: &CallError) {
        if error.kind == CallErrorKind::Interrupted {
            // There is another connection by now.
            self.resync_soon();
        } else {
            self.service_down(error.kind.code(), &error.kind.to_string());
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.safeguards.clock().now()
    }
}
