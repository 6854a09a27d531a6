//! What there is to be read, and what would tell that it changed.

use super::unreadable;
use crate::desired::problem::Complaint;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// The files that are there to be read.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// By their names in the digest, so that neither the order of the paths nor that of the disk counts.
    pub(super) found: Vec<Found>,
    /// What cannot be read, and why.
    pub(super) failed: Vec<(PathBuf, Complaint)>,
    /// The state of all this.
    pub(crate) stamp: Stamp,
    /// Where a change would show, by their canonical paths.
    pub(crate) folders: BTreeMap<PathBuf, Folder>,
}

/// A file to be read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Below the path it was found by, `/` between; the same wherever a checkout lies.
    pub(super) relative: Vec<u8>,
    pub(super) identity: Identity,
}

/// Which file or directory it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    /// Tells a new file from an old one whose inode it was given.
    born: Option<SystemTime>,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: metadata.created().ok(),
        }
    }
}

/// Names, sizes and times of everything that counts. Where they are the same, so are the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    entries: Vec<Entry>,
    /// When a file last changed.
    newest: Option<SystemTime>,
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
    Directory(Identity),
    File {
        identity: Identity,
        size: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
    Failed(String),
}

impl Stamp {
    /// When a file last changed; `None`: there is none.
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

    /// How long ago a file last changed; `None`: there is none, or the clocks disagree.
    pub(crate) fn age(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.newest?).ok()
    }
}

/// A directory where a change would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Which directory it is.
    pub(crate) identity: Identity,
    /// Whether every room file in it is read.
    pub(crate) walked: bool,
    /// The entries that something depends on otherwise: roots, links on the way, and what they lead to.
    pub(crate) names: BTreeSet<OsString>,
}

impl Listing {
    /// Finds the files named, and those in the directories named.
    pub(crate) fn of(paths: &[PathBuf], settings_file: Option<&Path>) -> Self {
        let mut search = Search {
            settings_file: settings_file.and_then(|path| fs::canonicalize(path).ok()),
            seen: BTreeSet::new(),
            listing: Self::default(),
        };
        for path in paths {
            search.root(path);
        }
        let Search { mut listing, .. } = search;
        listing.found.sort_by(|a, b| a.relative.cmp(&b.relative));
        listing
    }

    fn fail(&mut self, path: &Path, complaint: Complaint) {
        self.stamp.entries.push(Entry {
            path: path.to_owned(),
            canonical: PathBuf::new(),
            state: State::Failed(complaint.message.clone()),
        });
        self.failed.push((path.to_owned(), complaint));
    }

    fn note(&mut self, path: &Path, canonical: &Path, metadata: &Metadata) {
        let identity = Identity::of(metadata);
        let state = if metadata.is_dir() {
            State::Directory(identity)
        } else {
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            self.stamp.newest = self.stamp.newest.max(time(changed));
            State::File {
                identity,
                size: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed,
            }
        };
        self.stamp.entries.push(Entry {
            path: path.to_owned(),
            canonical: canonical.to_owned(),
            state,
        });
    }

    /// The folder of that canonical path, where it is one.
    fn folder(&mut self, path: &Path, identity: Option<Identity>) -> Option<&mut Folder> {
        if !self.folders.contains_key(path) {
            let identity = match identity {
                Some(identity) => identity,
                None => Identity::of(&fs::metadata(path).ok()?),
            };
            let folder = Folder {
                identity,
                walked: false,
                names: BTreeSet::new(),
            };
            self.folders.insert(path.to_owned(), folder);
        }
        self.folders.get_mut(path)
    }

    fn depends_on(&mut self, folder: &Path, name: &std::ffi::OsStr) {
        if let Some(folder) = self.folder(folder, None) {
            folder.names.insert(name.to_owned());
        }
    }

    /// Notes what the path depends on, so that a change of what it leads to is seen: each link on the way, its end, and
    /// where it breaks off. `from` is a canonical path, `path` one below it.
    fn trace(&mut self, from: &Path, path: &Path) {
        let mut at = from.to_owned();
        let mut rest: VecDeque<OsString> = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::RootDir | Component::Prefix(_)) => at = PathBuf::from(&part),
                Some(Component::ParentDir) => {
                    at.pop();
                }
                Some(Component::CurDir) | None => {}
                Some(Component::Normal(name)) => {
                    let next = at.join(name);
                    let metadata = fs::symlink_metadata(&next);
                    let link = metadata.as_ref().is_ok_and(Metadata::is_symlink);
                    if link || metadata.is_err() || rest.is_empty() {
                        self.depends_on(&at, name);
                    }
                    if metadata.is_err() {
                        return;
                    }
                    if link && links < MOST_LINKS {
                        links += 1;
                        let target = fs::read_link(&next).unwrap_or_default();
                        for part in parts(&target).into_iter().rev() {
                            rest.push_front(part);
                        }
                    } else {
                        at = next;
                    }
                }
            }
        }
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

fn time((seconds, nanoseconds): (i64, i64)) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

struct Search {
    settings_file: Option<PathBuf>,
    /// Canonical paths of the files and directories met.
    seen: BTreeSet<PathBuf>,
    listing: Listing,
}

impl Search {
    /// Searches a path that the user named.
    fn root(&mut self, path: &Path) {
        if let Ok(absolute) = std::path::absolute(path) {
            self.listing.trace(Path::new("/"), &absolute);
        }
        let result = fs::canonicalize(path).and_then(|canonical| Ok((fs::metadata(path)?, canonical)));
        let (metadata, canonical) = match result {
            Ok(result) => result,
            Err(error) => return self.listing.fail(path, unreadable(&error)),
        };
        if metadata.is_dir() {
            let before = (self.listing.found.len(), self.listing.failed.len());
            if self.seen.contains(&canonical) {
                return;
            }
            self.directory(path, canonical, &metadata, b"", &mut Vec::new());
            if before == (self.listing.found.len(), self.listing.failed.len()) {
                let complaint = Complaint::new(
                    "empty-directory",
                    "there is no *.yaml or *.yml file in this directory",
                )
                .help("check the path; is everything mounted?");
                self.listing.fail(path, complaint);
            }
        } else if self.settings_file.as_ref() == Some(&canonical) {
            let complaint = Complaint::new(
                "settings-file",
                "this is the settings file: it cannot be a room file too",
            )
            .help("put the rooms into a file of their own");
            self.listing.fail(path, complaint);
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            self.file(path, canonical, &metadata, name.as_encoded_bytes().to_vec());
        }
    }

    fn file(&mut self, path: &Path, canonical: PathBuf, metadata: &Metadata, relative: Vec<u8>) {
        self.listing.note(path, &canonical, metadata);
        if self.seen.insert(canonical) {
            self.listing.found.push(Found {
                path: path.to_owned(),
                relative,
                identity: Identity::of(metadata),
            });
        }
    }

    /// Searches a directory; `above` are the canonical paths of those it lies in, as it was reached.
    fn directory(
        &mut self,
        path: &Path,
        canonical: PathBuf,
        metadata: &Metadata,
        relative: &[u8],
        above: &mut Vec<PathBuf>,
    ) {
        self.listing.note(path, &canonical, metadata);
        if above.contains(&canonical) {
            let complaint =
                Complaint::new("link-loop", "this link leads back to a directory that it lies in")
                    .help("remove the link");
            return self.listing.fail(path, complaint);
        }
        if !self.seen.insert(canonical.clone()) {
            return;
        }
        if let Some(folder) = self.listing.folder(&canonical, Some(Identity::of(metadata))) {
            folder.walked = true;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.listing.fail(path, unreadable(&error)),
        };
        // Sorted, because a file that is reached twice goes by its first name.
        entries.sort_by_key(fs::DirEntry::file_name);
        above.push(canonical);
        for entry in entries {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if !name.starts_with(b".") {
                let relative = match relative {
                    [] => name.to_vec(),
                    above => [above, name].join(&b'/'),
                };
                self.entry(&entry, relative, above);
            }
        }
        above.pop();
    }

    fn entry(&mut self, entry: &fs::DirEntry, relative: Vec<u8>, above: &mut Vec<PathBuf>) {
        let path = &entry.path();
        let (metadata, canonical) = match self.follow(entry, above.last()) {
            // Through links; one that leads nowhere is an error, because what it should lead to may be rooms.
            Err(error) => return self.listing.fail(path, unreadable(&error)),
            Ok(result) => result,
        };
        if metadata.is_dir() {
            return self.directory(path, canonical, &metadata, &relative, above);
        }
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && self.settings_file.as_ref() != Some(&canonical) {
            self.file(path, canonical, &metadata, relative);
        }
    }

    /// What an entry is, and where it leads. Only links are worth the walk from the root.
    fn follow(&mut self, entry: &fs::DirEntry, above: Option<&PathBuf>) -> io::Result<(Metadata, PathBuf)> {
        if let Some(above) = above {
            if !entry.file_type()?.is_symlink() {
                return Ok((entry.metadata()?, above.join(entry.file_name())));
            }
            self.listing.trace(above, Path::new(&entry.file_name()));
        }
        let path = entry.path();
        Ok((fs::metadata(&path)?, fs::canonicalize(&path)?))
    }
}
