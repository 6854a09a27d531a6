//! Finds and reads the files; the only place here that touches the disk.

mod fingerprint;
mod in_git;
mod no_follow;
mod path_errors;
mod revision;
mod search;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use fingerprint::{FileId, Fingerprint};
pub(crate) use in_git::{InGit, in_git};
pub(crate) use revision::revision;
pub(crate) use search::{FoundFiles, Listing, WatchedFolder};
pub(crate) use snapshot::{SnapshotError, snapshot};

use crate::diagnostics::{Place, Problem, RawDiagnostic, Target, Text};
use crate::disk::{self, DiskError, DiskTimeout, PieceSender, Progress, TimeLimit};
use crate::model::{hex, printable};
use no_follow::NoFollowReader;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Far past any file that people write, and little enough to hold in memory.
const LARGEST_FILE: u64 = 64 << 20;

/// Bytes handed at a time from the thread that reads to the one that parses: few enough to be held twice, and enough to be worth
/// it.
const LOT: usize = 32 << 10;

/// A file as it was read, or as much of it as could be.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its name in messages.
    pub(crate) name: String,
    /// The path it was found by.
    pub(crate) path: PathBuf,
    /// Its identity, independent of its name. `None` if it was not found by a search.
    pub(crate) identity: Option<FileId>,
    /// Its text without a byte order mark; bytes that are not UTF-8 are replaced.
    pub(crate) text: String,
    /// `None`: it could not be read.
    pub(crate) content: Option<Content>,
}

/// Facts about the bytes of a file.
#[derive(Debug)]
pub(crate) struct Content {
    /// Their SHA-256, once somebody has asked for it.
    digest: OnceLock<[u8; 32]>,
    /// Their number.
    pub(crate) length: usize,
    /// True if the last of them is a newline.
    pub(crate) ends_in_newline: bool,
    /// The bytes themselves, if the text differs from them.
    raw: Option<Vec<u8>>,
}

impl Text for SourceFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn text(&self) -> &str {
        &self.text
    }
}

impl SourceFile {
    /// A file that was read, the `index`th of its set.
    fn new(index: usize, path: &Path, identity: Option<FileId>, bytes: Vec<u8>) -> (Self, Option<Problem>) {
        let (text, content, problem) = text(index, bytes);
        let file = Self {
            name: name_of(path),
            path: path.to_owned(),
            identity,
            text,
            content: Some(content),
        };
        (file, problem)
    }

    /// A path that cannot be read, the `index`th of its set.
    fn unreadable(index: usize, path: &Path, raw: RawDiagnostic) -> (Self, Problem) {
        let place = Place {
            file: index,
            at: Target::File,
        };
        let file = Self {
            name: name_of(path),
            path: path.to_owned(),
            identity: None,
            text: String::new(),
            content: None,
        };
        (file, Problem::error(place, raw))
    }

    /// SHA-256 of the bytes on the disk; `None`: they could not be read.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        let digest = &self.content.as_ref()?.digest;
        Some(*digest.get_or_init(|| Sha256::digest(self.bytes()).into()))
    }

    /// The bytes on the disk; none where they could not be read.
    pub(crate) fn bytes(&self) -> &[u8] {
        let raw = self.content.as_ref().and_then(|content| content.raw.as_deref());
        raw.unwrap_or(self.text.as_bytes())
    }
}

/// Files in the order of their names, and their problems.
#[derive(Debug, Default)]
pub(crate) struct FileSet {
    pub(crate) files: Vec<SourceFile>,
    /// Those of files whose text is not what is on the disk, in the order of the files.
    pub(crate) problems: Vec<Problem>,
    /// As in [`super::Source`].
    pub(crate) digest: String,
}

impl FoundFiles {
    /// Reads all that was found.
    pub(crate) fn read(&self, progress: &Progress) -> FileSet {
        let mut set = FileSet::default();
        for (path, raw) in &self.failed {
            set.fail(path, raw.clone());
        }
        let mut hash = Sha256::new();
        let mut reader = NoFollowReader::new(&self.roots);
        for found in &self.found {
            match reader.read(found, progress) {
                Ok(bytes) => {
                    count_in(&mut hash, &found.relative, &bytes);
                    set.read(&found.path, Some(found.identity), bytes);
                }
                Err(error) => set.fail(&found.path, raw(&found.path, &error)),
            }
        }
        set.digest = shown_digest(&hash.finalize());
        set
    }
}

/// Adds a file to the digest of its set.
fn count_in(hash: &mut Sha256, relative: &[u8], bytes: &[u8]) {
    for part in [relative, bytes] {
        // With its length before it, no two sets come to the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

impl FoundFiles {
    /// Reads one file after the other, on a thread of its own, and hands each over with what is wrong with it. Gives the digest of
    /// the set.
    pub(crate) fn each(
        self: &Arc<Self>,
        time_limit: TimeLimit,
        mut take: impl FnMut(SourceFile, Option<Problem>),
    ) -> Result<String, DiskTimeout> {
        for (index, (path, raw)) in self.failed.iter().enumerate() {
            let (file, problem) = SourceFile::unreadable(index, path, raw.clone());
            take(file, Some(problem));
        }
        let mut hash = Sha256::new();
        if let Some(first) = self.found.first() {
            let found_files = Arc::clone(self);
            let read = move |sender: &PieceSender<_>| {
                // Where nobody takes them any more, no more are read.
                let _ = found_files.read_by_lots(sender);
            };
            let mut lots = disk::stream(time_limit, &first.path, read)?;
            let mut lot = Vec::new().into_iter();
            for (index, found) in (self.failed.len()..).zip(&self.found) {
                if lot.len() == 0 {
                    lot = lots.next().transpose()?.unwrap_or_default().into_iter();
                }
                let broke_off = || Err(DiskError::Io(io::ErrorKind::UnexpectedEof.into()));
                match lot.next().unwrap_or_else(broke_off) {
                    Ok(bytes) => {
                        count_in(&mut hash, &found.relative, &bytes);
                        let (file, problem) =
                            SourceFile::new(index, &found.path, Some(found.identity), bytes);
                        take(file, problem);
                    }
                    Err(error) => {
                        let (file, problem) =
                            SourceFile::unreadable(index, &found.path, raw(&found.path, &error));
                        take(file, Some(problem));
                    }
                }
            }
        }
        Ok(shown_digest(&hash.finalize()))
    }

    /// Reads the files one after the other and hands over some at a time. `None`: nobody takes them any more.
    fn read_by_lots(&self, sender: &PieceSender<Vec<Result<Vec<u8>, DiskError>>>) -> Option<()> {
        let mut reader = NoFollowReader::new(&self.roots);
        let (mut lot, mut bytes) = (Vec::new(), 0);
        for found in &self.found {
            let read = reader.read(found, &sender.progress);
            bytes += read.as_ref().map_or(0, Vec::len);
            lot.push(read);
            if bytes >= LOT {
                sender.give(std::mem::take(&mut lot))?;
                bytes = 0;
            }
        }
        sender.give(lot)
    }

    /// The files that were found.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.found.iter().map(|found| found.path.as_path())
    }
}

/// Byte order mark: editors on Windows write one, and the parser refuses it.
const MARK: char = '\u{feff}';

/// A SHA-256 as it is shown.
pub(crate) fn shown_digest(digest: &[u8]) -> String {
    format!("sha256:{}", hex(digest))
}

/// Reads one file.
pub(crate) fn read_file(path: &Path) -> FileSet {
    let mut set = FileSet::default();
    match disk::read(path, LARGEST_FILE) {
        Ok(bytes) => set.read(path, None, bytes),
        Err(error) => set.fail(path, raw(path, &error)),
    }
    set
}

impl FileSet {
    /// A set of one path that cannot be read.
    pub(crate) fn of_error(error: SnapshotError) -> Self {
        let mut set = Self::default();
        set.fail(&error.path, error.raw);
        set
    }

    pub(crate) fn add(&mut self, file: SourceFile, problem: Option<Problem>) {
        self.files.push(file);
        self.problems.extend(problem);
    }

    fn read(&mut self, path: &Path, identity: Option<FileId>, bytes: Vec<u8>) {
        let (file, problem) = SourceFile::new(self.files.len(), path, identity, bytes);
        self.add(file, problem);
    }

    fn fail(&mut self, path: &Path, raw: RawDiagnostic) {
        let (file, problem) = SourceFile::unreadable(self.files.len(), path, raw);
        self.add(file, Some(problem));
    }
}

/// True for the name of a room file. A file with another name is read only if `rooms` or the command line names it itself.
pub(crate) fn has_room_file_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Name of a path in messages, control characters escaped.
pub(crate) fn name_of(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// True if the files still hold what was read of them.
pub(crate) fn are_unchanged(files: &Arc<[SourceFile]>) -> bool {
    let Some(first) = files.first() else { return true };
    let (path, files) = (first.path.clone(), Arc::clone(files));
    let are = disk::with_limit(TimeLimit::default(), &path, move |progress| {
        files.iter().all(|file| is_unchanged(file, progress))
    });
    are.unwrap_or(false)
}

fn is_unchanged(file: &SourceFile, progress: &Progress) -> bool {
    progress.begin(&file.path);
    let opened = disk::open_path(&file.path);
    let now = opened.and_then(|opened| disk::read_opened(opened, &file.path, LARGEST_FILE, progress));
    let digest = file.digest();
    digest.is_some() && digest == now.ok().map(|bytes| Sha256::digest(&bytes).into())
}

/// Error about a file that cannot be read.
fn raw(path: &Path, error: &DiskError) -> RawDiagnostic {
    match error {
        DiskError::NotAFile => RawDiagnostic::new("unreadable", "this is not a regular file")
            .help("name a file, or a directory of files"),
        DiskError::Kernel => path_errors::kernels(),
        DiskError::TooLarge(most) => {
            RawDiagnostic::new("too-large", format!("the file is larger than {} MiB", most >> 20))
                .help("spread its rooms over several files")
        }
        DiskError::Timeout(slow) => disk_timeout(slow),
        DiskError::Io(error) => unreadable(path, error),
    }
}

/// Error about a disk that does not answer.
pub(crate) fn disk_timeout(slow: &DiskTimeout) -> RawDiagnostic {
    RawDiagnostic::new("slow-disk", slow.to_string())
        .help("see whether a network folder is away; nothing is done before it is back")
}

fn unreadable(path: &Path, error: &io::Error) -> RawDiagnostic {
    let raw = |message: String| RawDiagnostic::new("unreadable", message);
    match error.kind() {
        io::ErrorKind::NotFound => {
            let raw = raw("there is no such file or folder".to_owned());
            let text = path.to_string_lossy();
            // These are the shell's, and nobody else's.
            if text.contains(['*', '?']) {
                raw.help(
                    "a path is no pattern: name the folder, and all *.yaml and *.yml files in it are read",
                )
            } else if text.contains('$') || text.contains("~/") {
                raw.help("write the path out: neither `~` nor a variable is replaced in it")
            } else {
                raw.help("check the path; is everything mounted?")
            }
        }
        io::ErrorKind::PermissionDenied => {
            let raw = raw("this cannot be read: permission denied".to_owned());
            raw.help("let the user that runs roomsync read it")
        }
        io::ErrorKind::NotADirectory => {
            let raw = raw("a part of this path is a file, not a folder".to_owned());
            raw.help("check the path")
        }
        _ => raw(format!("this cannot be read: {error}"))
            .help("check the path, and whether the user that runs roomsync can read it"),
    }
}

/// The text in a file's bytes, what else they come to, and what is wrong with them.
fn text(file: usize, bytes: Vec<u8>) -> (String, Content, Option<Problem>) {
    let mut content = Content {
        digest: OnceLock::new(),
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
            at: Target::Byte(byte.saturating_sub(mark)),
        };
        let raw = RawDiagnostic::new("not-utf8", "this is not UTF-8 text").help("save the file as UTF-8");
        Problem::error(place, raw)
    });
    (text, content, problem)
}
