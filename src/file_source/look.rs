//! The part of following that touches the disk, and so blocks.

use super::watch::{Watch, Written};
use crate::desired::Texts;
use crate::disk::{self, DiskTimeout, Progress, TimeLimit};
use crate::source::{Fingerprint, Listing};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Past this, a file that is written to again has another time: no kernel's clock for files ticks slower.
const TICK: Duration = Duration::from_millis(10);
/// Looks in a row while directories turn up that were not watched.
const MOST_LOOKS: usize = 4;

/// Watch for changes, and the time limit of the disk.
pub(super) type Watched = (Watch, TimeLimit);

/// The files on the disk.
pub(super) struct Disk {
    paths: Vec<PathBuf>,
    settings_file: Option<PathBuf>,
    watch: Arc<Mutex<Watch>>,
    written: Written,
    time_limit: TimeLimit,
    /// Last operation that did not end in time.
    slow: Mutex<Option<DiskTimeout>>,
}

/// Outcome of a reading.
pub(super) enum Seen {
    /// Not what was expected, or changed while it was read: what is seen now.
    Moved(Fingerprint),
    /// The same before and after.
    Resting(Fingerprint, Texts),
}

impl Disk {
    pub(super) fn new(
        paths: Vec<PathBuf>,
        settings_file: Option<PathBuf>,
        (watch, time_limit): Watched,
    ) -> Self {
        Self {
            paths,
            settings_file,
            written: watch.written(),
            watch: Arc::new(Mutex::new(watch)),
            time_limit,
            slow: Mutex::default(),
        }
    }

    /// Other files, with the same watch.
    pub(super) fn elsewhere(&self, paths: Vec<PathBuf>, settings_file: Option<PathBuf>) -> Self {
        Self {
            paths,
            settings_file,
            watch: Arc::clone(&self.watch),
            written: self.written.clone(),
            time_limit: self.time_limit,
            slow: Mutex::default(),
        }
    }

    /// A file that somebody has written to and not closed since, where the system tells.
    pub(super) fn being_written(&self) -> Option<PathBuf> {
        // Not by way of the watch itself, which somebody may hold who waits for the disk.
        self.written.first()
    }

    /// The state of the files, all of them watched.
    pub(super) fn look(self: &Arc<Self>) -> Result<Fingerprint, DiskTimeout> {
        self.attended(|disk, progress| disk.list(progress).fingerprint)
    }

    /// Reads the files if they are as expected. `None` expects nothing.
    pub(super) fn read(self: &Arc<Self>, expected: Option<&Fingerprint>) -> Result<Seen, DiskTimeout> {
        let expected = expected.cloned();
        self.attended(move |disk, progress| disk.read_here(expected.as_ref(), progress))
    }

    /// Does it on a thread that is left behind where the disk does not answer. As long as one is, no other is.
    fn attended<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &Progress) -> T + Send + 'static,
    ) -> Result<T, DiskTimeout> {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slow) = slow.as_ref().filter(|slow| slow.is_under_way()) {
            return Err(slow.clone());
        }
        let first = self.paths.first().map_or(Path::new(""), PathBuf::as_path);
        let disk = Arc::clone(self);
        let done = disk::with_limit(self.time_limit, first, move |progress| work(&disk, progress));
        *slow = done.as_ref().err().cloned();
        done
    }

    fn list(&self, progress: &Progress) -> Listing {
        // Another look that was left behind has it: then the files are found by rescans.
        let watch = self.watch.try_lock().ok();
        let listing = || Listing::of(&self.paths, self.settings_file.as_deref(), progress);
        let Some(mut watch) = watch else { return listing() };
        let mut listed = listing();
        for _ in 1..MOST_LOOKS {
            if !watch.follow(&listed.folders) {
                break;
            }
            listed = listing();
        }
        listed
    }

    fn read_here(&self, expected: Option<&Fingerprint>, progress: &Progress) -> Seen {
        let mut before = self.list(progress);
        let moved = |now: &Fingerprint| expected.is_some_and(|expected| expected != now);
        for _ in 1..MOST_LOOKS {
            if moved(&before.fingerprint) || before.fingerprint.age().is_none_or(|age| age >= TICK) {
                break;
            }
            // Another write could go unseen.
            std::thread::sleep(TICK);
            before = self.list(progress);
        }
        if moved(&before.fingerprint) {
            return Seen::Moved(before.fingerprint);
        }
        let texts = Texts::of(before.found_files.read(progress));
        let after = self.list(progress);
        if after.fingerprint == before.fingerprint {
            Seen::Resting(after.fingerprint, texts)
        } else {
            Seen::Moved(after.fingerprint)
        }
    }
}
