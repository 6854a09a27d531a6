//! The service → what is there: paginated reads, and the proof that a read is complete.

mod read;
mod room;

pub use read::{AdminList, Question, fleet, look, read_admins};
pub use room::{Contradiction, LiveRoom, Observed};
