//! The audit log: a JSON line a change. What cannot be written down is not done.
//!
//! Before a pass writes to the service, a line of the pass itself is written and synced; the disk has to take it first. So is a
//! line once the log can be written again. Lines of changes have an `op`, these have an `event`:
//! `{"time", "event": "pass", "plan", "revision", "rooms", "changes", "calls"}` and
//! `{"time", "event": "resumed", "since", "error"}`.

use crate::model::{Op, RoomId, UserId};
use crate::web::Change;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

/// More failures than this are not remembered for being counted.
const MOST_REMEMBERED: usize = 10_000;

/// The file, and what is still to go into it.
#[derive(Debug)]
pub(super) struct Audit {
    path: Option<PathBuf>,
    file: Option<File>,
    /// Where the last whole line ends.
    end: u64,
    trouble: Option<Trouble>,
    /// Lines that could not be written yet.
    pending: Vec<u8>,
    /// Failures that were written down, and how often they have come since.
    said: HashMap<(RoomId, UserId, Op), (String, u64)>,
}

/// Error of the last line that could not be written, and the time of the first.
#[derive(Debug)]
struct Trouble {
    error: String,
    since: Timestamp,
}

/// A line that is not of one change.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event<'a> {
    /// A pass begins to write to the service.
    Pass {
        plan: &'a str,
        revision: Option<&'a str>,
        /// Rooms that change.
        rooms: usize,
        /// People who are added, promoted, demoted or removed.
        changes: usize,
        calls: usize,
    },
    /// The log can be written again.
    Resumed { since: Timestamp, error: String },
}

#[derive(Serialize)]
struct EventLine<'a> {
    time: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    change: &'a Change,
    /// What the service said.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// How often the same had failed before without a line of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
}

impl Audit {
    /// `None`: no log is kept.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            file: None,
            end: 0,
            trouble: None,
            pending: Vec::new(),
            said: HashMap::new(),
        }
    }

    /// Closes the file; the next line opens it anew, under its name.
    pub(super) fn reopen(&mut self, path: Option<PathBuf>) {
        self.path = path;
        self.file = None;
    }

    /// Checks that more can be written. After a failure a new line must prove it.
    pub(super) fn ready(&mut self, now: Timestamp) -> io::Result<()> {
        match &self.trouble {
            None => self.flush(),
            Some(Trouble { error, since }) => {
                let (since, error) = (*since, error.clone());
                self.prove(now, Event::Resumed { since, error })
            }
        }
    }

    /// Writes a line and has the disk take it.
    pub(super) fn prove(&mut self, time: Timestamp, event: Event<'_>) -> io::Result<()> {
        if self.path.is_none() {
            self.pending.clear();
            return Ok(());
        }
        let before = self.pending.len();
        serde_json::to_writer(&mut self.pending, &EventLine { time, event })?;
        self.pending.push(b'\n');
        let written = self.flush().and_then(|()| self.sync());
        if written.is_err() {
            // What was to be proved is not so, but what was done stays to be written down.
            self.pending.truncate(before);
        }
        written
    }

    /// Why it cannot be written, if so.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.error.as_str())
    }

    /// Records whether the last line was written.
    pub(super) fn took(&mut self, written: io::Result<()>, now: Timestamp) -> Result<(), String> {
        let since = self.trouble.take().map_or(now, |trouble| trouble.since);
        let Err(error) = written else { return Ok(()) };
        let error = error.to_string();
        self.trouble = Some(Trouble {
            error: error.clone(),
            since,
        });
        Err(error)
    }

    /// Takes down a change, and gives it to the file. A failure that goes on is counted, and not repeated.
    pub(super) fn record(&mut self, change: &Change, message: Option<&str>) -> io::Result<()> {
        if self.path.is_none() {
            return Ok(());
        }
        let key = (change.room.clone(), change.user.clone(), change.op);
        let mut failures = None;
        if let Some((result, times)) = self.said.get_mut(&key) {
            if *result == change.result {
                *times += 1;
                return self.flush();
            }
            failures = Some(*times).filter(|times| *times > 0);
        }
        self.said.remove(&key);
        if message.is_some() {
            if self.said.len() >= MOST_REMEMBERED {
                self.said.clear();
            }
            self.said.insert(key, (change.result.clone(), 0));
        }
        let line = Line {
            change,
            message,
            failures,
        };
        serde_json::to_writer(&mut self.pending, &line)?;
        self.pending.push(b'\n');
        self.flush()
    }

    fn sync(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        // A device has nothing to be synced.
        if !file.metadata()?.is_file() {
            return Ok(());
        }
        file.sync_data().inspect_err(|_| self.file = None)
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                // A pipe without a reader would keep the daemon from moving.
                if fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo()) {
                    return Err(io::Error::other("it is a pipe; name a file"));
                }
                let file = File::options().create(true).append(true).open(path)?;
                self.end = file.metadata()?.len();
                none.insert(file)
            }
        };
        if self.pending.is_empty() {
            return Ok(());
        }
        match file.write_all(&self.pending) {
            Ok(()) => {
                self.end += self.pending.len() as u64;
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                // Half a line would spoil the next one. Where even that fails, or the file is no plain one, a reader sees it.
                let _ = file.set_len(self.end);
                self.file = None;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn change(user: &str, result: &str) -> Change {
        Change {
            time: Timestamp::UNIX_EPOCH,
            room: RoomId::parse("7").unwrap(),
            user: UserId::parse(user).unwrap(),
            op: Op::Add,
            plan: "sha256:1".into(),
            revision: Some("5ca1ab1e".into()),
            file: Some("rooms/a.yaml".into()),
            line: Some(3),
            result: result.into(),
        }
    }

    #[test]
    fn a_line_a_change_and_a_failure_that_goes_on_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut audit = Audit::new(Some(path.clone()));
        audit.record(&change("bob", "done"), None).unwrap();
        for _ in 0..3 {
            audit.record(&change("zed", "no_such_user"), Some("no")).unwrap();
        }
        audit.record(&change("zed", "done"), None).unwrap();
        audit.record(&change("zed", "done"), None).unwrap();
        fs::rename(&path, dir.path().join("old")).unwrap();
        audit.reopen(Some(path.clone()));
        audit.record(&change("carol", "done"), None).unwrap();
        let old = fs::read_to_string(dir.path().join("old")).unwrap();
        insta::assert_snapshot!(old, @r#"
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"bob","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done"}
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"no_such_user","message":"no"}
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done","failures":2}
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done"}
        "#);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_full_disk_is_found_out_by_a_line_and_what_it_kept_out_is_written_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
        let pass = || Event::Pass {
            plan: "sha256:1",
            revision: None,
            rooms: 1,
            changes: 2,
            calls: 1,
        };
        let mut audit = Audit::new(Some("/dev/full".into()));
        assert!(audit.ready(at(0)).is_ok(), "nothing was to be written yet");
        let written = audit.prove(at(1), pass());
        assert!(audit.took(written, at(1)).is_err());
        let written = audit.record(&change("bob", "done"), None);
        assert!(audit.took(written, at(2)).is_err());
        let written = audit.ready(at(3));
        assert!(audit.took(written, at(3)).is_err());
        let path = dir.path().join("audit.jsonl");
        audit.reopen(Some(path.clone()));
        let written = audit.ready(at(4));
        audit.took(written, at(4)).unwrap();
        audit.ready(at(5)).unwrap();
        audit.prove(at(6), pass()).unwrap();
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"bob","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done"}
        {"time":"1970-01-01T00:04:00Z","event":"resumed","since":"1970-01-01T00:01:00Z","error":"No space left on device (os error 28)"}
        {"time":"1970-01-01T00:06:00Z","event":"pass","plan":"sha256:1","revision":null,"rooms":1,"changes":2,"calls":1}
        "#);
    }
}
