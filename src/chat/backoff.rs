//! How long to wait between two tries.

use std::time::Duration;

/// The first and the longest wait between two tries; what is waited is a random part of it (full jitter).
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// A random part of a bound that doubles with every try.
pub(super) fn backoff(tries: u32) -> Duration {
    let (first, longest) = BACKOFF;
    let bound = first
        .saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)))
        .min(longest);
    bound.mul_f64(fastrand::f64())
}
