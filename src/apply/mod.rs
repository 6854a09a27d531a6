//! Runs a plan's calls and makes no choices of its own; gives a report of every call and every user.
//!
//! Rooms run side by side, a room's kinds of calls one after the other, calls of one kind at once. Nothing here decides who
//! should be where: when a room has to be looked at again, [`Recheck`] gives a plan of the new look that is cut down to what was
//! planned before, so that a run can only do less than its plan.

mod call;
mod executor;
mod in_flight;
mod on_answer;
mod phase;
mod recheck;
mod removal_check;
mod report;
mod room;
mod room_report;
mod room_state;
mod schedule;
mod verify;
mod waiting_list;

pub use recheck::{Recheck, Replanned, Roles, UnknownRoles};
pub use report::{Failure, Outcome, Reason, Report, RoomReport, Tally};

use crate::chat::{Client, Reader};
use crate::desired::DesiredRoom;
use crate::model::{Op, ReasonCode, RoomId, UserId};
use crate::plan::RoomPlan;
use futures_util::future::LocalBoxFuture;
use in_flight::InFlight;
use room_state::RoomRun;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

/// A room's plan with what it was made from.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The room as it should be.
    pub desired: &'a DesiredRoom,
    /// The plan to be carried out.
    pub plan: &'a RoomPlan,
    /// When the look at the room began that the plan stands on; `None` if there was none.
    pub read_at: Option<Instant>,
}

/// A way to end a run before its end: no new call is made, the calls in flight end.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    reason: Mutex<Option<Reason>>,
    /// True if not even a call may go that was begun and waits for its turn.
    interrupted: watch::Sender<bool>,
}

impl Cancel {
    /// Turns true once not even a call may go that was begun.
    fn interrupted(&self) -> watch::Receiver<bool> {
        self.0.interrupted.subscribe()
    }

    /// Ends the run because somebody asked for it.
    pub fn interrupt(&self) {
        self.now(Reason::interrupted());
    }

    /// True if somebody asked for it.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        self.reason()
            .is_some_and(|reason| reason.code == ReasonCode::Interrupted)
    }

    /// Ends the run, and with it the calls that wait for their turn; the first reason counts.
    fn now(&self, reason: Reason) {
        self.0
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.0.interrupted.send_replace(true);
    }

    /// Reason why the run ends early, if it does.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.0
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Is told what became of each user of each call, before any call is begun that comes after it in that room.
pub trait Journal: Sync {
    /// Records what a call did.
    fn record(&self, room: &RoomId, answers: &[UserResult<'_>]);
    /// Waits until everything recorded so far is written. The error ends the run: what cannot be written down must not be done.
    fn written(&self) -> LocalBoxFuture<'_, Result<(), Reason>>;
}

/// Result of a call for one of its users.
#[derive(Debug, Clone, Copy)]
pub struct UserResult<'a> {
    /// The person.
    pub user: &'a UserId,
    /// The operation on them.
    pub op: Op,
    /// Reason why it is not done, or not known to be.
    pub result: Result<(), &'a Reason>,
}

/// Has a say in each room of a run.
pub trait RoomHooks: Sync {
    /// The room's turn has come. What ends the work in it, and in no other; `None`: it is left alone.
    fn begin<'a>(&'a self, plan: &'a RoomPlan) -> LocalBoxFuture<'a, Option<Cancel>>;
    /// A write call of a room was answered, well or for this reason not, before any other of that room is begun after it.
    fn answered(&self, plan: &RoomPlan, failed: Option<&Reason>);
    /// Reports what came of a room that was begun, and what ended the work in it early, if something did.
    fn end(&self, plan: &RoomPlan, report: &RoomReport, stopped: Option<&Reason>);
}

/// Options of a run.
#[derive(Clone, Copy)]
pub struct ApplyOptions<'a> {
    /// About so many rooms and so many calls at a time.
    pub at_once: usize,
    /// Ends the run early.
    pub cancel: &'a Cancel,
    /// Called once a call, with what it is to do.
    pub progress: &'a (dyn Fn(Op) + Sync),
    /// Records every call.
    pub journal: Option<&'a dyn Journal>,
    /// Hooks into the work of each room.
    pub hooks: Option<&'a dyn RoomHooks>,
    /// Reads rooms again where calls depend on it.
    pub recheck: &'a dyn Recheck,
}

/// Applies the plans of all rooms.
pub async fn run(client: &Client, jobs: &[Job<'_>], options: ApplyOptions<'_>) -> Report {
    let context = RunContext {
        client,
        reader: client.reader(),
        in_flight: InFlight::new(options.at_once),
        last_looks: Semaphore::new(verify::at_a_time(&client.reader())),
        options,
    };
    let (busy, idle): (Vec<Job<'_>>, Vec<Job<'_>>) = jobs
        .iter()
        .partition(|job| job.read_at.is_some() && !job.plan.steps().is_empty());
    let unchanged = idle
        .into_iter()
        .map(|job| RoomRun::new(&context, job, options.cancel.clone()).report());
    let mut rooms: Vec<RoomReport> = unchanged.collect();
    rooms.extend(executor::rooms(&context, busy).await);
    rooms.sort_by(|a, b| a.id.cmp(&b.id));
    Report {
        rooms,
        stopped: options.cancel.reason(),
    }
}

/// State that the rooms of one run share.
struct RunContext<'a> {
    client: &'a Client,
    reader: Reader,
    in_flight: InFlight,
    /// For last looks at admins.
    last_looks: Semaphore,
    options: ApplyOptions<'a>,
}
