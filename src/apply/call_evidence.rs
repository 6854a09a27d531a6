//! Evidence of write calls: whether a kind of call goes through, and where it fails.
//!
//! It tells a person whom the service chokes on from a service that fails.

use crate::model::{Op, PerOp, RoomId};
use std::sync::{Mutex as SyncMutex, MutexGuard as SyncGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// Evidence older than this says nothing of the service as it is now.
const RECENT: Duration = Duration::from_secs(60);

/// Evidence of the write calls of one run, or of several at a time.
#[derive(Debug, Default)]
pub struct CallEvidence {
    of_op: PerOp<SyncMutex<OfOp>>,
    probing: PerOp<Mutex<()>>,
}

/// Fate of one kind of call.
#[derive(Debug, Default)]
struct OfOp {
    /// When a call last went through.
    through: Option<Instant>,
    /// The two rooms in which a call last failed, and when.
    failed: LastTwo<RoomId>,
    /// When it was last found that no part of a batch goes through.
    found_failing: Option<Instant>,
}

/// The last two things of a kind that differ, each with its time.
#[derive(Debug)]
pub(super) struct LastTwo<T>([Option<(T, Instant)>; 2]);

impl<T> Default for LastTwo<T> {
    fn default() -> Self {
        Self([None, None])
    }
}

impl<T: Clone + PartialEq> LastTwo<T> {
    /// This was seen just now.
    pub(super) fn note(&mut self, what: &T) {
        let [last, before] = &mut self.0;
        if last.as_ref().is_some_and(|(other, _)| other != what) {
            *before = last.take();
        }
        *last = Some((what.clone(), Instant::now()));
    }

    /// When others than this were seen last.
    pub(super) fn other_than(&self, what: &T) -> impl Iterator<Item = Instant> {
        let others = self.0.iter().flatten().filter(move |(other, _)| other != what);
        others.map(|(_, then)| *then)
    }
}

fn is_recent(then: Option<Instant>) -> bool {
    then.is_some_and(|then| then.elapsed() < RECENT)
}

impl CallEvidence {
    fn of(&self, op: Op) -> SyncGuard<'_, OfOp> {
        self.of_op.of(op).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call did something for somebody.
    pub(super) fn through(&self, op: Op) {
        self.of(op).through = Some(Instant::now());
    }

    /// A call in this room got no clear answer.
    pub(super) fn failed(&self, op: Op, room: &RoomId) {
        self.of(op).failed.note(room);
    }

    /// True if a call of this kind went through since then.
    pub(super) fn went_through_since(&self, op: Op, then: Instant) -> bool {
        self.of(op).through.is_some_and(|through| through >= then)
    }

    /// True if calls of this kind fail in other rooms too, and none went through after that.
    pub(super) fn fails_elsewhere(&self, op: Op, room: &RoomId) -> bool {
        let of = self.of(op);
        let mut failures = of.failed.other_than(room);
        failures.any(|then| is_recent(Some(then)) && of.through.is_none_or(|through| through < then))
    }

    /// Waits for the right to find out whether it is the service that fails. `None`: somebody has found out just now that it is.
    pub(super) async fn probe(&self, op: Op) -> Option<MutexGuard<'_, ()>> {
        let probing = self.probing.of(op).lock().await;
        let found_failing = self.of(op).found_failing;
        (!is_recent(found_failing)).then_some(probing)
    }

    /// No part of a batch goes through.
    pub(super) fn found_failing(&self, op: Op) {
        self.of(op).found_failing = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: u32) -> RoomId {
        RoomId::parse(&number.to_string()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_the_service_where_others_fail_and_none_goes_through() {
        let evidence = CallEvidence::default();
        let fails = || evidence.fails_elsewhere(Op::Add, &room(1));
        assert!(!fails());
        evidence.failed(Op::Add, &room(1));
        assert!(!fails(), "only here");
        evidence.failed(Op::Add, &room(2));
        evidence.failed(Op::Add, &room(1));
        assert!(fails() && !evidence.fails_elsewhere(Op::Remove, &room(1)));
        evidence.through(Op::Add);
        assert!(!fails());
        tokio::time::advance(RECENT).await;
        assert!(!fails(), "the failures are as old");
        evidence.failed(Op::Add, &room(2));
        assert!(fails());
        let then = Instant::now();
        tokio::time::advance(RECENT / 2).await;
        assert!(!evidence.went_through_since(Op::Add, then));
        evidence.through(Op::Add);
        assert!(evidence.went_through_since(Op::Add, then) && !fails());
    }

    #[tokio::test(start_paused = true)]
    async fn one_room_finds_out_for_all() {
        let evidence = CallEvidence::default();
        let probe = evidence.probe(Op::Add).await;
        assert!(probe.is_some());
        evidence.found_failing(Op::Add);
        drop(probe);
        assert!(evidence.probe(Op::Add).await.is_none());
        assert!(evidence.probe(Op::Remove).await.is_some());
        tokio::time::advance(RECENT).await;
        assert!(evidence.probe(Op::Add).await.is_some());
    }
}
