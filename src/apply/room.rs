//! One room: its calls in order, and further looks where they are needed.

use super::context::RunContext;
use super::in_flight::Slot;
use super::options::Job;
use super::phase::{Phase, PhaseEnd, grown_old};
use super::phase_run;
use super::recheck::{Replanned, Roles};
use super::report::Reason;
use super::room_record::people;
use super::room_run::RoomRun;
use super::splitting::Judgement;
use crate::live::LiveRoom;
use crate::model::{MemberSet, Op};
use crate::plan::{RoomPlan, Step, users_of};
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
        work(&mut run, job.plan.steps().to_vec(), read_at).await;
        run.splitting.end(context.options.evidence);
    }
    context.written(&run.cancel).await;
    Some(run)
}

/// Runs the steps; when the room has to be looked at again, goes on with what still holds of the rest.
async fn work(run: &mut RoomRun<'_>, mut steps: Vec<Step>, mut read_at: Instant) {
    let mut looks = 0;
    let mut slot = None;
    // How old the look is of which a plan was made that waited for its turn, nobody can tell beforehand.
    let mut just_looked = false;
    loop {
        steps = run.splitting.arrange(&steps);
        let before = people(&steps);
        let (mut rest, reason) = match steps_until_look(run, steps, read_at, just_looked, &mut slot).await {
            Ok(()) => return,
            Err(stopped) => stopped,
        };
        // In a long queue a look may grow too old many times; what counts is whether the work goes on.
        looks = if people(&rest) < before { 1 } else { looks + 1 };
        if run.splitting.is_due() {
            // Another room may wait for the slot and keep this one waiting.
            slot = None;
            match run.judge().await {
                Judgement::Again => {}
                Judgement::Narrowed => {
                    looks = 1;
                    rest = run.splitting.arrange(&rest);
                }
                Judgement::Service => return run.record.fail_steps(&rest, &reason),
            }
            if rest.is_empty() {
                return;
            }
        }
        if looks > LOOKS || run.cancel.is_interruption() {
            return run.record.fail_steps(&rest, &reason);
        }
        match replan(run, &rest).await {
            Ok((narrowed, at)) => (steps, read_at, just_looked) = (narrowed, at, true),
            Err(reason) => return run.record.fail_steps(&rest, &reason),
        }
    }
}

/// Looks again and gives what still holds of these steps.
async fn replan(run: &mut RoomRun<'_>, rest: &[Step]) -> Result<(Vec<Step>, Instant), Reason> {
    let recheck = run.context.options.recheck;
    let replanned = recheck
        .replan(
            run.job.desired,
            rest,
            &run.waiting_list.reserves,
            &run.job.plan.approved,
        )
        .await;
    let Replanned {
        observed,
        begun,
        plan,
    } = replanned.map_err(|error| {
        let reason = Reason::from(&error);
        if error.kind.stops_the_run() {
            run.end_run(&reason);
        }
        reason
    })?;
    run.record.clear_up(&observed);
    run.record.see_owner(observed.room().owner.as_deref());
    let plan = plan?;
    run.waiting_list.replanned(&plan, &mut run.record);
    run.record.replanned(rest, &plan);
    // What was read just now counts as a check.
    let roles = observed.complete().and_then(|seen| Roles::seen(seen, begun));
    run.guard.replanned(&plan, roles);
    report_spared(run, rest, &plan, observed.room());
    Ok((plan.steps().to_vec(), observed.room().read_at))
}

/// Reports people of these steps whom a new look shows as owner or admin, and who are spared for it.
fn report_spared(run: &mut RoomRun<'_>, rest: &[Step], plan: &RoomPlan, seen: &LiveRoom) {
    let unread = MemberSet::default();
    let roles = (seen.owner.as_deref(), seen.admins.as_ref().unwrap_or(&unread));
    for op in [Op::Demote, Op::Remove] {
        let dropped = users_of(op, rest).minus(&users_of(op, plan.steps()));
        for user in &dropped {
            if let Some(reason) = run.guard.spare(roles, op, user) {
                run.record.fail(op, user, reason);
            }
        }
    }
}

/// Runs steps until the room has to be looked at; then gives what is left and why.
async fn steps_until_look<'a>(
    run: &mut RoomRun<'a>,
    steps: Vec<Step>,
    read_at: Instant,
    mut just_looked: bool,
    slot: &mut Option<Slot<'a>>,
) -> Result<(), (Vec<Step>, Reason)> {
    let mut queue = VecDeque::from(steps);
    while let Some(mut phase) = Phase::from_front(&mut queue, run.waiting_list.last.as_ref()) {
        let op = phase.op;
        if op.takes_away() {
            let in_flight = &run.context.in_flight;
            // The rate may have fallen since.
            slot.take_if(|slot| in_flight.is_crowded(slot, &run.writer));
            if slot.is_none() {
                *slot = Some(in_flight.slot(op, &run.writer).await);
            }
            if !just_looked && read_at.elapsed() > FRESH_ENOUGH {
                phase.todo.append(&mut queue);
                return Err((phase.todo.into(), grown_old()));
            }
        } else {
            *slot = None;
        }
        just_looked = false;
        let end = phase_run::run(run, &mut phase, read_at + FRESH).await;
        let mut undone = phase.todo;
        match end {
            Ok(()) => {}
            Err(PhaseEnd::Look(reason)) => {
                undone.append(&mut queue);
                return Err((undone.into(), reason));
            }
            Err(PhaseEnd::Room(reason)) => {
                undone.append(&mut queue);
                run.record.fail_steps(undone.make_contiguous(), &reason);
                return Ok(());
            }
            Err(PhaseEnd::Op(reason)) => {
                run.record.fail_steps(undone.make_contiguous(), &reason);
                let (over, others): (Vec<Step>, Vec<Step>) =
                    queue.into_iter().partition(|step| step.op() == op);
                run.record.fail_steps(&over, &reason);
                queue = others.into();
            }
        }
    }
    Ok(())
}
