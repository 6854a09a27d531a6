//! Reads what a look has found, and nothing that a link has been put in the place of since.

use super::LARGEST_FILE;
use super::search::FoundFile;
use crate::disk::{self, DiskError, FileSystems, Progress};
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// A directory to go on from: nothing in it is read.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens files below the resolved roots, each part of the way by itself: none may be a link, since none was when it was resolved.
#[derive(Debug)]
pub(super) struct NoFollowReader<'l> {
    roots: &'l [PathBuf],
    /// The folder of the last file: most often the next one is in it, too.
    folder: Option<(PathBuf, OwnedFd)>,
    file_systems: FileSystems,
}

impl<'l> NoFollowReader<'l> {
    /// `roots` are canonical paths.
    pub(super) fn new(roots: &'l [PathBuf]) -> Self {
        Self {
            roots,
            folder: None,
            file_systems: FileSystems::default(),
        }
    }

    /// Reads the bytes of a file that was found.
    pub(super) fn read(&mut self, found: &FoundFile, progress: &Progress) -> Result<Vec<u8>, DiskError> {
        let FoundFile { path, canonical, .. } = found;
        progress.begin(path);
        // To open a device can do something.
        if !found.is_file {
            return Err(DiskError::NotAFile);
        }
        let (Some(folder), Some(name)) = (canonical.parent(), canonical.file_name()) else {
            return Err(DiskError::NotAFile);
        };
        let opened = match self.folder.take_if(|(path, _)| path == folder) {
            Some((_, opened)) => opened,
            None => self.open(folder)?,
        };
        let file = disk::open_at(opened.as_fd(), Path::new(name), &mut self.file_systems);
        self.folder = Some((folder.to_owned(), opened));
        disk::read_opened(file?, path, LARGEST_FILE, progress)
    }

    fn open(&self, folder: &Path) -> rustix::io::Result<OwnedFd> {
        let below = |root: &PathBuf| Some((root.clone(), folder.strip_prefix(root).ok()?));
        // The folder of a root that is a file itself is wherever it is.
        let (root, rest) = self
            .roots
            .iter()
            .find_map(below)
            .unwrap_or((folder.to_owned(), Path::new("")));
        let mut opened = rustix::fs::open(root, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        for part in rest {
            opened = rustix::fs::openat(opened, Path::new(part), FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(opened)
    }
}
