//! The service → what is there: paginated reads, and the proof that a read is complete.

mod read;
mod room;
mod rooms;

pub use read::{AdminList, Question, fleet, look, read_admins};
pub use room::{Contradiction, LiveRoom, Observed};
pub use rooms::{RoomList, RoomListError, rooms};
