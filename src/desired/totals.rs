//! Totals of a set of files.

use super::forecast::FleetDepartures;
use super::group_index::GroupIndex;
use super::lints::{room_lists, used_groups};
use super::place::{Specs, rooms};
use super::room::DesiredRoom;
use super::spec::FileSpec;
use crate::model::UserId;
use jiff::Timestamp;
use std::collections::HashSet;

/// Totals of the rooms, as one after the other is resolved.
pub(super) struct Totals {
    pub(super) rooms: usize,
    /// Departures from all rooms, where places end.
    pub(super) departures: FleetDepartures,
    has_ends: bool,
    now: Timestamp,
    /// The wanted people. `None`: the lists tell, since no room excludes anybody, or nobody asks.
    wanted: Option<HashSet<UserId>>,
}

impl Totals {
    /// Nothing yet. `count_people`: how many they are will be asked.
    pub(super) fn new(specs: &Specs, count_people: bool, now: Timestamp) -> Self {
        let excludes = || rooms(specs).any(|(_, _, room)| room.exclude.entry.is_some());
        Self {
            rooms: 0,
            departures: FleetDepartures::default(),
            has_ends: has_ends(specs),
            now,
            wanted: (count_people && excludes()).then(HashSet::new),
        }
    }

    /// Counts a room.
    pub(super) fn count(&mut self, room: &DesiredRoom) {
        self.rooms += 1;
        if self.has_ends {
            self.departures.count(room, self.now);
        }
        if let Some(wanted) = &mut self.wanted {
            let lists = [&room.admins, &room.members];
            wanted.extend(lists.into_iter().flatten().flatten().cloned());
        }
    }

    /// Number of people who are to be in a room, each counted once.
    pub(super) fn people(&self, specs: &Specs, index: &GroupIndex) -> usize {
        match &self.wanted {
            Some(wanted) => wanted.len(),
            None => listed(specs, index),
        }
    }
}

/// Number of people whom the lists of rooms come to, each counted once.
fn listed(specs: &Specs, index: &GroupIndex) -> usize {
    // A share of the names at a time, so that even all of them take next to no memory.
    const SHARES: u8 = 16;
    let used = used_groups(index, room_lists(specs));
    let of_groups = || {
        let used = index
            .groups()
            .iter()
            .enumerate()
            .filter(|(group, _)| used.contains_key(group));
        used.map(|(_, group)| group.items(specs))
    };
    let of_rooms = || room_lists(specs).map(|(_, items)| items);
    let share_of = |user: &UserId| user.as_str().bytes().fold(0, u8::wrapping_add) % SHARES;
    let count = |share| {
        let items = of_groups().chain(of_rooms()).flatten();
        let mut users: Vec<&UserId> = items
            .filter_map(|item| item.as_ref()?.user())
            .filter(|user| share_of(user) == share)
            .collect();
        users.sort_unstable();
        users.dedup();
        users.len()
    };
    (0..SHARES).map(count).sum()
}

/// True if a place in one of the lists ends.
fn has_ends(specs: &Specs) -> bool {
    let of_file = |spec: &FileSpec| {
        let groups = spec.groups.value.iter().flatten().map(|group| &group.items);
        let rooms = spec.rooms.value.iter().flatten().flatten();
        let lists = rooms.flat_map(|room| [&room.admins, &room.members]);
        let mut items = groups
            .chain(lists.filter_map(|list| list.value.as_ref()))
            .flatten()
            .flatten();
        items.any(|entry| entry.until().is_some())
    };
    specs.iter().any(|(_, spec)| of_file(spec))
}
