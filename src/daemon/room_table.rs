//! The managed rooms as the daemon keeps them between passes, and who works on each.

use super::holds::wanted;
use super::workqueue::{Ticket, Workqueue};
use crate::apply::Stop;
use crate::backoff::Backoff;
use crate::desired::DesiredRoom;
use crate::live::LiveRoom;
use crate::model::{MemberSet, RoomId, UserId};
use crate::plan::{Note, RoomPlan};
use crate::web::State;
use jiff::Timestamp;
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
    rooms: BTreeMap<RoomId, Room>,
    /// Rooms that are due on their own and that nobody works on.
    queue: Workqueue,
    /// Number of entries that rooms have had in all.
    generations: u64,
    /// Ends the work in rooms that have left the files.
    leaving: BTreeMap<RoomId, Stop>,
}

/// A managed room.
#[derive(Debug)]
pub(super) struct Room {
    desired: Arc<DesiredRoom>,
    generation: u64,
    work: Work,
    /// Time at which it is to be reconciled on its own.
    due: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// Start of the last look that saw it, or failed to.
    tried: Option<Instant>,
    looked: Option<Timestamp>,
    /// True if its members are among those that the fleet's budget is a share of.
    counted: bool,
    state: State,
    since: Timestamp,
    /// The last plan, with what is still to be done of it.
    plan: Option<RoomPlan>,
    error: Option<Note>,
    /// Wanted people who were missing at the last look, and the entry that wanted them.
    missing: Option<(Arc<DesiredRoom>, MemberSet)>,
    /// Those of them who were there before.
    gone: MemberSet,
}

/// Work that goes on in a room.
#[derive(Debug)]
enum Work {
    None,
    /// A pass over the rooms that are due looks at it.
    Looking,
    /// A pass writes to it.
    Applying(Stop),
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

    pub(super) fn get_mut(&mut self, id: &RoomId) -> Option<&mut Room> {
        self.rooms.get_mut(id)
    }

    /// The room of this ticket, unless the files have another entry for it by now.
    pub(super) fn current(&mut self, ticket: &Ticket) -> Option<&mut Room> {
        let room = self.rooms.get_mut(&ticket.desired.id)?;
        (room.generation == ticket.generation).then_some(room)
    }

    /// Removes the rooms that are not among these, ends the work in them, and says which they were.
    pub(super) fn remove_others(&mut self, rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>) -> Vec<RoomId> {
        let gone: Vec<RoomId> = self.ids().filter(|id| !rooms.contains_key(id)).cloned().collect();
        for id in &gone {
            self.queue.remove(id);
            if let Some(Work::Applying(stop)) = self.rooms.remove(id).map(|room| room.work) {
                stop.interrupt();
                self.leaving.insert(id.clone(), stop);
            }
        }
        gone
    }

    /// Gives a room its entry. A new entry, or an old one for which `anew` is true, is reconciled at once; work for the one before it
    /// ends.
    pub(super) fn put(&mut self, desired: Arc<DesiredRoom>, anew: bool, now: Timestamp) {
        let id = desired.id.clone();
        if let Some(room) = self.rooms.get_mut(&id) {
            if *room.desired == *desired && !anew {
                return;
            }
            self.generations += 1;
            room.desired = desired;
            room.generation = self.generations;
            room.failures = 0;
            match &room.work {
                Work::Applying(stop) => stop.interrupt(),
                // A look that goes on is for the entry before.
                Work::None | Work::Looking => room.work = Work::None,
            }
        } else {
            self.generations += 1;
            let mut room = Room::new(desired, self.generations, now);
            // Nobody else changes it before the work under way when it left has ended.
            room.work = self.leaving.remove(&id).map_or(Work::None, Work::Applying);
            self.rooms.insert(id.clone(), room);
        }
        self.schedule(&id, Instant::now());
    }

    /// Tickets for all rooms that nobody works on, without those that failed and come back on their own, if these are not wanted.
    pub(super) fn take_all(&mut self, with_failed: bool) -> Vec<Ticket> {
        let free = |room: &&mut Room| (with_failed || !room.comes_back()) && room.is_free();
        let rooms = self.rooms.values_mut().filter(free);
        let tickets = rooms.map(|room| {
            room.due = None;
            self.queue.remove(&room.desired.id);
            room.ticket()
        });
        tickets.collect()
    }

    /// Tickets for the rooms that are due on their own, which a pass looks at from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Ticket> {
        let due = self.queue.take_due(now);
        let tickets = due.iter().filter_map(|id| {
            let room = self.rooms.get_mut(id)?;
            room.due = None;
            room.work = Work::Looking;
            Some(room.ticket())
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
            if room.is_free() {
                self.queue.put(id, due);
            }
        }
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

    /// Marks the room of this ticket as being changed. `None`: somebody changes it already, or it has another entry by now.
    pub(super) fn claim(&mut self, ticket: &Ticket) -> Option<Stop> {
        let room = self.current(ticket)?;
        if room.is_being_changed() {
            room.due = Some(Instant::now());
            return None;
        }
        let stop = Stop::default();
        room.work = Work::Applying(stop.clone());
        self.queue.remove(&ticket.desired.id);
        Some(stop)
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
        for room in self.rooms.values_mut() {
            room.counted = room.looked.is_some();
        }
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

impl Room {
    fn new(desired: Arc<DesiredRoom>, generation: u64, now: Timestamp) -> Self {
        Self {
            desired,
            generation,
            work: Work::None,
            due: None,
            failures: 0,
            tried: None,
            looked: None,
            counted: false,
            state: State::Unseen,
            since: now,
            plan: None,
            error: None,
            missing: None,
            gone: MemberSet::default(),
        }
    }

    pub(super) fn desired(&self) -> &Arc<DesiredRoom> {
        &self.desired
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Time since which it is in its state.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// Time of the last look that saw it, or failed to.
    pub(super) fn looked(&self) -> Option<Timestamp> {
        self.looked
    }

    /// The last plan, with what is still to be done of it.
    pub(super) fn plan(&self) -> Option<&RoomPlan> {
        self.plan.as_ref()
    }

    pub(super) fn error(&self) -> Option<&Note> {
        self.error.as_ref()
    }

    /// Time of the next try, if it failed and comes back on its own.
    pub(super) fn next_try(&self) -> Option<Instant> {
        self.due.filter(|_| self.failures > 0)
    }

    /// True if removals or demotions wait in it until the files have settled.
    pub(super) fn has_pending(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| !plan.pending.is_empty())
    }

    /// True if nobody works on it.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.work, Work::None)
    }

    pub(super) fn is_being_changed(&self) -> bool {
        matches!(self.work, Work::Applying(_))
    }

    /// Ends the apply that goes on in it, if one does.
    pub(super) fn interrupt(&self) {
        if let Work::Applying(stop) = &self.work {
            stop.interrupt();
        }
    }

    /// Records a look that began at `begun`. `false`: a later one was there before, or somebody changes the room.
    pub(super) fn see(&mut self, begun: Instant, now: Timestamp) -> bool {
        let is_old = self.tried.is_some_and(|tried| tried > begun);
        if is_old || self.is_being_changed() {
            return false;
        }
        self.tried = Some(Instant::now());
        self.looked = Some(now);
        true
    }

    /// Puts it into a state, as of now if it was in another one.
    pub(super) fn set_state(&mut self, state: State, error: Option<Note>, now: Timestamp) {
        if state != self.state {
            self.since = now;
        }
        self.state = state;
        self.error = error;
    }

    pub(super) fn set_plan(&mut self, plan: RoomPlan) {
        self.plan = Some(plan);
    }

    /// The next failure is the first in a row.
    pub(super) fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// Counts its members in the fleet's budget from now on. `true`: they were not before.
    pub(super) fn count(&mut self) -> bool {
        !std::mem::replace(&mut self.counted, true)
    }

    /// Records who is missing, and who of them was there at the last look or has been added since.
    pub(super) fn see_missing(&mut self, live: &LiveRoom) {
        let owner = live.owner.as_deref();
        let missing = all_wanted(&self.desired)
            .minus(&live.members)
            .filter(|user| Some(user.as_str()) != owner);
        if let Some((then, missing_then)) = &self.missing {
            let left = missing.and(&all_wanted(then)).minus(missing_then);
            self.gone = self.gone.and(&missing).or(&left);
        }
        self.missing = Some((Arc::clone(&self.desired), missing));
    }

    /// Records that somebody was added. `true`: they are put back, because they were there before.
    pub(super) fn added(&mut self, user: &UserId) -> bool {
        let others = |users: &MemberSet| users.filter(|other| other != user);
        let put_back = self.gone.contains(user);
        self.gone = others(&self.gone);
        if let Some((_, missing)) = &mut self.missing {
            *missing = others(missing);
        }
        put_back
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            desired: Arc::clone(&self.desired),
            generation: self.generation,
        }
    }

    fn comes_back(&self) -> bool {
        self.next_try().is_some()
    }
}

/// Everyone whom the files want in a room, admins only if members are not managed.
fn all_wanted(desired: &DesiredRoom) -> MemberSet {
    wanted(desired)
        .or_else(|| desired.admins.clone())
        .unwrap_or_default()
}
