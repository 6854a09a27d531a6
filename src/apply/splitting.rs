//! Batches that fail time and again. They are split until whoever makes them fail stands alone; the others go in.

use super::call_evidence::{CallEvidence, LastTwo, RECENT};
use super::report::Reason;
use super::room_record::RoomRecord;
use crate::model::{MemberSet, Op, PerOp, ReasonCode, RoomId, UserId};
use crate::plan::Step;
use std::collections::VecDeque;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// A batch that failed so often in the same way is split.
const TIMES: u32 = 3;
/// Where of so many first parts none goes through, it is the service.
const FIRST_PARTS: usize = 8;

/// What is known of the failing batches of a room.
#[derive(Default)]
pub(super) struct Splitting<'a> {
    of_op: PerOp<OfOp>,
    /// Calls that failed and are not judged yet.
    unjudged: Vec<Failed>,
    /// People who failed alone.
    alone: Vec<Alone>,
    /// The right to find out whether it is the service.
    probe: Option<MutexGuard<'a, ()>>,
}

/// A call without a clear answer.
#[derive(Clone)]
struct Failed {
    op: Op,
    users: MemberSet,
    reason: Reason,
}

impl Failed {
    /// Way in which it failed: the answer without what changes from call to call.
    fn way(&self) -> &str {
        let message = self.reason.message.as_str();
        message.split([',', ';']).next().unwrap_or(message)
    }
}

/// Somebody for whom alone a call failed.
struct Alone {
    op: Op,
    user: UserId,
    at: Instant,
    reason: Reason,
}

/// Failing batches of one kind of call.
#[derive(Default)]
struct OfOp {
    /// Batches that failed, and how often each did in the same way.
    batches: Vec<(Failed, u32)>,
    /// Parts of a batch, each of which goes in a call of its own, in their order.
    parts: VecDeque<MemberSet>,
    /// Parts that failed since one last went through.
    parts_failed: usize,
    /// True if the batch has failed for nobody alone so far.
    nobody_alone: bool,
    /// People of the largest part that went through.
    largest_through: MemberSet,
    /// People for whom a call went through last.
    through: LastTwo<UserId>,
}

impl OfOp {
    /// True if a call of this kind went through for somebody else, less than a minute before or after this moment.
    fn goes_through_for_others(&self, user: &UserId, then: Instant) -> bool {
        let mut others = self.through.other_than(user);
        others.any(|through| through.max(then) - through.min(then) < RECENT)
    }

    /// The part with these people.
    fn part_with(&self, users: &MemberSet) -> Option<usize> {
        self.parts.iter().position(|part| users.minus(part).is_empty())
    }

    /// Counts a batch that failed; gives how often it did in the same way.
    fn count(&mut self, failed: &Failed) -> u32 {
        let is_same = |(before, _): &(Failed, u32)| failed.users.minus(&before.users).is_empty();
        let before = self
            .batches
            .iter()
            .position(is_same)
            .map(|at| self.batches.remove(at));
        let times = match before {
            Some((before, times)) if before.way() == failed.way() => times + 1,
            _ => 1,
        };
        if times < TIMES {
            self.batches.push((failed.clone(), times));
        }
        times
    }

    /// Begins to split a batch.
    fn begin(&mut self) {
        self.parts_failed = 0;
        self.nobody_alone = true;
        self.largest_through = MemberSet::default();
    }
}

/// Judgement of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Judgement {
    /// Nothing new: it is tried again.
    Again,
    /// The work goes on with less in a call, or without somebody.
    Narrowed,
    /// It is the service.
    Service,
}

impl<'a> Splitting<'a> {
    /// Takes in a call without a clear answer.
    pub(super) fn failed(&mut self, op: Op, users: &[UserId], reason: Reason) {
        let users = users.iter().cloned().collect();
        self.unjudged.push(Failed { op, users, reason });
    }

    /// Takes in a call that did something for these people. Gives those of the largest part, if all parts of a batch went
    /// through: then the batch was too long for a request, and that part was not.
    pub(super) fn through(&mut self, op: Op, users: &[UserId]) -> Option<MemberSet> {
        let of = self.of_op.of_mut(op);
        users.iter().take(2).for_each(|user| of.through.note(user));
        let users: MemberSet = users.iter().cloned().collect();
        of.batches
            .retain(|(failed, _)| !failed.users.minus(&users).is_empty());
        of.parts_failed = 0;
        self.probe = None;
        let at = of.part_with(&users)?;
        of.parts.remove(at);
        if users.len() > of.largest_through.len() {
            of.largest_through = users;
        }
        (of.parts.is_empty() && of.nobody_alone).then(|| std::mem::take(&mut of.largest_through))
    }

    /// True if a call has failed that is not judged yet.
    pub(super) fn is_due(&self) -> bool {
        !self.unjudged.is_empty()
    }

    /// Judges the calls that failed in this room since the last look.
    pub(super) async fn judge(
        &mut self,
        evidence: &'a CallEvidence,
        room: &RoomId,
        record: &mut RoomRecord<'_>,
    ) -> Judgement {
        let mut judgement = Judgement::Again;
        for failed in std::mem::take(&mut self.unjudged) {
            evidence.failed(failed.op, room);
            judgement = judgement.max(self.judge_one(failed, evidence, room, record).await);
        }
        if judgement == Judgement::Service {
            self.probe = None;
        }
        judgement
    }

    async fn judge_one(
        &mut self,
        failed: Failed,
        evidence: &'a CallEvidence,
        room: &RoomId,
        record: &mut RoomRecord<'_>,
    ) -> Judgement {
        let op = failed.op;
        let of = self.of_op.of_mut(op);
        if let Some(at) = of.part_with(&failed.users) {
            of.parts.remove(at);
            of.parts_failed += usize::from(failed.users.len() > 1);
            return self.narrow(failed, evidence, record);
        }
        if of.count(&failed) < TIMES {
            return Judgement::Again;
        }
        if evidence.fails_elsewhere(op, room) && self.probe.is_none() {
            self.probe = evidence.probe(op).await;
            if self.probe.is_none() {
                return Judgement::Service;
            }
        }
        if failed.users.len() > 1 {
            of.begin();
        }
        self.narrow(failed, evidence, record)
    }

    /// Halves a batch, or gives up on somebody who failed alone; unless it is the service.
    fn narrow(&mut self, failed: Failed, evidence: &CallEvidence, record: &mut RoomRecord<'_>) -> Judgement {
        let of = self.of_op.of_mut(failed.op);
        let Failed { op, users, reason } = failed;
        if of.parts_failed >= FIRST_PARTS {
            evidence.found_failing(op);
            return Judgement::Service;
        }
        if let [user] = users.as_slice() {
            of.parts_failed += 1;
            of.nobody_alone = false;
            record.fail(op, user, reason.clone());
            let (user, at) = (user.clone(), Instant::now());
            self.alone.push(Alone { op, user, at, reason });
        } else {
            let half = users.len().div_ceil(2);
            for part in users.chunks(half).collect::<Vec<_>>().into_iter().rev() {
                of.parts.push_front(part);
            }
        }
        Judgement::Narrowed
    }

    /// Leaves out of these steps who failed alone, and puts the parts of failing batches into steps of their own.
    pub(super) fn arrange(&self, steps: Vec<Step>) -> Vec<Step> {
        let failed_alone = |op: Op, user: &UserId| {
            self.alone
                .iter()
                .any(|alone| alone.op == op && alone.user == *user)
        };
        let mut arranged = Vec::with_capacity(steps.len());
        let mut steps = steps.into_iter().peekable();
        let mut parts: Vec<Step> = Vec::new();
        while let Some(step) = steps.next() {
            let op = step.op();
            let of = self.of_op.of(op);
            let is_in_part = |user: &UserId| of.parts.iter().any(|part| part.contains(user));
            for part in &of.parts {
                parts.extend(step.clone().filter(|user| part.contains(user)));
            }
            arranged.extend(step.filter(|user| !failed_alone(op, user) && !is_in_part(user)));
            if steps.peek().is_none_or(|next| next.op() != op) {
                // A part may stand in two batches of a new plan.
                for part in &of.parts {
                    let own: Vec<Step> = parts
                        .iter()
                        .filter(|step| step.users().iter().all(|user| part.contains(user)))
                        .cloned()
                        .collect();
                    arranged.extend(Step::in_batches_of(part.len(), &own));
                }
                parts.clear();
            }
        }
        arranged
    }

    /// Says of those who failed alone whether it was they: calls of the same kind went through for others in this room. Where none
    /// did, it may be the room.
    pub(super) fn conclude(&self, record: &mut RoomRecord<'_>) {
        for Alone { op, user, at, reason } in &self.alone {
            let is_theirs = self.of_op.of(*op).goes_through_for_others(user, *at);
            if is_theirs && record.failure(*op, user).is_some() {
                let why = format!(
                    "each call that names them fails, while others go through: {}; ask the service's operator what is \
                     wrong with this user",
                    reason.message
                );
                record.take_back(*op, user);
                record.fail(*op, user, Reason::new(ReasonCode::FailsAlone, why));
            }
        }
    }
}
