//! Meaning of an answer: who is dealt with, who goes into further calls, and whether the room's work can go on.

use super::call::CallOutcome;
use super::phase::Phase;
use super::report::Reason;
use super::room_state::{PhaseEnd, RoomRun};
use crate::chat::{CallError, CallErrorKind};
use crate::model::{MemberSet, Op, UserId};
use crate::plan::Step;

impl RoomRun<'_> {
    /// Takes down what an answer says. The error says why the stretch ends; whoever is not dealt with is in its `todo`.
    pub(super) fn on_answer(
        &mut self,
        phase: &mut Phase,
        step: Step,
        answer: CallOutcome,
    ) -> Result<(), PhaseEnd> {
        let op = phase.op;
        match answer {
            CallOutcome::Done(refused) => {
                if refused.len() < step.users().len() {
                    phase.taken();
                }
                self.done(&step, refused);
                Ok(())
            }
            CallOutcome::Refused(error) => {
                let reason = Reason::from(&error);
                self.journal(op, step.users(), Err(&reason));
                for user in step.users() {
                    self.fail(op, user, reason.clone());
                }
                Ok(())
            }
            CallOutcome::Unseen(_, error) => {
                phase.todo.push_front(step);
                Err(self.end(&error))
            }
            CallOutcome::Inconsistent(_, reason) => {
                phase.todo.push_front(step);
                Err(PhaseEnd::Look(reason))
            }
            CallOutcome::Failed(error) => match step {
                Step::Add(_) | Step::Remove(_) => self.on_failed_batch(phase, step, &error),
                Step::Promote(_) | Step::Demote(_) => {
                    let end = self.unsettled(op, step.users(), &error);
                    phase.todo.push_front(step);
                    Err(end)
                }
            },
        }
    }

    fn done(&mut self, step: &Step, refused: Vec<(UserId, Reason)>) {
        let op = step.op();
        if op == Op::Promote {
            self.last_admin.has_promoted = true;
            self.last_admin.open_promotes = self.last_admin.open_promotes.saturating_sub(1);
        }
        let is_done = |user: &&UserId| refused.iter().all(|(other, _)| other != *user);
        self.journal(op, step.users().iter().filter(is_done), Ok(()));
        for (user, reason) in refused {
            self.journal(op, [&user], Err(&reason));
            self.fail(op, &user, reason);
        }
    }

    /// A call that went out without a clear answer is taken down as such.
    fn unsettled(&mut self, op: Op, users: &[UserId], error: &CallError) -> PhaseEnd {
        if !error.kind.was_not_sent() {
            self.journal(op, users, Err(&Reason::from(error)));
        }
        self.end(error)
    }

    /// Decides about the users of a call that failed: some are dealt with, the others go into further calls.
    fn on_failed_batch(&mut self, phase: &mut Phase, step: Step, error: &CallError) -> Result<(), PhaseEnd> {
        let op = phase.op;
        let (text, named) = match (&error.kind, error.kind.message()) {
            // The next call has fewer.
            (CallErrorKind::TooManyNames(most), _) if *most < step.users().len() => {
                phase.again(step);
                return Ok(());
            }
            (CallErrorKind::TooManyNames(_), _) => ("", MemberSet::default()),
            (_, Some(message)) => (message.text.as_str(), message.named.clone()),
            (_, None) => {
                let end = self.unsettled(op, step.users(), error);
                phase.again(step);
                return Err(end);
            }
        };
        if named.len() == 1 || matches!(error.kind, CallErrorKind::AlreadySo(_)) && !named.is_empty() {
            let mut successors = Vec::new();
            for user in &named {
                if self.is_refused(op, user, error) {
                    successors.extend(self.give_place_of(op, user));
                }
            }
            phase.again(without(step, &named, successors));
            return Ok(());
        }
        if let [user] = step.users() {
            let refused = self.is_refused(op, user, error);
            if refused && phase.refused_alike(text) {
                return Err(PhaseEnd::Op(Reason::from(error)));
            }
            let next = if refused {
                self.give_place_of(op, user)
            } else {
                None
            };
            phase.again(next.map(|user| Step::Add([user].into_iter().collect())));
            return Ok(());
        }
        if named.is_empty() || named.len() == step.users().len() {
            let [first, second] = step.halves();
            phase.again(second);
            phase.again(first);
        } else {
            for user in &named {
                phase.again(step.clone().filter(|other| other == user));
            }
            phase.again(without(step, &named, Vec::new()));
        }
        Ok(())
    }

    /// Records that somebody was refused, unless there was nothing to change for them.
    fn is_refused(&mut self, op: Op, user: &UserId, error: &CallError) -> bool {
        let refused = !matches!(error.kind, CallErrorKind::AlreadySo(_));
        if refused {
            let reason = Reason::from(error);
            self.journal(op, [user], Err(&reason));
            self.fail(op, user, reason);
        }
        refused
    }
}

/// A step without the people who are dealt with, and with those who get their places in an add.
fn without(step: Step, dealt_with: &MemberSet, successors: Vec<UserId>) -> Option<Step> {
    let left = |user: &UserId| !dealt_with.contains(user);
    match step {
        Step::Add(users) => {
            let users: MemberSet = users.filter(left).iter().cloned().chain(successors).collect();
            (!users.is_empty()).then_some(Step::Add(users))
        }
        other => other.filter(left),
    }
}
