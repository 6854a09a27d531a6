use super::report::Reason;
use crate::model::ReasonCode;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A way to end a run before its end: no new call is made, the calls in flight end.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    reason: Mutex<Option<Reason>>,
    /// True if not even a call may go that was begun and waits for its turn.
    interrupted: watch::Sender<bool>,
}

impl Cancel {
    /// Turns true once not even a call may go that was begun.
    pub(super) fn interrupted(&self) -> watch::Receiver<bool> {
        self.0.interrupted.subscribe()
    }

    /// Ends the run because somebody asked for it.
    pub fn interrupt(&self) {
        self.now(Reason::interrupted());
    }

    /// True if somebody asked for it.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        self.reason()
            .is_some_and(|reason| reason.code == ReasonCode::Interrupted)
    }

    /// Ends the run, and with it the calls that wait for their turn; the first reason counts.
    pub(super) fn now(&self, reason: Reason) {
        self.0
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.0.interrupted.send_replace(true);
    }

    /// Reason why the run ends early, if it does.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.0
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
