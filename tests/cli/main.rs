//! The real binary, as people and CI jobs run it: exit codes, outputs, and what it never sends.
//!
//! The service it talks to is the emulator on a real socket, in this process, where every request is written down.
//! Exit code 6 is missing: nothing gives it until a saved plan can be applied.

// So that clippy knows the helpers, too, for tests: they may fail by panicking.
#![cfg(test)]

mod completions;
mod demo;
mod docs;
mod exit;
mod network;
mod output;
mod plan_schema;
mod prompt;
mod refused;
mod secrets;
mod service;
mod site;
