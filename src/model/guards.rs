use super::{Glob, Limit, UserId, show_duration};
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A limit of what one plan may do, or of what a window of time lets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// On a room's removals.
    MaxRemovals,
    /// On a room's demotions.
    MaxDemotions,
    /// On a room's adds.
    MaxAdditions,
    /// On the removals in all rooms.
    MaxRemovalsTotal,
    /// On the people of a room's lists who go within a window of time.
    RemovalBudget,
    /// On the last people of a room's list, whose places have ended.
    AllowEmpty,
}

impl Guard {
    /// Guards of a single plan.
    pub(crate) const OF_A_PLAN: [Self; 5] = [
        Self::MaxRemovals,
        Self::MaxDemotions,
        Self::MaxAdditions,
        Self::MaxRemovalsTotal,
        Self::AllowEmpty,
    ];

    /// Name of the guard in the settings, and the code of everything it holds.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxRemovals => "max_removals",
            Self::MaxDemotions => "max_demotions",
            Self::MaxAdditions => "max_additions",
            Self::MaxRemovalsTotal => "max_removals_total",
            Self::RemovalBudget => "removal_budget",
            Self::AllowEmpty => "allow_empty",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Guard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The bounds on what one pass may do in a room, with everything that was left out filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    /// Removals, against the room's live members.
    pub max_removals: Limit,
    /// Demotions (of admins who are removed too), against the room's live admins.
    pub max_demotions: Limit,
    /// Adds, against the room's live members; `None` is no bound.
    pub max_additions: Option<Limit>,
    /// Removals and demotions over time, against the room's lists in the files.
    pub removal_budget: RemovalBudget,
    /// People who are never removed or demoted.
    pub protect: Vec<Glob>,
}

impl Guards {
    /// True if this person is never removed or demoted.
    #[must_use]
    pub fn protects(&self, user: &UserId) -> bool {
        self.protect.iter().any(|glob| glob.matches(user.as_str()))
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            max_removals: Limit::Share(2_500),
            max_demotions: Limit::Share(5_000),
            max_additions: None,
            removal_budget: RemovalBudget::default(),
            protect: Vec::new(),
        }
    }
}

/// The guard over time: the most people of a room's list whom one window lets go, however many edits it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalBudget {
    /// Against the largest list of the window. All of it is no bound: the budget is off.
    pub limit: Limit,
    /// People who may always go, however small the list.
    pub at_least: u64,
    /// The length of the window.
    pub window: Duration,
}

/// Admins who may always go; `at_least` is about members.
const AT_LEAST_ADMINS: u64 = 2;

impl RemovalBudget {
    /// True if it bounds nothing.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.limit == Limit::ALL
    }

    /// The same for a room's admins.
    #[must_use]
    pub fn for_admins(self) -> Self {
        Self {
            at_least: self.at_least.min(AT_LEAST_ADMINS),
            ..self
        }
    }

    /// The most people who may go within a window whose largest list had `largest` names.
    #[must_use]
    pub fn of(&self, largest: u64) -> u64 {
        self.limit.of(largest).max(self.at_least)
    }

    /// True if this lets more people go than `other`, of some list or within some time.
    #[must_use]
    pub fn is_looser_than(&self, other: &Self) -> bool {
        let looser = match (self.limit, other.limit) {
            (Limit::Count(own), Limit::Count(other)) => own > other,
            (Limit::Share(own), Limit::Share(other)) => own > other,
            // Of a list that is large enough, or small enough.
            (Limit::Count(_), Limit::Share(_)) | (Limit::Share(_), Limit::Count(_)) => true,
        };
        let eased = self.at_least > other.at_least || self.window < other.window;
        !other.is_off() && (self.is_off() || looser || eased)
    }
}

/// As it is written in the files.
impl fmt::Display for RemovalBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        let Self {
            limit,
            at_least,
            window,
        } = self;
        let window = show_duration(*window);
        write!(f, "{{limit: {limit}, at_least: {at_least}, window: {window}}}")
    }
}

impl Default for RemovalBudget {
    fn default() -> Self {
        Self {
            limit: Limit::Share(5_000),
            at_least: 5,
            window: Duration::from_secs(24 * 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_share_of_the_largest_list_but_never_less_than_it_always_allows() {
        let budget = RemovalBudget::default();
        let people = [1, 2, 3, 5, 10, 100, 1_000].map(|of| budget.of(of));
        assert_eq!(people, [5, 5, 5, 5, 5, 50, 500]);
        let admins = [1, 2, 3, 5, 10, 99].map(|of| budget.for_admins().of(of));
        assert_eq!(admins, [2, 2, 2, 3, 5, 50]);
        let none = RemovalBudget {
            at_least: 0,
            ..budget
        };
        assert_eq!(none.for_admins().of(0), 0);
        let off = RemovalBudget {
            limit: Limit::ALL,
            ..budget
        };
        assert!(off.is_off() && !budget.is_off());
    }
}
