//! PURE: diff, guard, order, batch. No async, clock, randomness, file, network or logging.
//!
//! A plan is immutable and leaves no choice to whoever runs it: [`RoomPlan::steps`] are the write calls, in order. Beside
//! them stands what was held back and why.

mod admin_matters;
mod allow_list;
mod approved;
mod changes;
pub(crate) mod checksum;
mod constraints;
mod cost;
mod diff;
mod ended;
mod fleet;
mod guard;
mod live_digest;
mod order;
mod revalidate;
mod revocations;
mod room_diff;
mod saved;
mod unmatched;
mod until_notes;
mod withdrawn;

pub use approved::{Approved, HeldBack};
pub use changes::{Demotion, Removal, Step, users_of};
pub use constraints::{Constraints, HeldNames, Invite, NotTried, OverBudget, Unsettled};
pub use cost::{Calls, Rates};
pub use diff::diff;
pub use ended::in_doubt;
pub use fleet::{FleetGuard, FleetPlan, Summary};
pub use guard::{GuardTripped, approving, lines_to_allow, ways_to_allow};
pub use order::BatchSizes;
pub use revalidate::revalidate;
pub use revocations::Revocations;
pub use room_diff::{NEW_ADMIN, RoomDiff};
pub use saved::{SavedPlan, SavedRoom, StalePlan};
pub use unmatched::UnmatchedPatterns;
pub use until_notes::{near, note_ends, of_room as notes_on_ends};
pub use withdrawn::{Arrivals, Withdrawn};

use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId, printable, room_label};
use std::fmt;

/// Condition of a room by its plan.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing to do.
    InSync,
    /// Nothing to do now, but wanted people are not there as wanted: the daemon has set them aside, they are contested, or they come and go.
    Incomplete,
    /// There are calls to make.
    Changed,
    /// A guard holds some of what is wanted.
    Blocked,
    /// Nothing can be done, see the error.
    Failed,
    /// The difference is reported, nothing is ever written (`mode: observe`).
    Observed,
}

/// A remark on a room, or on one person in it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Note {
    /// Kind of remark; stable.
    #[schemars(with = "String", regex(pattern = "^[a-z_]+$"))]
    pub code: ReasonCode,
    /// In words.
    pub message: String,
    /// Whom it is about; as the service shows them, so not always a name we would send.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub user: Option<String>,
    /// Operation that was wanted for them and does not happen in this plan.
    #[serde(skip)]
    pub held: Option<Op>,
}

impl Note {
    /// A remark on a room. What it says of the service's words and names is escaped here.
    #[must_use]
    pub fn new(code: ReasonCode, message: impl AsRef<str>) -> Self {
        Self {
            code,
            message: printable(message.as_ref()).into_owned(),
            user: None,
            held: None,
        }
    }

    pub(crate) fn about(self, user: impl fmt::Display) -> Self {
        Self {
            user: Some(printable(&user.to_string()).into_owned()),
            ..self
        }
    }

    fn holding(self, op: Op) -> Self {
        Self {
            held: Some(op),
            ..self
        }
    }

    /// True if somebody wanted is left alone for now: nothing is wrong with the room itself, only with a person.
    fn is_waiting(&self) -> bool {
        self.held.is_some() && (self.code.leaves_alone() || self.code == ReasonCode::Clock)
    }
}

/// The plan for one room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct RoomPlan {
    /// The service's id.
    pub id: RoomId,
    /// The files' label.
    pub name: Option<String>,
    /// Status of the room by this plan.
    pub status: Status,
    /// The look in numbers; `None` if the room could not be read.
    pub live: Option<LiveSummary>,
    /// People to add. In a blocked or observed room these six say what is wanted; `steps` say what is sent.
    pub add: MemberSet,
    /// People to remove.
    pub remove: MemberSet,
    /// People to make an admin.
    pub promote: MemberSet,
    /// Admins who should become plain members; those who are removed are among them.
    pub demote: MemberSet,
    /// Members to put on the room's allow list; those who are added are among them.
    pub allow: MemberSet,
    /// People to take off the allow list, because they are removed.
    pub disallow: MemberSet,
    /// The write calls, in order.
    steps: Vec<Step>,
    /// People without a place, in the order in which they get the place of somebody who cannot come.
    pub reserves: Vec<UserId>,
    /// Person who is added last, in a call of their own: there may be no place for them.
    pub last: Option<UserId>,
    /// Wanted admins who are admins already: while there is one, a demotion leaves the room with an admin.
    pub standing: MemberSet,
    /// Number of people who should become an admin and will not by these steps.
    pub unmet_promotes: usize,
    /// People who stay until the files in force have settled. They are also in the lists above.
    pub pending: Revocations,
    /// People who are wanted only because an `until` or an `exclude` is gone from the files, and who come once the files have settled. They are also in
    /// the lists above.
    pub not_yet: Arrivals,
    /// Wanted members who are not here and whose absence is no drift (`absent: ignore`). They are in no list above.
    pub not_here: MemberSet,
    /// People who go, or come, because somebody has approved it. They are also in the lists above.
    pub approved: Approved,
    /// Guards that hold removals, demotions or adds.
    pub blocked: Vec<GuardTripped>,
    /// Remarks.
    pub notes: Vec<Note>,
    /// Reason why nothing can be done.
    pub error: Option<Note>,
}

/// A look at a room in numbers: neither the owner nor ignored people are counted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Live")]
pub struct LiveSummary {
    /// Everyone, admins included.
    pub members: u64,
    /// The admins; `null`: no decision needed them, so they were not read.
    pub admins: Option<u64>,
    /// `sha256:` and a digest of the room in hex: half of it tells the owner, half of it admins and members.
    #[schemars(regex(pattern = checksum::DIGEST))]
    pub digest: String,
    /// Page of the member list on which the owner stood, from 1, if pages were read.
    #[serde(skip)]
    #[schemars(skip)]
    pub owner_page: Option<u32>,
}

impl RoomPlan {
    /// The plan for a room that could not be looked at.
    pub fn failed(id: RoomId, name: Option<String>, error: Note) -> Self {
        Self {
            id,
            name,
            status: Status::Failed,
            live: None,
            add: MemberSet::default(),
            remove: MemberSet::default(),
            promote: MemberSet::default(),
            demote: MemberSet::default(),
            allow: MemberSet::default(),
            disallow: MemberSet::default(),
            steps: Vec::new(),
            reserves: Vec::new(),
            last: None,
            standing: MemberSet::default(),
            unmet_promotes: 0,
            pending: Revocations::default(),
            not_yet: Arrivals::default(),
            not_here: MemberSet::default(),
            approved: Approved::default(),
            blocked: Vec::new(),
            notes: Vec::new(),
            error: Some(error),
        }
    }

    /// The write calls, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// People to whom this should be done, whether or not the steps do it.
    #[must_use]
    pub fn wanted(&self, op: Op) -> &MemberSet {
        match op {
            Op::Add => &self.add,
            Op::Allow => &self.allow,
            Op::Promote => &self.promote,
            Op::Demote => &self.demote,
            Op::Remove => &self.remove,
            Op::Disallow => &self.disallow,
        }
    }

    /// The same without any call, to be shown.
    pub fn without_steps(self) -> Self {
        Self {
            steps: Vec::new(),
            ..self
        }
    }

    /// Number of people to whom the steps do this.
    #[must_use]
    pub fn sent(&self, op: Op) -> usize {
        self.steps
            .iter()
            .filter(|step| step.op() == op)
            .map(|step| step.users().len())
            .sum()
    }

    /// Wanted people who are not here as wanted and are left alone for now, for this reason: [`ReasonCode::SetAside`],
    /// [`ReasonCode::Contested`] or [`ReasonCode::ComingAndGoing`].
    #[must_use]
    pub fn missing(&self, why: ReasonCode) -> MemberSet {
        let notes = self
            .notes
            .iter()
            .filter(|note| note.is_waiting() && note.code == why);
        notes
            .filter_map(|note| UserId::parse(note.user.as_deref()?).ok())
            .collect()
    }

    /// True if somebody wanted is not here as wanted and is left alone for now.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.notes.iter().any(Note::is_waiting)
    }

    /// True if somebody stays here, or does not come yet, only until the room files have settled.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.status == Status::Changed && self.has_pending()
    }

    /// True if something is not done here before the room files have settled.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty() || !self.not_yet.is_empty()
    }

    /// True if the look ended before this room.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.error
            .as_ref()
            .is_some_and(|error| error.code == ReasonCode::NotLookedAt)
    }

    /// The room for people, as in `lobby (66213271109633)`.
    #[must_use]
    pub fn label(&self) -> String {
        room_label(self.name.as_deref(), &self.id)
    }

    /// True if nothing is done because the room is no longer as it was when the plan was made.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.error
            .as_ref()
            .is_some_and(|error| error.code == ReasonCode::Moved)
    }

    /// True if something that is wanted here will not be done, apart from what the guards hold.
    #[must_use]
    pub fn falls_short(&self) -> bool {
        match self.status {
            Status::Failed => !self.has_moved(),
            Status::Observed => false,
            Status::InSync | Status::Incomplete | Status::Changed | Status::Blocked => self
                .notes
                .iter()
                .any(|note| note.held.is_some() || note.code == ReasonCode::IncompleteRead),
        }
    }
}
