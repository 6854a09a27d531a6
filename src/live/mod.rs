//! The service → what is there: paginated reads, and the proof that a read is complete.

mod admins;
mod detail;
mod fleet;
mod look;
mod pages;
mod people;
mod room;
mod rooms;

pub use admins::{AdminList, read_admins};
pub use fleet::{fleet, members};
pub use look::{MemberList, Question, look};
pub use room::{Contradiction, LiveRoom, Observed};
pub use rooms::{RoomList, RoomListError, rooms};
