//! Wanted people who are not in their room, and why.

use crate::model::UserId;
use jiff::Timestamp;
use serde::Serialize;

/// Known reason why a wanted person is not in a room. One of events is a hint: nobody vouches for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AbsenceReason {
    /// No look and no event has shown them there.
    NeverSeen,
    /// They were there. Nothing says why they are not.
    Gone,
    /// An event said that they left.
    Left,
    /// An event said that they were offline for two minutes.
    Offline,
    /// An event said one of these two.
    LeftOrOffline,
    /// An event said that somebody removed them.
    Removed,
    /// An event said that somebody removed them, or that they were offline for two minutes.
    RemovedOrOffline,
    /// An event said that somebody blocked them.
    Blocked,
    /// They were put back again and again, and are left alone for a while.
    ComingAndGoing,
    /// Others put them out as often as they are added, and they are left alone for a day.
    Contested,
    /// The service does not take them.
    SetAside,
}

impl AbsenceReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::NeverSeen,
        Self::Gone,
        Self::Left,
        Self::Offline,
        Self::LeftOrOffline,
        Self::Removed,
        Self::RemovedOrOffline,
        Self::Blocked,
        Self::ComingAndGoing,
        Self::Contested,
        Self::SetAside,
    ];

    /// Name in the metrics and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverSeen => "never_seen",
            Self::Gone => "gone",
            Self::Left => "left",
            Self::Offline => "offline",
            Self::LeftOrOffline => "left_or_offline",
            Self::Removed => "removed",
            Self::RemovedOrOffline => "removed_or_offline",
            Self::Blocked => "blocked",
            Self::ComingAndGoing => "coming_and_going",
            Self::Contested => "contested",
            Self::SetAside => "set_aside",
        }
    }
}

/// A wanted person who is not in a room.
#[derive(Debug, Clone, Serialize)]
pub struct Absence {
    /// The person.
    pub user: UserId,
    /// What is known of the reason.
    pub reason: AbsenceReason,
    /// Who did it, if an event said so.
    pub by: Option<UserId>,
    /// When that event came.
    pub event: Option<Timestamp>,
    /// Day on which they were last seen there, in UTC, if they were within 30 days.
    pub last_seen: Option<String>,
    /// All of it in words.
    pub message: String,
}
