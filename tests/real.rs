//! Tests for real: the program as a child process, sockets, a browser, the clock. One binary, so that the crate is
//! linked once for all of it. What is in which folder: `tests/README.md`.

// So that clippy knows the helpers, too, for tests: they may fail by panicking.
#![cfg(test)]

#[path = "cli/main.rs"]
mod cli;
#[path = "daemon/main.rs"]
mod daemon;
#[path = "daemon_files/main.rs"]
mod daemon_files;
#[path = "deploy/main.rs"]
mod deploy;
#[path = "web/main.rs"]
mod web;
#[path = "workflows/main.rs"]
mod workflows;
