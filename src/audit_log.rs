//! The audit log: a JSON line a change. What cannot be written down is not done.
//!
//! Before a pass writes to the service, a line of the pass itself is written and synced; the disk has to take it first. So is a
//! line once the log can be written again. Lines of changes have an `op`, these have an `event`:
//! `{"time", "event": "pass", "plan", "revision", "rooms", "changes", "calls"}` and
//! `{"time", "event": "resumed", "since", "error"}`.
//!
//! Lines are written off the loop, in the order in which they were given.

mod file;

use crate::disk::{DiskWorker, Fsync};
use crate::model::{Op, RoomId, UserId};
use crate::status::Change;
use file::{LogFile, Request};
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
    /// Failures that have a line, with their result and the number of times that they have come since.
    failures: HashMap<(RoomId, UserId, Op), (String, u64)>,
}

/// Writes the log's lines. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter(DiskWorker<LogFile>);

/// A pass that begins to write to the service.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PassLine {
    pub(crate) plan: String,
    pub(crate) revision: Option<String>,
    /// Rooms that change.
    pub(crate) rooms: usize,
    /// People who are added, promoted, demoted or removed.
    pub(crate) changes: usize,
    pub(crate) calls: usize,
}

#[derive(Debug, Serialize)]
struct ChangeLine {
    #[serde(flatten)]
    change: Change,
    /// Answer of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Number of times that the same had failed before without a line of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
}

impl AuditLog {
    /// `None`: no log is kept. `changed` is notified when writing begins to fail or no longer fails.
    pub(crate) fn new(path: Option<PathBuf>, fsync: Fsync, changed: &Arc<Notify>) -> Self {
        let is_kept = path.is_some();
        let writer = DiskWorker::new(LogFile::new(path, fsync), Ok(()), Arc::clone(changed));
        Self {
            writer: LogWriter(writer),
            is_kept,
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

    /// Has a change written. A failure that goes on is counted, and not repeated.
    pub(crate) fn record(&mut self, change: Change, message: Option<&str>) {
        if !self.is_kept {
            return;
        }
        let key = (change.room.clone(), change.user.clone(), change.op);
        let time = change.time;
        let mut failures = None;
        if let Some((result, times)) = self.failures.get_mut(&key) {
            if *result == change.result {
                *times += 1;
                return self.writer.ask(Request::Flush(time));
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
        self.writer.ask(Request::Change(ChangeLine {
            change,
            message: message.map(ToOwned::to_owned),
            failures,
        }));
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
        let (proved, proof) = oneshot::channel();
        self.ask(Request::Pass { time, pass, proved });
        let _ = self.written().await;
        // Nobody drops the sender: a run answers each request.
        proof.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    fn ask(&self, request: Request) {
        self.0.ask(|requests| requests.push(request));
    }
}
