//! Room detail, as far as this server knows it: for many rooms in a call, for one alone, or not at all.
//!
//! The seed does not have the call, so a server may refuse it. That is found out once and kept for a while, so that no pass asks
//! in vain for each of its rooms.

use super::error::CallError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Time for which a server is not asked again for what it refused.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// The same where nothing clear came back: it may have been the service as a whole.
const KEPT_IF_UNCLEAR: Duration = Duration::from_secs(60);
/// After so many failures in a row a server that once knew the call no longer does.
const IN_A_ROW: u32 = 3;

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
    /// Calls that failed since one was last answered.
    failures: u32,
    /// Less use than [`DetailUse::Many`], and until when.
    limit: Option<(DetailUse, Instant)>,
    /// Cause of having none, until it is logged.
    unsaid: Option<String>,
    said: bool,
}

impl Known {
    fn limit(&mut self, to: DetailUse, kept: Duration) {
        self.limit = Some((to, Instant::now() + kept));
        (self.many, self.answered, self.failures) = (false, false, 0);
    }
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

    /// True if a call for several rooms was answered.
    pub(super) fn knows_many(&self) -> bool {
        self.known().many
    }

    /// A call for so many rooms was answered.
    pub(super) fn answered(&self, rooms: usize) {
        let mut known = self.known();
        known.answered = true;
        known.many |= rooms > 1;
        known.failures = 0;
    }

    /// The call was answered for each of two rooms alone, and refused for both together.
    pub(super) fn only_single(&self) {
        self.known().limit(DetailUse::Single, KEPT);
        tracing::info!("this server knows room detail for one room at a time only");
    }

    /// The call for one room shows nothing for which it would be worth a call a room.
    pub(super) fn not_worth_it(&self) {
        self.known().limit(DetailUse::None, KEPT);
    }

    /// The call failed for one room alone, or without a clear answer for several. Says whether the server is no longer asked.
    pub(super) fn failed(&self, error: &CallError) -> bool {
        let mut known = self.known();
        known.failures += 1;
        if known.answered && known.failures < IN_A_ROW {
            return false;
        }
        let kept = if error.kind.is_unclear() {
            KEPT_IF_UNCLEAR
        } else {
            KEPT
        };
        known.limit(DetailUse::None, kept);
        known.unsaid = Some(error.kind.to_string());
        true
    }

    /// A room was read without it: then it is the call that fails, and not the service.
    pub(super) fn done_without(&self) {
        let mut known = self.known();
        let Some(why) = known.unsaid.take() else { return };
        if let Some((_, until)) = &mut known.limit {
            *until = Instant::now() + KEPT;
        }
        if !std::mem::replace(&mut known.said, true) {
            tracing::warn!(
                why,
                "this server gives no room detail: each room is read by its lists, which takes more calls; its size limit stays \
                 unknown, and its owner too where no list names them"
            );
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

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_kept_for_a_while_and_an_unclear_one_for_less() {
        let support = DetailSupport::default();
        assert_eq!(support.now(), DetailUse::Many);
        assert!(support.failed(&error(CallErrorKind::UnknownCall("405".into()))));
        tokio::time::advance(Duration::from_secs(59 * 60)).await;
        assert_eq!(support.now(), DetailUse::None);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(support.now(), DetailUse::Many);

        assert!(support.failed(&error(CallErrorKind::NoClearAnswer("500".into()))));
        assert_eq!(support.now(), DetailUse::None);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(support.now(), DetailUse::Many);
        support.failed(&error(CallErrorKind::NoClearAnswer("500".into())));
        support.done_without();
        tokio::time::advance(Duration::from_secs(59 * 60)).await;
        assert_eq!(support.now(), DetailUse::None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_rooms_failure_says_nothing_of_a_call_that_is_answered() {
        let support = DetailSupport::default();
        let refused = error(CallErrorKind::NoPermission("no".into()));
        support.answered(100);
        for _ in 0..10 {
            assert!(!support.failed(&refused));
            support.answered(1);
        }
        assert!(support.knows_many());
        assert!(!support.failed(&refused) && !support.failed(&refused));
        assert!(support.failed(&refused), "it is refused for all by now");
        assert_eq!((support.now(), support.knows_many()), (DetailUse::None, false));
    }
}
