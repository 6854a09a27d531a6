//! Finds and reads the files; the only place here that touches the disk.

use super::problem::{At, Complaint, Place, Problem};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Far past any file that people write, and little enough to hold in memory.
const LARGEST_FILE: u64 = 64 << 20;

/// A file as it was read, or as much of it as could be.
#[derive(Debug)]
pub(crate) struct File {
    /// What it is called in messages.
    pub(crate) name: String,
    /// Its text without a byte order mark; bytes that are not UTF-8 are replaced.
    pub(crate) text: String,
    /// `None`: it could not be read.
    pub(crate) content: Option<Content>,
}

/// What the bytes of a file come to.
#[derive(Debug)]
pub(crate) struct Content {
    /// Their SHA-256.
    pub(crate) digest: [u8; 32],
}

/// Files in the order of their names, what is wrong with them, and what they come to.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) files: Vec<File>,
    /// Those of `files` whose text is what is on the disk.
    pub(crate) good: Vec<usize>,
    pub(crate) problems: Vec<Problem>,
    /// As in [`super::Source`].
    pub(crate) digest: String,
}

/// Reads room files: those named, and those in the directories named.
pub(crate) fn read_set(paths: &[PathBuf], settings_file: Option<&Path>) -> Set {
    let mut search = Search {
        settings_file: settings_file.and_then(|path| fs::canonicalize(path).ok()),
        seen: BTreeSet::new(),
        found: Vec::new(),
        set: Set::default(),
    };
    for path in paths {
        search.root(path);
    }
    let Search {
        mut found, mut set, ..
    } = search;
    // By the names in the digest, so that neither the order of the paths nor that of the disk counts.
    found.sort_by(|a, b| a.relative.cmp(&b.relative));
    let mut hash = Sha256::new();
    for Found { path, relative } in found {
        set.add(&path, |bytes| {
            for part in [relative.as_slice(), bytes] {
                // With its length before it, no two sets come to the same bytes.
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        });
    }
    set.digest = shown_digest(&hash.finalize());
    set
}

/// A SHA-256 as it is shown.
pub(super) fn shown_digest(digest: &[u8]) -> String {
    digest.iter().fold("sha256:".to_owned(), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Reads one file.
pub(crate) fn read_file(path: &Path) -> Set {
    let mut set = Set::default();
    set.add(path, |_| ());
    set
}

impl Set {
    /// Reads a file into the set, and shows its bytes to `look`.
    fn add(&mut self, path: &Path, look: impl FnOnce(&[u8])) {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(complaint) => return self.fail(path, complaint),
        };
        look(&bytes);
        let file = self.files.len();
        let (text, content, problem) = text(file, bytes);
        self.files.push(File {
            name: name_of(path),
            text,
            content: Some(content),
        });
        match problem {
            None => self.good.push(file),
            Some(problem) => self.problems.push(problem),
        }
    }

    /// Records an error about a path that cannot be read.
    fn fail(&mut self, path: &Path, complaint: Complaint) {
        let place = Place {
            file: self.files.len(),
            at: At::File,
        };
        self.files.push(File {
            name: name_of(path),
            text: String::new(),
            content: None,
        });
        self.problems.push(Problem::error(place, complaint));
    }
}

/// What a path is called in messages: control characters in it do nothing to a terminal.
fn name_of(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .map(|c| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// Reads the bytes of a regular file, within [`LARGEST_FILE`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Complaint> {
    // Asked first, because opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(Complaint::new("unreadable", "this is not a file"));
    }
    let too_large = || {
        Complaint::new(
            "too-large",
            format!("the file is larger than {} MiB", LARGEST_FILE >> 20),
        )
        .help("spread its rooms over several files")
    };
    if metadata.len() > LARGEST_FILE {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    // It may have grown since.
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> Complaint {
    let complaint = Complaint::new("unreadable", format!("cannot read this: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => complaint.help("check the path; is everything mounted?"),
        io::ErrorKind::PermissionDenied => complaint.help("let the user that runs roomsync read it"),
        _ => complaint,
    }
}

/// The text in a file's bytes, what else they come to, and what is wrong with them.
fn text(file: usize, bytes: Vec<u8>) -> (String, Content, Option<Problem>) {
    let content = Content {
        digest: Sha256::digest(&bytes).into(),
    };
    let (mut text, valid_up_to) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let valid_up_to = error.utf8_error().valid_up_to();
            (text, Some(valid_up_to))
        }
    };
    // Editors on Windows write one; the parser refuses it.
    let mark = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    text.drain(..mark);
    let problem = valid_up_to.map(|byte| {
        let place = Place {
            file,
            at: At::Byte(byte.saturating_sub(mark)),
        };
        let complaint = Complaint::new("not-utf8", "this is not UTF-8 text").help("save the file as UTF-8");
        Problem::error(place, complaint)
    });
    (text, content, problem)
}

/// A file to be read.
struct Found {
    path: PathBuf,
    /// Below the path it was found by, `/` between; the same wherever a checkout lies.
    relative: Vec<u8>,
}

struct Search {
    settings_file: Option<PathBuf>,
    /// Canonical paths of the files and directories met.
    seen: BTreeSet<PathBuf>,
    found: Vec<Found>,
    set: Set,
}

impl Search {
    /// Searches a path that the user named.
    fn root(&mut self, path: &Path) {
        let result = fs::canonicalize(path).and_then(|canonical| Ok((fs::metadata(path)?, canonical)));
        let (metadata, canonical) = match result {
            Ok(result) => result,
            Err(error) => return self.set.fail(path, unreadable(&error)),
        };
        if metadata.is_dir() {
            let before = (self.found.len(), self.set.problems.len());
            if self.seen.contains(&canonical) {
                return;
            }
            self.directory(path, canonical, b"", &mut Vec::new());
            if before == (self.found.len(), self.set.problems.len()) {
                let complaint = Complaint::new(
                    "empty-directory",
                    "there is no *.yaml or *.yml file in this directory",
                )
                .help("check the path; is everything mounted?");
                self.set.fail(path, complaint);
            }
        } else if self.settings_file.as_ref() == Some(&canonical) {
            let complaint = Complaint::new(
                "settings-file",
                "this is the settings file: it cannot be a room file too",
            )
            .help("put the rooms into a file of their own");
            self.set.fail(path, complaint);
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            self.file(path, canonical, name.as_encoded_bytes().to_vec());
        }
    }

    fn file(&mut self, path: &Path, canonical: PathBuf, relative: Vec<u8>) {
        if self.seen.insert(canonical) {
            self.found.push(Found {
                path: path.to_owned(),
                relative,
            });
        }
    }

    /// Searches a directory; `above` are the canonical paths of those it lies in, as it was reached.
    fn directory(&mut self, path: &Path, canonical: PathBuf, relative: &[u8], above: &mut Vec<PathBuf>) {
        if above.contains(&canonical) {
            let complaint =
                Complaint::new("link-loop", "this link leads back to a directory that it lies in")
                    .help("remove the link");
            return self.set.fail(path, complaint);
        }
        if !self.seen.insert(canonical.clone()) {
            return;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.set.fail(path, unreadable(&error)),
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
                self.entry(&entry.path(), relative, above);
            }
        }
        above.pop();
    }

    fn entry(&mut self, path: &Path, relative: Vec<u8>, above: &mut Vec<PathBuf>) {
        // Through links; one that leads nowhere is an error, because what it should lead to may be rooms.
        let result = fs::canonicalize(path).and_then(|canonical| Ok((fs::metadata(path)?, canonical)));
        match result {
            Err(error) => self.set.fail(path, unreadable(&error)),
            Ok((metadata, canonical)) if metadata.is_dir() => {
                self.directory(path, canonical, &relative, above);
            }
            Ok((_, canonical)) => {
                let is_yaml = path
                    .extension()
                    .is_some_and(|extension| extension == "yaml" || extension == "yml");
                if is_yaml && self.settings_file.as_ref() != Some(&canonical) {
                    self.file(path, canonical, relative);
                }
            }
        }
    }
}
