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
pub struct UnmatchedPatterns<'a>(BTreeMap<(Key, &'a Glob), Rooms<'a>>);

/// Rooms that have a pattern.
#[derive(Debug)]
struct Rooms<'a> {
    /// First of them, by id.
    first: &'a RoomId,
    number: usize,
    /// Number of those that were not seen completely so far.
    unseen: usize,
}

impl<'a> UnmatchedPatterns<'a> {
    /// Collects the patterns of all rooms of the files.
    #[must_use]
    pub fn of(rooms: &'a [DesiredRoom]) -> Self {
        let mut patterns: BTreeMap<_, Rooms<'a>> = BTreeMap::new();
        for room in rooms {
            for pattern in patterns_of(room) {
                let of_pattern = patterns.entry(pattern).or_insert(Rooms {
                    first: &room.id,
                    number: 0,
                    unseen: 0,
                });
                of_pattern.first = of_pattern.first.min(&room.id);
                of_pattern.number += 1;
                of_pattern.unseen += 1;
            }
        }
        Self(patterns)
    }

    /// Takes out the patterns that match somebody whom the room wants, or who is there. To be called once a room.
    pub fn look(&mut self, room: &'a DesiredRoom, observed: &Observed) {
        let Some(live) = observed.complete() else { return };
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
            let Some(rooms) = self.0.get_mut(&pattern) else {
                continue;
            };
            if names().any(|name| glob.matches(name)) {
                self.0.remove(&pattern);
            } else {
                rooms.unseen = rooms.unseen.saturating_sub(1);
            }
        }
    }

    /// Notes what is left, each pattern once, at the first of its rooms. A pattern of a room that was not seen may match somebody
    /// there.
    pub fn note(self, plan: &mut FleetPlan) {
        for ((key, glob), Rooms { first, number, .. }) in
            self.0.into_iter().filter(|(_, rooms)| rooms.unseen == 0)
        {
            let key = match key {
                Key::Ignore => "ignore",
                Key::Protect => "protect",
            };
            let place = match number {
                1 => "here".to_owned(),
                rooms => format!("in any of its {}", counted(rooms, "room")),
            };
            let message = format!("`{glob}` under `{key}` matches nobody who is listed or live {place}");
            // By id.
            let at = plan.rooms.binary_search_by(|room| room.id.cmp(first));
            if let Some(room) = at.ok().and_then(|at| plan.rooms.get_mut(at)) {
                room.notes.push(Note::new(ReasonCode::MatchesNobody, message));
            }
        }
    }
}

/// The patterns of a room, each once.
fn patterns_of(room: &DesiredRoom) -> BTreeSet<(Key, &Glob)> {
    let ignored = room.ignore.iter().map(|glob| (Key::Ignore, glob));
    let protected = room.guards.protect.iter().map(|glob| (Key::Protect, glob));
    ignored.chain(protected).collect()
}
