//! Limit of the calls of a method that may count at a time: as configured, until the service turns some away.
//!
//! A call that is turned away tells how much the service leaves us: what it let through in the second before. That
//! becomes the limit at once, and stays it for a while; then one call more is tried. Where that fails the limit goes back
//! to what held, for twice as long as before. Where it holds the steps double, so that a budget that others no longer
//! use is found again within a minute.

use std::time::Duration;
use tokio::time::Instant;

/// The service's window (seed: calls per second). Whether it slides is unknown, so every 1,000 ms counts as one.
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// Time for which a limit stays after calls were turned away: the first time, and at most.
const HOLD: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(32));
/// Time for which a higher limit must hold before a still higher one is tried: a full window, and the round trip.
const TRIAL: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    /// As configured.
    full: usize,
    /// As many as may count at present.
    limit: usize,
    /// Higher limit under trial.
    trial: Option<Trial>,
    /// The time at which more may be tried, and how long to wait after the next failure.
    raise_at: Instant,
    hold: Duration,
    lowered: Option<Lowered>,
    /// Refusals since a call was last let through.
    in_a_row: u32,
}

/// A limit that is higher than what is known to hold.
#[derive(Debug, Clone, Copy)]
struct Trial {
    /// Limit that held.
    held: usize,
    /// Calls more than that.
    step: usize,
}

/// The last time that the limit was lowered.
#[derive(Debug, Clone, Copy)]
struct Lowered {
    /// Calls sent up to then were sent under the earlier limit.
    at: Instant,
    /// When the call was turned away, as far as can be told.
    counted: Instant,
    /// The limit before.
    from: usize,
    /// True if the limit is the number of calls let through, so that an answer still to come can raise it.
    measured: bool,
    /// Number of calls let through in the second before, as far as is known.
    let_through: usize,
}

impl AdaptiveLimit {
    pub(super) fn new(full: usize, now: Instant) -> Self {
        Self {
            full,
            limit: full,
            trial: None,
            raise_at: now,
            hold: HOLD.0,
            lowered: None,
            in_a_row: 0,
        }
    }

    pub(super) fn full(&self) -> usize {
        self.full
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Refusals since a call was last let through.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Tries more where it is time to; for when a call would have to wait.
    pub(super) fn raise(&mut self, now: Instant) {
        if self.limit == self.full || now < self.raise_at || self.in_a_row > 0 {
            return;
        }
        let step = self.trial.map_or(1, |trial| trial.step.saturating_mul(2));
        self.trial = Some(Trial {
            held: self.limit,
            step,
        });
        self.limit = self.limit.saturating_add(step).min(self.full);
        self.raise_at = now + TRIAL;
    }

    /// A call that was sent and counted then was let through.
    pub(super) fn let_through(&mut self, sent: Instant, counted: Instant, now: Instant) {
        self.in_a_row = 0;
        let Some(lowered) = self.lowered.as_mut().filter(|lowered| lowered.measured) else {
            return;
        };
        if sent > lowered.at {
            if lowered.let_through == 0 {
                // Nothing was known but that there was no place just then.
                self.limit = (lowered.from / 2).max(1);
                self.raise_at = now + self.hold;
            }
            lowered.measured = false;
        } else if counted <= lowered.counted && counted + WINDOW > lowered.counted {
            lowered.let_through += 1;
            self.limit = lowered.let_through.clamp(1, lowered.from.max(2) - 1);
        }
    }

    /// A call that was sent then was turned away then, `let_through` were let through in the second before. Whether it is
    /// the first to tell so.
    pub(super) fn turned_away(
        &mut self,
        sent: Instant,
        counted: Instant,
        now: Instant,
        let_through: usize,
    ) -> bool {
        if self.lowered.is_some_and(|lowered| sent <= lowered.at) {
            return false;
        }
        let from = match self.lowered {
            // Still not one was let through: the limit is only what is asked with.
            Some(lowered) if lowered.measured && lowered.let_through == 0 => (lowered.from / 2).max(1),
            _ => self.limit,
        };
        let trial = self.trial.take().filter(|_| sent <= self.raise_at);
        match trial {
            Some(Trial { held, step }) => {
                self.limit = held;
                self.hold = if step == 1 { self.hold * 2 } else { HOLD.0 }.min(HOLD.1);
            }
            None => {
                self.limit = let_through.clamp(1, from.max(2) - 1);
                self.hold = HOLD.0;
            }
        }
        self.lowered = Some(Lowered {
            at: now,
            counted,
            from,
            measured: trial.is_none(),
            let_through,
        });
        self.in_a_row += 1;
        self.raise_at = now + self.hold;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Played {
        adaptive_limit: AdaptiveLimit,
        now: Instant,
    }

    impl Played {
        fn new(full: usize) -> Self {
            let now = Instant::now();
            Self {
                adaptive_limit: AdaptiveLimit::new(full, now),
                now,
            }
        }

        fn after(&mut self, ms: u64) -> &mut Self {
            self.now += Duration::from_millis(ms);
            self
        }

        /// A call is turned away that was sent 50 ms ago, when so many were let through; gives the limit.
        fn turned_away(&mut self, let_through: usize) -> usize {
            let sent = self.now - Duration::from_millis(50);
            self.adaptive_limit.turned_away(sent, sent, self.now, let_through);
            self.adaptive_limit.limit()
        }

        /// A call that was sent 50 ms ago is let through.
        fn let_through(&mut self) -> usize {
            let sent = self.now - Duration::from_millis(50);
            self.adaptive_limit.let_through(sent, sent, self.now);
            self.adaptive_limit.limit()
        }

        /// Seconds until the limit is raised, and the limit after that.
        fn raised(&mut self) -> (u64, usize) {
            let (before, from) = (self.adaptive_limit.limit(), self.now);
            while self.adaptive_limit.limit() == before {
                self.after(1_000);
                self.adaptive_limit.raise(self.now);
                assert!(self.now < from + Duration::from_secs(1_000), "never");
            }
            ((self.now - from).as_secs(), self.adaptive_limit.limit())
        }
    }

    #[test]
    fn what_was_let_through_becomes_the_limit() {
        let mut played = Played::new(100);
        assert_eq!(played.after(1_000).turned_away(50), 50);
        assert_eq!(
            played.after(30).turned_away(70),
            50,
            "sent under the limit before"
        );
        assert_eq!(
            played.after(0).let_through(),
            50,
            "sent after the one turned away"
        );
        assert_eq!(played.after(100).let_through(), 50);
        assert_eq!(
            played.after(100).turned_away(60),
            49,
            "never as many as were too many"
        );
        assert_eq!(played.after(100).turned_away(0), 1);
    }

    #[test]
    fn an_answer_still_to_come_counts_too() {
        let mut played = Played::new(100);
        assert_eq!(played.after(1_000).turned_away(3), 3);
        for limit in 4..=10 {
            assert_eq!(played.let_through(), limit);
        }
    }

    #[test]
    fn nothing_let_through_says_nothing_of_how_much_there_is() {
        let mut played = Played::new(100);
        assert_eq!(played.after(1_000).turned_away(0), 1);
        assert_eq!(played.adaptive_limit.in_a_row(), 1);
        assert_eq!(played.after(100).turned_away(0), 1);
        assert_eq!(played.after(100).turned_away(0), 1);
        assert_eq!(played.adaptive_limit.in_a_row(), 3);
        assert_eq!(played.after(100).let_through(), 12, "half as many with each");
        assert_eq!(played.adaptive_limit.in_a_row(), 0);
    }

    #[test]
    fn it_stays_ever_longer_where_no_more_can_be_had() {
        let mut played = Played::new(100);
        played.after(1_000).turned_away(50);
        played.after(100).let_through();
        for seconds in [4, 8, 16, 32, 32] {
            assert_eq!(played.raised(), (seconds, 51));
            assert_eq!(played.after(500).turned_away(47), 50, "what held");
            played.let_through();
        }
    }

    #[test]
    fn it_grows_ever_faster_where_more_can_be_had() {
        let mut played = Played::new(100);
        played.after(1_000).turned_away(50);
        played.after(100).let_through();
        let raised: Vec<_> = (0..6).map(|_| played.raised()).collect();
        assert_eq!(raised, [(4, 51), (2, 53), (2, 57), (2, 65), (2, 81), (2, 100)]);
        assert_eq!(played.after(10_000).turned_away(90), 90, "the trial is over");
    }
}
