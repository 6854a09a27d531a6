//! Wanted people whom others put out or demote as often as we add or promote them. Most of all that is a second daemon with other
//! files: the two would undo each other's changes for ever. Nobody is removed or demoted for that, nor kept from being.

use crate::clock::{Moment, Moved};
use crate::model::{Op, ReasonCode, RoomId, UserId};
use crate::plan::NotTried;
use crate::status;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Of so many looks…
const LOOKS: u8 = 4;
/// …so many have to show that others undid what we did.
const UNDONE: u32 = 3;
/// Time for which somebody is not added or promoted again.
const WAIT: SignedDuration = SignedDuration::from_hours(24);
/// Most changes that are followed, about 5 MB. A change more is followed once it is made again after the next look at all rooms.
const MOST: usize = 50_000;

/// A person and a role: [`Op::Add`] makes them a member, [`Op::Promote`] an admin.
type Key = (UserId, Op);

/// Changes that others may undo, by room.
#[derive(Debug, Default)]
pub(crate) struct Contested {
    rooms: BTreeMap<RoomId, BTreeMap<Key, Contest>>,
    /// Upper bound of their number. It is exact whenever they are counted.
    number: usize,
}

/// A change that others may undo.
#[derive(Debug, Default)]
struct Contest {
    /// Time at which we made it, if no look has shown it undone since.
    done: Option<Instant>,
    /// The last looks, a bit each, the last one lowest: 1 if it showed that others undid it.
    looks: u8,
    /// Looks in a row that did not.
    quiet: u8,
    /// Start of the last look that counts.
    looked: Option<Instant>,
    given_up: Option<GivenUp>,
}

/// A change that is not made again for now. Times are on the steady clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GivenUp {
    since: Timestamp,
    /// Digest of the files that name the person; another digest ends the wait.
    named_by: Option<String>,
}

/// A change that is not made again for now, with its person and room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContestedEntry {
    room: RoomId,
    user: UserId,
    op: Op,
    #[serde(flatten)]
    given_up: GivenUp,
}

/// A look, as far as one change is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The files do not want it any more.
    Unwanted,
    /// The look does not say.
    Unread,
    /// It is as wanted.
    Stands,
    /// It is not as wanted. If we made the change before, others undid it.
    Undone,
    /// It is not as wanted, and that may be the person's own doing.
    Gone,
}

/// What a look has changed.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct ContestNews {
    /// Changes that are not made again from now on.
    pub(crate) given_up: Vec<Key>,
    /// Changes that are as wanted by the doing of others.
    pub(crate) free: Vec<Key>,
}

impl ContestNews {
    /// True if there is something to be kept on the disk that was not before.
    pub(crate) fn differs(&self) -> bool {
        !self.given_up.is_empty() || !self.free.is_empty()
    }
}

impl GivenUp {
    fn ends(&self) -> Timestamp {
        self.since.checked_add(WAIT).unwrap_or(self.since)
    }

    /// True until the wait is over. Nobody waits because of a time to come.
    fn waits(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.ends()
    }
}

impl Contest {
    fn waiting(&self, now: Timestamp) -> Option<&GivenUp> {
        self.given_up.as_ref().filter(|given_up| given_up.waits(now))
    }
}

impl Contested {
    pub(crate) fn from_entries(entries: Vec<ContestedEntry>) -> Self {
        let mut all = Self::default();
        for entry in entries {
            let contest = Contest {
                given_up: Some(entry.given_up),
                ..Contest::default()
            };
            let room = all.rooms.entry(entry.room).or_default();
            room.insert((entry.user, entry.op), contest);
        }
        all.count();
        all
    }

    /// Changes that are not made again for now.
    pub(crate) fn entries(&self) -> Vec<ContestedEntry> {
        let entry = |room: &RoomId, (user, op): &Key, contest: &Contest| {
            Some(ContestedEntry {
                room: room.clone(),
                user: user.clone(),
                op: *op,
                given_up: contest.given_up.clone()?,
            })
        };
        let all = self.rooms.iter();
        all.flat_map(|(room, contests)| contests.iter().filter_map(move |(key, of)| entry(room, key, of)))
            .collect()
    }

    /// Records that we have added or promoted these.
    pub(crate) fn done<'u>(
        &mut self,
        room: &RoomId,
        op: Op,
        users: impl IntoIterator<Item = &'u UserId>,
        at: Instant,
    ) {
        for user in users {
            let contests = self.rooms.entry(room.clone()).or_default();
            let key = (user.clone(), op);
            if let Some(contest) = contests.get_mut(&key) {
                contest.done = Some(at);
            } else if self.number < MOST {
                self.number += 1;
                let contest = Contest {
                    done: Some(at),
                    ..Contest::default()
                };
                contests.insert(key, contest);
            }
        }
    }

    /// Records that it was not done after all.
    pub(crate) fn not_done(&mut self, room: &RoomId, op: Op, user: &UserId) {
        let contests = self.rooms.get_mut(room);
        if let Some(contest) = contests.and_then(|contests| contests.get_mut(&(user.clone(), op))) {
            contest.done = None;
        }
    }

    /// Takes in a complete look at a room, which began at `read_at`. `standing` says of a change that we made at this time, if we did, what
    /// the look shows. `named_by`: the digest of the files that name somebody.
    pub(crate) fn see(
        &mut self,
        room: &RoomId,
        read_at: Instant,
        standing: impl Fn(&UserId, Op, Option<Instant>) -> Standing,
        named_by: impl Fn(&UserId) -> Option<String>,
        now: Timestamp,
    ) -> ContestNews {
        let mut news = ContestNews::default();
        let Some(contests) = self.rooms.get_mut(room) else {
            return news;
        };
        contests.retain(|key, contest| {
            let (user, op) = key;
            let standing = standing(user, *op, contest.done);
            match standing {
                Standing::Unwanted => return false,
                Standing::Unread => return true,
                Standing::Stands | Standing::Undone | Standing::Gone => {}
            }
            // A look that began before what is known already says nothing of it.
            if [contest.looked, contest.done]
                .into_iter()
                .flatten()
                .any(|at| at >= read_at)
            {
                return true;
            }
            contest.looked = Some(read_at);
            let done = match standing {
                Standing::Stands => contest.done,
                _ => contest.done.take(),
            };
            if contest.waiting(now).is_some() {
                let is_free = standing == Standing::Stands && done.is_none();
                if is_free {
                    news.free.push(key.clone());
                }
                return !is_free;
            }
            contest.given_up = None;
            let is_undone = standing == Standing::Undone && done.is_some();
            contest.looks = (contest.looks << 1 | u8::from(is_undone)) & ((1 << LOOKS) - 1);
            contest.quiet = if is_undone { 0 } else { contest.quiet + 1 };
            if contest.looks.count_ones() >= UNDONE {
                contest.looks = 0;
                contest.given_up = Some(GivenUp {
                    since: now,
                    named_by: named_by(user),
                });
                news.given_up.push(key.clone());
            }
            contest.quiet < LOOKS
        });
        if contests.is_empty() {
            self.rooms.remove(room);
        }
        news
    }

    /// People of a room who are not added or promoted now, and why.
    pub(crate) fn waiting_in(&self, room: &RoomId, op: Op, now: Moment) -> Vec<(UserId, NotTried)> {
        let (again, undone) = match op {
            Op::Add => ("added", "put out"),
            _ => ("promoted", "demoted"),
        };
        let contests = self.rooms.get(room).into_iter().flatten();
        let waiting = contests.filter(|((_, of), _)| *of == op).filter_map(|((user, _), contest)| {
            let until = now.wall_at(contest.waiting(now.steady)?.ends());
            let message = format!(
                "contested: {again}, and {undone} again by others, in {UNDONE} of the last {LOOKS} looks; not {again} before \
                 {until:.0}, unless a file that names them changes"
            );
            let code = ReasonCode::Contested;
            Some((user.clone(), NotTried { code, message }))
        });
        waiting.collect()
    }

    /// Everyone who is not added or promoted now.
    pub(crate) fn shown(&self, now: Moment) -> Vec<status::Contested> {
        let shown = |room: &RoomId, (user, op): &Key, contest: &Contest| {
            let given_up = contest.waiting(now.steady)?;
            Some(status::Contested {
                user: user.clone(),
                room: room.clone(),
                op: *op,
                since: now.wall_at(given_up.since),
                until: now.wall_at(given_up.ends()),
            })
        };
        let all = self.rooms.iter();
        all.flat_map(|(room, contests)| contests.iter().filter_map(move |(key, of)| shown(room, key, of)))
            .collect()
    }

    /// People who are not added or promoted for now.
    pub(crate) fn users(&self) -> impl Iterator<Item = &UserId> {
        let contests = self.rooms.values().flatten();
        contests.filter_map(|((user, _), contest)| contest.given_up.as_ref().map(|_| user))
    }

    /// Lets go of people whose files changed, or whom no file names any more. `true`: there were some.
    pub(crate) fn let_go(&mut self, named_by: &BTreeMap<UserId, String>) -> bool {
        let stays = |user: &UserId, given_up: &GivenUp| {
            let now = named_by.get(user);
            now.is_some_and(|now| given_up.named_by.as_ref().is_none_or(|then| then == now))
        };
        self.retain(|(user, _), contest| {
            contest
                .given_up
                .as_ref()
                .is_none_or(|given_up| stays(user, given_up))
        })
    }

    /// Forgets rooms that have left the files. `true`: somebody was not added or promoted there.
    pub(crate) fn forget_others(&mut self, is_managed: impl Fn(&RoomId) -> bool) -> bool {
        let mut gone = self.rooms.extract_if(.., |room, _| !is_managed(room));
        gone.any(|(_, contests)| contests.values().any(|contest| contest.given_up.is_some()))
    }

    /// Forgets everyone whose wait is over.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.retain(|_, contest| contest.given_up.is_none() || contest.waiting(now).is_some());
        self.count();
    }

    /// Follows a move of the steady time.
    pub(crate) fn moved(&mut self, moved: &Moved) {
        let contests = self.rooms.values_mut().flat_map(BTreeMap::values_mut);
        for given_up in contests.filter_map(|contest| contest.given_up.as_mut()) {
            given_up.since = moved.of(given_up.since);
        }
    }

    /// Keeps these only. `true`: there were others.
    fn retain(&mut self, keep: impl Fn(&Key, &Contest) -> bool) -> bool {
        let mut any = false;
        self.rooms.retain(|_, contests| {
            let before = contests.len();
            contests.retain(|key, contest| keep(key, contest));
            any |= contests.len() < before;
            !contests.is_empty()
        });
        any
    }

    fn count(&mut self) {
        self.number = self.rooms.values().map(BTreeMap::len).sum();
    }
}

#[cfg(test)]
mod tests;
