//! Result of a room: what a last look has shown, and the report.

use super::report::{Failure, Outcome, Reason, RoomReport};
use super::room_state::{RoomRun, held, people};
use crate::chat::CallError;
use crate::live::{AdminList, MemberList, Observed, Owner};
use crate::model::{Op, ReasonCode, UserId};
use crate::plan::Status;

/// Result of a last look at a room; `None`: it was not asked for.
#[derive(Default)]
pub(super) struct LastLook {
    pub(super) members: Option<Result<MemberList, CallError>>,
    pub(super) owner: Option<Result<Owner, CallError>>,
    pub(super) admins: Option<Result<AdminList, CallError>>,
}

impl LastLook {
    /// Owner of the room, if this shows one.
    fn owner(&self) -> Option<&str> {
        let of_list = self.members.as_ref().and_then(|list| list.as_ref().ok());
        let of_detail = self.owner.as_ref().and_then(|owner| owner.as_ref().ok());
        of_list
            .and_then(|list| list.owner.as_deref())
            .or_else(|| of_detail?.name.as_deref())
    }

    /// Checks that this is shown as done. The error says why it is not.
    fn shows(&self, op: Op, user: &UserId) -> Result<(), String> {
        // No list of members or admins shows the owner: that is not what it looks like.
        if matches!(op, Op::Remove | Op::Demote) && self.owner() == Some(user.as_str()) {
            return Err("they own the room".to_owned());
        }
        let is_there = match op {
            Op::Add | Op::Remove => match &self.members {
                Some(Ok(list)) => Ok((list.names.contains(user), &list.inconsistency)),
                Some(Err(error)) => Err(Some(error)),
                None => Err(None),
            },
            Op::Promote | Op::Demote => match &self.admins {
                Some(Ok(list)) => Ok((list.names.contains(user), &list.inconsistency)),
                Some(Err(error)) => Err(Some(error)),
                None => Err(None),
            },
        };
        match is_there {
            Err(Some(error)) => Err(format!("no second look at the room: {error}")),
            Err(None) => Err("no second look at the room".to_owned()),
            Ok((true, _)) if matches!(op, Op::Add | Op::Promote) => Ok(()),
            // That somebody is not there, only a list shows that is all there.
            Ok((false, None)) if matches!(op, Op::Remove | Op::Demote) => Ok(()),
            Ok((_, Some(inconsistency))) => Err(format!("no second look at the whole room: {inconsistency}")),
            Ok((_, None)) => Err("a second look at the room does not show it done".to_owned()),
        }
    }
}

impl RoomRun<'_> {
    /// True if anything was done that a last look has to show.
    pub(super) fn needs_a_look(&self) -> bool {
        self.calls > 0 && !self.cancel.is_interruption()
    }

    /// Reports what this run was to do and is not to be seen, and takes back what it reported and is to be seen after all.
    /// Judges nothing else.
    pub(super) fn confirm(&mut self, seen: &LastLook) {
        let errors = [
            seen.members.as_ref().and_then(|list| list.as_ref().err()),
            seen.owner.as_ref().and_then(|owner| owner.as_ref().err()),
            seen.admins.as_ref().and_then(|list| list.as_ref().err()),
        ];
        for error in errors.into_iter().flatten() {
            if error.kind.stops_the_run() {
                self.end_run(&Reason::from(error));
            }
        }
        let is_owner = |user: &UserId| seen.owner() == Some(user.as_str());
        if let Some((op, user)) = self.taken_away.iter().find(|(_, user)| is_owner(user)) {
            let done = if *op == Op::Remove { "removed" } else { "demoted" };
            self.error = Some(Reason::new(
                ReasonCode::OwnerRemoved,
                format!(
                    "{user} owns this room now, and was {done} in this run: they became its owner between the last \
                     check and the call; see to it that they are in the room, or hand it over"
                ),
            ));
        }
        let expected = std::mem::take(&mut self.expected);
        for (op, users) in expected.0.iter() {
            for user in users {
                let shown = seen.shows(op, user);
                let failed = self.failed.contains_key(&(op, user.clone()));
                match shown {
                    Ok(()) if failed => {
                        self.failed.remove(&(op, user.clone()));
                        self.journal(op, [user], Ok(()));
                    }
                    // Said of the room already.
                    Err(_) if is_owner(user) => {}
                    Err(why) if !failed => {
                        let reason = Reason::new(ReasonCode::NotConfirmed, why);
                        self.journal(op, [user], Err(&reason));
                        self.fail(op, user, reason);
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
    }

    /// Ends the work in the room.
    pub(super) fn finish(self) -> RoomReport {
        let (hooks, plan, stopped) = (self.context.options.hooks, self.job.plan, self.stopped());
        let report = self.report();
        if let Some(hooks) = hooks {
            hooks.end(plan, &report, stopped.as_ref());
        }
        report
    }

    pub(super) fn report(self) -> RoomReport {
        let plan = self.job.plan;
        let wanted = people(plan.steps()) + held(plan).len();
        let any_failed = !self.failed.is_empty();
        // What is only not confirmed may well be done.
        let surely_failed = self
            .failed
            .values()
            .filter(|reason| reason.code != ReasonCode::NotConfirmed)
            .count();
        let all_failed = any_failed && surely_failed >= wanted;
        // What was planned in it was not even tried.
        let was_stopped = self
            .stopped()
            .is_some_and(|why| self.failed.values().any(|reason| reason.code == why.code));
        let of_guard = |reason: &Reason| self.guarded && matches!(reason.code, ReasonCode::Guard(_));
        let only_guarded = any_failed && self.failed.values().all(of_guard);
        let status = match plan.status {
            Status::Failed if plan.has_moved() => Outcome::Stale,
            Status::Failed => Outcome::Failed,
            Status::Observed => Outcome::Observed,
            _ if self.calls == 0 && was_stopped => Outcome::NotBegun,
            _ if only_guarded => Outcome::Blocked,
            Status::Blocked if !any_failed => Outcome::Blocked,
            _ if all_failed => Outcome::Failed,
            _ if any_failed || self.error.is_some() || plan.falls_short() => Outcome::Partial,
            _ if self.calls == 0 => Outcome::Unchanged,
            _ => Outcome::Converged,
        };
        let moved = plan.error.as_ref().filter(|_| plan.has_moved()).map(Reason::from);
        let failed = self.failed.into_iter();
        let failed = failed
            .map(|((op, user), reason)| Failure {
                user: user.to_string(),
                op,
                reason,
            })
            .collect();
        RoomReport {
            id: self.job.plan.id.clone(),
            status,
            calls: self.calls,
            failed,
            error: moved.or(self.error),
        }
    }
}

/// True if a look shows this done. That somebody is not there, only a complete one shows.
pub(super) fn shows(observed: &Observed, op: Op, user: &UserId) -> bool {
    let room = observed.room();
    let complete = observed.complete().is_some() && room.owner.as_deref() != Some(user.as_str());
    match op {
        Op::Add => room.members.contains(user),
        Op::Promote => room.admins.contains(user),
        Op::Remove => complete && !room.members.contains(user),
        Op::Demote => complete && !room.admins.contains(user),
    }
}
