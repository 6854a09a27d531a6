//! Changes that a room must not get for now, even if its files ask for them and its guards allow them.

use super::changes::Changes;
use super::{Approved, Arrivals, GuardTripped, Note, Revocations, Withdrawn};
use crate::model::{Guard, Limit, MemberSet, Op, ReasonCode, UserId, counted};
use std::collections::BTreeMap;

/// Changes that a room must not get for now. A one-shot command has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// People dropped from the room's list, more at once than `max_removals` allows: none of them is removed.
    pub removals: Option<HeldNames>,
    /// People dropped from the room's admins, more at once than `max_demotions` allows: none of them is demoted.
    pub demotions: Option<HeldNames>,
    /// Wanted people who are not tried at present.
    pub not_tried: BTreeMap<UserId, NotTried>,
    /// Wanted admins who are not promoted at present. As members they are tried.
    pub not_promoted: BTreeMap<UserId, NotTried>,
    /// Names that the removal budget of the room's people keeps.
    pub people_over_budget: Option<OverBudget>,
    /// Names that the removal budget of the room's admins keeps.
    pub admins_over_budget: Option<OverBudget>,
    /// Limit on revocations while the files settle. `None` if they have settled.
    pub unsettled: Option<Unsettled>,
    /// Reason for which nobody is put on the room's allow list at present.
    pub allow_list: Option<NotTried>,
    /// People who go, or come, whatever the guards allow, because somebody has approved it.
    pub approved: Approved,
    /// People to invite in a room in which whoever is absent is left alone.
    pub invite: Invite,
}

/// Wanted members, no admins, who are added in a room with `absent: ignore`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Invite {
    /// Nobody: whether they were ever invited is not known.
    #[default]
    Nobody,
    /// Everyone who is not there.
    Everybody,
    /// These, who were never invited.
    These(MemberSet),
}

/// Names that the removal budget keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverBudget {
    /// Their names.
    pub users: MemberSet,
    /// The most who may go within the window, as written.
    pub limit: Limit,
    /// Number of people who left the list within the window, including those who are kept.
    pub dropped: u64,
    /// The size of the largest list of the window.
    pub of: u64,
    /// Earliest end of this, in words: `before …`.
    pub until: String,
}

/// Files that have not been unchanged for long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// Revocations that every set since the last settled one would make.
    pub may_go: Revocations,
    /// People who were named by one of these sets and not wanted: if they are wanted now, it is only because an `until` or an `exclude` is
    /// gone.
    pub withdrawn: Withdrawn,
    /// End of the wait of all others, in words: `until …`.
    pub until: String,
}

/// Names that a guard on the files holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNames {
    /// Their names.
    pub users: MemberSet,
    /// The guard's limit when the names were dropped.
    pub limit: Limit,
    /// Number of dropped names.
    pub dropped: u64,
    /// From a list of how many.
    pub of: u64,
}

/// Reason why something is not tried at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTried {
    /// [`ReasonCode::SetAside`], [`ReasonCode::ComingAndGoing`], [`ReasonCode::Contested`] or [`ReasonCode::Clock`] of a person; of an
    /// allow list, why it takes nobody.
    pub code: ReasonCode,
    /// In words.
    pub message: String,
}

impl NotTried {
    /// What is said of a room whose allow list takes so many members for now not.
    #[must_use]
    pub fn note(&self, members: usize) -> Note {
        let members = counted(members, "member");
        let message = format!("{members} not put on the allow list: {}", self.message);
        Note::new(self.code, message)
    }
}

impl Constraints {
    /// Takes the members out of the adds whose absence is no drift, and gives them. `admins` are those whom the files want.
    pub(super) fn leave_absent(&self, changes: &mut Changes, admins: Option<&MemberSet>) -> MemberSet {
        let is_left = |user: &UserId| {
            let is_admin = admins.is_some_and(|admins| admins.contains(user));
            !is_admin
                && match &self.invite {
                    Invite::Nobody => true,
                    Invite::Everybody => false,
                    Invite::These(users) => !users.contains(user),
                }
        };
        let left = changes.add.filter(is_left);
        changes.add = changes.add.minus(&left);
        left
    }

    /// Takes those out of the changes who are not tried for now.
    pub(super) fn take_from(&self, changes: &mut Changes, notes: &mut Vec<Note>) {
        let (waiting, not_promoted) = (&self.not_tried, &self.not_promoted);
        if waiting.is_empty() && not_promoted.is_empty() {
            return;
        }
        for (user, NotTried { code, message }) in waiting {
            let op = [(Op::Add, &changes.add), (Op::Promote, &changes.promote)]
                .into_iter()
                .find_map(|(op, users)| users.contains(user).then_some(op));
            if let Some(op) = op {
                notes.push(Note::new(*code, message.clone()).about(user).holding(op));
            }
        }
        let tried = |users: &MemberSet| users.filter(|user| !waiting.contains_key(user));
        changes.add = tried(&changes.add);
        changes.promote = tried(&changes.promote);
        for (user, NotTried { code, message }) in not_promoted {
            if changes.promote.contains(user) {
                let note = Note::new(*code, message.clone());
                notes.push(note.about(user).holding(Op::Promote));
            }
        }
        changes.promote = changes.promote.filter(|user| !not_promoted.contains_key(user));
    }

    /// Takes those out of the changes who are kept by the removal budgets, and nobody else. Gives them, and the budgets.
    pub(super) fn keep_within_budget(
        &self,
        changes: &mut Changes,
        notes: &mut Vec<Note>,
    ) -> (Revocations, Vec<GuardTripped>) {
        if self.people_over_budget.is_none() && self.admins_over_budget.is_none() {
            return (Revocations::default(), Vec::new());
        }
        let kept = |over: &Option<OverBudget>, going: &MemberSet| {
            over.as_ref()
                .map(|over| going.and(&over.users))
                .unwrap_or_default()
        };
        let demote = kept(&self.admins_over_budget, &changes.demote);
        // Who stays an admin stays in the room.
        let remove = kept(&self.people_over_budget, &changes.remove).or(&changes.remove.and(&demote));
        let mut budgets = Vec::new();
        for (over, kept, done, list) in [
            (
                &self.people_over_budget,
                &remove,
                "removed",
                "of the room's people",
            ),
            (&self.admins_over_budget, &demote, "demoted", "of its admins"),
        ] {
            let Some(over) = over.as_ref().filter(|_| !kept.is_empty()) else {
                continue;
            };
            let OverBudget {
                users: _,
                limit,
                dropped,
                of,
                until,
            } = over;
            budgets.push(GuardTripped {
                guard: Guard::RemovalBudget,
                limit: *limit,
                wanted: *dropped,
                of: *of,
            });
            let message = format!(
                "{dropped} of {of} {list} left the files within the window of `removal_budget`, which allows {limit}; not {done} \
                 {until}, unless the room's own `guards: {{removal_budget: …}}` allow it or they are wanted again: {kept}"
            );
            notes.push(Note::new(ReasonCode::Guard(Guard::RemovalBudget), message));
        }
        let kept = Revocations { remove, demote };
        let Revocations { remove, demote } = &kept;
        changes.remove = changes.remove.minus(remove);
        changes.demote = changes.demote.minus(demote);
        (kept, budgets)
    }

    /// Takes those out of the changes who stay, or do not come, until the files have settled, and gives them.
    pub(super) fn settle(&self, changes: &mut Changes, notes: &mut Vec<Note>) -> (Revocations, Arrivals) {
        let Some(Unsettled {
            may_go,
            withdrawn,
            until,
        }) = &self.unsettled
        else {
            return (Revocations::default(), Arrivals::default());
        };
        let going = Revocations {
            remove: changes.remove.clone(),
            demote: changes.demote.clone(),
        };
        let mut pending = going.minus(may_go);
        // Who stays an admin stays in the room.
        pending.remove = pending.remove.or(&going.remove.and(&pending.demote));
        if !pending.is_empty() {
            let Revocations { remove, demote } = going.minus(&pending);
            (changes.remove, changes.demote) = (remove, demote);
            let message = format!(
                "{} and {} wait {until}",
                counted(pending.remove.len(), "removal"),
                counted(pending.demote.len(), "demotion"),
            );
            notes.push(Note::new(ReasonCode::Pending, message));
        }
        let add = changes.add.and(&withdrawn.people);
        // Who does not come yet cannot become an admin yet.
        let promote = changes.promote.and(&withdrawn.admins.or(&add));
        let not_yet = Arrivals { add, promote };
        if !not_yet.is_empty() {
            changes.add = changes.add.minus(&not_yet.add);
            changes.promote = changes.promote.minus(&not_yet.promote);
            let message = format!(
                "{} and {} wait {until}: they are wanted only because their `until` is gone or later, or because an `exclude` no longer names them",
                counted(not_yet.add.len(), "addition"),
                counted(not_yet.promote.len(), "promotion"),
            );
            notes.push(Note::new(ReasonCode::Pending, message));
        }
        (pending, not_yet)
    }

    /// The guards on the files that hold somebody who would go, or cease to be an admin.
    pub(super) fn blocks(&self, changes: &Changes, notes: &mut Vec<Note>) -> Vec<GuardTripped> {
        let mut blocked = Vec::new();
        // An admin who is removed is demoted, too.
        for (guard, hold, going, done) in [
            (Guard::MaxRemovals, &self.removals, &changes.remove, "removed"),
            (Guard::MaxDemotions, &self.demotions, &changes.demote, "demoted"),
        ] {
            let Some(hold) = hold else { continue };
            let here = going.and(&hold.users).len();
            if here == 0 {
                continue;
            }
            let HeldNames {
                users: _,
                limit,
                dropped,
                of,
            } = *hold;
            blocked.push(GuardTripped {
                guard,
                limit,
                wanted: dropped,
                of,
            });
            let message = format!(
                "{dropped} of {of} names left the files at once, and {guard} allows {limit}; none of them is {done} until \
                 the room's own `guards` in the files allow it or they are wanted again ({here} of them here now)"
            );
            notes.push(Note::new(ReasonCode::Held, message));
        }
        blocked
    }
}
