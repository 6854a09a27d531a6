//! Guards that look at the files: what a new set drops from a room's lists, more at once than its guards allow, is held.
//!
//! The guards of a plan look at who is there. On a service where people come and go that is not enough: a wrong merge that
//! drops 500 of 1,000 names would remove each of them as they come online, each pass within its guard.

use crate::desired::DesiredRoom;
use crate::model::{Guard, Limit, MemberSet, Op, RoomId, UserId};
use crate::plan::{self, Withdrawn};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lists of each room by the last set of files, and what is held of them. A room that leaves the files is remembered, so that
/// leaving and coming back is no way around a hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rosters(pub(crate) BTreeMap<RoomId, Roster>);

/// A room's lists, and what is held of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Lists of the set in force.
    pub(crate) now: Lists,
    /// Lists of the last settled set, if they differ. Holds are judged against them, so that a set that was only half written
    /// leaves no trace.
    pub(crate) settled: Option<Box<Lists>>,
}

/// A room's lists as a set of files gave them, and what is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// Everyone who was wanted; `None`: members were never managed.
    pub(crate) people: Option<MemberSet>,
    /// The wanted admins; `None`: admins were never managed.
    pub(crate) admins: Option<MemberSet>,
    pub(crate) removals: Option<Hold>,
    pub(crate) demotions: Option<Hold>,
    /// People who were named and not wanted. They are in neither list.
    pub(crate) withdrawn: Withdrawn,
}

/// Names that were dropped from a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Names that are still held.
    pub(crate) users: MemberSet,
    /// Those of them who went by an approval: they are held again if they come back.
    pub(crate) gone: MemberSet,
    pub(crate) limit: Limit,
    pub(crate) dropped: u64,
    pub(crate) of: u64,
    pub(crate) since: Timestamp,
}

impl From<&Hold> for plan::HeldNames {
    fn from(hold: &Hold) -> Self {
        let Hold {
            users,
            gone: _,
            limit,
            dropped,
            of,
            since: _,
        } = hold;
        Self {
            users: users.clone(),
            limit: *limit,
            dropped: *dropped,
            of: *of,
        }
    }
}

impl Rosters {
    /// Takes a new set of files. Says in which rooms something is held that was not, or no longer is, and whether anything is
    /// to be kept that was not.
    pub(crate) fn take(
        &mut self,
        rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>,
        now: Timestamp,
    ) -> (Vec<RoomId>, bool) {
        let mut turned = Vec::new();
        let mut differs = false;
        for (id, room) in rooms {
            let roster = self.0.entry(id.clone()).or_default();
            let before = roster.clone();
            roster.take(room, now);
            differs |= before != *roster;
            let (before, roster) = (&before.now, &roster.now);
            if (&before.removals, &before.demotions) != (&roster.removals, &roster.demotions) {
                turned.push(id.clone());
            }
        }
        (turned, differs)
    }

    /// The set in force has settled, with these rooms in it. Of a room that is not, no later set than its last settled one counts.
    pub(crate) fn settle(&mut self, is_in_it: impl Fn(&RoomId) -> bool) {
        for (id, roster) in &mut self.0 {
            if let Some(settled) = roster.settled.take()
                && !is_in_it(id)
            {
                roster.now = *settled;
            }
        }
    }

    /// Places in a room have ended, whose entry is this from now on.
    pub(crate) fn end_places(&mut self, room: &DesiredRoom) {
        if let Some(roster) = self.0.get_mut(&room.id) {
            let Lists {
                people,
                admins,
                removals: _,
                demotions: _,
                withdrawn,
            } = &mut roster.now;
            *withdrawn = Withdrawn::of(room);
            for (list, withdrawn) in [(people, &withdrawn.people), (admins, &withdrawn.admins)] {
                *list = list.take().map(|list| list.minus(withdrawn));
            }
        }
    }

    /// People of a room whom the last settled set named and did not want.
    pub(crate) fn withdrawn(&self, room: &RoomId) -> Withdrawn {
        let roster = self.0.get(room);
        let lists = roster.map(|roster| roster.settled.as_deref().unwrap_or(&roster.now));
        lists.map(|lists| lists.withdrawn.clone()).unwrap_or_default()
    }

    /// Somebody went by an approval, or ceased to be an admin by it. `true`: they were held until now.
    pub(crate) fn went_by_approval(&mut self, room: &RoomId, op: Op, user: &UserId) -> bool {
        let Some(Roster { now, settled }) = self.0.get_mut(room) else {
            return false;
        };
        let mut differs = false;
        for lists in [Some(now), settled.as_deref_mut()].into_iter().flatten() {
            let removals = lists.removals.as_mut().filter(|_| op == Op::Remove);
            for hold in [removals, lists.demotions.as_mut()].into_iter().flatten() {
                if hold.users.contains(user) && !hold.gone.contains(user) {
                    hold.gone = hold.gone.or(&[user.clone()].into_iter().collect());
                    differs = true;
                }
            }
        }
        differs
    }

    pub(crate) fn of(&self, room: &RoomId) -> Option<&Lists> {
        self.0.get(room).map(|roster| &roster.now)
    }
}

impl Roster {
    fn take(&mut self, room: &DesiredRoom, now: Timestamp) {
        let base = match self.settled.take() {
            Some(settled) => *settled,
            None => self.now.clone(),
        };
        let mut next = base.clone();
        next.take(room, now);
        next.keep_times(&self.now);
        self.settled = (next != base).then(|| Box::new(base));
        self.now = next;
    }
}

impl Lists {
    /// The two holds, each with the guard that made it.
    pub(crate) fn by_guard(&self) -> [(Guard, &Option<Hold>); 2] {
        [
            (Guard::MaxRemovals, &self.removals),
            (Guard::MaxDemotions, &self.demotions),
        ]
    }

    /// Keeps the start of a hold on the same names.
    fn keep_times(&mut self, before: &Self) {
        for (hold, before) in [
            (&mut self.removals, &before.removals),
            (&mut self.demotions, &before.demotions),
        ] {
            if let (Some(hold), Some(before)) = (hold, before)
                && hold.users == before.users
            {
                hold.since = before.since;
            }
        }
    }

    fn take(&mut self, room: &DesiredRoom, now: Timestamp) {
        let (guards, own) = (&room.guards, &room.own_guards);
        let people = wanted(room);
        self.withdrawn = Withdrawn::of(room);
        next(
            (&mut self.people, &mut self.removals),
            people,
            (guards.max_removals, own.max_removals),
            now,
        );
        next(
            (&mut self.admins, &mut self.demotions),
            room.admins.clone(),
            (guards.max_demotions, own.max_demotions),
            now,
        );
    }
}

/// Everyone whom the files want in a room; `None` where members are not managed.
pub(crate) fn wanted(room: &DesiredRoom) -> Option<MemberSet> {
    let admins = room.admins.clone().unwrap_or_default();
    room.members.as_ref().map(|members| members.or(&admins))
}

/// Holds a list against the one before it. `guard` is the limit in force, and what the room files themselves say of it.
fn next(
    (list, hold): (&mut Option<MemberSet>, &mut Option<Hold>),
    new: Option<MemberSet>,
    (limit, own): (Limit, Option<Limit>),
    now: Timestamp,
) {
    // A key that is left out says nothing of anybody: neither that they are dropped, nor that they are wanted again.
    let Some(new) = new else { return };
    if let Some(held) = hold {
        held.users = held.users.minus(&new);
        held.gone = held.gone.minus(&new);
        let allowed = own.is_some_and(|own| own.of(held.of) >= held.dropped);
        if allowed || held.users.is_empty() {
            *hold = None;
        }
    }
    if let Some(old) = list {
        let dropped = old.minus(&new);
        let (count, of) = (dropped.len() as u64, old.len() as u64);
        if count > limit.of(of) {
            let before = hold.take();
            let (users, gone, earlier, most) = before.map_or_else(
                || (MemberSet::default(), MemberSet::default(), 0, 0),
                |held| (held.users, held.gone, held.dropped, held.of),
            );
            *hold = Some(Hold {
                users: users.or(&dropped),
                gone,
                limit,
                dropped: earlier + count,
                of: of.max(most),
                since: now,
            });
        }
    }
    *list = Some(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn people(names: impl IntoIterator<Item = u32>) -> MemberSet {
        let user = |n| UserId::parse(&format!("u{n}")).unwrap();
        names.into_iter().map(user).collect()
    }

    fn share(text: &str) -> Limit {
        Limit::parse(text).unwrap()
    }

    #[derive(Default)]
    struct List(Option<MemberSet>, Option<Hold>);

    impl List {
        fn give(&mut self, names: impl IntoIterator<Item = u32>, limit: &str, own: Option<&str>) -> usize {
            let guard = (share(limit), own.map(share));
            next(
                (&mut self.0, &mut self.1),
                Some(people(names)),
                guard,
                Timestamp::UNIX_EPOCH,
            );
            self.1.as_ref().map_or(0, |hold| hold.users.len())
        }
    }

    #[test]
    fn too_many_dropped_names_are_held_until_the_room_allows_it_or_they_are_back() {
        let mut list = List::default();
        assert_eq!(list.give(0..1000, "25%", None), 0);
        assert_eq!(list.give(0..750, "25%", None), 0);
        assert_eq!(list.give(0..250, "25%", None), 500);
        // The settings' guard does not let them go, only the room's own.
        assert_eq!(list.give(0..250, "100%", None), 500);
        assert_eq!(list.give(0..260, "25%", None), 490);
        assert_eq!(list.give(0..260, "25%", Some("60%")), 490);
        assert_eq!(list.give(0..260, "25%", Some("70%")), 0);
        // Allowed from the start.
        assert_eq!(list.give(0..10, "100%", Some("100%")), 0);
    }

    #[test]
    fn a_second_drop_joins_the_first() {
        let mut list = List::default();
        list.give(0..100, "10%", None);
        assert_eq!(list.give(0..50, "10%", None), 50);
        assert_eq!(list.give(0..40, "10%", None), 60);
        let hold = list.1.as_ref().unwrap();
        assert_eq!((hold.dropped, hold.of), (60, 100));
        assert_eq!(list.give(0..100, "10%", None), 0);
    }

    /// A room that is half written, leaves the files and comes back is judged by what was said of it when the files had settled.
    #[test]
    fn what_was_half_written_of_a_room_that_left_leaves_no_trace() {
        let settled = Lists {
            people: Some(people(0..100)),
            ..Lists::default()
        };
        let half = Lists {
            people: Some(people(0..75)),
            ..Lists::default()
        };
        let half_written = Roster {
            now: half.clone(),
            settled: Some(Box::new(settled.clone())),
        };
        let [left, stays] = ["1", "2"].map(|id| RoomId::parse(id).unwrap());
        let both = [
            (left.clone(), half_written.clone()),
            (stays.clone(), half_written),
        ];
        let mut rosters = Rosters(both.into());
        rosters.settle(|id| *id == stays);
        assert_eq!(
            (rosters.of(&left), rosters.of(&stays)),
            (Some(&settled), Some(&half))
        );
    }

    proptest! {
        /// Whoever leaves a list is held, or left in a step that the guard allows.
        #[test]
        fn nobody_slips_out(steps in prop::collection::vec(prop::collection::btree_set(0u32..40, 0..40), 1..12)) {
            let mut list = List::default();
            let mut before: Option<MemberSet> = None;
            let mut gone = MemberSet::default();
            for step in steps {
                let new = people(step.iter().copied());
                list.give(step, "25%", None);
                if let Some(old) = &before {
                    let dropped = old.minus(&new);
                    if dropped.len() as u64 > share("25%").of(old.len() as u64) {
                        gone = gone.or(&dropped);
                    }
                }
                gone = gone.minus(&new);
                let held = list.1.as_ref().map(|hold| hold.users.clone()).unwrap_or_default();
                prop_assert_eq!(&held, &gone);
                before = Some(new);
            }
        }
    }
}
