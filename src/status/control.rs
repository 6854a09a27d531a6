//! Orders that people give to the daemon.

use futures_util::future::BoxFuture;
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
