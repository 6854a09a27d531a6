//! Part of a round trip by which a lease can be given back earlier.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The part of the shortest round trip by which a lease comes back earlier: a half of it, δ.
///
/// Two calls that use one lease, the first answered and the next sent 1 s − δ later, are counted 1 s − δ apart, and
/// longer by the way back of the first and the way there of the next. So no window holds more than the limit
/// as long as **a way back and a later way there together take at least δ**. δ = 0 is always safe and costs a whole
/// round trip in every second. All of the shortest round trip would be safe only where no way is ever shorter than it was
/// in that one call; of two calls that take 60 ms, one all on the way there and one all on the way back, it is not.
/// A half is safe while the shortest way back and the shortest way there together take half of what they took in the
/// shortest call.
///
/// One risk is left: a path that becomes faster than that between two calls. The first of them has been measured by
/// then, so that δ is at most half of its own round trip: where its way back takes half of it or more, nothing can go wrong.
/// Where most of the time is spent on the way there, and that suddenly falls to less than half, the calls sent before the first
/// fast answer can be too early, by δ at most. `limits.strict` gives the bet up.
const PARTS: u32 = 2;
/// Answers after which the shortest round trip is believed to be one.
const ENOUGH: u32 = 20;
/// Where round trips take more than this many times the shortest one on average, nothing is given back: the ways differ so much
/// that the shortest call tells little of the shortest ways, and there is next to nothing to win.
const STEADY: u32 = 5;
/// The average moves by this part of its distance to each new round trip.
const WEIGHT: u32 = 16;
/// Time for which nothing is given back early after the service has turned a call of any method away: something is not as
/// believed, and a call turned away costs more than this wins.
const QUIET: Duration = Duration::from_secs(60);

/// The round trips of a client.
#[derive(Debug)]
pub(super) struct RoundTrips {
    /// `None`: nothing is given back.
    parts: Option<NonZeroU32>,
    seen: Mutex<Seen>,
}

impl Default for RoundTrips {
    fn default() -> Self {
        Self::in_parts(PARTS)
    }
}

#[derive(Debug, Default)]
struct Seen {
    answers: u32,
    shortest: Option<Duration>,
    average: Option<Duration>,
    turned_away: Option<Instant>,
}

impl RoundTrips {
    /// Gives one of so many parts back; of none, nothing.
    pub(super) fn in_parts(parts: u32) -> Self {
        Self {
            parts: NonZeroU32::new(parts),
            seen: Mutex::default(),
        }
    }

    /// Gives nothing back: no bet on the ways, and a round trip lost in every second.
    pub(super) fn strict() -> Self {
        Self::in_parts(0)
    }

    pub(super) fn answered(&self, took: Duration) {
        let mut seen = self.seen();
        seen.answers = seen.answers.saturating_add(1);
        seen.shortest = Some(seen.shortest.map_or(took, |shortest| shortest.min(took)));
        let closer = |average: Duration| average - average / WEIGHT + took / WEIGHT;
        seen.average = Some(seen.average.map_or(took, closer));
    }

    pub(super) fn turned_away(&self, now: Instant) {
        self.seen().turned_away = Some(now);
    }

    /// Time by which a lease comes back earlier than one second after its answer.
    pub(super) fn given_back(&self, now: Instant) -> Duration {
        let seen = self.seen();
        let quiet = seen.turned_away.is_none_or(|then| now >= then + QUIET);
        match (self.parts, seen.shortest, seen.average) {
            (Some(parts), Some(shortest), Some(average))
                if quiet && seen.answers >= ENOUGH && average <= shortest * STEADY =>
            {
                shortest / parts.get()
            }
            _ => Duration::ZERO,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
