//! The part of a saved plan that still holds on a new look.

use super::guard::GuardTripped;
use super::live_digest::same_owner;
use super::room_diff::RoomDiff;
use super::saved::SavedRoom;
use super::{BatchSizes, Note, RoomPlan, Status};
use crate::desired::DesiredRoom;
use crate::model::{Guard, MemberSet, Mode, Op, ReasonCode, counted};

/// Batches of one: the number of names in a call does not matter if only the names are compared.
const ONE_EACH: BatchSizes = BatchSizes {
    add_batch: 1,
    remove_batch: 1,
    allow_batch: 1,
    disallow_batch: 1,
};

/// Narrows what a new look led to down to what was planned. The error is a room that has moved, or could not be looked
/// at: nothing is done there.
///
/// The guards have been judged again on the new look; those that the plan names hold as well, unless a person has
/// approved the room: then `desired` is [`SavedRoom::approved`], and the fleet's guard does not count it.
pub fn revalidate(
    saved: &SavedRoom,
    looked: Result<RoomDiff, Box<RoomPlan>>,
    is_approved: bool,
    desired: &DesiredRoom,
) -> Result<RoomDiff, Box<RoomPlan>> {
    match looked {
        Ok(draft) => narrow(draft, saved, is_approved, desired),
        // The files fit this room only under another owner.
        Err(failed) if failed.live.is_some() && saved.status != Status::Failed => {
            let why = failed
                .error
                .as_ref()
                .map_or("", |error| &error.message)
                .to_owned();
            Err(moved(saved, *failed, &why))
        }
        Err(failed) => Err(failed),
    }
}

fn moved(saved: &SavedRoom, room: RoomPlan, why: &str) -> Box<RoomPlan> {
    let message = format!("the room has moved since the plan was made: {why}; plan again");
    Box::new(RoomPlan {
        live: room.live,
        add: saved.add.clone(),
        remove: saved.remove.clone(),
        promote: saved.promote.clone(),
        demote: saved.demote.clone(),
        allow: saved.allow.clone(),
        disallow: saved.disallow.clone(),
        ..RoomPlan::failed(room.id, room.name, Note::new(ReasonCode::Moved, message))
    })
}

fn narrow(
    mut diff: RoomDiff,
    saved: &SavedRoom,
    is_approved: bool,
    desired: &DesiredRoom,
) -> Result<RoomDiff, Box<RoomPlan>> {
    if diff.mode == Mode::Observe {
        return Ok(diff);
    }
    if !is_as_planned(&diff, saved) {
        if let Some(why) = moved_from(&diff, saved) {
            return Err(moved(saved, diff.into_plan(ONE_EACH), &why));
        }
        if saved.status == Status::Failed {
            return Ok(diff);
        }
        keep_to(&mut diff, saved);
    }
    diff.judge(&desired.guards);
    if is_approved {
        diff.is_approved = true;
        let guards: Vec<&str> = saved.blocks().map(|block| block.guard.as_str()).collect();
        let message = format!(
            "approved for this plan, whatever {} allows; {} does not count this room",
            guards.join(" and "),
            Guard::MaxRemovalsTotal
        );
        diff.notes.push(Note::new(ReasonCode::Approved, message));
    } else {
        let is_new = |said: &GuardTripped| diff.blocked.iter().all(|block| block.guard != said.guard);
        let said: Vec<GuardTripped> = saved.blocks().filter(is_new).collect();
        diff.blocked.extend(said);
    }
    Ok(diff)
}

/// True if the very same is planned again.
fn is_as_planned(diff: &RoomDiff, saved: &SavedRoom) -> bool {
    let again = plan_under(diff.clone(), saved);
    diff.complete
        && has_owner_of(diff, saved)
        && again.add == saved.add
        && again.remove == saved.remove
        && again.promote == saved.promote
        && again.demote == saved.demote
        && again.allow == saved.allow
        && again.disallow == saved.disallow
}

/// Leaves out what the plan does not say.
fn keep_to(diff: &mut RoomDiff, saved: &SavedRoom) {
    let not_planned = diff.changes.add.minus(&saved.add);
    // The allow list is no reason to leave a room alone: what is still to be done of it is done.
    let mut narrowed = diff.changes.clone();
    narrowed.add = saved.add.clone();
    diff.narrow_allow_list(&mut narrowed, [&saved.allow, &saved.disallow]);
    diff.changes = narrowed;
    let promotes = diff.changes.promote.and(&not_planned);
    diff.changes.promote = diff.changes.promote.minus(&promotes);

    let mut in_line = saved.without_place();
    in_line.retain(|user| not_planned.contains(user));
    let why =
        "the room had no place for them when the plan was made; they come in if somebody before them cannot";
    diff.hold(&in_line, Op::Add, ReasonCode::RoomFull, why);
    let without_place: MemberSet = in_line.iter().cloned().collect();
    diff.hold(
        &promotes.and(&without_place),
        Op::Promote,
        ReasonCode::RoomFull,
        why,
    );
    diff.reserves = in_line;

    let gone = not_planned.minus(&without_place);
    let why = "has left the room since the plan was made, which does not say to add them again";
    diff.hold(&promotes.and(&gone), Op::Promote, ReasonCode::NotPlanned, why);
    let others = gone.minus(&promotes).len();
    if others > 0 {
        let message = format!(
            "{} left the room since the plan was made, which does not say to add them again",
            counted(others, "wanted member")
        );
        diff.notes.push(Note::new(ReasonCode::NotPlanned, message));
    }
    if !diff.complete {
        let why = "the room could not be read completely";
        diff.hold(&saved.demote, Op::Demote, ReasonCode::IncompleteRead, why);
        diff.hold(&saved.remove, Op::Remove, ReasonCode::IncompleteRead, why);
    }
}

/// The difference between the room now and when the plan was made, if there is one.
fn moved_from(diff: &RoomDiff, saved: &SavedRoom) -> Option<String> {
    if !has_owner_of(diff, saved) {
        return Some("it has another owner".to_owned());
    }
    let there = saved.add.minus(&diff.changes.add);
    if let Some(user) = there.iter().next() {
        return Some(format!("{user} was to be added and is there already"));
    }
    let again = planned_again(diff, saved);
    if saved.status == Status::Failed
        && !matches!(again.status, Status::Failed | Status::InSync | Status::Incomplete)
    {
        return Some("nothing could be done there then".to_owned());
    }
    let lists = [
        (Op::Remove, &again.remove, &saved.remove),
        (Op::Promote, &again.promote, &saved.promote),
        (Op::Demote, &again.demote, &saved.demote),
    ];
    let is_seen = |op| diff.complete || op == Op::Promote;
    lists
        .into_iter()
        .filter(|(op, ..)| is_seen(*op))
        .find_map(|(op, now, then)| differs(op, now, then))
}

/// The plan that would be made now, with no more adds than were planned and with the guards that held then.
fn planned_again(diff: &RoomDiff, saved: &SavedRoom) -> RoomPlan {
    let mut again = diff.clone();
    if saved.status != Status::Failed {
        let without_place: MemberSet = saved.without_place().into_iter().collect();
        let without_place = again.changes.add.and(&without_place);
        let promotes = without_place.minus(&saved.promote);
        again.changes.promote = again.changes.promote.minus(&promotes);
        again.changes.add = saved.add.clone();
    }
    plan_under(again, saved)
}

/// The room's plan, with the guards that held when the saved one was made.
fn plan_under(mut diff: RoomDiff, saved: &SavedRoom) -> RoomPlan {
    diff.blocked = saved.blocks().collect();
    diff.into_plan(ONE_EACH)
}

/// True if the room has the same owner as then; a room that was not seen then had none.
fn has_owner_of(diff: &RoomDiff, saved: &SavedRoom) -> bool {
    let before = saved.live.as_ref();
    before.is_none_or(|before| same_owner(&before.digest, &diff.live.digest))
}

/// Says whom the two plans disagree about, if they do.
fn differs(op: Op, now: &MemberSet, then: &MemberSet) -> Option<String> {
    let new = now.minus(then);
    let gone = then.minus(now);
    let (user, is_new) = match (new.iter().next(), gone.iter().next()) {
        (Some(user), _) => (user, true),
        (None, Some(user)) => (user, false),
        (None, None) => return None,
    };
    Some(if is_new {
        format!("{op} {user} is wanted now and was not then")
    } else {
        format!("{op} {user} was wanted then and is not now")
    })
}
