//! Most names in one call: as configured, or fewer if the service said so.

use super::error::CallErrorKind;
use super::wire::{MAX_REMOVE_BATCH, Method};
use crate::model::UserId;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes between two names: `%2C` in a path, `","` in a body.
const SEPARATOR: usize = 3;

/// No server takes fewer bytes of names in a request.
const LEAST_BYTES: usize = 512;

/// Most names in one call.
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
}

#[derive(Debug)]
struct LearnedLimit {
    most: AtomicUsize,
    /// Most names in a call that the service did not refuse for their number.
    largest_accepted: AtomicUsize,
    /// Most bytes that the names of one call may take, each with its comma.
    bytes: AtomicUsize,
    /// Times that a call failed which went through in parts.
    suspicions: AtomicUsize,
}

impl LearnedLimit {
    fn new(most: usize) -> Self {
        Self {
            most: AtomicUsize::new(most.clamp(1, MAX_REMOVE_BATCH)),
            largest_accepted: AtomicUsize::new(0),
            bytes: AtomicUsize::new(usize::MAX),
            suspicions: AtomicUsize::new(0),
        }
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
        }
    }

    fn of(&self, method: Method) -> Option<&LearnedLimit> {
        match method {
            Method::AddMany => Some(&self.add),
            Method::RemoveMany => Some(&self.remove),
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

    /// Most names that one call of this method had without the service saying that they are too many; no bound for a method
    /// that takes one.
    pub(super) fn largest_accepted(&self, method: Method) -> usize {
        let of = |limit: &LearnedLimit| limit.largest_accepted.load(Ordering::Relaxed);
        self.of(method).map_or(usize::MAX, of)
    }

    /// Most names of this length that fit into one call of this method.
    pub(super) fn fitting(&self, method: Method, longest: usize) -> usize {
        let bytes = self
            .of(method)
            .map_or(usize::MAX, |limit| limit.bytes.load(Ordering::Relaxed));
        (bytes / (longest + SEPARATOR)).max(1)
    }

    /// No more bytes than the names of this call take fit into one of this method, or only half of them where it was `too_long`. What
    /// is only suspected counts from the second time on.
    pub(super) fn learn_bytes(&self, method: Method, users: &[UserId], too_long: bool) {
        let Some(limit) = self.of(method) else { return };
        let taken: usize = users.iter().map(|user| user.as_str().len() + SEPARATOR).sum();
        let most = if too_long { taken / 2 } else { taken };
        // Nothing limits requests to less, and once may be chance: the service was away for the while.
        if !too_long && (most < LEAST_BYTES || limit.suspicions.fetch_add(1, Ordering::Relaxed) == 0) {
            return;
        }
        if limit.bytes.fetch_min(most, Ordering::Relaxed) > most {
            let batch = (users.len() / if too_long { 2 } else { 1 }).max(1);
            tracing::info!(
                %method,
                most,
                "this server, or a proxy in front of it, takes no longer requests; keeping to so many bytes of names in a call; \
                 `limits.{}: {batch}` does the same from the start",
                if method == Method::AddMany { "add_batch" } else { "remove_batch" },
            );
        }
    }

    /// Learns from the end of a call with so many names.
    pub(super) fn answered(&self, method: Method, names: usize, error: Option<&CallErrorKind>) {
        let Some(limit) = self.of(method) else { return };
        match error {
            Some(CallErrorKind::TooManyNames(most)) => {
                // A limit that this call kept to says nothing.
                if *most < names && limit.lower(*most) > *most {
                    tracing::info!(%method, most, "this server takes fewer names in one call than configured; keeping to that");
                }
            }
            Some(CallErrorKind::RateLimited | CallErrorKind::RequestTooLong(_)) => {}
            Some(kind) if kind.was_not_sent() => {}
            // Whatever else came of it: the number of names was no reason to refuse it.
            _ => {
                limit.largest_accepted.fetch_max(names, Ordering::Relaxed);
            }
        }
    }
}
