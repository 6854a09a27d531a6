//! The commit of the files. The repository is only read: nothing in it can have a program executed.

mod error;
mod git_config;
mod layout;
mod repository;
mod work_tree;

use crate::model::log_code;
use error::RevisionError;
use repository::Repository;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Longest wait for the commit: it is not worth more on a network folder or in a very large repository.
const PATIENCE: Duration = Duration::from_secs(10);
/// Suffix of the id if the commit does not hold what was read, as in `git describe --dirty`.
const DIRTY: &str = "-dirty";

/// Id of the commit of these files, with `-dirty` after it if tracked files differ from it or one of these is not in it.
/// `None` if they are not all in one work tree of git, there is no commit yet, or it cannot be read.
pub(crate) fn revision(files: Vec<PathBuf>) -> Option<String> {
    let (told, hear) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    // On a thread of its own, because what hangs there, such as a pipe in the place of a file, cannot be ended.
    let started = thread::Builder::new().name("revision".to_owned()).spawn(move || {
        // Where nobody waits any more, nobody wants it.
        let _ = told.send(look(&files, &stopped));
    });
    let outcome = match started {
        Err(error) => Err(RevisionError::new("no thread could be started", error)),
        Ok(_) => match hear.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                stop.store(true, Ordering::Relaxed);
                Err(RevisionError::plain(format!(
                    "it took longer than {} s",
                    PATIENCE.as_secs()
                )))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(RevisionError::plain("the look at the repository broke off"))
            }
        },
    };
    outcome.unwrap_or_else(|error| {
        // The cause can quote what stands in a file: not for every log.
        tracing::debug!(cause = error.cause, "the repository cannot be read");
        tracing::warn!(
            code = log_code::REVISION_UNKNOWN,
            "which commit the room files are of cannot be told, and is left out: {}",
            error.what
        );
        None
    })
}

/// The work tree that this file is in, by its canonical path, and the path in it.
pub(super) fn work_tree_of(file: &Path) -> Option<(PathBuf, PathBuf)> {
    let tree = layout::work_tree(file.parent()?).ok()??;
    let path = file.strip_prefix(&tree).ok()?.to_owned();
    Some((tree, path))
}

/// True if the index of this work tree has the file. One that cannot be read has none.
pub(super) fn is_tracked(tree: &Path, path: &Path) -> bool {
    Repository::open(tree).is_ok_and(|repository| repository.tracks(path))
}

fn look(files: &[PathBuf], stop: &AtomicBool) -> Result<Option<String>, RevisionError> {
    let Some((tree, files)) = one_work_tree(files)? else {
        return Ok(None);
    };
    let repository = Repository::open(&tree)?;
    let Some(commit) = repository.head()? else {
        tracing::debug!(tree = %tree.display(), "the work tree of the room files has no commit yet");
        return Ok(None);
    };
    let dirty = repository.differs(&commit, stop)? || !repository.holds(&files);
    let dirty = if dirty { DIRTY } else { "" };
    Ok(Some(format!("{commit}{dirty}")))
}

/// The work tree that all these files are in, and where they are in it: each by its canonical path, and each link in
/// the tree that it was reached by. `None`: no commit holds them all.
fn one_work_tree(files: &[PathBuf]) -> Result<Option<(PathBuf, BTreeSet<PathBuf>)>, RevisionError> {
    let mut tree = None;
    let mut seen = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for file in files {
        let gone = |error| RevisionError::new("a room file is gone", error);
        let canonical = file.canonicalize().map_err(gone)?;
        let folder = canonical.parent().unwrap_or(Path::new("/")).to_owned();
        if seen.insert(folder.clone()) {
            let Some(found) = layout::work_tree(&folder)? else {
                tracing::debug!(file = %file.display(), "this room file is in no work tree of git");
                return Ok(None);
            };
            if *tree.get_or_insert_with(|| found.clone()) != found {
                tracing::debug!(file = %file.display(), "the room files are in several work trees of git");
                return Ok(None);
            }
        }
        paths.insert(canonical);
    }
    let Some(tree) = tree else { return Ok(None) };
    for file in files {
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        // The last part is the file itself, which may be a link, too.
        for path in absolute.ancestors() {
            let above = path.parent().and_then(|above| above.canonicalize().ok());
            let (Some(above), Some(name)) = (above, path.file_name()) else {
                continue;
            };
            if above.starts_with(&tree) && path.is_symlink() {
                paths.insert(above.join(name));
            }
        }
    }
    let inside = paths
        .iter()
        .filter_map(|path| Some(path.strip_prefix(&tree).ok()?.to_owned()))
        .collect();
    Ok(Some((tree, inside)))
}
