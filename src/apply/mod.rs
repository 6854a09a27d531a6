//! Runs a plan's calls and makes no choices of its own; gives a report of every call and every user.
//!
//! Rooms run side by side, a room's kinds of calls one after the other, calls of one kind at once. Nothing here decides who
//! should be where: when a room has to be looked at again, [`Recheck`] gives a plan of the new look that is cut down to what was
//! planned before, so that a run can only do less than its plan.

mod call;
mod call_evidence;
mod cancel;
mod context;
mod executor;
mod expected;
mod in_flight;
mod last_look;
mod on_answer;
mod options;
mod phase;
mod phase_run;
mod recheck;
mod removal_guard;
mod report;
mod results;
mod room;
mod room_record;
mod room_run;
mod schedule;
mod sent_calls;
mod splitting;
mod verify;
mod waiting_list;

pub use call_evidence::CallEvidence;
pub use cancel::Cancel;
pub use options::{ApplyOptions, CallNumber, Job, Journal, RoomHooks, UserResults};
pub use recheck::{Recheck, Replanned, Roles, UnknownRoles};
pub use report::{Failure, Outcome, Reason, Report, RoomReport, Tally};

use crate::chat::Client;
use context::RunContext;
use room_run::RoomRun;

/// Applies the plans of all rooms.
pub async fn run(client: &Client, jobs: &[Job<'_>], options: ApplyOptions<'_>) -> Report {
    let context = RunContext::new(client, options);
    let (busy, idle): (Vec<Job<'_>>, Vec<Job<'_>>) = jobs
        .iter()
        .partition(|job| job.read_at.is_some() && !job.plan.steps().is_empty());
    let unchanged = idle
        .into_iter()
        .map(|job| RoomRun::new(&context, job, options.cancel.clone()).report());
    let mut rooms: Vec<RoomReport> = unchanged.collect();
    rooms.extend(executor::rooms(&context, busy).await);
    rooms.sort_by(|a, b| a.id.cmp(&b.id));
    let stopped = options.cancel.reason();
    Report { rooms, stopped }.refer_to_run()
}
