//! Rooms of the app that no file names, counted once an hour.

use super::controller::Controller;
use super::handle::{DaemonHandle, lock};
use super::learned_limits::ServiceLink;
use crate::live::count_unmanaged;
use crate::model::{RoomId, Unmanaged};
use crate::status::UnmanagedRooms;
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Time from one count to the next, but for a tenth.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Longest time from the start of one count to its end: nothing waits for it.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The last count, and when the next one is due.
#[derive(Debug)]
pub(super) struct UnmanagedCount {
    due: Instant,
    last: Option<(Unmanaged, Timestamp)>,
}

impl UnmanagedCount {
    pub(super) fn new() -> Self {
        Self {
            due: Instant::now(),
            last: None,
        }
    }

    /// True if a count is to begin now; the next one is due an hour from now, more or less a tenth by `random` (0 to 1).
    fn begins(&mut self, random: f64) -> bool {
        let is_due = self.due <= Instant::now();
        if is_due {
            self.due = Instant::now() + EVERY.mul_f64(0.9 + 0.2 * random);
        }
        is_due
    }

    fn take(&mut self, unmanaged: Unmanaged, now: Timestamp) {
        self.last = Some((unmanaged, now));
    }

    /// Forgets the last count: it is not to be shown any more.
    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }

    /// The last count as it is shown.
    pub(super) fn shown(&self) -> Option<UnmanagedRooms> {
        let (unmanaged, counted) = self.last.as_ref()?;
        Some(UnmanagedRooms {
            unmanaged: unmanaged.clone(),
            line: unmanaged.in_a_line(),
            counted: *counted,
        })
    }
}

impl Controller {
    /// True if the app's rooms are to be counted now that no file names. The first look at all rooms comes first.
    pub(super) fn counts_unmanaged(&mut self) -> bool {
        let may = self.settings.report_unmanaged && self.works_alone();
        may && self.unmanaged.begins(self.random.f64())
    }

    /// Time of the next count, if there is to be one.
    pub(super) fn unmanaged_due(&self) -> Option<Instant> {
        self.settings.report_unmanaged.then_some(self.unmanaged.due)
    }
}

/// Counts them. A count that takes too long, or that the daemon's end interrupts, counts for nothing.
pub(super) async fn count(daemon: &DaemonHandle, link: &ServiceLink) {
    let managed: HashSet<RoomId> = lock(&daemon.controller).rooms.ids().cloned().collect();
    let counting = count_unmanaged(&link.reader, |id| managed.contains(id), usize::MAX);
    let counted = tokio::select! {
        counted = tokio::time::timeout(LONGEST, counting) => counted,
        () = daemon.ending() => return,
    };
    if let Ok(unmanaged) = counted {
        let mut controller = lock(&daemon.controller);
        let now = controller.now();
        controller.unmanaged.take(unmanaged, now);
    }
}
