//! People whom the service refuses: recorded with the reason, and left alone for a while.

use crate::backoff::Backoff;
use crate::clock::{Moment, Moved};
use crate::model::{MemberSet, ReasonCode, RoomId, UserId};
use crate::plan::NotTried;
use crate::status;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Waits until somebody is tried again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(3600),
    longest: Duration::from_secs(24 * 3600),
};

/// Codes of the reasons for which somebody is set aside.
const CODES: [ReasonCode; 5] = [
    ReasonCode::FailsAlone,
    ReasonCode::NoSuchUser,
    ReasonCode::NotTaken,
    ReasonCode::Refused,
    ReasonCode::UserInTooManyRooms,
];
/// Name of every other reason: what an earlier release kept can have one.
const OTHER: &str = "other";

/// Somebody whose calls fail in so many rooms is set aside in all.
const ROOMS: usize = 3;

/// People set aside, in one room or in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SetAside {
    everywhere: BTreeMap<UserId, Entry>,
    in_room: BTreeMap<RoomId, BTreeMap<UserId, Entry>>,
    /// People of `everywhere` by the room in which the service refused them.
    noticed_in: BTreeMap<RoomId, BTreeSet<UserId>>,
}

/// Reason and end of setting somebody aside, in steady time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    code: String,
    message: String,
    since: Timestamp,
    until: Timestamp,
    /// Room in which the service refused them.
    noticed: RoomId,
    /// Digest of the files that name them; another digest ends the wait.
    named_by: Option<String>,
}

/// A refusal of one person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    pub(crate) room: &'a RoomId,
    /// True if every room would refuse them.
    pub(crate) everywhere: bool,
    pub(crate) code: ReasonCode,
    pub(crate) message: &'a str,
}

impl<'a> Refusal<'a> {
    /// The service says that it adds somebody here, and never shows them.
    pub(crate) fn not_taken(room: &'a RoomId) -> Self {
        Self {
            room,
            everywhere: false,
            code: ReasonCode::NotTaken,
            message: "the service says that it adds them, and never shows them in the room; ask its operator whether they are \
                      blocked there",
        }
    }
}

impl Entry {
    /// Length of the wait, never more than the longest, even after a clock was wrong.
    fn wait(&self) -> Duration {
        let set = Duration::try_from(self.until.duration_since(self.since));
        set.unwrap_or_default().min(BACKOFF.longest)
    }

    fn waits(&self, now: Timestamp) -> bool {
        let since = now.duration_since(self.since);
        Duration::try_from(since).is_ok_and(|since| since < self.wait())
    }
}

impl SetAside {
    /// `None` as the room: everywhere.
    pub(crate) fn from_entries(entries: impl IntoIterator<Item = (UserId, Option<RoomId>, Entry)>) -> Self {
        let mut all = Self::default();
        for (user, room, entry) in entries {
            all.insert(user, room, entry);
        }
        all
    }

    /// Everyone, by name; a person's entry for all rooms comes before those for one.
    pub(crate) fn entries(&self) -> Vec<(&UserId, Option<&RoomId>, &Entry)> {
        let everywhere = self.everywhere.iter().map(|(user, entry)| (user, None, entry));
        let in_room = self
            .in_room
            .iter()
            .flat_map(|(room, users)| users.iter().map(move |(user, entry)| (user, Some(room), entry)));
        let mut entries: Vec<_> = everywhere.chain(in_room).collect();
        entries.sort_by_key(|(user, room, _)| (*user, *room));
        entries
    }

    /// Sets somebody aside, for twice as long as the last time. `true`: for the first time.
    pub(crate) fn put(
        &mut self,
        user: &UserId,
        mut refusal: Refusal<'_>,
        named_by: Option<String>,
        now: Timestamp,
    ) -> bool {
        refusal.everywhere |=
            refusal.code == ReasonCode::FailsAlone && self.fails_in_rooms(user, refusal.room, now);
        let before = if refusal.everywhere {
            self.everywhere.get(user)
        } else {
            self.in_room.get(refusal.room).and_then(|users| users.get(user))
        };
        // Several rooms that refuse them at the same time have one reason.
        if before.is_some_and(|entry| entry.waits(now)) {
            return false;
        }
        let last = before.map(Entry::wait);
        let wait = last.map_or(BACKOFF.first, |last| BACKOFF.delay_after(last));
        let entry = Entry {
            code: refusal.code.to_string(),
            message: refusal.message.to_owned(),
            since: now,
            until: now.checked_add(wait).unwrap_or(now),
            noticed: refusal.room.clone(),
            named_by,
        };
        let room = (!refusal.everywhere).then(|| refusal.room.clone());
        self.insert(user.clone(), room, entry);
        last.is_none()
    }

    /// True if calls that name somebody fail in so many other rooms that every room would see the same.
    fn fails_in_rooms(&self, user: &UserId, room: &RoomId, now: Timestamp) -> bool {
        let code = ReasonCode::FailsAlone.as_str();
        let fails = |(other, users): &(&RoomId, &BTreeMap<UserId, Entry>)| {
            *other != room
                && users
                    .get(user)
                    .is_some_and(|entry| entry.code == code && entry.waits(now))
        };
        self.in_room.iter().filter(fails).count() + 1 >= ROOMS
    }

    /// People on these lists of a room who are not to be tried there now, and why. Costs no more than the shorter of the two lists:
    /// the room's, and everyone set aside.
    pub(crate) fn waiting_in(
        &self,
        room: &RoomId,
        lists: &[&MemberSet],
        now: Moment,
    ) -> Vec<(UserId, NotTried)> {
        let is_wanted = |user: &UserId| lists.iter().any(|list| list.contains(user));
        let wanted: usize = lists.iter().map(|list| list.len()).sum();
        let mut found: Vec<(&UserId, &Entry)> = if self.everywhere.len() <= wanted {
            self.everywhere
                .iter()
                .filter(|(user, _)| is_wanted(user))
                .collect()
        } else {
            let users = lists.iter().flat_map(|list| list.iter());
            users
                .filter_map(|user| Some((user, self.everywhere.get(user)?)))
                .collect()
        };
        let here = self.in_room.get(room).into_iter().flatten();
        found.extend(here.filter(|(user, _)| is_wanted(user)));
        found
            .into_iter()
            .filter(|(_, entry)| entry.waits(now.steady))
            .map(|(user, entry)| {
                let until = now.wall_at(entry.until);
                let message = format!("not tried again before {until:.0}: {}", entry.message);
                let code = ReasonCode::SetAside;
                (user.clone(), NotTried { code, message })
            })
            .collect()
    }

    /// Forgets people who are seen after all in the room that refused them. Another room may list somebody whom the service no
    /// longer knows. `true`: there were some.
    pub(crate) fn seen_in(&mut self, room: &RoomId, is_there: impl Fn(&UserId) -> bool) -> bool {
        let mut any = false;
        if let Some(users) = self.in_room.get_mut(room) {
            let before = users.len();
            users.retain(|user, _| !is_there(user));
            any |= users.len() < before;
            if users.is_empty() {
                self.in_room.remove(room);
            }
        }
        if let Some(users) = self.noticed_in.get_mut(room) {
            let seen: Vec<UserId> = users.extract_if(.., |user| is_there(user)).collect();
            any |= !seen.is_empty();
            if users.is_empty() {
                self.noticed_in.remove(room);
            }
            for user in seen {
                self.everywhere.remove(&user);
            }
        }
        any
    }

    /// Everyone known here, even if their wait is over.
    pub(crate) fn users(&self) -> BTreeSet<UserId> {
        self.entries()
            .into_iter()
            .map(|(user, _, _)| user.clone())
            .collect()
    }

    /// Lets go of people whose files changed, or whom no file names any more. `true`: there were some.
    pub(crate) fn let_go(&mut self, named_by: &BTreeMap<UserId, String>) -> bool {
        self.retain(|user, entry| {
            named_by
                .get(user)
                .is_some_and(|now| entry.named_by.as_ref().is_none_or(|then| then == now))
        })
    }

    /// Lets go of people set aside later than now, and lets nobody wait longer than the longest wait.
    pub(crate) fn void_the_future(&mut self, now: Timestamp) {
        self.retain(|_, entry| entry.since <= now);
        for entry in self.entries_mut() {
            entry.until = entry.since.checked_add(entry.wait()).unwrap_or(now);
        }
    }

    /// Follows a move of the steady time.
    pub(crate) fn moved(&mut self, moved: &Moved) {
        for entry in self.entries_mut() {
            // Both by the same, or the wait would be another one.
            let wait = entry.wait();
            entry.since = moved.of(entry.since);
            entry.until = entry.since.checked_add(wait).unwrap_or(entry.since);
        }
    }

    /// People who are left alone now.
    pub(crate) fn shown(&self, now: Moment) -> Vec<status::Aside> {
        self.entries()
            .into_iter()
            .filter(|(_, _, entry)| entry.waits(now.steady))
            .map(|(user, room, entry)| status::Aside {
                user: user.clone(),
                room: room.cloned(),
                code: entry.code.clone(),
                message: entry.message.clone(),
                since: now.wall_at(entry.since),
                until: now.wall_at(entry.until),
            })
            .collect()
    }

    /// Number of people who are left alone now, by each reason that there can be. Who is for several counts for each.
    pub(crate) fn by_reason(&self, now: Moment) -> Vec<(&'static str, usize)> {
        let mut people: BTreeMap<&'static str, BTreeSet<&UserId>> = BTreeMap::new();
        let entries = self.entries().into_iter();
        for (user, _, entry) in entries.filter(|(_, _, entry)| entry.waits(now.steady)) {
            let code = CODES
                .into_iter()
                .map(ReasonCode::as_str)
                .find(|code| *code == entry.code);
            people.entry(code.unwrap_or(OTHER)).or_default().insert(user);
        }
        let reasons = CODES.into_iter().map(ReasonCode::as_str).chain([OTHER]);
        reasons
            .map(|reason| (reason, people.get(reason).map_or(0, BTreeSet::len)))
            .collect()
    }

    fn insert(&mut self, user: UserId, room: Option<RoomId>, entry: Entry) {
        if let Some(room) = room {
            self.in_room.entry(room).or_default().insert(user, entry);
            return;
        }
        let noticed = entry.noticed.clone();
        if let Some(before) = self.everywhere.insert(user.clone(), entry)
            && let Some(users) = self.noticed_in.get_mut(&before.noticed)
        {
            users.remove(&user);
        }
        self.noticed_in.entry(noticed).or_default().insert(user);
    }

    /// Keeps these entries only. `true`: there were others.
    fn retain(&mut self, keep: impl Fn(&UserId, &Entry) -> bool) -> bool {
        let before = self.entries().len();
        self.everywhere.retain(|user, entry| keep(user, entry));
        for users in self.in_room.values_mut() {
            users.retain(|user, entry| keep(user, entry));
        }
        for users in self.noticed_in.values_mut() {
            users.retain(|user| self.everywhere.contains_key(user));
        }
        self.in_room.retain(|_, users| !users.is_empty());
        self.noticed_in.retain(|_, users| !users.is_empty());
        before != self.entries().len()
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let in_room = self.in_room.values_mut().flat_map(BTreeMap::values_mut);
        self.everywhere.values_mut().chain(in_room)
    }
}

#[cfg(test)]
mod tests;
