use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;

/// What tells the time of day, for people and for what outlives the process. Everything that waits, waits on tokio's clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's own.
    #[must_use]
    pub fn of_the_machine() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that shows this time now and goes on with tokio's, which a test holds still.
    #[must_use]
    pub fn from(start: Timestamp) -> Self {
        let began = Instant::now();
        Self(Arc::new(move || {
            let gone = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
            start.checked_add(gone).unwrap_or(start)
        }))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
