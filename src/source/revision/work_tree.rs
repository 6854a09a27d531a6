//! Compares the files of a work tree with the index, byte for byte: no filter that the repository names is run. Only where
//! git itself wrote a text with CR LF, LF counts as the same.

use super::error::RevisionError;
use super::layout::{Layout, absent};
use gix_index::entry::{Flags, Mode, Stat};
use gix_index::fs::Metadata;
use gix_index::hash::{Hasher, ObjectId, hasher};
use gix_index::{Entry, State};
use gix_object::Kind;
use gix_object::bstr::ByteSlice as _;
use gix_object::encode::loose_header;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a file that are read at a time.
const CHUNK: usize = 64 << 10;
/// Largest file whose line ends are converted, in bytes. Texts that people write are far smaller.
const LARGEST_TEXT: u64 = 16 << 20;

pub(super) struct WorkTree<'a> {
    pub(super) root: &'a Path,
    pub(super) layout: &'a Layout,
    /// Set once nobody waits for the result.
    pub(super) stop: &'a AtomicBool,
}

impl WorkTree<'_> {
    /// Compares all tracked files with the index. `true`: one differs. `submodule` compares one with its commit.
    pub(super) fn differs(
        &self,
        index: &State,
        submodule: impl Fn(&Path, &ObjectId) -> Result<bool, RevisionError>,
    ) -> Result<bool, RevisionError> {
        // Last folder that was reached through real folders only.
        let mut real = PathBuf::new();
        for entry in index.entries() {
            self.check_stop()?;
            // Git was told not to look at these.
            if entry.flags.intersects(Flags::ASSUME_VALID | Flags::SKIP_WORKTREE) {
                continue;
            }
            if entry.stage_raw() != 0 || entry.flags.contains(Flags::INTENT_TO_ADD) {
                return Ok(true);
            }
            let path = Path::new(OsStr::from_bytes(entry.path(index)));
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(RevisionError::plain(
                    "a path in the index leads out of the work tree",
                ));
            }
            let folder = path.parent().unwrap_or(Path::new(""));
            if !self.all_folders(folder, &real) {
                return Ok(true);
            }
            if real != folder {
                folder.clone_into(&mut real);
            }
            let full = self.root.join(path);
            let meta = match Metadata::from_path_no_follow(&full) {
                Ok(meta) => meta,
                Err(error) if absent(&error) => return Ok(true),
                Err(error) => return Err(unreadable(error)),
            };
            let differs = match entry.mode {
                Mode::COMMIT if meta.is_dir() => submodule(&full, &entry.id)?,
                _ => {
                    !self.same_kind(entry, &meta)
                        || !unchanged(entry, &meta, index) && !self.same_content(entry, &meta, &full)?
                }
            };
            if differs {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_stop(&self) -> Result<(), RevisionError> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(RevisionError::plain("the comparison was ended")),
            false => Ok(()),
        }
    }

    /// True where no link takes the place of a folder on this path, so that nothing leads out of the work tree. The
    /// folders of `real` were checked before.
    fn all_folders(&self, path: &Path, real: &Path) -> bool {
        let unknown = path.ancestors().take_while(|folder| !real.starts_with(folder));
        unknown
            .map(|folder| self.root.join(folder).symlink_metadata())
            .all(|meta| meta.is_ok_and(|meta| meta.is_dir()))
    }

    /// True where the place has a file of the same kind, such as a link.
    fn same_kind(&self, entry: &Entry, meta: &Metadata) -> bool {
        let executable = match entry.mode {
            Mode::SYMLINK if self.layout.symlinks => return meta.is_symlink(),
            Mode::SYMLINK => return meta.is_symlink() || meta.is_file(),
            Mode::FILE => false,
            Mode::FILE_EXECUTABLE => true,
            _ => return false,
        };
        meta.is_file() && (!self.layout.executable_bit || meta.is_executable() == executable)
    }

    fn same_content(&self, entry: &Entry, meta: &Metadata, path: &Path) -> Result<bool, RevisionError> {
        if meta.is_symlink() {
            let target = fs::read_link(path).map_err(unreadable)?;
            return Ok(self.is_content(target.as_os_str().as_bytes(), &entry.id));
        }
        let mut hash = self.hash(meta.len());
        let mut file = File::open(path).map_err(unreadable)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            self.check_stop()?;
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => hash.update(chunk.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        if is_id(hash, &entry.id) {
            return Ok(true);
        }
        // Git noted this size when it wrote the file itself, with the line ends that the repository asks for.
        let of_git = u64::from(entry.stat.size) == meta.len();
        if !of_git || meta.len() > LARGEST_TEXT {
            return Ok(false);
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        Ok(with_lf(&bytes).is_some_and(|text| self.is_content(&text, &entry.id)))
    }

    fn is_content(&self, content: &[u8], id: &ObjectId) -> bool {
        let mut hash = self.hash(content.len() as u64);
        hash.update(content);
        is_id(hash, id)
    }

    /// The hash of a content of this length, before its first byte.
    fn hash(&self, length: u64) -> Hasher {
        let mut hash = hasher(self.layout.hash);
        hash.update(&loose_header(Kind::Blob, length));
        hash
    }
}

/// The text with LF for CR LF, if all its lines end in CR LF.
fn with_lf(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = bytes.replace("\r\n", "\n");
    let crlf = bytes.len() - text.len();
    let lines = bytes.find_iter("\n").count();
    (crlf > 0 && crlf == lines).then_some(text)
}

/// True where the file is as git last saw it. One that was written as late as the index can have changed since.
fn unchanged(entry: &Entry, meta: &Metadata, index: &State) -> bool {
    let options = Default::default();
    Stat::from_fs(meta).is_ok_and(|stat| {
        // Git sets the size to 0 where it must look again.
        let known = !entry.id.is_empty_blob() || entry.stat.size == 0;
        known && stat.matches(&entry.stat, options) && !stat.is_racy(index.timestamp(), options)
    })
}

fn is_id(hash: Hasher, id: &ObjectId) -> bool {
    hash.try_finalize().is_ok_and(|hash| hash == *id)
}

fn unreadable(error: io::Error) -> RevisionError {
    RevisionError::new("one of its files cannot be read", error)
}
