//! The check before somebody is removed or demoted: owner and admins of the room, read once more.

use super::Job;
use super::recheck::{Roles, UnknownRoles};
use super::report::Reason;
use super::room_state::{PhaseEnd, RoomRun};
use crate::chat::CallErrorKind;
use crate::desired::DesiredRoom;
use crate::model::{MemberSet, Op, ReasonCode, UserId};
use crate::plan::NEW_ADMIN;
use tokio::time::Instant;

/// Most checks in a row that no call follows.
pub(super) const CHECKS: usize = 3;
/// Reason to spare somebody in a room with this owner and these admins, if there is one.
pub(super) fn spare(
    (owner, admins): (Option<&str>, &MemberSet),
    op: Op,
    user: &UserId,
    job: &Job<'_>,
) -> Option<Reason> {
    let DesiredRoom {
        admins: wanted_admins,
        members,
        ..
    } = job.desired;
    let is_in = |users: &Option<MemberSet>| users.as_ref().is_some_and(|users| users.contains(user));
    let removal = op == Op::Remove;
    let because = |code, why: &str| Some(Reason::new(code, why));
    if owner == Some(user.as_str()) {
        because(
            ReasonCode::BecameOwner,
            "owns the room now; the owner is never removed or demoted",
        )
    } else if is_in(wanted_admins) || removal && is_in(members) {
        because(ReasonCode::Wanted, "the files want them as they are")
    } else if !removal || !admins.contains(user) || job.plan.demote.contains(user) {
        None
    } else if wanted_admins.is_none() {
        because(
            ReasonCode::BecameAdmin,
            "is an admin now; kept, because `admins` is not managed here",
        )
    } else {
        because(ReasonCode::Moved, NEW_ADMIN)
    }
}

impl RoomRun<'_> {
    /// True if somebody may be removed or demoted without another check.
    pub(super) fn is_checked(&self) -> bool {
        self.roles.as_ref().is_some_and(Roles::are_fresh)
    }

    /// The last moment at which somebody may be removed or demoted; without a check that is over.
    pub(super) fn checked_until(&self) -> Instant {
        self.roles.as_ref().map_or_else(Instant::now, Roles::hold_until)
    }

    /// Reads owner and admins once more. The error is why nothing may be done on what was read.
    pub(super) async fn check(&mut self) -> Result<(), PhaseEnd> {
        for _ in 0..CHECKS {
            let roles = match self.context.options.recheck.roles(self.job.plan).await {
                Ok(roles) => roles,
                Err(UnknownRoles::Unread(error)) => return Err(self.end(&error)),
                Err(UnknownRoles::Inconsistent(inconsistency)) => {
                    let why = Reason::new(ReasonCode::IncompleteRead, inconsistency.to_string());
                    return Err(PhaseEnd::Look(why));
                }
            };
            self.last_admin.see(&roles.admins);
            let is_in_time = Instant::now() < roles.hold_until();
            self.roles = Some(roles);
            if is_in_time {
                return Ok(());
            }
        }
        Err(PhaseEnd::Look(grown_old()))
    }

    /// True if the last check allows this. Otherwise the reason is reported.
    pub(super) fn may_touch(&mut self, op: Op, user: &UserId) -> bool {
        let spared = self
            .roles
            .as_ref()
            .and_then(|roles| spare((roles.owner.as_deref(), &roles.admins), op, user, &self.job));
        match spared {
            None => true,
            Some(reason) => {
                self.fail(op, user, reason);
                false
            }
        }
    }
}

/// Reason for a call whose look or check became too old.
pub(super) fn grown_old() -> Reason {
    let kind = CallErrorKind::StaleRead;
    Reason::new(kind.code(), kind.to_string())
}
