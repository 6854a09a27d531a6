//! The folder itself: who has it, and how files come into it.

use super::{BUDGET, SET, StateDirError, private};
use crate::disk::Fsync;
use crate::disk::Progress;
use rustix::fs::OFlags;
use std::fs::{self, File, FileType, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const LOCK: &str = "lock";
/// Prefix of temporary files; random letters follow.
const NEW: &str = ".new-";
/// Number of random letters in a temporary name.
const NEW_LETTERS: usize = 6;

#[derive(Debug)]
pub(super) struct Folder {
    place: Place,
    /// Held as long as the daemon lives; `None`: nothing is written here.
    lock: Option<File>,
    progress: Progress,
    #[cfg(test)]
    pub(super) done: std::sync::Mutex<Vec<Done>>,
}

/// Path of the folder, and how to tell that another one stands there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    dir: PathBuf,
    /// Device and inode of the folder that was taken. `None`: nothing is written here.
    taken: Option<(u64, u64)>,
    fsync: Fsync,
}

impl Place {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Fails if another folder stands in the place of the one that was taken.
    pub(super) fn is_the_one_taken(&self) -> io::Result<()> {
        match self.taken {
            Some(taken) if identity(&self.dir)? != taken => Err(io::Error::other(
                "the folder is not the one it was at the start; is its disk mounted? Put it back, or start roomsync again",
            )),
            _ => Ok(()),
        }
    }

    /// True if this process may write here.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.is_some()
    }

    /// Puts a file there, or another one in its place, in one step. It outlives a crash once the folder is synced.
    pub(super) fn put(&self, name: &str, parts: [&[u8]; 2]) -> io::Result<()> {
        self.is_the_one_taken()?;
        let mut new = self.temporary().map_err(|error| without_path(&error))?;
        for part in parts {
            new.write_all(part)?;
        }
        self.fsync.file(new.as_file())?;
        new.persist(self.path(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Names are safe only once the folder is.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.fsync.file(&File::open(&self.dir)?)
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(NEW).rand_bytes(NEW_LETTERS).tempfile_in(&self.dir)
    }
}

/// Change made to the folder.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    Put(String, Vec<u8>),
    Removed(String),
    /// Everything before is safe.
    Synced,
}

impl Folder {
    /// Takes the folder, and makes it where it is missing.
    pub(super) fn take(dir: &Path, progress: Progress, fsync: Fsync) -> Result<Self, StateDirError> {
        let mut folder = Self::read_only(dir, progress);
        folder.place.fsync = fsync;
        folder.progress.begin(dir);
        if fs::metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
            return Err(unusable(dir)(io::ErrorKind::NotADirectory.into()));
        }
        private::make(dir)?;
        folder.place.taken = Some(identity(dir).map_err(unusable(dir))?);
        let path = dir.join(LOCK);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = folder.regular(LOCK, &mut options)?;
        let lock = lock.ok_or_else(|| unusable(&path)(io::ErrorKind::NotFound.into()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateDirError::Taken(dir.to_owned())),
            Err(TryLockError::Error(error)) => return Err(StateDirError::Io { path, error }),
        }
        folder.lock = Some(lock);
        folder.sweep().map_err(unusable(dir))?;
        // Better to know now than when something has to be held.
        folder.place.temporary().map_err(unusable(dir))?;
        Ok(folder)
    }

    /// The folder as it is, and stays.
    pub(super) fn read_only(dir: &Path, progress: Progress) -> Self {
        let place = Place {
            dir: dir.to_owned(),
            taken: None,
            fsync: Fsync::default(),
        };
        Self {
            place,
            lock: None,
            progress,
            #[cfg(test)]
            done: std::sync::Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn dir(&self) -> &Path {
        &self.place.dir
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// The files of the set that are there, those of version 1 among them.
    pub(super) fn those_there(&self) -> Vec<&'static str> {
        let is_there = |name: &&str| fs::symlink_metadata(self.path(name)).is_ok();
        SET.into_iter().chain([BUDGET]).filter(is_there).collect()
    }

    /// Reads a file. `None` if it does not exist.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateDirError> {
        let Some(mut file) = self.regular(name, OpenOptions::new().read(true))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unusable(&self.path(name)))?;
        Ok(Some(bytes))
    }

    /// Puts a file there, or another one in its place, in one step that outlives a crash.
    pub(super) fn put(&self, name: &str, parts: [&[u8]; 2]) -> io::Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        self.place.put(name, parts)?;
        #[cfg(test)]
        self.is_done(Done::Put(name.to_owned(), parts.concat()));
        self.sync()
    }

    /// Appends to the first so many bytes of a file, which is made if it is missing, and gives its length then. What followed them is cut
    /// off.
    pub(super) fn append(&self, name: &str, whole: u64, bytes: &[u8]) -> io::Result<u64> {
        if self.lock.is_none() {
            return Ok(whole);
        }
        self.place.is_the_one_taken()?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = self.regular(name, &mut options).map_err(io::Error::other)?;
        let mut file = file.ok_or(io::ErrorKind::NotFound)?;
        file.set_len(whole)?;
        file.seek(io::SeekFrom::End(0))?;
        file.write_all(bytes)?;
        self.place.fsync.file(&file)?;
        if whole == 0 {
            self.sync()?;
        }
        Ok(whole + bytes.len() as u64)
    }

    /// Puts a file out of the way, in place of one that was put there before, and gives its path then; `None`: nothing is written here.
    pub(super) fn put_aside(&self, name: &str) -> io::Result<Option<PathBuf>> {
        if self.lock.is_none() {
            return Ok(None);
        }
        let aside = self.path(&format!("{name}.damaged"));
        fs::rename(self.path(name), &aside)?;
        self.sync()?;
        Ok(Some(aside))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Ok(()) => {
                #[cfg(test)]
                self.is_done(Done::Removed(name.to_owned()));
                self.sync()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.place.sync()?;
        #[cfg(test)]
        self.is_done(Done::Synced);
        Ok(())
    }

    /// Removes what an earlier process did not come to name.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.dir())? {
            let entry = entry?;
            let name = entry.file_name();
            let letters = name.to_str().and_then(|name| name.strip_prefix(NEW));
            let is_ours = letters.is_some_and(|letters| {
                letters.len() == NEW_LETTERS && letters.bytes().all(|letter| letter.is_ascii_alphanumeric())
            });
            if is_ours && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Opens a regular file, and closes it to others; `None`: there is none. What was opened is judged, so that nothing put in its
    /// place meanwhile is read, and nothing is waited for.
    fn regular(&self, name: &str, options: &mut OpenOptions) -> Result<Option<File>, StateDirError> {
        let path = self.path(name);
        self.progress.begin(&path);
        let judged = |kind: FileType| match kind_in_words(kind) {
            None => Ok(()),
            Some(kind) => Err(StateDirError::NotAFile {
                path: path.clone(),
                kind,
            }),
        };
        let unless_missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            _ => Err(unusable(&path)(error)),
        };
        if let Ok(meta) = fs::symlink_metadata(&path) {
            judged(meta.file_type())?;
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options
            .mode(private::FILE)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) => return unless_missing(error),
        };
        judged(file.metadata().map_err(unusable(&path))?.file_type())?;
        if self.place.taken.is_some() {
            private::close(&file, private::FILE).map_err(unusable(&path))?;
        }
        Ok(Some(file))
    }

    #[cfg(test)]
    fn is_done(&self, done: Done) {
        self.done.lock().unwrap().push(done);
    }
}

/// Names the kind of a file that is not a regular one.
fn kind_in_words(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_symlink() {
        Some("a symbolic link")
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// The same without the name of a file that is another one every time.
fn without_path(error: &io::Error) -> io::Error {
    error.kind().into()
}

fn identity(dir: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::metadata(dir)?;
    Ok((meta.dev(), meta.ino()))
}

pub(super) fn unusable(path: &Path) -> impl Fn(io::Error) -> StateDirError {
    let path = path.to_owned();
    move |error| StateDirError::Io {
        path: path.clone(),
        error,
    }
}
