//! A room in work: what was done so far, and what may be done.

use super::report::Reason;
use super::{Answer, Hands, Job};
use crate::chat::{CallError, Fault};
use crate::model::UserId;
use crate::plan::{Note, Op, RoomPlan, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Why a step ends before it is done.
pub(super) enum End {
    /// Nothing more can be done in this room, or in any.
    Room(Reason),
    /// Nothing more of this kind can be done in this room.
    Op(Reason),
    /// The room has to be looked at before anything more is done.
    Look(Reason),
    /// The server takes fewer names in one call than the step has.
    TooMany,
}

/// A room in work.
pub(super) struct RoomRun<'a> {
    pub(super) hands: &'a Hands<'a>,
    pub(super) job: Job<'a>,
    pub(super) calls: usize,
    pub(super) failed: BTreeMap<(Op, UserId), Reason>,
    /// What a last look has to show.
    pub(super) expected: BTreeSet<(Op, UserId)>,
    /// Whether a guard has tripped on a later look.
    pub(super) guarded: bool,
    pub(super) gate: Gate,
    /// What was taken down as not known to be done.
    pub(super) unclear: BTreeSet<(Op, UserId)>,
}

/// The code of a call that may or may not have taken effect.
const UNCLEAR: &str = "no_clear_answer";

/// Whether a demotion may go: only when every promotion of the room succeeded, or a wanted admin stands.
pub(super) struct Gate {
    /// A wanted admin was seen, or made.
    pub(super) admin_stands: bool,
    /// Promotions that are wanted and not done.
    pub(super) open_promotes: usize,
}

impl Gate {
    pub(super) fn new(plan: &RoomPlan) -> Self {
        Self {
            admin_stands: !plan.standing.is_empty(),
            open_promotes: plan.sent(Op::Promote) + plan.unmet_promotes,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.admin_stands || self.open_promotes == 0
    }
}

impl<'a> RoomRun<'a> {
    pub(super) fn new(hands: &'a Hands<'a>, job: Job<'a>) -> Self {
        Self {
            hands,
            job,
            calls: 0,
            failed: held(job.plan),
            expected: pairs(&job.plan.steps).collect(),
            guarded: false,
            gate: Gate::new(job.plan),
            unclear: BTreeSet::new(),
        }
    }

    pub(super) fn fail(&mut self, op: Op, user: &UserId, reason: Reason) {
        self.failed.entry((op, user.clone())).or_insert(reason);
    }

    /// Has it taken down what became of these users of a call that went out.
    pub(super) fn journal<'u>(
        &mut self,
        op: Op,
        users: impl IntoIterator<Item = &'u UserId>,
        result: Result<(), &Reason>,
    ) {
        let Some(journal) = self.hands.journal else { return };
        let is_unclear = result.is_err_and(|reason| reason.code == UNCLEAR);
        let answers: Vec<Answer<'_>> = users
            .into_iter()
            .map(|user| Answer { user, op, result })
            .collect();
        if is_unclear {
            self.unclear
                .extend(answers.iter().map(|answer| (op, answer.user.clone())));
        }
        if let Err(reason) = journal.record(&self.job.plan.id, &answers) {
            self.hands.stop.now(reason);
        }
    }

    pub(super) fn fail_steps(&mut self, steps: &[Step], reason: &Reason) {
        for step in steps {
            for user in step.users() {
                self.fail(step.op(), user, reason.clone());
            }
        }
    }

    /// After a new look some of what was left to do no longer is.
    pub(super) fn expect_instead(&mut self, before: &[Step], now: &[Step]) {
        for pair in pairs(before) {
            self.expected.remove(&pair);
        }
        self.expected.extend(pairs(now));
    }

    /// Counts a write call, if it went out.
    pub(super) fn counted<T>(&mut self, answer: Result<T, CallError>) -> Result<T, CallError> {
        let sent = !matches!(&answer, Err(error) if error.fault.was_not_sent());
        self.calls += usize::from(sent);
        answer
    }

    /// What a failed call means for the room.
    pub(super) fn end(&self, error: &CallError) -> End {
        let reason = match (&error.fault, self.hands.stop.reason()) {
            // It waited for its turn when the run was ended: for this.
            (Fault::Closed, Some(why)) => why.before_it_was_sent(),
            _ => Reason::from(error),
        };
        match &error.fault {
            Fault::RoomFull(_) => End::Op(reason),
            Fault::Unclear(_) | Fault::TooLarge(_) | Fault::TooLate => End::Look(reason),
            fault => {
                if fault.stops_the_run() {
                    self.hands.stop.now(reason.clone());
                }
                End::Room(reason)
            }
        }
    }
}

/// What the plan itself holds back, beside what the guards hold; in a room that has moved that is everything.
pub(super) fn held(plan: &RoomPlan) -> BTreeMap<(Op, UserId), Reason> {
    if plan.has_moved() {
        let reason = plan.error.as_ref().map(Reason::from);
        let lists = [
            (Op::Add, &plan.add),
            (Op::Remove, &plan.remove),
            (Op::Promote, &plan.promote),
            (Op::Demote, &plan.demote),
        ];
        return lists
            .into_iter()
            .flat_map(|(op, users)| users.iter().map(move |user| (op, user.clone())))
            .filter_map(|change| Some((change, reason.clone()?)))
            .collect();
    }
    let of_user = |note: &Note| {
        let user = UserId::parse(note.user.as_deref()?).ok()?;
        Some(((note.held?, user), Reason::from(note)))
    };
    plan.notes.iter().filter_map(of_user).collect()
}

/// What these steps do to whom.
fn pairs(steps: &[Step]) -> impl Iterator<Item = (Op, UserId)> + '_ {
    steps
        .iter()
        .flat_map(|step| step.users().iter().map(|user| (step.op(), user.clone())))
}

/// How many people these steps are about.
pub(super) fn people(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.users().len()).sum()
}
