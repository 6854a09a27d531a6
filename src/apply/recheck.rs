//! The way to read a room and plan it again while its calls are made. Whoever starts a run hands it in.

use super::report::Reason;
use crate::chat::CallError;
use crate::desired::DesiredRoom;
use crate::live::{Inconsistency, LiveRoom, Observed};
use crate::model::{MemberSet, UserId};
use crate::plan::{Approved, RoomPlan, Step};
use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A removal or demotion is sent no later than this after the check that it stands on was sent.
const HOLDS: Duration = Duration::from_secs(5);
/// None is begun on an older check: what is left is for the line.
const GOOD_FOR: Duration = Duration::from_secs(4);

/// Reads rooms of a run, and plans them, once more.
pub trait Recheck {
    /// Reads a room's owner and admins, before somebody is removed or demoted there.
    fn roles<'a>(&'a self, plan: &'a RoomPlan) -> LocalBoxFuture<'a, Result<Roles, UnknownRoles>>;
    /// Looks at a room again, and plans what still holds of the rest of its steps and of the people who wait for a place. The guards are
    /// judged again, but for the people who are `approved`.
    fn replan<'a>(
        &'a self,
        desired: &'a DesiredRoom,
        rest: &'a [Step],
        reserves: &'a VecDeque<UserId>,
        approved: &'a Approved,
    ) -> LocalBoxFuture<'a, Result<Replanned, CallError>>;
}

/// Owner and admins of a room.
#[derive(Debug)]
pub struct Roles {
    /// The owner, if the service names one.
    pub owner: Option<String>,
    /// The admins.
    pub admins: MemberSet,
    /// No later than this was the first of the calls sent that showed them.
    pub sent_at: Instant,
}

/// Reason why roles are unknown.
#[derive(Debug)]
pub enum UnknownRoles {
    /// They could not be read.
    Unread(CallError),
    /// The answers contradict each other.
    Inconsistent(Inconsistency),
}

/// Result of another look at a room in work.
#[derive(Debug)]
pub struct Replanned {
    /// The room as the look showed it.
    pub observed: Observed,
    /// When the look began.
    pub begun: Instant,
    /// Plan of what still holds; the error says why nothing does.
    pub plan: Result<RoomPlan, Reason>,
}

impl Roles {
    /// Roles as a look showed them that began at this moment. `None`: it did not read the admins.
    pub(super) fn seen(room: &LiveRoom, begun: Instant) -> Option<Self> {
        Some(Self {
            owner: room.owner.clone(),
            admins: room.admins.clone()?,
            sent_at: begun,
        })
    }

    /// True if a call may still begin on these roles.
    pub(super) fn are_fresh(&self) -> bool {
        self.sent_at.elapsed() < GOOD_FOR
    }

    /// The last moment at which a call may be sent on these.
    pub(super) fn hold_until(&self) -> Instant {
        self.sent_at + HOLDS
    }
}

impl From<CallError> for UnknownRoles {
    fn from(error: CallError) -> Self {
        Self::Unread(error)
    }
}
