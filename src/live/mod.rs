//! The service → what is there: paginated reads, and the proof that a read is complete.

mod admins;
mod detail;
mod fleet;
mod look;
mod pages;
mod people;
mod room;
mod rooms;

pub use admins::{AdminList, read_admins, read_admins_at};
pub use fleet::{ROWS_AN_ANSWER, fleet, members, owners};
pub use look::{MemberList, Owner, Question, look};
pub use room::{Contradiction, LiveRoom, Observed};
pub use rooms::{RoomList, RoomListError, rooms};
