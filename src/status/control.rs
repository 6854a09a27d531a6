//! Orders that people give to the daemon.

use crate::model::RoomId;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The daemon, as far as people with the admin token steer it.
pub trait Control: Send + Sync + 'static {
    /// The app of this daemon, by which somebody who means another one is found out.
    fn app(&self) -> String;
    /// Asks for a look at all rooms as soon as possible.
    fn check(&self, by: Option<&str>);
    /// Withholds writing. It is kept in `state_dir`, so it outlives the process.
    fn pause(&self, pause: PauseOrder) -> BoxFuture<'_, Reply>;
    /// Ends the pause.
    fn resume(&self, by: Option<String>) -> BoxFuture<'_, Reply>;
    /// The managed rooms, with their labels in the files.
    fn rooms(&self) -> Vec<(RoomId, Option<String>)>;
    /// Looks at a room, and gives what its guards and holds keep back there. The error is never [`Reply::Done`].
    fn held_back(&self, room: RoomId) -> BoxFuture<'_, Result<HeldBack, Reply>>;
    /// Lets through what was shown, if it is still what is kept back.
    fn approve(&self, order: ApproveOrder) -> BoxFuture<'_, Reply>;
}

/// A pause that somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PauseOrder {
    /// Whoever asks.
    pub by: Option<String>,
    /// The reason.
    pub why: Option<String>,
    /// Its length. `None`: until somebody ends it.
    pub length: Option<Duration>,
}

/// Approval that somebody gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveOrder {
    /// The room.
    pub room: RoomId,
    /// Whoever approves.
    pub by: Option<String>,
    /// Digest of what they were shown.
    pub digest: String,
}

/// Changes of a room that its guards and holds keep back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// App of the daemon.
    pub app: String,
    /// The room, by its id.
    pub room: String,
    /// Its label in the files.
    pub name: Option<String>,
    /// Digest of all this, by which it is approved. It holds until something changes, and never in another process.
    pub digest: String,
    /// Names of the people who are kept and should go.
    pub remove: Vec<String>,
    /// Admins who should become plain members; those who should go are among them.
    pub demote: Vec<String>,
    /// People who should come.
    pub add: Vec<String>,
    /// The guards that keep them back, in words.
    pub why: Vec<String>,
}

/// Outcome of an order, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is so now.
    Done(String),
    /// It cannot be, or not all of it.
    Refused(String),
    /// It failed, and may be tried again.
    Failed(String),
}
