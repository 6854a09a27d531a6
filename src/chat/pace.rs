//! How fast calls may go: never more than the configured number in any 1,000 ms, for each method.
//!
//! Two parts. A lease for the guarantee: as many permits as the limit, each given back one second after its call has been
//! answered, so that whenever within its flight the service counted the call, no window holds more. And governor for the
//! smoothing, so that calls do not come in bursts. Time is tokio's, which tests hold still.

use super::wire::{LIST_ROOMS_PER_SECOND, Method};
use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// The service's window (seed: calls per second). Whether it slides is unknown, so every 1,000 ms counts as one.
const WINDOW: Duration = Duration::from_secs(1);

/// After the service turned calls away the limit is raised by this part of the full rate…
const RECOVERY: usize = 20;
/// …after every time as long as this without another such answer.
const QUIET: Duration = Duration::from_secs(5);

/// Calls a second, for each method on its own; none is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// For a method that is not in `own`.
    pub default: u32,
    /// For these methods.
    pub own: BTreeMap<Method, u32>,
}

impl Rates {
    /// The calls a second of a method. Of those the service allows fewer of, `default` never means more.
    #[must_use]
    pub fn of(&self, method: Method) -> u32 {
        let default = match method {
            Method::ListRooms => self.default.min(LIST_ROOMS_PER_SECOND),
            _ => self.default,
        };
        self.own.get(&method).copied().unwrap_or(default)
    }
}

/// A method's part in the call budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The method.
    pub method: Method,
    /// Calls that count at present: in flight, or answered within the last second.
    pub used: usize,
    /// How many may count at a time; less than configured after the service has turned calls away.
    pub limit: usize,
}

/// Lets calls through, one budget a method and one bound for all in flight.
#[derive(Debug)]
pub(super) struct Pacer {
    lanes: BTreeMap<Method, Lane>,
    in_flight: Semaphore,
}

impl Pacer {
    pub(super) fn new(rates: &Rates, concurrency: usize) -> Self {
        let lane = |method| (method, Lane::new(rates.of(method)));
        Self {
            lanes: Method::ALL.into_iter().map(lane).collect(),
            in_flight: Semaphore::new(concurrency),
        }
    }

    /// Waits until a call may go. It counts until one second after the permit is dropped.
    pub(super) async fn permit(&self, method: Method) -> Permit<'_> {
        let lease = match self.lanes.get(&method) {
            Some(lane) => Some(lane.lease().await),
            None => None,
        };
        // The semaphore is never closed, so there is always a permit.
        Permit {
            lease,
            _flight: self.in_flight.acquire().await.ok(),
        }
    }

    /// What is in use now, for each method.
    pub(super) fn budget(&self) -> Vec<Budget> {
        let now = Instant::now();
        self.lanes
            .iter()
            .map(|(method, lane)| {
                let mut leases = lane.leases();
                leases.forget(now);
                Budget {
                    method: *method,
                    used: leases.in_flight + leases.counting_until.len(),
                    limit: leases.limit,
                }
            })
            .collect()
    }

    /// How many calls of a method may count at a time by now.
    pub(super) fn limit(&self, method: Method) -> usize {
        self.lanes.get(&method).map_or(0, |lane| lane.leases().limit)
    }

    /// Holds a method back, because the service asked for it, and lets it go on at half its rate.
    pub(super) fn slow_down(&self, method: Method, delay: Duration) {
        if let Some(lane) = self.lanes.get(&method) {
            lane.leases().slow_down(delay, Instant::now());
        }
    }
}

/// A call that may go.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    lease: Option<Lease<'a>>,
    _flight: Option<SemaphorePermit<'a>>,
}

impl Permit<'_> {
    /// Gives the permit back without a call having been made.
    pub(super) fn give_back(mut self) {
        if let Some(lease) = &mut self.lease {
            lease.used = false;
        }
    }
}

type Smoother = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Ticks>>;

#[derive(Debug)]
struct Lane {
    leases: Mutex<Leases>,
    /// Calls wait in line: first come, first served.
    line: tokio::sync::Mutex<()>,
    given_back: Notify,
    smoother: Smoother,
}

#[derive(Debug)]
struct Leases {
    /// As configured.
    full: usize,
    /// As many as are given out at present: less than `full` after the service has turned calls away.
    limit: usize,
    /// When the limit was halved last, and when it may be raised again.
    halved: Instant,
    raise_at: Instant,
    in_flight: usize,
    /// When those that were answered count no more, in order.
    counting_until: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

impl Lane {
    fn new(rate: u32) -> Self {
        let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        let limit = rate.get() as usize;
        // What the process before this one did in the last second is unknown: begin with half the permits, which is
        // plenty for a short command.
        let taken = limit / 2;
        let counting_until = std::iter::repeat_n(Instant::now() + WINDOW, taken).collect();
        let burst = NonZeroU32::new(rate.get().div_ceil(2)).unwrap_or(rate);
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self {
            leases: Mutex::new(Leases {
                full: limit,
                limit,
                halved: Instant::now(),
                raise_at: Instant::now(),
                in_flight: 0,
                counting_until,
                paused_until: None,
            }),
            line: tokio::sync::Mutex::new(()),
            given_back: Notify::new(),
            smoother: RateLimiter::direct_with_clock(
                quota,
                TokioClock {
                    start: Instant::now(),
                },
            ),
        }
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lease(&self) -> Lease<'_> {
        let _turn = self.line.lock().await;
        loop {
            let wait = match self.leases().try_take(Instant::now()) {
                Ok(()) => break,
                Err(wait) => wait,
            };
            match wait {
                Some(until) => sleep_until(until).await,
                // All are in flight. A lease that is given back begins to count, so this loops once more.
                None => self.given_back.notified().await,
            }
        }
        let mut lease = Lease {
            lane: self,
            used: false,
        };
        while let Err(not_yet) = self.smoother.check() {
            tokio::time::sleep(not_yet.wait_time_from(self.smoother.clock().now())).await;
        }
        lease.used = true;
        lease
    }
}

impl Leases {
    /// Takes a lease, or says until when there is none; `None`: until one is given back.
    fn try_take(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Some(until));
        }
        self.forget(now);
        if self.limit < self.full && now >= self.raise_at {
            self.limit = (self.limit + self.full.div_ceil(RECOVERY)).min(self.full);
            self.raise_at = now + QUIET;
        }
        if self.in_flight + self.counting_until.len() < self.limit {
            self.in_flight += 1;
            return Ok(());
        }
        Err(self.counting_until.front().copied())
    }

    /// Lets go of what counts no more.
    fn forget(&mut self, now: Instant) {
        while self.counting_until.front().is_some_and(|until| *until <= now) {
            self.counting_until.pop_front();
        }
    }

    /// Halves the limit, once a window: the calls of one window are turned away for one reason.
    fn slow_down(&mut self, delay: Duration, now: Instant) {
        if self.limit == self.full || now >= self.halved + WINDOW {
            self.limit = (self.limit / 2).max(1);
            self.halved = now + delay;
        }
        self.raise_at = now + delay + QUIET;
        self.paused_until = self.paused_until.max(Some(now + delay));
    }
}

#[derive(Debug)]
struct Lease<'a> {
    lane: &'a Lane,
    /// Whether the service may have counted a call.
    used: bool,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut leases = self.lane.leases();
        leases.in_flight -= 1;
        if self.used {
            leases.counting_until.push_back(Instant::now() + WINDOW);
        }
        drop(leases);
        self.lane.given_back.notify_one();
    }
}

/// governor's clock on tokio's time.
#[derive(Debug, Clone)]
struct TokioClock {
    start: Instant,
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use proptest::prelude::*;

    /// Makes calls of these lengths (ms) as fast as they are let and gives when the service counted each (ms).
    fn run(limit: u32, flights: &[(u64, u64)]) -> Vec<u128> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let start = Instant::now();
            let rates = Rates {
                default: limit,
                own: BTreeMap::new(),
            };
            let pacer = Pacer::new(&rates, 64);
            let call = async |there: u64, back: u64| {
                let permit = pacer.permit(Method::AddMany).await;
                tokio::time::sleep(Duration::from_millis(there)).await;
                let counted = start.elapsed().as_millis();
                tokio::time::sleep(Duration::from_millis(back)).await;
                drop(permit);
                counted
            };
            join_all(flights.iter().map(|(there, back)| call(*there, *back))).await
        })
    }

    fn busiest_window(mut counted: Vec<u128>) -> usize {
        counted.sort_unstable();
        (0..counted.len())
            .map(|i| {
                counted[i..]
                    .iter()
                    .take_while(|at| **at < counted[i] + 1000)
                    .count()
            })
            .max()
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_window_holds_more_than_the_limit(
            limit in 1u32..=20,
            flights in prop::collection::vec((0u64..300, 0u64..300), 1..120),
        ) {
            prop_assert!(busiest_window(run(limit, &flights)) <= limit as usize);
        }
    }

    #[test]
    fn the_budget_is_used() {
        let counted = run(50, &[(10, 10); 500]);
        let seconds = (counted.iter().max().unwrap() - counted.iter().min().unwrap()) as f64 / 1000.0;
        assert!(500.0 / seconds > 45.0, "{seconds} s for 500 calls at 50 a second");
    }

    #[test]
    fn a_short_command_never_waits() {
        assert_eq!(run(50, &[(0, 0); 25]).into_iter().max(), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn slowing_down_holds_one_method_and_no_other() {
        let rates = Rates {
            default: 10,
            own: BTreeMap::new(),
        };
        let pacer = Pacer::new(&rates, 4);
        let start = Instant::now();
        pacer.slow_down(Method::Promote, Duration::from_secs(3));
        drop(pacer.permit(Method::Demote).await);
        assert_eq!(start.elapsed().as_secs(), 0);
        drop(pacer.permit(Method::Promote).await);
        assert_eq!(start.elapsed().as_secs(), 3);
    }
}
