//! People who were in a room and are not any more, and the day on which they were last seen. A hint for people: nothing is decided
//! by it. Who is still here is not listed, so that a fleet in which everybody is here costs nothing.

mod file;
mod names;

pub(crate) use file::{Kept, SEEN, appended, read, read_in, whole};
pub(crate) use names::Names;

use crate::model::{MemberSet, RoomId, UserId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use std::collections::BTreeMap;

/// Days after which somebody is forgotten.
pub(crate) const DAYS: i64 = 30;
/// Most people of a room.
const MOST: usize = 10_000;

/// The evidence that somebody was in a room. The better one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SeenBy {
    /// An event said so, and no look showed them.
    Event,
    /// A look.
    Look,
}

/// When somebody was last seen. What is worth more is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LastSeen {
    pub(crate) by: SeenBy,
    pub(crate) day: Date,
}

/// People who were last seen in a room on the same day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) room: RoomId,
    pub(crate) last: LastSeen,
    pub(crate) users: MemberSet,
}

/// People who were seen and are gone, by room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    rooms: BTreeMap<RoomId, BTreeMap<UserId, LastSeen>>,
}

/// The day of a time, in UTC.
pub(crate) fn day_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// The first day that is not forgotten on this one.
pub(crate) fn first_day(today: Date) -> Date {
    today.saturating_sub(DAYS.days())
}

impl Seen {
    /// Takes in that people were seen who are gone.
    pub(crate) fn add(&mut self, Sighting { room, last, users }: &Sighting) {
        if users.is_empty() {
            return;
        }
        let known = self.rooms.entry(room.clone()).or_default();
        for user in users {
            let entry = known.entry(user.clone()).or_insert(*last);
            *entry = last.max(entry).to_owned();
        }
        if known.len() > MOST {
            forget_least(known, known.len() - MOST);
        }
    }

    /// Takes in that an event speaks of these, and gives the sighting that is new, if it is. A room that is full takes no more: an event
    /// is no reason to forget anybody.
    pub(crate) fn add_by_event(&mut self, room: &RoomId, users: &MemberSet, day: Date) -> Option<Sighting> {
        let last = LastSeen {
            by: SeenBy::Event,
            day,
        };
        let known = self.rooms.get(room);
        let place = MOST - known.map_or(0, BTreeMap::len).min(MOST);
        let is_news = |user: &UserId| match known.and_then(|known| known.get(user)) {
            None => true,
            Some(before) => *before < last,
        };
        let users = users.filter(is_news).chunks(place).next().filter(|_| place > 0)?;
        let room = room.clone();
        let sighting = Sighting { room, last, users };
        self.add(&sighting);
        Some(sighting)
    }

    /// Forgets those who are here.
    pub(crate) fn back(&mut self, room: &RoomId, here: &MemberSet) {
        if let Some(known) = self.rooms.get_mut(room) {
            known.retain(|user, _| !here.contains(user));
            if known.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Forgets those who were seen too long before this day. Days to come, of a clock that was wrong, become this one.
    pub(crate) fn tidy(&mut self, today: Date) {
        let first = first_day(today);
        self.rooms.retain(|_, known| {
            known.retain(|_, last| {
                last.day = last.day.min(today);
                last.day >= first
            });
            !known.is_empty()
        });
    }

    /// When somebody was last seen in a room that they are not in.
    pub(crate) fn get(&self, room: &RoomId, user: &UserId) -> Option<LastSeen> {
        self.rooms.get(room)?.get(user).copied()
    }

    /// Everyone who was seen on this day or later, by room and name.
    pub(crate) fn since(&self, day: Date) -> impl Iterator<Item = (&RoomId, &UserId, LastSeen)> {
        let all = self.rooms.iter();
        let all = all.flat_map(|(room, known)| known.iter().map(move |(user, last)| (room, user, *last)));
        all.filter(move |(_, _, last)| last.day >= day)
    }

    /// The day that lies back farthest.
    pub(crate) fn oldest(&self) -> Option<Date> {
        let all = self.rooms.values().flat_map(BTreeMap::values);
        all.map(|last| last.day).min()
    }

    /// Everything that is known.
    fn all(&self) -> impl Iterator<Item = Sighting> {
        self.rooms.iter().flat_map(|(room, known)| {
            let mut by_day: BTreeMap<LastSeen, Vec<UserId>> = BTreeMap::new();
            for (user, last) in known {
                by_day.entry(*last).or_default().push(user.clone());
            }
            by_day.into_iter().map(|(last, users)| Sighting {
                room: room.clone(),
                last,
                users: users.into_iter().collect(),
            })
        })
    }
}

/// Forgets so many, of whom least is worth keeping.
fn forget_least(known: &mut BTreeMap<UserId, LastSeen>, number: usize) {
    let mut all: Vec<(LastSeen, UserId)> = known.iter().map(|(user, last)| (*last, user.clone())).collect();
    if number < all.len() {
        all.select_nth_unstable(number);
    }
    for (_, user) in all.iter().take(number) {
        known.remove(user);
    }
}

#[cfg(test)]
mod tests;
