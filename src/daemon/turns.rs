//! Whose turn it is: which rooms a pass takes, what it may spend, and when the next one is due.

use super::engine::Engine;
use super::pass::{self, Look, Looked, Planned};
use super::room::Turn;
use super::store::Budget;
use crate::apply::{Outcome, Report, RoomReport, Stop, Tally};
use crate::model::{Mode, RoomId, UserId};
use crate::plan::{FleetGuard, RoomPlan};
use crate::web::{PassOutcome, State};
use std::collections::HashSet;
use tokio::time::Instant;

impl Engine {
    /// Begins a pass over all rooms, but for those that failed and come back on their own.
    pub(super) fn begin_full(&mut self) -> Vec<Turn> {
        let now = self.clock.now();
        self.since_look = 0;
        self.again = false;
        self.coming_and_going.forget(now);
        self.passes.running_since = Some(now);
        self.rooms
            .values_mut()
            .filter(|room| !room.comes_back() && !room.looking && room.applying.is_none())
            .map(|room| {
                room.due = None;
                room.turn()
            })
            .collect()
    }

    /// Takes the rooms that are due on their own.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Turn> {
        // Before all rooms were looked at there is no budget to go on from; while the service is away, the next look at all
        // rooms takes these with it.
        if !self.seen_all || self.trouble.is_some() {
            return Vec::new();
        }
        self.rooms
            .values_mut()
            .filter(|room| room.due.is_some_and(|due| due <= now))
            .filter(|room| !room.looking && room.applying.is_none())
            .map(|room| {
                room.due = None;
                room.looking = true;
                room.turn()
            })
            .collect()
    }

    /// Drops the looks at rooms that have another entry by now, that were looked at later, or that somebody changes.
    pub(super) fn still_due(&mut self, looked: Looked, turns: &[Turn], begun: Instant) -> Looked {
        let Looked { rooms, stopped } = looked;
        let (now, at) = (self.clock.now(), Instant::now());
        let mut keep = |look: &Look, turn: &Turn| {
            let Some(room) = self.current(turn) else {
                return false;
            };
            if room.applying.is_some() || room.tried.is_some_and(|tried| tried > begun) {
                return false;
            }
            if stopped.is_some() && look.read_at.is_none() {
                return false;
            }
            room.tried = Some(at);
            room.looked = Some(now);
            true
        };
        let rooms = rooms
            .into_iter()
            .zip(turns)
            .filter_map(|(look, turn)| keep(&look, turn).then_some(look))
            .collect();
        Looked { rooms, stopped }
    }

    /// Marks a room as being changed; `None`: it is no longer to be, by this plan.
    pub(super) fn claim(&mut self, turn: &Turn) -> Option<Stop> {
        self.check();
        if self.withheld().is_some() {
            return None;
        }
        let room = self.current(turn)?;
        if room.applying.is_some() {
            room.due = Some(Instant::now());
            return None;
        }
        let stop = Stop::default();
        room.applying = Some(stop.clone());
        Some(stop)
    }

    /// Has a room reconciled later that this pass does not come to.
    pub(super) fn put_off(&mut self, turn: &Turn) {
        if let Some(room) = self.current(turn) {
            room.due = Some(Instant::now());
        }
    }

    /// Somebody came in, and perhaps back.
    pub(super) fn came_in(&mut self, id: &RoomId, user: &UserId) {
        let now = self.clock.now();
        let Some(room) = self.rooms.get_mut(id) else {
            return;
        };
        if room.is_in(user) && self.coming_and_going.put_back(id, user, now) {
            tracing::info!(room = %id, %user, "comes and goes: left alone for the rest of the hour");
        }
    }

    /// Says what is planned for a room, unless it is what was planned and failed the last time. `true`: it was said.
    pub(super) fn log_plan(&mut self, plan: &RoomPlan) -> bool {
        let subject = format!("plan {}", plan.id);
        let is_news = !plan.steps.is_empty() && self.quiet.is_news(&subject, &format!("{:?}", plan.steps));
        if is_news {
            pass::log_room(plan);
        }
        is_news
    }

    /// Says what came of a plan, unless it is what came of the last one.
    pub(super) fn log_report(&mut self, report: &Report, plan: &str) {
        let Tally {
            converged,
            partial,
            failed,
            blocked,
            calls,
            ..
        } = report.tally();
        let in_order = partial + failed == 0 && report.stopped.is_none();
        let text = format!("{converged} {partial} {failed} {blocked} {calls}");
        if in_order {
            self.quiet.forget("report");
        }
        if in_order || self.quiet.is_news("report", &text) {
            tracing::info!(plan, converged, partial, failed, blocked, calls, "applied");
        }
    }

    /// Ends a pass over all rooms, and says when the next one is due.
    pub(super) fn end_full(
        &mut self,
        begun: Instant,
        planned: &Planned,
        report: Option<&Report>,
    ) -> PassOutcome {
        let now = self.clock.now();
        let outcome = self.outcome(planned, report);
        self.passes.last_begun = self.passes.running_since.take();
        self.passes.last_ended = Some(now);
        if outcome == PassOutcome::Good {
            self.passes.last_good = Some(now);
        }
        // In trouble a next try is arranged already.
        if self.trouble.is_none() && !self.again {
            let spread = 0.9 + 0.2 * self.random.f64();
            let next = begun + self.settings.sync.interval.mul_f64(spread);
            self.full_due = next.max(Instant::now());
        }
        outcome
    }

    pub(super) fn outcome(&mut self, planned: &Planned, report: Option<&Report>) -> PassOutcome {
        if planned.stopped.is_some() || report.is_some_and(|report| report.stopped.is_some()) {
            return PassOutcome::Failed;
        }
        self.service_up();
        let of_plan = planned.plan.rooms.iter().any(RoomPlan::falls_short);
        let one_failed = self.rooms.values().any(|room| room.state == State::Failed);
        let failed = |room: &RoomReport| matches!(room.status, Outcome::Partial | Outcome::Failed);
        let kept_back =
            self.withheld().is_some() && planned.plan.rooms.iter().any(|room| !room.steps.is_empty());
        if of_plan || one_failed || kept_back || report.is_some_and(|report| report.rooms.iter().any(failed))
        {
            PassOutcome::Partly
        } else {
            PassOutcome::Good
        }
    }

    /// The fleet's guard for a pass over all rooms, which begins a new budget.
    pub(super) fn guard_of_all(&self, looked: &Looked) -> FleetGuard {
        let now = self.clock.now();
        let interval = jiff::SignedDuration::try_from(self.settings.sync.interval).unwrap_or_default();
        // A process that starts again and again must not have a new budget each time.
        let carried = self
            .ledger
            .budget
            .filter(|budget| !self.seen_all && now.duration_since(budget.looked) < interval)
            .map_or(0, |budget| budget.spent);
        FleetGuard {
            spent: carried + self.since_look,
            elsewhere: self.members_elsewhere(looked),
            ..FleetGuard::of_all_rooms(self.settings.max_removals_total)
        }
    }

    /// The members of the managed rooms that a look at all of them has not seen, as they were seen last.
    fn members_elsewhere(&self, looked: &Looked) -> u64 {
        let seen: HashSet<&RoomId> = looked
            .rooms
            .iter()
            .filter(|look| look.draft.is_ok())
            .map(|look| &look.id)
            .collect();
        self.rooms
            .values()
            .filter(|room| room.desired.mode != Mode::Observe && !seen.contains(&room.desired.id))
            .filter_map(|room| room.plan.as_ref()?.live.as_ref())
            .map(|live| live.members)
            .sum()
    }

    /// The fleet's guard for a pass over some rooms, which goes on from the last look at all of them.
    pub(super) fn guard_of_some(&self) -> FleetGuard {
        let budget = self.ledger.budget;
        FleetGuard {
            limit: self.settings.max_removals_total,
            spent: budget.map_or(0, |budget| budget.spent),
            members: Some(budget.map_or(0, |budget| budget.members)),
            elsewhere: 0,
        }
    }

    /// All rooms were looked at: the budget begins anew.
    pub(super) fn begin_budget(&mut self, guard: FleetGuard, members: u64) {
        let FleetGuard { spent, elsewhere, .. } = guard;
        self.ledger.budget = Some(Budget {
            members: members + elsewhere,
            spent,
            looked: self.clock.now(),
        });
        self.seen_all = true;
        self.save_ledger();
    }

    /// So many removals are begun.
    pub(super) fn spend(&mut self, removals: usize) {
        if removals == 0 {
            return;
        }
        self.since_look += removals;
        if let Some(budget) = &mut self.ledger.budget {
            budget.spent += removals;
        }
        self.save_ledger();
    }

    /// Whether all rooms are to be looked at now.
    pub(super) fn full_is_due(&self, now: Instant) -> bool {
        self.full_may_begin() && self.full_due <= now
    }

    /// Without files there is nothing to look at, and one look at all rooms at a time is enough.
    fn full_may_begin(&self) -> bool {
        self.set.is_some() && !self.full_runs()
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let full = self.full_may_begin().then_some(self.full_due);
        let alone = self.seen_all && self.trouble.is_none();
        let rooms = self
            .rooms
            .values()
            .filter(|room| alone && !room.looking && room.applying.is_none())
            .filter_map(|room| room.due);
        rooms.chain(full).min()
    }
}
