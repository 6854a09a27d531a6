//! State that the rooms of a run share: calls of each kind that are on their way, and rooms that take people's rights away
//! at a time.

use crate::chat::Writer;
use crate::chat::wire::Method;
use crate::model::{Op, PerOp};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, Notify};

/// Calls of a kind that may be begun before the first of them is answered, at the least: so many that a slow method, too, is
/// never without one.
const LEAST_BEGUN: usize = 4;
/// The same for those that remove or demote: fewer, because each stands on a check that grows old in the line.
const LEAST_TAKING_AWAY: usize = 2;
/// The rooms that remove or demote at a time wait in line for so many seconds at most: a part of the time for which the check
/// holds that each makes before.
const LINE_SECONDS: usize = 3;

/// Turns of the rooms of a run.
///
/// A room's first call of a kind may always stand in line; more of its calls only while few calls of that kind are on
/// their way at all. So one large room alone fills a method's budget, and beside others it does not keep them waiting.
pub(super) struct InFlight {
    /// The bound of all calls in flight.
    at_once: usize,
    /// Calls on their way.
    begun: PerOp<AtomicUsize>,
    demoting: Slots,
    removing: Slots,
    proving: PerOp<Mutex<()>>,
    /// Number of removals and demotions sent so far.
    taken_away: AtomicUsize,
}

/// Number of rooms that hold a slot.
#[derive(Default)]
struct Slots {
    held: AtomicUsize,
    free: Notify,
}

impl InFlight {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            begun: PerOp::default(),
            demoting: Slots::default(),
            removing: Slots::default(),
            proving: PerOp::default(),
            taken_away: AtomicUsize::new(0),
        }
    }

    /// True if a room that has so many calls of this kind on their way may begin another one.
    pub(super) fn has_place(&self, op: Op, own: usize, writer: &Writer) -> bool {
        let least = if op.takes_away() {
            LEAST_TAKING_AWAY
        } else {
            LEAST_BEGUN
        };
        let most = limit(op, writer).clamp(least, self.at_once.max(least));
        own == 0 || self.begun.of(op).load(Ordering::Relaxed) < most
    }

    /// Counts a call from here until what is given is dropped.
    pub(super) fn begin(&self, op: Op) -> Begun<'_> {
        let begun = self.begun.of(op);
        begun.fetch_add(1, Ordering::Relaxed);
        Begun(begun)
    }

    /// Counts a call that was sent and removes or demotes.
    pub(super) fn count_taken_away(&self) {
        self.taken_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of removals and demotions sent so far, in all rooms. While it grows, a room that waits for its turn will get it.
    pub(super) fn taken_away(&self) -> usize {
        self.taken_away.load(Ordering::Relaxed)
    }

    /// The right to find out whether the service takes a call of more names than it has taken so far: one at a time does.
    pub(super) fn proving(&self, op: Op) -> &Mutex<()> {
        self.proving.of(op)
    }

    /// Most rooms that may remove or demote at a time.
    fn slots(&self, op: Op, writer: &Writer) -> usize {
        (limit(op, writer) * LINE_SECONDS).clamp(1, self.at_once.max(1))
    }

    /// Waits until the room may remove or demote. So few rooms do at a time that none waits in line until its look has
    /// grown too old.
    pub(super) async fn slot(&self, op: Op, writer: &Writer) -> Slot<'_> {
        let slots = if op == Op::Demote {
            &self.demoting
        } else {
            &self.removing
        };
        loop {
            let freed = slots.free.notified();
            let most = self.slots(op, writer);
            let one_more = |held| (held < most).then_some(held + 1);
            let taken = slots
                .held
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
            if let Ok(before) = taken {
                // There may be place for another one who waits.
                if before + 1 < most {
                    slots.free.notify_one();
                }
                return Slot { slots, op };
            }
            freed.await;
        }
    }

    /// True if more rooms hold such a slot than may by now.
    pub(super) fn is_crowded(&self, slot: &Slot<'_>, writer: &Writer) -> bool {
        slot.slots.held.load(Ordering::Relaxed) > self.slots(slot.op, writer)
    }
}

/// Most calls of a kind that may count in a second by now. A removal goes by the call for one or by that for many.
fn limit(op: Op, writer: &Writer) -> usize {
    let limit = writer.calls_per_second(method(op));
    if op == Op::Remove {
        limit.min(writer.calls_per_second(Method::RemoveOne))
    } else {
        limit
    }
}

/// The method by which the calls of a kind go.
pub(super) fn method(op: Op) -> Method {
    match op {
        Op::Add => Method::AddMany,
        Op::Allow => Method::AllowMany,
        Op::Promote => Method::Promote,
        Op::Demote => Method::Demote,
        Op::Remove => Method::RemoveMany,
        Op::Disallow => Method::DisallowMany,
    }
}

/// A call that is on its way.
pub(super) struct Begun<'a>(&'a AtomicUsize);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to remove and demote.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    op: Op,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.held.fetch_sub(1, Ordering::Relaxed);
        self.slots.free.notify_one();
    }
}
