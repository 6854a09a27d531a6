//! `roomsync run` as people run it: the real binary with real files, sockets and signals, and the emulator on a socket of this
//! process as the service.

mod adoption;
mod approve;
mod crowded;
mod edits;
mod life;
mod orders;
mod place;
mod probe;
mod seen;
mod slow_writers;
mod webhook;

// The tests of the page and of the dashboard look at such a daemon, too.
pub(crate) use place::{Daemon, PATIENCE, Place};
pub(crate) use webhook::{hook, kick, post_to};
