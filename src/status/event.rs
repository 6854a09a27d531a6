//! Events of the service, and what became of them.

/// Result of an event that was posted to the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventResult {
    /// Its room is looked at.
    Look,
    /// It repeats a change that roomsync made itself a moment ago.
    OwnChange,
    /// It says nothing of who is in a room, or is an admin there.
    Irrelevant,
    /// No file names its room.
    NotManaged,
    /// It came before.
    Repeated,
    /// The daemon was too busy to take it.
    Lost,
    /// It is no event: too large, too slow, or in no known form.
    Malformed,
    /// Its digest is not made with a secret of ours.
    Forged,
    /// Its time is too far from ours.
    Stale,
    /// It is of another app.
    OtherApp,
}

impl EventResult {
    /// Every result.
    pub const ALL: [Self; 10] = [
        Self::Look,
        Self::OwnChange,
        Self::Irrelevant,
        Self::NotManaged,
        Self::Repeated,
        Self::Lost,
        Self::Malformed,
        Self::Forged,
        Self::Stale,
        Self::OtherApp,
    ];

    /// Name in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::OwnChange => "own_change",
            Self::Irrelevant => "irrelevant",
            Self::NotManaged => "not_managed",
            Self::Repeated => "repeated",
            Self::Lost => "lost",
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::OtherApp => "other_app",
        }
    }
}
