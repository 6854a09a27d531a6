use super::names;
use std::fmt;
use std::sync::Arc;

/// Times that an answer tells, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// Since 1970.
    pub(super) now_ms: u64,
    /// Since the service took the call.
    pub(super) duration_ms: u64,
}

/// A clock, in milliseconds since 1970: the machine's, unless told otherwise.
#[derive(Clone)]
pub(super) struct TimeOfDay(Arc<dyn Fn() -> u64 + Send + Sync>);

impl TimeOfDay {
    pub(super) fn new(clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }

    pub(super) fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl Default for TimeOfDay {
    fn default() -> Self {
        Self::new(names::now_ms)
    }
}

impl fmt::Debug for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeOfDay({})", self.now_ms())
    }
}
