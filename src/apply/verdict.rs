//! What came of a room: a last look, and the report.

use super::report::{Failure, Outcome, Reason, RoomReport};
use super::room::{RoomRun, people};
use crate::live::{self, Observed, Question};
use crate::model::UserId;
use crate::plan::{Note, Op, RoomPlan, Status};
use std::collections::BTreeMap;

impl RoomRun<'_> {
    /// Looks at the room once more: reports what this run was to do and is not to be seen, and takes back what it reported
    /// and is to be seen after all. Judges nothing else.
    pub(super) async fn second_look(&mut self) {
        let looked = live::look(&self.hands.reader, Question::from(self.job.desired)).await;
        if let Err(error) = &looked
            && error.fault.stops_the_run()
        {
            self.hands.stop(error);
        }
        for step in &self.job.plan.steps {
            for user in step.users() {
                let why = match &looked {
                    Ok(observed) if shows(observed, step.op(), user) => {
                        self.failed.remove(&(step.op(), user.clone()));
                        continue;
                    }
                    Ok(Observed::Partial(_, contradiction)) => {
                        format!("no second look at the whole room: {contradiction}")
                    }
                    Ok(Observed::Complete(_)) => "a second look at the room does not show it done".to_owned(),
                    Err(error) => format!("no second look at the room: {error}"),
                };
                let failed = self.failed.entry((step.op(), user.clone()));
                failed.or_insert_with(|| Reason::new("not_confirmed", why));
            }
        }
    }

    pub(super) fn report(self) -> RoomReport {
        let plan = self.job.plan;
        let wanted = people(&plan.steps) + held(plan).len();
        let any_failed = !self.failed.is_empty();
        let all_failed = any_failed && self.failed.len() >= wanted;
        let status = match plan.status {
            Status::Failed => Outcome::Failed,
            Status::Observed => Outcome::Observed,
            Status::Blocked if !any_failed => Outcome::Blocked,
            _ if all_failed => Outcome::Failed,
            _ if any_failed || plan.falls_short() => Outcome::Partial,
            _ if plan.steps.is_empty() => Outcome::Unchanged,
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
        }
    }
}

/// What the plan itself holds back, beside what the guards hold.
pub(super) fn held(plan: &RoomPlan) -> BTreeMap<(Op, UserId), Reason> {
    let of_user = |note: &Note| {
        let user = UserId::parse(note.user.as_deref()?).ok()?;
        Some(((note.held?, user), Reason::from(note)))
    };
    plan.notes.iter().filter_map(of_user).collect()
}

/// Whether a look shows this done. That somebody is not there, only a complete one shows.
fn shows(observed: &Observed, op: Op, user: &UserId) -> bool {
    let room = observed.room();
    let complete = observed.complete().is_some();
    match op {
        Op::Add => room.members.contains(user),
        Op::Promote => room.admins.contains(user),
        Op::Remove => complete && !room.members.contains(user),
        Op::Demote => complete && !room.admins.contains(user),
    }
}
