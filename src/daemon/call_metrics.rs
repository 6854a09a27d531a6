//! Counts calls, and compares the times of their answers with our clock.

use crate::chat::Observer;
use crate::chat::wire::Method;
use crate::clock::{Clock, ServiceTime};
use crate::web::Metrics;
use std::sync::Arc;
use std::time::Duration;

/// Observer of every call. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct CallMetrics {
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) service_time: Arc<ServiceTime>,
}

impl Observer for CallMetrics {
    fn answered(&self, method: Method, status: Option<u16>, took: Duration) {
        self.metrics.called(method.as_str(), status, took);
    }

    fn dated(&self, timestamp: u64, took: Duration) {
        self.service_time.answered(timestamp, took, self.clock.moment());
    }
}
