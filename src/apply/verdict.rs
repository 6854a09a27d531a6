//! What came of a room: a last look, and the report.

use super::report::{Failure, Outcome, Reason, RoomReport};
use super::room::{RoomRun, people};
use crate::live::{self, LiveRoom, Observed, Question};
use crate::model::UserId;
use crate::plan::{Op, RoomPlan, Status};
use std::collections::BTreeMap;

impl RoomRun<'_> {
    /// Looks at the room once more and reports what this run was to do and is not to be seen. Judges nothing else.
    pub(super) async fn second_look(&mut self) {
        let looked = live::look(&self.hands.reader, Question::from(self.job.desired)).await;
        let shown = looked.as_ref().map(Observed::room);
        let mut missing = Vec::new();
        for step in &self.job.plan.steps {
            for user in step.users() {
                let reason = match &shown {
                    Ok(room) if holds(room, step.op(), user) => continue,
                    Ok(_) => Reason::new("not_confirmed", "a second look at the room does not show it done"),
                    Err(error) => {
                        Reason::new("not_confirmed", format!("no second look at the room: {error}"))
                    }
                };
                missing.push((step.op(), user.clone(), reason));
            }
        }
        for (op, user, reason) in missing {
            self.fail(op, &user, reason);
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

/// What the plan itself holds back, unless a guard is the reason.
pub(super) fn held(plan: &RoomPlan) -> BTreeMap<(Op, UserId), Reason> {
    let notes = plan.notes.iter().filter(|_| plan.status != Status::Blocked);
    notes
        .filter_map(|note| {
            Some((
                (note.held?, UserId::parse(note.user.as_deref()?).ok()?),
                Reason::from(note),
            ))
        })
        .collect()
}

fn holds(room: &LiveRoom, op: Op, user: &UserId) -> bool {
    match op {
        Op::Add => room.members.contains(user),
        Op::Remove => !room.members.contains(user),
        Op::Promote => room.admins.contains(user),
        Op::Demote => !room.admins.contains(user),
    }
}
