//! Reads that never wait for ever, and of regular files only: a pipe, a device or a file of the kernel is refused unread. And
//! work on the disk off the loop, and files of records that changes are appended to.

mod file;
mod fsync;
mod records;
mod said;
mod time_limit;
mod users;
mod worker;

pub(crate) use file::{FileSystems, is_kernel_path, open_at, open_path, read_opened};
pub use fsync::Fsync;
#[cfg(test)]
pub(crate) use fsync::gate;
pub(crate) use records::{Record, RecordFile};
pub(crate) use said::{described, why_not_written, write_fault};
#[cfg(test)]
pub(crate) use time_limit::hang;
pub(crate) use time_limit::{DiskTimeout, PieceSender, Progress, TimeLimit, stream, with_limit};
pub(crate) use users::user_name;
pub(crate) use worker::{DiskJob, DiskWorker};

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Reason why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// It is a directory, a pipe, a device or the like.
    #[error("this is not a regular file")]
    NotAFile,
    /// It belongs to the kernel.
    #[error("this is a file of the kernel, as those in /proc and /sys are")]
    Kernel,
    /// It is larger than it may be.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// The disk does not answer.
    #[error(transparent)]
    Timeout(#[from] DiskTimeout),
    /// The system says so.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<rustix::io::Errno> for DiskError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Io(error) => error,
            DiskError::Timeout(slow) => Self::new(io::ErrorKind::TimedOut, slow),
            other => Self::other(other),
        }
    }
}

/// Reads the bytes of a regular file, at most `most` of them, within the bound of time. Links are followed.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, DiskError> {
    let owned = path.to_owned();
    with_limit(TimeLimit::default(), path, move |progress| {
        progress.begin(&owned);
        let file = open_path(&owned)?;
        read_opened(file, &owned, most, progress)
    })?
}

/// Reads as [`read`] does, without any bound: for a thread that can be left behind itself.
pub(crate) fn read_unbounded(path: &Path, most: u64) -> Result<Vec<u8>, DiskError> {
    read_opened(open_path(path)?, path, most, &Progress::default())
}

/// Puts a file there that its owner alone can read, or another one in its place, in one step that outlives a crash.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // Mode 0600.
    let mut new = tempfile::Builder::new().prefix(".token-").tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Runs one operation on this path that may hang, and gives up waiting after the bound of time. It goes on, on a thread of its own, and
/// what comes of it then is lost.
pub(crate) fn bounded<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let owned: PathBuf = path.to_owned();
    let done = with_limit(TimeLimit::default(), path, move |progress| {
        progress.begin(&owned);
        work(&owned)
    });
    done.map_err(|slow| io::Error::from(DiskError::Timeout(slow)))?
}
