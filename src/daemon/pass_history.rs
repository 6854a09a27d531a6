//! The last passes, the time of the next look at all rooms, and the last changes.

use super::room_table::RoomTable;
use crate::apply::{Outcome, Report, RoomReport};
use crate::plan::RoomPlan;
use crate::reconcile::Planned;
use crate::status::{Change, PassOutcome, Passes, RoomState};
use jiff::Timestamp;
use std::collections::VecDeque;
use tokio::time::Instant;

/// Number of last changes that are shown.
const CHANGES_SHOWN: usize = 100;

/// The last passes and changes, and the next look at all rooms.
#[derive(Debug)]
pub(super) struct PassHistory {
    passes: Passes,
    /// Time of the next look at all rooms, but not before the end of one that goes on.
    resync_due: Instant,
    /// The newest first.
    changes: VecDeque<Change>,
}

impl PassHistory {
    /// No passes yet, and a look at all rooms that is due.
    pub(super) fn new() -> Self {
        Self {
            passes: Passes::default(),
            resync_due: Instant::now(),
            changes: VecDeque::new(),
        }
    }

    pub(super) fn passes(&self) -> &Passes {
        &self.passes
    }

    /// The newest first.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// Time of the next look at all rooms.
    pub(super) fn resync_due(&self) -> Instant {
        self.resync_due
    }

    pub(super) fn resync_at(&mut self, due: Instant) {
        self.resync_due = due;
    }

    /// The next look at all rooms begins no later than this.
    pub(super) fn resync_before(&mut self, due: Instant) {
        self.resync_due = self.resync_due.min(due);
    }

    /// True while a look at all rooms goes on.
    pub(super) fn is_running(&self) -> bool {
        self.passes.running_since.is_some()
    }

    /// A pass over all rooms begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.passes.running_since = Some(now);
    }

    /// A pass over all rooms ends.
    pub(super) fn end(&mut self, outcome: PassOutcome, now: Timestamp) {
        self.passes.last_begun = self.passes.running_since.take();
        self.passes.last_ended = Some(now);
        if outcome == PassOutcome::Good {
            self.passes.last_good = Some(now);
        }
    }

    /// Keeps a change to be shown.
    pub(super) fn changed(&mut self, change: Change) {
        self.changes.push_front(change);
        self.changes.truncate(CHANGES_SHOWN);
    }
}

/// Outcome of a pass. `is_suspended`: nothing may be written.
pub(super) fn outcome(
    planned: &Planned,
    report: Option<&Report>,
    rooms: &RoomTable,
    is_suspended: bool,
) -> PassOutcome {
    if planned.stopped.is_some() || report.is_some_and(|report| report.stopped.is_some()) {
        return PassOutcome::Failed;
    }
    let failed = |room: &RoomReport| {
        matches!(
            room.status,
            Outcome::Partial | Outcome::Failed | Outcome::NotBegun
        )
    };
    let plans = &planned.plan.rooms;
    let kept_back = is_suspended && plans.iter().any(|room| !room.steps().is_empty());
    let falls_short = plans.iter().any(RoomPlan::falls_short)
        || rooms.iter().any(|room| room.state() == RoomState::Failed)
        || report.is_some_and(|report| report.rooms.iter().any(failed));
    if falls_short || kept_back {
        PassOutcome::Partly
    } else {
        PassOutcome::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Reason;
    use crate::plan::FleetPlan;
    use std::collections::HashMap;

    fn planned() -> Planned {
        Planned {
            plan: FleetPlan {
                rooms: Vec::new(),
                members: 0,
                fleet: None,
                stopped: None,
            },
            read_at: HashMap::new(),
            stopped: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_good_pass_is_the_last_good_one() {
        let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
        let mut history = PassHistory::new();
        history.begin(at(1));
        assert!(history.is_running());
        history.end(PassOutcome::Good, at(2));
        history.begin(at(3));
        history.end(PassOutcome::Partly, at(4));
        let passes = history.passes();
        assert_eq!(passes.last_begun, Some(at(3)));
        assert_eq!(passes.last_ended, Some(at(4)));
        assert_eq!(passes.last_good, Some(at(2)));
        assert!(!history.is_running());
    }

    #[test]
    fn a_run_that_was_ended_is_a_failure() {
        let stopped = Report {
            rooms: Vec::new(),
            stopped: Some(Reason::interrupted()),
        };
        let rooms = RoomTable::default();
        let of = |report| outcome(&planned(), report, &rooms, false);
        assert_eq!(of(None), PassOutcome::Good);
        assert_eq!(of(Some(&stopped)), PassOutcome::Failed);
    }
}
