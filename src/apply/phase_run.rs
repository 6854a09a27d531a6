//! Calls of one kind in a room: they are on their way at the same time.

use super::call::{CallOutcome, RoomClient, call};
use super::in_flight::method;
use super::on_answer::on_answer;
use super::phase::{Phase, PhaseEnd};
use super::room_run::RoomRun;
use crate::chat::Writer;
use crate::model::Op;
use crate::plan::Step;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// Need of a proof that a call of this size is accepted.
enum Proof<'a> {
    NotNeeded,
    /// It is, and no other is on its way.
    Ours(MutexGuard<'a, ()>),
    /// It is, and another one is.
    Underway,
}

/// Makes the calls of a phase until every user is dealt with, or something ends it: then `todo` keeps who is not.
pub(super) async fn run(
    room: &mut RoomRun<'_>,
    phase: &mut Phase,
    not_after: Instant,
) -> Result<(), PhaseEnd> {
    let (context, op) = (room.context, phase.op);
    let writer = room.writer.clone();
    let client = RoomClient {
        writer: &writer,
        reader: &context.reader,
        room: &room.job.plan.id,
    };
    let mut calls = FuturesUnordered::new();
    let mut end: Option<PhaseEnd> = None;
    loop {
        while end.is_none()
            && calls.len() < phase.window
            && context.in_flight.has_place(op, calls.len(), &writer)
        {
            if let Some(reason) = room.stopped().filter(|_| !phase.todo.is_empty()) {
                end = Some(PhaseEnd::Room(reason.before_it_was_sent()));
                break;
            }
            let proof = match proof(room, phase, calls.is_empty()).await {
                Proof::NotNeeded => None,
                Proof::Ours(proof) => Some(proof),
                Proof::Underway => break,
            };
            if op.takes_away() && !phase.todo.is_empty() && !room.guard.is_checked() {
                if !calls.is_empty() {
                    break;
                }
                if let Err(why) = room.check().await {
                    end = Some(why);
                    break;
                }
                if room.stopped().is_some() {
                    continue;
                }
            }
            let Some(step) = phase.todo.pop_front() else {
                break;
            };
            let Some(step) = room.allowed(step) else {
                (context.options.progress)(op);
                continue;
            };
            let begun = context.in_flight.begin(op);
            let not_after = not_after.min(room.guard.checked_until());
            let cancel = room.cancel.clone();
            let number = room.record.sends(&step);
            calls.push(async move {
                context.written(&cancel).await;
                let answer = call(client, &step, not_after).await;
                drop((begun, proof));
                (step, number, answer)
            });
        }
        let Some((step, number, answer)) = calls.next().await else {
            break;
        };
        if answer.was_sent() {
            room.record.sent(&step, number);
            if op.takes_away() {
                context.in_flight.count_taken_away();
            }
        } else {
            room.record.not_sent(number, answer.reason(), room.stopped());
        }
        if answer.is_too_late() && Instant::now() < not_after && phase.is_late(&context.in_flight) {
            // Only the check has grown old.
            phase.todo.push_front(step);
            phase.window = 1;
            room.guard.forget_check();
            continue;
        }
        if let (Some(hooks), true) = (context.options.hooks, answer.was_sent()) {
            hooks.answered(room.job.plan, answer.reason().as_ref());
        }
        phase.window = match &answer {
            CallOutcome::Done(_) => phase.window + 1,
            _ => 1,
        };
        match on_answer(room, phase, step, answer) {
            Ok(()) => (context.options.progress)(op),
            Err(why) => end = Some(why.or(end)),
        }
    }
    end.map_or(Ok(()), Err)
}

/// Fits what is left to what the service accepts. If the next call has more names than any accepted so far, it goes alone, and
/// those of other rooms wait for its answer.
async fn proof<'a>(room: &RoomRun<'a>, phase: &mut Phase, may_wait: bool) -> Proof<'a> {
    let in_flight = &room.context.in_flight;
    let is_new = |phase: &mut Phase| {
        phase.fit(most_names(&room.writer, phase));
        let next = phase.todo.front().map_or(0, |step| step.users().len());
        next > room.writer.largest_accepted(method(phase.op)).max(1)
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
fn most_names(writer: &Writer, phase: &Phase) -> usize {
    let size = match phase.op {
        Op::Promote | Op::Demote => return 1,
        op => writer.most_names(method(op)),
    };
    let users = phase.todo.iter().flat_map(Step::users);
    let longest = users.map(|user| user.as_str().len()).max();
    size.min(writer.fitting(method(phase.op), longest.unwrap_or_default()))
}
