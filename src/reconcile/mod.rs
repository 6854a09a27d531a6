//! One pass over rooms, for one-shot commands and the daemon alike: look, plan, log, apply.

mod checked_clock;
mod client;
mod owner_reads;
mod pass;
pub mod progress;
mod recheck;
mod run_record;
mod written;

pub use checked_clock::CheckedClock;
pub use client::{ConnectError, config, connect};
pub use pass::{Look, Looked, Planned, Restrain, Target, apply, look, meta, plan, rates, sizes};
pub(crate) use pass::{log, log_room};
pub use recheck::ServiceRecheck;
pub(crate) use run_record::{RunRecord, pass_line};
pub use written::{Once, Written};
