//! What came of a room: a last look, and the report.

use super::report::{Failure, Outcome, Reason, RoomReport};
use super::run::{RoomRun, held, people};
use crate::live::{self, Observed, Question};
use crate::model::UserId;
use crate::plan::{Op, Status};

/// The code of what was answered as done and is not to be seen.
const NOT_CONFIRMED: &str = "not_confirmed";

impl RoomRun<'_> {
    /// Looks at the room once more: reports what this run was to do and is not to be seen, and takes back what it reported
    /// and is to be seen after all. Judges nothing else.
    pub(super) async fn second_look(&mut self) {
        let looked = live::look(&self.hands.reader, Question::from(self.job.desired)).await;
        if let Err(error) = &looked
            && error.fault.stops_the_run()
        {
            self.hands.stop.now(Reason::from(error));
        }
        for (op, user) in std::mem::take(&mut self.expected) {
            let why = match &looked {
                Ok(observed) if shows(observed, op, &user) => {
                    if self.failed.remove(&(op, user.clone())).is_some() {
                        self.journal(op, [&user], Ok(()));
                    }
                    continue;
                }
                Ok(Observed::Partial(_, contradiction)) => {
                    format!("no second look at the whole room: {contradiction}")
                }
                Ok(Observed::Complete(_)) => "a second look at the room does not show it done".to_owned(),
                Err(error) => format!("no second look at the room: {error}"),
            };
            if !self.failed.contains_key(&(op, user.clone())) {
                let reason = Reason::new(NOT_CONFIRMED, why);
                self.journal(op, [&user], Err(&reason));
                self.fail(op, &user, reason);
            }
        }
    }

    pub(super) fn report(self) -> RoomReport {
        let plan = self.job.plan;
        let wanted = people(&plan.steps) + held(plan).len();
        let any_failed = !self.failed.is_empty();
        // What is only not confirmed may well be done.
        let surely_failed = self
            .failed
            .values()
            .filter(|reason| reason.code != NOT_CONFIRMED)
            .count();
        let all_failed = any_failed && surely_failed >= wanted;
        let of_guard = |reason: &Reason| self.guarded && reason.code.starts_with("max_");
        let only_guarded = any_failed && self.failed.values().all(of_guard);
        let status = match plan.status {
            Status::Failed if plan.has_moved() => Outcome::Stale,
            Status::Failed => Outcome::Failed,
            Status::Observed => Outcome::Observed,
            _ if only_guarded => Outcome::Blocked,
            Status::Blocked if !any_failed => Outcome::Blocked,
            _ if all_failed => Outcome::Failed,
            _ if any_failed || plan.falls_short() => Outcome::Partial,
            _ if self.calls == 0 => Outcome::Unchanged,
            _ => Outcome::Converged,
        };
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
            error: plan.error.as_ref().filter(|_| plan.has_moved()).map(Reason::from),
        }
    }
}

/// Whether a look shows this done. That somebody is not there, only a complete one shows.
pub(super) fn shows(observed: &Observed, op: Op, user: &UserId) -> bool {
    let room = observed.room();
    let complete = observed.complete().is_some();
    match op {
        Op::Add => room.members.contains(user),
        Op::Promote => room.admins.contains(user),
        Op::Remove => complete && !room.members.contains(user),
        Op::Demote => complete && !room.admins.contains(user),
    }
}
