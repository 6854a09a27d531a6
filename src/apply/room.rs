//! One room: its calls in order, further looks where they are needed, and a last look at what came of it.

use super::batch::Batches;
use super::report::{Reason, RoomReport};
use super::verdict::held;
use super::{Hands, Job};
use crate::chat::{CallError, Fault};
use crate::live::{self, Question};
use crate::model::UserId;
use crate::plan::{self, Op, RoomPlan, Sizes, Step};
use std::collections::BTreeMap;
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
    if run.calls > 0 && hands.stopped().is_none() {
        run.second_look().await;
    }
    run.report()
}

/// Why the steps of a room end before the last one.
pub(super) enum End {
    /// Nothing more can be done in this room, or in any.
    Room(Reason),
    /// There is no place for anybody else.
    Full(Reason),
    /// The room has to be looked at before anything more is done.
    Look(Reason),
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
        let held = plan
            .notes
            .iter()
            .filter(|note| note.held == Some(Op::Promote))
            .count();
        Self {
            admin_stands: !plan.standing.is_empty(),
            open_promotes: plan.sent(Op::Promote) + held,
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
            Fault::RoomFull(_) => End::Full(reason),
            Fault::Unclear(_) | Fault::TooLate => End::Look(reason),
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
                return Err(reason.unwrap_or_else(|| Reason::new("moved", "the room has changed")));
            }
        };
        for note in &plan.notes {
            let user = note.user.as_deref().and_then(|user| UserId::parse(user).ok());
            if let (Some(op), Some(user)) = (note.held, user) {
                self.fail(op, &user, Reason::from(note));
            }
        }
        if let Some(block) = plan.blocked.first() {
            let why = format!(
                "on a new look, {} allows {} of {}",
                block.guard, block.limit, block.of
            );
            let held: Vec<Step> = rest
                .iter()
                .filter(|step| matches!(step.op(), Op::Remove | Op::Demote))
                .cloned()
                .collect();
            self.fail_steps(&held, &Reason::new(block.guard, why));
        }
        let failed = self.failed.keys().filter(|(op, _)| *op == Op::Promote).count();
        self.gate = Gate::new(&plan);
        self.gate.open_promotes += failed;
        Ok((plan.steps, observed.room().read_at))
    }

    /// Runs steps until the room has to be looked at; then gives what is left and why.
    async fn steps_until_look(
        &mut self,
        steps: Vec<Step>,
        read_at: Instant,
    ) -> Result<(), (Vec<Step>, Reason)> {
        let mut steps = steps.into_iter();
        while let Some(step) = steps.next() {
            if let Some(error) = self.hands.stopped() {
                let rest: Vec<Step> = std::iter::once(step).chain(steps).collect();
                self.fail_steps(&rest, &Reason::from(&error));
                return Ok(());
            }
            let ended = self.step(step, read_at + FRESH).await;
            (self.hands.progress)();
            let Err((end, undone)) = ended else { continue };
            match end {
                End::Look(reason) => return Err((undone.into_iter().chain(steps).collect(), reason)),
                End::Room(reason) => {
                    let rest: Vec<Step> = undone.into_iter().chain(steps).collect();
                    self.fail_steps(&rest, &reason);
                    return Ok(());
                }
                End::Full(reason) => {
                    self.fail_steps(undone.as_slice(), &reason);
                    let adds: Vec<Step> = steps
                        .as_slice()
                        .iter()
                        .filter(|step| step.op() == Op::Add)
                        .cloned()
                        .collect();
                    self.fail_steps(&adds, &reason);
                    steps = steps
                        .filter(|step| step.op() != Op::Add)
                        .collect::<Vec<_>>()
                        .into_iter();
                }
            }
        }
        Ok(())
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
                let admins = live::read_admins(&self.hands.reader, &self.job.plan.id).await;
                let (admins, _) = admins.map_err(|error| self.end(&error))?;
                if admins.contains(user) == (op == Op::Promote) {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            Err(error) if matches!(error.fault, Fault::NoUser(_) | Fault::UserFull(_)) => Err(error),
            Err(error) => {
                return Err(match self.end(&error) {
                    // Here it is the admins who are full.
                    End::Full(reason) => End::Room(reason),
                    end => end,
                });
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
