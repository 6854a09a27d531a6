//! The rate limit: the configured number of calls in any 1,000 ms and no more, for each method.
//!
//! Four parts. A lease for the guarantee: as many permits as the limit, each given back one second after its call has been
//! answered, so that whenever within its flight the service counted the call, no window holds more; less a part of the way,
//! unless the limit is strict, which is a bet on the ways, see [`round_trip`]. governor for the smoothing, so that calls do
//! not come in bursts. A careful start, while the service may still count calls of before it, see [`first_window`]. And a
//! limit that follows the service where it takes fewer calls than configured, see [`adaptive_limit`]. Time is tokio's,
//! which tests hold still.

mod adaptive_limit;
mod first_window;
mod limiter;
mod round_trip;
mod smoothing;

use super::wire::{LIST_ROOMS_PER_SECOND, Method};
use first_window::FirstWindow;
use limiter::{Lease, Limiter};
use round_trip::RoundTrips;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

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
pub struct CallBudget {
    /// The method.
    pub method: Method,
    /// Calls that count at present: in flight, or answered within the last second.
    pub used: usize,
    /// Most that may count at a time; less than `full` after the service has turned calls away.
    pub limit: usize,
    /// Configured limit, which holds while the service turns nothing away.
    pub full: usize,
}

/// Lets calls through, one budget a method and one bound for all in flight.
#[derive(Debug)]
pub(super) struct RateLimiter {
    methods: BTreeMap<Method, Limiter>,
    in_flight: Semaphore,
}

impl RateLimiter {
    /// `strict`: nothing is given back early, see [`round_trip`].
    pub(super) fn new(rates: &Rates, concurrency: usize, strict: bool) -> Self {
        let round_trips = if strict {
            RoundTrips::strict()
        } else {
            RoundTrips::default()
        };
        Self::with(rates, concurrency, round_trips)
    }

    fn with(rates: &Rates, concurrency: usize, round_trips: RoundTrips) -> Self {
        let round_trips = Arc::new(round_trips);
        let reported = Arc::default();
        let limiter = |method| {
            let first_window = FirstWindow::new(method, Arc::clone(&reported));
            let limiter = Limiter::new(rates.of(method), first_window, Arc::clone(&round_trips));
            (method, limiter)
        };
        Self {
            methods: Method::ALL.into_iter().map(limiter).collect(),
            in_flight: Semaphore::new(concurrency),
        }
    }

    /// Waits until a call may go. It counts until one second after the permit is dropped.
    pub(super) async fn permit(&self, method: Method) -> Result<Permit<'_>, GaveUp> {
        let lease = match self.methods.get(&method) {
            Some(limiter) => Some(limiter.lease().await?),
            None => None,
        };
        // The semaphore is never closed, so there is always a permit.
        let flight = self.in_flight.acquire().await.ok();
        Ok(Permit {
            lease,
            _flight: flight,
            sent: Instant::now(),
        })
    }

    /// True if a call of this method would have to wait for its turn now: no lease is free, the method is held back, or
    /// somebody stands in line already. The few milliseconds that smoothing can cost are not counted.
    pub(super) fn would_wait(&self, method: Method) -> bool {
        self.methods
            .get(&method)
            .is_some_and(|limiter| limiter.would_wait(Instant::now()))
    }

    /// Use of each method's budget now.
    pub(super) fn budget(&self) -> Vec<CallBudget> {
        let now = Instant::now();
        self.methods
            .iter()
            .map(|(method, limiter)| limiter.budget(*method, now))
            .collect()
    }

    /// Calls of a method that may count at a time by now.
    pub(super) fn limit(&self, method: Method) -> usize {
        self.methods.get(&method).map_or(0, Limiter::limit)
    }
}

/// Refusal of a call: the service has turned every call of its method away for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GaveUp;

/// A call that may go.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    lease: Option<Lease<'a>>,
    _flight: Option<SemaphorePermit<'a>>,
    sent: Instant,
}

impl Permit<'_> {
    /// Gives the permit back without a call having been made.
    pub(super) fn give_back(mut self) {
        if let Some(lease) = &mut self.lease {
            lease.unused();
        }
    }

    /// The call has been answered.
    pub(super) fn answered(mut self) {
        if let Some(lease) = &mut self.lease {
            lease.answered(self.sent);
        }
    }

    /// The call was turned away for its rate: slows its method down at once, and holds it back for as long as the service
    /// asks. Says whether there is hope, so that the call is to be made again.
    pub(super) fn turned_away(mut self, retry_after: Option<Duration>) -> bool {
        self.lease
            .as_mut()
            .is_some_and(|lease| lease.turned_away(self.sent, retry_after))
    }
}

#[cfg(test)]
mod tests;
