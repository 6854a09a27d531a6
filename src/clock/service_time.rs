//! The time on the service's clock, which says whether ours is right: its answers bear the time at which they were made.

use super::Moment;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// From this difference on, two clocks do not agree. Windows of hours do not depend on less.
pub(crate) const MOST_APART: SignedDuration = SignedDuration::from_mins(10);
/// Number of answers compared. The one nearest to our clock counts, because an answer may have been delayed on its way.
const RECENT: usize = 4;

/// Distance of our time from the service's, by its last answers.
#[derive(Debug, Default)]
pub(crate) struct ServiceTime(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    recent: VecDeque<Ahead>,
    undated: bool,
}

/// Lead of each of our two times over the service's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) wall: SignedDuration,
    pub(crate) steady: SignedDuration,
}

/// Knowledge of the service's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// There was no answer yet.
    Nothing,
    /// There were answers, and none bears a time.
    Undated,
    Apart(Ahead),
}

impl ServiceTime {
    /// An answer has come at this moment, after so long; the service made it at this time, in milliseconds since 1970.
    pub(crate) fn answered(&self, timestamp: u64, took: Duration, now: Moment) {
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

    /// Knowledge of the service's time.
    pub(crate) fn known(&self) -> Known {
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

    /// Forgets the answers so far.
    pub(crate) fn forget(&self) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.recent.clear();
    }

    /// Lead of our clock over the service's at this moment, however it was set since the last answer. `None`: no answer bears a time.
    fn lead(&self, now: Moment) -> Option<SignedDuration> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let set = now.wall.duration_since(now.steady);
        let leads = answers
            .recent
            .iter()
            .map(|ahead| ahead.steady.saturating_add(set));
        leads.min_by_key(|lead| lead.unsigned_abs())
    }

    /// Our time of day, if the service's is about the same.
    pub(crate) fn agreed(&self, now: Moment) -> Option<Timestamp> {
        self.lead(now)
            .filter(|lead| lead.abs() < MOST_APART)
            .map(|_| now.wall)
    }

    /// The service's time of day, or ours if that is not known.
    pub(crate) fn likely(&self, now: Moment) -> Timestamp {
        let ahead = self.lead(now).unwrap_or_default();
        now.wall.checked_sub(ahead).unwrap_or(now.wall)
    }

    /// Reason, in words, for which our time of day cannot be gone by. `None`: it can be, or there was no answer yet.
    pub(crate) fn doubt(&self, now: Moment) -> Option<String> {
        match self.lead(now) {
            Some(lead) => (lead.abs() >= MOST_APART).then(|| apart_in_words(lead)),
            None => (self.known() == Known::Undated).then(|| {
                "the service's answers bear no time that this machine's clock could be compared with"
                    .to_owned()
            }),
        }
    }
}

/// How far our clock is from the service's, and what to do.
pub(crate) fn apart_in_words(ahead: SignedDuration) -> String {
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    let minutes = ahead.abs().as_mins();
    let apart = match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    };
    format!("this machine's clock is {apart} {direction} the service's; set it right, by NTP for instance")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn moment(wall: i64, steady: i64) -> Moment {
        let (wall, steady) = (at(wall), at(steady));
        Moment { wall, steady }
    }

    #[test]
    fn a_clock_that_is_set_after_the_last_answer_is_not_believed_at_once() {
        let time = ServiceTime::default();
        assert_eq!(
            (time.agreed(moment(1000, 1000)), time.doubt(moment(1000, 1000))),
            (None, None)
        );
        time.answered(1_000_000, Duration::ZERO, moment(1100, 5000));
        assert_eq!(time.agreed(moment(1100, 5000)), Some(at(1100)));
        // A day later, and still about right.
        let day = 86_400;
        assert_eq!(time.agreed(moment(1100 + day, 5000 + day)), Some(at(1100 + day)));
        for (set, agrees) in [
            (499, true),
            (500, false),
            (-699, true),
            (-700, false),
            (999_999, false),
        ] {
            let now = moment(1100 + day + set, 5000 + day);
            assert_eq!(time.agreed(now).is_some(), agrees, "{set}");
            assert_eq!(time.doubt(now).is_none(), agrees, "{set}");
            assert_eq!(time.likely(now), at(1000 + day), "{set}");
        }
    }

    #[test]
    fn answers_without_a_time_leave_it_in_doubt() {
        let time = ServiceTime::default();
        time.answered(0, Duration::ZERO, moment(1000, 1000));
        let now = moment(1001, 1001);
        assert_eq!((time.agreed(now), time.likely(now)), (None, at(1001)));
        assert!(time.doubt(now).unwrap().contains("no time"));
    }
}
