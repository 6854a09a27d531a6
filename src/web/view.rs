//! What the daemon shows of itself: plain types, made anew for every question.

use crate::diagnostics::{Diagnostic, Severity};
use crate::model::{Guard, Op, ReasonCode, RoomId, UserId};
use crate::plan::{GuardTripped, LiveSummary, Note};
use jiff::Timestamp;
use serde::Serialize;

/// What the web asks of the daemon. Every answer is quick: nothing here waits for the service or for a disk.
pub trait Source: Send + Sync + 'static {
    /// Whether the loop moves; the error says since when it does not.
    fn alive(&self) -> Result<(), String>;
    /// Whether the files are valid and every room was looked at once; the error says what is missing, a line each.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Everything that the page shows at a glance.
    fn status(&self) -> Status;
    /// One room whole.
    fn room(&self, id: &RoomId) -> Option<RoomDetail>;
    /// What the metrics show of the present.
    fn gauges(&self) -> Gauges;
    /// Asks for a look at all rooms as soon as may be.
    fn reconcile(&self);
}

/// The daemon at a glance.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// roomsync's version.
    pub version: &'static str,
    /// When the daemon started.
    pub started: Timestamp,
    /// When this was made.
    pub now: Timestamp,
    /// What wants a person, a sentence each; nothing when all is well.
    pub attention: Vec<String>,
    /// Why nothing is written at present, if so.
    pub withheld: Option<Withheld>,
    /// The room files.
    pub files: Files,
    /// The service.
    pub service: Service,
    /// The passes over all rooms.
    pub passes: Passes,
    /// How far the passes under way are, together; `None`: there is none.
    pub progress: Option<Progress>,
    /// Every managed room, by id.
    pub rooms: Vec<RoomLine>,
    /// People who are set aside.
    pub aside: Vec<Aside>,
    /// Members who are put back again and again.
    pub coming_and_going: Vec<ComingAndGoing>,
    /// Names that a guard on the files holds.
    pub holds: Vec<Hold>,
    /// People who stay until the room files have settled. `None` if they have.
    pub pending: Option<Pending>,
    /// The last changes, the newest first; at most 100.
    pub changes: Vec<Change>,
}

/// People who would go by the room files in force, and stay until these have been unchanged for long enough.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    /// Removals that wait, in all rooms.
    pub removals: usize,
    /// Demotions that wait, in all rooms.
    pub demotions: usize,
    /// Number of these rooms.
    pub rooms: usize,
    /// Since when the files have not been unchanged for long enough.
    pub since: Timestamp,
    /// End of the wait, if nothing changes. `None` if somebody is still writing, or if the files on the disk are not valid.
    pub until: Option<Timestamp>,
    /// Seconds from now until then.
    pub seconds_left: Option<f64>,
    /// The file that is written to, or that changed last.
    pub file: Option<String>,
}

/// Why nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// `dry_run`, `paused`, `audit_log`, `state_dir` or `quota`.
    pub code: ReasonCode,
    /// In words, with what to do about it.
    pub message: String,
}

/// The room files.
#[derive(Debug, Clone, Serialize)]
pub struct Files {
    /// Whether what is on the disk now is valid. If not, the last good set is in force.
    pub valid: bool,
    /// How many files are in force.
    pub files: usize,
    /// How many rooms they name.
    pub rooms: usize,
    /// `sha256:` and the digest of the files in force.
    pub digest: Option<String>,
    /// The commit they were of when they were taken, as in the plan.
    pub revision: Option<String>,
    /// When the files in force were taken.
    pub taken: Option<Timestamp>,
    /// What is wrong with what is on the disk.
    #[serde(serialize_with = "problems")]
    pub problems: Vec<Diagnostic>,
}

/// How the service answers.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// The app: `org#app`, or the app id.
    pub app: String,
    /// Where it is.
    pub url: String,
    /// What keeps every call from succeeding, if something does.
    pub trouble: Option<Trouble>,
}

/// A failure that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Stable.
    pub code: ReasonCode,
    /// In words.
    pub message: String,
    /// When it began.
    pub since: Timestamp,
    /// How often it was met.
    pub times: u64,
    /// When the next try is due.
    pub next_try: Option<Timestamp>,
}

/// The passes over all rooms.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Passes {
    /// When the last one began that looked at every room.
    pub last_begun: Option<Timestamp>,
    /// When it ended.
    pub last_ended: Option<Timestamp>,
    /// When the last one ended after which everything wanted was so, but for what guards and people set aside keep.
    pub last_good: Option<Timestamp>,
    /// When the one that runs now began.
    pub running_since: Option<Timestamp>,
    /// When the next is due.
    pub next: Option<Timestamp>,
}

/// How far passes are.
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
    /// Of the method that decides how long it takes.
    pub budget: Option<Budget>,
    /// How long it still takes, as far as can be told; `None`: all calls are made.
    pub seconds_left: Option<f64>,
}

/// A method's part in the call budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The method.
    pub method: &'static str,
    /// Calls that count at present: on their way, or answered within the last second.
    pub used: usize,
    /// How many may count at a time now.
    pub limit: usize,
    /// How many may when the service does not slow us down.
    pub configured: usize,
}

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not looked at yet.
    Unseen,
    /// As wanted.
    InSync,
    /// Changes are on their way, or wait for the daemon to be let.
    Changing,
    /// A guard holds some of what is wanted.
    Blocked,
    /// Something wanted could not be done.
    Failed,
    /// `mode: observe`: only looked at, and it differs or not.
    Observed,
}

/// A room in one line.
#[derive(Debug, Clone, Serialize)]
pub struct RoomLine {
    /// The service's id.
    pub id: RoomId,
    /// The files' label.
    pub name: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Since when it stands there.
    pub since: Timestamp,
    /// When it was last looked at.
    pub looked: Option<Timestamp>,
    /// How many are wanted and not there.
    pub add: usize,
    /// How many are there and not wanted.
    pub remove: usize,
    /// How many should become an admin.
    pub promote: usize,
    /// How many should cease to be one.
    pub demote: usize,
    /// Number of people who stay only until the room files have settled.
    pub pending: usize,
    /// Which guards hold.
    pub blocked: Vec<GuardTripped>,
    /// How many remarks there are on it.
    pub notes: usize,
    /// What failed, if something did.
    pub error: Option<Note>,
    /// When it is tried again on its own.
    pub next_try: Option<Timestamp>,
}

/// A room whole.
#[derive(Debug, Clone, Serialize)]
pub struct RoomDetail {
    /// In one line.
    #[serde(flatten)]
    pub line: RoomLine,
    /// `authoritative`, `additive` or `observe`.
    pub mode: &'static str,
    /// What was seen.
    pub live: Option<LiveSummary>,
    /// The people who differ, as a unified diff from live to wanted: lines that begin with `-`, `+` or a blank.
    pub diff: Vec<String>,
    /// The last plan's remarks.
    pub remarks: Vec<Note>,
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
    /// In which room; `None`: in every one.
    pub room: Option<RoomId>,
    /// Stable.
    pub code: String,
    /// Why, in words.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Somebody who is put back and leaves again.
#[derive(Debug, Clone, Serialize)]
pub struct ComingAndGoing {
    /// The person.
    pub user: UserId,
    /// In which room.
    pub room: RoomId,
    /// Until when they are left alone.
    pub until: Timestamp,
}

/// Names that were dropped from a room's list, more at once than its guard allows.
#[derive(Debug, Clone, Serialize)]
pub struct Hold {
    /// In which room.
    pub room: RoomId,
    /// `max_removals` or `max_demotions`.
    pub guard: Guard,
    /// What it allows, as written.
    pub limit: String,
    /// How many were dropped.
    pub dropped: usize,
    /// From a list of how many.
    pub of: usize,
    /// Who is still held: the first 100.
    pub users: Vec<UserId>,
    /// How many are still held.
    pub held: usize,
    /// Since when.
    pub since: Timestamp,
}

/// A change that was made, or tried.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// When it was answered.
    pub time: Timestamp,
    /// In which room.
    pub room: RoomId,
    /// The person.
    pub user: UserId,
    /// What.
    pub op: Op,
    /// The plan it was of.
    pub plan: String,
    /// The commit the room files were of, as in the plan.
    pub revision: Option<String>,
    /// The file that asks for it.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// `done`, or the code of what kept it.
    pub result: String,
}

/// What the metrics show of the present.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// How many rooms stand where.
    pub rooms: Vec<(State, usize)>,
    /// People who are set aside, each once.
    pub aside: usize,
    /// Members who come and go.
    pub coming_and_going: usize,
    /// Names that are held.
    pub held: usize,
    /// People who stay until the room files have settled.
    pub pending: usize,
    /// Whether the files on the disk are valid.
    pub files_valid: bool,
    /// Seconds since the files in force were taken.
    pub files_age: Option<f64>,
    /// Seconds since the end of the last good pass.
    pub last_good_age: Option<f64>,
    /// Whether writing is withheld.
    pub withheld: bool,
    /// Whether the quota is used up, as far as is known.
    pub quota_used_up: bool,
    /// How far the passes under way are.
    pub progress: Option<Progress>,
    /// Each method's.
    pub budget: Vec<Budget>,
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
