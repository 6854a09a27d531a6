//! People whom somebody has approved: they go, or come, whatever the guards allow. Nobody is added to them.

use super::changes::Changes;
use super::{GuardTripped, Note, RoomDiff};
use crate::model::{Guard, MemberSet, Mode, Op, ReasonCode, UserId, counted};

/// People of a room whom somebody has approved to go, to be demoted and to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approved {
    /// People who may be removed.
    pub remove: MemberSet,
    /// Admins who may be demoted; those of them who are also removed are in both.
    pub demote: MemberSet,
    /// People who may be added.
    pub add: MemberSet,
}

/// Changes of a room that its guards and holds keep back, and the guards that do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// The people.
    pub people: Approved,
    /// The guards.
    pub guards: Vec<GuardTripped>,
}

impl Approved {
    /// True if nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { remove, demote, add } = self;
        remove.is_empty() && demote.is_empty() && add.is_empty()
    }

    /// The people to whom this may be done. `None`: it takes no approval of its own.
    #[must_use]
    pub fn of(&self, op: Op) -> Option<&MemberSet> {
        match op {
            Op::Remove => Some(&self.remove),
            Op::Demote => Some(&self.demote),
            Op::Add => Some(&self.add),
            Op::Allow | Op::Promote | Op::Disallow => None,
        }
    }

    /// Number of removals, demotions of people who stay, and adds.
    #[must_use]
    pub fn counts(&self) -> [(Op, usize); 3] {
        [
            (Op::Remove, self.remove.len()),
            (Op::Demote, self.demote.minus(&self.remove).len()),
            (Op::Add, self.add.len()),
        ]
    }

    /// In words, as in `3 removals and 1 add`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let counts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let words: Vec<String> = counts
            .map(|(op, count)| {
                let what = match op {
                    Op::Remove => "removal",
                    Op::Demote => "demotion",
                    _ => "add",
                };
                counted(count, what)
            })
            .collect();
        match words.as_slice() {
            [] => "nothing".to_owned(),
            [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
            words => words.concat(),
        }
    }

    /// Those of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            remove: self.remove.or(&other.remove),
            demote: self.demote.or(&other.demote),
            add: self.add.or(&other.add),
        }
    }

    /// Keeps those of whom this is true.
    pub fn retain(&mut self, keep: impl Fn(Op, &UserId) -> bool) {
        let Self { remove, demote, add } = self;
        for (op, users) in [(Op::Remove, remove), (Op::Demote, demote), (Op::Add, add)] {
            if users.iter().any(|user| !keep(op, user)) {
                *users = users.filter(|user| keep(op, user));
            }
        }
    }

    /// Those of them whom the changes are about. Whoever would have to be demoted first, and is not approved for that, stays.
    pub(super) fn within(&self, changes: &Changes) -> Self {
        if self.is_empty() {
            return Self::default();
        }
        let demote = changes.demote.and(&self.demote);
        let stays_admin = changes.demote.minus(&demote);
        Self {
            remove: changes.remove.and(&self.remove).minus(&stays_admin),
            demote,
            add: changes.add.and(&self.add),
        }
    }

    /// The changes of everybody else.
    pub(super) fn others(&self, changes: &Changes) -> Self {
        let Self { remove, demote, add } = self;
        Self {
            remove: changes.remove.minus(remove),
            demote: changes.demote.minus(demote),
            add: changes.add.minus(add),
        }
    }

    /// Takes the removals and demotions out of the changes.
    pub(super) fn set_apart(&self, changes: &mut Changes) {
        if !self.is_empty() {
            changes.remove = changes.remove.minus(&self.remove);
            changes.demote = changes.demote.minus(&self.demote);
        }
    }

    /// Puts them back.
    pub(super) fn put_back(&self, changes: &mut Changes) {
        if !self.is_empty() {
            changes.remove = changes.remove.or(&self.remove);
            changes.demote = changes.demote.or(&self.demote);
        }
    }

    /// The guards that hold somebody else of these changes. With a room's guards those who are approved count as well, so that nobody
    /// goes along with them.
    pub(super) fn still_hold(&self, changes: &Changes, blocked: Vec<GuardTripped>) -> Vec<GuardTripped> {
        let Self { remove, demote, add } = self.others(changes);
        let holds_adds = blocked.iter().any(|block| block.guard == Guard::MaxAdditions);
        let is_idle = remove.is_empty() && demote.is_empty() && (add.is_empty() || !holds_adds);
        if is_idle && !self.is_empty() {
            Vec::new()
        } else {
            blocked
        }
    }

    /// The remark on a room in which they go.
    pub(super) fn note(&self) -> Option<Note> {
        (!self.is_empty()).then(|| {
            let message = format!(
                "{} approved with `roomsync approve`, whatever the guards allow; nobody else is",
                self.in_words()
            );
            Note::new(ReasonCode::Approved, message)
        })
    }
}

impl RoomDiff {
    /// Changes that the guards and holds keep back here, and that no approval lets through yet. `fleet`: the guard over all rooms, if it
    /// blocks this one.
    #[must_use]
    pub fn held_back(&self, fleet: Option<GuardTripped>) -> HeldBack {
        if self.mode == Mode::Observe || !self.complete {
            return HeldBack::default();
        }
        let mut guards = self.blocked.clone();
        guards.extend(fleet.filter(|_| self.guarded_removals() > 0));
        let mut people = if guards.is_empty() {
            Approved::default()
        } else {
            self.approved.others(&self.changes)
        };
        if guards.iter().all(|block| block.guard != Guard::MaxAdditions) {
            people.add = MemberSet::default();
        }
        people.remove = people.remove.or(&self.kept.remove);
        people.demote = people.demote.or(&self.kept.demote);
        guards.extend(self.kept_by.iter().copied());
        HeldBack { people, guards }
    }
}
