//! People whom files name and do not want, and those who come once that is over.

use crate::desired::DesiredRoom;
use crate::model::MemberSet;

/// People whom a set of files names and does not want: their place has ended, or they are excluded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Withdrawn {
    /// People who are not wanted any more.
    pub people: MemberSet,
    /// People who are not wanted as admins any more.
    pub admins: MemberSet,
}

impl Withdrawn {
    /// Those of a room as it is wanted now.
    #[must_use]
    pub fn of(desired: &DesiredRoom) -> Self {
        let ended = Self {
            people: desired.ended_people(),
            admins: desired.ended_admins(),
        };
        match desired.excluded.as_deref() {
            None => ended,
            Some(excluded) => ended.or(&Self {
                people: excluded.people(),
                admins: excluded.admins.clone(),
            }),
        }
    }

    /// Those of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            people: self.people.or(&other.people),
            admins: self.admins.or(&other.admins),
        }
    }

    /// True if there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { people, admins } = self;
        people.is_empty() && admins.is_empty()
    }
}

/// People who come, or get a role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrivals {
    /// People who are added.
    pub add: MemberSet,
    /// People who become admins.
    pub promote: MemberSet,
}

impl Arrivals {
    /// True if nobody comes or gets a role.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { add, promote } = self;
        add.is_empty() && promote.is_empty()
    }

    /// The people, each once.
    #[must_use]
    pub fn people(&self) -> MemberSet {
        self.add.or(&self.promote)
    }
}
