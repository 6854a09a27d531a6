//! Finds and reads the files; the only place here that touches the disk.

mod revision;
mod search;

pub(crate) use revision::revision;
pub(crate) use search::{Folder, Identity, Listing, Stamp};

use super::problem::{At, Complaint, Place, Problem};
use search::Found;
use sha2::{Digest, Sha256};
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
    /// Where it was found.
    pub(crate) path: PathBuf,
    /// Which file it was, whatever it was called; `None`: nobody asked.
    pub(crate) identity: Option<Identity>,
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
    /// How many they are.
    pub(crate) length: usize,
    /// Whether the last of them is a newline.
    pub(crate) ends_in_newline: bool,
    /// The bytes themselves, where the text does not hold them all as they are.
    raw: Option<Vec<u8>>,
}

impl File {
    /// The bytes on the disk; none where they could not be read.
    pub(crate) fn bytes(&self) -> &[u8] {
        let raw = self.content.as_ref().and_then(|content| content.raw.as_deref());
        raw.unwrap_or(self.text.as_bytes())
    }
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
    Listing::of(paths, settings_file).read()
}

impl Listing {
    /// Reads the files of the listing.
    pub(crate) fn read(&self) -> Set {
        let mut set = Set::default();
        for (path, complaint) in &self.failed {
            set.fail(path, complaint.clone());
        }
        let mut hash = Sha256::new();
        for Found {
            path,
            relative,
            identity,
        } in &self.found
        {
            set.add(path, Some(*identity), |bytes| {
                count_in(&mut hash, relative, bytes);
            });
        }
        set.digest = shown_digest(&hash.finalize());
        set
    }
}

/// Takes a file into the digest of its set.
fn count_in(hash: &mut Sha256, relative: &[u8], bytes: &[u8]) {
    for part in [relative, bytes] {
        // With its length before it, no two sets come to the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

impl Listing {
    /// Reads one file after the other and shows the text of each to `look`, which may end it. Gives the digest of the set, as in
    /// [`super::Source`]. `None`: it was ended, or what there is cannot all be read as text.
    pub(super) fn each_text(&self, mut look: impl FnMut(usize, &str) -> Option<()>) -> Option<String> {
        if !self.failed.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for (index, found) in self.found.iter().enumerate() {
            let bytes = read(&found.path).ok()?;
            count_in(&mut hash, &found.relative, &bytes);
            let text = String::from_utf8(bytes).ok()?;
            look(index, text.strip_prefix(MARK).unwrap_or(&text))?;
        }
        Some(shown_digest(&hash.finalize()))
    }

    /// The files that were found.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.found.iter().map(|found| found.path.as_path())
    }
}

/// Editors on Windows write one; the parser refuses it.
const MARK: char = '\u{feff}';

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
    set.add(path, None, |_| ());
    set
}

impl Set {
    /// Reads a file into the set, and shows its bytes to `look`.
    fn add(&mut self, path: &Path, identity: Option<Identity>, look: impl FnOnce(&[u8])) {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(complaint) => return self.fail(path, complaint),
        };
        look(&bytes);
        let file = self.files.len();
        let (text, content, problem) = text(file, bytes);
        self.files.push(File {
            name: name_of(path),
            path: path.to_owned(),
            identity,
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
            path: path.to_owned(),
            identity: None,
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
        let complaint = Complaint::new("unreadable", "this is not a regular file");
        return Err(complaint.help("name a file, or a directory of files"));
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
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    // It may have grown since.
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Whether a file still holds what was read of it.
pub(crate) fn is_as_read(file: &File) -> bool {
    let digest = file.content.as_ref().map(|content| content.digest);
    let now = read(&file.path).ok().map(|bytes| Sha256::digest(&bytes).into());
    digest.is_some() && digest == now
}

fn unreadable(error: &io::Error) -> Complaint {
    let complaint = Complaint::new("unreadable", format!("cannot read this: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => complaint.help("check the path; is everything mounted?"),
        io::ErrorKind::PermissionDenied => complaint.help("let the user that runs roomsync read it"),
        _ => complaint.help("check the path, and whether the user that runs roomsync can read it"),
    }
}

/// The text in a file's bytes, what else they come to, and what is wrong with them.
fn text(file: usize, bytes: Vec<u8>) -> (String, Content, Option<Problem>) {
    let mut content = Content {
        digest: Sha256::digest(&bytes).into(),
        length: bytes.len(),
        ends_in_newline: bytes.ends_with(b"\n"),
        raw: None,
    };
    let (mut text, valid_up_to) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let valid_up_to = error.utf8_error().valid_up_to();
            content.raw = Some(error.into_bytes());
            (text, Some(valid_up_to))
        }
    };
    let mark = if text.starts_with(MARK) {
        MARK.len_utf8()
    } else {
        0
    };
    if mark > 0 && content.raw.is_none() {
        content.raw = Some(text.clone().into_bytes());
    }
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
