//! The file that pauses the daemon, and what it says of the pause.
//!
//! Its first line is the reason. Lines `by: NAME` and `until: TIME` may follow, which `roomsync pause` writes. A file that says nothing,
//! or cannot be read, pauses all the same, and without an end.

use super::{PAUSE, Place};
use crate::disk::{DiskJob, user_name};
use crate::model::printable;
use jiff::Timestamp;
use rustix::fs::OFlags;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// Most bytes of the file that are read.
const MOST_READ: u64 = 1024;
/// Most characters of its reason that are shown.
const MOST_SHOWN: usize = 200;
/// Names of its lines.
const BY: &str = "by: ";
const UNTIL: &str = "until: ";

/// The file `pause`: while it is there, nothing is written to the service.
#[derive(Debug)]
pub(super) struct PauseFile {
    folder: Place,
    pub(super) path: PathBuf,
    /// The last pause found, and the file that it was read from.
    known: Option<(Identity, Pause)>,
    changed: Result<(), String>,
}

/// A pause by the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Pause {
    /// Time at which the file was written.
    pub(in crate::daemon) since: Timestamp,
    /// Whoever the file names, or else its owner.
    pub(in crate::daemon) by: String,
    /// First line of the file, if there is one.
    pub(in crate::daemon) why: Option<String>,
    /// Its end. `None`: somebody has to end it.
    pub(in crate::daemon) until: Option<Timestamp>,
}

impl Pause {
    /// True if its end has come.
    pub(in crate::daemon) fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// A pause to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct NewPause {
    /// Whoever asks for it.
    pub(in crate::daemon) by: Option<String>,
    /// The reason.
    pub(in crate::daemon) why: Option<String>,
    /// Its end.
    pub(in crate::daemon) until: Option<Timestamp>,
}

/// Change to the pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum PauseChange {
    /// It begins, in place of one that goes on.
    Begin(NewPause),
    /// It ends, whoever began it.
    End,
    /// It ends if this is still its end.
    Over(Timestamp),
}

/// State of the pause on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct PauseOutcome {
    /// The pause, if the file is there. The error: the folder is out of reach.
    pub(in crate::daemon) found: Result<Option<Pause>, String>,
    /// Error of the last change.
    pub(in crate::daemon) changed: Result<(), String>,
}

/// A file as it was when it was read.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    file: (u64, u64),
    written: (i64, i64),
    size: u64,
    owner: u32,
}

impl PauseFile {
    pub(super) fn new(folder: Place, path: PathBuf) -> Self {
        Self {
            folder,
            path,
            known: None,
            changed: Ok(()),
        }
    }

    /// The pause, if the file is there. Fails if the folder is not the one that was taken, as when a disk is no longer mounted there.
    pub(super) fn find(&mut self) -> io::Result<Option<Pause>> {
        self.folder.is_the_one_taken()?;
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.known = None;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let identity = Identity::of(&metadata);
        if let Some((known, pause)) = &self.known
            && *known == identity
        {
            return Ok(Some(pause.clone()));
        }
        // To open a pipe would wait for somebody to write to it.
        let text = metadata.is_file().then(|| self.text()).flatten();
        let mut lines = text.iter().flat_map(|text| text.lines());
        let why = lines.next().and_then(shown);
        let fields = || lines.clone();
        let pause = Pause {
            since: metadata
                .modified()
                .ok()
                .and_then(|time| Timestamp::try_from(time).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            by: field(fields(), BY)
                .and_then(shown)
                .unwrap_or_else(|| printable(&user_name(metadata.uid())).into_owned()),
            why,
            until: field(fields(), UNTIL).and_then(|until| until.parse().ok()),
        };
        self.known = Some((identity, pause.clone()));
        Ok(Some(pause))
    }

    /// Text of the file, not of another one that it is a link to. Whatever keeps it from being read, the file pauses the daemon by being
    /// there.
    fn text(&self) -> Option<String> {
        let mut bytes = Vec::new();
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(flags)
            .open(&self.path)
            .and_then(|file| file.take(MOST_READ).read_to_end(&mut bytes))
            .ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn change(&mut self, change: &PauseChange) -> io::Result<()> {
        if !self.folder.is_taken() {
            return Err(io::Error::other("a dry run writes nothing into `state_dir`"));
        }
        match change {
            PauseChange::Begin(pause) => self.folder.put(PAUSE, [pause.to_text().as_bytes(), b""])?,
            PauseChange::End => self.remove()?,
            PauseChange::Over(end) => {
                if self.find()?.is_some_and(|pause| pause.until == Some(*end)) {
                    self.remove()?;
                }
            }
        }
        self.folder.sync()
    }

    fn remove(&self) -> io::Result<()> {
        self.folder.is_the_one_taken()?;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl NewPause {
    fn to_text(&self) -> String {
        let Self { by, why, until } = self;
        let line = |text: &Option<String>| text.as_deref().and_then(shown).unwrap_or_default();
        let mut text = format!("{}\n", line(why));
        if by.is_some() {
            text += &format!("{BY}{}\n", line(by));
        }
        if let Some(until) = until {
            text += &format!("{UNTIL}{until}\n");
        }
        text
    }
}

/// A line as it is shown: without what could move the cursor, and not too long. `None`: there is nothing to show.
fn shown(line: &str) -> Option<String> {
    let line: String = printable(line.trim()).chars().take(MOST_SHOWN).collect();
    (!line.is_empty()).then_some(line)
}

/// Value of the line with this name.
fn field<'t>(mut lines: impl Iterator<Item = &'t str>, name: &str) -> Option<&'t str> {
    lines.find_map(|line| line.strip_prefix(name)).map(str::trim)
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.len(),
            owner: metadata.uid(),
        }
    }
}

impl DiskJob for PauseFile {
    /// The last change asked for counts.
    type Request = Option<PauseChange>;
    type Outcome = PauseOutcome;

    fn run(&mut self, change: Option<PauseChange>) -> PauseOutcome {
        if let Some(change) = change {
            let changed = self.change(&change).map_err(|error| error.to_string());
            // Nobody waits for what time alone asks for.
            if !matches!(change, PauseChange::Over(_)) {
                self.changed = changed;
            }
        }
        PauseOutcome {
            found: self.find().map_err(|error| error.to_string()),
            changed: self.changed.clone(),
        }
    }
}
