//! How many names go into one call: as configured, or fewer where the service taught so.

use super::error::CallErrorKind;
use super::wire::{MAX_REMOVE_BATCH, Method};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many names go into one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Of `add_many`.
    pub add: usize,
    /// Of `remove_many`.
    pub remove: usize,
}

/// What a client knows of the sizes of calls.
#[derive(Debug)]
pub(super) struct Sizes {
    add: Size,
    remove: Size,
}

#[derive(Debug)]
struct Size {
    /// No call has more names.
    most: AtomicUsize,
    /// The service has been asked for so many in one call, and has not said that they are too many.
    proven: AtomicUsize,
}

impl Size {
    fn new(most: usize) -> Self {
        Self {
            most: AtomicUsize::new(most.clamp(1, MAX_REMOVE_BATCH)),
            proven: AtomicUsize::new(0),
        }
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn limit(&self, most: usize) -> usize {
        self.most.fetch_min(most.max(1), Ordering::Relaxed)
    }
}

impl Sizes {
    pub(super) fn new(BatchLimits { add, remove }: BatchLimits) -> Self {
        Self {
            add: Size::new(add),
            remove: Size::new(remove),
        }
    }

    fn of(&self, method: Method) -> Option<&Size> {
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

    /// Puts no more names into one call than these.
    pub(super) fn limit(&self, BatchLimits { add, remove }: BatchLimits) {
        self.add.limit(add);
        self.remove.limit(remove);
    }

    /// The most names that the service was asked for in one call of this method without saying that they are too many; of a
    /// method that takes one there is no such number.
    pub(super) fn largest_accepted(&self, method: Method) -> usize {
        let of = |size: &Size| size.proven.load(Ordering::Relaxed);
        self.of(method).map_or(usize::MAX, of)
    }

    /// Takes down how a call of so many names was answered.
    pub(super) fn answered(&self, method: Method, names: usize, kind: Option<&CallErrorKind>) {
        let Some(size) = self.of(method) else { return };
        match kind {
            Some(CallErrorKind::TooManyNames(most)) => {
                // A limit that this call kept to says nothing.
                if *most < names && size.limit(*most) > *most {
                    tracing::info!(%method, most, "this server takes fewer names in one call than configured; keeping to that");
                }
            }
            Some(kind) if kind.was_not_sent() => {}
            // Whatever else came of it: nobody need wait any longer to see whether it is taken.
            _ => {
                size.proven.fetch_max(names, Ordering::Relaxed);
            }
        }
    }
}
