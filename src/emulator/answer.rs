//! The `data` of each answer.

use super::allow_list::Allowed;
use super::block_list::Blocked;
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
    Detail(Vec<RoomDetail>),
    Joined(Vec<JoinedRow>),
    Rooms(Vec<RoomRow>),
    AllowedOne(Allowed),
    Allowed(Vec<Allowed>),
    BlockedOne(Blocked),
    Blocked(Vec<Blocked>),
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
