//! Rooms that events ask to look at, and the pace of it.

use crate::model::RoomId;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two looks at a room that events ask for.
const EVERY: Duration = Duration::from_secs(2);
/// Most calls a second for all of them.
const CALLS: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// Time from one batch to the next: so that calls come evenly, and what comes meanwhile shares one.
const SPACING: Duration = Duration::from_millis(50);
/// Most rooms of a batch, whose members one call reads.
const BATCH: usize = 100;

/// Urgency of a look. The least is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Somebody left, or the admins changed.
    Soon,
    /// Somebody joined.
    Later,
}

/// A reason to look at a room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) urgency: Urgency,
    /// True if the look reads the room's admins.
    pub(super) admins: bool,
}

/// Rooms by the time from which on they may be looked at.
type Line = BTreeSet<(Instant, RoomId)>;

/// Rooms to look at. A room is in it once, however many events speak of it.
#[derive(Debug, Default)]
pub(in crate::daemon) struct EventLooks {
    marked: HashMap<RoomId, (Mark, Instant)>,
    soon: Line,
    later: Line,
    /// Looks at a room within [`EVERY`].
    last: HashMap<RoomId, Instant>,
    last_in_order: VecDeque<(Instant, RoomId)>,
    /// Calls of the last second, and their time.
    calls: VecDeque<(Instant, u32)>,
    /// Earliest time of the next batch.
    next_batch: Option<Instant>,
}

impl EventLooks {
    /// Marks a room.
    pub(super) fn mark(&mut self, room: &RoomId, mark: Mark, now: Instant) {
        let (mark, due) = match self.marked.get(room).copied() {
            Some((before, due)) => {
                self.line(before.urgency).remove(&(due, room.clone()));
                let both = Mark {
                    urgency: mark.urgency.min(before.urgency),
                    admins: mark.admins || before.admins,
                };
                (both, due)
            }
            None => {
                let last = self.last.get(room);
                (mark, last.map_or(now, |last| now.max(*last + EVERY)))
            }
        };
        self.line(mark.urgency).insert((due, room.clone()));
        self.marked.insert(room.clone(), (mark, due));
    }

    /// Takes the rooms whose turn it is, each with whether its admins are read. `calls`: calls that a room needs beside its share of
    /// the one that reads the members of all.
    pub(super) fn take(&mut self, now: Instant, calls: impl Fn(&RoomId, bool) -> u32) -> Vec<(RoomId, bool)> {
        let mut taken = Vec::new();
        if self.next_due().is_none_or(|due| due > now) {
            return taken;
        }
        self.forget(now);
        let made: u32 = self.calls.iter().map(|(_, calls)| calls).sum();
        let mut batch = 1;
        let mut next = now + SPACING;
        while taken.len() < BATCH
            && let Some((room, mark)) = self.first_due(now)
        {
            let with_it = calls(&room, mark.admins).saturating_add(batch);
            // One that needs more than the calls of a second goes alone.
            if made.saturating_add(with_it) > CALLS && (made > 0 || !taken.is_empty()) {
                let oldest = self.calls.front().map_or(now, |(at, _)| *at);
                next = next.max(oldest + SECOND);
                break;
            }
            batch = with_it;
            self.remove(&room);
            self.last.insert(room.clone(), now);
            self.last_in_order.push_back((now, room.clone()));
            taken.push((room, mark.admins));
        }
        self.next_batch = Some(next);
        if !taken.is_empty() {
            self.calls.push_back((now, batch));
        }
        taken
    }

    /// Time at which a room may be taken next.
    pub(in crate::daemon) fn next_due(&self) -> Option<Instant> {
        let first = |line: &Line| line.first().map(|(due, _)| *due);
        let due = [first(&self.soon), first(&self.later)]
            .into_iter()
            .flatten()
            .min()?;
        Some(self.next_batch.map_or(due, |next| next.max(due)))
    }

    fn line(&mut self, urgency: Urgency) -> &mut Line {
        match urgency {
            Urgency::Soon => &mut self.soon,
            Urgency::Later => &mut self.later,
        }
    }

    /// The first room that is due.
    fn first_due(&self, now: Instant) -> Option<(RoomId, Mark)> {
        let is_due = |line: &&Line| line.first().is_some_and(|(due, _)| *due <= now);
        let line = [&self.soon, &self.later].into_iter().find(is_due)?;
        let (_, room) = line.first()?;
        let (mark, _) = self.marked.get(room)?;
        Some((room.clone(), *mark))
    }

    fn remove(&mut self, room: &RoomId) {
        if let Some((mark, due)) = self.marked.remove(room) {
            self.line(mark.urgency).remove(&(due, room.clone()));
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, _)) = self.calls.front()
            && now.duration_since(*at) >= SECOND
        {
            self.calls.pop_front();
        }
        while let Some((at, room)) = self.last_in_order.front()
            && now.duration_since(*at) >= EVERY
        {
            if self.last.get(room) == Some(at) {
                self.last.remove(room);
            }
            self.last_in_order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: usize) -> RoomId {
        RoomId::parse(&(number + 1).to_string()).unwrap()
    }

    const LEFT: Mark = Mark {
        urgency: Urgency::Soon,
        admins: false,
    };
    const ADMINS: Mark = Mark { admins: true, ..LEFT };
    const JOINED: Mark = Mark {
        urgency: Urgency::Later,
        ..LEFT
    };

    /// Takes everything at the times at which the queue says that something is due, for so long. Each batch with its time in
    /// milliseconds.
    fn batches(
        looks: &mut EventLooks,
        start: Instant,
        last: Duration,
        each: u32,
    ) -> Vec<(u128, Vec<RoomId>)> {
        let mut batches = Vec::new();
        let mut now = start;
        while let Some(due) = looks.next_due().filter(|due| *due <= start + last) {
            now = now.max(due);
            let taken = looks.take(now, |_, admins| each + u32::from(admins));
            let rooms: Vec<RoomId> = taken.into_iter().map(|(room, _)| room).collect();
            if !rooms.is_empty() {
                batches.push((now.duration_since(start).as_millis(), rooms));
            }
        }
        batches
    }

    #[test]
    fn a_room_is_taken_once_in_two_seconds_however_many_events_speak_of_it() {
        let start = Instant::now();
        let mut looks = EventLooks::default();
        let mut taken = Vec::new();
        // An event a millisecond for ten seconds.
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            looks.mark(&room(1), LEFT, now);
            if looks.next_due().is_some_and(|due| due <= now) && !looks.take(now, |_, _| 0).is_empty() {
                taken.push(ms);
            }
        }
        assert_eq!(taken, [0, 2_000, 4_000, 6_000, 8_000]);
        let after = batches(&mut looks, start, Duration::from_secs(60), 0);
        assert_eq!(after, [(10_000, vec![room(1)])], "the last one counts");
        assert!(looks.next_due().is_none() && looks.marked.is_empty());
    }

    #[test]
    fn a_thousand_rooms_are_ten_calls_and_whoever_left_goes_before_who_joined() {
        let start = Instant::now();
        let mut looks = EventLooks::default();
        for n in 0..1_000 {
            let mark = if n % 2 == 0 { JOINED } else { LEFT };
            looks.mark(&room(n), mark, start);
        }
        // Who joined and left counts as who left.
        looks.mark(&room(0), LEFT, start);
        looks.mark(&room(0), JOINED, start);
        let batches = batches(&mut looks, start, Duration::from_secs(60), 0);
        assert_eq!(batches.len(), 10);
        assert!(batches.iter().all(|(_, rooms)| rooms.len() == 100));
        assert_eq!(batches.last().unwrap().0, 450);
        let order: Vec<&RoomId> = batches.iter().flat_map(|(_, rooms)| rooms).collect();
        let joined = |id: &RoomId| id.as_str() != "1" && id.as_str().parse::<usize>().unwrap() % 2 == 1;
        assert!(order[..501].iter().all(|id| !joined(id)));
        assert!(order[501..].iter().all(|id| joined(id)));
    }

    #[test]
    fn no_second_has_more_than_twenty_calls_whatever_a_room_needs() {
        for (each, mark, rooms) in [
            (0, LEFT, 5_000),
            (0, ADMINS, 200),
            (2, LEFT, 100),
            (7, ADMINS, 50),
            (30, LEFT, 3),
        ] {
            let start = Instant::now();
            let mut looks = EventLooks::default();
            for n in 0..rooms {
                looks.mark(&room(n), mark, start);
            }
            let batches = batches(&mut looks, start, Duration::from_secs(600), each);
            let taken: usize = batches.iter().map(|(_, rooms)| rooms.len()).sum();
            assert_eq!(taken, rooms);
            let calls = |rooms: &[RoomId]| 1 + rooms.len() as u32 * (each + u32::from(mark.admins));
            for (at, _) in &batches {
                let second = batches
                    .iter()
                    .filter(|(other, _)| (*at..at + 1_000).contains(other));
                let (number, sum) = second.fold((0, 0), |(n, sum), (_, rooms)| (n + 1, sum + calls(rooms)));
                assert!(sum <= CALLS || number == 1, "{sum} calls with {each} a room");
            }
        }
    }

    #[test]
    fn what_is_remembered_of_looks_is_bounded_by_time() {
        let start = Instant::now();
        let mut looks = EventLooks::default();
        for n in 0..5_000 {
            looks.mark(&room(n), LEFT, start);
        }
        batches(&mut looks, start, Duration::from_secs(60), 0);
        let later = start + Duration::from_secs(60);
        looks.mark(&room(1), LEFT, later);
        assert_eq!(looks.take(later, |_, _| 0).len(), 1);
        assert_eq!(
            (looks.last.len(), looks.last_in_order.len(), looks.calls.len()),
            (1, 1, 1)
        );
    }
}
