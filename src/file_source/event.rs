//! Orders to the task that follows the files, and its news of them.

use crate::desired::{Loaded, Remembered};
use crate::diagnostics::Diagnostic;
use crate::model::RoomDefaults;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Files to follow, and the rules for reading them.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Room files, and directories of them.
    pub paths: Vec<PathBuf>,
    /// Never taken for a room file.
    pub settings_file: Option<PathBuf>,
    /// Those of the settings.
    pub room_defaults: RoomDefaults,
    /// Time for which changed files must be unchanged before they are read.
    pub settle: Duration,
    /// The files of the set before this process, by which one that was cut short since is known.
    pub remembered: Remembered,
}

/// News of the files on the disk.
#[derive(Debug)]
pub enum Event {
    /// Another set, which is in force from now on.
    Taken(Box<Loaded>),
    /// They cannot be used: the set in force stays.
    Bad(Vec<Diagnostic>),
    /// After [`Event::Bad`]: they are those of the set in force again.
    AsBefore,
}

/// Delay before a file that is being written is checked again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// Stillness of the files. Removals and demotions wait until it has lasted long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stillness {
    /// Since when their contents are what they are, as far as has been seen.
    pub unchanged_since: Instant,
    /// Start of the last read that confirmed it. Without events nothing later is known.
    pub seen_at: Instant,
    /// True if the files on the disk are the set in force: read to the end, valid and finished.
    pub is_in_force: bool,
    /// Time of the last change of a file, in content or not, by the clock of its disk.
    pub newest: Option<SystemTime>,
    /// A file that somebody has written to and not closed since, where the system tells.
    pub being_written: Option<PathBuf>,
    /// The file that changed last.
    pub changed: Option<PathBuf>,
    /// Number of sets taken so far, including the one in force.
    pub sets: u64,
}

impl Stillness {
    /// Time left until the files have been unchanged for `settle`. A time in the future counts as the time of the first look.
    pub(crate) fn left_of(&self, settle: Duration) -> Duration {
        let age = self
            .newest
            .and_then(|newest| SystemTime::now().duration_since(newest).ok());
        let unchanged = age.unwrap_or_default().max(self.unchanged_since.elapsed());
        let left = settle.saturating_sub(unchanged);
        if self.is_in_force && self.being_written.is_none() {
            left
        } else {
            // Nobody can tell how long it takes until they are finished.
            left.max(RETRY.min(settle))
        }
    }

    /// Nothing is known of the files yet.
    pub(crate) fn unknown(now: Instant) -> Self {
        Self {
            unchanged_since: now,
            seen_at: now,
            is_in_force: false,
            newest: None,
            being_written: None,
            changed: None,
            sets: 0,
        }
    }
}

/// Request to the task.
#[derive(Debug)]
pub(super) enum Order {
    Look,
    Change(Box<Follow>),
}
