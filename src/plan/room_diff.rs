//! A room's changes on their way to a plan: what the guards let through, in order.

use super::changes::{Changes, Step, carried_out, users_of};
use super::guard::{self, GuardTripped};
use super::order::{BatchSizes, Capacity, Ordered, order};
use super::{Approved, Arrivals, LiveSummary, Note, Revocations, RoomPlan, Status};
use crate::desired::DesiredRoom;
use crate::model::{Guard, Guards, MemberSet, Mode, Op, ReasonCode, RoomId, UserId};

/// Reason to keep somebody who is an admin now and whom the plan does not demote.
pub const NEW_ADMIN: &str = "has become an admin since the plan was made, so this removal no longer fits";

/// A room's changes, held against its own guards, before the fleet's guard has spoken.
#[derive(Debug, Clone)]
#[must_use]
pub struct RoomDiff {
    pub(super) id: RoomId,
    pub(super) name: Option<String>,
    pub(super) mode: Mode,
    pub(super) live: LiveSummary,
    pub(super) changes: Changes,
    /// Wanted admins who do not stand yet, whatever is left of `changes`.
    pub(super) wanted_admins: MemberSet,
    pub(super) capacity: Capacity,
    pub(super) complete: bool,
    /// True if the service names the room's owner.
    pub(super) has_owner: bool,
    pub(super) blocked: Vec<GuardTripped>,
    pub(super) notes: Vec<Note>,
    /// People who get the place of somebody who cannot come, in this order.
    pub(super) reserves: Vec<UserId>,
    /// True if a person has allowed what the guards would hold.
    pub(super) is_approved: bool,
    /// People whom somebody has approved. They are among `changes`.
    pub(super) approved: Approved,
    /// People whom a guard keeps that keeps nobody else: a removal budget, or that of a list that has ended. They are not among
    /// `changes`.
    pub(super) kept: Revocations,
    /// The guards by which they are kept.
    pub(super) kept_by: Vec<GuardTripped>,
    /// People who stay until the files have settled. They are not among `changes`.
    pub(super) pending: Revocations,
    /// People who come once the files have settled. They are not among `changes`.
    pub(super) not_yet: Arrivals,
    /// Wanted members whose absence is no drift. They are not among `changes`.
    pub(super) not_here: MemberSet,
    /// People on the allow list whom the files do not want, and who are removed, stay for now, or have left.
    pub(super) on_list: MemberSet,
}

impl RoomDiff {
    /// Number of people in the room without the owner and ignored people; 0 in a room that is only observed.
    #[must_use]
    pub fn managed_members(&self) -> u64 {
        if self.mode == Mode::Observe {
            0
        } else {
            self.live.members
        }
    }

    /// True if this draft removes `user` and the room's own guards allow it.
    #[must_use]
    pub fn removes(&self, user: &UserId) -> bool {
        let is_open = self.open_removals() > 0 || self.approved.remove.contains(user);
        is_open && self.changes.remove.contains(user)
    }

    /// Revocations that the room's own guards let through.
    #[must_use]
    pub fn revocations(&self) -> Revocations {
        if self.mode != Mode::Authoritative || !self.blocked.is_empty() {
            return Revocations::default();
        }
        let Changes { remove, demote, .. } = &self.changes;
        Revocations {
            remove: remove.clone(),
            demote: demote.clone(),
        }
    }

    /// Number of removals that the room's own guards allow.
    pub(super) fn open_removals(&self) -> usize {
        if self.mode == Mode::Observe || !self.blocked.is_empty() {
            0
        } else {
            self.changes.remove.len()
        }
    }

    /// Number of removals that the fleet's guard judges.
    pub(super) fn guarded_removals(&self) -> usize {
        if self.is_approved {
            0
        } else {
            self.open_removals().saturating_sub(self.approved.remove.len())
        }
    }

    /// Number of removals that the fleet's guard would judge if the room's own guards allowed all of them.
    pub(super) fn wanted_removals(&self) -> usize {
        if self.is_approved || self.mode == Mode::Observe {
            0
        } else {
            self.changes
                .remove
                .len()
                .saturating_sub(self.approved.remove.len())
        }
    }

    /// Lets one more guard hold this room's removals and demotions.
    pub(super) fn block(&mut self, blocked: GuardTripped) {
        self.blocked.push(blocked);
    }

    /// Drops everything that is not in these steps of an earlier plan, whose reserves these were: what is left is what still
    /// holds of them. The guards are judged again, on that and on the new look.
    pub fn revalidate<'u>(
        mut self,
        steps: &[Step],
        reserves: impl IntoIterator<Item = &'u UserId>,
        desired: &DesiredRoom,
    ) -> Self {
        let is_missing = |user: &&UserId| self.changes.add.contains(user);
        self.reserves = reserves.into_iter().filter(is_missing).cloned().collect();
        let mut narrowed = carried_out(&self.changes, steps);
        let new_admins = narrowed.remove.and(&self.changes.demote.minus(&narrowed.demote));
        self.hold(&new_admins, Op::Remove, ReasonCode::Moved, NEW_ADMIN);
        narrowed.remove = narrowed.remove.minus(&new_admins);
        let of_list = [Op::Allow, Op::Disallow].map(|op| users_of(op, steps));
        self.narrow_allow_list(&mut narrowed, of_list.each_ref());
        if !self.complete {
            let why = "the room could not be read completely again";
            for op in [Op::Demote, Op::Remove, Op::Disallow] {
                self.hold(&users_of(op, steps), op, ReasonCode::IncompleteRead, why);
            }
        }
        self.changes = narrowed;
        self.judge(&desired.guards);
        self
    }

    /// Has the changes of the allow list fit others that say less than these, and what was planned. Somebody who was to be removed and
    /// is gone by now is taken off the list all the same.
    pub(super) fn narrow_allow_list(&mut self, narrowed: &mut Changes, [allow, disallow]: [&MemberSet; 2]) {
        let not_coming = self.changes.add.minus(&narrowed.add);
        let still_admins = self.changes.demote.minus(&narrowed.demote);
        let staying = self.changes.remove.minus(&narrowed.remove);
        narrowed.allow = narrowed.allow.and(allow).minus(&not_coming).minus(&still_admins);
        narrowed.disallow = disallow.and(&self.on_list).minus(&staying);
        let trouble = self
            .notes
            .iter()
            .find(|note| note.code == ReasonCode::AllowListUnusable);
        if let Some(Note { code, message, .. }) = trouble.cloned() {
            self.hold(allow, Op::Allow, code, &message);
            self.hold(disallow, Op::Disallow, code, &message);
        }
    }

    /// Holds what is left of the changes against the room's guards.
    pub(super) fn judge(&mut self, guards: &Guards) {
        self.approved = self.approved.within(&self.changes);
        let blocked = guard::room(&self.changes, guards, &self.live);
        self.blocked = self.approved.still_hold(&self.changes, blocked);
    }

    pub(super) fn hold<'u>(
        &mut self,
        users: impl IntoIterator<Item = &'u UserId>,
        op: Op,
        code: ReasonCode,
        why: &str,
    ) {
        self.notes.extend(held(users, op, code, why));
    }

    /// Puts the room's calls in order.
    pub fn into_plan(self, sizes: BatchSizes) -> RoomPlan {
        let Self {
            id,
            name,
            mode,
            live,
            changes,
            wanted_admins,
            mut capacity,
            complete,
            has_owner,
            mut blocked,
            mut notes,
            reserves: also_in_line,
            is_approved: _,
            approved,
            kept,
            kept_by,
            pending,
            not_yet,
            not_here,
            on_list,
        } = self;
        let Ordered {
            steps,
            mut reserves,
            last,
            held: unfit,
        } = match mode {
            Mode::Observe => Ordered::default(),
            Mode::Authoritative | Mode::Additive => {
                let mut open = let_through(&changes, &blocked, &approved);
                if !has_owner {
                    let why = "nobody is named as the room's owner, so nobody is promoted";
                    notes.extend(held(&open.promote, Op::Promote, ReasonCode::IncompleteRead, why));
                    open.promote = MemberSet::default();
                }
                capacity.short_of_admins = !wanted_admins.minus(&open.promote).is_empty();
                order(&open, &capacity, sizes)
            }
        };
        notes.extend(unfit);
        let whole_room = !blocked.is_empty();
        blocked.extend(kept_by);
        reserves.extend(also_in_line);
        let mut error = None;
        let status = if mode == Mode::Observe {
            Status::Observed
        } else if !blocked.is_empty() {
            Status::Blocked
        } else if !steps.is_empty() || !pending.is_empty() || !not_yet.is_empty() {
            Status::Changed
        } else if let Some(note) = stuck(&changes, complete, &notes) {
            error = Some(note);
            Status::Failed
        } else if notes.iter().any(Note::is_waiting) {
            Status::Incomplete
        } else {
            Status::InSync
        };
        let Changes {
            add,
            allow,
            remove,
            promote,
            demote,
            disallow,
        } = if whole_room || mode == Mode::Observe {
            changes
        } else {
            carried_out(&changes, &steps)
        };
        // Lists can be long.
        let with = |list: MemberSet, more: &MemberSet| if more.is_empty() { list } else { list.or(more) };
        let stay =
            |list: MemberSet, of: fn(&Revocations) -> &MemberSet| with(list, &of(&kept).or(of(&pending)));
        let disallow = stay(disallow, |staying| &staying.remove);
        RoomPlan {
            id,
            name,
            status,
            live: Some(live),
            add: with(add, &not_yet.add),
            remove: stay(remove, |staying| &staying.remove),
            promote: with(promote, &not_yet.promote),
            demote: stay(demote, |staying| &staying.demote),
            allow,
            // Whoever stays in the room for now stays on its list.
            disallow: disallow.and(&on_list),
            standing: capacity.standing,
            unmet_promotes: wanted_admins.minus(&users_of(Op::Promote, &steps)).len(),
            steps,
            pending,
            not_yet,
            not_here,
            approved,
            reserves,
            last,
            blocked,
            notes,
            error,
        }
    }
}

/// A note each for users to whom this is not done.
pub(super) fn held<'a>(
    users: impl IntoIterator<Item = &'a UserId>,
    op: Op,
    code: ReasonCode,
    why: &str,
) -> impl Iterator<Item = Note> {
    let note = move |user| Note::new(code, why).about(user).holding(op);
    users.into_iter().map(note)
}

/// The changes that the guards allow: a blocked room gets no removal and no demotion but those that are approved; with
/// `max_additions` blocked no other add either, and so no promotion of somebody who would have to be added.
fn let_through(changes: &Changes, blocked: &[GuardTripped], approved: &Approved) -> Changes {
    if blocked.is_empty() {
        return changes.clone();
    }
    let Approved { remove, demote, .. } = approved;
    let holds_adds = blocked.iter().any(|block| block.guard == Guard::MaxAdditions);
    let add = if holds_adds { &approved.add } else { &changes.add };
    let not_coming = changes.add.minus(add);
    // An admin who is not demoted is on the list anyway.
    let still_admins = changes.demote.minus(demote);
    Changes {
        add: add.clone(),
        promote: changes.promote.minus(&not_coming),
        allow: changes.allow.minus(&still_admins).minus(&not_coming),
        remove: remove.clone(),
        demote: demote.clone(),
        disallow: changes.disallow.and(remove),
    }
}

/// Reason why a room without any step is not in order, if it is not.
fn stuck(changes: &Changes, complete: bool, notes: &[Note]) -> Option<Note> {
    if complete && changes.iter().all(|(_, users)| users.is_empty()) {
        return None;
    }
    notes
        .iter()
        .find(|note| (note.held.is_some() && !note.is_waiting()) || note.code == ReasonCode::IncompleteRead)
        .cloned()
}
