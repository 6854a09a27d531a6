//! Notifications to the service manager; none without one.

use sd_notify::NotifyState;
use std::time::Duration;
use tokio::time::Instant;

/// The service manager's end.
#[derive(Debug)]
pub(super) struct Manager {
    is_there: bool,
    /// Interval of the watchdog messages: half of the time that it allows.
    every: Option<Duration>,
    told: Instant,
    status: String,
}

impl Manager {
    pub(super) fn new() -> Self {
        Self {
            is_there: std::env::var_os("NOTIFY_SOCKET").is_some(),
            every: sd_notify::watchdog_enabled().map(|allowed| allowed / 2),
            told: Instant::now(),
            status: String::new(),
        }
    }

    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// Must be followed by `ready`.
    pub(super) fn reloading(&self) {
        // Without the clock there is no reload to tell of.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, now]);
        }
    }

    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// The loop moves, and this is how things stand.
    pub(super) fn alive(&mut self, status: impl FnOnce() -> String) {
        if !self.is_there {
            return;
        }
        if self.every.is_some_and(|every| self.told.elapsed() >= every) {
            self.told = Instant::now();
            tell(&[NotifyState::Watchdog]);
        }
        let status = status();
        if status != self.status {
            tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
