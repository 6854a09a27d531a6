//! A room as the daemon keeps it between passes.

use super::holds::wanted;
use crate::apply::Stop;
use crate::desired::DesiredRoom;
use crate::live::LiveRoom;
use crate::model::{MemberSet, UserId};
use crate::plan::{Note, RoomPlan};
use crate::web::State;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first and the longest wait before a room that failed is tried again; what is waited is a random part of it (full
/// jitter), so that rooms that failed together do not come back together.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// A managed room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) desired: Arc<DesiredRoom>,
    /// Another for every entry the files have had for this room, so that work for an older one is known.
    pub(super) generation: u64,
    /// When it is to be reconciled on its own.
    pub(super) due: Option<Instant>,
    /// How often in a row it has failed.
    pub(super) failures: u32,
    /// Whether a pass that is not over all rooms looks at it at present.
    pub(super) looking: bool,
    /// What ends the apply that is under way in it.
    pub(super) applying: Option<Stop>,
    /// When the last look began that saw it, or failed to.
    pub(super) tried: Option<Instant>,
    pub(super) looked: Option<Timestamp>,
    pub(super) state: State,
    pub(super) since: Timestamp,
    /// The last plan, with what of it is still to be done.
    pub(super) plan: Option<RoomPlan>,
    pub(super) error: Option<Note>,
    /// Who was wanted and missing at the last look, and by which entry.
    pub(super) missing: Option<(Arc<DesiredRoom>, MemberSet)>,
    /// Who of them was there before.
    pub(super) gone: MemberSet,
}

/// A room's turn in a pass.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) desired: Arc<DesiredRoom>,
    pub(super) generation: u64,
}

impl Room {
    pub(super) fn new(desired: Arc<DesiredRoom>, generation: u64, now: Timestamp) -> Self {
        Self {
            desired,
            generation,
            due: None,
            failures: 0,
            looking: false,
            applying: None,
            tried: None,
            looked: None,
            state: State::Unseen,
            since: now,
            plan: None,
            error: None,
            missing: None,
            gone: MemberSet::default(),
        }
    }

    pub(super) fn turn(&self) -> Turn {
        Turn {
            desired: Arc::clone(&self.desired),
            generation: self.generation,
        }
    }

    /// Takes a new entry, to be reconciled at once; work for the old one ends.
    pub(super) fn take(&mut self, desired: Arc<DesiredRoom>, generation: u64, now: Instant) {
        self.desired = desired;
        self.generation = generation;
        self.failures = 0;
        self.due = Some(now);
        if let Some(stop) = &self.applying {
            stop.interrupt();
        }
    }

    /// Puts it into a state, as of now if that is another one.
    pub(super) fn stands(&mut self, state: State, error: Option<Note>, now: Timestamp) {
        if state != self.state {
            self.since = now;
        }
        self.state = state;
        self.error = error;
    }

    /// Whether it failed and comes back on its own.
    pub(super) fn comes_back(&self) -> bool {
        self.failures > 0 && self.due.is_some()
    }

    /// It is to be tried again on its own, after a while.
    pub(super) fn try_again(&mut self, now: Instant, random: &mut fastrand::Rng) {
        self.failures += 1;
        self.due = Some(now + backoff(self.failures, random));
    }

    /// Takes down who is missing, and who of them was there at the last look or has been put in since.
    pub(super) fn miss(&mut self, live: &LiveRoom) {
        let owner = live.owner.as_deref();
        let missing = all_wanted(&self.desired)
            .minus(&live.members)
            .filter(|user| Some(user.as_str()) != owner);
        if let Some((then, missing_then)) = &self.missing {
            let left = missing.and(&all_wanted(then)).minus(missing_then);
            self.gone = self.gone.and(&missing).or(&left);
        }
        self.missing = Some((Arc::clone(&self.desired), missing));
    }

    /// Somebody is in now who was missing. `true`: they are put back, because they were there before.
    pub(super) fn is_in(&mut self, user: &UserId) -> bool {
        let others = |users: &MemberSet| users.filter(|other| other != user);
        let put_back = self.gone.contains(user);
        self.gone = others(&self.gone);
        if let Some((_, missing)) = &mut self.missing {
            *missing = others(missing);
        }
        put_back
    }
}

/// Everyone whom the files want in a room, admins where members are not managed.
fn all_wanted(desired: &DesiredRoom) -> MemberSet {
    wanted(desired)
        .or_else(|| desired.admins.clone())
        .unwrap_or_default()
}

/// A random part of a bound that doubles with every failure.
pub(super) fn backoff(failures: u32, random: &mut fastrand::Rng) -> Duration {
    let (first, longest) = BACKOFF;
    let bound = first
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
        .min(longest);
    bound.mul_f64(random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_second_to_five_minutes_and_are_spread_over_their_bound() {
        let mut random = fastrand::Rng::with_seed(7);
        for (failures, bound) in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (80, 300)] {
            let bound = Duration::from_secs(bound);
            let waits: Vec<Duration> = (0..1000).map(|_| backoff(failures, &mut random)).collect();
            let most = waits.iter().max().unwrap();
            let least = waits.iter().min().unwrap();
            assert!(
                *most <= bound && *most > bound.mul_f64(0.95),
                "{failures}: {most:?}"
            );
            assert!(*least < bound.mul_f64(0.05), "{failures}: {least:?}");
        }
    }
}
