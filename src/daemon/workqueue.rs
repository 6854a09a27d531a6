//! Rooms that are due on their own, by time.

use crate::desired::DesiredRoom;
use crate::model::RoomId;
use crate::reconcile::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// The right to work on a room by one entry of the files.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) desired: Arc<DesiredRoom>,
    /// Number of that entry among all that rooms have had.
    pub(super) generation: u64,
    /// True if the look reads the room's admins where they are managed, whoever is in the room.
    pub(super) admins_due: bool,
}

impl<'a> From<&'a Ticket> for Target<'a> {
    fn from(ticket: &'a Ticket) -> Self {
        Self {
            room: &ticket.desired,
            admins_due: ticket.admins_due,
        }
    }
}

/// Rooms by the time at which they are due. A room is in it once at most.
#[derive(Debug, Default)]
pub(super) struct Workqueue {
    by_time: BTreeSet<(Instant, RoomId)>,
    by_room: BTreeMap<RoomId, Instant>,
}

impl Workqueue {
    /// Has a room due at this time, and at no other.
    pub(super) fn put(&mut self, room: &RoomId, due: Instant) {
        self.remove(room);
        self.by_time.insert((due, room.clone()));
        self.by_room.insert(room.clone(), due);
    }

    pub(super) fn remove(&mut self, room: &RoomId) {
        if let Some(due) = self.by_room.remove(room) {
            self.by_time.remove(&(due, room.clone()));
        }
    }

    /// Takes the rooms that are due by now, in the order of their names.
    pub(super) fn take_due(&mut self, now: Instant) -> BTreeSet<RoomId> {
        let mut due = BTreeSet::new();
        while let Some((_, room)) = self.by_time.first().filter(|(at, _)| *at <= now).cloned() {
            self.remove(&room);
            due.insert(room);
        }
        due
    }

    /// Earliest time at which a room is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_room_is_due_at_the_last_time_given_and_taken_once() {
        let [a, b] = ["1", "2"].map(|id| RoomId::parse(id).unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = Workqueue::default();
        queue.put(&b, at(1));
        queue.put(&a, at(2));
        queue.put(&b, at(3));
        assert_eq!(queue.next(), Some(at(2)));
        assert!(queue.take_due(at(1)).is_empty());
        assert_eq!(queue.take_due(at(2)), BTreeSet::from([a.clone()]));
        queue.put(&a, at(3));
        assert_eq!(queue.take_due(at(9)), BTreeSet::from([a.clone(), b.clone()]));
        queue.put(&a, at(3));
        queue.remove(&a);
        assert_eq!((queue.next(), queue.by_room.len()), (None, 0));
    }
}
