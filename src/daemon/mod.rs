//! The daemon: follows the files, keeps the rooms, and never forgets what it must not do.

mod connect;
pub mod pass;

pub use connect::{ConnectError, config, connect};
