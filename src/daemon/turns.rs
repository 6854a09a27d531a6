//! Whose turn it is: which rooms a pass takes, what it may spend, and when the next one is due.

use super::engine::Engine;
use super::log_dedup::Subject;
use super::pass::{self, Look, Looked, Planned};
use super::room::Turn;
use super::state_dir::FleetBudget;
use crate::apply::{Outcome, Report, RoomReport, Stop, Tally};
use crate::model::{Mode, ReasonCode, RoomId, UserId};
use crate::plan::{Draft, FleetGuard, RoomPlan};
use crate::web::{PassOutcome, State};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio::time::Instant;

impl Engine {
    /// Begins a pass over all rooms, but for those that failed and come back on their own; says when the next one is due.
    pub(super) fn begin_full(&mut self) -> Vec<Turn> {
        let now = self.clock.now();
        // Whatever becomes of this one: it must not begin again at once.
        let spread = 0.9 + 0.2 * self.random.f64();
        self.full_due = Instant::now() + self.settings.sync.interval.mul_f64(spread);
        self.since_look.clear();
        self.coming_and_going.forget(self.clock.steady());
        self.passes.running_since = Some(now);
        // While the service is away no room comes back on its own.
        let away = self.trouble.is_some();
        self.rooms
            .values_mut()
            .filter(|room| (away || !room.comes_back()) && !room.looking && room.applying.is_none())
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
        self.choose_probe(now);
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
        self.see_clock();
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
        if self
            .withheld()
            .is_some_and(|why| why.code != ReasonCode::Quota || !self.is_probe(&turn.desired.id))
        {
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
        let now = self.clock.steady();
        let Some(room) = self.rooms.get_mut(id) else {
            return;
        };
        if room.is_in(user) && self.coming_and_going.put_back(id, user, now) {
            tracing::info!(room = %id, %user, "comes and goes: left alone for the rest of the hour");
        }
    }

    /// Says what is planned for a room, unless it is what was planned and failed the last time. `true`: it was said.
    pub(super) fn log_plan(&mut self, plan: &RoomPlan) -> bool {
        self.log_as(Subject::Plan(plan.id.clone()), "planned", plan)
    }

    /// Says once what would be done in a room if anything were written.
    pub(super) fn log_withheld(&mut self, plan: &RoomPlan) {
        let subject = Subject::Would(plan.id.clone());
        self.log_as(subject, "would be planned, but nothing is written", plan);
    }

    fn log_as(&mut self, subject: Subject, message: &str, plan: &RoomPlan) -> bool {
        let steps: Vec<_> = plan.steps.iter().map(|step| (step.op(), step.users())).collect();
        let is_news = !steps.is_empty() && self.log_dedup.is_news(subject, &steps);
        if is_news {
            pass::log_room(plan, message);
        }
        is_news
    }

    /// Says what came of a plan, unless it is what came of the last one.
    pub(super) fn log_report(&mut self, report: &Report, plan: &str) {
        let Tally {
            converged,
            partial,
            failed,
            not_begun,
            blocked,
            calls,
            ..
        } = report.tally();
        let in_order = partial + failed + not_begun == 0 && report.stopped.is_none();
        if in_order {
            self.log_dedup.forget(&Subject::Report);
        }
        let counts = (converged, partial, failed, not_begun, blocked, calls);
        if in_order || self.log_dedup.is_news(Subject::Report, &counts) {
            tracing::info!(
                plan, converged, partial, failed, not_begun, blocked, calls, "applied"
            );
        }
    }

    /// Ends a pass over all rooms.
    pub(super) fn end_full(&mut self, planned: &Planned, report: Option<&Report>) -> PassOutcome {
        let now = self.clock.now();
        let outcome = self.outcome(planned, report);
        self.passes.last_begun = self.passes.running_since.take();
        self.passes.last_ended = Some(now);
        if outcome == PassOutcome::Good {
            self.passes.last_good = Some(now);
        }
        outcome
    }

    pub(super) fn outcome(&mut self, planned: &Planned, report: Option<&Report>) -> PassOutcome {
        if planned.stopped.is_some() || report.is_some_and(|report| report.stopped.is_some()) {
            return PassOutcome::Failed;
        }
        if !planned.plan.rooms.is_empty() {
            self.service_up();
        }
        let of_plan = planned.plan.rooms.iter().any(RoomPlan::falls_short);
        let one_failed = self.rooms.values().any(|room| room.state == State::Failed);
        let failed = |room: &RoomReport| {
            matches!(
                room.status,
                Outcome::Partial | Outcome::Failed | Outcome::NotBegun
            )
        };
        let kept_back =
            self.withheld().is_some() && planned.plan.rooms.iter().any(|room| !room.steps.is_empty());
        if of_plan || one_failed || kept_back || report.is_some_and(|report| report.rooms.iter().any(failed))
        {
            PassOutcome::Partly
        } else {
            PassOutcome::Good
        }
    }

    /// The fleet's guard for a pass over all rooms.
    pub(super) fn guard_of_all(&self, looked: &Looked) -> FleetGuard {
        FleetGuard {
            spent: besides(&self.spent_before(), looked),
            elsewhere: self.members_elsewhere(looked),
            ..FleetGuard::of_all_rooms(self.settings.max_removals_total)
        }
    }

    /// Removals that count towards the budget of a look at all rooms that goes on: those begun since it began, and in a process
    /// that has just started those of the one before. Or to start again and again would be a new budget each time.
    fn spent_before(&self) -> BTreeSet<(RoomId, UserId)> {
        let mut spent = self.since_look.clone();
        spent.extend(self.carried().into_iter().flat_map(|budget| budget.spent.clone()));
        spent
    }

    /// The budget of the process before, as long as it would have lasted, and longer where nobody can tell.
    fn carried(&self) -> Option<&FleetBudget> {
        let interval = jiff::SignedDuration::try_from(self.settings.sync.interval).unwrap_or_default();
        let age = |budget: &FleetBudget| self.clock.steady().duration_since(budget.looked);
        let lasts = |budget: &FleetBudget| age(budget) < interval || !self.clock_trusted();
        let budget = self.ledger.budget.as_ref();
        budget.filter(|budget| !self.seen_all && lasts(budget))
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

    /// The fleet's guard for a pass over some rooms, which goes on from the last look at all of them. A room that none has seen
    /// yet counts from now on.
    pub(super) fn guard_of_some(&mut self, looked: &Looked) -> FleetGuard {
        let budget = self.ledger.budget.get_or_insert_with(|| FleetBudget {
            members: 0,
            spent: BTreeSet::new(),
            looked: self.clock.steady(),
        });
        for look in &looked.rooms {
            if let (Ok(draft), Some(room)) = (&look.draft, self.rooms.get_mut(&look.id))
                && !std::mem::replace(&mut room.counted, true)
            {
                budget.members += draft.managed_members();
            }
        }
        FleetGuard {
            limit: self.settings.max_removals_total,
            spent: besides(&budget.spent, looked),
            members: Some(budget.members),
            elsewhere: 0,
        }
    }

    /// All rooms were looked at: the budget begins anew.
    pub(super) fn begin_budget(&mut self, members: u64) {
        let looked = self
            .carried()
            .map_or_else(|| self.clock.steady(), |budget| budget.looked);
        let spent = self.spent_before();
        for room in self.rooms.values_mut() {
            room.counted = room.looked.is_some();
        }
        self.ledger.budget = Some(FleetBudget {
            members,
            spent,
            looked,
        });
        self.seen_all = true;
        self.save_ledger();
    }

    /// These removals are begun. Somebody counts once, however often it is tried.
    pub(super) fn spend(&mut self, removals: BTreeSet<(RoomId, UserId)>) {
        if removals.is_empty() {
            return;
        }
        if let Some(budget) = &mut self.ledger.budget {
            budget.spent.extend(removals.iter().cloned());
        }
        self.since_look.extend(removals);
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
        let probe = self.probe_due().filter(|_| alone);
        // After that time the files are read again, and the end of the read wakes the loop.
        let settles = self.settles_at().filter(|at| self.asked_to_read != Some(*at));
        rooms.chain(full).chain(probe).chain(settles).min()
    }
}

/// How many of these removals are not among those that a look asks for again.
fn besides(spent: &BTreeSet<(RoomId, UserId)>, looked: &Looked) -> usize {
    let drafts: HashMap<&RoomId, &Draft> = looked
        .rooms
        .iter()
        .filter_map(|look| Some((&look.id, look.draft.as_ref().ok()?)))
        .collect();
    let again = |(room, user): &&(RoomId, UserId)| drafts.get(room).is_some_and(|draft| draft.removes(user));
    spent.iter().filter(|pair| !again(pair)).count()
}
