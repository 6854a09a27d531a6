//! The guard that the caller sets: how many calls a plan may make.

use crate::model::{counted, first_few};
use crate::plan::{FleetPlan, RoomPlan};
use std::cmp::Reverse;
use std::io::{self, Write as _};

/// True if the plan makes more calls than `--max-calls` allows; also prints so, and what to do.
pub(super) fn exceeded(plan: &FleetPlan, most: Option<usize>) -> io::Result<bool> {
    let calls = plan.summary().calls;
    let Some(most) = most.filter(|most| calls > *most) else {
        return Ok(false);
    };
    let mut rooms: Vec<&RoomPlan> = plan
        .rooms
        .iter()
        .filter(|room| !room.steps().is_empty())
        .collect();
    rooms.sort_by_key(|room| Reverse(room.steps().len()));
    let named = first_few(rooms.iter().map(|room| {
        let calls = counted(room.steps().len(), "call");
        format!("{}: {calls}", room.label())
    }));
    writeln!(
        anstream::stderr(),
        "error: this plan makes {}, and --max-calls allows {most}: nothing is written\n\
         most calls go to {named}\n\
         see whether all of this is meant; then allow it with --max-calls {calls}, or take fewer rooms at a time with --room",
        counted(calls, "call"),
    )?;
    Ok(true)
}
