use serde::Serialize;
use std::fmt;

/// Something done to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Make them a member.
    Add,
    /// Make a member an admin.
    Promote,
    /// Make an admin a plain member.
    Demote,
    /// Put them out of the room.
    Remove,
}

impl Op {
    /// All of them, in the order in which they are done as a rule.
    pub const ALL: [Self; 4] = [Self::Add, Self::Promote, Self::Demote, Self::Remove];

    /// Name of the operation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::Remove => "remove",
        }
    }

    /// Word for what was done.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Add => "added",
            Self::Promote => "promoted",
            Self::Demote => "demoted",
            Self::Remove => "removed",
        }
    }

    /// True if it removes or demotes.
    #[must_use]
    pub fn takes_away(self) -> bool {
        matches!(self, Self::Demote | Self::Remove)
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
    /// Value for [`Op::Promote`].
    pub promote: T,
    /// Value for [`Op::Demote`].
    pub demote: T,
    /// Value for [`Op::Remove`].
    pub remove: T,
}

impl<T> PerOp<T> {
    /// The value that `value` gives for each operation.
    pub fn from_fn(mut value: impl FnMut(Op) -> T) -> Self {
        Self {
            add: value(Op::Add),
            promote: value(Op::Promote),
            demote: value(Op::Demote),
            remove: value(Op::Remove),
        }
    }

    /// Value for this operation.
    pub fn of(&self, op: Op) -> &T {
        match op {
            Op::Add => &self.add,
            Op::Promote => &self.promote,
            Op::Demote => &self.demote,
            Op::Remove => &self.remove,
        }
    }

    /// Value for this operation, to be changed.
    pub fn of_mut(&mut self, op: Op) -> &mut T {
        match op {
            Op::Add => &mut self.add,
            Op::Promote => &mut self.promote,
            Op::Demote => &mut self.demote,
            Op::Remove => &mut self.remove,
        }
    }

    /// The same with each value turned into another.
    pub fn map<U>(self, mut turn: impl FnMut(T) -> U) -> PerOp<U> {
        PerOp {
            add: turn(self.add),
            promote: turn(self.promote),
            demote: turn(self.demote),
            remove: turn(self.remove),
        }
    }

    /// Each operation with its value, in the order of [`Op::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Op, &T)> {
        Op::ALL.into_iter().map(|op| (op, self.of(op)))
    }
}

impl<T> IntoIterator for PerOp<T> {
    type Item = (Op, T);
    type IntoIter = std::array::IntoIter<(Op, T), 4>;

    fn into_iter(self) -> Self::IntoIter {
        let Self {
            add,
            promote,
            demote,
            remove,
        } = self;
        [
            (Op::Add, add),
            (Op::Promote, promote),
            (Op::Demote, demote),
            (Op::Remove, remove),
        ]
        .into_iter()
    }
}
