//! Pauses after too many failures. No I/O.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Failures within [`WINDOW`] that pause the webhook (`[P]`).
const MAX_FAILURES: usize = 90;
/// Time within which failures are counted (`[P]`).
const WINDOW: Duration = Duration::from_secs(30);
/// Length of the first pause; the second is twice as long, and so on (`[P]`).
const STEP: Duration = Duration::from_secs(5 * 60);
/// Number of the pause from which on none is longer (`[P]`).
const LONGEST: u32 = 5;
/// Time for which a pause counts towards the length of the next (`[P]`).
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// State of the pauses of a webhook.
#[derive(Debug, Default)]
pub(super) struct Suspension {
    failures: VecDeque<Instant>,
    /// The pauses of the last day, by their beginning.
    pauses: VecDeque<Instant>,
    until: Option<Instant>,
}

impl Suspension {
    /// True while nothing is posted.
    pub(super) fn is_active(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Counts a failure; gives the length of the pause that begins with it.
    ///
    /// That every try counts, the second of an event too, is an assumption. [?]
    pub(super) fn failed(&mut self, now: Instant) -> Option<Duration> {
        forget(&mut self.failures, now, WINDOW);
        self.failures.push_back(now);
        if self.failures.len() < MAX_FAILURES {
            return None;
        }
        self.failures.clear();
        forget(&mut self.pauses, now, MEMORY);
        self.pauses.push_back(now);
        let count = u32::try_from(self.pauses.len()).unwrap_or(LONGEST);
        let pause = STEP * count.min(LONGEST);
        self.until = Some(now + pause);
        Some(pause)
    }
}

fn forget(times: &mut VecDeque<Instant>, now: Instant, after: Duration) {
    while times
        .front()
        .is_some_and(|time| now.duration_since(*time) >= after)
    {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[tokio::test(start_paused = true)]
    async fn ninety_failures_within_thirty_seconds() {
        let mut suspension = Suspension::default();
        let mut now = Instant::now();
        // One too few at once, and the next one too late.
        for _ in 0..89 {
            assert_eq!(suspension.failed(now), None);
        }
        now += WINDOW;
        assert_eq!(suspension.failed(now), None, "the others are 30 s old");
        for _ in 0..88 {
            assert_eq!(suspension.failed(now), None);
        }
        now += WINDOW - Duration::from_millis(1);
        assert!(!suspension.is_active(now));
        assert_eq!(suspension.failed(now), Some(secs(300)));
        assert!(suspension.is_active(now + secs(299)));
        assert!(!suspension.is_active(now + secs(300)));
    }

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_longer_up_to_25_minutes_and_after_a_day_all_is_forgotten() {
        let mut suspension = Suspension::default();
        let mut now = Instant::now();
        let mut pause = |now| {
            (0..MAX_FAILURES)
                .find_map(|_| suspension.failed(now))
                .unwrap()
                .as_secs()
                / 60
        };
        let mut pauses = Vec::new();
        for _ in 0..7 {
            pauses.push(pause(now));
            now += secs(3600);
        }
        assert_eq!(pauses, [5, 10, 15, 20, 25, 25, 25]);
        now += MEMORY;
        assert_eq!(pause(now), 5);
    }
}
