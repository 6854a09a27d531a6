//! Guard of removals and demotions: who is spared in a room, going by its owner and admins as they were read last.

use super::options::Job;
use super::recheck::Roles;
use super::report::Reason;
use super::room_record::RoomRecord;
use crate::desired::DesiredRoom;
use crate::model::{MemberSet, Op, ReasonCode, UserId, people_named};
use crate::plan::{NEW_ADMIN, RoomPlan};
use tokio::time::Instant;

/// Guard of removals and demotions in a room.
pub(super) struct RemovalGuard<'a> {
    job: Job<'a>,
    /// Owner and admins, as read right before somebody is removed or demoted.
    roles: Option<Roles>,
    last_admin: LastAdminGuard,
}

/// Guard of the last admin: a demotion may go only if every promotion of the room succeeded, or a wanted admin stands.
struct LastAdminGuard {
    /// Wanted admins who were seen last.
    standing: MemberSet,
    /// A wanted admin was made.
    has_promoted: bool,
    /// Promotions that are wanted and not done.
    open_promotes: usize,
}

impl LastAdminGuard {
    fn new(plan: &RoomPlan) -> Self {
        Self {
            standing: plan.standing.clone(),
            has_promoted: false,
            open_promotes: plan.sent(Op::Promote) + plan.unmet_promotes,
        }
    }

    fn is_open(&self) -> bool {
        self.has_promoted || !self.standing.is_empty() || self.open_promotes == 0
    }

    /// Takes in who the admins are by now: who no longer is one would have to be promoted again.
    fn see(&mut self, admins: &MemberSet) {
        let left = self.standing.and(admins);
        self.open_promotes += self.standing.len() - left.len();
        self.standing = left;
    }
}

impl<'a> RemovalGuard<'a> {
    pub(super) fn new(job: Job<'a>) -> Self {
        Self {
            job,
            roles: None,
            last_admin: LastAdminGuard::new(job.plan),
        }
    }

    /// True if somebody may be removed or demoted without another check.
    pub(super) fn is_checked(&self) -> bool {
        self.roles.as_ref().is_some_and(Roles::are_fresh)
    }

    /// The last moment at which somebody may be removed or demoted; without a check that is over.
    pub(super) fn checked_until(&self) -> Instant {
        self.roles.as_ref().map_or_else(Instant::now, Roles::hold_until)
    }

    /// Goes by these roles from now on; false if they are too old already.
    pub(super) fn see(&mut self, roles: Roles) -> bool {
        self.last_admin.see(&roles.admins);
        let is_in_time = Instant::now() < roles.hold_until();
        self.roles = Some(roles);
        is_in_time
    }

    /// The last check has grown too old.
    pub(super) fn forget_check(&mut self) {
        self.roles = None;
    }

    /// A wanted admin was made.
    pub(super) fn promoted(&mut self) {
        self.last_admin.has_promoted = true;
        self.last_admin.open_promotes = self.last_admin.open_promotes.saturating_sub(1);
    }

    /// Goes on with the plan of a new look. Roles of a complete one count as a check.
    pub(super) fn replanned(&mut self, plan: &RoomPlan, roles: Option<Roles>) {
        self.roles = roles;
        self.last_admin = LastAdminGuard::new(plan);
    }

    /// Reason why somebody may not be removed or demoted, by the last check and by what came of their demotion: an admin is
    /// removed only once demoted, and only while the guard of the last admin is open.
    pub(super) fn objection(&self, op: Op, user: &UserId, record: &RoomRecord<'_>) -> Option<Reason> {
        let roles = self.roles.as_ref();
        if let Some(reason) =
            roles.and_then(|roles| self.spare((roles.owner.as_deref(), &roles.admins), op, user))
        {
            return Some(reason);
        }
        if op == Op::Remove {
            if !self.job.plan.demote.contains(user) {
                return None;
            }
            if let Some(reason) = record.failure(Op::Demote, user) {
                return Some(reason.clone());
            }
        }
        (!self.last_admin.is_open()).then(|| no_other_admin(user, record))
    }

    /// Reason to spare somebody in a room with this owner and these admins, if there is one.
    pub(super) fn spare(
        &self,
        (owner, admins): (Option<&str>, &MemberSet),
        op: Op,
        user: &UserId,
    ) -> Option<Reason> {
        let DesiredRoom {
            admins: wanted_admins,
            members,
            ..
        } = self.job.desired;
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
        } else if !removal || !admins.contains(user) || self.job.plan.demote.contains(user) {
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
}

fn no_other_admin(user: &UserId, record: &RoomRecord<'_>) -> Reason {
    let failed: Vec<&UserId> = record.failed(Op::Promote).collect();
    let why = if failed.is_empty() {
        "no wanted admin is there yet".to_owned()
    } else {
        format!("{} could not be promoted", people_named(failed))
    };
    Reason::new(
        ReasonCode::NoOtherAdmin,
        format!("{user} stays an admin: {why}, and the room would have no admin left"),
    )
}
