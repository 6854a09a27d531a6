//! What is not to be done in a room for now, whatever its files and its live guards would let through.

use super::changes::Changes;
use super::guard::{MAX_DEMOTIONS, MAX_REMOVALS};
use super::{Blocked, Note, Op, code};
use crate::model::{Limit, MemberSet, UserId};
use std::collections::BTreeMap;

/// What is not to be done in a room for now. A one-shot command has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restraints {
    /// Who was dropped from the room's list, more at once than `max_removals` allows: none of them is removed.
    pub removals: Option<Hold>,
    /// Who was dropped from the room's admins, more at once than `max_demotions` allows: none of them is demoted.
    pub demotions: Option<Hold>,
    /// Wanted people who are not tried at present.
    pub waiting: BTreeMap<UserId, Waiting>,
}

/// Names that a guard on the files holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Who.
    pub users: MemberSet,
    /// What the guard allowed when the names were dropped.
    pub limit: Limit,
    /// How many were dropped.
    pub dropped: u64,
    /// From a list of how many.
    pub of: u64,
}

/// Why somebody is not tried at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// [`code::SET_ASIDE`] or [`code::COMING_AND_GOING`].
    pub code: &'static str,
    /// In words.
    pub message: String,
}

impl Restraints {
    /// Takes those out of the changes who are not tried for now.
    pub(super) fn take_from(&self, changes: &mut Changes, notes: &mut Vec<Note>) {
        let waiting = &self.waiting;
        if waiting.is_empty() {
            return;
        }
        for (user, Waiting { code, message }) in waiting {
            let op = [(Op::Add, &changes.add), (Op::Promote, &changes.promote)]
                .into_iter()
                .find_map(|(op, users)| users.contains(user).then_some(op));
            if let Some(op) = op {
                notes.push(Note::new(code, message.clone()).about(user).holding(op));
            }
        }
        let tried = |users: &MemberSet| users.filter(|user| !waiting.contains_key(user));
        changes.add = tried(&changes.add);
        changes.promote = tried(&changes.promote);
    }

    /// The guards on the files that hold somebody who would go, or cease to be an admin.
    pub(super) fn blocks(&self, changes: &Changes, notes: &mut Vec<Note>) -> Vec<Blocked> {
        let mut blocked = Vec::new();
        // An admin who is removed is demoted, too.
        for (guard, hold, going, done) in [
            (MAX_REMOVALS, &self.removals, &changes.remove, "removed"),
            (MAX_DEMOTIONS, &self.demotions, &changes.demote, "demoted"),
        ] {
            let Some(hold) = hold else { continue };
            let here = going.and(&hold.users).len();
            if here == 0 {
                continue;
            }
            let Hold {
                users: _,
                limit,
                dropped,
                of,
            } = *hold;
            blocked.push(Blocked {
                guard,
                limit,
                wanted: dropped,
                of,
            });
            let message = format!(
                "{dropped} of {of} names left the files at once, and {guard} allows {limit}; none of them is {done} until \
                 the room's own `guards` in the files allow it or they are wanted again ({here} of them here now)"
            );
            notes.push(Note::new(code::HELD, message));
        }
        blocked
    }
}
