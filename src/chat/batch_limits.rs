//! Most names in one call: as configured, or fewer if the service said so.

use super::error::CallErrorKind;
use super::wire::{MAX_ALLOW_BATCH, MAX_REMOVE_BATCH, Method};
use crate::model::{UserId, log_code};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes between two names: `%2C` in a path, `","` in a body.
const SEPARATOR: usize = 3;

/// No server takes fewer bytes of names in a request.
const LEAST_BYTES: usize = 256;
/// Time after which a learned length is forgotten.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Most names in one call, as far as the settings say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Of `add_many`.
    pub add: usize,
    /// Of `remove_many`.
    pub remove: usize,
}

/// Limits as a client has learned them.
#[derive(Debug)]
pub(super) struct LearnedBatchLimits {
    add: LearnedLimit,
    remove: LearnedLimit,
    allow: LearnedLimit,
    disallow: LearnedLimit,
}

#[derive(Debug)]
struct LearnedLimit {
    most: AtomicUsize,
    /// Most names that a call had without being refused for their number.
    largest_accepted: AtomicUsize,
    length: Mutex<Length>,
}

/// Length of a request.
#[derive(Debug, Default)]
struct Length {
    /// Most bytes that the names of one call may take, each with its separator, and the time at which this is forgotten.
    most: Option<(usize, Instant)>,
    /// When a batch that had failed as a whole last went through in parts, unless the limit was lowered for it.
    suspected: Option<Instant>,
}

impl Length {
    fn most(&mut self) -> usize {
        self.most.take_if(|(_, until)| *until <= Instant::now());
        self.most.map_or(usize::MAX, |(most, _)| most)
    }

    fn lower(&mut self, method: Method, most: usize) {
        let most = most.max(LEAST_BYTES);
        if most < self.most() {
            tracing::info!(code = log_code::LIMIT_REQUESTS, %method,
                most,
                "this server, or a proxy in front of it, takes no longer requests; keeping to so many bytes of names in a call for an \
                 hour; a smaller `limits.remove_batch` or `add_batch` does so from the start"
            );
            self.most = Some((most, Instant::now() + KEPT));
        }
    }
}

fn bytes_of(users: &[UserId]) -> usize {
    users.iter().map(|user| user.as_str().len() + SEPARATOR).sum()
}

impl LearnedLimit {
    fn new(most: usize) -> Self {
        Self {
            most: AtomicUsize::new(most.clamp(1, MAX_REMOVE_BATCH)),
            largest_accepted: AtomicUsize::new(0),
            length: Mutex::default(),
        }
    }

    fn length(&self) -> MutexGuard<'_, Length> {
        self.length.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Lowers the limit and gives the one before.
    fn lower(&self, most: usize) -> usize {
        self.most.fetch_min(most.max(1), Ordering::Relaxed)
    }
}

impl LearnedBatchLimits {
    pub(super) fn new(BatchLimits { add, remove }: BatchLimits) -> Self {
        Self {
            add: LearnedLimit::new(add),
            remove: LearnedLimit::new(remove),
            allow: LearnedLimit::new(MAX_ALLOW_BATCH),
            disallow: LearnedLimit::new(MAX_ALLOW_BATCH),
        }
    }

    fn of(&self, method: Method) -> Option<&LearnedLimit> {
        match method {
            Method::AddMany => Some(&self.add),
            Method::RemoveMany => Some(&self.remove),
            Method::AllowMany => Some(&self.allow),
            Method::DisallowMany => Some(&self.disallow),
            _ => None,
        }
    }

    pub(super) fn now(&self) -> BatchLimits {
        BatchLimits {
            add: self.add.most(),
            remove: self.remove.most(),
        }
    }

    pub(super) fn lower(&self, BatchLimits { add, remove }: BatchLimits) {
        self.add.lower(add);
        self.remove.lower(remove);
    }

    /// Most names in one call of this method; no bound for a method that takes one.
    pub(super) fn most(&self, method: Method) -> usize {
        self.of(method).map_or(usize::MAX, LearnedLimit::most)
    }

    /// Most names that a call of this method had without being refused for their number. A method that takes one name has no bound.
    pub(super) fn largest_accepted(&self, method: Method) -> usize {
        let of = |limit: &LearnedLimit| limit.largest_accepted.load(Ordering::Relaxed);
        self.of(method).map_or(usize::MAX, of)
    }

    /// Most names of this length that fit into one call of this method.
    pub(super) fn fitting(&self, method: Method, longest: usize) -> usize {
        let most = self.of(method).map_or(usize::MAX, |limit| limit.length().most());
        (most / (longest + SEPARATOR)).max(1)
    }

    /// A call with these names was refused as too long. The next ones have half the length at most.
    pub(super) fn too_long(&self, method: Method, users: &[UserId]) {
        let Some(limit) = self.of(method) else { return };
        limit.length().lower(method, bytes_of(users) / 2);
    }

    /// A batch that had failed since then went through in parts, the largest of which had these names. The first time that may be
    /// chance: the service was away for a while. If it happens again within an hour, to a batch that failed only after the first
    /// time, such a part is as long as a request may be.
    pub(super) fn suspect(&self, method: Method, users: &[UserId], failed_since: Instant) {
        let Some(limit) = self.of(method) else { return };
        let mut length = limit.length();
        let before = length.suspected.replace(Instant::now());
        let is_again = |before: Instant| before <= failed_since && before + KEPT > failed_since;
        if before.is_some_and(is_again) {
            length.lower(method, bytes_of(users));
            // What is learned next takes two times as well.
            length.suspected = None;
        }
    }

    /// Learns from the end of a call with so many names.
    pub(super) fn answered(&self, method: Method, names: usize, error: Option<&CallErrorKind>) {
        let Some(limit) = self.of(method) else { return };
        match error {
            Some(CallErrorKind::TooManyNames(most)) => {
                // The call had no more names than that, so it was refused for something else.
                if *most < names && limit.lower(*most) > *most {
                    tracing::info!(code = log_code::LIMIT_NAMES, %method, most, "this server takes fewer names in one call than configured; keeping to that");
                }
            }
            Some(CallErrorKind::RateLimited | CallErrorKind::RequestTooLong(_)) => {}
            Some(kind) if kind.was_not_sent() => {}
            // Whatever came of it, it was not refused for the number of names.
            _ => {
                limit.largest_accepted.fetch_max(names, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    /// So many names of 61 bytes, each of which takes 64 with its comma.
    fn names(number: usize) -> Vec<UserId> {
        let name = |n| UserId::parse(&format!("u{n:060}")).unwrap();
        (0..number).map(name).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_length_is_learned_from_two_batches_one_after_the_other() {
        let limits = LearnedBatchLimits::new(BatchLimits { add: 60, remove: 100 });
        let fitting = || limits.fitting(Method::RemoveMany, 61);
        let went_in_parts_of = async |number: usize| {
            let failed_since = Instant::now();
            advance(Duration::from_secs(60)).await;
            limits.suspect(Method::RemoveMany, &names(number), failed_since);
            advance(Duration::from_secs(1)).await;
            fitting()
        };
        assert!(went_in_parts_of(50).await > 100, "it may be chance");
        assert_eq!(went_in_parts_of(50).await, 50);
        assert_eq!(went_in_parts_of(25).await, 50, "so may this");
        assert_eq!(went_in_parts_of(25).await, 25);
        advance(KEPT).await;
        assert!(went_in_parts_of(25).await > 100);
        advance(KEPT).await;
        assert!(went_in_parts_of(25).await > 100, "the last time is too long ago");
    }
}
