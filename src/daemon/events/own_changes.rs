//! Changes that the daemon has made in the last minute, so that their own events are no reason to look.

use crate::model::{Op, RoomId, UserId};
use crate::web::{EventKind, Leave, RoomEvent};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// Time for which the events of a change are expected.
const MEMORY: Duration = Duration::from_secs(60);
/// Most changes that are remembered: those of a minute at 50 calls of 60 people a second. The events of one that was forgotten are
/// a look more.
const MOST: usize = 180_000;

/// Changes of one person in one room each. They are kept as hashes, with a key that nobody outside knows: two that share one would
/// cost a look at the next interval instead of now.
#[derive(Debug, Default)]
pub(in crate::daemon) struct OwnChanges {
    hasher: RandomState,
    /// When each was made last.
    made: HashMap<u64, Instant>,
    in_order: VecDeque<(Instant, u64)>,
}

impl OwnChanges {
    /// Records changes that are about to be sent: their events can come before their answer.
    pub(in crate::daemon) fn sends<'u>(
        &mut self,
        room: &RoomId,
        op: Op,
        users: impl IntoIterator<Item = &'u UserId>,
        now: Instant,
    ) {
        self.forget(now);
        for user in users {
            let hash = self.hash(room, op, user);
            self.made.insert(hash, now);
            self.in_order.push_back((now, hash));
        }
        while self.in_order.len() > MOST {
            self.pop();
        }
    }

    /// Forgets a change that was not made, or may not have been.
    pub(in crate::daemon) fn failed(&mut self, room: &RoomId, op: Op, user: &UserId) {
        self.made.remove(&self.hash(room, op, user));
    }

    /// True if an event says no more than that these changes were made.
    pub(super) fn has_made(&self, event: &RoomEvent, now: Instant) -> bool {
        let op = match event.kind {
            EventKind::Joined => Op::Add,
            EventKind::Left(Leave::Blocked | Leave::RoomDeleted) => return false,
            EventKind::Left(_) => Op::Remove,
            EventKind::Promoted => Op::Promote,
            EventKind::Demoted => Op::Demote,
            EventKind::Blocked | EventKind::Deleted | EventKind::Unknown | EventKind::Irrelevant => {
                return false;
            }
        };
        let is_ours = |user: &UserId| {
            let made = self.made.get(&self.hash(&event.room, op, user));
            made.is_some_and(|made| now.duration_since(*made) < MEMORY)
        };
        !event.people.is_empty() && !event.has_others && event.people.iter().all(is_ours)
    }

    fn hash(&self, room: &RoomId, op: Op, user: &UserId) -> u64 {
        self.hasher.hash_one((room, op, user))
    }

    fn forget(&mut self, now: Instant) {
        while let Some((made, _)) = self.in_order.front()
            && now.duration_since(*made) >= MEMORY
        {
            self.pop();
        }
    }

    /// Forgets the oldest, unless it was made again since.
    fn pop(&mut self) {
        if let Some((made, hash)) = self.in_order.pop_front()
            && self.made.get(&hash) == Some(&made)
        {
            self.made.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Actor;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn room() -> RoomId {
        RoomId::parse("7").unwrap()
    }

    fn event(kind: EventKind, people: &[&str]) -> RoomEvent {
        RoomEvent {
            room: room(),
            kind,
            people: people.iter().map(|name| user(name)).collect(),
            has_others: false,
            by: Actor::App,
        }
    }

    #[test]
    fn an_event_is_of_our_own_change_if_room_person_and_operation_are_the_same_for_a_minute() {
        let now = Instant::now();
        let mut own = OwnChanges::default();
        own.sends(&room(), Op::Add, [&user("bob"), &user("eve")], now);
        own.sends(&room(), Op::Demote, [&user("mia")], now);
        let has = |event: &RoomEvent| own.has_made(event, now);
        assert!(has(&event(EventKind::Joined, &["bob"])));
        assert!(has(&event(EventKind::Joined, &["eve", "bob"])));
        assert!(has(&event(EventKind::Demoted, &["mia"])));
        assert!(
            !has(&event(EventKind::Joined, &["bob", "dan"])),
            "dan came by himself"
        );
        assert!(!has(&event(EventKind::Joined, &[])), "nobody is named");
        assert!(!has(&event(EventKind::Left(Leave::Removed), &["bob"])));
        assert!(!has(&event(EventKind::Promoted, &["mia"])));
        let elsewhere = RoomEvent {
            room: RoomId::parse("8").unwrap(),
            ..event(EventKind::Joined, &["bob"])
        };
        assert!(!has(&elsewhere));
        let others = RoomEvent {
            has_others: true,
            ..event(EventKind::Joined, &["bob"])
        };
        assert!(!has(&others));
        let joined = event(EventKind::Joined, &["bob"]);
        assert!(own.has_made(&joined, now + Duration::from_secs(59)));
        assert!(!own.has_made(&joined, now + MEMORY));
        own.failed(&room(), Op::Add, &user("bob"));
        assert!(!own.has_made(&joined, now));
    }

    #[test]
    fn who_is_removed_by_us_left_but_was_not_blocked() {
        let now = Instant::now();
        let mut own = OwnChanges::default();
        own.sends(&room(), Op::Remove, [&user("eve")], now);
        for (leave, ours) in [
            (Leave::Removed, true),
            (Leave::RemovedOrOffline, true),
            (Leave::Unsaid, true),
            (Leave::Blocked, false),
            (Leave::RoomDeleted, false),
        ] {
            assert_eq!(own.has_made(&event(EventKind::Left(leave), &["eve"]), now), ours);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let start = Instant::now();
        let mut own = OwnChanges::default();
        let users: Vec<UserId> = (0..60).map(|n| user(&format!("u{n}"))).collect();
        for n in 0..4_000_u64 {
            let room = RoomId::parse(&(n + 1).to_string()).unwrap();
            own.sends(&room, Op::Add, &users, start);
        }
        assert_eq!((own.made.len(), own.in_order.len()), (MOST, MOST));
        own.sends(&room(), Op::Add, [&user("bob")], start + MEMORY);
        assert_eq!((own.made.len(), own.in_order.len()), (1, 1));
    }
}
