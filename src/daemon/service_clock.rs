//! The time on the service's clock, which says whether ours is right: its answers bear the time at which they were made.

use crate::clock::{Clock, Moment, Moved};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The code of a clock that is not the service's.
const CLOCK: &str = "clock";
/// Largest difference of two clocks that agree. Windows of hours do not depend on less.
const MOST_APART: SignedDuration = SignedDuration::from_mins(10);
/// Number of answers compared. The one nearest to our clock counts, because an answer may have been delayed on its way.
const RECENT: usize = 4;

/// Distance of our time from the service's, by its last answers.
#[derive(Debug, Default)]
pub(super) struct ServiceTime(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    recent: VecDeque<Ahead>,
    undated: bool,
}

/// Lead of each of our two times over the service's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    pub(super) wall: SignedDuration,
    pub(super) steady: SignedDuration,
}

/// Knowledge of the service's time.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// There was no answer yet.
    Nothing,
    /// There were answers, and none bears a time.
    Undated,
    Apart(Ahead),
}

impl ServiceTime {
    /// An answer has come at this moment, after so long; the service made it at this time, in milliseconds since 1970.
    pub(super) fn answered(&self, timestamp: u64, took: Duration, now: Moment) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = i64::try_from(timestamp).ok().filter(|made| *made > 0);
        let Some(made) = made.and_then(|made| Timestamp::from_millisecond(made).ok()) else {
            answers.undated = true;
            return;
        };
        let took = SignedDuration::try_from(took).unwrap_or_default();
        let ahead = |now: Timestamp| {
            let since_made = now.duration_since(made);
            // It was made at some time while the call was under way.
            if since_made.is_negative() {
                since_made
            } else {
                since_made.saturating_sub(took).max(SignedDuration::ZERO)
            }
        };
        answers.recent.push_front(Ahead {
            wall: ahead(now.wall),
            steady: ahead(now.steady),
        });
        answers.recent.truncate(RECENT);
    }

    fn known(&self) -> Known {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nearest = |face: fn(&Ahead) -> SignedDuration| {
            let all = answers.recent.iter().map(face);
            all.min_by_key(|ahead| ahead.unsigned_abs())
        };
        match (nearest(|ahead| ahead.wall), nearest(|ahead| ahead.steady)) {
            (Some(wall), Some(steady)) => Known::Apart(Ahead { wall, steady }),
            _ if answers.undated => Known::Undated,
            _ => Known::Nothing,
        }
    }

    fn forget(&self) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.recent.clear();
    }
}

fn is_apart(ahead: SignedDuration) -> bool {
    ahead.abs() > MOST_APART
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
                    "the clock was wrong when this machine started, and is right now: waits go on by it"
                );
            }
        }
        let wrong = is_apart(ahead.wall).then_some(ahead.wall);
        match (wrong, self.ahead.is_some()) {
            (Some(ahead), false) => tracing::error!(code = CLOCK, "{}", in_words(ahead)),
            (None, true) => tracing::info!(code = CLOCK, "the clock is the service's again"),
            _ => {}
        }
        let since = self.ahead.map_or_else(|| clock.now(), |(_, since)| since);
        self.ahead = wrong.map(|ahead| (ahead, since));
        moved
    }

    /// The trouble with our clock, in words, if there is one, and its beginning by that clock.
    pub(super) fn trouble(&self) -> Option<(String, Timestamp)> {
        self.ahead.map(|(ahead, since)| (in_words(ahead), since))
    }
}

fn in_words(ahead: SignedDuration) -> String {
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    let minutes = ahead.abs().as_mins();
    let apart = match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    };
    format!("this machine's clock is {apart} {direction} the service's; set it right, by NTP for instance")
}
