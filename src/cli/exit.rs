//! End of a command, and the one table from errors to exit codes.

use crate::apply::{Failure, Outcome, Report};
use crate::diagnostics::Invalid;
use crate::emulator::StateError;
use crate::model::ReasonCode;
use crate::plan::{FleetPlan, RoomPlan, StalePlan, Status};
use crate::reconcile::{ConnectError, Once, Written};

/// A command's end. The order is that of precedence: where several hold, the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// As wanted.
    Done,
    /// Changes are pending, and the caller asked to be told.
    Pending,
    /// A plan is no longer of what is there, or some of its rooms are not.
    Stale,
    /// A guard or `--max-calls` holds something, or the person at the prompt said no.
    Blocked,
    /// Some users or rooms could not be.
    Partly,
    /// The run as a whole failed.
    Failed,
    /// Invalid files or settings; nothing was sent.
    Invalid,
    /// Wrong usage; nothing was sent.
    Usage,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Pending => 2,
            Self::Blocked => 3,
            Self::Partly => 4,
            Self::Invalid => 5,
            Self::Stale => 6,
            Self::Usage => 64,
        }
    }

    /// Exit of this error.
    pub(super) fn of_error(error: &anyhow::Error) -> Self {
        if error.is::<Usage>() {
            Self::Usage
        } else if error.is::<StalePlan>() {
            Self::Stale
        } else if error.is::<Invalid>() || error.is::<StateError>() || error.is::<ConnectError>() {
            Self::Invalid
        } else {
            Self::Failed
        }
    }

    /// Exit of this plan.
    pub(super) fn of_plan(plan: &FleetPlan) -> Self {
        let unseen = plan.rooms.iter().filter(|room| room.live.is_none());
        let of_service = |code| Cause::of(code) != Cause::Room;
        let mut unseen = unseen.filter_map(|room| room.error.as_ref()).peekable();
        let none_seen = plan.rooms.iter().all(|room| room.live.is_none()) && unseen.peek().is_some();
        if plan.stopped.is_some() || (none_seen && unseen.any(|error| of_service(error.code))) {
            Self::Failed
        } else if plan.rooms.iter().any(RoomPlan::falls_short) {
            Self::Partly
        } else if plan.rooms.iter().any(|room| room.status == Status::Blocked) {
            Self::Blocked
        } else if plan.rooms.iter().any(RoomPlan::has_moved) {
            Self::Stale
        } else {
            Self::Done
        }
    }

    /// Result of one pass over all rooms.
    #[must_use]
    pub fn of_once(once: &Once) -> Self {
        let Once {
            plan,
            written,
            seconds: _,
        } = once;
        let of_writing = match written {
            // That a dry run writes nothing is as wanted; where the look ended early, the plan says so.
            Written::Nothing | Written::DryRun | Written::Unseen => Self::Done,
            Written::Withheld(_) if plan.rooms.iter().all(|room| room.steps().is_empty()) => Self::Done,
            Written::Withheld(_) => Self::Blocked,
            Written::Applied(report) => Self::of_report(report),
        };
        Self::of_plan(plan).max(of_writing)
    }

    /// Exit of this report.
    #[must_use]
    pub fn of_report(report: &Report) -> Self {
        let any = |outcomes: &[Outcome]| report.rooms.iter().any(|room| outcomes.contains(&room.status));
        let interrupted = report
            .stopped
            .as_ref()
            .is_some_and(|reason| reason.code == ReasonCode::Interrupted);
        if (report.stopped.is_some() && !interrupted) || wrote_nothing(report) {
            Self::Failed
        } else if interrupted || any(&[Outcome::Partial, Outcome::Failed, Outcome::NotBegun]) {
            Self::Partly
        } else if any(&[Outcome::Blocked]) {
            Self::Blocked
        } else if any(&[Outcome::Stale]) {
            Self::Stale
        } else {
            Self::Done
        }
    }
}

/// Cause of a failure, as far as the exit code depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The room: it is not there.
    Room,
    /// The service: it lets no call do anything.
    Service,
    /// Anything else: a person, a guard, a later look, or an end of the run, which the report states as a whole.
    Other,
}

impl Cause {
    fn of(code: ReasonCode) -> Self {
        match code {
            ReasonCode::NoSuchRoom => Self::Room,
            ReasonCode::NoClearAnswer
            | ReasonCode::NoPermission
            | ReasonCode::RateLimited
            | ReasonCode::UnknownCall => Self::Service,
            ReasonCode::Guard(_)
            | ReasonCode::Absent
            | ReasonCode::AdminKept
            | ReasonCode::AdminsFull
            | ReasonCode::AllowListFull
            | ReasonCode::AllowListUnusable
            | ReasonCode::AlreadySo
            | ReasonCode::AnswerTooLarge
            | ReasonCode::Approved
            | ReasonCode::AuditLog
            | ReasonCode::BecameAdmin
            | ReasonCode::BecameOwner
            | ReasonCode::Clock
            | ReasonCode::ComingAndGoing
            | ReasonCode::Contested
            | ReasonCode::CredentialsRefused
            | ReasonCode::DryRun
            | ReasonCode::Empty
            | ReasonCode::FailsAlone
            | ReasonCode::FilesChange
            | ReasonCode::ForeignName
            | ReasonCode::GuardLoosened
            | ReasonCode::Held
            | ReasonCode::IncompleteRead
            | ReasonCode::Interrupted
            | ReasonCode::LeavesFiles
            | ReasonCode::MatchesNobody
            | ReasonCode::Moved
            | ReasonCode::NewRoom
            | ReasonCode::NoOtherAdmin
            | ReasonCode::NoSuchApp
            | ReasonCode::NoSuchUser
            | ReasonCode::NotAKnownCall
            | ReasonCode::NotBegun
            | ReasonCode::NotConfirmed
            | ReasonCode::NotTaken
            | ReasonCode::NotLookedAt
            | ReasonCode::NotPlanned
            | ReasonCode::OwnerDiffers
            | ReasonCode::OwnerRemoved
            | ReasonCode::Paused
            | ReasonCode::Pending
            | ReasonCode::Protected
            | ReasonCode::Quota
            | ReasonCode::Redirected
            | ReasonCode::Refused
            | ReasonCode::RequestTooLong
            | ReasonCode::RoomFull
            | ReasonCode::ServiceUnreachable
            | ReasonCode::SetAside
            | ReasonCode::StaleRead
            | ReasonCode::StateDir
            | ReasonCode::TooManyNames
            | ReasonCode::UntilNear
            | ReasonCode::UntilOver
            | ReasonCode::UntilTripsGuard
            | ReasonCode::UserInTooManyRooms
            | ReasonCode::Wanted => Self::Other,
        }
    }
}

/// True if calls were made, none of them did anything, and the service is the reason rather than a user or a room.
fn wrote_nothing(report: &Report) -> bool {
    let of_service = |failure: &Failure| Cause::of(failure.reason.code) == Cause::Service;
    let mut written = report.rooms.iter().filter(|room| room.calls > 0).peekable();
    written.peek().is_some()
        && written.all(|room| room.status == Outcome::Failed && room.failed.iter().any(of_service))
}

/// A call of the command that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);
