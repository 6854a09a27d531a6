//! The file of the audit log, and what is still to go into it.

use super::{ChangeLine, PassLine};
use crate::disk::{DiskJob, Fsync};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Request to the log file.
#[derive(Debug)]
pub(super) enum Request {
    Change(ChangeLine),
    /// A write of the lines that are left, at this time.
    Flush(Timestamp),
    /// The same, proved by a line after a failure.
    Check(Timestamp),
    Pass {
        time: Timestamp,
        pass: PassLine,
        proved: oneshot::Sender<Result<(), String>>,
    },
    Reopen(Option<PathBuf>),
}

#[derive(Debug)]
pub(super) struct LogFile {
    path: Option<PathBuf>,
    fsync: Fsync,
    file: Option<File>,
    /// End of the last whole line.
    end: u64,
    trouble: Option<Trouble>,
    /// Lines that could not be written yet.
    pending: Vec<u8>,
}

/// Error of the last line that could not be written, and the time of the first.
#[derive(Debug)]
struct Trouble {
    error: String,
    since: Timestamp,
}

/// A line that is not of one change.
#[derive(Serialize)]
struct EventLine<'a> {
    time: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Pass(&'a PassLine),
    /// The log can be written again.
    Resumed {
        since: Timestamp,
        error: &'a str,
    },
}

impl DiskJob for LogFile {
    type Request = Vec<Request>;
    type Outcome = Result<(), String>;

    fn run(&mut self, requests: Vec<Request>) -> Self::Outcome {
        for request in requests {
            self.answer(request);
        }
        self.trouble
            .as_ref()
            .map_or(Ok(()), |trouble| Err(trouble.error.clone()))
    }
}

impl LogFile {
    pub(super) fn new(path: Option<PathBuf>, fsync: Fsync) -> Self {
        Self {
            path,
            fsync,
            file: None,
            end: 0,
            trouble: None,
            pending: Vec::new(),
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Change(line) => {
                let written = self.append(&line).and_then(|()| self.flush());
                // What became of it is this run's outcome.
                let _ = self.took(written, line.change.time);
            }
            Request::Flush(time) => {
                let written = self.flush();
                let _ = self.took(written, time);
            }
            Request::Check(time) => {
                let written = match self.trouble.take() {
                    None => self.flush(),
                    Some(trouble) => {
                        let Trouble { since, error } = &trouble;
                        let event = Event::Resumed { since: *since, error };
                        let written = self.prove(&EventLine { time, event });
                        self.trouble = Some(trouble);
                        written
                    }
                };
                let _ = self.took(written, time);
            }
            Request::Pass { time, pass, proved } => {
                let event = Event::Pass(&pass);
                let written = self.prove(&EventLine { time, event });
                // Who asked may be gone by now.
                let _ = proved.send(self.took(written, time));
            }
            Request::Reopen(path) => {
                self.path = path;
                self.file = None;
            }
        }
    }

    /// Records whether the last line was written.
    fn took(&mut self, written: io::Result<()>, now: Timestamp) -> Result<(), String> {
        let since = self.trouble.take().map_or(now, |trouble| trouble.since);
        let error = match written {
            Ok(()) => return Ok(()),
            Err(error) => error.to_string(),
        };
        self.trouble = Some(Trouble {
            error: error.clone(),
            since,
        });
        Err(error)
    }

    /// Writes a line and has the disk take it. If that fails, the line is no longer to be written, but those before it are.
    fn prove(&mut self, line: &impl Serialize) -> io::Result<()> {
        let before = self.pending.len();
        let written = self
            .append(line)
            .and_then(|()| self.flush())
            .and_then(|()| self.sync());
        if written.is_err() {
            self.pending.truncate(before);
        }
        written
    }

    /// Adds a line to those that are to be written. Without a file none is.
    fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        if self.path.is_none() {
            self.pending.clear();
            return Ok(());
        }
        serde_json::to_writer(&mut self.pending, line)?;
        self.pending.push(b'\n');
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        // A device has nothing to be synced.
        if !file.metadata()?.is_file() {
            return Ok(());
        }
        self.fsync.file(file).inspect_err(|_| self.file = None)
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
                // Half a line would spoil the next one. If even that fails, or the file is no plain one, a reader sees it.
                let _ = file.set_len(self.end);
                self.file = None;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AuditLog;
    use super::*;
    use crate::disk::gate::Gate;
    use crate::model::{Op, RoomId, UserId};
    use crate::status::Change;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::{advance, timeout};

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

    fn pass() -> PassLine {
        PassLine {
            plan: "sha256:1".into(),
            revision: None,
            rooms: 1,
            changes: 2,
            calls: 1,
        }
    }

    fn log(path: PathBuf) -> AuditLog {
        AuditLog::new(Some(path), Fsync::default(), &Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_a_change_and_a_failure_that_goes_on_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut audit = log(path.clone());
        audit.record(change("bob", "done"), None);
        for _ in 0..3 {
            audit.record(change("zed", "no_such_user"), Some("no"));
        }
        audit.record(change("zed", "done"), None);
        audit.record(change("zed", "done"), None);
        audit.writer().written().await.unwrap();
        fs::rename(&path, dir.path().join("old")).unwrap();
        audit.reopen(Some(path.clone()));
        audit.record(change("carol", "done"), None);
        audit.writer().written().await.unwrap();
        let old = fs::read_to_string(dir.path().join("old")).unwrap();
        insta::assert_snapshot!(old, @r#"
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"bob","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done"}
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"no_such_user","message":"no"}
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done","failures":2}
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done"}
        "#);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_is_found_out_by_a_line_and_what_it_kept_out_is_written_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
        let mut audit = log("/dev/full".into());
        let writer = audit.writer();
        writer.check(at(0));
        assert_eq!(writer.written().await, Ok(()), "nothing was to be written yet");
        let error = writer.prove(at(1), pass()).await.unwrap_err();
        assert_eq!(writer.trouble(), Some(error.clone()));
        audit.record(change("bob", "done"), None);
        assert_eq!(writer.written().await, Err(error.clone()));
        writer.check(at(3));
        assert_eq!(writer.written().await, Err(error));
        let path = dir.path().join("audit.jsonl");
        audit.reopen(Some(path.clone()));
        writer.check(at(4));
        writer.check(at(5));
        writer.prove(at(6), pass()).await.unwrap();
        assert_eq!(writer.trouble(), None);
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        {"time":"1970-01-01T00:00:00Z","room":"7","user":"bob","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done"}
        {"time":"1970-01-01T00:04:00Z","event":"resumed","since":"1970-01-01T00:01:00Z","error":"No space left on device (os error 28)"}
        {"time":"1970-01-01T00:06:00Z","event":"pass","plan":"sha256:1","revision":null,"rooms":1,"changes":2,"calls":1}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_disk_keeps_only_those_waiting_who_await_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let gate = Gate::default();
        let mut audit = AuditLog::new(Some(path.clone()), gate.fsync(), &Arc::default());
        gate.shut();
        let writer = audit.writer();
        let mut proof = tokio::spawn(async move { writer.prove(Timestamp::UNIX_EPOCH, pass()).await });
        tokio::task::yield_now().await;
        gate.until_one_waits();
        for n in 0..100 {
            audit.record(change(&format!("u{n}"), "done"), None);
        }
        assert_eq!(audit.writer().trouble(), None);
        for _ in 0..60 {
            advance(Duration::from_millis(100)).await;
            assert!(timeout(Duration::ZERO, &mut proof).await.is_err());
        }
        gate.open();
        assert_eq!(proof.await.unwrap(), Ok(()));
        assert_eq!(audit.writer().written().await, Ok(()));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 101);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_is_refused_and_without_a_path_nothing_is_kept() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut audit = log(path);
        audit.record(change("bob", "done"), None);
        let refused = audit.writer().written().await;
        assert_eq!(refused, Err("it is a pipe; name a file".to_owned()));
        audit.reopen(None);
        audit.record(change("eve", "done"), None);
        audit.writer().check(Timestamp::UNIX_EPOCH);
        assert_eq!(audit.writer().written().await, Ok(()));
        assert_eq!(audit.writer().prove(Timestamp::UNIX_EPOCH, pass()).await, Ok(()));
    }
}
