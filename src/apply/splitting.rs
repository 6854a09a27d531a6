//! Batches that fail time and again. They are split until whoever makes them fail stands alone; the others go in.

use super::call_evidence::{CallEvidence, LastTwo};
use super::report::Reason;
use super::room_record::RoomRecord;
use crate::model::{MemberSet, Op, PerOp, ReasonCode, RoomId, UserId};
use crate::plan::Step;
use std::collections::VecDeque;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// A batch that failed so often, in whatever way, is split.
const TIMES: u32 = 3;
/// Where of so many first parts none goes through, it is the service.
const FIRST_PARTS: usize = 8;

/// Failing batches of a room, and their parts.
#[derive(Default)]
pub(super) struct Splitting<'a> {
    of_op: PerOp<OfOp>,
    /// Calls that failed and are not judged yet.
    unjudged: Vec<Failed>,
    /// People who failed alone.
    alone: Vec<Alone>,
    /// The right to find out whether calls of a kind fail for all.
    probe: Option<(Op, MutexGuard<'a, ()>)>,
}

/// A call without a clear answer.
#[derive(Clone)]
struct Failed {
    op: Op,
    users: MemberSet,
    reason: Reason,
    /// True if it may have been too long for a request.
    may_be_too_long: bool,
    /// When a larger batch with these people failed, or else when this one first did.
    since: Instant,
}

/// Somebody for whom alone a call failed.
struct Alone {
    op: Op,
    user: UserId,
    /// When the smallest batch failed that they were in with others.
    since: Instant,
    /// True if a call for others in the room went through between the failures of a larger batch and of the call for them alone.
    others_went_through: bool,
    /// When the call for them alone failed.
    at: Instant,
    reason: Reason,
}

/// Part of a failing batch.
struct Part {
    users: MemberSet,
    /// When what it is a part of failed.
    since: Instant,
    /// True if it failed before, and its turn comes again.
    is_again: bool,
}

/// Failing batches of one kind of call.
#[derive(Default)]
struct OfOp {
    /// Batches that failed, and how often each did.
    batches: Vec<(Failed, u32)>,
    /// Parts of a batch, each of which goes in a call of its own, in their order.
    parts: VecDeque<Part>,
    /// When the batch first failed.
    begun: Option<Instant>,
    /// Parts that failed since one last went through.
    parts_failed: usize,
    /// True if the batch may have been too long for a request: it has failed for nobody alone so far.
    may_be_too_long: bool,
    /// People of the largest part that went through.
    largest_through: MemberSet,
    /// People for whom a call went through last.
    through: LastTwo<UserId>,
}

impl OfOp {
    /// True if a call of this kind went through for somebody else since then. What went through before tells nothing of an outage
    /// that has begun meanwhile.
    fn went_through_for_others(&self, user: &UserId, since: Instant) -> bool {
        self.through.other_than(user).any(|through| through >= since)
    }

    /// The part with these people.
    fn part_with(&self, users: &MemberSet) -> Option<usize> {
        self.parts
            .iter()
            .position(|part| users.minus(&part.users).is_empty())
    }

    /// Counts a batch that failed; gives how often it did. It has failed since the first time.
    fn count(&mut self, failed: &mut Failed) -> u32 {
        let is_same = |(before, _): &(Failed, u32)| failed.users.minus(&before.users).is_empty();
        let before = self
            .batches
            .iter()
            .position(is_same)
            .map(|at| self.batches.remove(at));
        let times = match before {
            Some((before, times)) => {
                failed.since = before.since;
                times + 1
            }
            None => 1,
        };
        if times < TIMES {
            self.batches.push((failed.clone(), times));
        }
        times
    }

    /// Begins to split a batch.
    fn begin(&mut self, since: Instant, may_be_too_long: bool) {
        self.begun = Some(since);
        self.parts_failed = 0;
        self.may_be_too_long = may_be_too_long;
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
    pub(super) fn failed(&mut self, op: Op, users: &[UserId], reason: Reason, may_be_too_long: bool) {
        let users = users.iter().cloned().collect();
        self.unjudged.push(Failed {
            op,
            users,
            reason,
            may_be_too_long,
            since: Instant::now(),
        });
    }

    /// Takes in a call that did something for these people. Gives those of the largest part, and when the batch first failed, if all
    /// its parts went through: then it may have been too long for a request, and that part was not.
    pub(super) fn through(&mut self, op: Op, users: &[UserId]) -> Option<(MemberSet, Instant)> {
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
        let since = of.begun.filter(|_| of.parts.is_empty() && of.may_be_too_long)?;
        Some((std::mem::take(&mut of.largest_through), since))
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
            let op = failed.op;
            let judged = self.judge_one(failed, evidence, room, record).await;
            if judged == Judgement::Service {
                self.probe = None;
                // It was none of them.
                self.alone.retain(|alone| alone.op != op);
            }
            judgement = judgement.max(judged);
        }
        judgement
    }

    async fn judge_one(
        &mut self,
        mut failed: Failed,
        evidence: &'a CallEvidence,
        room: &RoomId,
        record: &mut RoomRecord<'_>,
    ) -> Judgement {
        let op = failed.op;
        let of = self.of_op.of_mut(op);
        let part = of.part_with(&failed.users);
        if part.is_none() && of.count(&mut failed) < TIMES {
            return Judgement::Again;
        }
        if evidence.fails_elsewhere(op, room) && self.probe.is_none() {
            match evidence.probe(op).await {
                None => return Judgement::Service,
                Some(probe) if evidence.fails_elsewhere(op, room) => self.probe = Some((op, probe)),
                // While this room waited somebody else has found out that they do not.
                Some(_) => {}
            }
        }
        let mut is_again = false;
        match part.and_then(|at| of.parts.remove(at)) {
            Some(part) => {
                (failed.since, is_again) = (part.since, part.is_again);
                of.parts_failed += 1;
            }
            None if failed.users.len() > 1 => of.begin(failed.since, failed.may_be_too_long),
            None => of.parts_failed += 1,
        }
        self.narrow((failed, is_again), evidence, record)
    }

    /// Halves a batch, or gives up on somebody who failed alone; unless it is the service.
    fn narrow(
        &mut self,
        (failed, is_again): (Failed, bool),
        evidence: &CallEvidence,
        record: &mut RoomRecord<'_>,
    ) -> Judgement {
        let of = self.of_op.of_mut(failed.op);
        let Failed {
            op,
            users,
            reason,
            may_be_too_long,
            since,
        } = failed;
        if of.parts_failed >= FIRST_PARTS {
            evidence.found_failing(op);
            return Judgement::Service;
        }
        of.may_be_too_long &= may_be_too_long && users.len() > 1;
        if let [user] = users.as_slice() {
            let others_went_through = of.went_through_for_others(user, since);
            if !others_went_through && !is_again && of.parts.iter().any(|part| part.since == since) {
                // Their turn comes again after the other half's.
                of.parts.push_back(Part {
                    users,
                    since,
                    is_again: true,
                });
                return Judgement::Narrowed;
            }
            record.fail(op, user, reason.clone());
            let user = user.clone();
            self.alone.push(Alone {
                op,
                user,
                since,
                others_went_through,
                at: Instant::now(),
                reason,
            });
        } else {
            let half = users.len().div_ceil(2);
            // Breadth first, so that other parts have their turn between two failures of the same people.
            let since = Instant::now();
            let halves = users.chunks(half).collect::<Vec<_>>().into_iter();
            of.parts.extend(halves.map(|users| Part {
                users,
                since,
                is_again: false,
            }));
        }
        Judgement::Narrowed
    }

    /// Leaves out of these steps who failed alone, and puts the parts of failing batches into steps of their own, before the others of
    /// their kind: what they teach of a request's length spares these the same.
    pub(super) fn arrange(&self, steps: &[Step]) -> Vec<Step> {
        let failed_alone = |op: Op, user: &UserId| {
            self.alone
                .iter()
                .any(|alone| alone.op == op && alone.user == *user)
        };
        let mut arranged = Vec::with_capacity(steps.len());
        for steps in steps.chunk_by(|a, b| a.op() == b.op()) {
            let Some(op) = steps.first().map(Step::op) else {
                continue;
            };
            let parts = &self.of_op.of(op).parts;
            for Part { users, .. } in parts {
                let own = steps.iter().cloned();
                let own: Vec<Step> = own
                    .filter_map(|step| step.filter(|user| users.contains(user)))
                    .collect();
                // A part may stand in two batches of a new plan.
                arranged.extend(Step::in_batches_of(users.len(), &own));
            }
            let others = |user: &UserId| {
                !failed_alone(op, user) && !parts.iter().any(|part| part.users.contains(user))
            };
            arranged.extend(steps.iter().cloned().filter_map(|step| step.filter(others)));
        }
        arranged
    }

    /// Ends the work in the room.
    pub(super) fn end(&mut self, evidence: &CallEvidence) {
        if let Some((op, probe)) = self.probe.take() {
            // Nothing went through, or it would be given back.
            evidence.found_failing(op);
            drop(probe);
        }
    }

    /// Says of those who failed alone whether it was they. Calls of the same kind went through for others in this room: else it may be
    /// the room. They still did later, or neither another room nor the other half fails: else the service may have begun to fail in
    /// the midst.
    pub(super) fn conclude(&self, evidence: &CallEvidence, room: &RoomId, record: &mut RoomRecord<'_>) {
        for Alone {
            op,
            user,
            since,
            others_went_through,
            at,
            reason,
        } in &self.alone
        {
            let is_other_half = |other: &Alone| other.since == *since && other.user != *user;
            let is_doubtful = evidence.fails_elsewhere(*op, room) || self.alone.iter().any(is_other_half);
            let is_theirs = *others_went_through && (!is_doubtful || evidence.went_through_since(*op, *at));
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
