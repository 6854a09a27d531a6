//! The audit log: a JSON line a call before it is sent, and one a change with its outcome. What cannot be written down is not done.
//!
//! Before a pass writes to the service, a line of the pass itself is written and synced; the disk has to take it first. So is a
//! line once the log can be written again. Before a call goes out its line is written, but not synced: it outlives the process, and
//! the disk is not asked once a call. Lines of outcomes have a `result` and no `event`; the others have an `event`:
//!
//! - `{"time", "event": "pass", "plan", "revision", "rooms", "changes", "calls"}`
//! - `{"time", "event": "sent", "call", "plan", "room", "op", "users"}`
//! - `{"time", "event": "not_sent", "call", "result", "message"}`: the call did not go out after all
//! - `{"time", "event": "again", "call", "room", "op", "users", "result"}`: these failed as they did the last time
//! - `{"time", "event": "approved", "room", "by", "until", "remove", "demote", "add", "files"}`: somebody lets these people through
//! - `{"time", "event": "resumed", "since", "error"}`
//!
//! Lines are written off the loop, in the order in which they were given.

mod file;

use crate::disk::{DiskWorker, Fsync};
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId};
use crate::status::Change;
use file::{LogFile, Proof, Request};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// Failures beyond this number are not remembered for being counted.
const MOST_REMEMBERED: usize = 10_000;

/// The log, as far as the loop has to do with it.
#[derive(Debug)]
pub(crate) struct AuditLog {
    writer: LogWriter,
    /// False if no log is kept.
    is_kept: bool,
    /// Start of the process, which tells its calls from those of another.
    process: String,
    /// Number of calls so far.
    calls: u64,
    /// Failures that have a line, with their result and the number of times that they have come since.
    failures: HashMap<(RoomId, UserId, Op), (String, u64)>,
}

/// Writes the log's lines. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter(DiskWorker<LogFile>);

/// A pass that begins to write to the service.
#[derive(Debug, Serialize)]
pub(crate) struct PassLine {
    pub(crate) plan: String,
    pub(crate) revision: Option<String>,
    /// Rooms that change.
    pub(crate) rooms: usize,
    /// People who are added, promoted, demoted or removed.
    pub(crate) changes: usize,
    pub(crate) calls: usize,
}

/// An approval that begins.
#[derive(Debug, Serialize)]
pub(crate) struct ApprovedLine {
    pub(crate) room: RoomId,
    pub(crate) by: String,
    pub(crate) until: Timestamp,
    pub(crate) remove: MemberSet,
    pub(crate) demote: MemberSet,
    pub(crate) add: MemberSet,
    /// Digest of the room files.
    pub(crate) files: String,
}

/// A call that is about to be sent.
#[derive(Debug, Serialize)]
pub(crate) struct SentLine {
    #[serde(skip)]
    pub(crate) time: Timestamp,
    /// Id of the plan.
    pub(crate) plan: String,
    pub(crate) room: RoomId,
    pub(crate) op: Op,
    pub(crate) users: MemberSet,
}

/// Outcome of a call for some of its people, all of one kind.
#[derive(Debug)]
pub(crate) struct Outcomes<'a> {
    /// Number of the call.
    pub(crate) call: u64,
    pub(crate) changes: Vec<Change>,
    /// Reason in words; `None`: they are done.
    pub(crate) message: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ChangeLine {
    #[serde(flatten)]
    change: Change,
    /// Id of the call.
    call: String,
    /// Answer of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Number of times that the same had failed before without a line of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
}

/// People who failed as they did the last time.
#[derive(Debug, Serialize)]
struct AgainLine {
    #[serde(skip)]
    time: Timestamp,
    call: String,
    room: RoomId,
    op: Op,
    users: MemberSet,
    result: String,
}

impl AuditLog {
    /// `None` as the path: no log is kept. `changed` is notified when writing begins to fail or no longer fails.
    pub(crate) fn new(
        path: Option<PathBuf>,
        fsync: Fsync,
        started: Timestamp,
        changed: &Arc<Notify>,
    ) -> Self {
        let is_kept = path.is_some();
        let writer = DiskWorker::new(LogFile::new(path, fsync), Ok(()), Arc::clone(changed));
        Self {
            writer: LogWriter(writer),
            is_kept,
            process: format!("{:x}", started.as_millisecond()),
            calls: 0,
            failures: HashMap::new(),
        }
    }

    pub(crate) fn writer(&self) -> LogWriter {
        self.writer.clone()
    }

    /// Has the file closed. The next line opens it anew, under its name.
    pub(crate) fn reopen(&mut self, path: Option<PathBuf>) {
        self.is_kept = path.is_some();
        self.writer.ask(Request::Reopen(path));
    }

    /// Has a call written that is about to be sent. Gives its number.
    pub(crate) fn sends(&mut self, line: SentLine) -> u64 {
        self.calls += 1;
        if self.is_kept {
            let call = self.id(self.calls);
            self.writer.ask(Request::Sent { call, line });
        }
        self.calls
    }

    /// Has it written that this call was not sent after all.
    pub(crate) fn not_sent(&self, time: Timestamp, call: u64, code: ReasonCode, message: &str) {
        if self.is_kept {
            self.writer.ask(Request::NotSent {
                time,
                call: self.id(call),
                result: code,
                message: message.to_owned(),
            });
        }
    }

    /// Has outcomes of a call written. Failures that go on are counted, and their people are named in one line.
    pub(crate) fn record(&mut self, outcomes: Outcomes<'_>) {
        if !self.is_kept {
            return;
        }
        let Outcomes {
            call,
            changes,
            message,
        } = outcomes;
        let call = self.id(call);
        let mut lines = Vec::with_capacity(changes.len());
        let mut again: Vec<Change> = Vec::new();
        for change in changes {
            let key = (change.room.clone(), change.user.clone(), change.op);
            let mut failures = None;
            if let Some((result, times)) = self.failures.get_mut(&key) {
                if *result == change.result {
                    *times += 1;
                    again.push(change);
                    continue;
                }
                failures = Some(*times).filter(|times| *times > 0);
            }
            self.failures.remove(&key);
            if message.is_some() {
                if self.failures.len() >= MOST_REMEMBERED {
                    self.failures.clear();
                }
                self.failures.insert(key, (change.result.clone(), 0));
            }
            lines.push(ChangeLine {
                change,
                call: call.clone(),
                message: message.map(ToOwned::to_owned),
                failures,
            });
        }
        if !lines.is_empty() {
            self.writer.ask(Request::Changes(lines));
        }
        if let Some(line) = AgainLine::of(call, again) {
            self.writer.ask(Request::Again(line));
        }
    }

    fn id(&self, call: u64) -> String {
        format!("{}-{call}", self.process)
    }
}

impl AgainLine {
    /// The line of changes of one call that failed alike; `None`: there are none.
    fn of(call: String, changes: Vec<Change>) -> Option<Self> {
        let Change {
            time,
            room,
            op,
            result,
            ..
        } = changes.first()?.clone();
        Some(Self {
            time,
            call,
            room,
            op,
            users: changes.into_iter().map(|change| change.user).collect(),
            result,
        })
    }
}

impl LogWriter {
    /// Has it checked that more can be written. After a failure a new line must prove it.
    pub(crate) fn check(&self, now: Timestamp) {
        self.ask(Request::Check(now));
    }

    /// Error of the last line that could not be written, unless one was written since.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.last().err()
    }

    /// Waits until every line so far is written. The error: it cannot be.
    pub(crate) async fn written(&self) -> Result<(), String> {
        self.0.done().await
    }

    /// Writes the line of a pass, and waits until the disk has taken it.
    pub(crate) async fn prove(&self, time: Timestamp, pass: PassLine) -> Result<(), String> {
        self.proof(|proved| Request::Pass { time, pass, proved }).await
    }

    /// Writes the line of an approval, and waits until the disk has taken it.
    pub(crate) async fn approved(&self, time: Timestamp, line: ApprovedLine) -> Result<(), String> {
        self.proof(|proved| Request::Approved { time, line, proved })
            .await
    }

    async fn proof(&self, request: impl FnOnce(Proof) -> Request) -> Result<(), String> {
        let (proved, proof) = oneshot::channel();
        self.ask(request(proved));
        let _ = self.written().await;
        // Nobody drops the sender: a run answers each request.
        proof.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    fn ask(&self, request: Request) {
        self.0.ask(|requests| requests.push(request));
    }
}

#[cfg(test)]
mod tests;
