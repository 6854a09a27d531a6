use serde::{Deserialize, Serialize};
use std::fmt;

/// Something done to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Make them a member.
    Add,
    /// Put a member on the room's allow list.
    Allow,
    /// Make a member an admin.
    Promote,
    /// Make an admin a plain member.
    Demote,
    /// Put them out of the room.
    Remove,
    /// Take them off the room's allow list.
    Disallow,
}

impl Op {
    /// All of them, in the order in which they are done as a rule.
    pub const ALL: [Self; 6] = [
        Self::Add,
        Self::Allow,
        Self::Promote,
        Self::Demote,
        Self::Remove,
        Self::Disallow,
    ];

    /// Name of the operation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Allow => "allow",
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::Remove => "remove",
            Self::Disallow => "disallow",
        }
    }

    /// Word for what was done.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Add => "added",
            Self::Allow => "put on the allow list",
            Self::Promote => "promoted",
            Self::Demote => "demoted",
            Self::Remove => "removed",
            Self::Disallow => "taken off the allow list",
        }
    }

    /// True if it removes or demotes.
    #[must_use]
    pub fn takes_away(self) -> bool {
        matches!(self, Self::Demote | Self::Remove)
    }

    /// True if it changes the allow list, and neither who is in the room nor a role.
    #[must_use]
    pub fn is_of_allow_list(self) -> bool {
        matches!(self, Self::Allow | Self::Disallow)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One value for each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerOp<T> {
    /// Value for [`Op::Add`].
    pub add: T,
    /// Value for [`Op::Allow`].
    pub allow: T,
    /// Value for [`Op::Promote`].
    pub promote: T,
    /// Value for [`Op::Demote`].
    pub demote: T,
    /// Value for [`Op::Remove`].
    pub remove: T,
    /// Value for [`Op::Disallow`].
    pub disallow: T,
}

impl<T> PerOp<T> {
    /// The value that `value` gives for each operation.
    pub fn from_fn(mut value: impl FnMut(Op) -> T) -> Self {
        Self {
            add: value(Op::Add),
            allow: value(Op::Allow),
            promote: value(Op::Promote),
            demote: value(Op::Demote),
            remove: value(Op::Remove),
            disallow: value(Op::Disallow),
        }
    }

    /// Value for this operation.
    pub fn of(&self, op: Op) -> &T {
        match op {
            Op::Add => &self.add,
            Op::Allow => &self.allow,
            Op::Promote => &self.promote,
            Op::Demote => &self.demote,
            Op::Remove => &self.remove,
            Op::Disallow => &self.disallow,
        }
    }

    /// Value for this operation, to be changed.
    pub fn of_mut(&mut self, op: Op) -> &mut T {
        match op {
            Op::Add => &mut self.add,
            Op::Allow => &mut self.allow,
            Op::Promote => &mut self.promote,
            Op::Demote => &mut self.demote,
            Op::Remove => &mut self.remove,
            Op::Disallow => &mut self.disallow,
        }
    }

    /// The same with each value turned into another.
    pub fn map<U>(self, mut turn: impl FnMut(T) -> U) -> PerOp<U> {
        PerOp {
            add: turn(self.add),
            allow: turn(self.allow),
            promote: turn(self.promote),
            demote: turn(self.demote),
            remove: turn(self.remove),
            disallow: turn(self.disallow),
        }
    }

    /// Each operation with its value, in the order of [`Op::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Op, &T)> {
        Op::ALL.into_iter().map(|op| (op, self.of(op)))
    }
}

impl<T> IntoIterator for PerOp<T> {
    type Item = (Op, T);
    type IntoIter = std::array::IntoIter<(Op, T), 6>;

    fn into_iter(self) -> Self::IntoIter {
        let Self {
            add,
            allow,
            promote,
            demote,
            remove,
            disallow,
        } = self;
        [
            (Op::Add, add),
            (Op::Allow, allow),
            (Op::Promote, promote),
            (Op::Demote, demote),
            (Op::Remove, remove),
            (Op::Disallow, disallow),
        ]
        .into_iter()
    }
}
