//! Room detail, as far as this server knows it: for many rooms in a call, for one alone, or not at all.
//!
//! The seed does not have the call, so a server may refuse it. That is found out once and kept for a while, so that no pass asks
//! in vain for each of its rooms.

use super::error::CallError;
use crate::model::{RoomId, log_code};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Time for which a server is not asked again for what it refused.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// After failures of so many rooms in a row a server that once knew the call no longer does.
const IN_A_ROW: usize = 3;

/// Use to make of room detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailUse {
    /// Many rooms in a call.
    Many,
    /// One room in a call.
    Single,
    /// None: the lists of each room tell who is there.
    None,
}

/// Room detail, as far as this server knows it.
#[derive(Debug, Default)]
pub(super) struct DetailSupport(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The call was answered for several rooms.
    many: bool,
    /// The call was answered.
    answered: bool,
    /// Rooms for which alone it failed since it was last answered.
    failed: BTreeSet<RoomId>,
    /// Rooms for which alone it got no clear answer, and how: it may be the service that fails.
    unclear: BTreeMap<RoomId, String>,
    /// Rooms in a row for which alone the answer saved no other call.
    useless: usize,
    /// Less use than [`DetailUse::Many`], and until when.
    limit: Option<(DetailUse, Instant)>,
    /// True once the log says that there is none.
    said: bool,
}

impl Known {
    fn limit(&mut self, to: DetailUse) {
        self.limit = Some((to, Instant::now() + KEPT));
        self.failed.clear();
        self.unclear.clear();
        self.useless = 0;
    }

    /// The call fails for this room alone, and the service is there.
    fn fails(&mut self, room: &RoomId, why: &str) {
        self.failed.insert(room.clone());
        if self.answered && self.failed.len() < IN_A_ROW {
            return;
        }
        self.many = false;
        self.limit(DetailUse::None);
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                code = log_code::NO_ROOM_DETAIL,
                why,
                "this server gives no room detail: each room is read by its lists, which takes more calls; its size limit stays \
                 unknown, and its owner too where no list names them"
            );
        }
    }
}

/// Next step after the call failed for several rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextDetail {
    /// One room may have spoiled it: ask for each half.
    Halves,
    /// Ask for two rooms, and if that fails, for each alone.
    Pair,
}

impl DetailSupport {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Use to make of it now.
    pub(super) fn now(&self) -> DetailUse {
        let mut known = self.known();
        known.limit.take_if(|(_, until)| *until <= Instant::now());
        known.limit.map_or(DetailUse::Many, |(to, _)| to)
    }

    /// A call for so many rooms was answered.
    pub(super) fn answered(&self, rooms: usize) {
        let mut known = self.known();
        known.answered = true;
        known.many |= rooms > 1;
        known.failed.clear();
        known.unclear.clear();
    }

    /// The call was answered for each of two rooms alone, and refused for both together.
    pub(super) fn only_single(&self) {
        let mut known = self.known();
        known.many = false;
        known.limit(DetailUse::Single);
        tracing::info!(
            code = log_code::SINGLE_ROOM_DETAIL,
            "this server knows room detail for one room at a time only"
        );
    }

    /// Notes whether the detail of one room alone saves another call. If it does not for several in a row, it is not worth its own.
    pub(super) fn shows(&self, everyone: bool) {
        let mut known = self.known();
        known.useless = if everyone { 0 } else { known.useless + 1 };
        if known.useless >= IN_A_ROW {
            known.limit(DetailUse::None);
        }
    }

    /// The call failed for several rooms, and the service is there.
    pub(super) fn failed_for_many(&self) -> NextDetail {
        if self.known().many {
            NextDetail::Halves
        } else {
            NextDetail::Pair
        }
    }

    /// The call failed for this room alone. `is_there`: the service answers other calls.
    pub(super) fn failed(&self, room: &RoomId, error: &CallError, is_there: bool) {
        let (mut known, why) = (self.known(), error.kind.to_string());
        if is_there || !error.kind.is_unclear() {
            known.fails(room, &why);
        } else {
            known.unclear.insert(room.clone(), why);
        }
    }

    /// The room was read: if that was without its detail, it is the call that fails, and not the service.
    pub(super) fn room_was_read(&self, room: &RoomId) {
        let mut known = self.known();
        if let Some(why) = known.unclear.remove(room) {
            known.fails(room, &why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::CallErrorKind;
    use super::super::wire::Method;
    use super::*;

    fn error(kind: CallErrorKind) -> CallError {
        CallError {
            method: Method::RoomDetail,
            room: None,
            kind,
        }
    }

    fn room(number: usize) -> RoomId {
        RoomId::parse(&number.to_string()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_kept_for_a_while() {
        let support = DetailSupport::default();
        assert_eq!(support.now(), DetailUse::Many);
        let refused = error(CallErrorKind::UnknownCall("405".into()));
        assert_eq!(support.failed_for_many(), NextDetail::Pair);
        support.failed(&room(1), &refused, false);
        tokio::time::advance(Duration::from_secs(59 * 60)).await;
        assert_eq!(support.now(), DetailUse::None);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(support.now(), DetailUse::Many);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_away_says_nothing_of_the_call() {
        let support = DetailSupport::default();
        let unclear = error(CallErrorKind::NoClearAnswer("500".into()));
        support.failed(&room(1), &unclear, false);
        assert_eq!(support.now(), DetailUse::Many);
        support.room_was_read(&room(2));
        assert_eq!(support.now(), DetailUse::Many, "of another room");
        support.room_was_read(&room(1));
        assert_eq!(support.now(), DetailUse::None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_rooms_failure_says_nothing_of_a_call_that_is_answered() {
        let support = DetailSupport::default();
        let refused = error(CallErrorKind::NoPermission("no".into()));
        support.answered(100);
        for _ in 0..10 {
            support.failed(&room(1), &refused, false);
            assert_eq!(support.failed_for_many(), NextDetail::Halves);
        }
        assert_eq!(support.now(), DetailUse::Many);
        support.failed(&room(2), &refused, true);
        support.answered(1);
        support.failed(&room(3), &refused, true);
        support.failed(&room(4), &refused, true);
        assert_eq!(support.now(), DetailUse::Many);
        support.failed(&room(5), &refused, true);
        assert_eq!(support.now(), DetailUse::None, "it is refused for all by now");
        assert_eq!(support.failed_for_many(), NextDetail::Pair);
    }
}
