//! People whom the service does not take: recorded with the reason, and left alone for a while.

use super::clock::{Moment, Moved};
use crate::model::{ReasonCode, RoomId, UserId};
use crate::plan::Waiting;
use crate::web;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long somebody is left alone at first; twice as long every further time.
const FIRST: SignedDuration = SignedDuration::from_hours(1);
/// How long at the most.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// In which room; `None`: in every one.
type Scope = Option<RoomId>;

/// Who is set aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SetAside(BTreeMap<(UserId, Scope), Entry>);

/// Reason and end of setting somebody aside, in steady time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// The room in which it was noticed.
    pub(super) noticed: String,
    /// The digest of the files that name them; another one ends it.
    pub(super) named_by: Option<String>,
}

impl Entry {
    /// Length of the wait, never longer than the longest, even after a clock was wrong.
    fn lasts(&self) -> SignedDuration {
        let set = self.until.duration_since(self.since);
        set.clamp(SignedDuration::ZERO, LONGEST)
    }

    fn waits(&self, now: Timestamp) -> bool {
        let since = now.duration_since(self.since);
        !since.is_negative() && since < self.lasts()
    }
}

impl SetAside {
    pub(super) fn from_entries(entries: impl IntoIterator<Item = ((UserId, Scope), Entry)>) -> Self {
        Self(entries.into_iter().collect())
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&UserId, Option<&RoomId>, &Entry)> {
        self.0
            .iter()
            .map(|((user, room), entry)| (user, room.as_ref(), entry))
    }

    /// Sets somebody aside, for twice as long as the last time. `true`: for the first time.
    pub(super) fn put(
        &mut self,
        user: &UserId,
        (noticed, everywhere): (&RoomId, bool),
        (code, message): (&str, &str),
        named_by: Option<String>,
        now: Timestamp,
    ) -> bool {
        let key = (user.clone(), (!everywhere).then(|| noticed.clone()));
        // In several rooms at a time they are refused for one reason.
        if self.0.get(&key).is_some_and(|entry| entry.waits(now)) {
            return false;
        }
        let last = self.0.get(&key).map(Entry::lasts);
        let delay = last.map_or(FIRST, |last| (last * 2).clamp(FIRST, LONGEST));
        let entry = Entry {
            code: code.to_owned(),
            message: message.to_owned(),
            since: now,
            until: now.checked_add(delay).unwrap_or(now),
            noticed: noticed.to_string(),
            named_by,
        };
        self.0.insert(key, entry);
        last.is_none()
    }

    /// Who of these is not to be tried in this room now, and why.
    pub(super) fn waiting_in(
        &self,
        room: &RoomId,
        wanted: impl Fn(&UserId) -> bool,
        now: Moment,
    ) -> Vec<(UserId, Waiting)> {
        let here = |scope: &Scope| scope.as_ref().is_none_or(|scope| scope == room);
        self.0
            .iter()
            .filter(|((user, scope), entry)| here(scope) && entry.waits(now.steady) && wanted(user))
            .map(|((user, _), entry)| {
                let until = now.wall_at(entry.until);
                let message = format!("not tried again before {until:.0}: {}", entry.message);
                let code = ReasonCode::SetAside;
                (user.clone(), Waiting { code, message })
            })
            .collect()
    }

    /// Forgets those who are seen after all in the room where they were noticed. Elsewhere somebody may be listed whom the
    /// service does not know any more. `true`: there were some.
    pub(super) fn seen_in(&mut self, room: &RoomId, is_there: impl Fn(&UserId) -> bool) -> bool {
        let before = self.0.len();
        self.0
            .retain(|(user, _), entry| !(entry.noticed == room.as_str() && is_there(user)));
        self.0.len() != before
    }

    /// Who is known here, whether or not their time has come.
    pub(super) fn users(&self) -> BTreeSet<UserId> {
        self.0.keys().map(|(user, _)| user.clone()).collect()
    }

    /// Lets go of those whose files changed, or who are named nowhere any more. `true`: there were some.
    pub(super) fn let_go(&mut self, named_by: &BTreeMap<UserId, String>) -> bool {
        let before = self.0.len();
        self.0.retain(|(user, _), entry| {
            named_by
                .get(user)
                .is_some_and(|now| entry.named_by.as_ref().is_none_or(|then| then == now))
        });
        self.0.len() != before
    }

    /// Lets go of those who were set aside later than now, and lets nobody wait longer than the longest wait.
    pub(super) fn void_the_future(&mut self, now: Timestamp) {
        self.0.retain(|_, entry| entry.since <= now);
        for entry in self.0.values_mut() {
            entry.until = entry.since.checked_add(entry.lasts()).unwrap_or(now);
        }
    }

    /// Follows a move of the steady time.
    pub(super) fn moved(&mut self, moved: &Moved) {
        for entry in self.0.values_mut() {
            // Both by the same, or the wait would be another one.
            let lasts = entry.lasts();
            entry.since = moved.of(entry.since);
            entry.until = entry.since.checked_add(lasts).unwrap_or(entry.since);
        }
    }

    /// Who is left alone now.
    pub(super) fn shown(&self, now: Moment) -> Vec<web::Aside> {
        self.0
            .iter()
            .filter(|(_, entry)| entry.waits(now.steady))
            .map(|((user, room), entry)| web::Aside {
                user: user.clone(),
                room: room.clone(),
                code: entry.code.clone(),
                message: entry.message.clone(),
                since: now.wall_at(entry.since),
                until: now.wall_at(entry.until),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_to_a_day_and_a_changed_file_ends_it() {
        let user = UserId::parse("zed").unwrap();
        let room = RoomId::parse("7").unwrap();
        let mut aside = SetAside::default();
        let mut now = Timestamp::UNIX_EPOCH;
        // The time of day is another one.
        let wall = Timestamp::from_second(1_000_000).unwrap();
        let at = |steady| Moment { wall, steady };
        let why = ("no_such_user", "there is no such user");
        let mut hours = Vec::new();
        for _ in 0..7 {
            let first = aside.put(&user, (&room, true), why, Some("a".into()), now);
            assert_eq!(first, hours.is_empty());
            assert_eq!(aside.waiting_in(&room, |_| true, at(now)).len(), 1);
            assert!(aside.waiting_in(&room, |_| false, at(now)).is_empty());
            let wait = aside.shown(at(now)).first().unwrap().until.duration_since(wall);
            hours.push(wait.as_hours());
            now = now.checked_add(wait).unwrap();
            assert!(aside.waiting_in(&room, |_| true, at(now)).is_empty());
        }
        assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24]);
        let named = |digest: &str| BTreeMap::from([(user.clone(), digest.to_owned())]);
        assert!(!aside.let_go(&named("a")));
        assert!(aside.let_go(&named("b")));
        aside.put(&user, (&room, false), why, None, now);
        assert!(
            aside
                .waiting_in(&RoomId::parse("8").unwrap(), |_| true, at(now))
                .is_empty()
        );
        assert!(aside.seen_in(&room, |_| true));
        assert!(aside.shown(at(now)).is_empty());
    }
}
