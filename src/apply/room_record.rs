//! Record of a room in work: its calls so far, and who is not as wanted.

use super::expected::Expected;
use super::last_look::{LastLook, NotShown, shows};
use super::options::{CallNumber, Journal, UserResults};
use super::report::{Failure, Outcome, Reason, RoomReport};
use super::results::Results;
use super::sent_calls::{Known, SentCalls};
use crate::live::Observed;
use crate::model::{Op, ReasonCode, UserId};
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
        let known = match result {
            Ok(()) => Known::Done,
            Err(reason) if reason.code == ReasonCode::NoClearAnswer => Known::Unclear,
            Err(_) => Known::NotDone,
        };
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

    /// Records the results of several changes.
    pub(super) fn journal_all(&mut self, results: Results) {
        for (op, result, users) in results.into_alike() {
            self.journal(op, &users, result.as_ref().map(|&()| ()));
        }
    }

    /// The service has refused this, perhaps because it is so already: a look has to tell.
    pub(super) fn refused(&mut self, op: Op, user: &UserId) {
        self.sent.refused(op, user);
    }

    /// Records what was not known to be done, and shows in this look.
    pub(super) fn clear_up(&mut self, observed: &Observed) {
        let mut results = Results::default();
        for (op, user, _) in self.sent.open() {
            if shows(observed, op, user) {
                results.add(op, user.clone(), Ok(()));
            }
        }
        self.journal_all(results);
    }

    /// Records what neither an answer nor a look has shown, and says so of it. `advice`: how it is found out.
    pub(super) fn close(&mut self, advice: &str) {
        let open = self.sent.open();
        let open: Vec<(Op, UserId, Known)> =
            open.map(|(op, user, known)| (op, user.clone(), known)).collect();
        let mut results = Results::default();
        let mut unclear: BTreeMap<(Op, String), Vec<UserId>> = BTreeMap::new();
        for (op, user, known) in open {
            let failure = self.failure(op, &user).cloned();
            let answer = match known {
                Known::Unclear => {
                    if let Some(reason) = failure.filter(|reason| reason.code == ReasonCode::NoClearAnswer) {
                        unclear.entry((op, reason.message)).or_default().push(user);
                    }
                    continue;
                }
                Known::Refused => "the service says that there was nothing to change",
                _ => "the answer does not say that it is done",
            };
            let reason = failure.unwrap_or_else(|| {
                let why = format!("{answer}, and no look at the room after the call shows it done");
                Reason::new(ReasonCode::NotConfirmed, why)
            });
            self.fail(op, &user, reason.clone());
            results.add(op, user, Err(reason));
        }
        self.journal_all(results);
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

    /// Takes in who owns the room by the latest look: it is an error if they may have been removed or demoted.
    pub(super) fn see_owner(&mut self, owner: Option<&str>) {
        let Some(owner) = owner else { return };
        let mut taken = self.sent.may_be_taken_away();
        let taken = taken.find(|(_, user, _)| user.as_str() == owner);
        self.error = taken.map(|(op, user, known)| {
            let was = if known == Known::Done { "was" } else { "may have been" };
            let done = op.done();
            let why = format!(
                "{user} owns this room now, and {was} {done} in this run: they became its owner between the last check \
                 and the call; see to it that they are in the room, or hand it over"
            );
            Reason::new(ReasonCode::OwnerRemoved, why)
        });
    }

    /// Reports expected changes that a last look does not show, and takes back failures that it shows as done. Judges nothing
    /// else.
    pub(super) fn confirm(&mut self, seen: &LastLook) {
        self.see_owner(seen.owner());
        let mut results = Results::default();
        for (op, users) in std::mem::take(&mut self.expected).0.iter() {
            for user in users {
                if let Some(result) = self.confirm_one(seen, op, user) {
                    results.add(op, user.clone(), result);
                }
            }
        }
        self.journal_all(results);
    }

    /// The same for one change. Gives the result that is to be recorded, if there is one.
    fn confirm_one(&mut self, seen: &LastLook, op: Op, user: &UserId) -> Option<Result<(), Reason>> {
        let change = (op, user.clone());
        let known = self.sent.known(op, user);
        let why = match seen.shows(op, user) {
            Ok(()) => {
                let failed = self.failed.remove(&change).is_some();
                return (failed || known != Some(Known::Done)).then_some(Ok(()));
            }
            Err(why) => why,
        };
        if seen.owner() == Some(user.as_str()) {
            // The owner is neither added nor promoted. What may have been taken from them is said of the room.
            if !op.takes_away() {
                self.failed.remove(&change);
            }
            let reason = Reason::new(ReasonCode::NotConfirmed, "they own the room now");
            return known.is_some_and(Known::is_open).then_some(Err(reason));
        }
        let is_missing = matches!(why, NotShown::Missing(_));
        if self.failed.contains_key(&change) {
            if is_missing && known == Some(Known::Unclear) {
                self.is_not_done(op, user);
            }
            return None;
        }
        if op.is_of_allow_list() && !is_missing && known == Some(Known::Done) {
            // The answer named them, and the room does without the list.
            return None;
        }
        let (NotShown::Missing(why) | NotShown::Unread(why)) = why;
        let reason = Reason::new(ReasonCode::NotConfirmed, why);
        if is_missing && op == Op::Add && known.is_some() {
            self.not_seen.push(user.clone());
        }
        self.fail(op, user, reason.clone());
        // What an answer confirmed is only contradicted by a look that saw the room.
        (is_missing || known != Some(Known::Done)).then_some(Err(reason))
    }

    /// Records that a look shows of a call without a clear answer that it is not done.
    fn is_not_done(&mut self, op: Op, user: &UserId) {
        let _ = self.sent.note(op, [user], Known::NotDone);
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
