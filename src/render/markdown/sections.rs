//! Parts of the comment: sections of rooms, kinds of rows.

use super::escape::grouped;

/// Where in the comment a room stands, the riskiest first. A room stands in the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Looser,
    Blocked,
    Short,
    LosePeople,
    LoseAdmins,
    LoosenedAtRest,
    Leaving,
    Others,
    LooserAtRest,
    Observed,
}

/// Importance of showing a room, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Risk {
    /// People go or would go but for a guard, or admins become members.
    High,
    /// Of a risky section otherwise.
    Some,
    /// Of none of these.
    Low,
}

impl Section {
    pub(super) const ALL: [Self; 10] = [
        Self::Looser,
        Self::Blocked,
        Self::Short,
        Self::LosePeople,
        Self::LoseAdmins,
        Self::LoosenedAtRest,
        Self::Leaving,
        Self::Others,
        Self::LooserAtRest,
        Self::Observed,
    ];

    pub(super) fn is_risky(self) -> bool {
        self < Self::Others
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Looser => "Guards let more through",
            Self::Blocked => "Blocked by a guard",
            Self::Short => "Failed, or can only be done in part",
            Self::LosePeople => "People go",
            Self::LoseAdmins => "Admins become members",
            Self::LoosenedAtRest => "Guards let more through than before, with nothing to do now",
            Self::Leaving => "Names leave the files",
            Self::Others => "Other changes",
            Self::LooserAtRest => "Nothing to do, but guards are looser than the settings",
            Self::Observed => "Only observed: nothing will be written",
        }
    }
}

/// Subject of a row, the riskiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Removal,
    Demotion,
    Leaving,
    LeavingAdmins,
    Promotion,
    Add,
    Allow,
    Note,
}

/// The kinds, and what one row and many rows of each are called.
const KINDS: [(Kind, &str, &str); 8] = [
    (Kind::Removal, "removal", "removals"),
    (Kind::Demotion, "demotion", "demotions"),
    (
        Kind::Leaving,
        "name that only leaves the files",
        "names that only leave the files",
    ),
    (
        Kind::LeavingAdmins,
        "admin who only leaves the files' admins",
        "admins who only leave the files' admins",
    ),
    (Kind::Promotion, "promotion", "promotions"),
    (Kind::Add, "add", "adds"),
    (
        Kind::Allow,
        "member put on the allow list",
        "members put on the allow list",
    ),
    (Kind::Note, "note", "notes"),
];

/// Number of rows of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counts([usize; 8]);

impl Counts {
    pub(super) fn of(&self, kind: Kind) -> usize {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, kind: Kind, number: isize) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count = count.saturating_add_signed(number);
        }
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(count, more)| *count += more);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `3 removals, 1 add`
    pub(super) fn told(&self, more: &str) -> String {
        let told: Vec<String> = KINDS
            .into_iter()
            .map(|(kind, one, many)| (self.of(kind), one, many))
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| {
                format!(
                    "{} {more}{}",
                    grouped(number),
                    if number == 1 { one } else { many }
                )
            })
            .collect();
        told.join(", ")
    }
}
