//! Meaning of an answer: who is dealt with, who goes into further calls, and whether the room's work can go on.

use super::call::{Answered, CallOutcome};
use super::in_flight::method;
use super::phase::{Phase, PhaseEnd};
use super::report::Reason;
use super::results::Results;
use super::room_run::RoomRun;
use crate::chat::{CallError, CallErrorKind};
use crate::model::{MemberSet, Op, UserId};
use crate::plan::Step;

/// Records an answer. The error says why the phase ends; whoever is not dealt with is in its `todo`.
pub(super) fn on_answer(
    room: &mut RoomRun<'_>,
    phase: &mut Phase,
    step: Step,
    answer: CallOutcome,
) -> Result<(), PhaseEnd> {
    let op = phase.op;
    match answer {
        CallOutcome::Done(answered) => {
            if answered.refused.len() < step.users().len() {
                phase.taken();
                room.context.options.evidence.through(op);
                if let Some((part, failed_since)) = room.splitting.through(op, step.users()) {
                    room.writer
                        .suspect_length(method(op), part.as_slice(), failed_since);
                }
            }
            done(room, op, answered);
            Ok(())
        }
        CallOutcome::Refused(error) => {
            let reason = Reason::from(&error);
            room.record.journal(op, step.users(), Err(&reason));
            for user in step.users() {
                room.record.fail(op, user, reason.clone());
            }
            Ok(())
        }
        CallOutcome::Unseen(_, error) => {
            phase.todo.push_front(step);
            Err(room.end(op, &error))
        }
        CallOutcome::Inconsistent(_, reason) => {
            phase.todo.push_front(step);
            Err(PhaseEnd::Look(reason))
        }
        CallOutcome::Failed(error) => match step {
            Step::Add(_) | Step::Remove(_) | Step::Allow(_) | Step::Disallow(_) => {
                on_failed_batch(room, phase, step, &error)
            }
            Step::Promote(_) | Step::Demote(_) => {
                let end = unsettled(room, op, step.users(), &error);
                phase.todo.push_front(step);
                Err(end)
            }
        },
    }
}

fn done(room: &mut RoomRun<'_>, op: Op, answered: Answered) {
    if op == Op::Promote {
        room.guard.promoted();
    }
    for user in &answered.unchanged {
        room.record.refused(op, user);
    }
    room.record.journal(op, &answered.confirmed, Ok(()));
    let mut results = Results::default();
    for (user, reason) in answered.refused {
        room.record.fail(op, &user, reason.clone());
        results.add(op, user, Err(reason));
    }
    room.record.journal_all(results);
}

/// Records a call that went out without a clear answer.
fn unsettled(room: &mut RoomRun<'_>, op: Op, users: &[UserId], error: &CallError) -> PhaseEnd {
    if !error.kind.may_be_done() {
        if !error.kind.was_not_sent() {
            room.record.journal(op, users, Err(&Reason::from(error)));
        }
        return room.end(op, error);
    }
    if !op.is_of_allow_list() {
        let may_be_too_long = matches!(error.kind, CallErrorKind::ForeignAnswer(_));
        room.splitting
            .failed(op, users, Reason::from(error), may_be_too_long);
    }
    room.record
        .journal(op, users, Err(&Reason::from(error).maybe_done(op, users)));
    room.end(op, error)
}

/// Decides about the users of a call that failed: some are dealt with, the others go into further calls.
fn on_failed_batch(
    room: &mut RoomRun<'_>,
    phase: &mut Phase,
    step: Step,
    error: &CallError,
) -> Result<(), PhaseEnd> {
    let op = phase.op;
    let (text, named) = match (&error.kind, error.kind.message()) {
        // The next call has fewer.
        (CallErrorKind::TooManyNames(most), _) if *most < step.users().len() => {
            phase.again(step);
            return Ok(());
        }
        (CallErrorKind::TooManyNames(_), _) => ("", MemberSet::default()),
        (CallErrorKind::RequestTooLong(_), _) => {
            if let [user] = step.users() {
                is_refused(room, op, user, error);
            } else {
                room.writer.too_long(method(op), step.users());
                let [first, second] = step.halves();
                phase.again(second);
                phase.again(first);
            }
            return Ok(());
        }
        (_, Some(message)) => (message.text.as_str(), message.named.clone()),
        (_, None) => {
            let end = unsettled(room, op, step.users(), error);
            phase.again(step);
            return Err(end);
        }
    };
    if named.len() == 1 || matches!(error.kind, CallErrorKind::AlreadySo(_)) && !named.is_empty() {
        let mut successors = Vec::new();
        for user in &named {
            if is_refused(room, op, user, error) {
                successors.extend(room.waiting_list.give_place_of(op, user, &mut room.record));
            }
        }
        phase.again(without(step, &named, successors));
        return Ok(());
    }
    if let [user] = step.users() {
        let refused = is_refused(room, op, user, error);
        if refused && phase.refused_alike(text) {
            return Err(PhaseEnd::Op(Reason::of_call(op, error)));
        }
        let next = if refused {
            room.waiting_list.give_place_of(op, user, &mut room.record)
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
fn is_refused(room: &mut RoomRun<'_>, op: Op, user: &UserId, error: &CallError) -> bool {
    let refused = !matches!(error.kind, CallErrorKind::AlreadySo(_));
    if refused {
        let reason = Reason::from(error);
        room.record.journal(op, [user], Err(&reason));
        room.record.fail(op, user, reason);
    } else {
        room.record.refused(op, user);
    }
    refused
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
