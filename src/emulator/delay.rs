use std::time::Duration;

/// Delay of the service for a call: a base, and up to a jitter more or less.
#[derive(Debug)]
pub(super) struct Delay {
    latency: Duration,
    jitter: Duration,
    rng: fastrand::Rng,
}

impl Delay {
    pub(super) fn new(latency: Duration, jitter: Duration, seed: u64) -> Self {
        Self {
            latency,
            jitter,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Draws the next call's, from all of the range alike; never less than nothing.
    pub(super) fn draw(&mut self) -> Duration {
        if self.jitter.is_zero() {
            return self.latency;
        }
        let most = self.latency + self.jitter;
        most.saturating_sub(self.jitter.mul_f64(2.0 * self.rng.f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_to_its_range_and_its_seed() {
        let (latency, jitter) = (Duration::from_millis(50), Duration::from_millis(20));
        let draws = |seed| {
            let mut delay = Delay::new(latency, jitter, seed);
            [(); 200].map(|()| delay.draw())
        };
        let drawn = draws(1);
        assert!(
            drawn
                .iter()
                .all(|time| (latency - jitter..=latency + jitter).contains(time))
        );
        let (short, long) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
        assert!(
            *short < Duration::from_millis(35) && *long > Duration::from_millis(65),
            "{drawn:?}"
        );
        assert_eq!(draws(1), drawn);
        assert_ne!(draws(2), drawn);
        assert_eq!(Delay::new(latency, Duration::ZERO, 1).draw(), latency);
        assert_eq!(
            Delay::new(Duration::ZERO, Duration::ZERO, 1).draw(),
            Duration::ZERO
        );
    }
}
