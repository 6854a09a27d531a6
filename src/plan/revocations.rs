use crate::model::MemberSet;

/// People who lose their place or their role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations {
    /// People who are removed from the room.
    pub remove: MemberSet,
    /// Admins who become plain members; those who are put out are among them.
    pub demote: MemberSet,
}

impl Revocations {
    /// True if nobody loses anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { remove, demote } = self;
        remove.is_empty() && demote.is_empty()
    }

    /// The people, each once.
    #[must_use]
    pub fn people(&self) -> MemberSet {
        self.remove.or(&self.demote)
    }

    /// Those of either.
    #[must_use]
    pub(super) fn or(&self, other: &Self) -> Self {
        Self {
            remove: self.remove.or(&other.remove),
            demote: self.demote.or(&other.demote),
        }
    }

    /// Those of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            remove: self.remove.and(&other.remove),
            demote: self.demote.and(&other.demote),
        }
    }

    /// Those who are not among the others.
    #[must_use]
    pub(super) fn minus(&self, other: &Self) -> Self {
        Self {
            remove: self.remove.minus(&other.remove),
            demote: self.demote.minus(&other.demote),
        }
    }
}
