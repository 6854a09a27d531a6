//! Waits between tries of what failed.

use std::time::Duration;

/// Waits that double from the first to the longest, one for each failure in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure.
    pub first: Duration,
    /// Longest wait, however often it failed.
    pub longest: Duration,
}

impl Backoff {
    /// Wait after so many failures in a row.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        self.first
            .saturating_mul(2u32.saturating_pow(doublings))
            .min(self.longest)
    }

    /// Random part of that wait (full jitter), so that those who failed together do not come back together.
    #[must_use]
    pub fn jittered(&self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        self.delay(failures).mul_f64(rng.f64())
    }

    /// Wait that follows this one, where the last wait is known and not the number of failures.
    #[must_use]
    pub fn delay_after(&self, last: Duration) -> Duration {
        last.saturating_mul(2).clamp(self.first, self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(300),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        let seconds = |failures| BACKOFF.delay(failures).as_secs();
        assert_eq!(
            [0, 1, 2, 5, 9, 10, 80, u32::MAX].map(seconds),
            [1, 1, 2, 16, 256, 300, 300, 300]
        );
        let after = |seconds| BACKOFF.delay_after(Duration::from_secs(seconds)).as_secs();
        assert_eq!(
            [0, 1, 2, 149, 150, 1_000, u64::MAX].map(after),
            [1, 2, 4, 298, 300, 300, 300]
        );
    }

    #[test]
    fn jitter_spreads_waits_over_their_whole_length() {
        let mut rng = fastrand::Rng::with_seed(7);
        for failures in [1, 5, 80] {
            let longest = BACKOFF.delay(failures);
            let waits: Vec<Duration> = (0..1000).map(|_| BACKOFF.jittered(failures, &mut rng)).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(
                *most <= longest && *most > longest.mul_f64(0.95),
                "{failures}: {most:?}"
            );
            assert!(*least < longest.mul_f64(0.05), "{failures}: {least:?}");
        }
    }
}
