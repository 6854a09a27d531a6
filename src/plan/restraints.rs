//! What is not to be done in a room for now, whatever its files and its live guards would let through.

use super::changes::Changes;
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

/// What restraints take out of a room's changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Removals and demotions that the guards on the files hold.
    pub(super) changes: Changes,
    pub(super) blocked: Vec<Blocked>,
}

impl Restraints {
    /// Takes out of the changes what is not to be done for now.
    pub(super) fn take_from(&self, changes: &mut Changes, notes: &mut Vec<Note>) -> Held {
        let Self {
            removals,
            demotions,
            waiting,
        } = self;
        for (user, Waiting { code, message }) in waiting {
            let op = [(Op::Add, &changes.add), (Op::Promote, &changes.promote)]
                .into_iter()
                .find_map(|(op, users)| users.contains(user).then_some(op));
            if let Some(op) = op {
                notes.push(Note::new(code, message.clone()).about(user).holding(op));
            }
        }
        if !waiting.is_empty() {
            let tried = |users: &MemberSet| users.filter(|user| !waiting.contains_key(user));
            changes.add = tried(&changes.add);
            changes.promote = tried(&changes.promote);
        }
        let of = |hold: &Option<Hold>, users: &MemberSet| {
            hold.as_ref()
                .map(|hold| users.and(&hold.users))
                .unwrap_or_default()
        };
        let demote = of(demotions, &changes.demote);
        // Whoever is removed is an admin no more.
        let remove = of(removals, &changes.remove).or(&changes.remove.and(&demote));
        // Who stays because of a hold stays an admin only if that is held too.
        changes.remove = changes.remove.minus(&remove);
        changes.demote = changes.demote.minus(&demote);
        let mut blocked = Vec::new();
        for (guard, hold, held, done) in [
            ("max_removals", removals, &remove, "removed"),
            ("max_demotions", demotions, &demote, "demoted"),
        ] {
            let Some(hold) = hold.as_ref().filter(|_| !held.is_empty()) else {
                continue;
            };
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
                 the room's own `guards` in the files allow it or they are wanted again ({} of them here now)",
                held.len()
            );
            notes.push(Note::new(code::HELD, message));
        }
        Held {
            changes: Changes {
                remove,
                demote,
                ..Changes::default()
            },
            blocked,
        }
    }
}
