//! The part of following that touches the disk, and so blocks.

use crate::daemon::watch::Watch;
use crate::desired::Texts;
use crate::desired::files::{Listing, Stamp};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Past this, a file that is written to again has another time: no kernel's clock for files ticks slower.
const TICK: Duration = Duration::from_millis(10);
/// Looks in a row while directories turn up that were not watched.
const MOST_LOOKS: usize = 4;

/// The files on the disk.
pub(super) struct Disk {
    paths: Vec<PathBuf>,
    settings_file: Option<PathBuf>,
    watch: Arc<Mutex<Watch>>,
}

/// What a reading came to.
pub(super) enum Seen {
    /// Not what was expected, or changed while it was read: what is seen now.
    Moved(Stamp),
    /// The same before and after.
    Resting(Stamp, Texts),
}

impl Disk {
    pub(super) fn new(paths: Vec<PathBuf>, settings_file: Option<PathBuf>, watch: Watch) -> Self {
        Self {
            paths,
            settings_file,
            watch: Arc::new(Mutex::new(watch)),
        }
    }

    /// Other files, with the same watch.
    pub(super) fn elsewhere(&self, paths: Vec<PathBuf>, settings_file: Option<PathBuf>) -> Self {
        Self {
            paths,
            settings_file,
            watch: Arc::clone(&self.watch),
        }
    }

    /// A file that somebody has written to and not closed since, where the system tells.
    pub(super) fn being_written(&self) -> Option<PathBuf> {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.being_written()
    }

    /// The state of the files, all of them watched.
    pub(super) fn look(&self) -> Stamp {
        self.list().stamp
    }

    fn list(&self) -> Listing {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut listing = Listing::of(&self.paths, self.settings_file.as_deref());
        for _ in 1..MOST_LOOKS {
            if !watch.follow(&listing.folders) {
                break;
            }
            listing = Listing::of(&self.paths, self.settings_file.as_deref());
        }
        listing
    }

    /// Reads the files if they are as expected. `None` expects nothing.
    pub(super) fn read(&self, expected: Option<&Stamp>) -> Seen {
        let mut before = self.list();
        let moved = |now: &Stamp| expected.is_some_and(|expected| expected != now);
        for _ in 1..MOST_LOOKS {
            if moved(&before.stamp) || before.stamp.age().is_none_or(|age| age >= TICK) {
                break;
            }
            // Another write could go unseen.
            std::thread::sleep(TICK);
            before = self.list();
        }
        if moved(&before.stamp) {
            return Seen::Moved(before.stamp);
        }
        let texts = Texts::of(before.read());
        let after = self.list();
        if after.stamp == before.stamp {
            Seen::Resting(after.stamp, texts)
        } else {
            Seen::Moved(after.stamp)
        }
    }
}
