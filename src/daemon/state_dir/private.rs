//! A folder that no other user comes into: whoever can open the lock can hold it.

use super::StateDirError;
use super::folder::unusable;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

const FOLDER: u32 = 0o700;
/// Mode of each file in it.
pub(super) const FILE: u32 = 0o600;
/// What others may do by a mode, and what of it is writing.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;

/// Makes the folder where it is missing, and closes it to others.
pub(super) fn make(dir: &Path) -> Result<(), StateDirError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER).create(dir);
    made.map_err(unusable(dir))?;
    let folder = File::open(dir).map_err(unusable(dir))?;
    let (owner, own) = (uid(&folder), rustix::process::geteuid().as_raw());
    let owner = owner.map_err(unusable(dir))?;
    if owner != own {
        let dir = dir.to_owned();
        return Err(StateDirError::NotOurs { dir, owner, own });
    }
    match close(&folder, FOLDER) {
        Ok(mode) if mode & OTHERS_WRITE == 0 => Ok(()),
        Ok(_) => Err(StateDirError::Open(dir.to_owned())),
        Err(error) => Err(unusable(dir)(error)),
    }
}

/// Closes what others may open, as releases before had it, and gives its mode then: not every file system keeps one.
pub(super) fn close(file: &File, mode: u32) -> io::Result<u32> {
    let before = file.metadata()?.mode();
    if before & OTHERS == 0 {
        return Ok(before);
    }
    // What came of it is looked at.
    let _ = file.set_permissions(Permissions::from_mode(mode));
    Ok(file.metadata()?.mode())
}

fn uid(file: &File) -> io::Result<u32> {
    Ok(file.metadata()?.uid())
}
