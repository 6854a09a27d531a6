//! The rooms by id, with a revision for each: whoever shows them asks for what has changed since.

use super::room::{Freshness, Room};
use crate::model::RoomId;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

/// Most rooms that have left and are remembered. Whoever asks since an earlier one is given all rooms.
const GONE: usize = 10_000;

/// The rooms by id. Each has the revision at which somebody could last change it.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    by_id: BTreeMap<RoomId, Room>,
    revision: u64,
    /// Rooms that have left, and at which revision.
    gone: VecDeque<(u64, RoomId)>,
    /// Revision of the last one of them that was forgotten.
    forgotten: u64,
}

impl Rooms {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Room> {
        self.by_id.values()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &RoomId> {
        self.by_id.keys()
    }

    pub(super) fn get(&self, id: &RoomId) -> Option<&Room> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &RoomId) -> Option<&mut Room> {
        let room = self.by_id.get_mut(id)?;
        self.revision += 1;
        room.revision = self.revision;
        Some(room)
    }

    pub(super) fn insert(&mut self, id: RoomId, mut room: Room) {
        self.revision += 1;
        room.revision = self.revision;
        self.by_id.insert(id, room);
    }

    pub(super) fn remove(&mut self, id: &RoomId) -> Option<Room> {
        let room = self.by_id.remove(id)?;
        self.revision += 1;
        self.gone.push_back((self.revision, id.clone()));
        if self.gone.len() > GONE
            && let Some((revision, _)) = self.gone.pop_front()
        {
            self.forgotten = revision;
        }
        Some(room)
    }

    /// Changes rooms. The function says of each if that can be seen.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut Room) -> bool) {
        for room in self.by_id.values_mut() {
            if change(room) {
                self.revision += 1;
                room.revision = self.revision;
            }
        }
    }

    /// Takes in that time goes on: rooms that nobody has seen for long are shown as unknown.
    pub(super) fn age(&mut self, freshness: Freshness) {
        self.change_all(|room| {
            let (state, _) = room.shown_state(freshness);
            room.shown.replace(state) != Some(state)
        });
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// True if everything is known that has changed since this revision.
    pub(super) fn knows_since(&self, revision: u64) -> bool {
        (self.forgotten..=self.revision).contains(&revision)
    }

    /// Rooms after this one that have changed since then, by id.
    pub(super) fn changed<'a>(
        &'a self,
        since: u64,
        after: Option<&'a RoomId>,
    ) -> impl Iterator<Item = &'a Room> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rooms = self.by_id.range((begin, Bound::Unbounded));
        rooms
            .map(|(_, room)| room)
            .filter(move |room| room.revision > since)
    }

    /// Rooms that have left since then and are not back.
    pub(super) fn gone(&self, since: u64) -> impl Iterator<Item = &RoomId> {
        let gone = self.gone.iter().filter(move |(revision, _)| *revision > since);
        gone.map(|(_, id)| id).filter(|id| !self.by_id.contains_key(*id))
    }
}
