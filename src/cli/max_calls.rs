//! The guard that the caller sets: how many calls a plan may make.

use super::Globals;
use crate::model::{counted, first_few, log_code};
use crate::plan::{FleetPlan, RoomPlan};
use crate::telemetry;
use std::cmp::Reverse;
use std::io;
use tracing::Level;

/// True if the plan makes more calls than `--max-calls` allows; also prints so, and what to do.
pub(super) fn exceeded(globals: &Globals, plan: &FleetPlan, most: Option<usize>) -> io::Result<bool> {
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
    let text = format!(
        "this plan makes {}, and --max-calls allows {most}: nothing is written\n\
         most calls go to {named}\n\
         see whether all of this is meant; then allow it with --max-calls {calls}, or take fewer rooms at a time with --room",
        counted(calls, "call"),
    );
    match globals.is_json_only {
        true => tracing::error!(
            code = log_code::MAX_CALLS,
            calls,
            most,
            "{}",
            text.replace('\n', "; ")
        ),
        false => telemetry::say(Level::ERROR, &format!("error: {text}\n"))?,
    }
    Ok(true)
}
