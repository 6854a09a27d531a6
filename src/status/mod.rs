//! The daemon as others see it: plain types, made anew for every question.

mod absence;
mod attention;
mod control;
mod event;
mod headline;
mod pass;
mod room;

pub use absence::{Absence, AbsenceReason};
pub use attention::{Attention, AttentionSeverity, FirstLook};
pub use control::{ApproveOrder, Control, HeldBack, PauseOrder, Reply};
pub use event::EventResult;
pub use headline::{Headline, RoomCounts, Tone, missing};
pub use pass::{ChangeResult, Lags, PassKind, PassOutcome};
pub use room::{
    Approval, Aside, Change, ComesBack, ComingAndGoing, Contested, EndsSoon, Hold, Missing, ROOMS_AT_ONCE,
    RoomDetail, RoomLine, RoomState, RoomsPage,
};

use crate::diagnostics::{Diagnostic, Severity};
use crate::model::{Mode, Op, ReasonCode, RoomId, Unmanaged};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// View of the daemon. Every answer is quick: nothing here waits for the service or for a disk.
pub trait StatusSource: Send + Sync + 'static {
    /// Checks that the loop moves. The error says for how long it has not.
    fn alive(&self) -> Result<(), String>;
    /// Checks that the files are valid and that every room was looked at once. The error has a line for each thing that is missing.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Everything that the page shows at a glance, with every room.
    fn status(&self) -> Status;
    /// The same, without the rooms if they are more than [`ROOMS_AT_ONCE`].
    fn glance(&self) -> Status;
    /// A page of the rooms that have changed since this revision, or of all if it is unknown or `None`. It begins after this room.
    fn rooms(&self, since: Option<&str>, after: Option<&RoomId>) -> RoomsPage;
    /// One room in full.
    fn room(&self, id: &RoomId) -> Option<RoomDetail>;
    /// Present values of the metrics.
    fn gauges(&self) -> Gauges;
}

/// The daemon at a glance.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// roomsync's version.
    pub version: &'static str,
    /// Start of the daemon.
    pub started: Timestamp,
    /// Time of this answer, which is written before everything else.
    #[serde(skip)]
    pub now: Timestamp,
    /// All of it in one sentence.
    pub headline: Headline,
    /// Everything that needs attention, outages first. Empty when nothing does.
    pub attention: Vec<Attention>,
    /// Reason for which nothing is written at present, if there is one.
    pub withheld: Option<WritesSuspended>,
    /// The room files.
    pub files: Files,
    /// The service.
    pub service: Service,
    /// End of the token in use, if it is known. Tokens that are minted here or granted are renewed before.
    pub token_expires: Option<Timestamp>,
    /// The passes over all rooms.
    pub passes: Passes,
    /// Progress of the first look at all rooms. `None` once it has ended.
    pub first_look: Option<FirstLook>,
    /// Progress of the passes under way, together. `None` if there are none.
    pub progress: Option<Progress>,
    /// The rooms in numbers.
    pub room_counts: RoomCounts,
    /// Revision of the rooms. It is another one once any of them may have changed.
    pub rooms_revision: String,
    /// True if the rooms are too many for one answer: they are left out here, and `/api/rooms` has them by pages.
    pub rooms_by_pages: bool,
    /// Every managed room, by id. Written after everything else, as `null` if they are left out.
    #[serde(skip)]
    pub rooms: Vec<RoomLine>,
    /// People who are set aside.
    pub aside: Vec<Aside>,
    /// Members who are put back again and again.
    pub coming_and_going: Vec<ComingAndGoing>,
    /// People whom others put out or demote as often as they are added or promoted.
    pub contested: Vec<Contested>,
    /// People whom the files do not want and who come back.
    pub comes_back: Vec<ComesBack>,
    /// People whose place ends within a week, by time.
    pub ends_soon: Vec<EndsSoon>,
    /// Rooms of the app that no file names, by the last count. `None`: they were not counted yet, or are not to be.
    pub unmanaged: Option<UnmanagedRooms>,
    /// Names that a guard on the files holds.
    pub holds: Vec<Hold>,
    /// People who stay, or do not come, until the room files have settled. `None` if they have.
    pub pending: Option<Pending>,
    /// The last changes, the newest first; at most 100.
    pub changes: Vec<Change>,
}

/// People who would go by the room files in force and stay, or who would come only because an `until` or an `exclude` is gone from
/// the files, until
/// these have been unchanged for long enough.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    /// Removals that wait, in all rooms.
    pub removals: usize,
    /// Demotions that wait, in all rooms.
    pub demotions: usize,
    /// People who are not added or promoted yet, in all rooms.
    pub additions: usize,
    /// Number of these rooms.
    pub rooms: usize,
    /// Time since which the files have not been unchanged for long enough.
    pub since: Timestamp,
    /// End of the wait, if nothing changes. `None` if somebody is still writing, or if the files on the disk are not valid.
    pub until: Option<Timestamp>,
    /// Seconds from now until then.
    pub seconds_left: Option<f64>,
    /// The file that is written to, or that changed last.
    pub file: Option<String>,
}

/// Rooms of the app that no file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnmanagedRooms {
    /// Their number, and the first of them.
    #[serde(flatten)]
    pub unmanaged: Unmanaged,
    /// The same in a line. `None`: there are none.
    pub line: Option<String>,
    /// Time of the count.
    pub counted: Timestamp,
}

/// Reason for which nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WritesSuspended {
    /// `dry_run`, `paused`, `audit_log`, `state_dir` or `quota`.
    pub code: ReasonCode,
    /// In words, with what to do about it.
    pub message: String,
}

/// The room files.
#[derive(Debug, Clone, Serialize)]
pub struct Files {
    /// True if the files on the disk are valid. If not, the last good set is in force.
    pub valid: bool,
    /// Number of files in force.
    pub files: usize,
    /// Number of rooms they name.
    pub rooms: usize,
    /// `sha256:` and the digest of the files in force.
    pub digest: Option<String>,
    /// Commit of the files when they were taken, as in the plan.
    pub revision: Option<String>,
    /// Time at which the files in force were taken.
    pub taken: Option<Timestamp>,
    /// Problems of the files on the disk.
    #[serde(serialize_with = "problems")]
    pub problems: Vec<Diagnostic>,
}

/// The chat service.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// The app: `org#app`, or the app id.
    pub app: String,
    /// Its address.
    pub url: String,
    /// Trouble that keeps every call from succeeding, if there is one.
    pub trouble: Option<Trouble>,
}

/// End of the token's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenExpires {
    /// Time of the end.
    pub at: Timestamp,
    /// True if roomsync renews the token before by itself.
    pub renewed: bool,
}

/// A failure that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Stable.
    pub code: ReasonCode,
    /// In words.
    pub message: String,
    /// Its beginning.
    pub since: Timestamp,
    /// Number of times that it was met.
    pub times: u64,
    /// Time of the next try.
    pub next_try: Option<Timestamp>,
}

/// The passes over all rooms.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Passes {
    /// Start of the last one that looked at every room. One in which nothing answered is none.
    pub last_begun: Option<Timestamp>,
    /// Its end.
    pub last_ended: Option<Timestamp>,
    /// End of the last one, whatever came of it. If it is later than `last_ended`, nothing answered.
    pub last_tried: Option<Timestamp>,
    /// End of the last good one: it looked at every room and wrote what may be written.
    pub last_good: Option<Timestamp>,
    /// Start of the one that runs now.
    pub running_since: Option<Timestamp>,
    /// Start of the next one.
    pub next: Option<Timestamp>,
}

/// Progress of passes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// `looking` at rooms, or `applying` a plan.
    pub doing: &'static str,
    /// Rooms to look at.
    pub rooms: usize,
    /// Rooms that were looked at.
    pub looked: usize,
    /// Write calls that are planned.
    pub calls: usize,
    /// Those that were made.
    pub made: usize,
    /// Rooms looked at or calls made a second, over the last few.
    pub per_second: f64,
    /// Call budget of the method that decides how long it takes.
    pub budget: Option<CallBudget>,
    /// Estimate of the time left. `None` if all calls are made.
    pub seconds_left: Option<f64>,
}

/// Admin lists of the rooms, read in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminLists {
    /// Time at which the one that was read longest ago was read; the start, if one was never read. Rooms that fail do not count.
    pub oldest: Timestamp,
    /// Time after which each was read once, by the settings.
    pub turn: Duration,
}

/// A method's call budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CallBudget {
    /// The method.
    pub method: &'static str,
    /// Calls that count at present: on their way, or answered within the last second.
    pub used: usize,
    /// Most calls that may count at a time now.
    pub limit: usize,
    /// The same when the service does not slow us down.
    pub configured: usize,
}

/// Present values of the metrics.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Number of rooms in each condition.
    pub rooms: BTreeMap<RoomState, usize>,
    /// Number of rooms of the app that no file names. `None`: nobody knows.
    pub unmanaged: Option<usize>,
    /// Number of people whom the files in force want in a room, each counted once.
    pub people: usize,
    /// Changes of one person in one room that are wanted by the last looks and not made. Those of nobody can be left out.
    pub drift: BTreeMap<(Mode, Op), usize>,
    /// Number of items of each severity that need attention. Severities without any can be left out.
    pub attention: BTreeMap<AttentionSeverity, usize>,
    /// People who are set aside, each once.
    pub aside: usize,
    /// The same by each reason that there can be. Who is set aside for several counts for each.
    pub aside_by_reason: Vec<(&'static str, usize)>,
    /// Members who come and go.
    pub coming_and_going: usize,
    /// People who are contested, once for each room.
    pub contested: usize,
    /// People who come back, once for each room.
    pub comes_back: usize,
    /// Wanted people who are not in their room, by what is known of the reason. Reasons without anybody can be left out.
    pub absent: BTreeMap<AbsenceReason, usize>,
    /// Names that are held.
    pub held: usize,
    /// Removals and demotions that wait until the room files have settled.
    pub pending: usize,
    /// True if the files on the disk are valid.
    pub files_valid: bool,
    /// Time at which the files in force were taken.
    pub files_taken: Option<Timestamp>,
    /// End of the last good pass.
    pub last_good: Option<Timestamp>,
    /// Time between two passes over all rooms.
    pub interval: Duration,
    /// Time that a pass over all rooms is expected to take.
    pub full_pass: Duration,
    /// The admin lists that are read in turn. `None` if no room's admins are managed.
    pub admin_lists: Option<AdminLists>,
    /// Troubles that can keep every call from succeeding, each with whether it does now.
    pub service_trouble: Vec<(ReasonCode, bool)>,
    /// True if nothing may be written.
    pub withheld: bool,
    /// Reasons for which nothing may be written, each with whether it is one now.
    pub withheld_by_reason: Vec<(ReasonCode, bool)>,
    /// True if the quota is used up, as far as is known.
    pub quota_used_up: bool,
    /// End of the token in use, if it is known.
    pub token_expires: Option<TokenExpires>,
    /// Progress of the passes under way.
    pub progress: Option<Progress>,
    /// Call budget of each method.
    pub budget: Vec<CallBudget>,
    /// Start of the process.
    pub started: Timestamp,
    /// Use that the process makes of the machine. `None` where the operating system does not say.
    pub process: Option<ProcessUse>,
}

/// Use that a process makes of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUse {
    /// Processor time in seconds, in user and kernel mode.
    pub cpu_seconds: f64,
    /// Open files and sockets.
    pub open_fds: u64,
    /// Most open files and sockets. `None`: there is no limit.
    pub max_fds: Option<u64>,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Virtual memory, in bytes.
    pub virtual_bytes: u64,
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    severity: &'static str,
    code: &'a str,
    message: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    help: Option<&'a str>,
}

fn problems<S: serde::Serializer>(problems: &[Diagnostic], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(problems.iter().map(|problem| {
        let location = problem.location.as_ref();
        let position = location.and_then(|location| location.position.as_ref());
        ProblemJson {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            },
            code: problem.code,
            message: &problem.message,
            file: location.map(|location| location.file.as_str()),
            line: position.map(|at| at.line),
            column: position.map(|at| at.column),
            help: problem.help.as_deref(),
        }
    }))
}
