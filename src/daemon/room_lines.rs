//! Rooms as they are shown.

use super::absences;
use super::attention;
use super::controller::Controller;
use super::room_table::Room;
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId};
use crate::plan::RoomPlan;
use crate::render::people_diff;
use crate::status::{Missing, RoomDetail, RoomLine};

/// A room as a line of the list.
pub(super) fn line(daemon: &Controller, room: &Room) -> RoomLine {
    let plan = room.plan();
    let (state, since) = room.shown_state(attention::freshness(daemon));
    RoomLine {
        id: room.desired().id.clone(),
        name: room.desired().name.clone(),
        state,
        since,
        looked: room.seen(),
        add: plan.map_or(0, |plan| plan.add.len()),
        missing: plan.map(missing).unwrap_or_default(),
        not_here: plan.map_or(0, |plan| plan.not_here.len()),
        absent: absences::counts(daemon, room),
        remove: plan.map_or(0, |plan| plan.remove.len()),
        promote: plan.map_or(0, |plan| plan.promote.len()),
        demote: plan.map_or(0, |plan| plan.demote.len()),
        allow: plan.map_or(0, |plan| plan.allow.len()),
        disallow: plan.map_or(0, |plan| plan.disallow.len()),
        pending: plan.map_or(0, |plan| {
            plan.pending.people().len() + plan.not_yet.people().len()
        }),
        blocked: plan.map(|plan| plan.blocked.clone()).unwrap_or_default(),
        approvals: daemon
            .safeguards
            .approvals()
            .shown(&room.desired().id, daemon.safeguards.clock()),
        notes: plan.map_or(0, |plan| plan.notes.len()),
        error: room.error().cloned(),
        next_try: room
            .next_try()
            .and_then(|due| daemon.safeguards.clock().time_of(due)),
    }
}

/// A room as it is shown whole.
pub(super) fn detail(daemon: &Controller, id: &RoomId) -> Option<RoomDetail> {
    let room = daemon.rooms.get(id)?;
    let plan = room.plan();
    let changes = daemon.history.changes();
    Some(RoomDetail {
        line: line(daemon, room),
        mode: room.desired().mode.as_str(),
        live: plan.and_then(|plan| plan.live.clone()),
        diff: plan
            .map(|plan| people_diff(&with_missing(plan, room)))
            .unwrap_or_default(),
        remarks: plan.map(|plan| plan.notes.clone()).unwrap_or_default(),
        absences: absences::named(daemon, room),
        holds: daemon.safeguards.exclusions().shown_holds(id),
        changes: changes.filter(|change| change.room == *id).cloned().collect(),
    })
}

/// Wanted people who are left alone for now.
fn missing(plan: &RoomPlan) -> Missing {
    Missing {
        set_aside: plan.missing(ReasonCode::SetAside),
        coming_and_going: plan.missing(ReasonCode::ComingAndGoing),
        contested: plan.missing(ReasonCode::Contested),
    }
}

/// The plan that a command without a memory would make: one that does not leave anybody alone.
fn with_missing(plan: &RoomPlan, room: &Room) -> RoomPlan {
    let mut whole = plan.clone().without_steps();
    let held = |op: Op| -> MemberSet {
        let notes = plan.notes.iter().filter(|note| note.held == Some(op));
        let users = notes.filter_map(|note| UserId::parse(note.user.as_deref()?).ok());
        let Missing {
            set_aside,
            coming_and_going,
            contested,
        } = missing(plan);
        let missing = set_aside.or(&coming_and_going).or(&contested);
        users.filter(|user| missing.contains(user)).collect()
    };
    let out = held(Op::Add);
    let admins = room.desired().admins.as_ref();
    let to_be_admins = admins.map(|admins| admins.and(&out)).unwrap_or_default();
    whole.promote = whole.promote.or(&held(Op::Promote)).or(&to_be_admins);
    whole.add = whole.add.or(&out);
    whole
}
