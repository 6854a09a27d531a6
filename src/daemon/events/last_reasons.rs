//! The last reason that an event gave for why somebody is not in a room. A hint for people: nothing is decided by it.

use crate::model::{MemberSet, RoomId, UserId};
use crate::web::{Actor, EventKind, Leave, RoomEvent};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use tokio::time::Instant;

/// Most reasons that are kept; the oldest goes first.
const MOST: usize = 10_000;

/// A reason, as an event gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct LastReason {
    pub(in crate::daemon) leave: Leave,
    pub(in crate::daemon) by: Actor,
    /// When the event came.
    pub(in crate::daemon) at: Instant,
}

/// The last reasons, by room and person.
#[derive(Debug, Default)]
pub(in crate::daemon) struct LastReasons {
    rooms: HashMap<RoomId, HashMap<UserId, LastReason>>,
    in_order: VecDeque<(Instant, RoomId, UserId)>,
}

impl LastReasons {
    /// Takes in what an event says of the people of whom `is_meant` is true. Whoever joined needs no reason.
    pub(super) fn see(&mut self, event: &RoomEvent, is_meant: impl Fn(&UserId) -> bool, now: Instant) {
        let leave = match event.kind {
            EventKind::Left(leave) => leave,
            EventKind::Blocked => Leave::Blocked,
            EventKind::Joined => {
                for user in &event.people {
                    self.forget(&event.room, user, |_| true);
                }
                return;
            }
            _ => return,
        };
        for user in event.people.iter().filter(|user| is_meant(user)) {
            // The older form tells of the same twice, once without a reason.
            if leave == Leave::Unsaid && self.get(&event.room, user).is_some() {
                continue;
            }
            self.in_order.push_back((now, event.room.clone(), user.clone()));
            let reason = LastReason {
                leave,
                by: event.by.clone(),
                at: now,
            };
            let room = self.rooms.entry(event.room.clone()).or_default();
            room.insert(user.clone(), reason);
        }
        while self.in_order.len() > MOST {
            self.pop();
        }
    }

    /// Forgets the reasons of those who are in a room by a read of it that began at this time.
    pub(in crate::daemon) fn back(&mut self, room: &RoomId, here: &MemberSet, read_at: Instant) {
        let is_over = |(user, reason): &(&UserId, &LastReason)| reason.at < read_at && here.contains(user);
        let over: Vec<UserId> = self
            .in_room(room)
            .filter(is_over)
            .map(|(user, _)| user.clone())
            .collect();
        for user in &over {
            self.forget(room, user, |_| true);
        }
    }

    /// The last reason for why somebody is not in a room.
    pub(in crate::daemon) fn get(&self, room: &RoomId, user: &UserId) -> Option<&LastReason> {
        self.rooms.get(room)?.get(user)
    }

    /// The last reasons for why people are not in a room.
    pub(in crate::daemon) fn in_room(&self, room: &RoomId) -> impl Iterator<Item = (&UserId, &LastReason)> {
        self.rooms.get(room).into_iter().flatten()
    }

    fn forget(&mut self, room: &RoomId, user: &UserId, is_over: impl Fn(&LastReason) -> bool) {
        if let Some(reasons) = self.rooms.get_mut(room)
            && reasons.get(user).is_some_and(is_over)
        {
            reasons.remove(user);
            if reasons.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Forgets the oldest, unless there is a later one of the same person in the same room.
    fn pop(&mut self) {
        if let Some((at, room, user)) = self.in_order.pop_front() {
            self.forget(&room, &user, |reason| reason.at == at);
        }
    }
}

impl fmt::Display for LastReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.leave {
            Leave::Quit => "left",
            Leave::Offline => "was offline for two minutes",
            Leave::QuitOrOffline => "left, or was offline for two minutes",
            Leave::Removed => "was removed",
            Leave::RemovedOrOffline => "was removed, or was offline for two minutes",
            Leave::Blocked => "was blocked",
            Leave::RoomDeleted => "was there when the room was deleted",
            Leave::Unsaid => "is gone",
        };
        match (&self.by, self.leave) {
            (Actor::Person(by), Leave::Removed | Leave::Blocked) => write!(f, "{what} by {by}"),
            (Actor::App, Leave::Removed | Leave::Blocked) => write!(f, "{what} by a program"),
            _ => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn event(kind: EventKind, name: &str, by: Actor) -> RoomEvent {
        RoomEvent {
            room: RoomId::parse("7").unwrap(),
            kind,
            people: vec![UserId::parse(name).unwrap()],
            has_others: false,
            by,
        }
    }

    fn said(reasons: &LastReasons, name: &str) -> Option<String> {
        let (room, user) = (RoomId::parse("7").unwrap(), UserId::parse(name).unwrap());
        reasons.get(&room, &user).map(ToString::to_string)
    }

    #[test]
    fn the_last_reason_counts_until_the_person_is_back() {
        let mut now = Instant::now();
        let mut reasons = LastReasons::default();
        let mut see = |kind, by| {
            now += Duration::from_secs(1);
            reasons.see(&event(kind, "bob", by), |_| true, now);
            said(&reasons, "bob")
        };
        let alice = || Actor::Person(UserId::parse("alice").unwrap());
        let left = EventKind::Left;
        assert_eq!(
            see(left(Leave::Removed), alice()).unwrap(),
            "was removed by alice"
        );
        assert_eq!(
            see(left(Leave::Unsaid), Actor::Unsaid).unwrap(),
            "was removed by alice"
        );
        assert_eq!(
            see(left(Leave::Offline), Actor::App).unwrap(),
            "was offline for two minutes"
        );
        assert_eq!(
            see(EventKind::Blocked, Actor::App).unwrap(),
            "was blocked by a program"
        );
        assert_eq!(
            see(EventKind::Promoted, alice()).unwrap(),
            "was blocked by a program"
        );
        assert_eq!(see(EventKind::Joined, Actor::Unsaid), None);
    }

    #[test]
    fn whoever_is_seen_after_it_needs_no_reason() {
        let (room, bob) = (RoomId::parse("7").unwrap(), UserId::parse("bob").unwrap());
        let here: MemberSet = [bob].into_iter().collect();
        let at = Instant::now();
        let mut reasons = LastReasons::default();
        reasons.see(
            &event(EventKind::Left(Leave::Quit), "bob", Actor::Unsaid),
            |_| true,
            at,
        );
        // This look began before the event.
        reasons.back(&room, &here, at);
        assert!(said(&reasons, "bob").is_some());
        reasons.back(&room, &MemberSet::default(), at + Duration::from_secs(1));
        assert!(said(&reasons, "bob").is_some());
        reasons.back(&room, &here, at + Duration::from_secs(1));
        assert_eq!(said(&reasons, "bob"), None);
        assert!(reasons.rooms.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let start = Instant::now();
        let mut reasons = LastReasons::default();
        let left = |name: &str| event(EventKind::Left(Leave::Quit), name, Actor::Unsaid);
        for n in 0..MOST as u64 {
            reasons.see(
                &left(&format!("u{n}")),
                |_| true,
                start + Duration::from_millis(n),
            );
        }
        let later = start + Duration::from_secs(60);
        // The first is there anew, and so not the oldest any more.
        reasons.see(&left("u0"), |_| true, later);
        reasons.see(&left("new"), |_| true, later);
        // Nobody is pushed out by a stranger.
        reasons.see(&left("stranger"), |_| false, later);
        let kept: usize = reasons.rooms.values().map(HashMap::len).sum();
        assert!(kept <= MOST && reasons.in_order.len() == MOST);
        assert!(said(&reasons, "u0").is_some() && said(&reasons, "new").is_some());
        assert_eq!(said(&reasons, "u1"), None);
    }
}
