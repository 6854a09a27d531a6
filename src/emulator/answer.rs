//! The `data` of each answer.

use super::Room;
use crate::chat::wire::{AddedMany, Demoted, MemberResult, MemberRow, Promoted, RoomDetail, RoomRow};
use serde::Serialize;

/// The `data` of an answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data {
    Member(MemberResult),
    Added(AddedMany),
    Members(Vec<MemberRow>),
    Removed(Vec<MemberResult>),
    Promoted(Promoted),
    Admins(Vec<String>),
    Demoted(Demoted),
    Detail(Vec<DetailRow>),
    Joined(Vec<JoinedRow>),
    Rooms(Vec<RoomRow>),
    /// One name put on a list, or taken off it.
    Listing(ListRow),
    Listings(Vec<ListRow>),
    /// The allow list, or the block list.
    Listed(Vec<String>),
    /// [P]
    Created {
        id: String,
    },
    /// [P]
    Deleted {
        success: bool,
        id: String,
    },
}

/// A row of room detail, with all that recorded answers show.
#[derive(Serialize)]
pub(super) struct DetailRow {
    #[serde(flatten)]
    pub(super) known: RoomDetail,
    description: String,
    membersonly: bool,
    allowinvites: bool,
    created: u64,
    custom: String,
    mute: bool,
    public: bool,
}

impl DetailRow {
    pub(super) fn new(known: RoomDetail, room: &Room) -> Self {
        Self {
            known,
            description: room.description.clone(),
            membersonly: false,
            allowinvites: false,
            created: room.created_ms,
            custom: room.custom.clone(),
            mute: false,
            public: true,
        }
    }
}

/// A name that was put on the allow list or the block list, or taken off it. [P]
#[derive(Debug, Serialize)]
pub(super) struct ListRow {
    result: bool,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    user: String,
    #[serde(flatten)]
    room: RoomField,
}

/// The room as such a row names it.
#[derive(Debug, Serialize)]
pub(super) enum RoomField {
    #[serde(rename = "id")]
    Id(String),
    #[serde(rename = "chatroomid")]
    ChatroomId(String),
}

impl ListRow {
    /// With a `reason`, nothing was done.
    pub(super) fn new(action: &'static str, room: RoomField, user: &str, reason: Option<String>) -> Self {
        Self {
            result: reason.is_none(),
            action,
            reason,
            user: user.to_owned(),
            room,
        }
    }
}

/// A row of the member list in its cursor form, which shows admins as what they are. [P]
#[derive(Debug, Serialize)]
pub(super) struct JoinedRow {
    #[serde(flatten)]
    pub(super) who: Who,
    /// Milliseconds since 1970, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) joined_time: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Who {
    Owner(String),
    Admin(String),
    Member(String),
}
