//! Wakes who waits when the files may have changed. It says nothing of what did: whoever wakes looks at everything.

use crate::model::log_code;
use crate::source::{self, WatchedFolder};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, WatcherKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Watches directories, never files: after a rename-save or a swapped link a watch on a file never fires again.
pub(super) struct Watch {
    /// `None`: there is nothing to watch with, or nothing yet.
    watcher: Option<RecommendedWatcher>,
    watched: Arc<Watched>,
    warned: bool,
}

/// State by which the watcher's own thread judges events.
#[derive(Default)]
struct Watched {
    folders: Mutex<BTreeMap<PathBuf, WatchedFolder>>,
    /// Files that were written to and are not closed yet.
    being_written: Mutex<BTreeSet<PathBuf>>,
    wake: Arc<Notify>,
}

impl Watch {
    /// Begins to watch, nothing at first.
    pub(super) fn start(wake: Arc<Notify>) -> Self {
        let mut watch = Self::blind();
        watch.watched = Arc::new(Watched {
            folders: Mutex::default(),
            being_written: Mutex::default(),
            wake,
        });
        let watched = Arc::clone(&watch.watched);
        match RecommendedWatcher::new(move |event| watched.judge(event), Config::default()) {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.warn(None, &error),
        }
        watch
    }

    /// Sees nothing.
    pub(super) fn blind() -> Self {
        Self {
            watcher: None,
            watched: Arc::default(),
            warned: false,
        }
    }

    /// Reports which files are being written.
    pub(super) fn written(&self) -> Written {
        Written(Arc::clone(&self.watched))
    }

    /// Watches these directories and no others. True if there are new ones, in which something may have
    /// changed before they were watched.
    #[must_use]
    pub(super) fn follow(&mut self, folders: &BTreeMap<PathBuf, WatchedFolder>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let mut old = Vec::new();
        let mut new = Vec::new();
        // The lock is not held while the watcher is called: its thread takes it too.
        let mut watched = self.watched.folders();
        watched.retain(|path, folder| {
            // A directory of the same name may be another one.
            let stays = folders
                .get(path)
                .is_some_and(|now| now.identity == folder.identity);
            if !stays {
                old.push(path.clone());
            }
            stays
        });
        for (path, folder) in folders {
            if watched.insert(path.clone(), folder.clone()).is_none() {
                new.push(path);
            }
        }
        drop(watched);
        // No event tells any more what becomes of a file in a directory that is not watched, or that is another one by now.
        let is_new = |folder: &Path| new.binary_search_by(|new| new.as_path().cmp(folder)).is_ok();
        let is_watched = |path: &PathBuf| {
            let parent = path.parent();
            parent.is_some_and(|parent| folders.contains_key(parent) && !is_new(parent))
        };
        // The disk is asked without the lock: a call that hangs there must not stop whoever asks what is being written.
        let being_written = self.watched.being_written().clone();
        let gone: Vec<PathBuf> = being_written
            .into_iter()
            .filter(|path| !(is_watched(path) && path.exists()))
            .collect();
        self.watched.being_written().retain(|path| !gone.contains(path));
        for path in old {
            // It is an error to forget what is gone already.
            let _ = watcher.unwatch(&path);
        }
        let mut failed = None;
        let mut added = false;
        for path in new {
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => added = true,
                Err(error) => {
                    self.watched.folders().remove(path);
                    // What is gone again is seen to be gone.
                    if path.is_dir() {
                        failed.get_or_insert((path, error));
                    }
                }
            }
        }
        if let Some((path, error)) = failed {
            self.warn(Some(path), &error);
        }
        added
    }

    fn warn(&mut self, path: Option<&Path>, error: &notify::Error) {
        if !self.warned {
            self.warned = true;
            let path = path.map(|path| path.display().to_string());
            tracing::warn!(code = log_code::FILES_NOT_WATCHED, path,
                %error,
                "cannot watch all room files: their changes are found within a minute or so"
            );
        }
    }
}

/// Reports which files are being written, without waiting.
#[derive(Clone)]
pub(super) struct Written(Arc<Watched>);

impl Written {
    /// A file that somebody has written to and not closed since.
    pub(super) fn first(&self) -> Option<PathBuf> {
        self.0.being_written().first().cloned()
    }
}

impl Watched {
    fn folders(&self) -> MutexGuard<'_, BTreeMap<PathBuf, WatchedFolder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn being_written(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.being_written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a file is being written, or that another takes its place.
    fn account(&self, path: &Path, kind: EventKind) {
        match kind {
            // Only inotify reports that a file is closed.
            EventKind::Modify(ModifyKind::Data(_)) if RecommendedWatcher::kind() == WatcherKind::Inotify => {
                self.being_written().insert(path.to_owned());
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                self.being_written().remove(path);
            }
            _ => {}
        }
    }

    /// Records that these files are closed. True if one of them was being written.
    fn closed(&self, paths: &[PathBuf]) -> bool {
        let mut being_written = self.being_written();
        let before = being_written.len();
        being_written.retain(|path| !paths.contains(path));
        being_written.len() < before
    }

    /// Runs on the watcher's thread.
    fn judge(&self, event: notify::Result<Event>) {
        let counts = match event {
            Ok(Event {
                kind: EventKind::Access(AccessKind::Close(AccessMode::Write)),
                paths,
                ..
            }) => self.closed(&paths),
            // Our own reading makes these.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => {
                if event.need_rescan() {
                    // What was lost may have told that they are closed: then time alone counts.
                    self.being_written().clear();
                }
                let mut folders = self.folders();
                // All paths, because each may end a watch.
                let counting = event
                    .paths
                    .iter()
                    .filter(|path| counts(&mut folders, path, event.kind))
                    .inspect(|path| self.account(path, event.kind))
                    .count();
                counting > 0 || event.paths.is_empty() || event.need_rescan()
            }
            // Something is lost, as above.
            Err(_) => {
                self.being_written().clear();
                true
            }
        };
        if counts {
            self.wake.notify_one();
        }
    }
}

/// True if an event may concern a file that is read.
fn counts(folders: &mut BTreeMap<PathBuf, WatchedFolder>, path: &Path, kind: EventKind) -> bool {
    if folders.contains_key(path) {
        // With the directory went the watch, even if there is another directory by now.
        if matches!(
            kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        ) {
            folders.remove(path);
        }
        return true;
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return true;
    };
    let Some(folder) = folders.get(parent) else {
        return true;
    };
    if folder.names.contains(name) {
        return true;
    }
    let hidden = name.as_encoded_bytes().starts_with(b".");
    let is_yaml = source::has_room_file_name(path);
    // What is only written to is a log or the like; what is new, or may be read at last, may be a directory.
    let written = matches!(kind, EventKind::Modify(ModifyKind::Data(_)));
    folder.walked && !hidden && (is_yaml || !written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Progress;
    use crate::source::Listing;
    use std::fs;

    /// With the directory goes whatever would tell that a file in it is closed.
    #[test]
    fn a_file_in_a_directory_that_was_replaced_is_not_being_written_for_ever() {
        let top = tempfile::tempdir().unwrap();
        let [rooms, new] = ["rooms", "new"].map(|name| top.path().canonicalize().unwrap().join(name));
        for folder in [&rooms, &new] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("a.yaml"), "\n").unwrap();
        }
        let folders = || Listing::of(std::slice::from_ref(&rooms), None, &Progress::default()).folders;
        let mut watch = Watch::start(Arc::default());
        assert!(watch.follow(&folders()));
        let file = rooms.join("a.yaml");
        watch.watched.being_written().insert(file.clone());
        assert!(!watch.follow(&folders()));
        assert_eq!(watch.written().first(), Some(file));
        fs::rename(&rooms, top.path().join("old")).unwrap();
        fs::rename(&new, &rooms).unwrap();
        assert!(watch.follow(&folders()));
        assert_eq!(watch.written().first(), None);
    }
}
