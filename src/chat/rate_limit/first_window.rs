//! The first second of a client, in which the service may still count calls that it knows nothing of.
//!
//! Calls of the process before this one in its last second count on, and nobody tells how many they were. So a method
//! begins with half of its permits, and with few calls that wait for their answers at a time. A call that is turned away
//! then says much of what came before, and little of what others will leave us: the limit stays, and the method waits
//! until those before count no more. None of these calls used a lease that had come back, so they say nothing against
//! [`super::round_trip`] either.

use super::Method;
use super::adaptive_limit::WINDOW;
use super::smoothing::Burst;
use crate::model::log_code;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Calls without an answer at a time: at first, and at most. One more may go for each that was let through, so that a short
/// command waits for a round trip or two. Those that are under way when the first is turned away are turned away as well.
const AT_A_TIME: (usize, usize) = (8, 16);
/// Time beyond the window for which a method waits after a call was turned away: calls that a process left on their way when it
/// was ended are counted only after the next one's start.
const SLACK: Duration = Duration::from_millis(150);

/// The first second of a method.
#[derive(Debug)]
pub(super) struct FirstWindow {
    method: Method,
    begun: Instant,
    /// Calls that are sent from then on do not meet calls of before.
    ends: Instant,
    /// True once the log says why calls wait; shared by all methods of a client.
    reported: Arc<AtomicBool>,
}

impl FirstWindow {
    pub(super) fn new(method: Method, reported: Arc<AtomicBool>) -> Self {
        let begun = Instant::now();
        Self {
            method,
            begun,
            ends: begun + WINDOW,
            reported,
        }
    }

    /// The time until which no call may go if none is answered before; `None`: one may go.
    pub(super) fn full_until(&self, now: Instant, in_flight: usize, let_through: usize) -> Option<Instant> {
        let (at_first, at_most) = AT_A_TIME;
        let most = at_first.saturating_add(let_through).min(at_most);
        (now < self.ends && in_flight >= most).then_some(self.ends)
    }

    /// Calls that can go at one time under the configured limit: few until all of it has been tried.
    pub(super) fn burst(&self, now: Instant) -> Burst {
        if now >= self.ends + WINDOW {
            Burst::Full
        } else if self.ends > self.begun + WINDOW {
            // Calls were turned away. It may be for others, who are there still.
            Burst::Lowered
        } else {
            Burst::Start
        }
    }

    /// A call that was sent then was turned away. If that was in the first window, gives the time at which calls may go again.
    pub(super) fn turned_away(&mut self, sent: Instant, now: Instant) -> Option<Instant> {
        if sent >= self.ends {
            return None;
        }
        self.ends = self.begun + WINDOW + SLACK;
        let wait = self.ends.saturating_duration_since(now);
        if !wait.is_zero() && !self.reported.swap(true, Ordering::Relaxed) {
            tracing::info!(code = log_code::QUOTA_SHARED, method = %self.method,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "the service still counts the calls of the process before this one (or those of another program on the App Key): \
                 waiting until a second after the start, then going on at the full rate"
            );
        }
        Some(self.ends)
    }
}
