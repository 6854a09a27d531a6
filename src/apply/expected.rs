//! Changes that a last look at a room has to show.

use crate::model::{MemberSet, Op, PerOp, UserId};
use crate::plan::{RoomPlan, Step, users_of};

/// To whom a run does what, as far as a last look has to show it.
#[derive(Default)]
pub(super) struct Expected(pub(super) PerOp<MemberSet>);

impl Expected {
    pub(super) fn of(plan: &RoomPlan) -> Self {
        Self(PerOp::from_fn(|op| users_of(op, plan.steps())))
    }

    /// After a new look some of what was left to do no longer is.
    pub(super) fn change(&mut self, before: &[Step], now: &[Step]) {
        let after = |op| self.0.of(op).minus(&users_of(op, before)).or(&users_of(op, now));
        self.0 = PerOp::from_fn(after);
    }

    /// This is to be done to one more.
    pub(super) fn include(&mut self, op: Op, user: &UserId) {
        let users = self.0.of_mut(op);
        *users = users.or(&MemberSet::from_iter([user.clone()]));
    }

    /// True if the member list has to show something.
    pub(super) fn is_about_members(&self) -> bool {
        !self.0.add.is_empty() || !self.0.remove.is_empty()
    }

    /// True if the allow list has to show something.
    pub(super) fn is_about_allow_list(&self) -> bool {
        !self.0.allow.is_empty() || !self.0.disallow.is_empty()
    }

    /// True if the admin list has to show something.
    pub(super) fn is_about_admins(&self) -> bool {
        !self.0.promote.is_empty() || !self.0.demote.is_empty()
    }
}
