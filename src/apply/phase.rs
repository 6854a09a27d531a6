//! Steps of one kind that follow each other in a room: their calls are on their way at the same time.

use super::call::{CallOutcome, RoomClient, call};
use super::in_flight::{InFlight, method, takes_away};
use super::removal_check::CHECKS;
use super::room_state::{PhaseEnd, RoomRun, no_other_admin};
use crate::model::{Op, UserId};
use crate::plan::Step;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::collections::VecDeque;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// After so many users in a row who are refused one by one with the same words that name nobody, it is the room that
/// refuses and not the users.
const ALIKE: usize = 5;

/// Steps of one kind.
pub(super) struct Phase {
    pub(super) op: Op,
    /// Steps that are not on their way yet.
    pub(super) todo: VecDeque<Step>,
    /// Most calls that may be on their way: one, and after each that succeeds one more, so that a room that refuses everybody
    /// is not asked many times at once.
    window: usize,
    /// Words that refused one user, and how often in a row.
    refusal: Option<(String, usize)>,
    /// True if anybody was taken: then it is not the room that refuses.
    any_taken: bool,
    /// Checks in a row that became too old before their call could go, and the calls sent in all rooms by then.
    late: (usize, usize),
}

impl Phase {
    /// Takes the steps of the first one's kind from the front of a queue, that of whoever comes last by itself; `None`: it is
    /// empty.
    pub(super) fn from_front(queue: &mut VecDeque<Step>, last: Option<&UserId>) -> Option<Self> {
        let mut todo = VecDeque::from([queue.pop_front()?]);
        let op = todo.front()?.op();
        let goes_on =
            |step: &mut Step| step.op() == op && last.is_none_or(|last| step.users() != [last.clone()]);
        while let Some(step) = queue.pop_front_if(goes_on) {
            todo.push_back(step);
        }
        Some(Self {
            op,
            todo,
            window: 1,
            refusal: None,
            any_taken: false,
            late: (0, 0),
        })
    }

    /// Has a step go into a further call, before the others.
    pub(super) fn again(&mut self, step: impl Into<Option<Step>>) {
        if let Some(step) = step.into() {
            self.todo.push_front(step);
        }
    }

    /// A call has done something for somebody.
    pub(super) fn taken(&mut self) {
        self.any_taken = true;
    }

    /// Counts users refused in the same words, and says whether they are so many that it must be the room.
    pub(super) fn refused_alike(&mut self, text: &str) -> bool {
        if self.any_taken {
            return false;
        }
        let alike = match &self.refusal {
            Some((last, count)) if last == text => count + 1,
            _ => 1,
        };
        self.refusal = Some((text.to_owned(), alike));
        alike >= ALIKE
    }

    /// Notes that a call could not go in time, and says whether it is to be tried again: as long as others go, or a few times.
    fn is_late(&mut self, in_flight: &InFlight) -> bool {
        let sent = in_flight.taken_away();
        let (times, sent_then) = self.late;
        let times = if sent == sent_then { times + 1 } else { 1 };
        self.late = (times, sent);
        times <= CHECKS
    }

    /// Puts what is left into calls of so many names.
    fn fit(&mut self, size: usize) {
        if self.todo.iter().all(|step| step.users().len() <= size) {
            return;
        }
        self.todo = Step::in_batches_of(size, self.todo.make_contiguous()).into();
    }
}

/// Need of a proof that a call of this size is accepted.
enum Proof<'a> {
    NotNeeded,
    /// It is, and no other is on its way.
    Ours(MutexGuard<'a, ()>),
    /// It is, and another one is.
    Underway,
}

impl<'a> RoomRun<'a> {
    /// Makes the calls of a stretch until every user is dealt with, or something ends it: then `todo` keeps who is not.
    pub(super) async fn phase(&mut self, phase: &mut Phase, not_after: Instant) -> Result<(), PhaseEnd> {
        let (context, op) = (self.context, phase.op);
        let writer = self.writer.clone();
        let client = RoomClient {
            writer: &writer,
            reader: &context.reader,
            room: &self.job.plan.id,
        };
        let mut calls = FuturesUnordered::new();
        let mut end: Option<PhaseEnd> = None;
        loop {
            while end.is_none()
                && calls.len() < phase.window
                && context.in_flight.has_place(op, calls.len(), &writer)
            {
                if let Some(reason) = self.stopped().filter(|_| !phase.todo.is_empty()) {
                    end = Some(PhaseEnd::Room(reason.before_it_was_sent()));
                    break;
                }
                let proof = match self.proof(phase, calls.is_empty()).await {
                    Proof::NotNeeded => None,
                    Proof::Ours(proof) => Some(proof),
                    Proof::Underway => break,
                };
                if takes_away(op) && !phase.todo.is_empty() && !self.is_checked() {
                    if !calls.is_empty() {
                        break;
                    }
                    if let Err(why) = self.check().await {
                        end = Some(why);
                        break;
                    }
                    if self.stopped().is_some() {
                        continue;
                    }
                }
                let Some(step) = phase.todo.pop_front() else {
                    break;
                };
                let Some(step) = self.allowed(step) else {
                    (context.options.progress)(op);
                    continue;
                };
                let begun = context.in_flight.begin(op);
                let not_after = not_after.min(self.checked_until());
                let cancel = self.cancel.clone();
                calls.push(async move {
                    Self::written(context, &cancel).await;
                    let answer = call(client, &step, not_after).await;
                    drop((begun, proof));
                    (step, answer)
                });
            }
            let Some((step, answer)) = calls.next().await else {
                break;
            };
            self.calls += usize::from(answer.was_sent());
            if takes_away(op) && answer.was_sent() {
                context.in_flight.count_taken_away();
                let users = step.users().iter();
                self.taken_away.extend(users.map(|user| (op, user.clone())));
            }
            if answer.is_too_late() && Instant::now() < not_after && phase.is_late(&context.in_flight) {
                // Only the check has grown old.
                phase.todo.push_front(step);
                phase.window = 1;
                self.roles = None;
                continue;
            }
            if let (Some(hooks), true) = (context.options.hooks, answer.was_sent()) {
                hooks.answered(self.job.plan, answer.reason().as_ref());
            }
            phase.window = match &answer {
                CallOutcome::Done(_) => phase.window + 1,
                _ => 1,
            };
            match self.on_answer(phase, step, answer) {
                Ok(()) => (context.options.progress)(op),
                Err(why) => end = Some(why.or(end)),
            }
        }
        end.map_or(Ok(()), Err)
    }

    /// Fits what is left to what the service takes; where the next call has more names than any that it has taken so far, it
    /// goes alone, and those of other rooms wait for its answer.
    async fn proof(&self, phase: &mut Phase, may_wait: bool) -> Proof<'a> {
        let in_flight = &self.context.in_flight;
        let is_new = |phase: &mut Phase| {
            phase.fit(self.most_names(phase.op));
            let next = phase.todo.front().map_or(0, |step| step.users().len());
            next > self.writer.largest_accepted(method(phase.op)).max(1)
        };
        if !is_new(phase) {
            return Proof::NotNeeded;
        }
        let proving = in_flight.proving(phase.op);
        let ours = if may_wait {
            proving.lock().await
        } else {
            // Its own calls are not to be kept waiting.
            match proving.try_lock() {
                Ok(ours) => ours,
                Err(_) => return Proof::Underway,
            }
        };
        // What was waited for may have told.
        if is_new(phase) {
            Proof::Ours(ours)
        } else {
            Proof::NotNeeded
        }
    }

    /// Most names that go into one call by now.
    fn most_names(&self, op: Op) -> usize {
        let sizes = self.writer.batch_limits();
        match op {
            Op::Add => sizes.add,
            Op::Remove => sizes.remove,
            Op::Promote | Op::Demote => 1,
        }
    }

    /// Part of a step that may be done; `None`: nothing of it.
    fn allowed(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Add(_) => Some(step),
            Step::Remove(_) => step.filter(|user| self.may_touch(Op::Remove, user) && self.may_remove(user)),
            Step::Promote(user) => match self.failed.get(&(Op::Add, user.clone())).cloned() {
                None => Some(Step::Promote(user)),
                Some(reason) => {
                    self.fail(Op::Promote, &user, reason);
                    self.promote_in_place_of(user).map(Step::Promote)
                }
            },
            Step::Demote(_) => step.filter(|user| {
                let may_touch = self.may_touch(Op::Demote, user);
                if may_touch && !self.last_admin.is_open() {
                    self.fail(Op::Demote, user, no_other_admin());
                }
                may_touch && self.last_admin.is_open()
            }),
        }
    }

    /// True if somebody may be removed: an admin only once demoted, and only while the guard of the last admin is open.
    fn may_remove(&mut self, user: &UserId) -> bool {
        if !self.job.plan.demote.contains(user) {
            return true;
        }
        let reason = match self.failed.get(&(Op::Demote, user.clone())) {
            Some(reason) => reason.clone(),
            None if !self.last_admin.is_open() => no_other_admin(),
            None => return true,
        };
        self.fail(Op::Remove, user, reason);
        false
    }
}
