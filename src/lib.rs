//! roomsync keeps the membership of chat rooms as a team's files say.
//!
//! Data walks in one direction, each step one function, each stop one plain type:
//!
//! **files → desired → live → diff → plan → guard → apply → report**
//!
//! - [`model`]: the words. No I/O, imports nothing of ours.
//! - [`backoff`]: waits between tries. Imports nothing of ours.
//! - `disk`: reads that never wait for ever, of regular files only, and writes off the loop. Imports nothing of ours.
//! - `secrets`: the secrets of this process, and texts without them. Imports nothing of ours.
//! - [`diagnostics`]: what is wrong with files: types, places, and the text for people.
//! - `yaml`: a strict reader that finds every problem of a file in one run.
//! - `source`: files on the disk, as they are found and read, and the commit they are of.
//! - [`desired`]: room files → [`desired::Desired`].
//! - [`live`]: the service → what is there, and the proof that a read is complete.
//! - [`plan`]: pure. Imports only `model` and the plain types of `desired` and `live`.
//! - [`base`]: pure, too. The files against an earlier version of them.
//! - [`render`]: pure, too. Plans as text, Markdown and JSON.
//! - [`export`]: pure, too. Live rooms → a room file.
//! - [`explain`]: pure, too. Files, a look and a plan → sentences about one person.
//! - [`apply`]: runs a plan's calls, makes no choices of its own; its caller hands it the way to plan a room again. The only place
//!   that makes a [`chat::Writer`], so a dry run is a run that has no writer, never a flag.
//! - [`chat`]: the service's client.
//! - [`emulator`]: the service itself, in memory. Shares [`chat::wire`] with the client and nothing else.
//! - [`reconcile`]: look, plan, log, apply, for one-shot commands and the daemon alike.
//! - [`file_source`]: follows the room files, and says once they are finished and valid.
//! - `seen`: people who were in a room and are not any more, and the file in which the daemon keeps them. Imports only `disk` and `model`.
//! - [`status`]: the types of what the daemon shows.
//! - `clock`: the time of day, and a steady time that nobody sets. Imports nothing of ours.
//! - `audit_log`: a JSON line a change, written off the loop.
//! - `exclusions`: people who must not be touched for now: held, set aside, coming and going, within the removal budget. No clock
//!   but the time passed in.
//! - [`daemon`]: keeps the rooms as the files say; wires things together.
//! - [`web`]: renders `status`: page, probes and metrics; takes in the service's events, on a listener of their own.
//! - [`cli`]: one file a command; wires things together.
//!
//! `tests/architecture.rs` keeps these rules.

pub mod apply;
mod audit_log;
pub mod backoff;
pub mod base;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod desired;
pub mod diagnostics;
mod disk;
pub mod emulator;
mod exclusions;
pub mod explain;
pub mod export;
pub mod file_source;
pub mod live;
pub mod model;
pub mod plan;
pub mod reconcile;
pub mod render;
mod secrets;
mod seen;
pub mod settings;
mod source;
pub mod status;
pub mod telemetry;
pub mod web;
mod yaml;
