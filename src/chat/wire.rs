//! The JSON of the calls, of their answers and of the service's errors.
//!
//! From the seed ("Manage chat room members") and, where marked `[P]` there, other public documents. The client and the
//! emulator share these shapes and nothing else; literal JSON pins them on both sides. Decoding is lenient: unknown
//! fields are ignored, and everything but `data` may be missing or of another type.

mod answers;
mod lenient;
mod outcome;
mod rows;

pub use answers::{
    AddMany, AddedMany, Demoted, Envelope, ErrorBody, Granted, MemberResult, Promote, Promoted, RoomDetail,
    RoomRow,
};
pub(super) use lenient::decode;
pub use outcome::Outcome;
pub use rows::{MemberRow, Row, Rows};

use std::fmt;

/// Most names in one `add_many` (seed, "Adding multiple chat room members").
pub const MAX_ADD_BATCH: usize = 60;
/// Most names in one `remove_many` (seed, "Removing multiple chat room members").
pub const MAX_REMOVE_BATCH: usize = 100;
/// Most names in one call that changes an allow list (`[P]`); newer servers take more in one that adds to it.
pub const MAX_ALLOW_BATCH: usize = 60;
/// Most rows on one page of `list_members`; more is served as this many (seed, "Query parameters").
pub const MAX_PAGE_SIZE: usize = 1000;
/// Most rooms in one `room_detail` (`[P]`).
pub const MAX_DETAIL_ROOMS: usize = 100;
/// Most rooms on one page of `list_rooms`: no document (`[P]`) takes fewer for too many.
pub const MAX_ROOMS_PAGE: usize = 100;
/// Calls a second that the service allows for each method of an App Key (seed, at every call).
pub const CALLS_PER_SECOND: u32 = 100;
/// The same for `list_rooms` (`[P]`).
pub const LIST_ROOMS_PER_SECOND: u32 = 50;

/// The service's methods. Each has a call budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `POST /chatrooms/{id}/users/{user}`
    AddOne,
    /// `POST /chatrooms/{id}/users`
    AddMany,
    /// `GET /chatrooms/{id}/users?pagenum=N&pagesize=N`
    ListMembers,
    /// `DELETE /chatrooms/{id}/users/{user}`
    RemoveOne,
    /// `DELETE /chatrooms/{id}/users/{u1}%2C{u2}…`
    RemoveMany,
    /// `POST /chatrooms/{id}/admin`
    Promote,
    /// `GET /chatrooms/{id}/admin`
    ListAdmins,
    /// `DELETE /chatrooms/{id}/admin/{user}`
    Demote,
    /// `GET /chatrooms/{id1}%2C{id2}…` (`[P]`)
    RoomDetail,
    /// `GET /chatrooms?limit=N&cursor=C` (`[P]`)
    ListRooms,
    /// `GET /chatrooms/{id}/white/users` (`[P]`)
    ListAllowed,
    /// `POST /chatrooms/{id}/white/users` (`[P]`)
    AllowMany,
    /// `DELETE /chatrooms/{id}/white/users/{u1}%2C{u2}…` (`[P]`)
    DisallowMany,
}

impl Method {
    /// Every method, in the order of the seed.
    pub const ALL: [Self; 13] = [
        Self::AddOne,
        Self::AddMany,
        Self::ListMembers,
        Self::RemoveOne,
        Self::RemoveMany,
        Self::Promote,
        Self::ListAdmins,
        Self::Demote,
        Self::RoomDetail,
        Self::ListRooms,
        Self::ListAllowed,
        Self::AllowMany,
        Self::DisallowMany,
    ];

    /// The name used in settings, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddOne => "add_one",
            Self::AddMany => "add_many",
            Self::ListMembers => "list_members",
            Self::RemoveOne => "remove_one",
            Self::RemoveMany => "remove_many",
            Self::Promote => "promote",
            Self::ListAdmins => "list_admins",
            Self::Demote => "demote",
            Self::RoomDetail => "room_detail",
            Self::ListRooms => "list_rooms",
            Self::ListAllowed => "list_allowed",
            Self::AllowMany => "allow_many",
            Self::DisallowMany => "disallow_many",
        }
    }

    /// True if a call of this method can change anything.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(
            self,
            Self::ListMembers | Self::ListAdmins | Self::RoomDetail | Self::ListRooms | Self::ListAllowed
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
