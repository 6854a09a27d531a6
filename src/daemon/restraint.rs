//! Reasons to keep people whom the files in force no longer want: files that settle, holds, and the budget over time.

use super::clock::Moment;
use super::engine::Engine;
use super::files::Stillness;
use super::removal_budget::{Kept, RoomBudget};
use super::room::Turn;
use crate::desired::DesiredRoom;
use crate::live::Observed;
use crate::model::{RoomId, UserId, show_duration};
use crate::plan::{self, OverBudget, Restraints, Settling};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Past this, somebody should know which file keeps the others from being followed.
const RESTLESS: Duration = Duration::from_secs(600);

impl Engine {
    /// Remembers what each room has in force that gets another entry, before it gets it. `digest` is that of the new set.
    pub(super) fn begin_to_settle(&mut self, rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>, digest: &str) {
        let at = Instant::now();
        if self.set.is_none() {
            if self.settled_before.as_deref() != Some(digest) {
                self.settling.begin_from_nothing(at);
            }
            return;
        }
        for (id, room) in &self.rooms {
            if rooms.get(id).is_none_or(|new| **new != *room.desired) {
                let before = (Arc::clone(&room.desired), self.kept_in(&room.desired));
                self.settling.replaced(id, Some(before), at);
            }
        }
        for id in rooms.keys().filter(|id| !self.rooms.contains_key(id)) {
            self.settling.replaced(id, None, at);
        }
    }

    /// Takes the lists of a new set into the budgets. `true`: something is to be kept that was not.
    pub(super) fn take_into_budgets(&mut self, rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>) -> bool {
        let now = self.clock.steady();
        let mut differs = false;
        for (id, room) in rooms {
            let before = self.rosters.of(id).cloned().unwrap_or_default();
            let mut of_room = self.ledger.budgets.remove(id).unwrap_or_default();
            differs |= of_room.take(&before, room, now);
            if self.clock_trusted() {
                differs |= of_room.advance(room, now);
            }
            if !of_room.is_empty() {
                self.ledger.budgets.insert(id.clone(), of_room);
            }
        }
        differs
    }

    /// Releases those for whom the windows have room by now, and has their rooms looked at. While nobody knows whether the clock is
    /// right, no window passes.
    pub(super) fn advance_budgets(&mut self) {
        if !self.clock_trusted() {
            return;
        }
        let (now, at) = (self.clock.steady(), Instant::now());
        let mut any = false;
        for (id, budget) in &mut self.ledger.budgets {
            let Some(room) = self.rooms.get_mut(id) else {
                continue;
            };
            if budget.advance(&room.desired, now) {
                any = true;
                room.due = Some(at);
                tracing::info!(room = %id, "the removal budget has room again");
            }
        }
        self.ledger.budgets.retain(|_, budget| !budget.is_empty());
        if any {
            self.save_ledger();
        }
    }

    /// The same for the room of this turn, which is being looked at.
    fn advance_budget(&mut self, turn: &Turn) {
        let now = self.clock.steady();
        let trusted = self.clock_trusted();
        let budget = self.ledger.budgets.get_mut(&turn.desired.id);
        if budget.is_some_and(|budget| trusted && budget.advance(&turn.desired, now)) {
            self.save_ledger();
        }
    }

    /// Counts the people whom the removal budgets keep.
    pub(super) fn over_budget(&self) -> usize {
        let kept = |(id, budget): (&RoomId, &RoomBudget)| {
            let kept = budget.kept(&self.rooms.get(id)?.desired);
            let [people, admins] = kept.map(|kept| kept.map(|kept| kept.users).unwrap_or_default());
            Some(people.or(&admins).len())
        };
        self.ledger.budgets.iter().filter_map(kept).sum()
    }

    /// Restraints on a room by its holds and removal budgets.
    fn kept_in(&self, desired: &DesiredRoom) -> Restraints {
        let lists = self.rosters.of(&desired.id);
        let budget = self.ledger.budgets.get(&desired.id);
        let kept = budget.map(|budget| budget.kept(desired)).unwrap_or_default();
        let [people_over_budget, admins_over_budget] =
            kept.map(|kept| Some(over_budget(kept?, self.clock.moment())));
        Restraints {
            removals: lists
                .and_then(|lists| lists.removals.as_ref())
                .map(plan::Hold::from),
            demotions: lists
                .and_then(|lists| lists.demotions.as_ref())
                .map(plan::Hold::from),
            waiting: BTreeMap::new(),
            people_over_budget,
            admins_over_budget,
            settling: None,
        }
    }

    /// Restraints on a room for now. Also records what the look shows of its people.
    pub(super) fn restraints(&mut self, turn: &Turn, observed: &Observed) -> Restraints {
        self.see_clock();
        let now = self.clock.moment();
        let (id, live) = (&turn.desired.id, observed.room());
        self.advance_budget(turn);
        if self.ledger.aside.seen_in(id, |user| live.members.contains(user)) {
            self.save_ledger();
        }
        // Whoever a read that contradicts itself leaves out has not left for that.
        if let (Observed::Complete(_), Some(room)) = (observed, self.current(turn)) {
            room.miss(live);
        }
        let desired = &turn.desired;
        let wanted = |user: &UserId| {
            [&desired.members, &desired.admins]
                .into_iter()
                .flatten()
                .any(|users| users.contains(user))
        };
        let mut waiting: BTreeMap<_, _> = self.coming_and_going.waiting_in(id, now).into_iter().collect();
        waiting.extend(self.ledger.aside.waiting_in(id, wanted, now));
        let settle = show_duration(self.settings.sync.settle_removals);
        let settling = self.settling.may_go(id, observed).map(|may_go| Settling {
            may_go,
            until: format!("until the room files have been unchanged for {settle}"),
        });
        Restraints {
            waiting,
            settling,
            ..self.kept_in(desired)
        }
    }

    /// Takes in the stillness of the files, and lets them settle if it has lasted long enough. `true`: the files must be read once
    /// more first, because not every change sends an event.
    #[must_use]
    pub(super) fn see_stillness(&mut self, stillness: &Stillness) -> bool {
        if self.stillness != *stillness {
            self.stillness = stillness.clone();
        }
        let now = Instant::now();
        let Some(at) = self.settles_at().filter(|at| *at <= now) else {
            return false;
        };
        if stillness.seen_at >= at {
            self.files_settled();
            return false;
        }
        self.asked_to_read.replace(at) != Some(at)
    }

    /// The set in force is the one to go by from now on.
    pub(super) fn files_settled(&mut self) {
        self.settling.end();
        self.rosters.settle(|id| self.rooms.contains_key(id));
        // Before anybody goes by it: a restart must not take another set for the one that had settled.
        self.save_all();
        let now = Instant::now();
        let mut waited = 0;
        for room in self.rooms.values_mut() {
            if room.plan.as_ref().is_some_and(|plan| !plan.pending.is_empty()) {
                room.due = Some(now);
                waited += 1;
            }
        }
        if waited > 0 {
            tracing::info!(
                rooms = waited,
                "the room files have settled: what waited for that goes on"
            );
        }
    }

    /// Time at which the files will have settled if nothing changes. `None` if they have, or if that is unknown.
    pub(super) fn settles_at(&self) -> Option<Instant> {
        self.settling.since()?;
        let Stillness {
            unchanged_since,
            seen_at: _,
            is_in_force,
            newest: _,
            being_written,
            changed: _,
            sets,
        } = &self.stillness;
        let known = *is_in_force && being_written.is_none() && *sets == self.sets;
        known.then(|| self.settling.taken().max(*unchanged_since) + self.settings.sync.settle_removals)
    }

    /// The file that keeps people from going for long, in words, if one does.
    pub(super) fn restless(&self) -> Option<String> {
        let since = self.settling.since()?;
        let waits = self
            .rooms
            .values()
            .any(|room| room.plan.as_ref().is_some_and(|plan| !plan.pending.is_empty()));
        if since.elapsed() < RESTLESS || !waits {
            return None;
        }
        let minutes = since.elapsed().as_secs() / 60;
        let why = match (&self.stillness.being_written, &self.stillness.changed) {
            (Some(file), _) => format!("{} was written to and is not closed", file.display()),
            (None, Some(file)) => format!("{} keeps changing", file.display()),
            (None, None) => "the room files are not at rest".to_owned(),
        };
        Some(format!("removals have waited for {minutes} min, because {why}"))
    }
}

/// Describes kept people for the plan.
fn over_budget(kept: Kept, now: Moment) -> OverBudget {
    let Kept {
        users,
        dropped,
        of,
        next,
        limit,
    } = kept;
    let until = next.map_or_else(
        || "at all".to_owned(),
        |next: Timestamp| format!("before {:.0}", now.wall_at(next)),
    );
    OverBudget {
        users,
        limit,
        dropped,
        of,
        until,
    }
}
