//! Log of passes: plans and what came of them, each once as long as it stays the same.

use super::log_dedup::{LogDedup, Subject};
use super::passes::Chosen;
use crate::apply::{Report, Tally};
use crate::model::log_code;
use crate::plan::RoomPlan;
use crate::reconcile::{self, Planned};

/// Logs what is planned, unless it is what was planned and failed the last time.
pub(super) fn planned(log: &mut LogDedup, planned: &Planned, chosen: &Chosen) {
    if let Some(room) = &chosen.probe {
        tracing::info!(code = log_code::QUOTA_PROBE, %room, "one call finds out whether the quota is renewed");
        return;
    }
    let mut any = false;
    for room in planned.plan.rooms.iter().filter(|room| chosen.has(room)) {
        if is_news(log, Subject::Plan(room.id.clone()), room) {
            reconcile::log_room(room, "planned");
            any = true;
        }
    }
    if any {
        reconcile::log(
            &planned.plan,
            &chosen.plan_id,
            chosen.set.source.revision.as_deref(),
        );
    }
}

/// Logs once what would be done in each room if anything were written.
pub(super) fn suspended(log: &mut LogDedup, planned: &Planned) {
    for room in planned.plan.rooms.iter().filter(|room| !room.steps().is_empty()) {
        if is_news(log, Subject::Would(room.id.clone()), room) {
            reconcile::log_room(room, "would be planned, but nothing is written");
        }
    }
}

/// True if the last plan on this subject had other steps.
fn is_news(log: &mut LogDedup, subject: Subject, room: &RoomPlan) -> bool {
    let steps: Vec<_> = room
        .steps()
        .iter()
        .map(|step| (step.op(), step.users()))
        .collect();
    log.is_news(subject, &steps)
}

/// Logs what came of a plan, unless it is what came of the last one.
pub(super) fn report(log: &mut LogDedup, report: &Report, plan: &str) {
    let Tally {
        converged,
        partial,
        failed,
        not_begun,
        blocked,
        calls,
        ..
    } = report.tally();
    let in_order = partial + failed + not_begun == 0 && report.stopped.is_none();
    if in_order {
        log.forget(&Subject::Report);
    }
    let numbers = (converged, partial, failed, not_begun, blocked, calls);
    if in_order || log.is_news(Subject::Report, &numbers) {
        tracing::info!(
            code = log_code::APPLIED,
            plan,
            converged,
            partial,
            failed,
            not_begun,
            blocked,
            calls,
            "applied"
        );
    }
}
