//! The file of the audit log, and what is still to go into it.

use super::{AgainLine, ApprovedLine, ChangeLine, PassLine, SentLine};
use crate::disk::{DiskJob, Fsync, write_fault};
use crate::model::ReasonCode;
use jiff::Timestamp;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Mode of a new file: it names people, and a group may be let read them. One that is there keeps its own.
const NEW_FILE: u32 = 0o640;

/// Is told whether the disk has taken a line.
pub(super) type Proof = oneshot::Sender<Result<(), String>>;

/// Request to the log file.
#[derive(Debug)]
pub(super) enum Request {
    Changes(Vec<ChangeLine>),
    Again(AgainLine),
    Sent {
        call: String,
        line: SentLine,
    },
    NotSent {
        time: Timestamp,
        call: String,
        result: ReasonCode,
        message: String,
    },
    /// A write of the lines that are left, proved by a line after a failure.
    Check(Timestamp),
    Pass {
        time: Timestamp,
        pass: PassLine,
        proved: Proof,
    },
    Approved {
        time: Timestamp,
        line: ApprovedLine,
        proved: Proof,
    },
    Reopen(Option<PathBuf>),
}

#[derive(Debug)]
pub(super) struct LogFile {
    path: Option<PathBuf>,
    fsync: Fsync,
    file: Option<File>,
    trouble: Option<Trouble>,
    /// Lines that could not be written yet.
    pending: Vec<u8>,
}

/// Error of the last line that could not be written, and the time of the first.
#[derive(Debug)]
struct Trouble {
    /// File of the last one.
    path: PathBuf,
    /// In words.
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
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Pass(&'a PassLine),
    Approved(&'a ApprovedLine),
    Sent {
        call: &'a str,
        #[serde(flatten)]
        line: &'a SentLine,
    },
    NotSent {
        call: &'a str,
        result: ReasonCode,
        message: &'a str,
    },
    Again(&'a AgainLine),
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
        self.state()
    }
}

impl LogFile {
    pub(super) fn new(path: Option<PathBuf>, fsync: Fsync) -> Self {
        Self {
            path,
            fsync,
            file: None,
            trouble: None,
            pending: Vec::new(),
        }
    }

    /// The error: the last line could not be written, in words.
    fn state(&self) -> Result<(), String> {
        match &self.trouble {
            Some(Trouble { path, error, .. }) if self.path.is_some() => {
                Err(format!("cannot write the audit log {}: {error}", path.display()))
            }
            _ => Ok(()),
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Changes(lines) => {
                let mut appended = lines.iter().map(|line| self.append(line));
                let written = appended.try_for_each(|line| line);
                let time = lines.first().map(|line| line.change.time);
                self.wrote(written, time.unwrap_or_default());
            }
            Request::Again(line) => self.write(line.time, Event::Again(&line)),
            Request::Sent { call, line } => self.write(
                line.time,
                Event::Sent {
                    call: &call,
                    line: &line,
                },
            ),
            Request::NotSent {
                time,
                call,
                result,
                message,
            } => {
                let (call, message) = (&call, &message);
                self.write(
                    time,
                    Event::NotSent {
                        call,
                        result,
                        message,
                    },
                );
            }
            Request::Check(time) => {
                let written = match self.trouble.take() {
                    None => self.flush(),
                    Some(trouble) => {
                        let Trouble { since, error, .. } = &trouble;
                        let event = Event::Resumed { since: *since, error };
                        let written = self.prove(&EventLine { time, event });
                        self.trouble = Some(trouble);
                        written
                    }
                };
                self.took(written, time);
            }
            Request::Pass { time, pass, proved } => {
                self.prove_event(time, Event::Pass(&pass), proved);
            }
            Request::Approved { time, line, proved } => {
                self.prove_event(time, Event::Approved(&line), proved);
            }
            Request::Reopen(path) => {
                self.path = path;
                self.file = None;
            }
        }
    }

    fn prove_event(&mut self, time: Timestamp, event: Event<'_>, proved: Proof) {
        let written = self.prove(&EventLine { time, event });
        self.took(written, time);
        // Who asked may be gone by now.
        let _ = proved.send(self.state());
    }

    /// Writes the line of an event, after those that are left.
    fn write(&mut self, time: Timestamp, event: Event<'_>) {
        let appended = self.append(&EventLine { time, event });
        self.wrote(appended, time);
    }

    /// Writes what was appended.
    fn wrote(&mut self, appended: io::Result<()>, time: Timestamp) {
        let written = appended.and_then(|()| self.flush());
        self.took(written, time);
    }

    /// Records whether the last line was written.
    fn took(&mut self, written: io::Result<()>, now: Timestamp) {
        let since = self.trouble.take().map_or(now, |trouble| trouble.since);
        self.trouble = written.err().map(|error| Trouble {
            path: self.path.clone().unwrap_or_default(),
            error: write_fault(&error),
            since,
        });
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
                let mut options = File::options();
                let file = options.create(true).append(true).mode(NEW_FILE).open(path)?;
                none.insert(file)
            }
        };
        if self.pending.is_empty() {
            return Ok(());
        }
        match append(file, &self.pending) {
            Ok(()) => {
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                self.file = None;
                Err(error)
            }
        }
    }
}

/// Writes all of this at the end of the file, or nothing: half a line would spoil the next one. Other processes write there, too.
fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let end = file.metadata()?.len();
    let mut left = bytes;
    while !left.is_empty() {
        let written = match file.write(left) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            written => written,
        };
        match written {
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) => {
                let ours = (bytes.len() - left.len()) as u64;
                // What others have written since stays. If the file cannot be cut, or is no plain one, a reader sees the half line.
                if file.metadata().is_ok_and(|meta| meta.len() == end + ours) {
                    let _ = file.set_len(end);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}
