//! The service → what is there: paginated reads, and the proof that a read is complete.

mod admins;
mod allow_list;
mod bulk;
mod detail;
mod fan_out;
mod pages;
mod people;
mod read;
mod room;
mod rooms;

pub use admins::{AdminList, read_admins, read_admins_at};
pub use allow_list::{AllowList, read_allow_list};
pub use bulk::{ROWS_AN_ANSWER, read_members, read_owners, read_rooms};
pub(crate) use fan_out::{Waiter, fan_out};
pub use read::{AdminRead, MemberList, Owner, ReadRequest, read_room};
pub use room::{Inconsistency, LiveRoom, Observed};
pub use rooms::{RoomList, RoomListError, count_unmanaged, list_rooms};
