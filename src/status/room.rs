//! Rooms, people and changes, as they are shown.

use super::{Absence, AbsenceReason};
use crate::model::{Guard, MemberSet, Op, RoomId, UserId};
use crate::plan::{GuardTripped, LiveSummary, Note};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Condition of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    /// Not looked at yet, or its admins were never read.
    Unseen,
    /// Not seen for so long that nobody knows how it is now: two intervals, and the length of a pass.
    Unknown,
    /// As wanted.
    InSync,
    /// Nothing to do now, but wanted people are not there as wanted: set aside, or coming and going.
    Incomplete,
    /// Changes are on their way, or wait until they may be written.
    Changing,
    /// A guard holds some of what is wanted.
    Blocked,
    /// Something wanted could not be done.
    Failed,
    /// Only looked at (`mode: observe`), whether it differs or not.
    Observed,
}

/// A room in one line.
#[derive(Debug, Clone, Serialize)]
pub struct RoomLine {
    /// The service's id.
    pub id: RoomId,
    /// Its label in the files.
    pub name: Option<String>,
    /// Its condition.
    pub state: RoomState,
    /// Time since which it is in it; of a room whose condition is unknown, the time of the last look that saw it.
    pub since: Timestamp,
    /// Time of the last look that saw it.
    pub looked: Option<Timestamp>,
    /// Number of people who are wanted and not there, without those who are left alone for now.
    pub add: usize,
    /// Wanted people who are not there as wanted, and are left alone for now.
    pub missing: Missing,
    /// Number of wanted members who are not there and whose absence is no drift (`absent: ignore`).
    pub not_here: usize,
    /// Number of wanted people who are not there, by what is known of the reason, whatever is done about it. Reasons without anybody are
    /// left out.
    pub absent: BTreeMap<AbsenceReason, usize>,
    /// Number of people who are there and not wanted.
    pub remove: usize,
    /// Number of people who should become an admin.
    pub promote: usize,
    /// Number of people who should cease to be one.
    pub demote: usize,
    /// Number of members who should be on the room's allow list, those who come in among them (`absent: keep`).
    pub allow: usize,
    /// Number of people who should be taken off it, because they go.
    pub disallow: usize,
    /// Number of people who stay only until the room files have settled.
    pub pending: usize,
    /// Guards that block it.
    pub blocked: Vec<GuardTripped>,
    /// Approvals that are in force in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Number of remarks on it.
    pub notes: usize,
    /// The failure, if something failed.
    pub error: Option<Note>,
    /// Time at which it is tried again on its own.
    pub next_try: Option<Timestamp>,
}

/// People whom somebody lets through in a room, whatever the guards allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// Whoever approved it.
    pub by: String,
    /// Time at which they did.
    pub given: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Number of removals that are left of it.
    pub remove: usize,
    /// Number of demotions of people who stay.
    pub demote: usize,
    /// Number of adds.
    pub add: usize,
    /// Number of changes of all kinds at the beginning.
    pub of: usize,
}

/// Most rooms in one answer: about 170 kB, which everybody who is slow to take them keeps in memory.
pub const ROOMS_AT_ONCE: usize = 500;

/// A page of the rooms.
#[derive(Debug, Clone, Serialize)]
pub struct RoomsPage {
    /// Revision of the rooms as of this page. Whoever takes all pages asks next for what has changed since that of the first one.
    pub revision: String,
    /// Revision since which these rooms have changed. `None`: all are given, whatever was asked for.
    pub since: Option<String>,
    /// The rooms, by id.
    pub rooms: Vec<RoomLine>,
    /// Rooms that have left the files since then; on the first page.
    pub gone: Vec<RoomId>,
    /// The room after which the next page begins. `None`: this is the last one.
    pub after: Option<RoomId>,
}

/// Wanted people who are not there as wanted and are left alone for now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// People set aside: the service does not take them.
    pub set_aside: MemberSet,
    /// People who were put back again and again, and have gone again.
    pub coming_and_going: MemberSet,
    /// People whom others put out or demote as often as they are added or promoted.
    pub contested: MemberSet,
}

/// A room in full.
#[derive(Debug, Clone, Serialize)]
pub struct RoomDetail {
    /// The room in one line.
    #[serde(flatten)]
    pub line: RoomLine,
    /// `authoritative`, `additive` or `observe`.
    pub mode: &'static str,
    /// The room as it was seen.
    pub live: Option<LiveSummary>,
    /// The people who differ, as a unified diff from live to wanted: lines that begin with `-`, `+` or a blank.
    pub diff: Vec<String>,
    /// The last plan's remarks.
    pub remarks: Vec<Note>,
    /// The first 1,000 wanted people who are not there, and why.
    pub absences: Vec<Absence>,
    /// The holds on its names: one of each guard at most.
    pub holds: Vec<Hold>,
    /// Its last changes, the newest first.
    pub changes: Vec<Change>,
}

/// Somebody who is not tried for a while.
#[derive(Debug, Clone, Serialize)]
pub struct Aside {
    /// The person.
    pub user: UserId,
    /// The room. `None`: every one.
    pub room: Option<RoomId>,
    /// Stable.
    pub code: String,
    /// Reason in words.
    pub message: String,
    /// Start.
    pub since: Timestamp,
    /// End.
    pub until: Timestamp,
}

/// Somebody who is put back and leaves again.
#[derive(Debug, Clone, Serialize)]
pub struct ComingAndGoing {
    /// The person.
    pub user: UserId,
    /// The room.
    pub room: RoomId,
    /// Time until which they are left alone.
    pub until: Timestamp,
}

/// Somebody whom others put out or demote as often as they are added or promoted.
#[derive(Debug, Clone, Serialize)]
pub struct Contested {
    /// The person.
    pub user: UserId,
    /// The room.
    pub room: RoomId,
    /// What is not done again for now: `add` or `promote`.
    pub op: Op,
    /// Start.
    pub since: Timestamp,
    /// End.
    pub until: Timestamp,
}

/// Somebody whom the files do not want and who was removed or demoted three times within a day. They are removed or demoted again at each
/// look.
#[derive(Debug, Clone, Serialize)]
pub struct ComesBack {
    /// The person.
    pub user: UserId,
    /// The room.
    pub room: RoomId,
    /// What is done to them: `remove` or `demote`.
    pub op: Op,
    /// The last time.
    pub last: Timestamp,
}

/// People whose place in a room, or whose role, ends within a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndsSoon {
    /// The room.
    pub room: RoomId,
    /// `member` or `admin`: who ceases to be an admin may stay a member.
    pub role: &'static str,
    /// The end.
    pub until: Timestamp,
    /// The first 100 of them.
    pub users: Vec<UserId>,
    /// Number of them.
    pub people: usize,
}

/// Names that were dropped from a room's list, more at once than its guard allows.
#[derive(Debug, Clone, Serialize)]
pub struct Hold {
    /// The room.
    pub room: RoomId,
    /// `max_removals` or `max_demotions`.
    pub guard: Guard,
    /// Its limit, as written.
    pub limit: String,
    /// Number of names that were dropped.
    pub dropped: usize,
    /// Length of the list before.
    pub of: usize,
    /// The first 100 names that are still held.
    pub users: Vec<UserId>,
    /// Number of names that are still held.
    pub held: usize,
    /// Start.
    pub since: Timestamp,
}

/// A change that was made, or tried.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Time of the answer.
    pub time: Timestamp,
    /// The room.
    pub room: RoomId,
    /// The person.
    pub user: UserId,
    /// The operation.
    pub op: Op,
    /// Id of its plan.
    pub plan: String,
    /// Commit of the room files, as in the plan.
    pub revision: Option<String>,
    /// The file that asks for it.
    pub file: Option<String>,
    /// Line in it, from 1.
    pub line: Option<usize>,
    /// `done`, or the code of the failure.
    pub result: String,
}
