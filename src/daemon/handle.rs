//! State shared by the loop, its passes and the web server.

use super::approve::AskedLook;
use super::call_metrics::CallMetrics;
use super::controller::Controller;
use super::state_dir::Persister;
use super::write_gate::DiskReport;
use crate::audit_log::LogWriter;
use crate::chat::Reader;
use crate::reconcile::progress::{Progress, Stand};
use crate::web::Metrics;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch as signal};
use tokio::time::Instant;

/// A handle to the daemon. Clones share it.
#[derive(Clone)]
pub(super) struct DaemonHandle(Arc<Shared>);

/// Parts of the daemon that the loop, its passes and those who look at it share.
pub(super) struct Shared {
    pub(super) controller: Mutex<Controller>,
    /// Reader of the way to the service by the last settings.
    pub(super) reader: Mutex<Reader>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) calls: CallMetrics,
    pub(super) persister: Persister,
    pub(super) audit: LogWriter,
    /// Time of the loop's last move.
    pub(super) beat: Mutex<Instant>,
    pub(super) wake: Arc<Notify>,
    pub(super) ends: signal::Sender<bool>,
    /// Looks that somebody waits for.
    pub(super) asked: Mutex<Vec<AskedLook>>,
    /// The passes under way, and some that have ended.
    pub(super) passes: Mutex<Vec<Weak<Progress>>>,
}

impl fmt::Debug for DaemonHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DaemonHandle")
    }
}

impl Deref for DaemonHandle {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Nobody panics while holding one of these locks; a test that does is to fail by its own message.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DaemonHandle {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

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

    /// Has all rooms looked at as soon as possible.
    pub(super) fn resync_soon(&self) {
        lock(&self.controller).resync_soon();
        self.wake.notify_one();
    }

    /// Does what time alone asks for. The disk is asked, and its last answer taken in; the next one wakes the loop if it differs.
    pub(super) fn tick(&self) {
        self.see_disk();
        let token = lock(&self.reader).token_expiry();
        let mut controller = lock(&self.controller);
        let now = controller.now();
        controller.token.see(token, now);
        controller.look_at_settings();
        self.metrics.settings_valid(controller.settings_watch.are_valid());
        controller.tick();
        self.audit.check(controller.now());
        drop(controller);
        self.persister.retry();
        self.persister.find_pause();
    }

    /// Takes in what the disk said last.
    pub(super) fn see_disk(&self) {
        let report = DiskReport {
            paused: self.persister.was_paused(),
            unsaved: self.persister.error(),
            unaudited: self.audit.trouble(),
        };
        lock(&self.controller).see_disk(report);
    }

    /// Waits until all that was given to the disk so far is on it, and takes in what the disk says.
    pub(super) async fn flush(&self) {
        let _ = tokio::join!(
            self.persister.on_disk(),
            self.persister.paused(),
            self.audit.written()
        );
        self.see_disk();
    }

    /// The same for what a single call waits for: the audit log's lines, and whether the daemon is paused.
    pub(super) async fn flush_audit(&self) {
        let _ = tokio::join!(self.persister.paused(), self.audit.written());
        self.see_disk();
    }
}
