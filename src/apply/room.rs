//! One room: its calls in order, and further looks where they are needed.

use super::in_flight::{Slot, takes_away};
use super::phase::Phase;
use super::recheck::{Replanned, Roles};
use super::removal_check::{grown_old, spare};
use super::report::Reason;
use super::room_report::shows;
use super::room_state::{LastAdminGuard, PhaseEnd, RoomRun, people};
use super::{Job, RunContext};
use crate::live::LiveRoom;
use crate::model::{Op, ReasonCode, UserId};
use crate::plan::{GuardTripped, RoomPlan, Step, users_of};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A removal or demotion stands on a look no older than this.
const FRESH: Duration = Duration::from_secs(30);
/// A room that begins to remove or demote on an older look than this is looked at first: what is left is for the line.
const FRESH_ENOUGH: Duration = Duration::from_secs(20);
/// Most looks at a room in a row without anything getting done in between.
const LOOKS: usize = 3;

/// Makes one room's calls; `None`: it is not to be touched.
pub(super) async fn write<'a>(context: &'a RunContext<'a>, job: Job<'a>) -> Option<RoomRun<'a>> {
    let cancel = match context.options.hooks {
        None => context.options.cancel.clone(),
        Some(hooks) => hooks.begin(job.plan).await?,
    };
    let mut run = RoomRun::new(context, job, cancel);
    if let Some(read_at) = job.read_at {
        run.steps(job.plan.steps().to_vec(), read_at).await;
    }
    RoomRun::written(context, &run.cancel).await;
    Some(run)
}

impl<'a> RoomRun<'a> {
    /// Runs the steps; when the room has to be looked at again, goes on with what still holds of the rest.
    async fn steps(&mut self, mut steps: Vec<Step>, mut read_at: Instant) {
        let mut looks = 0;
        let mut slot = None;
        // How old the look is of which a plan was made that waited for its turn, nobody can tell beforehand.
        let mut just_looked = false;
        loop {
            let before = people(&steps);
            let (rest, reason) = match self
                .steps_until_look(steps, read_at, just_looked, &mut slot)
                .await
            {
                Ok(()) => return,
                Err(stopped) => stopped,
            };
            // In a long queue a look may grow too old many times; what counts is whether the work goes on.
            looks = if people(&rest) < before { 1 } else { looks + 1 };
            if looks > LOOKS || self.cancel.is_interruption() {
                return self.fail_steps(&rest, &reason);
            }
            match self.replan(&rest).await {
                Ok((narrowed, at)) => (steps, read_at, just_looked) = (narrowed, at, true),
                Err(reason) => return self.fail_steps(&rest, &reason),
            }
        }
    }

    /// Looks again and gives what still holds of these steps.
    async fn replan(&mut self, rest: &[Step]) -> Result<(Vec<Step>, Instant), Reason> {
        let recheck = self.context.options.recheck;
        let replanned = recheck
            .replan(self.job.desired, rest, &self.waiting_list.reserves)
            .await;
        let Replanned {
            observed,
            begun,
            plan,
        } = replanned.map_err(|error| {
            let reason = Reason::from(&error);
            if error.kind.stops_the_run() {
                self.end_run(&reason);
            }
            reason
        })?;
        for (op, user) in std::mem::take(&mut self.unclear) {
            if shows(&observed, op, &user) {
                self.journal(op, [&user], Ok(()));
            }
        }
        let plan = plan?;
        self.renew_waiting_list(&plan);
        self.report_held(&plan);
        // What was read just now counts as a check.
        self.roles = observed.complete().map(|seen| Roles::seen(seen, begun));
        self.report_spared(rest, &plan, observed.room());
        self.expected.change(rest, plan.steps());
        self.guarded |= !plan.blocked.is_empty();
        self.last_admin = LastAdminGuard::new(&plan);
        Ok((plan.steps().to_vec(), observed.room().read_at))
    }

    /// Reports people of these steps whom a new look shows as owner or admin, and who are spared for it.
    fn report_spared(&mut self, rest: &[Step], plan: &RoomPlan, seen: &LiveRoom) {
        let roles = (seen.owner.as_deref(), &seen.admins);
        for op in [Op::Demote, Op::Remove] {
            let dropped = users_of(op, rest).minus(&users_of(op, plan.steps()));
            for user in &dropped {
                if let Some(reason) = spare(roles, op, user, &self.job) {
                    self.fail(op, user, reason);
                }
            }
        }
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
            let GuardTripped {
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
                for user in users.minus(&users_of(op, plan.steps())).iter() {
                    self.fail(op, user, Reason::new(ReasonCode::Guard(*guard), why.clone()));
                }
            }
        }
    }

    /// Runs steps until the room has to be looked at; then gives what is left and why.
    async fn steps_until_look(
        &mut self,
        steps: Vec<Step>,
        read_at: Instant,
        mut just_looked: bool,
        slot: &mut Option<Slot<'a>>,
    ) -> Result<(), (Vec<Step>, Reason)> {
        let mut queue = VecDeque::from(steps);
        while let Some(mut phase) = Phase::from_front(&mut queue, self.waiting_list.last.as_ref()) {
            let op = phase.op;
            if takes_away(op) {
                let in_flight = &self.context.in_flight;
                // The rate may have fallen since.
                slot.take_if(|slot| in_flight.is_crowded(slot, &self.writer));
                if slot.is_none() {
                    *slot = Some(in_flight.slot(op, &self.writer).await);
                }
                if !just_looked && read_at.elapsed() > FRESH_ENOUGH {
                    phase.todo.append(&mut queue);
                    return Err((phase.todo.into(), grown_old()));
                }
            } else {
                *slot = None;
            }
            just_looked = false;
            let end = self.phase(&mut phase, read_at + FRESH).await;
            let mut undone = phase.todo;
            match end {
                Ok(()) => {}
                Err(PhaseEnd::Look(reason)) => {
                    undone.append(&mut queue);
                    return Err((undone.into(), reason));
                }
                Err(PhaseEnd::Room(reason)) => {
                    undone.append(&mut queue);
                    self.fail_steps(undone.make_contiguous(), &reason);
                    return Ok(());
                }
                Err(PhaseEnd::Op(reason)) => {
                    self.fail_steps(undone.make_contiguous(), &reason);
                    let (over, others): (Vec<Step>, Vec<Step>) =
                        queue.into_iter().partition(|step| step.op() == op);
                    self.fail_steps(&over, &reason);
                    queue = others.into();
                }
            }
        }
        Ok(())
    }
}
