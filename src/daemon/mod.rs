//! The daemon.

pub mod files;
mod watch;
