//! The real binary, as people and CI jobs run it: exit codes, outputs, and what it never sends.
//!
//! The service it talks to is the emulator on a real socket, in this process, where every request is written down.

mod absent;
mod audit;
mod canaries;
mod completions;
mod credentials;
mod demo;
mod docs;
mod exit;
mod explain;
mod export;
mod export_out;
mod failures;
mod fleet_guard;
mod guide;
mod interrupt;
mod log_lines;
mod named_rooms;
mod network;
mod one_line;
mod output;
mod plan_schema;
mod progress;
mod prompt;
mod proxies;
mod pull_request;
mod refused;
mod revision;
mod running;
mod saved;
mod secrets;
mod service;
mod site;
mod terminal;
mod tls;
mod tls_faults;
mod unmanaged;
mod until;
mod words;
