//! Record of a room in work: its calls so far, and who is not as wanted.

use super::last_look::{LastLook, NotShown, shows};
use super::options::{CallNumber, Journal, UserResults};
use super::report::{Failure, Outcome, Reason, RoomReport};
use super::sent_calls::{Known, SentCalls};
use crate::live::Observed;
use crate::model::{MemberSet, Op, PerOp, ReasonCode, UserId};
use crate::plan::{Note, RoomPlan, Status, Step, users_of};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Record of a room in work.
pub(super) struct RoomRecord<'a> {
    plan: &'a RoomPlan,
    journal: Option<&'a dyn Journal>,
    calls: usize,
    failed: BTreeMap<(Op, UserId), Reason>,
    /// Changes that a last look has to show.
    pub(super) expected: Expected,
    /// True if a guard has tripped on a later look.
    guarded: bool,
    sent: SentCalls,
    /// People who were added, and whom the last look does not show.
    not_seen: Vec<UserId>,
    /// Error of the whole room.
    error: Option<Reason>,
}

/// To whom a run does what, as far as a last look has to show it.
#[derive(Default)]
pub(super) struct Expected(pub(super) PerOp<MemberSet>);

impl Expected {
    fn of(plan: &RoomPlan) -> Self {
        Self(PerOp::from_fn(|op| users_of(op, plan.steps())))
    }

    /// After a new look some of what was left to do no longer is.
    fn change(&mut self, before: &[Step], now: &[Step]) {
        let after = |op| self.0.of(op).minus(&users_of(op, before)).or(&users_of(op, now));
        self.0 = PerOp::from_fn(after);
    }

    /// This is to be done to one more.
    fn include(&mut self, op: Op, user: &UserId) {
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

impl<'a> RoomRecord<'a> {
    pub(super) fn new(plan: &'a RoomPlan, journal: Option<&'a dyn Journal>) -> Self {
        Self {
            plan,
            journal,
            calls: 0,
            failed: held(plan),
            expected: Expected::of(plan),
            guarded: false,
            sent: SentCalls::default(),
            not_seen: Vec::new(),
            error: None,
        }
    }

    /// True if a call was sent.
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// Records a call that is about to be sent, in the journal alone.
    pub(super) fn sends(&self, step: &Step) -> CallNumber {
        self.journal
            .map_or_else(CallNumber::default, |journal| journal.sends(&self.plan.id, step))
    }

    /// Records that it was not sent after all; `stopped` is why no further call is to be made, if there is a reason.
    pub(super) fn not_sent(&self, call: CallNumber, reason: Option<Reason>, stopped: Option<Reason>) {
        let is_interrupted = reason
            .as_ref()
            .is_some_and(|reason| reason.code == ReasonCode::Interrupted);
        let reason = if is_interrupted {
            stopped.or(reason)
        } else {
            reason
        };
        if let (Some(journal), Some(reason)) = (self.journal, reason) {
            journal.not_sent(call, &reason);
        }
    }

    /// Counts a call that was sent.
    pub(super) fn sent(&mut self, step: &Step, number: CallNumber) {
        self.calls += 1;
        self.sent.add(step, number);
    }

    /// Reason why this is not done, if it failed.
    pub(super) fn failure(&self, op: Op, user: &UserId) -> Option<&Reason> {
        self.failed.get(&(op, user.clone()))
    }

    /// People to whom this is not done.
    pub(super) fn failed(&self, op: Op) -> impl Iterator<Item = &UserId> {
        let failed = self.failed.keys().filter(move |(of, _)| *of == op);
        failed.map(|(_, user)| user)
    }

    pub(super) fn fail(&mut self, op: Op, user: &UserId, reason: Reason) {
        self.failed.entry((op, user.clone())).or_insert(reason);
    }

    pub(super) fn fail_steps(&mut self, steps: &[Step], reason: &Reason) {
        for step in steps {
            for user in step.users() {
                self.fail(step.op(), user, reason.clone());
            }
        }
    }

    /// No longer reports this as not done.
    pub(super) fn take_back(&mut self, op: Op, user: &UserId) {
        self.failed.remove(&(op, user.clone()));
    }

    /// To be done after all, though it was reported as not done.
    pub(super) fn want(&mut self, op: Op, user: &UserId) {
        self.take_back(op, user);
        self.expected.include(op, user);
    }

    /// Records the result of a call that went out for these of its users.
    pub(super) fn journal<'u>(
        &mut self,
        op: Op,
        users: impl IntoIterator<Item = &'u UserId>,
        result: Result<(), &Reason>,
    ) {
        let is_unclear = result.is_err_and(|reason| reason.code == ReasonCode::NoClearAnswer);
        let known = if is_unclear { Known::Unclear } else { Known::Result };
        let of_call = self.sent.note(op, users, known);
        if let Some(journal) = self.journal {
            for (call, users) in of_call {
                let users = &users;
                journal.record(
                    &self.plan.id,
                    UserResults {
                        call,
                        op,
                        users,
                        result,
                    },
                );
            }
        }
    }

    /// Records what was not known to be done, and shows in this look.
    pub(super) fn clear_up(&mut self, observed: &Observed) {
        let open = [Known::Nothing, Known::Unclear].map(|known| self.sent.with(known));
        let seen: Vec<(Op, UserId)> = open
            .into_iter()
            .flatten()
            .filter(|(op, user)| shows(observed, *op, user))
            .map(|(op, user)| (op, user.clone()))
            .collect();
        for op in Op::ALL {
            let of_op = seen.iter().filter(|(of, _)| *of == op);
            self.journal(op, of_op.map(|(_, user)| user), Ok(()));
        }
    }

    /// Records what neither an answer nor a look has shown, and says so of it. `advice`: how it is found out.
    pub(super) fn close(&mut self, advice: &str) {
        let with = |record: &Self, known| -> Vec<(Op, UserId)> {
            let open = record.sent.with(known);
            open.map(|(op, user)| (op, user.clone())).collect()
        };
        for (op, user) in with(self, Known::Nothing) {
            let reason = self.failure(op, &user).cloned().unwrap_or_else(|| {
                Reason::new(
                    ReasonCode::NotConfirmed,
                    "the answer does not say that it is done, and no look at the room came after it",
                )
            });
            self.journal(op, [&user], Err(&reason));
            self.fail(op, &user, reason);
        }
        let mut unclear: BTreeMap<(Op, String), Vec<UserId>> = BTreeMap::new();
        for (op, user) in with(self, Known::Unclear) {
            let reason = self.failure(op, &user);
            if let Some(reason) = reason.filter(|reason| reason.code == ReasonCode::NoClearAnswer) {
                let of_reason = unclear.entry((op, reason.message.clone())).or_default();
                of_reason.push(user);
            }
        }
        for ((op, message), users) in unclear {
            let mut reason = Reason::new(ReasonCode::NoClearAnswer, message).maybe_done(op, &users);
            // Writing to a string cannot fail.
            let _ = write!(reason.message, ". {advice}");
            for user in users {
                self.failed.insert((op, user), reason.clone());
            }
        }
    }

    /// Goes on with the plan of a new look in place of these steps.
    pub(super) fn replanned(&mut self, rest: &[Step], plan: &RoomPlan) {
        self.report_held(plan);
        self.expected.change(rest, plan.steps());
        self.guarded |= !plan.blocked.is_empty();
    }

    /// Reports what a new look no longer lets through.
    fn report_held(&mut self, plan: &RoomPlan) {
        for note in &plan.notes {
            let user = note.user.as_deref().and_then(|user| UserId::parse(user).ok());
            if let (Some(op), Some(user)) = (note.held, user) {
                // Who could not be demoted stays for that reason, whatever the new look makes of it.
                let demotion = self
                    .failed
                    .get(&(Op::Demote, user.clone()))
                    .filter(|_| op == Op::Remove);
                let reason = demotion.cloned().unwrap_or_else(|| Reason::from(note));
                self.fail(op, &user, reason);
            }
        }
        // In a blocked room the plan's lists say what is wanted, its steps what is let through.
        for block in &plan.blocked {
            let why = format!("on a new look, {block}");
            for op in Op::ALL {
                for user in plan.wanted(op).minus(&users_of(op, plan.steps())).iter() {
                    self.fail(op, user, Reason::new(ReasonCode::Guard(block.guard), why.clone()));
                }
            }
        }
    }

    /// Reports expected changes that a last look does not show, and takes back failures that it shows as done. Judges nothing
    /// else.
    pub(super) fn confirm(&mut self, seen: &LastLook) {
        let is_owner = |user: &UserId| seen.owner() == Some(user.as_str());
        if let Some((op, user)) = self.sent.taken_away().find(|(_, user)| is_owner(user)) {
            let done = op.done();
            self.error = Some(Reason::new(
                ReasonCode::OwnerRemoved,
                format!(
                    "{user} owns this room now, and was {done} in this run: they became its owner between the last \
                     check and the call; see to it that they are in the room, or hand it over"
                ),
            ));
        }
        let expected = std::mem::take(&mut self.expected);
        for (op, users) in expected.0.iter() {
            for user in users {
                let change = (op, user.clone());
                let known = self.sent.known(op, user);
                let failed = self.failed.contains_key(&change);
                let why = match seen.shows(op, user) {
                    Ok(()) => {
                        self.failed.remove(&change);
                        if failed || known != Some(Known::Result) {
                            self.journal(op, [user], Ok(()));
                        }
                        continue;
                    }
                    // Said of the room already.
                    Err(_) if is_owner(user) => continue,
                    Err(why) if failed => {
                        if matches!(why, NotShown::Missing(_)) && known == Some(Known::Unclear) {
                            self.is_not_done(op, user);
                        }
                        continue;
                    }
                    Err(why) => why,
                };
                let is_missing = matches!(why, NotShown::Missing(_));
                let (NotShown::Missing(why) | NotShown::Unread(why)) = why;
                let reason = Reason::new(ReasonCode::NotConfirmed, why);
                // What an answer confirmed is only contradicted by a look that saw the room.
                if is_missing || known != Some(Known::Result) {
                    self.journal(op, [user], Err(&reason));
                }
                if is_missing && op == Op::Add && known.is_some() {
                    self.not_seen.push(user.clone());
                }
                self.fail(op, user, reason);
            }
        }
    }

    /// Records that a look shows of a call without a clear answer that it is not done.
    fn is_not_done(&mut self, op: Op, user: &UserId) {
        let _ = self.sent.note(op, [user], Known::Result);
        if let Some(reason) = self.failed.get_mut(&(op, user.clone()))
            && reason.code == ReasonCode::NoClearAnswer
        {
            *reason = reason.with("a look at the room shows that it is not done");
        }
    }

    /// Report of the room; `stopped` is why no further call was to be made, if there was a reason.
    pub(super) fn report(self, stopped: Option<&Reason>) -> RoomReport {
        let plan = self.plan;
        let wanted = people(plan.steps()) + held(plan).len();
        let any_failed = !self.failed.is_empty();
        // What is only not confirmed may well be done.
        let surely_failed = self
            .failed
            .values()
            .filter(|reason| reason.code != ReasonCode::NotConfirmed)
            .count();
        let all_failed = any_failed && surely_failed >= wanted;
        // What was planned in it was not even tried.
        let was_stopped =
            stopped.is_some_and(|why| self.failed.values().any(|reason| reason.code == why.code));
        let of_guard = |reason: &Reason| self.guarded && matches!(reason.code, ReasonCode::Guard(_));
        let only_guarded = any_failed && self.failed.values().all(of_guard);
        let status = match plan.status {
            Status::Failed if plan.has_moved() => Outcome::Stale,
            Status::Failed => Outcome::Failed,
            Status::Observed => Outcome::Observed,
            _ if self.calls == 0 && was_stopped => Outcome::NotBegun,
            _ if only_guarded => Outcome::Blocked,
            Status::Blocked if !any_failed => Outcome::Blocked,
            _ if all_failed => Outcome::Failed,
            _ if any_failed || self.error.is_some() || plan.falls_short() => Outcome::Partial,
            _ if self.calls == 0 => Outcome::Unchanged,
            _ => Outcome::Converged,
        };
        let moved = plan.error.as_ref().filter(|_| plan.has_moved()).map(Reason::from);
        let failed = self.failed.into_iter();
        let failed = failed
            .map(|((op, user), reason)| Failure {
                user: user.to_string(),
                op,
                reason,
            })
            .collect();
        RoomReport {
            id: plan.id.clone(),
            status,
            calls: self.calls,
            failed,
            not_seen: self.not_seen,
            error: moved.or(self.error),
        }
    }
}

/// People whom the plan itself holds back, beside those whom the guards hold; in a room that has moved these are all.
fn held(plan: &RoomPlan) -> BTreeMap<(Op, UserId), Reason> {
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
