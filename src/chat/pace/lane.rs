//! One method's part of the pace: its leases, its line, its smoothing.

use super::smoother::{Smoother, TokioClock};
use super::{Budget, Method};

use governor::clock::Clock as _;
use governor::{Quota, RateLimiter};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The service's window (seed: calls per second). Whether it slides is unknown, so every 1,000 ms counts as one.
const WINDOW: Duration = Duration::from_secs(1);

/// After the service turned calls away the limit is raised by this part of the full rate…
const RECOVERY: usize = 20;
/// …after every time as long as this without another such answer.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Lane {
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
    pub(super) fn new(rate: u32) -> Self {
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
            smoother: RateLimiter::direct_with_clock(quota, TokioClock::default()),
        }
    }

    /// What is in use now.
    pub(super) fn budget(&self, method: Method, now: Instant) -> Budget {
        let mut leases = self.leases();
        leases.forget(now);
        Budget {
            method,
            used: leases.used(),
            limit: leases.limit,
            full: leases.full,
        }
    }

    /// How many calls may count at a time by now.
    pub(super) fn limit(&self) -> usize {
        self.leases().limit
    }

    /// Whether a call would have to wait for its turn now.
    pub(super) fn would_wait(&self, now: Instant) -> bool {
        // The line's lock goes to whoever has waited longest, so it is never free while somebody waits.
        self.line.try_lock().is_err() || self.leases().free(now).is_err()
    }

    /// Holds back, because the service asked for it, and goes on at half the rate.
    pub(super) fn slow_down(&self, delay: Duration, now: Instant) {
        self.leases().slow_down(delay, now);
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn lease(&self) -> Lease<'_> {
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
    /// How many calls count.
    fn used(&self) -> usize {
        self.in_flight + self.counting_until.len()
    }

    /// Takes a lease, or says until when there is none; `None`: until one is given back.
    fn try_take(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        self.free(now)?;
        self.in_flight += 1;
        Ok(())
    }

    /// Whether a lease is free, or until when there is none; `None`: until one is given back.
    fn free(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Some(until));
        }
        self.forget(now);
        if self.limit < self.full && now >= self.raise_at {
            self.limit = (self.limit + self.full.div_ceil(RECOVERY)).min(self.full);
            self.raise_at = now + QUIET;
        }
        if self.used() < self.limit {
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
pub(super) struct Lease<'a> {
    lane: &'a Lane,
    /// Whether the service may have counted a call.
    used: bool,
}

impl Lease<'_> {
    /// No call was made with it.
    pub(super) fn unused(&mut self) {
        self.used = false;
    }
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
