//! The daemon's part in a pass that writes: which rooms it may begin, whether a call may go out, and the record of every answer.

use super::contests;
use super::controller::Controller;
use super::handle::{DaemonHandle, lock};
use super::log_dedup::Subject;
use super::room_news::RoomNews;
use super::room_status::{self, Applied};
use super::workqueue::Ticket;
use crate::apply::{CallNumber, Cancel, Journal, Reason, RoomHooks, RoomReport, UserResults};
use crate::audit_log::Outcomes;
use crate::exclusions::Refusal;
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId};
use crate::plan::{RoomPlan, Step};
use crate::reconcile::RunRecord;
use crate::status::ChangeResult;
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// Records the results of one pass's calls, for the audit log, the metrics and the page.
pub(super) struct PassJournal<'a> {
    pub(super) daemon: &'a DaemonHandle,
    pub(super) record: RunRecord,
}

impl Journal for PassJournal<'_> {
    fn sends(&self, room: &RoomId, step: &Step) -> CallNumber {
        let mut controller = lock(&self.daemon.controller);
        let line = self.record.sent(controller.now(), room, step);
        let approvals = controller.safeguards.approvals_mut();
        approvals.sends(room, step.op(), step.users());
        if controller.events.served.is_some() {
            let events = &mut controller.events;
            events.own.sends(room, step.op(), step.users(), Instant::now());
        }
        CallNumber(controller.audit.sends(line))
    }

    fn not_sent(&self, call: CallNumber, reason: &Reason) {
        let controller = lock(&self.daemon.controller);
        let (CallNumber(call), Reason { code, message, .. }) = (call, reason);
        controller.audit.not_sent(controller.now(), call, *code, message);
    }

    fn record(&self, room: &RoomId, results: UserResults<'_>) {
        let UserResults {
            call: CallNumber(call),
            op,
            users,
            result,
        } = results;
        let of_metric = match result {
            Ok(()) => ChangeResult::Done,
            Err(reason) if reason.code == ReasonCode::NotConfirmed => ChangeResult::NotConfirmed,
            Err(_) => ChangeResult::Failed,
        };
        let mut controller = lock(&self.daemon.controller);
        let changes = self.record.changes(controller.now(), room, &results);
        for change in &changes {
            self.daemon.metrics.changed(op, of_metric);
            if result.is_err() {
                controller.events.own.failed(room, op, &change.user);
            }
            controller.history.changed(change.clone());
        }
        if result.is_ok() {
            controller.see_done(room, op, users);
            controller.see_approved(room, op, users);
        }
        if result.is_ok() && op == Op::Add {
            added(&mut controller, room, users);
        }
        if result.is_ok()
            && op == Op::Remove
            && let Some(room) = controller.rooms.get_mut(room)
        {
            room.people_mut()
                .removed(&users.iter().copied().cloned().collect());
        }
        controller.audit.record(Outcomes {
            call,
            changes,
            message: result.err().map(|reason| reason.message.as_str()),
        });
    }

    fn written(&self) -> LocalBoxFuture<'_, Result<(), Reason>> {
        self.flush().boxed_local()
    }
}

impl PassJournal<'_> {
    /// Waits until the record of every answer so far is written.
    async fn flush(&self) -> Result<(), Reason> {
        self.daemon.flush_audit().await;
        match self.daemon.audit.trouble() {
            None => Ok(()),
            Some(error) => Err(Reason::new(ReasonCode::AuditLog, error)),
        }
    }
}

/// The rooms of a pass, each of which is changed by one pass at a time.
pub(super) struct PassHooks<'a> {
    daemon: &'a DaemonHandle,
    tickets: &'a HashMap<&'a RoomId, &'a Ticket>,
    /// Ends the pass early.
    cancel: &'a Cancel,
    /// True once the controller knows of the trouble that ended the pass.
    is_reported: AtomicBool,
    news: Mutex<RoomNews>,
}

impl<'a> PassHooks<'a> {
    pub(super) fn new(
        daemon: &'a DaemonHandle,
        tickets: &'a HashMap<&'a RoomId, &'a Ticket>,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            daemon,
            tickets,
            cancel,
            is_reported: AtomicBool::new(false),
            news: Mutex::default(),
        }
    }

    /// The pass ends: reports what is left to report.
    pub(super) fn end(&self, controller: &mut Controller) {
        self.report_trouble(controller);
        lock(&self.news).end();
    }

    /// Reports once that the service keeps every call from succeeding, if it does.
    fn report_trouble(&self, controller: &mut Controller) {
        if let Some(why) = self.cancel.reason()
            && ![ReasonCode::AuditLog, ReasonCode::Quota].contains(&why.code)
            && !self.is_reported.swap(true, Ordering::Relaxed)
        {
            controller.service_down(why.code, &why.message);
        }
    }

    async fn may_begin(&self, plan: &RoomPlan) -> Option<Cancel> {
        let ticket = self.tickets.get(&plan.id)?;
        self.daemon.flush_audit().await;
        let mut controller = lock(&self.daemon.controller);
        if self.cancel.reason().is_some() {
            self.report_trouble(&mut controller);
            controller.rooms.put_off(ticket);
            return None;
        }
        // A connection that was replaced is closed, but not the next claim.
        if *self.daemon.ends.borrow() {
            return None;
        }
        let may_write = controller.gate.lets_through(&plan.id);
        may_write.then(|| controller.rooms.claim(ticket)).flatten()
    }
}

impl RoomHooks for PassHooks<'_> {
    fn begin<'s>(&'s self, plan: &'s RoomPlan) -> LocalBoxFuture<'s, Option<Cancel>> {
        self.may_begin(plan).boxed_local()
    }

    fn approval_is_over(&self, plan: &RoomPlan, op: Op, user: &UserId) -> bool {
        let safeguards = &lock(&self.daemon.controller).safeguards;
        !safeguards
            .approvals()
            .allows(&plan.id, op, user, safeguards.clock())
    }

    fn answered(&self, plan: &RoomPlan, failed: Option<&Reason>) {
        let controller = &mut *lock(&self.daemon.controller);
        let now = controller.now();
        let quota = controller.gate.quota_mut();
        if quota.answered(&controller.rooms, &plan.id, failed, now) {
            controller.turn_gate();
        }
    }

    fn end(&self, plan: &RoomPlan, report: &RoomReport, stopped: Option<&Reason>) {
        if let Some(ticket) = self.tickets.get(&plan.id) {
            let controller = &mut lock(&self.daemon.controller);
            let news = &mut lock(&self.news);
            applied(controller, ticket, (plan, report), stopped, news);
            self.daemon
                .metrics
                .in_order(controller.rooms.end_lag(ticket, true));
        }
    }
}

/// Records that people were added, and perhaps put back.
fn added(controller: &mut Controller, id: &RoomId, users: &[&UserId]) {
    let Some(room) = controller.rooms.get_mut(id) else {
        return;
    };
    let safeguards = &mut controller.safeguards;
    safeguards
        .invitations_mut()
        .added(room.desired(), users.iter().copied());
    for user in &room.people_mut().added(&users.iter().copied().cloned().collect()) {
        safeguards.put_back(id, user);
        if let Some(reason) = controller.events.reasons.get(id, user) {
            tracing::debug!(room = %id, user = %user, "put back; the last event says: {reason}");
        }
    }
    controller.save_invitations();
}

/// Records what came of a room's plan. `stopped` is the reason for which its run ended early.
fn applied(
    controller: &mut Controller,
    ticket: &Ticket,
    (plan, report): (&RoomPlan, &RoomReport),
    stopped: Option<&Reason>,
    news: &mut RoomNews,
) {
    let mut refusals = room_status::refusals(plan, report);
    if let Some(room) = controller.rooms.get_mut(&plan.id) {
        let not_seen: MemberSet = report.not_seen.iter().cloned().collect();
        let not_taken = room.people_mut().not_seen(&not_seen);
        let contested = controller.safeguards.exclusions_mut().contested_mut();
        contests::not_done(contested, &plan.id, report);
        refusals.extend(
            not_taken
                .iter()
                .map(|user| (user.clone(), Refusal::not_taken(&plan.id))),
        );
        controller
            .safeguards
            .invitations_mut()
            .not_seen(&plan.id, &not_seen);
        controller.save_invitations();
    }
    let set_aside: BTreeSet<UserId> = refusals.keys().cloned().collect();
    if let Some(set) = controller.files.set().filter(|_| !set_aside.is_empty()) {
        let mut named = set.provenance.naming(&set_aside);
        for (user, refusal) in refusals {
            let named_by = named.remove(&user);
            controller.safeguards.refuse(&user, refusal, named_by);
        }
        controller.save_state();
    }
    let applied = Applied {
        plan,
        report,
        stopped,
        set_aside: &set_aside,
    };
    let now = controller.now();
    room_status::applied(
        &mut controller.rooms,
        ticket,
        applied,
        now,
        &mut controller.random,
    );
    controller.settled_meanwhile(ticket);
    let tried: usize = plan.steps().iter().map(|step| step.users().len()).sum();
    if report.failed.len() < tried {
        // Something was done: the next plan is another one, even for the same people.
        controller.log.forget(&Subject::Plan(plan.id.clone()));
    }
    // What ended the run is reported of the run.
    let is_of_run = |reason: &Reason| stopped.is_some_and(|why| why.code == reason.code);
    if !report.failed.iter().any(|failure| is_of_run(&failure.reason)) {
        controller.report_room(ticket, news);
    }
}
