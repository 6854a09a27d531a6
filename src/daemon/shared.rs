//! What the loop, its passes and those who look at it share.

use super::clock::Clock;
use super::engine::Engine;
use super::progress::{Progress, Stand};
use super::service_time::ServiceTime;
use crate::chat::wire::Method;
use crate::chat::{Observer, Reader};
use crate::web::Metrics;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch as signal};
use tokio::time::Instant;

/// What the loop, its passes and those who look at it share.
pub(super) struct Shared {
    pub(super) engine: Mutex<Engine>,
    /// The way to the service of the last settings.
    pub(super) reader: Mutex<Reader>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) counting: Counting,
    /// When the loop moved last.
    pub(super) beat: Mutex<Instant>,
    pub(super) wake: Notify,
    pub(super) ends: signal::Sender<bool>,
    /// The passes under way, and some that have ended.
    pub(super) passes: Mutex<Vec<Weak<Progress>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// Nobody panics while holding one of these locks; a test that does is to fail by its own message.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn beat(&self) {
        *lock(&self.beat) = Instant::now();
    }

    pub(super) fn age_of_beat(&self) -> Duration {
        lock(&self.beat).elapsed()
    }

    /// Comes when the daemon is to end.
    pub(super) async fn ending(&self) {
        let mut ends = self.ends.subscribe();
        // The sender lives as long as this does.
        let _ = ends.wait_for(|ends| *ends).await;
    }

    /// Has a pass shown for as long as the value lives.
    pub(super) fn under_way(&self, rooms: usize) -> Arc<Progress> {
        let progress = Arc::new(Progress::of_rooms(rooms));
        let mut passes = lock(&self.passes);
        passes.retain(|pass| pass.strong_count() > 0);
        passes.push(Arc::downgrade(&progress));
        progress
    }

    /// Where the passes under way stand, together; `None`: there is none.
    pub(super) fn stand(&self) -> Option<Stand> {
        let passes = lock(&self.passes);
        let under_way = passes.iter().filter_map(Weak::upgrade);
        under_way.map(|progress| progress.stand()).reduce(Stand::and)
    }

    /// Has all rooms looked at as soon as may be.
    pub(super) fn reconcile(&self) {
        lock(&self.engine).all_soon();
        self.wake.notify_one();
    }
}

/// Counts every call, and compares the time of its answer.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) service_time: Arc<ServiceTime>,
}

impl Observer for Counting {
    fn answered(&self, method: Method, status: Option<u16>, took: Duration) {
        self.metrics.called(method.as_str(), status, took);
    }

    fn dated(&self, timestamp: u64, took: Duration) {
        self.service_time.answered(timestamp, took, self.clock.moment());
    }
}
