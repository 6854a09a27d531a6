//! Removals between two looks at all rooms, as the state folder shows those looks.

use std::fs;
use std::path::PathBuf;

/// Removals since the last look at all rooms.
pub(super) struct RemovalWindow {
    state_file: PathBuf,
    /// End of that look, as the state file says.
    looked: String,
    /// Process that counted the removals.
    process: u32,
    removals: usize,
}

impl RemovalWindow {
    pub(super) fn new(state_file: PathBuf) -> Self {
        Self {
            state_file,
            looked: String::new(),
            process: 0,
            removals: 0,
        }
    }

    /// Begins anew if all rooms have been looked at.
    pub(super) fn refresh(&mut self, process: u32) {
        let text = fs::read_to_string(&self.state_file).unwrap_or_default();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let looked = state["data"]["budget"]["looked"].as_str().unwrap_or_default();
        if self.looked == looked {
            return;
        }
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        // A process that begins within the interval goes on with the budget.
        let carried = self.process != process
            && time(looked)
                .zip(time(&self.looked))
                .is_some_and(|(now, then)| now.as_second() - then.as_second() < 300);
        if !carried {
            self.removals = 0;
        }
        (self.looked, self.process) = (looked.to_owned(), process);
    }

    /// Adds removals, and returns their sum.
    pub(super) fn add(&mut self, removals: usize) -> usize {
        self.removals += removals;
        self.removals
    }
}
