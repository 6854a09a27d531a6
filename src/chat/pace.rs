//! How fast calls may go: never more than the configured number in any 1,000 ms, for each method.
//!
//! Two parts. A lease for the guarantee: as many permits as the limit, each given back one second after its call has been
//! answered, so that whenever within its flight the service counted the call, no window holds more. And governor for the
//! smoothing, so that calls do not come in bursts. Time is tokio's, which tests hold still.

mod lane;
mod smoother;

use super::wire::{LIST_ROOMS_PER_SECOND, Method};
use lane::{Lane, Lease};
use std::collections::BTreeMap;
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
pub struct Budget {
    /// The method.
    pub method: Method,
    /// Calls that count at present: in flight, or answered within the last second.
    pub used: usize,
    /// How many may count at a time; less than `full` after the service has turned calls away.
    pub limit: usize,
    /// How many may count at a time where the service turns nothing away: as configured.
    pub full: usize,
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

    /// Whether a call of this method would have to wait for its turn now: no lease is free, the method is held back, or
    /// somebody stands in line already. The few milliseconds that smoothing can cost are not counted.
    pub(super) fn would_wait(&self, method: Method) -> bool {
        self.lanes
            .get(&method)
            .is_some_and(|lane| lane.would_wait(Instant::now()))
    }

    /// What is in use now, for each method.
    pub(super) fn budget(&self) -> Vec<Budget> {
        let now = Instant::now();
        self.lanes
            .iter()
            .map(|(method, lane)| lane.budget(*method, now))
            .collect()
    }

    /// How many calls of a method may count at a time by now.
    pub(super) fn limit(&self, method: Method) -> usize {
        self.lanes.get(&method).map_or(0, Lane::limit)
    }

    /// Holds a method back, because the service asked for it, and lets it go on at half its rate.
    pub(super) fn slow_down(&self, method: Method, delay: Duration) {
        if let Some(lane) = self.lanes.get(&method) {
            lane.slow_down(delay, Instant::now());
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
            lease.unused();
        }
    }
}

#[cfg(test)]
mod tests;
