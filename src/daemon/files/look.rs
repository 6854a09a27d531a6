//! The part of following that touches the disk, and so blocks.

use crate::daemon::watch::{Watch, Written};
use crate::desired::Texts;
use crate::disk::{self, Patience, Slow, Step};
use crate::source::{Listing, Stamp};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Past this, a file that is written to again has another time: no kernel's clock for files ticks slower.
const TICK: Duration = Duration::from_millis(10);
/// Looks in a row while directories turn up that were not watched.
const MOST_LOOKS: usize = 4;

/// Watch for changes, and the time limit of the disk.
pub(super) type Watched = (Watch, Patience);

/// The files on the disk.
pub(super) struct Disk {
    paths: Vec<PathBuf>,
    settings_file: Option<PathBuf>,
    watch: Arc<Mutex<Watch>>,
    written: Written,
    patience: Patience,
    /// Last operation that did not end in time.
    slow: Mutex<Option<Slow>>,
}

/// What a reading came to.
pub(super) enum Seen {
    /// Not what was expected, or changed while it was read: what is seen now.
    Moved(Stamp),
    /// The same before and after.
    Resting(Stamp, Texts),
}

impl Disk {
    pub(super) fn new(
        paths: Vec<PathBuf>,
        settings_file: Option<PathBuf>,
        (watch, patience): Watched,
    ) -> Self {
        Self {
            paths,
            settings_file,
            written: watch.written(),
            watch: Arc::new(Mutex::new(watch)),
            patience,
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
            patience: self.patience,
            slow: Mutex::default(),
        }
    }

    /// A file that somebody has written to and not closed since, where the system tells.
    pub(super) fn being_written(&self) -> Option<PathBuf> {
        // Not by way of the watch itself, which somebody may hold who waits for the disk.
        self.written.first()
    }

    /// The state of the files, all of them watched.
    pub(super) fn look(self: &Arc<Self>) -> Result<Stamp, Slow> {
        self.attended(|disk, step| disk.list(step).stamp)
    }

    /// Reads the files if they are as expected. `None` expects nothing.
    pub(super) fn read(self: &Arc<Self>, expected: Option<&Stamp>) -> Result<Seen, Slow> {
        let expected = expected.cloned();
        self.attended(move |disk, step| disk.read_here(expected.as_ref(), step))
    }

    /// Does it on a thread that is left behind where the disk does not answer. As long as one is, no other is.
    fn attended<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &Step) -> T + Send + 'static,
    ) -> Result<T, Slow> {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slow) = slow.as_ref().filter(|slow| slow.is_under_way()) {
            return Err(slow.clone());
        }
        let first = self.paths.first().map_or(Path::new(""), PathBuf::as_path);
        let disk = Arc::clone(self);
        let done = disk::whole(self.patience, first, move |step| work(&disk, step));
        *slow = done.as_ref().err().cloned();
        done
    }

    fn list(&self, step: &Step) -> Listing {
        // Another look that was left behind has it: then the files are found by rescans.
        let watch = self.watch.try_lock().ok();
        let listing = || Listing::of(&self.paths, self.settings_file.as_deref(), step);
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

    fn read_here(&self, expected: Option<&Stamp>, step: &Step) -> Seen {
        let mut before = self.list(step);
        let moved = |now: &Stamp| expected.is_some_and(|expected| expected != now);
        for _ in 1..MOST_LOOKS {
            if moved(&before.stamp) || before.stamp.age().is_none_or(|age| age >= TICK) {
                break;
            }
            // Another write could go unseen.
            std::thread::sleep(TICK);
            before = self.list(step);
        }
        if moved(&before.stamp) {
            return Seen::Moved(before.stamp);
        }
        let texts = Texts::of(before.findings.read(step));
        let after = self.list(step);
        if after.stamp == before.stamp {
            Seen::Resting(after.stamp, texts)
        } else {
            Seen::Moved(after.stamp)
        }
    }
}
