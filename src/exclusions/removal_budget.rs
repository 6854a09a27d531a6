//! The guard over time: however many edits it takes, one window lets no more people of a room's list go than the budget allows.
//!
//! Holds compare a set of files with the one before it, the other guards count people who are there now. Many small steps pass
//! both: thirteen edits of a quarter each empty a room of a hundred. This guard remembers who was wanted within the window.

mod list_history;

use super::holds::{Lists, wanted};
use crate::clock::Moment;
use crate::desired::DesiredRoom;
use crate::model::{MemberSet, Op, RoomId, UserId};
use crate::plan::OverBudget;
use jiff::Timestamp;
use list_history::{Kept, ListHistory};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The lists of every room over its window, as far as somebody has left one. Times are on the steady clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RemovalBudgets(BTreeMap<RoomId, RoomBudget>);

/// People whom a room's budgets keep.
#[derive(Debug, Default)]
pub(crate) struct KeptInRoom {
    pub(crate) people: Option<OverBudget>,
    pub(crate) admins: Option<OverBudget>,
}

impl RemovalBudgets {
    /// Takes in a room's new entry; `old` is what was wanted before. `may_pass`: the clock is right, so windows pass. `true`: something is
    /// to be kept on the disk.
    pub(crate) fn take(&mut self, old: &Lists, room: &DesiredRoom, may_pass: bool, now: Timestamp) -> bool {
        let mut budget = self.0.remove(&room.id).unwrap_or_default();
        let mut differs = budget.take(old, room, now);
        if may_pass {
            differs |= budget.advance(room, now);
        }
        if !budget.is_empty() {
            self.0.insert(room.id.clone(), budget);
        }
        differs
    }

    /// Releases people of this room for whom the windows have room by now. `true`: there were some.
    pub(crate) fn advance(&mut self, room: &DesiredRoom, now: Timestamp) -> bool {
        let budget = self.0.get_mut(&room.id);
        budget.is_some_and(|budget| budget.advance(room, now))
    }

    /// The same in all rooms that `desired` knows. Gives the rooms where there were some.
    pub(crate) fn advance_all<'a>(
        &mut self,
        desired: impl Fn(&RoomId) -> Option<&'a DesiredRoom>,
        now: Timestamp,
    ) -> Vec<RoomId> {
        let advanced =
            |(id, budget): (&RoomId, &mut RoomBudget)| budget.advance(desired(id)?, now).then(|| id.clone());
        let rooms = self.0.iter_mut().filter_map(advanced).collect();
        self.0.retain(|_, budget| !budget.is_empty());
        rooms
    }

    /// People whom the budgets keep in this room.
    pub(crate) fn kept_in(&self, room: &DesiredRoom, now: Moment) -> KeptInRoom {
        let Some(budget) = self.0.get(&room.id) else {
            return KeptInRoom::default();
        };
        let [people, admins] = budget.kept(room).map(|kept| Some(over_budget(kept?, now)));
        KeptInRoom { people, admins }
    }

    /// Number of people who are kept in the rooms that `desired` knows.
    pub(crate) fn count_kept<'a>(&self, desired: impl Fn(&RoomId) -> Option<&'a DesiredRoom>) -> usize {
        let kept = |(id, budget): (&RoomId, &RoomBudget)| {
            let kept = budget.kept(desired(id)?);
            let [people, admins] = kept.map(|kept| {
                kept.map(|kept| kept.users.minus(&kept.approved))
                    .unwrap_or_default()
            });
            Some(people.or(&admins).len())
        };
        self.0.iter().filter_map(kept).sum()
    }

    /// Somebody went by an approval, or ceased to be an admin by it: they take no room in the windows. `true`: something is to be kept on
    /// the disk.
    pub(crate) fn went_by_approval(&mut self, room: &RoomId, op: Op, user: &UserId) -> bool {
        let Some(RoomBudget { people, admins }) = self.0.get_mut(room) else {
            return false;
        };
        let is_removed = op == Op::Remove && people.went_by_approval(user);
        admins.went_by_approval(user) || is_removed
    }

    /// Changes every time in it.
    pub(crate) fn each_time(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        for budget in self.0.values_mut() {
            budget.each_time(&change);
        }
    }
}

/// Describes kept people for the plan.
fn over_budget(kept: Kept, now: Moment) -> OverBudget {
    let Kept {
        users,
        approved: _,
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

/// A room's lists over the last window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomBudget {
    /// Everyone who is wanted in the room.
    #[serde(default, skip_serializing_if = "ListHistory::is_empty")]
    people: ListHistory,
    /// The wanted admins.
    #[serde(default, skip_serializing_if = "ListHistory::is_empty")]
    admins: ListHistory,
}

impl RoomBudget {
    /// Takes in the lists of a new set, as [`ListHistory::take`] does. A list that is not managed drops nobody.
    pub(crate) fn take(&mut self, old: &Lists, new: &DesiredRoom, now: Timestamp) -> bool {
        let Self { people, admins } = self;
        let mut differs = false;
        for (history, old, new) in [
            (people, &old.people, wanted(new)),
            (admins, &old.admins, new.admins.clone()),
        ] {
            differs |= new.is_some_and(|new| history.take(old.as_ref(), &new, now));
        }
        differs
    }

    /// Releases those for whom the windows have room by now. True if there were some.
    pub(crate) fn advance(&mut self, room: &DesiredRoom, now: Timestamp) -> bool {
        let Self { people, admins } = self;
        let budget = room.guards.removal_budget;
        let of_people = people.advance(size(wanted(room)), &budget, now);
        admins.advance(size(room.admins.clone()), &budget.for_admins(), now) || of_people
    }

    /// The people and the admins of this room who are kept.
    pub(crate) fn kept(&self, room: &DesiredRoom) -> [Option<Kept>; 2] {
        let Self { people, admins } = self;
        let budget = room.guards.removal_budget;
        [
            people.kept(size(wanted(room)), &budget),
            admins.kept(size(room.admins.clone()), &budget.for_admins()),
        ]
    }

    pub(crate) fn is_empty(&self) -> bool {
        let Self { people, admins } = self;
        people.is_empty() && admins.is_empty()
    }

    /// Changes every time in it.
    pub(crate) fn each_time(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        let Self { people, admins } = self;
        people.each_time(&change);
        admins.each_time(&change);
    }
}

fn size(list: Option<MemberSet>) -> u64 {
    list.map_or(0, |list| list.len() as u64)
}
