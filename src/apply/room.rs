//! One room: its calls in order, further looks where they are needed, and a last look at what came of it.

use super::batch::Batches;
use super::report::{Reason, RoomReport};
use super::verdict::held;
use super::{Hands, Job};
use crate::chat::{CallError, Fault};
use crate::live::{self, Question};
use crate::model::UserId;
use crate::plan::{self, Blocked, Op, RoomPlan, Sizes, Step, users_of};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A removal or demotion stands on a look no older than this.
const FRESH: Duration = Duration::from_secs(30);
/// How often in a row a room is looked at again without anything getting done in between.
const LOOKS: usize = 3;

/// Applies one room's plan.
pub(super) async fn apply(hands: &Hands<'_>, job: Job<'_>) -> RoomReport {
    let mut run = RoomRun {
        hands,
        job,
        calls: 0,
        failed: held(job.plan),
        gate: Gate::new(job.plan),
    };
    let read_at = match job.read_at {
        Some(read_at) if !job.plan.steps.is_empty() => read_at,
        _ => return run.report(),
    };
    run.steps(job.plan.steps.clone(), read_at).await;
    if run.calls > 0 {
        run.second_look().await;
    }
    run.report()
}

/// Why a step ends before it is done.
pub(super) enum End {
    /// Nothing more can be done in this room, or in any.
    Room(Reason),
    /// Nothing more of this kind can be done in this room.
    Op(Reason),
    /// The room has to be looked at before anything more is done.
    Look(Reason),
    /// The server takes fewer names in one call than the step has.
    TooMany,
}

/// A room in work.
pub(super) struct RoomRun<'a> {
    pub(super) hands: &'a Hands<'a>,
    pub(super) job: Job<'a>,
    pub(super) calls: usize,
    pub(super) failed: BTreeMap<(Op, UserId), Reason>,
    gate: Gate,
}

/// Whether a demotion may go: only when every promotion of the room succeeded, or a wanted admin stands.
struct Gate {
    /// A wanted admin was seen, or made.
    admin_stands: bool,
    /// Promotions that are wanted and not done.
    open_promotes: usize,
}

impl Gate {
    fn new(plan: &RoomPlan) -> Self {
        Self {
            admin_stands: !plan.standing.is_empty(),
            open_promotes: plan.sent(Op::Promote) + plan.unmet_promotes,
        }
    }

    fn is_open(&self) -> bool {
        self.admin_stands || self.open_promotes == 0
    }
}

impl RoomRun<'_> {
    pub(super) fn fail(&mut self, op: Op, user: &UserId, reason: Reason) {
        self.failed.entry((op, user.clone())).or_insert(reason);
    }

    fn fail_steps(&mut self, steps: &[Step], reason: &Reason) {
        for step in steps {
            for user in step.users() {
                self.fail(step.op(), user, reason.clone());
            }
        }
    }

    /// Counts a write call, if it went out.
    pub(super) fn counted<T>(&mut self, answer: Result<T, CallError>) -> Result<T, CallError> {
        let sent = !matches!(&answer, Err(error) if error.fault.was_not_sent());
        self.calls += usize::from(sent);
        answer
    }

    /// What a failed call means for the room.
    pub(super) fn end(&self, error: &CallError) -> End {
        let reason = Reason::from(error);
        match &error.fault {
            Fault::RoomFull(_) => End::Op(reason),
            Fault::Unclear(_) | Fault::TooLarge(_) | Fault::TooLate => End::Look(reason),
            fault => {
                if fault.stops_the_run() {
                    self.hands.stop(error);
                }
                End::Room(reason)
            }
        }
    }

    /// Runs the steps; when the room has to be looked at again, goes on with what still holds of the rest.
    async fn steps(&mut self, mut steps: Vec<Step>, mut read_at: Instant) {
        let mut looks = 0;
        loop {
            let before = people(&steps);
            let (rest, reason) = match self.steps_until_look(steps, read_at).await {
                Ok(()) => return,
                Err(stopped) => stopped,
            };
            // In a long queue a look may grow too old many times; what counts is whether the work goes on.
            looks = if people(&rest) < before { 1 } else { looks + 1 };
            if looks > LOOKS {
                return self.fail_steps(&rest, &reason);
            }
            match self.replan(&rest).await {
                Ok((narrowed, at)) => (steps, read_at) = (narrowed, at),
                Err(reason) => return self.fail_steps(&rest, &reason),
            }
        }
    }

    /// Looks again and gives what still holds of these steps.
    async fn replan(&mut self, rest: &[Step]) -> Result<(Vec<Step>, Instant), Reason> {
        let desired = self.job.desired;
        let observed = live::look(&self.hands.reader, Question::from(desired))
            .await
            .map_err(|error| {
                if error.fault.stops_the_run() {
                    self.hands.stop(&error);
                }
                Reason::from(&error)
            })?;
        let sizes = self.hands.writer.batch_sizes();
        let sizes = Sizes {
            add_batch: sizes.add,
            remove_batch: sizes.remove,
        };
        let plan = match plan::draft(desired, &observed) {
            Ok(draft) => draft.narrowed_to(rest, desired).finish(sizes),
            Err(failed) => {
                let reason = failed.error.as_ref().map(Reason::from);
                return Err(reason.unwrap_or_else(|| Reason::new(plan::code::MOVED, "the room has changed")));
            }
        };
        self.report_held(&plan);
        self.gate = Gate::new(&plan);
        Ok((plan.steps, observed.room().read_at))
    }

    /// Reports what a new look no longer lets through.
    fn report_held(&mut self, plan: &RoomPlan) {
        for note in &plan.notes {
            let user = note.user.as_deref().and_then(|user| UserId::parse(user).ok());
            if let (Some(op), Some(user)) = (note.held, user) {
                self.fail(op, &user, Reason::from(note));
            }
        }
        // In a blocked room the plan's lists say what is wanted, its steps what is let through.
        for block in &plan.blocked {
            let Blocked {
                guard,
                limit,
                wanted,
                of,
            } = block;
            let why = format!("on a new look, {guard} allows {limit} of {of}, {wanted} are wanted");
            let lists = [
                (Op::Add, &plan.add),
                (Op::Remove, &plan.remove),
                (Op::Promote, &plan.promote),
                (Op::Demote, &plan.demote),
            ];
            for (op, users) in lists {
                for user in users.minus(&users_of(op, &plan.steps)).iter() {
                    self.fail(op, user, Reason::new(guard, why.clone()));
                }
            }
        }
    }

    /// Runs steps until the room has to be looked at; then gives what is left and why.
    async fn steps_until_look(
        &mut self,
        steps: Vec<Step>,
        read_at: Instant,
    ) -> Result<(), (Vec<Step>, Reason)> {
        let mut queue = VecDeque::from(steps);
        while let Some(step) = queue.pop_front() {
            if let Some(error) = self.hands.stopped() {
                queue.push_front(step);
                self.fail_steps(queue.make_contiguous(), &Reason::from(&error));
                return Ok(());
            }
            if let Some(size) = self.too_large(&step) {
                rebatch(&step, &mut queue, size);
                continue;
            }
            let op = step.op();
            let Err((end, undone)) = self.step(step, read_at + FRESH).await else {
                (self.hands.progress)();
                continue;
            };
            if let Some(undone) = undone {
                queue.push_front(undone);
            }
            match end {
                End::TooMany => {}
                End::Look(reason) => return Err((queue.into(), reason)),
                End::Room(reason) => {
                    self.fail_steps(queue.make_contiguous(), &reason);
                    return Ok(());
                }
                End::Op(reason) => {
                    let (over, others): (Vec<Step>, Vec<Step>) =
                        queue.into_iter().partition(|step| step.op() == op);
                    self.fail_steps(&over, &reason);
                    queue = others.into();
                }
            }
        }
        Ok(())
    }

    /// Whether the step has more names than the server takes in one call by now, and how many it takes.
    fn too_large(&self, step: &Step) -> Option<usize> {
        let sizes = self.hands.writer.batch_sizes();
        let size = match step {
            Step::Add(_) => sizes.add,
            Step::Remove(_) => sizes.remove,
            Step::Promote(_) | Step::Demote(_) => return None,
        };
        (step.users().len() > size).then_some(size)
    }

    /// Makes one step's calls. The error carries what of it is undone.
    async fn step(&mut self, step: Step, not_after: Instant) -> Result<(), (End, Option<Step>)> {
        match step {
            Step::Add(users) => Batches::new(self, Op::Add, users)
                .send(not_after)
                .await
                .map_err(|(end, undone)| (end, Some(Step::Add(undone)))),
            Step::Remove(users) => {
                let users = users.into_iter().filter(|user| self.may_remove(user)).collect();
                Batches::new(self, Op::Remove, users)
                    .send(not_after)
                    .await
                    .map_err(|(end, undone)| (end, Some(Step::Remove(undone))))
            }
            Step::Promote(user) => {
                if let Some(reason) = self.failed.get(&(Op::Add, user.clone())).cloned() {
                    self.fail(Op::Promote, &user, reason);
                    return Ok(());
                }
                let answer = self.hands.writer.promote(&self.job.plan.id, &user).await;
                let answer = self.counted(answer);
                self.settle(Op::Promote, &user, answer)
                    .await
                    .map_err(|end| (end, Some(Step::Promote(user))))
            }
            Step::Demote(user) => {
                if !self.gate.is_open() {
                    self.fail(Op::Demote, &user, no_other_admin());
                    return Ok(());
                }
                self.calls += 1;
                let answer = self
                    .hands
                    .writer
                    .demote(&self.job.plan.id, &user, not_after)
                    .await;
                self.settle(Op::Demote, &user, answer)
                    .await
                    .map_err(|end| (end, Some(Step::Demote(user))))
            }
        }
    }

    /// Whether somebody may be removed: an admin only once demoted, and only while the gate is open.
    fn may_remove(&mut self, user: &UserId) -> bool {
        if !self.job.plan.demote.contains(user) {
            return true;
        }
        let reason = match self.failed.get(&(Op::Demote, user.clone())) {
            Some(reason) => reason.clone(),
            None if !self.gate.is_open() => no_other_admin(),
            None => return true,
        };
        self.fail(Op::Remove, user, reason);
        false
    }

    /// What the answer to a promotion or demotion means for this user.
    async fn settle(&mut self, op: Op, user: &UserId, answer: Result<(), CallError>) -> Result<(), End> {
        let done = match answer {
            Ok(()) => Ok(()),
            // Refused, but perhaps because it is so already: the list tells.
            Err(error) if matches!(error.fault, Fault::AlreadySo(_) | Fault::Rejected { .. }) => {
                let admins = live::read_admins(&self.hands.reader, &self.job.plan.id)
                    .await
                    .map_err(|error| self.end(&error))?;
                if let Some(contradiction) = admins.contradiction {
                    return Err(End::Look(Reason::new(
                        "no_clear_answer",
                        contradiction.to_string(),
                    )));
                }
                if admins.names.contains(user) == (op == Op::Promote) {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            Err(error) if matches!(error.fault, Fault::NoUser(_) | Fault::UserFull(_)) => Err(error),
            Err(error) => {
                return Err(self.end(&error));
            }
        };
        match done {
            Ok(()) if op == Op::Promote => {
                self.gate.admin_stands = true;
                self.gate.open_promotes = self.gate.open_promotes.saturating_sub(1);
            }
            Ok(()) => {}
            Err(error) => self.fail(op, user, Reason::from(&error)),
        }
        Ok(())
    }
}

/// Puts a step's users, and those of the steps of its kind that follow, into calls that the server takes.
fn rebatch(step: &Step, queue: &mut VecDeque<Step>, size: usize) {
    let op = step.op();
    let mut users = step.users().to_vec();
    while let Some(next) = queue.pop_front_if(|next| next.op() == op) {
        users.extend_from_slice(next.users());
    }
    for batch in users.rchunks(size) {
        let batch = batch.to_vec();
        queue.push_front(if op == Op::Add {
            Step::Add(batch)
        } else {
            Step::Remove(batch)
        });
    }
}

/// How many people these steps are about.
pub(super) fn people(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.users().len()).sum()
}

fn no_other_admin() -> Reason {
    Reason::new(
        plan::code::NO_OTHER_ADMIN,
        "not every promotion succeeded and no wanted admin stands",
    )
}
