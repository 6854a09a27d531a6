//! State of the files by which a change is known.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// FileId of a file or directory, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
    /// Tells a new file from an old one whose inode it was given.
    born: Option<SystemTime>,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: metadata.created().ok(),
        }
    }
}

/// Names, sizes and times of everything that counts. Where they are the same, so are the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fingerprint {
    entries: Vec<Entry>,
    /// Time of the last change of a file.
    newest: Option<SystemTime>,
    /// Time of the last change of a link on the way to a file.
    relinked: Option<SystemTime>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    canonical: PathBuf,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Its times are left out: they change with every file in it that is none of ours.
    Directory(FileId),
    File {
        identity: FileId,
        size: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
    /// A link on the way.
    Link {
        identity: FileId,
        changed: (i64, i64),
    },
    Failed(String),
}

impl Fingerprint {
    /// Time of the last change of a file. `None` if there is no file.
    pub(crate) fn newest(&self) -> Option<SystemTime> {
        self.newest
    }

    /// A path whose state is another one than before, or that was not there, or no longer is.
    pub(crate) fn changed_since<'a>(&'a self, before: &'a Self) -> Option<&'a Path> {
        let differs = |own: &'a [Entry], other: &[Entry]| own.iter().find(|entry| !other.contains(entry));
        let (now, then) = (&self.entries, &before.entries);
        let path = now.iter().zip(then).find(|(now, then)| now != then);
        let path = path
            .map(|(now, _)| now)
            .or_else(|| differs(now, then))
            .or_else(|| differs(then, now));
        path.map(|entry| entry.path.as_path())
    }

    /// Time since a file or a link last changed. `None` if there is none, or if the clocks disagree.
    pub(crate) fn age(&self) -> Option<Duration> {
        SystemTime::now()
            .duration_since(self.newest.max(self.relinked)?)
            .ok()
    }

    /// Time since a link last changed. `None` as in [`Self::age`].
    pub(super) fn age_of_links(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.relinked?).ok()
    }

    pub(super) fn fail(&mut self, path: &Path, message: &str) {
        self.entries.push(Entry {
            path: path.to_owned(),
            canonical: PathBuf::new(),
            state: State::Failed(message.to_owned()),
        });
    }

    /// Records a file or a directory.
    pub(super) fn note(&mut self, path: &Path, canonical: &Path, metadata: &Metadata) {
        let identity = FileId::of(metadata);
        let state = if metadata.is_dir() {
            State::Directory(identity)
        } else {
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            self.newest = self.newest.max(time(changed));
            State::File {
                identity,
                size: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed,
            }
        };
        self.entries.push(Entry {
            path: path.to_owned(),
            canonical: canonical.to_owned(),
            state,
        });
    }

    /// Records a link on the way. A link that is swapped and swapped back leads to the same files, but is another one.
    pub(super) fn note_link(&mut self, path: &Path, metadata: &Metadata) {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        self.relinked = self.relinked.max(time(changed));
        self.entries.push(Entry {
            path: path.to_owned(),
            canonical: PathBuf::new(),
            state: State::Link {
                identity: FileId::of(metadata),
                changed,
            },
        });
    }
}

fn time((seconds, nanoseconds): (i64, i64)) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}
