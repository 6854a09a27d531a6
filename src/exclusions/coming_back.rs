//! People whom the files do not want and who come back. They are removed or demoted at each look all the same; here they are only counted,
//! to be named.

use crate::clock::{Moment, Moved};
use crate::model::{Op, RoomId, UserId};
use crate::status;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Removals or demotions…
const TIMES: usize = 3;
/// …within this time, from which on somebody comes back.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// Most people who are counted, about 8 MB. Beyond that, those who were removed once only are forgotten.
const MOST: usize = 50_000;

/// People who were removed or demoted within a day, by room, and when: the last [`TIMES`].
#[derive(Debug, Default)]
pub(crate) struct ComingBack {
    rooms: BTreeMap<RoomId, BTreeMap<(UserId, Op), VecDeque<Timestamp>>>,
    number: usize,
}

/// True if these are enough within the time.
fn is_named(times: &VecDeque<Timestamp>, now: Timestamp) -> bool {
    let is_recent = |time: &Timestamp| now.duration_since(*time) < WINDOW;
    times.len() >= TIMES && times.iter().all(is_recent)
}

impl ComingBack {
    /// Counts somebody who was removed or demoted. `true`: they come back, and did not before.
    pub(crate) fn done(&mut self, room: &RoomId, op: Op, user: &UserId, now: Timestamp) -> bool {
        let key = (user.clone(), op);
        let is_known = self.rooms.get(room).is_some_and(|users| users.contains_key(&key));
        if !is_known && self.number >= MOST {
            self.retain(|times| times.len() > 1);
            if self.number >= MOST {
                return false;
            }
        }
        let times = self
            .rooms
            .entry(room.clone())
            .or_default()
            .entry(key)
            .or_default();
        self.number += usize::from(!is_known);
        let was_named = is_named(times, now);
        times.push_back(now);
        if times.len() > TIMES {
            times.pop_front();
        }
        !was_named && is_named(times, now)
    }

    /// Forgets somebody who was added or promoted by us: `op` undoes that.
    pub(crate) fn wanted(&mut self, room: &RoomId, op: Op, user: &UserId) {
        if let Some(users) = self.rooms.get_mut(room) {
            let known = users.remove(&(user.clone(), op));
            self.number -= usize::from(known.is_some());
            if users.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Everyone who comes back. Whoever is removed as an admin is demoted, too, and shown once.
    pub(crate) fn shown(&self, now: Moment) -> Vec<status::ComesBack> {
        let mut all = Vec::new();
        for (room, users) in &self.rooms {
            let named = |key: &(UserId, Op)| users.get(key).filter(|times| is_named(times, now.steady));
            for key @ (user, op) in users.keys() {
                let is_shown = *op == Op::Remove || named(&(user.clone(), Op::Remove)).is_none();
                let last = named(key).filter(|_| is_shown).and_then(VecDeque::back);
                all.extend(last.map(|last| status::ComesBack {
                    user: user.clone(),
                    room: room.clone(),
                    op: *op,
                    last: now.wall_at(*last),
                }));
            }
        }
        all
    }

    /// Forgets everyone who was not removed or demoted for a day.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        let is_recent = |time: &Timestamp| now.duration_since(*time) < WINDOW;
        self.retain(|times| times.back().is_some_and(is_recent));
    }

    /// Follows a move of the steady time.
    pub(crate) fn moved(&mut self, moved: &Moved) {
        for time in self.rooms.values_mut().flat_map(BTreeMap::values_mut).flatten() {
            *time = moved.of(*time);
        }
    }

    fn retain(&mut self, keep: impl Fn(&VecDeque<Timestamp>) -> bool) {
        self.rooms.retain(|_, users| {
            users.retain(|_, times| keep(times));
            !users.is_empty()
        });
        self.number = self.rooms.values().map(BTreeMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (RoomId, UserId) {
        (RoomId::parse("7").unwrap(), UserId::parse("eve").unwrap())
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    /// Who is shown, and for which operation.
    fn shown(all: &ComingBack, minutes: i64) -> Vec<(String, Op)> {
        let (wall, steady) = (at(minutes), at(minutes));
        let shown = all.shown(Moment { wall, steady }).into_iter();
        shown.map(|who| (who.user.to_string(), who.op)).collect()
    }

    #[test]
    fn whoever_is_removed_three_times_in_a_day_comes_back() {
        let (room, eve) = names();
        let mut all = ComingBack::default();
        let mut removed = |minutes| all.done(&room, Op::Remove, &eve, at(minutes));
        assert_eq!(
            [0, 600, 1_200, 1_300].map(&mut removed),
            [false, false, true, false],
            "they are news once"
        );
        assert_eq!(shown(&all, 1_300), [("eve".to_owned(), Op::Remove)]);
        assert_eq!(shown(&all, 600 + 24 * 60), [], "two within a day");
        assert!(!all.done(&room, Op::Remove, &eve, at(600 + 24 * 60 + 1_000)));
        all.forget(at(10_000));
        assert!(all.rooms.is_empty() && all.number == 0);
    }

    #[test]
    fn an_admin_who_is_removed_is_shown_once() {
        let (room, eve) = names();
        let mut all = ComingBack::default();
        for minute in 0..3 {
            all.done(&room, Op::Demote, &eve, at(minute));
        }
        assert_eq!(shown(&all, 3), [("eve".to_owned(), Op::Demote)]);
        for minute in 3..6 {
            all.done(&room, Op::Remove, &eve, at(minute));
        }
        assert_eq!(shown(&all, 6), [("eve".to_owned(), Op::Remove)]);
    }

    #[test]
    fn whom_we_added_did_not_come_back() {
        let (room, eve) = names();
        let mut all = ComingBack::default();
        for minute in 0..9 {
            assert!(!all.done(&room, Op::Remove, &eve, at(minute)));
            all.wanted(&room, Op::Remove, &eve);
        }
        assert!(all.rooms.is_empty() && all.number == 0);
    }

    #[test]
    fn those_who_came_once_only_are_forgotten_first() {
        let (room, eve) = names();
        let mut all = ComingBack::default();
        all.done(&room, Op::Remove, &eve, at(0));
        all.done(&room, Op::Remove, &eve, at(1));
        for n in 0..2 * MOST {
            all.done(
                &room,
                Op::Remove,
                &UserId::parse(&format!("u{n}")).unwrap(),
                at(2),
            );
        }
        assert!(all.number <= MOST);
        assert!(all.done(&room, Op::Remove, &eve, at(3)));
    }
}
