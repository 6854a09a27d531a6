//! The report of an apply for people.

use crate::apply::{Failure, Outcome, Reason, Report, RoomReport, Tally};
use crate::model::{ReasonCode, RoomId, counted, first_few, printable, room_label};
use crate::plan::FleetPlan;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// The report as text. Rooms that fail for the same reason are one line. `command` is what goes on with an interrupted run.
pub(super) fn report_text(report: &Report, plan: &FleetPlan, command: &str) -> String {
    let names: HashMap<&RoomId, String> = plan.rooms.iter().map(|room| (&room.id, room.label())).collect();
    let label = |id: &RoomId| names.get(id).cloned().unwrap_or_else(|| room_label(None, id));
    let mut out = String::new();
    write_rooms(&mut out, report, &label);
    write_end(&mut out, report, &label, command);
    write_totals(&mut out, report.tally());
    out
}

/// Says of rooms, and of people in them, why something is not done there.
fn write_rooms(out: &mut String, report: &Report, label: &dyn Fn(&RoomId) -> String) {
    /// Rooms and people of one reason.
    #[derive(Default)]
    struct Alike<'a> {
        rooms: Vec<&'a RoomId>,
        people: Vec<&'a str>,
    }
    let mut lines: BTreeMap<(String, ReasonText), Alike<'_>> = BTreeMap::new();
    // Said of the run, once.
    let is_of_run = |reason: &Reason| report.stopped.as_ref().is_some_and(|why| why.code == reason.code);
    for room in &report.rooms {
        if let Some(reason) = room.error.as_ref().filter(|reason| !is_of_run(reason)) {
            let is_refused = room.status == Outcome::Stale;
            let word = if is_refused { "refused" } else { "error" };
            let line = lines.entry((word.to_owned(), ReasonText::new(reason, &room.id)));
            line.or_default().rooms.push(&room.id);
            if is_refused {
                continue;
            }
        }
        for Failure { user, op, reason } in room.failed.iter().filter(|failure| !is_of_run(&failure.reason)) {
            let line = lines.entry((op.to_string(), ReasonText::new(reason, &room.id)));
            let Alike { rooms, people } = line.or_default();
            if rooms.last() != Some(&&room.id) {
                rooms.push(&room.id);
            }
            people.push(user);
        }
    }
    // In the order of their first rooms.
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by_key(|(_, alike)| alike.rooms.first().copied());
    for ((word, ReasonText { code, message }), Alike { rooms, people }) in lines {
        let (place, message, most) = match rooms.as_slice() {
            [room] => (
                format!("room {}", label(room)),
                message.replace(ROOM, room.as_str()),
                usize::MAX,
            ),
            rooms => {
                let named = first_few(rooms.iter().map(|room| label(room)));
                (format!("{} ({named})", counted(rooms.len(), "room")), message, 3)
            }
        };
        let named: Vec<_> = people.iter().take(most).map(|user| printable(user)).collect();
        let people = match people.len() - named.len() {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        };
        let message = printable(&message);
        let _ = if people.is_empty() {
            writeln!(out, "{place}: {word}[{code}]: {message}")
        } else {
            writeln!(out, "{place}: {word} {people}: not done[{code}]: {message}")
        };
    }
}

/// Stands for a room's own id in words that are compared with those of other rooms.
const ROOM: &str = "ID";

/// Reason in words that are the same for every room.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ReasonText {
    code: &'static str,
    message: String,
}

impl ReasonText {
    fn new(reason: &Reason, room: &RoomId) -> Self {
        Self {
            code: reason.code.as_str(),
            message: reason.message.replace(room.as_str(), ROOM),
        }
    }
}

/// Says why the run ended early, if it did, and what is left.
fn write_end(out: &mut String, report: &Report, label: &dyn Fn(&RoomId) -> String, command: &str) {
    let Some(Reason { code, message, .. }) = &report.stopped else {
        if let Some(rooms) = report.not_begun() {
            let _ = writeln!(out, "{rooms}");
        }
        return;
    };
    let mut left = Vec::new();
    for (outcome, word) in [
        (Outcome::NotBegun, "not begun"),
        (Outcome::Partial, "done in part"),
        (Outcome::Failed, "failed"),
    ] {
        let rooms: Vec<&RoomReport> = report
            .rooms
            .iter()
            .filter(|room| room.status == outcome)
            .collect();
        if !rooms.is_empty() {
            let number = counted(rooms.len(), "room");
            let named = first_few(rooms.iter().map(|room| label(&room.id)));
            let _ = writeln!(out, "{number} {word}: {named}");
            left.push(if left.is_empty() {
                format!("{number} {word}")
            } else {
                format!("{} {word}", rooms.len())
            });
        }
    }
    let left = if left.is_empty() {
        "no room was left out".to_owned()
    } else {
        left.join(", ")
    };
    let _ = if *code == ReasonCode::Interrupted {
        writeln!(out, "interrupted: {left}; run `{command}` again to go on")
    } else {
        writeln!(
            out,
            "stopped[{code}]: {}: {left}; then run `{command}` again",
            printable(message)
        )
    };
}

fn write_totals(out: &mut String, tally: Tally) {
    let Tally {
        rooms,
        converged,
        unchanged,
        partial,
        failed,
        not_begun,
        blocked,
        stale,
        observed,
        calls,
    } = tally;
    let rooms = counted(rooms, "room");
    let _ = write!(
        out,
        "applied: {rooms}, {converged} converged, {unchanged} unchanged"
    );
    let others = [
        (partial, "done in part"),
        (failed, "failed"),
        (not_begun, "not begun"),
        (blocked, "blocked"),
        (stale, "refused"),
        (observed, "only observed"),
    ];
    for (number, word) in others.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(out, ", {number} {word}");
    }
    let _ = writeln!(out, "; {}", counted(calls, "call"));
}
