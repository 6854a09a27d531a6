//! The counts of a plan for people.

use super::super::room_states::room_states;
use crate::model::{Guard, Op, counted, first_few};
use crate::plan::{Calls, FleetPlan, GuardTripped, RoomPlan, Status, Summary};
use std::fmt::{self, Write};

/// Shows the counts, and of what guards hold all that stands in its way.
pub(super) fn show_summary(out: &mut dyn Write, plan: &FleetPlan, seconds: f64) -> fmt::Result {
    show_unseen(out, plan)?;
    let summary = plan.summary();
    let Summary {
        rooms,
        changed,
        blocked,
        failed,
        adds,
        removes,
        promotes,
        demotes,
        allows,
        disallows,
        calls,
    } = summary;
    let number = |is: fn(&RoomPlan) -> bool| plan.rooms.iter().filter(|room| is(room)).count();
    let incomplete = number(|room| room.status == Status::Incomplete);
    let unseen = number(RoomPlan::is_unseen);
    if unseen == rooms && unseen > 0 {
        return writeln!(out, "{}: none was checked", counted(rooms, "room"));
    }
    let states = room_states(plan).into_iter();
    let states: Vec<String> = states
        .map(|(number, state)| format!("{number} {state}"))
        .collect();
    writeln!(out, "{}: {}", counted(rooms, "room"), states.join(", "))?;
    if calls > 0 {
        write!(
            out,
            "{}, {}, {}, {}",
            counted(adds, "add"),
            counted(removes, "removal"),
            counted(promotes, "promotion"),
            counted(demotes, "demotion"),
        )?;
        for (number, done) in [(allows, Op::Allow.done()), (disallows, Op::Disallow.done())] {
            if number > 0 {
                write!(out, ", {number} {done}")?;
            }
        }
        writeln!(out, ": {}, at least {seconds} s", Calls::of(plan))?;
    } else if changed + failed + incomplete == 0 {
        writeln!(
            out,
            "nothing to do{}",
            if blocked > 0 { " until guards allow it" } else { "" }
        )?;
    }
    show_held(out, plan)
}

/// Names the rooms before which the look ended; if it is all of them, the count says it.
fn show_unseen(out: &mut dyn Write, plan: &FleetPlan) -> fmt::Result {
    let unseen: Vec<&RoomPlan> = plan.rooms.iter().filter(|room| room.is_unseen()).collect();
    if unseen.is_empty() || unseen.len() == plan.rooms.len() {
        return Ok(());
    }
    let named = first_few(unseen.iter().map(|room| room.label()));
    writeln!(out, "{} not checked: {named}", counted(unseen.len(), "room"))
}

/// Counts what guards hold, and names each guard in the way with what to write.
fn show_held(out: &mut dyn Write, plan: &FleetPlan) -> fmt::Result {
    let held = plan.held();
    let numbers: Vec<String> = [
        (Op::Remove, "removal"),
        (Op::Demote, "demotion"),
        (Op::Add, "add"),
        (Op::Promote, "promotion"),
    ]
    .into_iter()
    .filter(|(op, _)| *held.of(*op) > 0)
    .map(|(op, word)| counted(*held.of(op), word))
    .collect();
    if numbers.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{} held by guards; if they are meant, have the daemon let them through once (`roomsync approve ROOM`), or loosen a guard until they are done:",
        numbers.join(", ")
    )?;
    for guard in [
        Guard::MaxRemovals,
        Guard::MaxDemotions,
        Guard::MaxAdditions,
        Guard::RemovalBudget,
    ] {
        let of_guard = |room: &RoomPlan| {
            let blocks = room.blocked.iter().filter(|block| block.guard == guard);
            let blocks: Vec<GuardTripped> = blocks.copied().collect();
            (!blocks.is_empty()).then(|| format!("{} in {}", needed(&blocks), room.label()))
        };
        let rooms: Vec<String> = plan.rooms.iter().filter_map(of_guard).collect();
        if !rooms.is_empty() {
            let value = if guard == Guard::RemovalBudget {
                "{limit: …}"
            } else {
                "…"
            };
            writeln!(
                out,
                "  {guard} holds {}: write `guards: {{{guard}: {value}}}` with {}",
                counted(rooms.len(), "room"),
                first_few(rooms)
            )?;
        }
    }
    show_ended(out, plan)?;
    match plan.fleet_in_words() {
        Some(fleet) => writeln!(out, "  {fleet}"),
        None => Ok(()),
    }
}

/// Names the rooms in which a list has ended.
fn show_ended(out: &mut dyn Write, plan: &FleetPlan) -> fmt::Result {
    let has_ended = |room: &&RoomPlan| room.blocked.iter().any(|block| block.guard == Guard::AllowEmpty);
    let rooms: Vec<String> = plan.rooms.iter().filter(has_ended).map(RoomPlan::label).collect();
    if rooms.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "  {} holds {}: list somebody, or write `allow_empty: …` in {}",
        Guard::AllowEmpty,
        counted(rooms.len(), "room"),
        first_few(rooms)
    )
}

/// Number that a guard has to allow.
fn needed(blocks: &[GuardTripped]) -> u64 {
    blocks.iter().map(|block| block.wanted).max().unwrap_or_default()
}
