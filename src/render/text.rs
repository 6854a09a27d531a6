//! The plan for people.

use crate::model::{Guard, UserId, counted, printable};
use crate::plan::{Calls, FleetPlan, GuardTripped, Note, RoomPlan, Status, Summary};
use similar::{ChangeTag, TextDiff};
use std::fmt::{self, Write};

/// So many people are compared at a time: a comparison's cost grows with the square of what differs.
const DIFF_CHUNK: usize = 256;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Shows the rooms that differ, each as a unified diff of its people from live to wanted, then the counts. With ANSI
/// colours; whoever prints it takes them out where they are not wanted. `seconds` is the least time the calls take.
///
/// Written line by line as it comes: of a large fleet it is far longer than the plan.
pub fn text(out: &mut dyn Write, plan: &FleetPlan, seconds: f64) -> fmt::Result {
    for room in &plan.rooms {
        if room.status != Status::InSync || !room.notes.is_empty() {
            show_room(out, room)?;
        }
    }
    show_summary(out, plan, seconds)
}

fn show_room(out: &mut dyn Write, room: &RoomPlan) -> fmt::Result {
    let state = match room.status {
        Status::InSync => "in sync",
        Status::Incomplete => "incomplete: wanted people are not there, and are left alone for now",
        Status::Changed => "to change",
        Status::Blocked => "blocked",
        Status::Failed if room.has_moved() => "refused",
        Status::Failed => "failed",
        Status::Observed => "only observed: nothing will be written",
    };
    let name = room
        .name
        .as_deref()
        .map(|name| format!("{} ", printable(name)))
        .unwrap_or_default();
    writeln!(out, "{BOLD}room {name}({}): {state}{RESET}", room.id)?;
    show_diff(out, room)?;
    for GuardTripped {
        guard,
        limit,
        wanted,
        of,
    } in &room.blocked
    {
        writeln!(
            out,
            "  {YELLOW}blocked: {guard} allows {limit} of {of}, {wanted} are wanted{RESET}"
        )?;
    }
    if !room.blocked.is_empty() {
        let held_by = |is: fn(Guard) -> bool| room.blocked.iter().any(|block| is(block.guard));
        let kept = if held_by(|guard| guard == Guard::MaxAdditions) {
            "nobody is added, removed or demoted here"
        } else if held_by(|guard| guard != Guard::RemovalBudget) {
            "nobody is removed or demoted here"
        } else {
            "those beyond the budget stay here, and nobody else does,"
        };
        writeln!(out, "  {YELLOW}{kept} until the guard allows it{RESET}")?;
    }
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
    let mut any = false;
    each_line(room, |sign, line| {
        if !any {
            writeln!(out, "  --- live\n  +++ wanted")?;
        }
        any = true;
        let colour = match sign {
            '-' => RED,
            '+' => GREEN,
            _ => RESET,
        };
        writeln!(out, "  {colour}{sign}{line}{RESET}")
    })
}

/// The people who differ, as a unified diff from live to wanted: lines that begin with `-`, `+` or a blank.
#[must_use]
pub fn people_diff(room: &RoomPlan) -> Vec<String> {
    let mut diff = Vec::new();
    // A vector takes every line.
    let _ = each_line(room, |sign, line| {
        diff.push(format!("{sign}{line}"));
        Ok(())
    });
    diff
}

fn each_line(room: &RoomPlan, mut show: impl FnMut(char, &str) -> fmt::Result) -> fmt::Result {
    let RoomPlan {
        add,
        remove,
        promote,
        demote,
        ..
    } = room;
    let people = add.or(remove).or(promote).or(demote);
    for chunk in people.as_slice().chunks(DIFF_CHUNK) {
        let live: Vec<String> = chunk.iter().filter_map(|user| live_line(room, user)).collect();
        let wanted: Vec<String> = chunk.iter().filter_map(|user| wanted_line(room, user)).collect();
        let live: Vec<&str> = live.iter().map(String::as_str).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        for change in TextDiff::from_slices(&live, &wanted).iter_all_changes() {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            show(sign, change.value())?;
        }
    }
    Ok(())
}

fn line(user: &UserId, admin: bool) -> String {
    if admin {
        format!("{user} (admin)")
    } else {
        user.to_string()
    }
}

fn live_line(room: &RoomPlan, user: &UserId) -> Option<String> {
    (!room.add.contains(user)).then(|| line(user, room.demote.contains(user)))
}

fn wanted_line(room: &RoomPlan, user: &UserId) -> Option<String> {
    (!room.remove.contains(user)).then(|| line(user, room.promote.contains(user)))
}

fn show_summary(out: &mut dyn Write, plan: &FleetPlan, seconds: f64) -> fmt::Result {
    let Summary {
        rooms,
        changed,
        blocked,
        failed,
        adds,
        removes,
        promotes,
        demotes,
        calls: _,
    } = plan.summary();
    let number = |is: fn(&RoomPlan) -> bool| plan.rooms.iter().filter(|room| is(room)).count();
    let observed = number(|room| room.status == Status::Observed);
    let incomplete = number(|room| room.status == Status::Incomplete);
    let refused = number(RoomPlan::has_moved);
    write!(out, "{}: {changed} to change", counted(rooms, "room"))?;
    for (number, word) in [
        (blocked, "blocked"),
        (failed - refused, "failed"),
        (refused, "refused"),
        (incomplete, "incomplete"),
        (observed, "only observed"),
    ] {
        if number > 0 {
            write!(out, ", {number} {word}")?;
        }
    }
    let in_sync = rooms - changed - blocked - failed - incomplete - observed;
    writeln!(out, ", {in_sync} in sync")?;
    writeln!(
        out,
        "{}, {}, {}, {}: {}, at least {seconds} s",
        counted(adds, "add"),
        counted(removes, "removal"),
        counted(promotes, "promotion"),
        counted(demotes, "demotion"),
        Calls::of(plan),
    )
}
