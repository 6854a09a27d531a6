//! The first good answer of the service, for what is not worth a call before there is one.

use crate::chat::Observer;
use crate::chat::wire::Method;
use std::time::Duration;
use tokio::sync::watch;

/// Tells whether the service has given a good answer yet. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstAnswer(watch::Sender<bool>);

/// Observes calls for two: for another observer, and for the first answer.
#[derive(Debug)]
pub(super) struct WithFirstAnswer {
    pub(super) first: FirstAnswer,
    pub(super) other: Box<dyn Observer>,
}

impl FirstAnswer {
    /// Comes when there has been a good answer.
    pub(super) async fn came(&self) {
        let mut has_come = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = has_come.wait_for(|has_come| *has_come).await;
    }
}

impl Observer for WithFirstAnswer {
    fn answered(&self, method: Method, status: Option<u16>, took: Duration) {
        if status.is_some_and(|status| (200..300).contains(&status)) {
            self.first.0.send_replace(true);
        }
        self.other.answered(method, status, took);
    }

    fn dated(&self, timestamp: u64, took: Duration) {
        self.other.dated(timestamp, took);
    }
}
