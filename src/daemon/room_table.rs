//! The managed rooms as the daemon keeps them between passes, and who works on each.

mod lag;
mod people;
mod room;
mod rooms;
#[cfg(test)]
pub(super) mod tests;

pub(super) use people::{Missing, is_wanted};
pub(super) use room::{Freshness, Room};

use super::workqueue::{Ticket, Workqueue};
use crate::apply::Cancel;
use crate::backoff::Backoff;
use crate::desired::DesiredRoom;
use crate::model::RoomId;
use crate::status::Lags;
use jiff::Timestamp;
use room::Work;
use rooms::Rooms;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Waits before a room that failed is tried again, and before the service is, with full jitter.
pub(super) const ROOM_BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
};

/// The managed rooms. Each has one worker at a time.
#[derive(Debug, Default)]
pub(super) struct RoomTable {
    rooms: Rooms,
    /// Rooms that are due on their own and that nobody works on.
    queue: Workqueue,
    /// Number of entries that rooms have had in all.
    generations: u64,
    /// Ends the work in rooms that have left the files.
    leaving: BTreeMap<RoomId, Cancel>,
}

impl RoomTable {
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &RoomId> {
        self.rooms.keys()
    }

    pub(super) fn get(&self, id: &RoomId) -> Option<&Room> {
        self.rooms.get(id)
    }

    /// True if this entry of a room is the one in force.
    pub(super) fn has(&self, desired: &DesiredRoom) -> bool {
        self.get(&desired.id)
            .is_some_and(|room| **room.desired() == *desired)
    }

    pub(super) fn get_mut(&mut self, id: &RoomId) -> Option<&mut Room> {
        self.rooms.get_mut(id)
    }

    /// The room of this ticket, unless the files have another entry for it by now.
    pub(super) fn current(&mut self, ticket: &Ticket) -> Option<&mut Room> {
        let room = self.rooms.get_mut(&ticket.desired.id)?;
        (room.generation == ticket.generation).then_some(room)
    }

    /// Removes the rooms that are not among these, ends the work in them, and gives their last entries.
    pub(super) fn remove_others(
        &mut self,
        rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>,
    ) -> Vec<Arc<DesiredRoom>> {
        let gone: Vec<RoomId> = self.ids().filter(|id| !rooms.contains_key(id)).cloned().collect();
        let mut entries = Vec::with_capacity(gone.len());
        for id in gone {
            self.queue.remove(&id);
            let Some(room) = self.rooms.remove(&id) else {
                continue;
            };
            if let Work::Applying(stop) = room.work {
                stop.interrupt();
                self.leaving.insert(id, stop);
            }
            entries.push(room.desired);
        }
        entries
    }

    /// Gives a room its entry. A new entry, or an old one for which `anew` is true, is reconciled at once, and work for the one before
    /// it ends: then this gives the room.
    pub(super) fn put(&mut self, desired: Arc<DesiredRoom>, anew: bool, now: Timestamp) -> Option<&mut Room> {
        let id = desired.id.clone();
        if !anew && self.has(&desired) {
            return None;
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            self.generations += 1;
            room.desired = desired;
            room.generation = self.generations;
            room.failures = 0;
            match &room.work {
                Work::Applying(stop) => stop.interrupt(),
                // A look that goes on and a plan that waits are for the entry before.
                Work::None | Work::Looking | Work::Planned => room.work = Work::None,
            }
        } else {
            self.generations += 1;
            let mut room = Room::new(desired, self.generations, now);
            // Nobody else changes it before the work under way when it left has ended.
            room.work = self.leaving.remove(&id).map_or(Work::None, Work::Applying);
            self.rooms.insert(id.clone(), room);
        }
        self.schedule(&id, Instant::now());
        self.rooms.get_mut(&id)
    }

    /// Tickets for all rooms that nobody works on, without those that failed and come back on their own, if these are not wanted.
    pub(super) fn take_all(&mut self, with_failed: bool) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        self.rooms.change_all(|room| {
            let comes_back = room.next_try().is_some();
            if comes_back && !with_failed || !room.is_free() {
                return false;
            }
            room.due = None;
            room.by_event = false;
            self.queue.remove(&room.desired.id);
            tickets.push(room.ticket());
            comes_back
        });
        tickets
    }

    /// A ticket for this room, unless somebody works on it.
    pub(super) fn take(&mut self, id: &RoomId) -> Option<Ticket> {
        let room = self.rooms.get_mut(id).filter(|room| room.is_free())?;
        room.due = None;
        self.queue.remove(id);
        Some(room.ticket())
    }

    /// Tickets for the rooms that are due on their own, which a pass looks at from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Ticket> {
        let due = self.queue.take_due(now);
        let tickets = due.iter().filter_map(|id| {
            let room = self.rooms.get_mut(id)?;
            room.due = None;
            room.work = Work::Looking;
            let by_event = std::mem::take(&mut room.by_event);
            Some(Ticket {
                admins_due: !by_event || room.admins_asked,
                ..room.ticket()
            })
        });
        tickets.collect()
    }

    /// Earliest time at which a room that nobody works on is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue.next()
    }

    /// Has a room reconciled at this time.
    pub(super) fn schedule(&mut self, id: &RoomId, due: Instant) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.due = Some(due);
            room.by_event = false;
            if room.is_free() {
                self.queue.put(id, due);
            }
        }
    }

    /// Has a room looked at now because an event asks for it, and its admins read if it speaks of them. One that is due is looked at
    /// in any case, and one that failed comes back on its own, no sooner: `false`.
    pub(super) fn look_soon(&mut self, id: &RoomId, with_admins: bool) -> bool {
        let Some(room) = self.rooms.get_mut(id) else {
            return false;
        };
        room.admins_asked |= with_admins;
        if room.next_try().is_some() {
            return false;
        }
        if room.due.is_none() {
            self.schedule(id, Instant::now());
            if let Some(room) = self.rooms.get_mut(id) {
                room.by_event = true;
            }
        }
        true
    }

    /// Records an event that is a reason to look at a room.
    pub(super) fn event(&mut self, id: &RoomId, now: Instant) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.lag_mut().event(now);
        }
    }

    /// Time for which the room of this ticket was not as wanted, if it is now. `wrote`: calls have led to that.
    pub(super) fn end_lag(&mut self, ticket: &Ticket, wrote: bool) -> Lags {
        let room = self.current(ticket);
        room.map(|room| room.end_lag(wrote)).unwrap_or_default()
    }

    /// Has the rooms reconciled now of which this is true, and says how many there are.
    pub(super) fn schedule_where(&mut self, is_meant: impl Fn(&Room) -> bool) -> usize {
        let meant = self.iter().filter(|room| is_meant(room));
        let meant: Vec<RoomId> = meant.map(|room| room.desired.id.clone()).collect();
        for id in &meant {
            self.schedule(id, Instant::now());
        }
        meant.len()
    }

    /// Has the room of this ticket reconciled now, unless it has another entry by now.
    pub(super) fn put_off(&mut self, ticket: &Ticket) {
        if self.current(ticket).is_some() {
            self.schedule(&ticket.desired.id, Instant::now());
        }
    }

    /// Has a room that failed tried again after a while.
    pub(super) fn retry(&mut self, id: &RoomId, random: &mut fastrand::Rng) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.failures += 1;
            let wait = ROOM_BACKOFF.jittered(room.failures, random);
            self.schedule(id, Instant::now() + wait);
        }
    }

    /// Ends the look at the rooms of these tickets.
    pub(super) fn end_looks(&mut self, tickets: &[Ticket]) {
        for ticket in tickets {
            if let Some(room) = self.current(ticket)
                && matches!(room.work, Work::Looking)
            {
                self.set_free(&ticket.desired.id);
            }
        }
    }

    /// Takes the room of this ticket for a pass that will change it. `false`: another pass has it, and it is looked at again after that;
    /// or it has another entry by now.
    pub(super) fn reserve(&mut self, ticket: &Ticket) -> bool {
        let Some(room) = self.current(ticket) else {
            return false;
        };
        if room.is_taken() {
            room.due = Some(Instant::now());
            return false;
        }
        room.work = Work::Planned;
        self.queue.remove(&ticket.desired.id);
        true
    }

    /// Marks a room that was reserved as being changed. `None`: it has another entry by now.
    pub(super) fn claim(&mut self, ticket: &Ticket) -> Option<Cancel> {
        let room = self.current(ticket)?;
        if !matches!(room.work, Work::Planned) {
            return None;
        }
        let cancel = Cancel::default();
        room.work = Work::Applying(cancel.clone());
        Some(cancel)
    }

    /// Gives back the rooms of these tickets that were reserved and are not changed after all.
    pub(super) fn give_back<'a>(&mut self, tickets: impl IntoIterator<Item = &'a Ticket>) {
        for ticket in tickets {
            if let Some(room) = self.current(ticket)
                && matches!(room.work, Work::Planned)
            {
                self.set_free(&ticket.desired.id);
            }
        }
    }

    /// Ends the work in a room, by whatever entry it was begun.
    pub(super) fn release(&mut self, id: &RoomId) {
        self.leaving.remove(id);
        self.set_free(id);
    }

    /// Ends all work under way.
    pub(super) fn interrupt_all(&self) {
        for room in self.iter() {
            room.interrupt();
        }
    }

    /// From now on the members of all rooms that were looked at count in the fleet's budget.
    pub(super) fn count_all(&mut self) {
        self.rooms.change_all(|room| {
            room.counted = room.looked().is_some();
            false
        });
    }

    /// Takes in that time goes on, before the rooms are shown.
    pub(super) fn age(&mut self, freshness: Freshness) {
        self.rooms.age(freshness);
    }

    /// Revision of the rooms now.
    pub(super) fn revision(&self) -> u64 {
        self.rooms.revision()
    }

    /// True if everything is known that has changed since this revision.
    pub(super) fn knows_since(&self, revision: u64) -> bool {
        self.rooms.knows_since(revision)
    }

    /// Rooms after this one that have changed since this revision, by id.
    pub(super) fn changed<'a>(
        &'a self,
        since: u64,
        after: Option<&'a RoomId>,
    ) -> impl Iterator<Item = &'a Room> {
        self.rooms.changed(since, after)
    }

    /// Rooms that have left the files since this revision and are not back.
    pub(super) fn gone(&self, since: u64) -> impl Iterator<Item = &RoomId> {
        self.rooms.gone(since)
    }

    fn set_free(&mut self, id: &RoomId) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.work = Work::None;
            if let Some(due) = room.due {
                self.queue.put(id, due);
            }
        }
    }
}
