//! The plan for people.

mod summary;

use super::alike::{Alike, alike};
use crate::model::{Guard, UserId, counted, first_few, printable};
use crate::plan::{FleetPlan, Note, RoomPlan, Status, ways_to_allow};
use std::fmt::{self, Write};
use summary::show_summary;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Shows the rooms that differ, each with a line for everybody who differs, then the counts. Rooms that fail for the same reason
/// are one line. With ANSI colours; whoever prints it takes them out where they are not wanted. `seconds` is the least time the
/// calls take.
///
/// Written line by line as it comes: of a large fleet it is far longer than the plan.
pub fn text(out: &mut dyn Write, plan: &FleetPlan, seconds: f64) -> fmt::Result {
    let alike = alike(plan);
    for room in &plan.rooms {
        if room.is_unseen() {
            continue;
        }
        if let Some(group) = alike.of(room) {
            if group.begins_with(room) {
                show_alike(out, group)?;
            }
        } else if room.status != Status::InSync || !room.notes.is_empty() {
            show_room(out, room, plan.fleet.is_some())?;
        }
    }
    show_summary(out, plan, seconds)
}

/// State of a room, in words.
fn state(room: &RoomPlan) -> &'static str {
    match room.status {
        Status::InSync => "in sync",
        Status::Incomplete => "incomplete: wanted people are not there, and are left alone for now",
        Status::Changed => "to change",
        Status::Blocked => "blocked",
        Status::Failed if room.has_moved() => "refused",
        Status::Failed => "failed",
        Status::Observed => "only observed: nothing will be written",
    }
}

fn show_alike(out: &mut dyn Write, group: &Alike<'_>) -> fmt::Result {
    let Alike { rooms, code, message } = group;
    let state = rooms.first().map_or("failed", |room| state(room));
    let (number, named) = (rooms.len(), first_few(rooms.iter().map(|room| room.label())));
    writeln!(out, "{BOLD}{}: {state}: {named}{RESET}", counted(number, "room"))?;
    writeln!(
        out,
        "  {RED}error[{code}]: {}{RESET}\n",
        printable(&message.to_string())
    )
}

/// `has_fleet`: the last lines tell about the guard over all rooms.
fn show_room(out: &mut dyn Write, room: &RoomPlan, has_fleet: bool) -> fmt::Result {
    let name = room
        .name
        .as_deref()
        .map(|name| format!("{} ", printable(name)))
        .unwrap_or_default();
    writeln!(out, "{BOLD}room {name}({}): {}{RESET}", room.id, state(room))?;
    show_diff(out, room)?;
    show_blocks(out, room, has_fleet)?;
    if let Some(error) = &room.error {
        writeln!(out, "  {RED}error[{}]: {}{RESET}", error.code, remark(error))?;
    }
    for note in room
        .notes
        .iter()
        .filter(|note| Some(*note) != room.error.as_ref())
    {
        writeln!(out, "  note[{}]: {}", note.code, remark(note))?;
    }
    writeln!(out)
}

fn show_blocks(out: &mut dyn Write, room: &RoomPlan, has_fleet: bool) -> fmt::Result {
    let mut own = Vec::new();
    for block in &room.blocked {
        if has_fleet && block.guard == Guard::MaxRemovalsTotal {
            writeln!(
                out,
                "  {YELLOW}blocked: {}, see the last lines{RESET}",
                block.guard
            )?;
        } else {
            writeln!(out, "  {YELLOW}blocked: {block}{RESET}")?;
            // Its note says what to write.
            if block.guard != Guard::AllowEmpty {
                own.push(*block);
            }
        }
    }
    if own.is_empty() {
        return Ok(());
    }
    let held_by = |is: fn(Guard) -> bool| own.iter().any(|block| is(block.guard));
    let kept = if held_by(|guard| guard == Guard::MaxAdditions) {
        "nobody is added, removed or demoted here"
    } else if held_by(|guard| guard != Guard::RemovalBudget) {
        "nobody is removed or demoted here"
    } else {
        "those beyond the budget stay here, and nobody else does,"
    };
    let ways = ways_to_allow(&own, &room.id);
    writeln!(
        out,
        "  {YELLOW}{kept} until the guard allows it; if it is meant, {ways}{RESET}"
    )
}

pub(super) fn remark(note: &Note) -> String {
    let Note {
        code: _,
        message,
        user,
        held,
    } = note;
    let held = held.map(|op| format!("{op} held: ")).unwrap_or_default();
    let user = user
        .as_deref()
        .map(|user| format!("{}: ", printable(user)))
        .unwrap_or_default();
    format!("{user}{held}{}", printable(message))
}

fn show_diff(out: &mut dyn Write, room: &RoomPlan) -> fmt::Result {
    each_line(room, |line| {
        let colour = match line.as_bytes().first() {
            Some(b'-') => RED,
            Some(b'+') => GREEN,
            _ => YELLOW,
        };
        writeln!(out, "  {colour}{line}{RESET}")
    })
}

/// The people who differ, each with one line: `-` and who goes, `+` and who comes, `~` and whose role changes.
#[must_use]
pub fn people_diff(room: &RoomPlan) -> Vec<String> {
    let mut diff = Vec::new();
    // A vector takes every line.
    let _ = each_line(room, |line| {
        diff.push(line.to_owned());
        Ok(())
    });
    diff
}

fn each_line(room: &RoomPlan, mut show: impl FnMut(&str) -> fmt::Result) -> fmt::Result {
    let RoomPlan {
        add,
        remove,
        promote,
        demote,
        allow,
        disallow,
        ..
    } = room;
    let of_admin = |user: &UserId, is_admin: bool| {
        if is_admin {
            format!("{user} (admin)")
        } else {
            user.to_string()
        }
    };
    // The line of who comes in or goes says enough of them.
    let listed = allow.minus(add);
    let unlisted = disallow.minus(remove);
    for user in add
        .or(remove)
        .or(promote)
        .or(demote)
        .or(&listed)
        .or(&unlisted)
        .iter()
    {
        let line = if remove.contains(user) {
            format!("-{}", of_admin(user, demote.contains(user)))
        } else if add.contains(user) {
            format!("+{}", of_admin(user, promote.contains(user)))
        } else if demote.contains(user) {
            format!("~ {user}: admin → member")
        } else if listed.contains(user) {
            format!("~ {user}: put on the allow list")
        } else if unlisted.contains(user) {
            format!("~ {user}: taken off the allow list")
        } else {
            format!("~ {user}: member → admin")
        };
        show(&line)?;
    }
    Ok(())
}
