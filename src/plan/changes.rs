//! What is to change in a room, as sets and as calls.

use crate::model::{MemberSet, Op, UserId};

/// What has to change in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) add: MemberSet,
    pub(super) remove: MemberSet,
    pub(super) promote: MemberSet,
    pub(super) demote: MemberSet,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            add,
            remove,
            promote,
            demote,
        } = self;
        [add, remove, promote, demote]
            .into_iter()
            .all(MemberSet::is_empty)
    }
}

/// One write call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `add_many`
    Add(MemberSet),
    /// `promote`
    Promote(UserId),
    /// `demote`
    Demote(UserId),
    /// `remove_many`
    Remove(MemberSet),
}

impl Step {
    /// What it does.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Self::Add(_) => Op::Add,
            Self::Promote(_) => Op::Promote,
            Self::Demote(_) => Op::Demote,
            Self::Remove(_) => Op::Remove,
        }
    }

    /// To whom.
    #[must_use]
    pub fn users(&self) -> &[UserId] {
        match self {
            Self::Add(users) | Self::Remove(users) => users.as_slice(),
            Self::Promote(user) | Self::Demote(user) => std::slice::from_ref(user),
        }
    }

    fn batch(&self) -> Option<&MemberSet> {
        match self {
            Self::Add(users) | Self::Remove(users) => Some(users),
            Self::Promote(_) | Self::Demote(_) => None,
        }
    }
}

/// To whom these steps do this.
#[must_use]
pub fn users_of(op: Op, steps: &[Step]) -> MemberSet {
    let of_op = steps.iter().filter(|step| step.op() == op);
    match op {
        Op::Add | Op::Remove => MemberSet::of_all(of_op.filter_map(Step::batch)),
        Op::Promote | Op::Demote => of_op.flat_map(Step::users).cloned().collect(),
    }
}

/// What of the changes the steps carry out.
pub(super) fn carried_out(changes: &Changes, steps: &[Step]) -> Changes {
    let of = |op: Op, all: &MemberSet| all.and(&users_of(op, steps));
    Changes {
        add: of(Op::Add, &changes.add),
        remove: of(Op::Remove, &changes.remove),
        promote: of(Op::Promote, &changes.promote),
        demote: of(Op::Demote, &changes.demote),
    }
}
