//! Things that need attention.

use crate::model::RoomId;
use jiff::Timestamp;
use serde::Serialize;

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// Its weight.
    pub severity: AttentionSeverity,
    /// Stable.
    pub code: &'static str,
    /// In words, with what to do about it.
    pub message: String,
    /// Its beginning.
    pub since: Timestamp,
    /// Name of the person behind it, if it is known.
    pub by: Option<String>,
    /// Their reason, if they gave one.
    pub why: Option<String>,
    /// Number of rooms, people or names that it is about; 1 if it is about none of these.
    pub count: usize,
    /// The first 25 of its rooms, if it is about rooms.
    pub rooms: Vec<RoomId>,
}

/// Weight of what needs attention. The order is that in which items are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionSeverity {
    /// An outage: the service away or refusing, files that are not valid, a log or a state that cannot be written.
    Red,
    /// Something that waits for a person.
    Amber,
}

impl AttentionSeverity {
    /// Every severity.
    pub const ALL: [Self; 2] = [Self::Red, Self::Amber];

    /// Name in the metrics and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Amber => "amber",
        }
    }
}

/// Progress of the first look at all rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FirstLook {
    /// Rooms that were looked at.
    pub looked: usize,
    /// All rooms.
    pub rooms: usize,
}
