//! The question before an apply.

use crate::model::{MemberSet, Op, counted, counted_people};
use crate::plan::{FleetPlan, RoomPlan, users_of};
use std::io::{self, BufRead as _, Write as _};

/// Asks at the terminal whether to apply this plan.
pub(super) fn confirmed(plan: &FleetPlan) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "{} [y/N] ", question(plan))?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The question, as in `Remove 250 people from 125 rooms and add 6?`
fn question(plan: &FleetPlan) -> String {
    // An admin who is removed is demoted first, and asked about once; so is who comes in as an admin.
    let people = |room: &RoomPlan, op: Op| -> usize {
        let of = |op| users_of(op, room.steps());
        let also = match op {
            Op::Demote => of(Op::Remove),
            Op::Promote => of(Op::Add),
            // Whoever comes in or goes is asked about already.
            Op::Allow => of(Op::Add),
            Op::Disallow => of(Op::Remove),
            Op::Add | Op::Remove => MemberSet::default(),
        };
        of(op).minus(&also).len()
    };
    let mut parts: Vec<String> = Vec::new();
    for (op, preposition) in [
        (Op::Remove, "from"),
        (Op::Demote, "in"),
        (Op::Add, "to"),
        (Op::Promote, "in"),
    ] {
        let numbers: Vec<usize> = plan
            .rooms
            .iter()
            .map(|room| people(room, op))
            .filter(|number| *number > 0)
            .collect();
        let number: usize = numbers.iter().sum();
        if number > 0 {
            parts.push(if parts.is_empty() {
                format!(
                    "{op} {} {preposition} {}",
                    counted_people(number),
                    counted(numbers.len(), "room")
                )
            } else {
                format!("{op} {number}")
            });
        }
    }
    let text = match parts.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}?", most.join(", ")),
        parts => format!("{}?", parts.concat()),
    };
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
