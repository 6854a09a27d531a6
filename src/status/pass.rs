//! Passes and their outcome, and how long it took until rooms were as wanted.

use std::time::Duration;

/// Rooms that a pass looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassKind {
    /// Every room.
    Full,
    /// Some rooms: those that were edited, or are tried again.
    Rooms,
}

impl PassKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Full, Self::Rooms];

    /// Name in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Rooms => "rooms",
        }
    }
}

/// Outcome of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassOutcome {
    /// Every room was looked at, and what may be written was written. Guards and pauses decide what may be; people whom the service
    /// does not take, and a few rooms that fail on their own, do not count against it.
    Good,
    /// Some rooms were not looked at, or something that may be written could not be.
    Partly,
    /// The pass as a whole failed.
    Failed,
}

impl PassOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Good, Self::Partly, Self::Failed];

    /// Name in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Partly => "partly",
            Self::Failed => "failed",
        }
    }
}

/// Outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeResult {
    /// An answer or a look shows that it is so.
    Done,
    /// The call succeeded, and neither its answer nor a look shows that it is so.
    NotConfirmed,
    /// It is not so, or the call had no clear answer.
    Failed,
}

impl ChangeResult {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Done, Self::NotConfirmed, Self::Failed];

    /// Name in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotConfirmed => "not_confirmed",
            Self::Failed => "failed",
        }
    }
}

/// Time for which a room was not as wanted, now that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lags {
    /// Since the first edit of its entry. `None`: there was none.
    pub since_edit: Option<Duration>,
    /// Since the first event after which something had to be put right. `None`: there was none.
    pub since_event: Option<Duration>,
}
