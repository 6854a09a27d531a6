//! Additions are followed fast, removals slowly: while the room files settle, somebody goes only if every set of files since
//! the last that had settled would let them go.
//!
//! A file that is written slowly, or two files that are saved one after the other, are each a valid set that wants fewer people
//! than anybody meant.

use crate::desired::DesiredRoom;
use crate::live::Observed;
use crate::model::RoomId;
use crate::plan::{self, Constraints, Revocations, Withdrawn};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// Most entries remembered of a room. Beyond that nobody goes from it before the files have settled.
const MOST_ENTRIES: usize = 32;

/// The entries by which nobody may be taken away yet, and those that would keep somebody.
#[derive(Debug)]
pub(super) struct Settling {
    /// Since when the files have not settled; `None`: they have.
    since: Option<Instant>,
    /// Time of the last set that differed from the one before it.
    taken: Instant,
    /// True if the sets before this process are unknown: then nobody goes.
    from_nothing: bool,
    /// The entries of a room since the files last settled but for the one in force; only of rooms that have had another.
    earlier: BTreeMap<RoomId, Vec<Earlier>>,
}

/// A room's entry that is no longer in force, with what was held by it. `None`: the room was not in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Earlier(Option<(Arc<DesiredRoom>, Constraints)>);

impl Settling {
    /// Files of which nothing is known yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: None,
            taken: now,
            from_nothing: false,
            earlier: BTreeMap::new(),
        }
    }

    /// The first set of a process is taken, and it is not one that had settled before.
    pub(super) fn begin_from_nothing(&mut self, now: Instant) {
        self.from_nothing = true;
        self.taken = now;
        self.since.get_or_insert(now);
    }

    /// A room's entry is replaced, or the room comes into the files or leaves them. `before` is what was in force of it.
    pub(super) fn replaced(
        &mut self,
        room: &RoomId,
        before: Option<(Arc<DesiredRoom>, Constraints)>,
        now: Instant,
    ) {
        self.taken = now;
        self.since.get_or_insert(now);
        let earlier = self.earlier.entry(room.clone()).or_default();
        let before = Earlier(before);
        if earlier.contains(&before) {
            return;
        }
        if earlier.len() < MOST_ENTRIES {
            earlier.push(before);
        } else {
            *earlier = vec![Earlier(None)];
        }
    }

    /// Since when the files have not settled; `None`: they have.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Time of the last set that differed from the one before it.
    pub(super) fn taken(&self) -> Instant {
        self.taken
    }

    /// The files have settled: the set in force is the one to go by.
    pub(super) fn end(&mut self) {
        self.since = None;
        self.from_nothing = false;
        self.earlier.clear();
    }

    /// Limits on a room with this look, as its entries are at `as_of`: the most departures from it, and the people whom
    /// they name and do not want. `kept` are those of the last set of an earlier process. `None` if nothing bounds it.
    pub(super) fn limits(
        &self,
        room: &RoomId,
        observed: &Observed,
        as_of: Option<Timestamp>,
        kept: impl FnOnce() -> Withdrawn,
    ) -> Option<(Revocations, Withdrawn)> {
        let earlier = self
            .earlier
            .get(room)
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter();
        let of_earlier = earlier
            .map(|earlier| earlier.limits(observed, as_of))
            .reduce(|(go, withdrawn), (other, others)| (go.and(&other), withdrawn.or(&others)));
        if self.from_nothing {
            let (_, withdrawn) = of_earlier.unwrap_or_default();
            return Some((Revocations::default(), withdrawn.or(&kept())));
        }
        of_earlier
    }
}

impl Earlier {
    /// Revocations by this entry, its guards and its holds, and the people whom it names and does not want.
    fn limits(&self, observed: &Observed, as_of: Option<Timestamp>) -> (Revocations, Withdrawn) {
        let Self(Some((desired, constraints))) = self else {
            return (Revocations::default(), Withdrawn::default());
        };
        let at = as_of.and_then(|as_of| desired.at(as_of));
        let desired = at.as_ref().unwrap_or(desired);
        // Where nothing can be done by it, nobody goes by it.
        let revocations = plan::diff(desired, observed, constraints)
            .map(|diff| diff.revocations())
            .unwrap_or_default();
        (revocations, Withdrawn::of(desired))
    }
}
