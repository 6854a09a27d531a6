//! Changes of a room, as sets and as calls.

use crate::model::{MemberSet, Op, PerOp, UserId};

/// Wanted changes of a room.
pub(super) type Changes = PerOp<MemberSet>;

/// One write call.
///
/// A removal or demotion is made in `plan` alone, out of a complete read; elsewhere a step can only shrink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `add_many`
    Add(MemberSet),
    /// `allow_many`
    Allow(MemberSet),
    /// `promote`
    Promote(UserId),
    /// `demote`
    Demote(Demotion),
    /// `remove_many`
    Remove(Removal),
    /// `disallow_many`
    Disallow(Removal),
}

/// Admin who becomes a plain member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demotion(UserId);

impl Demotion {
    /// The admin.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.0
    }
}

/// People who leave the room, or its allow list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal(MemberSet);

impl Step {
    pub(super) fn demote(user: UserId) -> Self {
        Self::Demote(Demotion(user))
    }

    pub(super) fn remove(users: MemberSet) -> Self {
        Self::Remove(Removal(users))
    }

    pub(super) fn disallow(users: MemberSet) -> Self {
        Self::Disallow(Removal(users))
    }

    /// Operation of the call.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Self::Add(_) => Op::Add,
            Self::Allow(_) => Op::Allow,
            Self::Promote(_) => Op::Promote,
            Self::Demote(_) => Op::Demote,
            Self::Remove(_) => Op::Remove,
            Self::Disallow(_) => Op::Disallow,
        }
    }

    /// People of the call.
    #[must_use]
    pub fn users(&self) -> &[UserId] {
        match self {
            Self::Add(users) | Self::Allow(users) => users.as_slice(),
            Self::Remove(Removal(users)) | Self::Disallow(Removal(users)) => users.as_slice(),
            Self::Promote(user) | Self::Demote(Demotion(user)) => std::slice::from_ref(user),
        }
    }

    /// The same for those who are kept. `None` if nobody is.
    #[must_use]
    pub fn filter(self, mut keep: impl FnMut(&UserId) -> bool) -> Option<Self> {
        let kept = |users: &MemberSet, keep: &mut dyn FnMut(&UserId) -> bool| {
            let users: MemberSet = users.iter().filter(|user| keep(user)).cloned().collect();
            (!users.is_empty()).then_some(users)
        };
        match self {
            Self::Add(users) => kept(&users, &mut keep).map(Self::Add),
            Self::Allow(users) => kept(&users, &mut keep).map(Self::Allow),
            Self::Remove(Removal(users)) => kept(&users, &mut keep).map(Self::remove),
            Self::Disallow(Removal(users)) => kept(&users, &mut keep).map(Self::disallow),
            Self::Promote(ref user) | Self::Demote(Demotion(ref user)) => keep(user).then_some(self),
        }
    }

    /// The same in two calls of about the same size, the second of which may be empty.
    #[must_use]
    pub fn halves(self) -> [Option<Self>; 2] {
        let half = self.users().len() / 2;
        let second: MemberSet = self.users().iter().skip(half).cloned().collect();
        let first = self.clone().filter(|user| !second.contains(user));
        [first, self.filter(|user| second.contains(user))]
    }

    /// The people of these steps of one kind in calls of at most `size` names.
    #[must_use]
    pub fn in_batches_of(size: usize, steps: &[Self]) -> Vec<Self> {
        let Some(op) = steps.first().map(Self::op) else {
            return Vec::new();
        };
        let batches = || users_of(op, steps).chunks(size).collect::<Vec<_>>().into_iter();
        match op {
            Op::Add => batches().map(Self::Add).collect(),
            Op::Allow => batches().map(Self::Allow).collect(),
            Op::Remove => batches().map(Self::remove).collect(),
            Op::Disallow => batches().map(Self::disallow).collect(),
            Op::Promote | Op::Demote => steps.to_vec(),
        }
    }

    fn batch(&self) -> Option<&MemberSet> {
        match self {
            Self::Add(users) | Self::Allow(users) => Some(users),
            Self::Remove(Removal(users)) | Self::Disallow(Removal(users)) => Some(users),
            Self::Promote(_) | Self::Demote(_) => None,
        }
    }
}

/// To whom these steps do this.
#[must_use]
pub fn users_of(op: Op, steps: &[Step]) -> MemberSet {
    let of_op = steps.iter().filter(|step| step.op() == op);
    match op {
        Op::Add | Op::Allow | Op::Remove | Op::Disallow => MemberSet::of_all(of_op.filter_map(Step::batch)),
        Op::Promote | Op::Demote => of_op.flat_map(Step::users).cloned().collect(),
    }
}

/// The changes that the steps carry out.
pub(super) fn carried_out(changes: &Changes, steps: &[Step]) -> Changes {
    PerOp::from_fn(|op| changes.of(op).and(&users_of(op, steps)))
}
