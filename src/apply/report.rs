use crate::chat::CallError;
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId, counted, first_few, people_named};
use crate::plan::{Note, RoomPlan, Step};
use serde::Serialize;
use std::collections::HashSet;

/// Result of a plan.
#[derive(Debug, Clone)]
#[must_use]
pub struct Report {
    /// By id.
    pub rooms: Vec<RoomReport>,
    /// Reason for which the run ended early, if it did.
    pub stopped: Option<Reason>,
}

/// Result of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomReport {
    /// The service's id.
    pub id: RoomId,
    /// In a word.
    pub status: Outcome,
    /// Write calls made.
    pub calls: usize,
    /// People who were wanted so and are not, each with the operation.
    pub failed: Vec<Failure>,
    /// People who were added, and whom a look at all members afterwards does not show.
    #[serde(skip)]
    pub not_seen: Vec<UserId>,
    /// Error of the whole room, such as a room that has moved since the plan was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Reason>,
}

/// Result of a room, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Changed, and as wanted.
    Converged,
    /// Was as wanted.
    Unchanged,
    /// Some of it is done.
    Partial,
    /// Nothing is done.
    Failed,
    /// The run ended before the first call.
    NotBegun,
    /// A guard holds some of it; the rest is done.
    Blocked,
    /// The room is no longer as it was when the plan was made; nothing is done.
    Stale,
    /// Only looked at.
    Observed,
}

/// Something that was wanted and is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// For whom.
    pub user: String,
    /// The operation.
    pub op: Op,
    /// The reason.
    pub reason: Reason,
}

/// Reason why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable.
    pub code: ReasonCode,
    /// In words.
    pub message: String,
    /// People of the call whom the service's words name.
    #[serde(skip)]
    pub named: MemberSet,
}

impl Reason {
    /// A reason.
    #[must_use]
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            named: MemberSet::default(),
        }
    }

    /// Reason why nothing more of this kind can be done in a room.
    pub(super) fn of_call(op: Op, error: &CallError) -> Self {
        let reason = Self::from(error);
        if op.is_of_allow_list() && reason.code != ReasonCode::AllowListFull {
            return Self::new(ReasonCode::AllowListUnusable, reason.message);
        }
        reason
    }

    /// Somebody asked for the end of the run.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(ReasonCode::Interrupted, "the run was interrupted")
    }

    /// This reason, for a room that the run did not come to. The words stand with the run.
    fn of_run(&self) -> Self {
        Self::new(self.code, "not sent: see the error of the run")
    }

    /// This reason, naming the people of the call: it may be done to them, or not.
    pub(super) fn maybe_done<'a>(&self, op: Op, users: impl IntoIterator<Item = &'a UserId>) -> Self {
        let (who, done) = (people_named(users), op.done());
        self.with(&format!("{who} may or may not have been {done}"))
    }

    /// This reason, with more words.
    pub(super) fn with(&self, more: &str) -> Self {
        let message = &self.message;
        // A question needs no other mark.
        let mark = if message.ends_with('?') { "" } else { ";" };
        Self::new(self.code, format!("{message}{mark} {more}"))
    }

    /// This reason, for what was not tried.
    pub(super) fn before_it_was_sent(&self) -> Self {
        Self::new(self.code, format!("not sent: {}", self.message))
    }
}

impl From<&CallError> for Reason {
    fn from(error: &CallError) -> Self {
        Self {
            named: error
                .kind
                .message()
                .map(|message| message.named.clone())
                .unwrap_or_default(),
            ..Self::new(error.kind.code(), error.without_room())
        }
    }
}

impl From<&Note> for Reason {
    fn from(note: &Note) -> Self {
        Self::new(note.code, note.message.clone())
    }
}

/// A report in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// All rooms.
    pub rooms: usize,
    /// Rooms changed and as wanted.
    pub converged: usize,
    /// Rooms that were as wanted.
    pub unchanged: usize,
    /// Rooms of which some is done.
    pub partial: usize,
    /// Rooms of which nothing is done.
    pub failed: usize,
    /// Rooms without a call when the run ended.
    pub not_begun: usize,
    /// Rooms that a guard holds.
    pub blocked: usize,
    /// Rooms that are no longer as they were when the plan was made.
    pub stale: usize,
    /// Rooms only looked at.
    pub observed: usize,
    /// Write calls made.
    pub calls: usize,
}

impl RoomReport {
    /// The report of a room that the run did not come to, for this reason.
    fn not_begun(plan: &RoomPlan, why: &Reason) -> Self {
        let of_step = |step: &Step| {
            let op = step.op();
            let users = step.users().iter().map(ToString::to_string);
            users.map(move |user| (user, op)).collect::<Vec<_>>()
        };
        let failure = |(user, op)| Failure {
            user,
            op,
            reason: why.clone(),
        };
        Self {
            id: plan.id.clone(),
            status: Outcome::NotBegun,
            calls: 0,
            failed: plan.steps().iter().flat_map(of_step).map(failure).collect(),
            not_seen: Vec::new(),
            error: None,
        }
    }
}

impl Report {
    /// Has the rooms that were not begun refer to the reason of the run.
    pub(super) fn refer_to_run(mut self) -> Self {
        let Some(why) = &self.stopped else { return self };
        for room in self
            .rooms
            .iter_mut()
            .filter(|room| room.status == Outcome::NotBegun)
        {
            for failure in room
                .failed
                .iter_mut()
                .filter(|failure| failure.reason.code == why.code)
            {
                failure.reason = why.of_run();
            }
        }
        self
    }

    /// Reports the rooms of a plan in which something is to be done, now or later, and that are in no report as not begun.
    pub fn count_not_begun(&mut self, rooms: &[RoomPlan], why: &Reason) {
        let reported: HashSet<RoomId> = self.rooms.iter().map(|room| room.id.clone()).collect();
        let is_open = |room: &RoomPlan| !room.steps().is_empty() || room.waits();
        let is_missing = |room: &&RoomPlan| is_open(room) && !reported.contains(&room.id);
        let missing = rooms.iter().filter(is_missing);
        // The reader of a report that has no such error is told it here.
        let is_of_run = self.stopped.as_ref().is_some_and(|run| run.code == why.code);
        let why = if is_of_run {
            why.of_run()
        } else {
            why.before_it_was_sent()
        };
        self.rooms
            .extend(missing.map(|room| RoomReport::not_begun(room, &why)));
        self.rooms.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// The rooms that were not begun, by id, the first few by name; `None`: there are none.
    #[must_use]
    pub fn not_begun(&self) -> Option<String> {
        let rooms = self.rooms.iter().filter(|room| room.status == Outcome::NotBegun);
        let ids: Vec<String> = rooms.map(|room| room.id.to_string()).collect();
        let number = ids.len();
        let text = || format!("{} not begun: {}", counted(number, "room"), first_few(ids));
        (number > 0).then(text)
    }

    /// The report in numbers.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            rooms: self.rooms.len(),
            ..Tally::default()
        };
        for room in &self.rooms {
            tally.calls += room.calls;
            *match room.status {
                Outcome::Converged => &mut tally.converged,
                Outcome::Unchanged => &mut tally.unchanged,
                Outcome::Partial => &mut tally.partial,
                Outcome::Failed => &mut tally.failed,
                Outcome::NotBegun => &mut tally.not_begun,
                Outcome::Blocked => &mut tally.blocked,
                Outcome::Stale => &mut tally.stale,
                Outcome::Observed => &mut tally.observed,
            } += 1;
        }
        tally
    }
}
