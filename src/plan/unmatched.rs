//! Patterns that match nobody: probably misspelled, or left over.

use super::{FleetPlan, Note};
use crate::desired::DesiredRoom;
use crate::live::Observed;
use crate::model::{Glob, ReasonCode, RoomId, UserId, counted};
use std::collections::{BTreeMap, BTreeSet};

/// Key that a pattern stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Ignore,
    Protect,
}

/// The patterns of all rooms that have matched nobody so far.
#[derive(Debug)]
pub struct UnmatchedPatterns<'a> {
    /// Each with the rooms that have it.
    rooms: BTreeMap<(Key, &'a Glob), BTreeSet<&'a RoomId>>,
    /// The rooms that were seen completely.
    seen: BTreeSet<&'a RoomId>,
}

impl<'a> UnmatchedPatterns<'a> {
    /// Collects the patterns of all rooms of the files.
    #[must_use]
    pub fn of(rooms: &'a [DesiredRoom]) -> Self {
        let mut patterns: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for room in rooms {
            for pattern in patterns_of(room) {
                patterns.entry(pattern).or_default().insert(&room.id);
            }
        }
        Self {
            rooms: patterns,
            seen: BTreeSet::new(),
        }
    }

    /// Takes out the patterns that match somebody whom the room wants, or who is there.
    pub fn look(&mut self, room: &'a DesiredRoom, observed: &Observed) {
        let Some(live) = observed.complete() else { return };
        self.seen.insert(&room.id);
        let wanted = [&room.admins, &room.members].into_iter().flatten();
        let names = || {
            let lists = wanted
                .clone()
                .chain([&live.members])
                .chain(&live.admins)
                .flat_map(|list| list.iter());
            let owners = room.owner.iter().map(UserId::as_str);
            let foreign = live.foreign.iter().chain(&live.foreign_admins).chain(&live.owner);
            lists
                .map(UserId::as_str)
                .chain(owners)
                .chain(foreign.map(String::as_str))
        };
        for pattern @ (_, glob) in patterns_of(room) {
            if self.rooms.contains_key(&pattern) && names().any(|name| glob.matches(name)) {
                self.rooms.remove(&pattern);
            }
        }
    }

    /// Notes what is left, each pattern once, at the first of its rooms. A pattern of a room that was not seen may match somebody
    /// there.
    pub fn note(self, plan: &mut FleetPlan) {
        let Self { rooms, seen } = self;
        for ((key, glob), of) in rooms {
            let Some(first) = of.first().filter(|_| of.is_subset(&seen)) else {
                continue;
            };
            let key = match key {
                Key::Ignore => "ignore",
                Key::Protect => "protect",
            };
            let place = match of.len() {
                1 => "here".to_owned(),
                rooms => format!("in any of its {}", counted(rooms, "room")),
            };
            let message = format!("`{glob}` under `{key}` matches nobody who is listed or live {place}");
            if let Some(room) = plan.rooms.iter_mut().find(|room| room.id == **first) {
                room.notes.push(Note::new(ReasonCode::MatchesNobody, message));
            }
        }
    }
}

fn patterns_of(room: &DesiredRoom) -> impl Iterator<Item = (Key, &Glob)> {
    let ignored = room.ignore.iter().map(|glob| (Key::Ignore, glob));
    ignored.chain(room.guards.protect.iter().map(|glob| (Key::Protect, glob)))
}
