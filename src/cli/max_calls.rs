//! The guard that the caller sets: how many calls a plan may make.

use crate::model::{counted, printable};
use crate::plan::{FleetPlan, RoomPlan};
use std::cmp::Reverse;
use std::io::{self, Write as _};

/// So many rooms are named that need most.
const NAMED: usize = 5;

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
    let named: Vec<String> = rooms.iter().take(NAMED).map(|room| told(room)).collect();
    writeln!(
        anstream::stderr(),
        "error: this plan makes {}, and --max-calls allows {most}: nothing is written\n\
         most calls go to {}{}\n\
         see whether all of this is meant; then allow it with --max-calls {calls}, or take fewer rooms at a time with --room",
        counted(calls, "call"),
        named.join(", "),
        if rooms.len() > NAMED { ", …" } else { "" },
    )?;
    Ok(true)
}

fn told(room: &RoomPlan) -> String {
    let name = room.name.as_deref().map(|name| format!("{} ", printable(name)));
    format!(
        "room {}({}): {}",
        name.unwrap_or_default(),
        room.id,
        room.steps().len()
    )
}
