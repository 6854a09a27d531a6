//! One method's part of the pace: its leases, its line, its smoothing.

use super::adaptive_limit::{AdaptiveLimit, WINDOW};
use super::first_window::FirstWindow;
use super::round_trip::RoundTrips;
use super::smoothing::{Burst, Smoothing};
use super::{CallBudget, GaveUp, Method};
use crate::backoff::Backoff;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Refusals in a row, each after a longer pause, at which the waiting calls are given up.
const IN_A_ROW: u32 = 8;
/// Pauses of a method whose calls are all turned away.
const PAUSE: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(10),
};

#[derive(Debug)]
pub(super) struct Limiter {
    leases: Mutex<Leases>,
    /// Calls wait in line: first come, first served.
    line: tokio::sync::Mutex<()>,
    given_back: Notify,
}

#[derive(Debug)]
struct Leases {
    adaptive_limit: AdaptiveLimit,
    first_window: FirstWindow,
    smoothing: Smoothing,
    round_trips: Arc<RoundTrips>,
    in_flight: usize,
    /// Those that were given back and count still, in order.
    counting: VecDeque<Counting>,
    /// When the last calls were counted that were let through, as far as can be told: no more than fit into a window.
    let_through: VecDeque<Instant>,
    paused_until: Option<Instant>,
    /// Number of times that those who wait were given up.
    given_up: u64,
}

/// A call that counts still.
#[derive(Debug, Clone, Copy)]
struct Counting {
    /// One second after its end.
    until: Instant,
    /// True if it ended with an answer, so that it was counted earlier.
    answered: bool,
}

/// End of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With nothing that is known: it may be counted as late as now.
    Unknown,
    /// With an answer.
    Answered,
    /// Without having been counted.
    NotCounted,
}

impl Limiter {
    pub(super) fn new(rate: u32, first_window: FirstWindow, round_trips: Arc<RoundTrips>) -> Self {
        let now = Instant::now();
        let limit = rate.max(1) as usize;
        // What the process before this one did in the last second is unknown: begin with half the permits, which is
        // plenty for a short command.
        let taken = limit / 2;
        let unknown = Counting {
            until: now + WINDOW,
            answered: false,
        };
        Self {
            leases: Mutex::new(Leases {
                adaptive_limit: AdaptiveLimit::new(limit, now),
                first_window,
                smoothing: Smoothing::new(limit, limit - taken),
                round_trips,
                in_flight: 0,
                counting: std::iter::repeat_n(unknown, taken).collect(),
                let_through: VecDeque::new(),
                paused_until: None,
                given_up: 0,
            }),
            line: tokio::sync::Mutex::new(()),
            given_back: Notify::new(),
        }
    }

    /// Permits in use now, and the limit.
    pub(super) fn budget(&self, method: Method, now: Instant) -> CallBudget {
        let mut leases = self.leases();
        leases.forget(now);
        CallBudget {
            method,
            used: leases.used(),
            limit: leases.adaptive_limit.limit(),
            full: leases.adaptive_limit.full(),
        }
    }

    /// Calls that may count at a time by now.
    pub(super) fn limit(&self) -> usize {
        self.leases().adaptive_limit.limit()
    }

    /// True if a call would have to wait for its turn now.
    pub(super) fn would_wait(&self, now: Instant) -> bool {
        // The line's lock goes to whoever has waited longest, so it is never free while somebody waits.
        self.line.try_lock().is_err() || self.leases().free(now).is_err()
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_>, GaveUp> {
        let given_up = self.leases().given_up;
        let _turn = self.line.lock().await;
        loop {
            let wait = {
                let mut leases = self.leases();
                if leases.given_up != given_up {
                    return Err(GaveUp);
                }
                match leases.try_take(Instant::now()) {
                    Ok(()) => break,
                    Err(wait) => wait,
                }
            };
            let given_back = self.given_back.notified();
            match wait {
                // Whichever comes first: one can come back without having been counted.
                Some(until) => drop(timeout_at(until, given_back).await),
                None => given_back.await,
            }
        }
        Ok(Lease {
            limiter: self,
            end: End::Unknown,
        })
    }
}

impl Leases {
    /// Calls that count.
    fn used(&self) -> usize {
        self.in_flight + self.counting.len()
    }

    /// Takes a lease, or says until when there is none; `None`: until one is given back.
    fn try_take(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        let mut free = self.free(now);
        if free.is_err() && self.paused_until.is_none_or(|until| until <= now) {
            self.adaptive_limit.raise(now);
            free = self.free(now);
        }
        free?;
        let limit = self.adaptive_limit.limit();
        let burst = if limit < self.adaptive_limit.full() {
            Burst::Lowered
        } else {
            self.first_window.burst(now)
        };
        self.smoothing.check(limit, burst).map_err(Some)?;
        self.in_flight += 1;
        Ok(())
    }

    /// `Ok` if a lease is free. The error is the time until which there is none; `None`: until one is given back.
    fn free(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Some(until));
        }
        let earlier = self.forget(now);
        let let_through = self.let_through.len();
        if let Some(until) = self.first_window.full_until(now, self.in_flight, let_through) {
            return Err(Some(until));
        }
        if self.used() < self.adaptive_limit.limit() {
            return Ok(());
        }
        Err(self.counting.front().map(|first| first.until(earlier)))
    }

    /// Lets go of what counts no more, and says how much earlier an answered call does than one second after its answer.
    fn forget(&mut self, now: Instant) -> Duration {
        let earlier = self.round_trips.given_back(now);
        while self
            .counting
            .front()
            .is_some_and(|first| first.until(earlier) <= now)
        {
            self.counting.pop_front();
        }
        earlier
    }

    fn answered(&mut self, sent: Instant, now: Instant) {
        let counted = half_way(sent, now);
        self.adaptive_limit.let_through(sent, counted, now);
        if self.let_through.len() >= self.adaptive_limit.full() {
            self.let_through.pop_front();
        }
        self.let_through.push_back(counted);
    }

    /// Waits if calls of before our start may be the cause; otherwise lowers the limit. Says whether to go on.
    fn turned_away(&mut self, sent: Instant, now: Instant, retry_after: Option<Duration>) -> bool {
        if let Some(until) = self.first_window.turned_away(sent, now) {
            let asked = retry_after.map(|wait| now + wait);
            self.paused_until = self.paused_until.max(asked).max(Some(until));
            return true;
        }
        self.round_trips.turned_away(now);
        let counted = half_way(sent, now);
        let within = |then: &&Instant| **then <= counted && **then + WINDOW > counted;
        let let_through = self.let_through.iter().filter(within).count();
        let first = self.adaptive_limit.turned_away(sent, counted, now, let_through);
        let in_a_row = self.adaptive_limit.in_a_row();
        // Mostly there is nothing to wait for but for leases to come back, for there is one less than calls that count.
        let pause = retry_after.or_else(|| {
            (first && (in_a_row > 1 || let_through == 0))
                .then(|| PAUSE.jittered(in_a_row, &mut fastrand::Rng::new()))
        });
        self.paused_until = self.paused_until.max(pause.map(|pause| now + pause));
        if in_a_row >= IN_A_ROW {
            self.given_up += 1;
        }
        in_a_row < IN_A_ROW
    }
}

/// When a call was counted, as far as can be told.
fn half_way(sent: Instant, answered: Instant) -> Instant {
    sent + (answered - sent) / 2
}

impl Counting {
    fn until(&self, earlier: Duration) -> Instant {
        if self.answered {
            self.until - earlier
        } else {
            self.until
        }
    }
}

/// The right to have one call counted.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    limiter: &'a Limiter,
    end: End,
}

impl Lease<'_> {
    /// No call was made with it.
    pub(super) fn unused(&mut self) {
        self.end = End::NotCounted;
    }

    /// The call that was sent then has been answered.
    pub(super) fn answered(&mut self, sent: Instant) {
        self.end = End::Answered;
        let now = Instant::now();
        let mut leases = self.limiter.leases();
        leases.round_trips.answered(now - sent);
        leases.answered(sent, now);
    }

    /// The call that was sent then was turned away and does not count. Says whether to try it again.
    pub(super) fn turned_away(&mut self, sent: Instant, retry_after: Option<Duration>) -> bool {
        self.end = End::NotCounted;
        let now = Instant::now();
        let mut leases = self.limiter.leases();
        leases.turned_away(sent, now, retry_after)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut leases = self.limiter.leases();
        leases.in_flight -= 1;
        if self.end != End::NotCounted {
            leases.counting.push_back(Counting {
                until: Instant::now() + WINDOW,
                answered: self.end == End::Answered,
            });
        }
        drop(leases);
        self.limiter.given_back.notify_one();
    }
}
