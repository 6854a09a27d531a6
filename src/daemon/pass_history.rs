//! The last passes, the time of the next look at all rooms, and the last changes.

use super::room_table::RoomTable;
use super::shortfall::Shortfall;
use crate::apply::Report;
use crate::model::{ReasonCode, counted, log_code};
use crate::plan::RoomPlan;
use crate::reconcile::Planned;
use crate::status::{Change, PassOutcome, Passes};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two reports that there was nothing to do.
const IDLE_REPORTS: Duration = Duration::from_secs(3600);
/// Number of last changes that are shown.
const CHANGES_SHOWN: usize = 100;

/// The last passes and changes, and the next look at all rooms.
#[derive(Debug)]
pub(super) struct PassHistory {
    passes: Passes,
    /// Start of a look at all rooms that goes on.
    running: Option<Instant>,
    /// Length of the last pass that looked at every room.
    took: Duration,
    /// Time of the next look at all rooms, but not before the end of one that goes on.
    resync_due: Instant,
    /// The newest first.
    changes: VecDeque<Change>,
    /// When it was last reported that there was nothing to do.
    reported_idle: Option<Instant>,
}

impl PassHistory {
    /// No passes yet, and a look at all rooms that is due.
    pub(super) fn new() -> Self {
        Self {
            passes: Passes::default(),
            running: None,
            took: Duration::ZERO,
            resync_due: Instant::now(),
            changes: VecDeque::new(),
            reported_idle: None,
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

    /// Reports that a look at so many rooms found nothing to do, unless that was reported within the last hour.
    pub(super) fn report_idle(&mut self, rooms: usize) {
        let is_news = |then: Instant| then.elapsed() >= IDLE_REPORTS;
        if rooms > 0 && self.reported_idle.is_none_or(is_news) {
            self.reported_idle = Some(Instant::now());
            tracing::info!(
                code = log_code::LOOKED,
                "looked at {}: nothing to do",
                counted(rooms, "room")
            );
        }
    }

    /// True while a look at all rooms goes on.
    pub(super) fn is_running(&self) -> bool {
        self.passes.running_since.is_some()
    }

    /// A pass over all rooms begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.passes.running_since = Some(now);
        self.running = Some(Instant::now());
    }

    /// Length of the last pass that looked at all rooms; `or_running`: or that so far of one that goes on for longer.
    pub(super) fn pass_length(&self, or_running: bool) -> Duration {
        let running = self.running.filter(|_| or_running);
        let running = running.map(|begun| begun.elapsed()).unwrap_or_default();
        self.took.max(running)
    }

    /// A pass over all rooms ends.
    pub(super) fn end(&mut self, outcome: PassOutcome, look: PassLook, now: Timestamp) {
        let begun = self.passes.running_since.take();
        let running = self.running.take();
        if look == PassLook::AtNone {
            return;
        }
        self.passes.last_tried = Some(now);
        if look == PassLook::AtRooms {
            self.passes.last_begun = begun;
            self.passes.last_ended = Some(now);
            self.took = running.map(|begun| begun.elapsed()).unwrap_or_default();
        }
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

/// Look of a pass over all rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassLook {
    /// At the rooms that are in no other hands, and at least one answered.
    AtRooms,
    /// It ended early, or nothing answered.
    InVain,
    /// All rooms are in other hands.
    AtNone,
}

impl PassLook {
    /// Look of a pass that led to this plan.
    pub(super) fn of(planned: &Planned, rooms: &RoomTable) -> Self {
        let answered = |room: &RoomPlan| {
            let refused = [
                ReasonCode::NoSuchRoom,
                ReasonCode::NoPermission,
                ReasonCode::Refused,
            ];
            let error = room.error.as_ref();
            room.live.is_some() || error.is_some_and(|error| refused.contains(&error.code))
        };
        let planned_rooms = &planned.plan.rooms;
        if planned.plan.stopped.is_some() {
            Self::InVain
        } else if rooms.len() == 0 || planned_rooms.iter().any(answered) {
            Self::AtRooms
        } else if planned_rooms.is_empty() {
            Self::AtNone
        } else {
            Self::InVain
        }
    }
}

/// Outcome of a pass. `suspended`: the reason for which nothing is written, if there is one.
pub(super) fn outcome(
    planned: &Planned,
    report: Option<&Report>,
    rooms: &RoomTable,
    suspended: Option<ReasonCode>,
) -> PassOutcome {
    if planned.plan.stopped.is_some() || report.is_some_and(|report| report.stopped.is_some()) {
        return PassOutcome::Failed;
    }
    // Somebody has chosen a pause or a dry run: then nothing may be written. A disk or a quota is a failure.
    let is_failure = |code| ![ReasonCode::Paused, ReasonCode::DryRun].contains(&code);
    let has_steps = || planned.plan.rooms.iter().any(|room| !room.steps().is_empty());
    let kept_back = suspended.is_some_and(is_failure) && has_steps();
    if !kept_back && Shortfall::new(rooms, report).is_none() {
        PassOutcome::Good
    } else {
        PassOutcome::Partly
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Reason;
    use crate::daemon::room_table::tests::desired;
    use crate::model::RoomId;
    use crate::plan::{FleetPlan, Note};
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
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_good_pass_is_the_last_good_one() {
        let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
        let mut history = PassHistory::new();
        history.begin(at(1));
        assert!(history.is_running());
        history.end(PassOutcome::Good, PassLook::AtRooms, at(2));
        history.begin(at(3));
        history.end(PassOutcome::Partly, PassLook::AtRooms, at(4));
        let passes = history.passes();
        assert_eq!(passes.last_begun, Some(at(3)));
        assert_eq!(passes.last_ended, Some(at(4)));
        assert_eq!(passes.last_good, Some(at(2)));
        assert!(!history.is_running());
        // Nothing answered: it was tried, and that is all.
        history.begin(at(5));
        history.end(PassOutcome::Failed, PassLook::InVain, at(6));
        let passes = history.passes();
        assert_eq!(passes.last_tried, Some(at(6)));
        assert_eq!((passes.last_begun, passes.last_ended), (Some(at(3)), Some(at(4))));
        // Nothing was tried: all rooms were in other hands.
        history.begin(at(7));
        history.end(PassOutcome::Good, PassLook::AtNone, at(8));
        let passes = history.passes();
        assert_eq!((passes.last_tried, passes.last_good), (Some(at(6)), Some(at(2))));
        assert!(!history.is_running());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_in_which_nothing_answered_has_looked_at_nothing() {
        let mut rooms = RoomTable::default();
        rooms.put(desired("1", "room"), false, Timestamp::UNIX_EPOCH);
        let of = |codes: &[ReasonCode]| {
            let failed = codes.iter().enumerate().map(|(index, code)| {
                let id = RoomId::parse(&(index + 1).to_string()).unwrap();
                RoomPlan::failed(id, None, Note::new(*code, "it failed"))
            });
            let mut planned = planned();
            planned.plan.rooms = failed.collect();
            PassLook::of(&planned, &rooms)
        };
        let (away, gone) = (ReasonCode::NoClearAnswer, ReasonCode::NoSuchRoom);
        for (codes, look) in [
            (&[][..], PassLook::AtNone),
            (&[away], PassLook::InVain),
            (&[away, ReasonCode::ServiceUnreachable], PassLook::InVain),
            (&[gone], PassLook::AtRooms),
            (&[away, gone], PassLook::AtRooms),
        ] {
            assert_eq!(of(codes), look, "{codes:?}");
        }
        let no_rooms = RoomTable::default();
        assert_eq!(PassLook::of(&planned(), &no_rooms), PassLook::AtRooms);
    }

    #[test]
    fn a_run_that_was_ended_is_a_failure() {
        let stopped = Report {
            rooms: Vec::new(),
            stopped: Some(Reason::interrupted()),
        };
        let rooms = RoomTable::default();
        let of = |report| outcome(&planned(), report, &rooms, None);
        assert_eq!(of(None), PassOutcome::Good);
        assert_eq!(of(Some(&stopped)), PassOutcome::Failed);
    }
}
