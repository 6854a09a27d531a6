//! An event: what the service says happened in a room. Nobody vouches for it.

use crate::model::{RoomId, UserId};

/// An event of a room. Its digest does not cover what it says, so it is a reason to look, and never a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEvent {
    /// The room.
    pub room: RoomId,
    /// Kind of the change.
    pub kind: EventKind,
    /// People whom it is about. Names that break our rules are left out.
    pub people: Vec<UserId>,
    /// True if it names people who were left out.
    pub has_others: bool,
    /// Who made the change.
    pub by: Actor,
}

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// They are in the room.
    Joined,
    /// They are no longer in the room.
    Left(Leave),
    /// They are admins.
    Promoted,
    /// They are no longer admins.
    Demoted,
    /// They were put on the block list. That they left is said by an event of its own.
    Blocked,
    /// The room is gone.
    Deleted,
    /// A change that these do not describe, which may be of who is in the room.
    Unknown,
    /// A change of something else.
    Irrelevant,
}

/// Reason why somebody left a room, as far as an event says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// They chose to.
    Quit,
    /// They were offline for too long.
    Offline,
    /// One of these two.
    QuitOrOffline,
    /// Somebody removed them.
    Removed,
    /// Somebody removed them, or they were offline for too long.
    RemovedOrOffline,
    /// Somebody blocked them.
    Blocked,
    /// The room is gone.
    RoomDeleted,
    /// It is not said.
    Unsaid,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Some program with an app token: this one, or another.
    App,
    /// A person.
    Person(UserId),
    /// It is not said.
    Unsaid,
}

impl RoomEvent {
    /// True if it speaks of the room's admins.
    #[must_use]
    pub fn is_of_admins(&self) -> bool {
        matches!(
            self.kind,
            EventKind::Promoted | EventKind::Demoted | EventKind::Unknown
        )
    }
}
