//! The file that pauses the daemon, and what it says of the pause.

use super::Place;
use crate::disk::DiskJob;
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
/// File that names the users of this machine.
const USERS: &str = "/etc/passwd";

/// The file `pause`: while it is there, nothing is written to the service.
#[derive(Debug)]
pub(super) struct PauseFile {
    folder: Place,
    pub(super) path: PathBuf,
    /// The last pause found, and the file that it was read from.
    known: Option<(Identity, Pause)>,
}

/// A pause by the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Pause {
    /// Time at which the file was written.
    pub(in crate::daemon) since: Timestamp,
    /// Owner of the file.
    pub(in crate::daemon) by: String,
    /// First line of the file, if there is one.
    pub(in crate::daemon) why: Option<String>,
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
        let pause = Pause {
            since: metadata
                .modified()
                .ok()
                .and_then(|time| Timestamp::try_from(time).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            by: name_of(metadata.uid()),
            // To open a pipe would wait for somebody to write to it.
            why: metadata.is_file().then(|| self.reason()).flatten(),
        };
        self.known = Some((identity, pause.clone()));
        Ok(Some(pause))
    }

    /// First line of the file, not of another one that it is a link to. Whatever keeps it from being read, the file pauses the daemon
    /// by being there.
    fn reason(&self) -> Option<String> {
        let mut bytes = Vec::new();
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(flags)
            .open(&self.path)
            .and_then(|file| file.take(MOST_READ).read_to_end(&mut bytes))
            .ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next()?.trim();
        let shown: String = line.chars().take(MOST_SHOWN).collect();
        (!shown.is_empty()).then(|| printable(&shown).into_owned())
    }
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

/// Name of a user of this machine, or else the number.
fn name_of(owner: u32) -> String {
    let users = fs::read_to_string(USERS).unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == owner && !name.is_empty()).then(|| printable(name).into_owned())
    });
    name.unwrap_or_else(|| format!("user {owner}"))
}

impl DiskJob for PauseFile {
    type Request = ();
    type Outcome = Result<Option<Pause>, String>;

    fn run(&mut self, (): ()) -> Self::Outcome {
        self.find().map_err(|error| error.to_string())
    }
}
