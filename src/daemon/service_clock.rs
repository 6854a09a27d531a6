//! Our clock against the service's, whose answers bear the time at which they were made.

use crate::clock::{Clock, Known, MOST_APART, Moved, ServiceTime, apart_in_words};
use crate::model::log_code;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

fn is_apart(ahead: SignedDuration) -> bool {
    ahead.abs() >= MOST_APART
}

/// Our clock against the service's.
#[derive(Debug)]
pub(super) struct ClockCheck {
    service_time: Arc<ServiceTime>,
    /// Lead of the wall clock, if it is too large, and the time by it since which it is.
    ahead: Option<(SignedDuration, Timestamp)>,
}

impl ClockCheck {
    pub(super) fn new(service_time: Arc<ServiceTime>) -> Self {
        Self {
            service_time,
            ahead: None,
        }
    }

    /// Compares the clocks, and reports once that ours is wrong, and once that it is right again. A steady time that began wrong at
    /// the boot is moved as soon as clock and service agree: then the move is given, for every time that was kept.
    #[must_use]
    pub(super) fn check(&mut self, clock: &Clock) -> Option<Moved> {
        let ahead = match self.service_time.known() {
            Known::Nothing => return None,
            // Nothing contradicts it.
            Known::Undated => {
                clock.confirm();
                return None;
            }
            Known::Apart(ahead) => ahead,
        };
        let mut moved = None;
        if !clock.is_confirmed() {
            if !is_apart(ahead.steady) {
                clock.confirm();
            } else if !is_apart(ahead.wall) {
                moved = Some(clock.move_to_wall());
                // The answers so far were compared with the time before.
                self.service_time.forget();
                tracing::info!(
                    code = log_code::CLOCK_RIGHT,
                    "the clock was wrong when this machine started, and is right now: waits go on by it"
                );
            }
        }
        let wrong = is_apart(ahead.wall).then_some(ahead.wall);
        match (wrong, self.ahead.is_some()) {
            (Some(ahead), false) => {
                tracing::error!(code = log_code::CLOCK_WRONG, "{}", apart_in_words(ahead));
            }
            (None, true) => tracing::info!(code = log_code::CLOCK_RIGHT, "the clock is the service's again"),
            _ => {}
        }
        let since = self.ahead.map_or_else(|| clock.now(), |(_, since)| since);
        self.ahead = wrong.map(|ahead| (ahead, since));
        moved
    }

    /// The service's time, as far as its answers tell it.
    pub(super) fn service_time(&self) -> &ServiceTime {
        &self.service_time
    }

    /// The trouble with our clock, in words, if there is one, and its beginning by that clock.
    pub(super) fn trouble(&self) -> Option<(String, Timestamp)> {
        self.ahead.map(|(ahead, since)| (apart_in_words(ahead), since))
    }
}
