//! Members who are put back and leave again. "Members who go offline are dropped from the room after about 2 minutes" is how
//! this service works, so putting somebody back every time would never end.

use crate::clock::{Moment, Moved};
use crate::model::{ReasonCode, RoomId, UserId};
use crate::plan::NotTried;
use crate::status;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Number of times that somebody is put back…
const TIMES: u32 = 3;
/// …within this time; then they are left alone until it is over.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// Longest time for which somebody is left alone.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// People who were put back within the last hour, by room, and how often.
#[derive(Debug, Default)]
pub(crate) struct ComingAndGoing(BTreeMap<RoomId, BTreeMap<UserId, Window>>);

#[derive(Debug)]
struct Window {
    ends: Timestamp,
    times: u32,
    /// True if a look found them gone since they have been left alone.
    was_gone: bool,
    /// Times in a row that they were left alone before. Each time is twice as long as the one before.
    before: u32,
}

impl ComingAndGoing {
    /// Counts somebody who was put back. Gives the end of the time for which they are left alone from now on, if they are.
    pub(crate) fn put_back(&mut self, room: &RoomId, user: &UserId, now: Timestamp) -> Option<Timestamp> {
        let fresh = |before| Window {
            ends: now.checked_add(WINDOW).unwrap_or(now),
            times: 0,
            was_gone: false,
            before,
        };
        let users = self.0.entry(room.clone()).or_default();
        let window = users.entry(user.clone()).or_insert(fresh(0));
        if window.ends <= now {
            let before = if window.times >= TIMES {
                window.before + 1
            } else {
                0
            };
            *window = fresh(before);
        }
        window.times += 1;
        if window.times == TIMES && window.before > 0 {
            let wait = (WINDOW * (1 << window.before.min(5))).min(LONGEST);
            window.ends = now.checked_add(wait).unwrap_or(now);
        }
        (window.times == TIMES).then_some(window.ends)
    }

    /// Takes in a look at a room. Whoever was gone while left alone and is there now has come back by themselves, and is free. A look that
    /// is not `complete` proves of nobody that they are gone. Gives those who are free.
    pub(crate) fn see(
        &mut self,
        room: &RoomId,
        is_there: impl Fn(&UserId) -> bool,
        complete: bool,
        now: Timestamp,
    ) -> Vec<UserId> {
        let Some(users) = self.0.get_mut(room) else {
            return Vec::new();
        };
        let back = users.extract_if(.., |user, window| {
            let there = is_there(user);
            let came_back = there && window.was_gone;
            window.was_gone |= complete && !there && window.keeps_out(now);
            came_back
        });
        back.map(|(user, _)| user).collect()
    }

    /// Forgets somebody who is known to be put out: they do not come and go.
    pub(crate) fn is_put_out(&mut self, room: &RoomId, user: &UserId) {
        if let Some(users) = self.0.get_mut(room) {
            users.remove(user);
        }
    }

    /// People who are left alone in this room now, and why.
    pub(crate) fn waiting_in(&self, room: &RoomId, now: Moment) -> Vec<(UserId, NotTried)> {
        let waiting = |(user, window): (&UserId, &Window)| {
            let message = format!(
                "put back {TIMES} times within an hour and gone again; left alone until {:.0}",
                now.wall_at(window.ends)
            );
            let code = ReasonCode::ComingAndGoing;
            (user.clone(), NotTried { code, message })
        };
        let users = self.0.get(room).into_iter().flatten();
        users
            .filter(|(_, window)| window.keeps_out(now.steady))
            .map(waiting)
            .collect()
    }

    /// Everyone who is left alone now.
    pub(crate) fn shown(&self, now: Moment) -> Vec<status::ComingAndGoing> {
        let all = self.0.iter();
        all.flat_map(|(room, users)| users.iter().map(move |(user, window)| (room, user, window)))
            .filter(|(_, _, window)| window.keeps_out(now.steady))
            .map(|(room, user, window)| status::ComingAndGoing {
                user: user.clone(),
                room: room.clone(),
                until: now.wall_at(window.ends),
            })
            .collect()
    }

    /// Forgets everyone whose hour is over; whoever was left alone, once they have not been put back for a day after it.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, users| {
            users.retain(|_, window| !window.is_over(now));
            !users.is_empty()
        });
    }

    /// Follows a move of the steady time.
    pub(crate) fn moved(&mut self, moved: &Moved) {
        for window in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            window.ends = moved.of(window.ends);
        }
    }
}

impl Window {
    /// True if it counts for nothing any more. Whoever was left alone is left alone for longer if they go on.
    fn is_over(&self, now: Timestamp) -> bool {
        let counts_until = match self.times {
            TIMES.. => self.ends.checked_add(LONGEST).unwrap_or(self.ends),
            _ => self.ends,
        };
        counts_until <= now
    }

    /// True while the person is left alone.
    fn keeps_out(&self, now: Timestamp) -> bool {
        self.times >= TIMES && self.ends > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_times_an_hour_and_no_more() {
        let (room, user) = (RoomId::parse("7").unwrap(), UserId::parse("bob").unwrap());
        let mut all = ComingAndGoing::default();
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let put = [0, 5, 10].map(|minute| all.put_back(&room, &user, at(minute)));
        assert_eq!(put, [None, None, Some(at(60))]);
        let waiting_in = |all: &ComingAndGoing, room: &RoomId, minutes: i64| {
            let (steady, wall) = (at(minutes), at(7 * minutes));
            all.waiting_in(room, Moment { wall, steady }).len()
        };
        assert_eq!(waiting_in(&all, &room, 59), 1);
        assert_eq!(waiting_in(&all, &RoomId::parse("8").unwrap(), 59), 0);
        assert_eq!(waiting_in(&all, &room, 60), 0);
        let again = [61, 62, 63].map(|minute| all.put_back(&room, &user, at(minute)));
        assert_eq!(
            again,
            [None, None, Some(at(63 + 120))],
            "longer than the time before"
        );
        assert_eq!(waiting_in(&all, &room, 182), 1);
        assert_eq!(waiting_in(&all, &room, 183), 0);
        all.forget(at(183 + 24 * 60));
        assert!(all.0.is_empty());
    }

    #[test]
    fn who_comes_back_by_themselves_is_free_at_once() {
        let (room, user) = (RoomId::parse("7").unwrap(), UserId::parse("bob").unwrap());
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let mut all = ComingAndGoing::default();
        for minute in [0, 5, 10] {
            all.put_back(&room, &user, at(minute));
        }
        let mut see = |is_there: bool, complete: bool, minute: i64| {
            let freed = all.see(&room, |_| is_there, complete, at(minute));
            let moment = Moment {
                wall: at(minute),
                steady: at(minute),
            };
            (freed.len(), all.waiting_in(&room, moment).len())
        };
        // There by the last time that they were put back, and perhaps not read.
        assert_eq!(see(true, true, 11), (0, 1));
        assert_eq!(see(false, false, 12), (0, 1));
        assert_eq!(see(true, true, 13), (0, 1));
        // Gone, and back.
        assert_eq!(see(false, true, 15), (0, 1));
        assert_eq!(see(true, true, 20), (1, 0));
        assert_eq!(see(true, true, 25), (0, 0));
    }
}
