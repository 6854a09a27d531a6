use super::call_evidence::CallEvidence;
use super::cancel::Cancel;
use super::recheck::Recheck;
use super::report::{Reason, RoomReport};
use crate::desired::DesiredRoom;
use crate::model::{Op, RoomId, UserId};
use crate::plan::{RoomPlan, Step};
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

/// A room's plan with what it was made from.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The room as it should be.
    pub desired: &'a DesiredRoom,
    /// The plan to be carried out.
    pub plan: &'a RoomPlan,
    /// Beginning of the look that the plan stands on. `None`: there was none.
    pub read_at: Option<Instant>,
}

/// Number of a call in the journal; 0 where none is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallNumber(pub u64);

/// Record of a run's calls. Each call is recorded before it goes out. What became of its users is recorded before the next call of the
/// room begins; if only a look shows it, after the look.
pub trait Journal: Sync {
    /// Records a call that is about to be sent.
    fn sends(&self, room: &RoomId, step: &Step) -> CallNumber;
    /// Records that a call was not sent after all.
    fn not_sent(&self, call: CallNumber, reason: &Reason);
    /// Records what became of some users of a call, of all of them the same.
    fn record(&self, room: &RoomId, results: UserResults<'_>);
    /// Waits until everything recorded so far is written. The error ends the run: what cannot be written down must not be done.
    fn written(&self) -> LocalBoxFuture<'_, Result<(), Reason>>;
}

/// Result of a call for some of its users.
#[derive(Debug, Clone, Copy)]
pub struct UserResults<'a> {
    /// The call.
    pub call: CallNumber,
    /// The operation.
    pub op: Op,
    /// The people.
    pub users: &'a [&'a UserId],
    /// `Ok`: the answer or a look shows it done. The error is why it is not, or why nobody knows.
    pub result: Result<(), &'a Reason>,
}

/// Decides which rooms of a run are begun, and is told what came of each.
pub trait RoomHooks: Sync {
    /// Begins a room. Gives what ends the work in it, and in no other. `None`: it is left alone.
    fn begin<'a>(&'a self, plan: &'a RoomPlan) -> LocalBoxFuture<'a, Option<Cancel>>;
    /// True if this may no longer be done to somebody whom the plan says is approved.
    fn approval_is_over(&self, plan: &RoomPlan, op: Op, user: &UserId) -> bool;
    /// Takes in the answer to a write call of a room before the next one begins there. `failed`: why it did not succeed.
    fn answered(&self, plan: &RoomPlan, failed: Option<&Reason>);
    /// Takes in what came of a room that was begun. `stopped`: what ended the work in it early, if anything did.
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
    /// Evidence of write calls, of this run and of others at the same time.
    pub evidence: &'a CallEvidence,
    /// Reads rooms again where calls depend on it.
    pub recheck: &'a dyn Recheck,
}
