//! Ends of people's places in a room's lists, and the room as it is wanted after them.
//!
//! A set of files is judged as if nobody's place had ended: no set becomes invalid by the calendar. Whoever goes by it asks for
//! the rooms as they are at a moment.

use super::room::DesiredRoom;
use crate::model::{MemberSet, Until, UserId};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// Ends of places in a room's lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomEnds {
    /// Of the admins.
    pub admins: Ends,
    /// Of the members.
    pub members: Ends,
}

/// Ends of places in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// By time, each with all whose place has that end.
    by_time: Vec<(Until, MemberSet)>,
    /// Number of the first ones that are over: the people of these are no longer in the list.
    over: usize,
}

/// People whose place, or whose role, ends at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departures {
    /// The end.
    pub until: Until,
    /// People who are not wanted in the room after it.
    pub leave: MemberSet,
    /// People who are not wanted as admins after it, those who leave included.
    pub step_down: MemberSet,
}

impl Ends {
    pub(super) fn new<'a>(ends: impl IntoIterator<Item = &'a (UserId, Until)>) -> Self {
        let mut by_time: BTreeMap<Until, Vec<UserId>> = BTreeMap::new();
        for (user, until) in ends {
            by_time.entry(*until).or_default().push(user.clone());
        }
        let by_time = by_time.into_iter();
        Self {
            by_time: by_time
                .map(|(until, users)| (until, users.into_iter().collect()))
                .collect(),
            over: 0,
        }
    }

    /// True if nobody's place ends.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// Ends that are over, each with its people.
    pub fn over(&self) -> &[(Until, MemberSet)] {
        self.by_time.get(..self.over).unwrap_or_default()
    }

    /// Ends to come, each with its people.
    pub fn to_come(&self) -> &[(Until, MemberSet)] {
        self.by_time.get(self.over..).unwrap_or_default()
    }

    /// Everybody whose place has ended.
    #[must_use]
    pub fn ended(&self) -> MemberSet {
        MemberSet::of_all(self.over().iter().map(|(_, users)| users))
    }

    /// Number of ends that are over at this time.
    fn count_over(&self, now: Timestamp) -> usize {
        self.by_time.partition_point(|(until, _)| until.is_over(now))
    }

    /// Has those in the list whose end is not over at this time, and no others of those who have one.
    fn pass(&mut self, list: &mut Option<MemberSet>, now: Timestamp) {
        let over = self.count_over(now);
        let between = |from, to| {
            let ends = self.by_time.get(from..to).unwrap_or_default();
            MemberSet::of_all(ends.iter().map(|(_, users)| users))
        };
        let (gone, back) = (between(self.over, over), between(over, self.over));
        self.over = over;
        *list = list.take().map(|list| list.minus(&gone).or(&back));
    }

    /// Each person's end to come.
    fn by_user(&self) -> HashMap<&UserId, Until> {
        let ends = self.to_come().iter();
        ends.flat_map(|(until, users)| users.iter().map(|user| (user, *until)))
            .collect()
    }
}

/// A person's place in a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    None,
    Until(Until),
    ForGood,
}

fn place(list: Option<&MemberSet>, ends: &HashMap<&UserId, Until>, user: &UserId) -> Place {
    match (list.is_some_and(|list| list.contains(user)), ends.get(user)) {
        (false, _) => Place::None,
        (true, Some(until)) => Place::Until(*until),
        (true, None) => Place::ForGood,
    }
}

impl DesiredRoom {
    /// The room with the places that have not ended at this time. `None`: these are the ones that it has.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<Self> {
        let is_so = |ends: &Ends| ends.count_over(now) == ends.over;
        let RoomEnds { admins, members } = self.ends.as_deref()?;
        if is_so(admins) && is_so(members) {
            return None;
        }
        let mut room = self.clone();
        let RoomEnds { admins, members } = room.ends.as_deref_mut()?;
        admins.pass(&mut room.admins, now);
        members.pass(&mut room.members, now);
        Some(room)
    }

    /// The next end of a place here.
    #[must_use]
    pub fn next_end(&self) -> Option<Until> {
        let RoomEnds { admins, members } = self.ends.as_deref()?;
        let next = [admins, members].map(|ends| ends.to_come().first().map(|(until, _)| *until));
        next.into_iter().flatten().min()
    }

    /// The end of somebody's place here, or of their last one if it is over. `None`: they have a place without an end, or none.
    #[must_use]
    pub fn end_of(&self, user: &UserId) -> Option<Until> {
        let RoomEnds { admins, members } = self.ends.as_deref()?;
        let lists = [(&self.admins, admins), (&self.members, members)];
        let of_list = |(list, ends): (&Option<MemberSet>, &Ends)| {
            let end = ends.by_time.iter().find(|(_, users)| users.contains(user));
            let is_listed = list.as_ref().is_some_and(|list| list.contains(user));
            (is_listed && end.is_none(), end.map(|(until, _)| *until))
        };
        let [(stays, end), (stays_too, other)] = lists.map(of_list);
        if stays || stays_too { None } else { end.max(other) }
    }

    /// People who would be wanted here if their place had not ended.
    #[must_use]
    pub fn ended_people(&self) -> MemberSet {
        let Some(RoomEnds { admins, members }) = self.ends.as_deref() else {
            return MemberSet::default();
        };
        let wanted = [&self.admins, &self.members].into_iter().flatten();
        let ended = admins.ended().or(&members.ended());
        wanted.fold(ended, |ended, list| ended.minus(list))
    }

    /// People who would be wanted as admins if their place had not ended.
    #[must_use]
    pub fn ended_admins(&self) -> MemberSet {
        let ends = self.ends.as_deref();
        ends.map(|ends| ends.admins.ended()).unwrap_or_default()
    }

    /// People whose place or role is still to end, by time. The owner's does not, nor that of anybody under `protect`.
    #[must_use]
    pub fn departures(&self) -> Vec<Departures> {
        let Some(RoomEnds { admins, members }) = self.ends.as_deref() else {
            return Vec::new();
        };
        let (of_admins, of_members) = (admins.by_user(), members.by_user());
        let mut by_time: BTreeMap<Until, [Vec<UserId>; 2]> = BTreeMap::new();
        let mut ends: Vec<&UserId> = of_admins.keys().chain(of_members.keys()).copied().collect();
        ends.sort_unstable();
        ends.dedup();
        for user in ends {
            if self.owner.as_ref() == Some(user) || self.guards.protects(user) {
                continue;
            }
            let as_admin = place(self.admins.as_ref(), &of_admins, user);
            let as_member = place(self.members.as_ref(), &of_members, user);
            if let (Place::Until(until), true) = (as_admin.max(as_member), self.members.is_some()) {
                let [leave, _] = by_time.entry(until).or_default();
                leave.push(user.clone());
            }
            if let Place::Until(until) = as_admin {
                let [_, step_down] = by_time.entry(until).or_default();
                step_down.push(user.clone());
            }
        }
        let departures = |(until, [leave, step_down]): (Until, [Vec<UserId>; 2])| Departures {
            until,
            leave: leave.into_iter().collect(),
            step_down: step_down.into_iter().collect(),
        };
        by_time.into_iter().map(departures).collect()
    }
}
