//! governor on tokio's time.

use governor::Quota;
use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// Calls that can go at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Burst {
    /// A quarter of the limit: what is lost by spreading it is lost once, at the start, and what a burst can do wrong is done
    /// before its first answer.
    Full,
    /// An eighth, while it is not known yet how much the service leaves us.
    Start,
    /// A sixteenth, while the service takes less than configured: what is turned away comes in bursts then.
    Lowered,
}

impl Burst {
    fn of(self, limit: usize) -> usize {
        limit.div_ceil(match self {
            Self::Full => 4,
            Self::Start => 8,
            Self::Lowered => 16,
        })
    }
}

/// In how long as many go as the limit allows in a second. Less than a second, so that it is leases that bound the rate and
/// a delay is made up for.
const SPREAD: Duration = Duration::from_millis(800);

/// Keeps calls from coming in bursts, where leases would let them.
#[derive(Debug)]
pub(super) struct Smoothing {
    limit: usize,
    burst: Burst,
    /// Calls that are not held up: the first ones, so that a short command does not wait.
    unsmoothed: usize,
    limiter: governor::RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Ticks>>,
}

impl Smoothing {
    /// Lets the first calls go at once, as many as there are leases at the start.
    pub(super) fn new(limit: usize, unsmoothed: usize) -> Self {
        Self::with(limit, Burst::Start, unsmoothed)
    }

    fn with(limit: usize, burst: Burst, unsmoothed: usize) -> Self {
        let calls = u32::try_from(limit).unwrap_or(u32::MAX).max(1);
        let at_once = u32::try_from(burst.of(limit)).unwrap_or(u32::MAX);
        // A limit of more than 800 million calls would have no period.
        let quota = Quota::with_period(SPREAD / calls).unwrap_or(Quota::per_second(NonZeroU32::MAX));
        let quota = quota.allow_burst(NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN));
        Self {
            limit,
            burst,
            unsmoothed,
            limiter: governor::RateLimiter::direct_with_clock(quota, TokioClock::default()),
        }
    }

    /// Lets a call go under this limit, or says when it can.
    pub(super) fn check(&mut self, limit: usize, burst: Burst) -> Result<(), Instant> {
        if (limit, burst) != (self.limit, self.burst) {
            let unsmoothed = if burst == Burst::Lowered {
                0
            } else {
                self.unsmoothed
            };
            *self = Self::with(limit, burst, unsmoothed);
        }
        if self.unsmoothed > 0 {
            self.unsmoothed -= 1;
            return Ok(());
        }
        self.limiter.check().map_err(|not_yet| {
            let wait = not_yet.wait_time_from(self.limiter.clock().now());
            Instant::now() + wait
        })
    }
}

/// governor's clock on tokio's time.
#[derive(Debug, Clone)]
struct TokioClock {
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
struct Ticks(u64);

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
