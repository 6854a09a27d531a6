//! `roomsync run` as people run it: the real binary with real files, sockets and signals, and the emulator on a socket of this
//! process as the service.

// So that clippy knows the helpers, too, for tests: they may fail by panicking.
#![cfg(test)]

mod edits;
mod life;
mod place;
mod seen;
mod slow_writers;
