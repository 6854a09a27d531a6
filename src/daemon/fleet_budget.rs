//! The budget of `max_removals_total`: removals since the last look at all rooms, as a share of the members seen by it. It goes on
//! through passes over a few rooms and through restarts, or each of them would be a new budget.

use super::room_table::RoomTable;
use crate::model::{Limit, Mode, RoomId, UserId};
use crate::plan::{FleetGuard, RoomDiff};
use crate::reconcile::Looked;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A removal that was begun.
type Removal = (RoomId, UserId);

/// The budget of all rooms together.
#[derive(Debug, Default)]
pub(super) struct FleetBudget {
    spending: Option<Spending>,
    /// Removals begun since the look at all rooms began that goes on.
    since_look: BTreeSet<Removal>,
    /// True once this process has looked at all rooms.
    seen_all: bool,
}

/// Removals since the last look at all rooms, and the members of all rooms at that look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spending {
    pub(super) members: u64,
    pub(super) removals: BTreeSet<Removal>,
    /// Time of that look, in steady time.
    pub(super) looked: Timestamp,
}

/// Time up to which the budget of an earlier process goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    /// Steady time.
    pub(super) now: Timestamp,
    /// `sync.interval`, after which that process would have begun a new budget. `None`: the clock may be wrong, so it goes on.
    pub(super) interval: Option<SignedDuration>,
}

impl FleetBudget {
    /// Goes on from what an earlier process spent.
    pub(super) fn new(spending: Option<Spending>) -> Self {
        Self {
            spending,
            ..Self::default()
        }
    }

    pub(super) fn spending(&self) -> Option<&Spending> {
        self.spending.as_ref()
    }

    /// True once this process has looked at all rooms: before that there is no budget for a look at a few.
    pub(super) fn has_seen_all(&self) -> bool {
        self.seen_all
    }

    /// A look at all rooms begins.
    pub(super) fn begin_look(&mut self) {
        self.since_look.clear();
    }

    /// The guard of a pass over all rooms.
    pub(super) fn guard_of_all(
        &self,
        limit: Limit,
        looked: &Looked,
        rooms: &RoomTable,
        life: Lifetime,
    ) -> FleetGuard {
        FleetGuard {
            spent: besides(&self.spent_before(life), looked),
            elsewhere: members_elsewhere(looked, rooms),
            ..FleetGuard::of_all_rooms(limit)
        }
    }

    /// The guard of a pass over some rooms, which goes on from the last look at all of them. The members of a room that no look has
    /// seen count from now on.
    pub(super) fn guard_of_some(
        &mut self,
        limit: Limit,
        looked: &Looked,
        rooms: &mut RoomTable,
        now: Timestamp,
    ) -> FleetGuard {
        let spending = self.spending.get_or_insert_with(|| Spending {
            members: 0,
            removals: BTreeSet::new(),
            looked: now,
        });
        for look in &looked.rooms {
            if let (Ok(diff), Some(room)) = (&look.diff, rooms.get_mut(&look.id))
                && room.count()
            {
                spending.members += diff.managed_members();
            }
        }
        FleetGuard {
            limit,
            spent: besides(&spending.removals, looked),
            members: Some(spending.members),
            elsewhere: 0,
        }
    }

    /// All rooms were looked at, with so many members: the budget begins anew.
    pub(super) fn begin(&mut self, members: u64, life: Lifetime) {
        let looked = self.carried(life).map_or(life.now, |spending| spending.looked);
        let removals = self.spent_before(life);
        self.spending = Some(Spending {
            members,
            removals,
            looked,
        });
        self.seen_all = true;
    }

    /// These removals are begun. Somebody counts once, however often it is tried.
    pub(super) fn spend(&mut self, removals: BTreeSet<Removal>) {
        if let Some(spending) = &mut self.spending {
            spending.removals.extend(removals.iter().cloned());
        }
        self.since_look.extend(removals);
    }

    /// Changes every time in it.
    pub(super) fn each_time(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        if let Some(spending) = &mut self.spending {
            spending.looked = change(spending.looked);
        }
    }

    /// Removals that count in the look at all rooms that goes on: those begun since its start and, in a process that has just
    /// started, those of the process before.
    fn spent_before(&self, life: Lifetime) -> BTreeSet<Removal> {
        let mut spent = self.since_look.clone();
        spent.extend(
            self.carried(life)
                .into_iter()
                .flat_map(|spending| spending.removals.clone()),
        );
        spent
    }

    /// The budget of the process before, for as long as it would have lasted.
    fn carried(&self, life: Lifetime) -> Option<&Spending> {
        let lasts = |spending: &&Spending| {
            let age = life.now.duration_since(spending.looked);
            life.interval.is_none_or(|interval| age < interval)
        };
        self.spending.as_ref().filter(|_| !self.seen_all).filter(lasts)
    }
}

/// Members of the managed rooms that a look at all of them has not seen, by the look before.
fn members_elsewhere(looked: &Looked, rooms: &RoomTable) -> u64 {
    let seen: HashSet<&RoomId> = looked
        .rooms
        .iter()
        .filter(|look| look.diff.is_ok())
        .map(|look| &look.id)
        .collect();
    rooms
        .iter()
        .filter(|room| room.desired().mode != Mode::Observe && !seen.contains(&room.desired().id))
        .filter_map(|room| room.plan()?.live.as_ref())
        .map(|live| live.members)
        .sum()
}

/// Number of these removals that the look does not ask for again.
fn besides(spent: &BTreeSet<Removal>, looked: &Looked) -> usize {
    let diffs: HashMap<&RoomId, &RoomDiff> = looked
        .rooms
        .iter()
        .filter_map(|look| Some((&look.id, look.diff.as_ref().ok()?)))
        .collect();
    let again = |(room, user): &&Removal| diffs.get(room).is_some_and(|diff| diff.removes(user));
    spent.iter().filter(|removal| !again(removal)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(60 * minutes).unwrap()
    }

    /// Five minutes are the interval.
    fn life(minutes: i64) -> Lifetime {
        Lifetime {
            now: at(minutes),
            interval: Some(SignedDuration::from_mins(5)),
        }
    }

    fn removal(user: &str) -> BTreeSet<Removal> {
        let room = RoomId::parse("7").unwrap();
        BTreeSet::from([(room, UserId::parse(user).unwrap())])
    }

    /// Removals that count beside a look that asks for none of them.
    fn spent(budget: &FleetBudget, life: Lifetime) -> usize {
        let looked = Looked {
            rooms: Vec::new(),
            stopped: None,
        };
        let limit = Limit::parse("10%").unwrap();
        budget
            .guard_of_all(limit, &looked, &RoomTable::default(), life)
            .spent
    }

    #[test]
    fn a_restart_goes_on_with_the_budget_for_an_interval_and_while_the_clock_may_be_wrong() {
        let mut before = FleetBudget::new(None);
        before.begin(10, life(0));
        before.spend(removal("bob"));
        let restarted = |life| spent(&FleetBudget::new(before.spending().cloned()), life);
        assert_eq!((restarted(life(4)), restarted(life(5))), (1, 0));
        let unsure = Lifetime {
            interval: None,
            ..life(500)
        };
        assert_eq!(restarted(unsure), 1);
        // However often it is started again, the budget does not begin anew.
        let mut again = FleetBudget::new(before.spending().cloned());
        again.begin(10, life(4));
        assert_eq!(again.spending().unwrap().looked, at(0));
        assert_eq!(again.spending().unwrap().removals, removal("bob"));
    }

    #[test]
    fn somebody_counts_once_and_a_look_at_all_rooms_begins_the_budget_anew() {
        let mut budget = FleetBudget::new(None);
        budget.begin(10, life(0));
        budget.begin_look();
        for _ in 0..3 {
            budget.spend(removal("bob"));
        }
        // Begun while the look went on.
        assert_eq!(spent(&budget, life(1)), 1);
        budget.begin(10, life(1));
        assert_eq!(budget.spending().unwrap().removals.len(), 1);
        budget.begin_look();
        budget.begin(10, life(6));
        assert!(budget.spending().unwrap().removals.is_empty());
    }
}
