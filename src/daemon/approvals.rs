//! Approvals of people: who may go, or come, whatever the guards allow, each once and within the hour. They are kept in memory alone, so
//! none outlives the process.

use super::attention::amber;
use super::controller::Controller;
use crate::clock::Clock;
use crate::desired::DesiredRoom;
use crate::exclusions::wanted;
use crate::live::Observed;
use crate::model::{Op, RoomId, UserId, log_code, room_label};
use crate::plan::Approved;
use crate::status::{self, Attention};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time for which an approval is in force.
const LASTS: Duration = Duration::from_secs(60 * 60);

const APPROVAL: &str = "approval";

/// The approvals in force.
#[derive(Debug)]
pub(super) struct Approvals {
    rooms: BTreeMap<RoomId, Vec<Approval>>,
    /// Text that no other process has: what was shown by another one cannot be approved here.
    process: String,
    /// Number of approvals of each room so far.
    accepted: BTreeMap<RoomId, u64>,
}

/// Approval of some people of a room.
#[derive(Debug)]
struct Approval {
    by: String,
    /// People who are left of it.
    left: Approved,
    /// Number of changes at the beginning.
    of: usize,
    given: Timestamp,
    ends: Ends,
    /// Removals and demotions that a call was sent for, so that their absence is its effect.
    tried: BTreeSet<(Op, UserId)>,
}

/// End of an approval: whichever clock comes to it first. tokio's stands still while the machine sleeps, the steady one may be moved.
#[derive(Debug, Clone, Copy)]
struct Ends {
    running: Instant,
    steady: Timestamp,
}

impl Ends {
    fn are_over(self, clock: &Clock) -> bool {
        Instant::now() >= self.running || clock.steady() >= self.steady
    }
}

impl Approvals {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            rooms: BTreeMap::new(),
            process: format!("{} {:x}", clock.now(), fastrand::u64(..)),
            accepted: BTreeMap::new(),
        }
    }

    /// Text that differs in every process and after each approval of this room.
    pub(super) fn stamp(&self, room: &RoomId) -> String {
        let accepted = self.accepted.get(room).copied().unwrap_or_default();
        format!("{} {accepted}", self.process)
    }

    /// Somebody approves these people of a room. Gives the end.
    pub(super) fn give(&mut self, room: &RoomId, by: &str, people: Approved, clock: &Clock) -> Timestamp {
        let (now, steady) = (clock.now(), clock.steady());
        *self.accepted.entry(room.clone()).or_default() += 1;
        self.rooms.entry(room.clone()).or_default().push(Approval {
            by: by.to_owned(),
            of: size(&people),
            left: people,
            given: now,
            ends: Ends {
                running: Instant::now() + LASTS,
                steady: end_by_clock(steady),
            },
            tried: BTreeSet::new(),
        });
        end_by_clock(now)
    }

    /// People whom approvals of this room let through now.
    pub(super) fn in_force(&self, room: &RoomId, clock: &Clock) -> Approved {
        let all = self.rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let in_force = all.iter().filter(|approval| !approval.ends.are_over(clock));
        in_force.fold(Approved::default(), |people, approval| people.or(&approval.left))
    }

    /// True if this may be done to somebody now.
    pub(super) fn allows(&self, room: &RoomId, op: Op, user: &UserId, clock: &Clock) -> bool {
        let all = self.rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let mut in_force = all.iter().filter(|approval| !approval.ends.are_over(clock));
        in_force.any(|approval| approval.left.of(op).is_some_and(|users| users.contains(user)))
    }

    /// A call for these people is sent.
    pub(super) fn sends(&mut self, room: &RoomId, op: Op, users: &[UserId]) {
        for approval in self.rooms.get_mut(room).into_iter().flatten() {
            let Some(left) = approval.left.of(op) else { return };
            let tried = users.iter().filter(|user| left.contains(user));
            approval.tried.extend(tried.map(|user| (op, user.clone())));
        }
    }

    /// This was done to somebody: they are let through once. `true`: they were by an approval.
    pub(super) fn done(&mut self, room: &RoomId, op: Op, user: &UserId) -> bool {
        let is_done =
            |of: Op, other: &UserId| other == user && (of == op || op == Op::Remove && of == Op::Demote);
        let was_meant = |approval: &Approval| approval.left.of(op).is_some_and(|users| users.contains(user));
        let approvals = self.rooms.get_mut(room).into_iter().flatten();
        let mut any = false;
        for approval in approvals {
            any |= was_meant(approval);
            approval.left.retain(|of, other| !is_done(of, other));
        }
        self.sweep();
        any
    }

    /// Takes in a look: whoever is gone, or there, needs no approval any more. Gives those who are so by a call of ours whose answer
    /// was not clear.
    #[must_use]
    pub(super) fn see(&mut self, desired: &DesiredRoom, observed: &Observed) -> Vec<(Op, UserId)> {
        let (Some(approvals), Some(live)) = (self.rooms.get_mut(&desired.id), observed.complete()) else {
            return Vec::new();
        };
        let is_open = |op: Op, user: &UserId| match op {
            Op::Remove => live.members.contains(user),
            Op::Demote => live.admins.as_ref().is_none_or(|admins| admins.contains(user)),
            _ => !live.members.contains(user),
        };
        let mut by_us = Vec::new();
        for Approval { left, tried, .. } in approvals {
            let is_left = |op: Op, user: &UserId| left.of(op).is_some_and(|users| users.contains(user));
            let closed = tried
                .iter()
                .filter(|(op, user)| is_left(*op, user) && !is_open(*op, user));
            by_us.extend(closed.cloned());
            left.retain(is_open);
        }
        self.sweep();
        by_us
    }

    /// Takes a new set of files: whoever is wanted again, or no longer wanted, needs an approval of their own if that changes once more.
    pub(super) fn take(&mut self, rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>) {
        self.rooms.retain(|id, _| rooms.contains_key(id));
        let named: Vec<RoomId> = self.rooms.keys().cloned().collect();
        for room in named.iter().filter_map(|id| rooms.get(id)) {
            self.entry(room);
        }
    }

    /// A room's entry is this from now on.
    pub(super) fn entry(&mut self, room: &DesiredRoom) {
        let Some(approvals) = self.rooms.get_mut(&room.id) else {
            return;
        };
        let people = wanted(room);
        let admins = room.admins.clone().unwrap_or_default();
        let all = people.clone().unwrap_or_default().or(&admins);
        for approval in approvals {
            approval.left.retain(|op, user| match op {
                Op::Remove => !all.contains(user),
                Op::Demote => !admins.contains(user),
                _ => all.contains(user),
            });
        }
        self.sweep();
    }

    /// Forgets those that are over. Gives their rooms.
    pub(super) fn forget(&mut self, clock: &Clock) -> Vec<RoomId> {
        let mut over = Vec::new();
        for (room, approvals) in &mut self.rooms {
            approvals.retain(|approval| {
                let is_over = approval.ends.are_over(clock);
                if is_over {
                    let (by, left) = (approval.by.as_str(), size(&approval.left));
                    tracing::warn!(code = log_code::APPROVAL_ENDED, %room, by, left, "the approval is over; of what it let through, so much was not done");
                    over.push(room.clone());
                }
                !is_over
            });
        }
        self.sweep();
        over
    }

    /// Those of a room, to be shown.
    pub(super) fn shown(&self, room: &RoomId, clock: &Clock) -> Vec<status::Approval> {
        let all = self.rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let in_force = all.iter().filter(|approval| !approval.ends.are_over(clock));
        let shown = in_force.filter_map(|approval| {
            let Approved { remove, demote, add } = &approval.left;
            Some(status::Approval {
                by: approval.by.clone(),
                given: approval.given,
                until: clock.time_of(approval.ends.running)?,
                remove: remove.len(),
                demote: demote.minus(remove).len(),
                add: add.len(),
                of: approval.of,
            })
        });
        shown.collect()
    }

    /// Rooms with an approval.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &RoomId> {
        self.rooms.keys()
    }

    /// Changes every steady time in it.
    pub(super) fn each_time(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        for approval in self.rooms.values_mut().flatten() {
            approval.ends.steady = change(approval.ends.steady);
        }
    }

    /// Drops those of which nobody is left.
    fn sweep(&mut self) {
        for (room, approvals) in &mut self.rooms {
            approvals.retain(|approval| {
                let is_used = approval.left.is_empty();
                if is_used {
                    let by = approval.by.as_str();
                    tracing::info!(code = log_code::APPROVAL_ENDED, %room, by, "the approval has done its work: the guards stand as before");
                }
                !is_used
            });
        }
        self.rooms.retain(|_, approvals| !approvals.is_empty());
    }
}

/// End of an approval that is given at this time.
pub(super) fn end_by_clock(given: Timestamp) -> Timestamp {
    let length = SignedDuration::try_from(LASTS).unwrap_or_default();
    given.checked_add(length).unwrap_or(given)
}

/// Number of changes.
pub(super) fn size(people: &Approved) -> usize {
    people.counts().into_iter().map(|(_, count)| count).sum()
}

impl Controller {
    /// Something was done to these people: whoever was let through by an approval needs another one from now on.
    pub(super) fn see_approved(&mut self, room: &RoomId, op: Op, users: &[&UserId]) {
        let mut differs = false;
        for user in users {
            differs |= self.safeguards.done(room, op, user);
        }
        if differs {
            self.save_all();
        }
    }

    /// Forgets approvals that are over, and has their rooms looked at.
    pub(super) fn forget_approvals(&mut self) {
        let clock = self.safeguards.clock().clone();
        for room in self.safeguards.approvals_mut().forget(&clock) {
            self.rooms.schedule(&room, Instant::now());
        }
    }
}

/// Items about the approvals in force.
pub(super) fn attention(daemon: &Controller) -> Vec<Attention> {
    let (approvals, clock) = (daemon.safeguards.approvals(), daemon.safeguards.clock());
    let of_room = |id: &RoomId| {
        let label = daemon.rooms.get(id).map_or_else(
            || id.to_string(),
            |room| room_label(room.desired().name.as_deref(), id),
        );
        let item = move |(id, approval): (RoomId, status::Approval)| {
            let status::Approval {
                by,
                given,
                until,
                remove,
                demote,
                add,
                of,
            } = approval;
            let message = format!(
                "{by} lets {of} through in {label} that guards keep back; {} left of it until {until:.0}",
                remove + demote + add
            );
            Attention {
                by: Some(by),
                rooms: vec![id],
                ..amber(APPROVAL, message, given)
            }
        };
        let shown = approvals.shown(id, clock).into_iter();
        shown
            .map(|approval| (id.clone(), approval))
            .map(item)
            .collect::<Vec<_>>()
    };
    approvals.rooms().flat_map(of_room).collect()
}
