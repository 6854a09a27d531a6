//! governor on tokio's time.

use governor::RateLimiter;
use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use tokio::time::Instant;

pub(super) type Smoother = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Ticks>>;

/// governor's clock on tokio's time.
#[derive(Debug, Clone)]
pub(super) struct TokioClock {
    start: Instant,
}

impl Default for TokioClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

/// Nanoseconds since the clock's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticks(u64);

impl std::ops::Add<Nanos> for Ticks {
    type Output = Self;
    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Ticks {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.as_u64()).unwrap_or(self.0))
    }
}

impl Clock for TokioClock {
    type Instant = Ticks;
    fn now(&self) -> Ticks {
        Ticks(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
