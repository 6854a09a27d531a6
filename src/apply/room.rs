//! One room: its calls in order, further looks where they are needed, and a last look at what came of it.

use super::batch::Batches;
use super::report::{Reason, RoomReport};
use super::run::{End, Gate, RoomRun, people};
use super::verdict::shows;
use super::{Hands, Job};
use crate::chat::{CallError, Fault};
use crate::live::{self, Question};
use crate::model::UserId;
use crate::plan::{self, Blocked, Op, Restraints, RoomPlan, Sizes, Step, users_of};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A removal or demotion stands on a look no older than this.
const FRESH: Duration = Duration::from_secs(30);
/// How often in a row a room is looked at again without anything getting done in between.
const LOOKS: usize = 3;

/// Applies one room's plan.
pub(super) async fn apply(hands: &Hands<'_>, job: Job<'_>) -> RoomReport {
    let mut run = RoomRun::new(hands, job);
    let read_at = match job.read_at {
        Some(read_at) if !job.plan.steps.is_empty() => read_at,
        _ => return run.report(),
    };
    run.steps(job.plan.steps.clone(), read_at).await;
    if run.calls > 0 && !hands.stop.is_interruption() {
        run.second_look().await;
    }
    run.report()
}

impl RoomRun<'_> {
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
            if looks > LOOKS || self.hands.stop.is_interruption() {
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
                    self.hands.stop.now(Reason::from(&error));
                }
                Reason::from(&error)
            })?;
        for (op, user) in std::mem::take(&mut self.unclear) {
            if shows(&observed, op, &user) {
                self.journal(op, [&user], Ok(()));
            }
        }
        let sizes = self.hands.writer.batch_sizes();
        let sizes = Sizes {
            add_batch: sizes.add,
            remove_batch: sizes.remove,
        };
        // Restraints would take out only what is not in `rest` anyway.
        let plan = match plan::draft(desired, &observed, &Restraints::default()) {
            Ok(draft) => draft.narrowed_to(rest, desired).finish(sizes),
            Err(failed) => {
                let reason = failed.error.as_ref().map(Reason::from);
                return Err(reason.unwrap_or_else(|| Reason::new(plan::code::MOVED, "the room has changed")));
            }
        };
        self.report_held(&plan);
        self.expect_instead(rest, &plan.steps);
        self.guarded |= !plan.blocked.is_empty();
        self.gate = Gate::new(&plan);
        Ok((plan.steps, observed.room().read_at))
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
            if let Some(error) = self.hands.stop.reason() {
                queue.push_front(step);
                self.fail_steps(queue.make_contiguous(), &error.before_it_was_sent());
                return Ok(());
            }
            if let Some(size) = self.too_large(&step) {
                rebatch(&step, &mut queue, size);
                continue;
            }
            let op = step.op();
            let Err((end, undone)) = self.step(step, read_at + FRESH).await else {
                (self.hands.progress)(op);
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
                let answer = self
                    .hands
                    .writer
                    .demote(&self.job.plan.id, &user, not_after)
                    .await;
                let answer = self.counted(answer);
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
                if !error.fault.was_not_sent() {
                    self.journal(op, [user], Err(&Reason::from(&error)));
                }
                return Err(self.end(&error));
            }
        };
        match done {
            Ok(()) => {
                if op == Op::Promote {
                    self.gate.admin_stands = true;
                    self.gate.open_promotes = self.gate.open_promotes.saturating_sub(1);
                }
                self.journal(op, [user], Ok(()));
            }
            Err(error) => {
                let reason = Reason::from(&error);
                self.journal(op, [user], Err(&reason));
                self.fail(op, user, reason);
            }
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

fn no_other_admin() -> Reason {
    Reason::new(
        plan::code::NO_OTHER_ADMIN,
        "not every promotion succeeded and no wanted admin stands",
    )
}
