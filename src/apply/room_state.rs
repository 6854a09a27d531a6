//! A room in work: what was done so far, and what may be done.

use super::recheck::Roles;
use super::report::Reason;
use super::waiting_list::WaitingList;
use super::{Cancel, Job, RunContext, UserResult};
use crate::chat::{CallError, CallErrorKind, Writer};
use crate::model::{MemberSet, Op, PerOp, ReasonCode, UserId};
use crate::plan::{Note, RoomPlan, Step, users_of};
use std::collections::{BTreeMap, BTreeSet};

/// Reason why steps end before they are done. Of several the greatest counts.
#[derive(Debug, Clone)]
pub(super) enum PhaseEnd {
    /// Nothing more of this kind can be done in this room.
    Op(Reason),
    /// The room has to be looked at before anything more is done.
    Look(Reason),
    /// Nothing more can be done in this room, or in any.
    Room(Reason),
}

impl PhaseEnd {
    /// The greater of two.
    pub(super) fn or(self, other: Option<Self>) -> Self {
        let rank = |end: &Self| match end {
            Self::Op(_) => 0,
            Self::Look(_) => 1,
            Self::Room(_) => 2,
        };
        match other {
            Some(other) if rank(&other) >= rank(&self) => other,
            _ => self,
        }
    }
}

/// A room in work.
pub(super) struct RoomRun<'a> {
    pub(super) context: &'a RunContext<'a>,
    pub(super) job: Job<'a>,
    /// Ends the work in this room.
    pub(super) cancel: Cancel,
    pub(super) writer: Writer,
    pub(super) calls: usize,
    pub(super) failed: BTreeMap<(Op, UserId), Reason>,
    /// Changes that a last look has to show.
    pub(super) expected: Expected,
    /// True if a guard has tripped on a later look.
    pub(super) guarded: bool,
    pub(super) last_admin: LastAdminGuard,
    /// People who wait for a place.
    pub(super) waiting_list: WaitingList,
    /// Owner and admins, as read right before somebody is removed or demoted.
    pub(super) roles: Option<Roles>,
    /// People for whom a removal or demotion was sent.
    pub(super) taken_away: BTreeSet<(Op, UserId)>,
    /// Error of the whole room.
    pub(super) error: Option<Reason>,
    /// Changes that were recorded as not known to be done.
    pub(super) unclear: BTreeSet<(Op, UserId)>,
}

/// Guard of the last admin: a demotion may go only if every promotion of the room succeeded, or a wanted admin stands.
pub(super) struct LastAdminGuard {
    /// Wanted admins who were seen last.
    standing: MemberSet,
    /// A wanted admin was made.
    pub(super) has_promoted: bool,
    /// Promotions that are wanted and not done.
    pub(super) open_promotes: usize,
}

impl LastAdminGuard {
    pub(super) fn new(plan: &RoomPlan) -> Self {
        Self {
            standing: plan.standing.clone(),
            has_promoted: false,
            open_promotes: plan.sent(Op::Promote) + plan.unmet_promotes,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.has_promoted || !self.standing.is_empty() || self.open_promotes == 0
    }

    /// Takes in who the admins are by now: who no longer is one would have to be promoted again.
    pub(super) fn see(&mut self, admins: &MemberSet) {
        let left = self.standing.and(admins);
        self.open_promotes += self.standing.len() - left.len();
        self.standing = left;
    }
}

/// To whom a run does what, as far as a last look has to show it.
#[derive(Default)]
pub(super) struct Expected(pub(super) PerOp<MemberSet>);

impl Expected {
    fn of(plan: &RoomPlan) -> Self {
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

    /// True if the admin list has to show something.
    pub(super) fn is_about_admins(&self) -> bool {
        !self.0.promote.is_empty() || !self.0.demote.is_empty()
    }
}

pub(super) fn no_other_admin() -> Reason {
    Reason::new(
        ReasonCode::NoOtherAdmin,
        "not every promotion succeeded and no wanted admin stands",
    )
}

impl<'a> RoomRun<'a> {
    /// Takes a room into work, which `stop` ends.
    pub(super) fn new(context: &'a RunContext<'a>, job: Job<'a>, cancel: Cancel) -> Self {
        Self {
            writer: Writer::new(
                context.client,
                [cancel.interrupted(), context.options.cancel.interrupted()],
            ),
            context,
            job,
            cancel,
            calls: 0,
            failed: held(job.plan),
            expected: Expected::of(job.plan),
            guarded: false,
            last_admin: LastAdminGuard::new(job.plan),
            waiting_list: WaitingList::of(job.plan),
            roles: None,
            taken_away: BTreeSet::new(),
            error: None,
            unclear: BTreeSet::new(),
        }
    }

    /// Gives the place of somebody whose add was refused to the next who waits, if anybody does.
    pub(super) fn give_place_of(&mut self, op: Op, refused: &UserId) -> Option<UserId> {
        if op != Op::Add {
            return None;
        }
        let next = self.waiting_list.give_place_of(refused)?;
        self.failed.remove(&(Op::Add, next.clone()));
        self.expected.include(Op::Add, &next);
        Some(next)
    }

    /// Wanted admin who has the place of somebody who was refused, and is promoted instead of them.
    pub(super) fn promote_in_place_of(&mut self, refused: UserId) -> Option<UserId> {
        let mut user = refused;
        while self.failed.contains_key(&(Op::Add, user.clone())) {
            user = self.waiting_list.successor_of(&user)?.clone();
        }
        let promotion = (Op::Promote, user.clone());
        let held = self.failed.get(&promotion);
        held.filter(|why| why.code == ReasonCode::RoomFull)?;
        self.failed.remove(&promotion);
        self.expected.include(Op::Promote, &user);
        Some(user)
    }

    /// Takes over who waits after a new look. Who came in by themselves is no longer reported as without a place.
    pub(super) fn renew_waiting_list(&mut self, plan: &RoomPlan) {
        for user in self.waiting_list.renew(plan) {
            self.failed.remove(&(Op::Add, user));
        }
    }

    pub(super) fn fail(&mut self, op: Op, user: &UserId, reason: Reason) {
        self.failed.entry((op, user.clone())).or_insert(reason);
    }

    /// Has it taken down what became of these users of a call that went out.
    pub(super) fn journal<'u>(
        &mut self,
        op: Op,
        users: impl IntoIterator<Item = &'u UserId>,
        result: Result<(), &Reason>,
    ) {
        let Some(journal) = self.context.options.journal else {
            return;
        };
        let is_unclear = result.is_err_and(|reason| reason.code == ReasonCode::NoClearAnswer);
        let answers: Vec<UserResult<'_>> = users
            .into_iter()
            .map(|user| UserResult { user, op, result })
            .collect();
        if is_unclear {
            self.unclear
                .extend(answers.iter().map(|answer| (op, answer.user.clone())));
        }
        journal.record(&self.job.plan.id, &answers);
    }

    /// Waits until everything recorded so far is written. If it cannot be, the run ends.
    pub(super) async fn written(context: &RunContext<'_>, cancel: &Cancel) {
        if let Some(journal) = context.options.journal
            && let Err(reason) = journal.written().await
        {
            cancel.now(reason.clone());
            context.options.cancel.now(reason);
        }
    }

    /// Reason why no new call is to be made, if there is one.
    pub(super) fn stopped(&self) -> Option<Reason> {
        self.cancel
            .reason()
            .or_else(|| self.context.options.cancel.reason())
    }

    /// Ends the run, or where only this room is interrupted the work in it.
    pub(super) fn end_run(&self, reason: &Reason) {
        self.cancel.now(reason.clone());
        if reason.code != ReasonCode::Interrupted {
            self.context.options.cancel.now(reason.clone());
        }
    }

    pub(super) fn fail_steps(&mut self, steps: &[Step], reason: &Reason) {
        for step in steps {
            for user in step.users() {
                self.fail(step.op(), user, reason.clone());
            }
        }
    }

    /// Meaning of a failed call for the room.
    pub(super) fn end(&self, error: &CallError) -> PhaseEnd {
        let reason = match (&error.kind, self.stopped()) {
            // It waited for its turn when the run was ended: for this.
            (CallErrorKind::Interrupted, Some(why)) => why.before_it_was_sent(),
            _ => Reason::from(error),
        };
        match &error.kind {
            CallErrorKind::RoomFull(_) => PhaseEnd::Op(reason),
            CallErrorKind::NoClearAnswer(_) | CallErrorKind::AnswerTooLarge(_) | CallErrorKind::StaleRead => {
                PhaseEnd::Look(reason)
            }
            kind => {
                if kind.stops_the_run() {
                    self.end_run(&reason);
                }
                PhaseEnd::Room(reason)
            }
        }
    }
}

/// People whom the plan itself holds back, beside those whom the guards hold; in a room that has moved these are all.
pub(super) fn held(plan: &RoomPlan) -> BTreeMap<(Op, UserId), Reason> {
    if plan.has_moved() {
        let reason = plan.error.as_ref().map(Reason::from);
        return Op::ALL
            .into_iter()
            .flat_map(|op| plan.wanted(op).iter().map(move |user| (op, user.clone())))
            .filter_map(|change| Some((change, reason.clone()?)))
            .collect();
    }
    let of_user = |note: &Note| {
        let user = UserId::parse(note.user.as_deref()?).ok()?;
        Some(((note.held?, user), Reason::from(note)))
    };
    plan.notes.iter().filter_map(of_user).collect()
}

/// Number of people these steps are about.
pub(super) fn people(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.users().len()).sum()
}
