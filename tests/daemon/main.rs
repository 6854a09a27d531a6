//! `roomsync run` as people run it: the real binary with real files, sockets and signals, and the emulator on a socket of this
//! process as the service.

mod crowded;
mod edits;
mod life;
mod place;
mod probe;
mod seen;
mod slow_writers;
mod webhook;

// The page's tests look at such a daemon, too.
pub(crate) use place::{Daemon, PATIENCE, Place};
