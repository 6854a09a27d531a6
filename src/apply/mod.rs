//! Runs a plan's calls and makes no choices of its own; gives a report of every call and every user.
//!
//! Rooms run side by side, a room's calls in order. Nothing here decides who should be where: when a room has to be looked
//! at again, the plan of the new look is cut down to what was planned before, so that a run can only do less than its plan.

mod batch;
mod report;
mod room;
mod run;
mod verdict;

pub use report::{Failure, Outcome, Reason, Report, RoomReport, Tally};

use crate::chat::{CallError, Connection, Reader, Writer};
use crate::desired::DesiredRoom;
use crate::plan::RoomPlan;
use futures_util::stream::{self, StreamExt as _};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// A room's plan with what it was made from.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// What should be.
    pub desired: &'a DesiredRoom,
    /// What is to be done.
    pub plan: &'a RoomPlan,
    /// When the look at the room began that the plan stands on; `None` if there was none.
    pub read_at: Option<Instant>,
}

/// Applies the plans of all rooms, at most so many rooms at a time. `progress` is called once a planned
/// call.
pub async fn run(
    connection: &Connection,
    jobs: &[Job<'_>],
    at_once: usize,
    progress: &(dyn Fn() + Sync),
) -> Report {
    let hands = Hands {
        reader: connection.reader(),
        writer: Writer::new(connection),
        stopped: Mutex::new(None),
        progress,
    };
    let rooms = stream::iter(jobs).map(|job| room::apply(&hands, *job));
    let mut rooms: Vec<RoomReport> = rooms.buffer_unordered(at_once.max(1)).collect().await;
    rooms.sort_by(|a, b| a.id.cmp(&b.id));
    Report {
        rooms,
        stopped: hands.stopped.into_inner().unwrap_or_else(PoisonError::into_inner),
    }
}

/// What the rooms of one run share.
struct Hands<'a> {
    reader: Reader,
    writer: Writer,
    /// The first failure that every other call would meet too.
    stopped: Mutex<Option<CallError>>,
    progress: &'a (dyn Fn() + Sync),
}

impl Hands<'_> {
    fn stop(&self, error: &CallError) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert_with(|| error.clone());
    }

    fn stopped(&self) -> Option<CallError> {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
