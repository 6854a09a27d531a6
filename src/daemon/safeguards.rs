//! Everything that keeps people whom the files in force no longer want, or leaves alone those they want: holds, removal budgets,
//! people set aside, contested or coming and going, and the clock that their times are on.

use super::approvals::Approvals;
use super::fleet_budget::{FleetBudget, Lifetime};
use super::learned_limits::LearnedLimits;
use super::place_ends::PlaceEnds;
use super::room_table::RoomTable;
use super::service_clock::ClockCheck;
use super::state_dir::{PersistedState, Restored};
use crate::clock::{Clock, Known, ServiceTime};
use crate::desired::DesiredRoom;
use crate::exclusions::{Exclusions, HoldChanges, Invitations, Refusal, RemovalBudgets};
use crate::live::Observed;
use crate::model::{Limit, Op, RoomId, UserId};
use crate::plan::{self, Approved, Constraints, FleetGuard, Invite};
use crate::reconcile::Looked;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The safeguards of all rooms. What they keep must outlive the process: a method that returns `true` changed it.
#[derive(Debug)]
pub(super) struct Safeguards {
    clock: Clock,
    clock_check: ClockCheck,
    exclusions: Exclusions,
    budgets: RemovalBudgets,
    fleet: FleetBudget,
    ends: PlaceEnds,
    invitations: Invitations,
    /// They are never kept on the disk.
    approvals: Approvals,
}

impl Safeguards {
    /// Goes on from what an earlier process kept.
    pub(super) fn new(clock: Clock, service_time: Arc<ServiceTime>, restored: Restored) -> Self {
        let PersistedState {
            spending,
            set_aside,
            contested,
            learned_limits: _,
            clock: anchor,
            mut budgets,
            ended_until,
        } = restored.state;
        clock.go_on_from(anchor.as_ref());
        let now = clock.steady();
        // A clock that was wrong once leaves times to come: a budget begins now at the latest.
        let mut fleet = FleetBudget::new(spending);
        fleet.each_time(|time| time.min(now));
        budgets.each_time(|time| time.min(now));
        Self {
            clock_check: ClockCheck::new(service_time),
            exclusions: Exclusions::new(restored.rosters, set_aside, contested, now),
            budgets,
            fleet,
            ends: PlaceEnds::new(ended_until),
            invitations: restored.invitations,
            approvals: Approvals::new(&clock),
            clock,
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn exclusions(&self) -> &Exclusions {
        &self.exclusions
    }

    pub(super) fn exclusions_mut(&mut self) -> &mut Exclusions {
        &mut self.exclusions
    }

    pub(super) fn fleet(&self) -> &FleetBudget {
        &self.fleet
    }

    /// A look at all rooms begins.
    pub(super) fn begin_look(&mut self) {
        self.fleet.begin_look();
        self.exclusions.forget(self.clock.steady());
    }

    /// Sets somebody aside whom the service refuses. `named_by`: the digest of the files that name them.
    pub(super) fn refuse(&mut self, user: &UserId, refusal: Refusal<'_>, named_by: Option<String>) {
        self.exclusions
            .refuse(user, refusal, named_by, self.clock.steady());
    }

    /// Counts somebody who was put back.
    pub(super) fn put_back(&mut self, room: &RoomId, user: &UserId) {
        self.exclusions.put_back(room, user, self.clock.moment());
    }

    /// Takes a new set of files. `is_known`: the entry is the one that was in force before.
    pub(super) fn take(
        &mut self,
        rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>,
        is_known: impl Fn(&DesiredRoom) -> bool,
    ) -> HoldChanges {
        self.approvals.take(rooms);
        self.invitations.forget_others(|id| rooms.contains_key(id));
        for room in rooms.values() {
            if self.invitations.knows(&room.id) && !is_known(room) {
                self.invitations.take(room);
            }
        }
        let may_pass = self.clock.is_confirmed();
        let now = self.clock.steady();
        let mut differs = false;
        for (id, room) in rooms {
            let old = self.exclusions.lists(id).cloned().unwrap_or_default();
            differs |= self.budgets.take(&old, room, may_pass, now);
        }
        let mut changes = self.exclusions.take(rooms, self.clock.now());
        changes.differs |= differs;
        changes
    }

    /// The ends of places.
    pub(super) fn ends(&self) -> &PlaceEnds {
        &self.ends
    }

    pub(super) fn ends_mut(&mut self) -> &mut PlaceEnds {
        &mut self.ends
    }

    /// The time of day, if the service's clock agrees with ours.
    pub(super) fn certain_time(&self) -> Option<Timestamp> {
        let now = self.clock.moment();
        self.clock_check.service_time().agreed(now)
    }

    /// True if places end and no answer has come yet that bears a time.
    pub(super) fn lacks_time(&self) -> bool {
        self.ends.any() && self.clock_check.service_time().known() == Known::Nothing
    }

    /// Reason for which no place ends at present, in words. `None`: they do, or there are none.
    pub(super) fn no_place_ends(&self) -> Option<String> {
        let doubt = || self.clock_check.service_time().doubt(self.clock.moment());
        self.ends.any().then(doubt).flatten()
    }

    /// Places in these rooms have ended, whose entries are these from now on. That is counted against the removal budgets, and not
    /// against the guards on what leaves the files.
    pub(super) fn end_places(&mut self, rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>) {
        let (may_pass, now) = (self.clock.is_confirmed(), self.clock.steady());
        for (id, room) in rooms {
            let old = self.exclusions.lists(id).cloned().unwrap_or_default();
            self.budgets.take(&old, room, may_pass, now);
            self.approvals.entry(room);
            self.exclusions.end_places(room);
            self.invitations.take(room);
        }
    }

    /// Compares our clock with the service's. If the steady time moves, so does every time that is kept.
    #[must_use]
    pub(super) fn check_clock(&mut self) -> bool {
        let Some(moved) = self.clock_check.check(&self.clock) else {
            return false;
        };
        self.exclusions.moved(&moved);
        self.budgets.each_time(|time| moved.of(time));
        self.fleet.each_time(|time| moved.of(time));
        self.approvals.each_time(|time| moved.of(time));
        true
    }

    /// The trouble with our clock, in words, if there is one, and its beginning.
    pub(super) fn clock_trouble(&self) -> Option<(String, Timestamp)> {
        self.clock_check.trouble()
    }

    /// Releases people for whom the removal budgets have room by now, and gives their rooms. While nobody knows whether the clock is
    /// right, no window passes.
    pub(super) fn advance_budgets(&mut self, rooms: &RoomTable) -> Vec<RoomId> {
        if !self.clock.is_confirmed() {
            return Vec::new();
        }
        self.budgets
            .advance_all(|id| Some(rooms.get(id)?.desired()), self.clock.steady())
    }

    /// Records who is in a room by a look at it.
    #[must_use]
    pub(super) fn see(&mut self, desired: &DesiredRoom, observed: &Observed) -> bool {
        let mut by_approval = false;
        for (op, user) in self.approvals.see(desired, observed) {
            by_approval |= self.went_by_approval(&desired.id, op, &user);
        }
        let advanced = self.clock.is_confirmed() && self.budgets.advance(desired, self.clock.steady());
        let members = &observed.room().members;
        let (complete, now) = (observed.complete().is_some(), self.clock.steady());
        let seen = self
            .exclusions
            .see(&desired.id, |user| members.contains(user), complete, now);
        advanced || seen || by_approval
    }

    /// Constraints on a room by its holds and removal budgets.
    pub(super) fn kept_in(&self, desired: &DesiredRoom) -> Constraints {
        let [removals, demotions] = self.exclusions.holds_in(&desired.id);
        let kept = self.budgets.kept_in(desired, self.clock.moment());
        Constraints {
            removals,
            demotions,
            people_over_budget: kept.people,
            admins_over_budget: kept.admins,
            ..Constraints::default()
        }
    }

    /// People who were invited, by room.
    pub(super) fn invitations_mut(&mut self) -> &mut Invitations {
        &mut self.invitations
    }

    /// The same, with the people who are not to be tried now, and whom to invite of those whom a look does not show. A look for
    /// an entry that is not current invites nobody.
    pub(super) fn constraints(
        &mut self,
        desired: &DesiredRoom,
        observed: &Observed,
        is_current: bool,
    ) -> Constraints {
        let live = observed.room();
        // No list of members shows the owner.
        let is_here =
            |user: &UserId| live.members.contains(user) || live.owner.as_deref() == Some(user.as_str());
        let invited = is_current.then(|| self.invitations.see(desired, is_here));
        let now = self.clock.moment();
        let mut not_tried = self.exclusions.waiting_in(desired, now);
        let time = self.clock_check.service_time();
        if desired.ends.is_some() {
            not_tried.extend(plan::in_doubt(desired, time.likely(now)));
        }
        Constraints {
            invite: Invite::These(invited.unwrap_or_default()),
            not_tried,
            not_promoted: self.exclusions.not_promoted_in(&desired.id, now),
            approved: self.approved_in(desired, is_current),
            ..self.kept_in(desired)
        }
    }

    pub(super) fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    pub(super) fn approvals_mut(&mut self) -> &mut Approvals {
        &mut self.approvals
    }

    /// People who go or come by an approval that is in force. One that was given for the entry in force is none for another.
    fn approved_in(&self, desired: &DesiredRoom, is_current: bool) -> Approved {
        let approved = is_current.then(|| self.approvals.in_force(&desired.id, &self.clock));
        approved.unwrap_or_default()
    }

    /// This was done to somebody. If an approval let them through, it is used up for them, and no budget and no hold counts them. `true`:
    /// something is to be kept on the disk.
    pub(super) fn done(&mut self, room: &RoomId, op: Op, user: &UserId) -> bool {
        if !self.approvals.done(room, op, user) {
            return false;
        }
        self.went_by_approval(room, op, user)
    }

    fn went_by_approval(&mut self, room: &RoomId, op: Op, user: &UserId) -> bool {
        let held = self.exclusions.went_by_approval(room, op, user);
        self.budgets.went_by_approval(room, op, user) || held
    }

    /// Number of people whom the removal budgets keep.
    pub(super) fn over_budget(&self, rooms: &RoomTable) -> usize {
        self.budgets.count_kept(|id| Some(rooms.get(id)?.desired()))
    }

    /// The fleet's guard for a pass over all rooms.
    pub(super) fn guard_of_all(
        &self,
        (limit, interval): (Limit, Duration),
        looked: &Looked,
        rooms: &RoomTable,
    ) -> FleetGuard {
        self.fleet
            .guard_of_all(limit, looked, rooms, self.lifetime(interval))
    }

    /// The fleet's guard for a pass over some rooms.
    pub(super) fn guard_of_some(
        &mut self,
        limit: Limit,
        looked: &Looked,
        rooms: &mut RoomTable,
    ) -> FleetGuard {
        self.fleet
            .guard_of_some(limit, looked, rooms, self.clock.steady())
    }

    /// All rooms were looked at, with so many members: the fleet's budget begins anew.
    pub(super) fn begin_budget(&mut self, members: u64, interval: Duration) {
        self.fleet.begin(members, self.lifetime(interval));
    }

    /// These removals are begun.
    pub(super) fn spend(&mut self, removals: BTreeSet<(RoomId, UserId)>) {
        self.fleet.spend(removals);
    }

    /// State that must outlive the process.
    pub(super) fn state(&self, learned_limits: Option<LearnedLimits>) -> PersistedState {
        PersistedState {
            spending: self.fleet.spending().cloned(),
            set_aside: self.exclusions.set_aside().clone(),
            contested: self.exclusions.contested().entries(),
            learned_limits,
            clock: self.clock.anchor(),
            budgets: self.budgets.clone(),
            ended_until: self.ends.as_of(),
        }
    }

    fn lifetime(&self, interval: Duration) -> Lifetime {
        let interval = SignedDuration::try_from(interval).unwrap_or_default();
        Lifetime {
            now: self.clock.steady(),
            interval: self.clock.is_confirmed().then_some(interval),
        }
    }
}
