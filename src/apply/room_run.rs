//! A room in work: its record, its guard and its waiting list, and the ways to end it.

use super::cancel::Cancel;
use super::context::RunContext;
use super::last_look::LastLook;
use super::options::Job;
use super::phase::{CHECKS, PhaseEnd, grown_old};
use super::recheck::UnknownRoles;
use super::removal_guard::RemovalGuard;
use super::report::{Reason, RoomReport};
use super::room_record::RoomRecord;
use super::splitting::{Judgement, Splitting};
use super::waiting_list::WaitingList;
use crate::chat::{CallError, CallErrorKind, Writer};
use crate::model::{Op, ReasonCode, UserId};
use crate::plan::Step;

/// A room in work.
pub(super) struct RoomRun<'a> {
    pub(super) context: &'a RunContext<'a>,
    pub(super) job: Job<'a>,
    /// Ends the work in this room.
    pub(super) cancel: Cancel,
    pub(super) writer: Writer,
    pub(super) record: RoomRecord<'a>,
    pub(super) guard: RemovalGuard<'a>,
    /// People who wait for a place.
    pub(super) waiting_list: WaitingList,
    pub(super) splitting: Splitting<'a>,
}

impl<'a> RoomRun<'a> {
    /// Takes a room into work, which `cancel` ends.
    pub(super) fn new(context: &'a RunContext<'a>, job: Job<'a>, cancel: Cancel) -> Self {
        Self {
            writer: Writer::new(
                context.client,
                [cancel.interrupted(), context.options.cancel.interrupted()],
            ),
            record: RoomRecord::new(job.plan, context.options.journal),
            guard: RemovalGuard::new(job),
            waiting_list: WaitingList::of(job.plan),
            splitting: Splitting::default(),
            context,
            job,
            cancel,
        }
    }

    /// Reason why no new call is to be made, if there is one.
    pub(super) fn stopped(&self) -> Option<Reason> {
        self.cancel
            .reason()
            .or_else(|| self.context.options.cancel.reason())
    }

    /// Ends the run, or only the work in this room if that alone is interrupted.
    pub(super) fn end_run(&self, reason: &Reason) {
        self.cancel.now(reason.clone());
        if reason.code != ReasonCode::Interrupted {
            self.context.options.cancel.now(reason.clone());
        }
    }

    /// Meaning of a failed call of this kind for the room.
    pub(super) fn end(&self, op: Op, error: &CallError) -> PhaseEnd {
        let reason = match (&error.kind, self.stopped()) {
            // It waited for its turn when the run was ended: for this.
            (CallErrorKind::Interrupted, Some(why)) => why.before_it_was_sent(),
            _ => Reason::from(error),
        };
        match &error.kind {
            // The allow list is no reason to leave the rest of the room undone.
            kind if op.is_of_allow_list() && !kind.stops_the_run() => {
                PhaseEnd::Op(Reason::of_call(op, error))
            }
            CallErrorKind::RoomFull(_) | CallErrorKind::AdminsFull(_) => PhaseEnd::Op(reason),
            CallErrorKind::NoClearAnswer(_)
            | CallErrorKind::ForeignAnswer(_)
            | CallErrorKind::AnswerTooLarge(_)
            | CallErrorKind::StaleRead => PhaseEnd::Look(reason),
            kind => {
                if kind.stops_the_run() {
                    self.end_run(&reason);
                }
                PhaseEnd::Room(reason)
            }
        }
    }

    /// Reads owner and admins once more. The error is why nothing may be done on what was read.
    pub(super) async fn check(&mut self) -> Result<(), PhaseEnd> {
        for _ in 0..CHECKS {
            match self.context.options.recheck.roles(self.job.plan).await {
                Ok(roles) => {
                    if self.guard.see(roles) {
                        return Ok(());
                    }
                }
                Err(UnknownRoles::Unread(error)) => return Err(self.end(Op::Remove, &error)),
                Err(UnknownRoles::Inconsistent(inconsistency)) => {
                    let why = Reason::new(ReasonCode::IncompleteRead, inconsistency.to_string());
                    return Err(PhaseEnd::Look(why));
                }
            }
        }
        Err(PhaseEnd::Look(grown_old()))
    }

    /// Part of a step that may be done; `None`: nothing of it. What may not is reported.
    pub(super) fn allowed(&mut self, step: Step) -> Option<Step> {
        let step = self.still_approved(step)?;
        let Self { record, guard, .. } = self;
        let op = step.op();
        match step {
            Step::Add(_) => Some(step),
            Step::Allow(_) => step.filter(|user| may_follow(record, Op::Allow, Op::Add, user)),
            Step::Disallow(_) => step.filter(|user| may_follow(record, Op::Disallow, Op::Remove, user)),
            Step::Remove(_) | Step::Demote(_) => step.filter(|user| {
                let objection = guard.objection(op, user, record);
                let is_allowed = objection.is_none();
                if let Some(reason) = objection {
                    record.fail(op, user, reason);
                }
                is_allowed
            }),
            Step::Promote(user) => match record.failure(Op::Add, &user).cloned() {
                None => Some(Step::Promote(user)),
                Some(reason) => {
                    let Reason { code, message, .. } = reason;
                    let why = format!("{user} was not promoted, because adding {user} failed: {message}");
                    record.fail(Op::Promote, &user, Reason::new(code, why));
                    let successor = self.waiting_list.promote_in_place_of(user, record);
                    successor.map(Step::Promote)
                }
            },
        }
    }

    /// Part of a step that needs no approval, or one that is still in force. Whoever else is in it is reported.
    fn still_approved(&mut self, step: Step) -> Option<Step> {
        let Self {
            context, job, record, ..
        } = self;
        let (op, plan) = (step.op(), job.plan);
        let approved = plan.approved.of(op).filter(|users| !users.is_empty());
        let (Some(hooks), Some(approved)) = (context.options.hooks, approved) else {
            return Some(step);
        };
        step.filter(|user| {
            let is_over = approved.contains(user) && hooks.approval_is_over(plan, op, user);
            if is_over {
                let why = "the approval is over: it holds for an hour and lets each person through once";
                record.fail(op, user, Reason::new(ReasonCode::Approved, why));
            }
            !is_over
        })
    }

    /// True if anything was done that a last look has to show.
    pub(super) fn needs_a_look(&self) -> bool {
        self.record.has_calls() && !self.cancel.is_interruption()
    }

    /// Judges the call that failed last.
    pub(super) async fn judge(&mut self) -> Judgement {
        let Self {
            context,
            job,
            record,
            splitting,
            ..
        } = self;
        splitting
            .judge(context.options.evidence, &job.plan.id, record)
            .await
    }

    /// Takes in a last look at the room.
    pub(super) fn confirm(&mut self, look: &LastLook) {
        for error in look.errors() {
            if error.kind.stops_the_run() {
                self.end_run(&Reason::from(error));
            }
        }
        self.record.confirm(look);
    }

    /// Ends the work in the room.
    pub(super) fn finish(mut self) -> RoomReport {
        let (evidence, room) = (self.context.options.evidence, &self.job.plan.id);
        self.splitting.conclude(evidence, room, &mut self.record);
        let advice = match self.context.options.hooks {
            None => "Run it again to check",
            Some(_) => "The next look at the room shows it",
        };
        self.record.close(advice);
        let (hooks, plan, stopped) = (self.context.options.hooks, self.job.plan, self.stopped());
        let report = self.report();
        if let Some(hooks) = hooks {
            hooks.end(plan, &report, stopped.as_ref());
        }
        report
    }

    pub(super) fn report(self) -> RoomReport {
        let stopped = self.stopped();
        self.record.report(stopped.as_ref())
    }
}

/// True unless somebody failed at what this follows. If they did, they fail at this, too. Nobody is taken off the allow list before an
/// answer or a look has said that they are gone.
fn may_follow(record: &mut RoomRecord<'_>, op: Op, after: Op, user: &UserId) -> bool {
    let (code, message) = match record.failure(after, user) {
        Some(Reason { code, message, .. }) => (*code, message.clone()),
        None if op == Op::Disallow && record.is_unanswered(after, user) => (
            ReasonCode::NotConfirmed,
            "the answer does not say that it is done".to_owned(),
        ),
        None => return true,
    };
    let why = format!(
        "{user} was not {}, because they were not {}: {message}",
        op.done(),
        after.done()
    );
    record.fail(op, user, Reason::new(code, why));
    false
}
