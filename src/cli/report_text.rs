//! The report of an apply for people.

use crate::apply::{Failure, Outcome, Reason, Report, RoomReport, Tally};
use crate::model::{ReasonCode, RoomId, RoomText, counted, first_few, printable, room_label};
use crate::plan::FleetPlan;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
        people: BTreeSet<&'a str>,
    }
    let mut lines: BTreeMap<(String, &str, RoomText), Alike<'_>> = BTreeMap::new();
    // Said of the run, once.
    let is_of_run = |reason: &Reason| report.stopped.as_ref().is_some_and(|why| why.code == reason.code);
    for room in &report.rooms {
        if let Some(reason) = room.error.as_ref().filter(|reason| !is_of_run(reason)) {
            let is_refused = room.status == Outcome::Stale;
            let word = if is_refused { "refused" } else { "error" };
            lines
                .entry(key(word, reason, &room.id))
                .or_default()
                .rooms
                .push(&room.id);
            if is_refused {
                continue;
            }
        }
        for Failure { user, op, reason } in room.failed.iter().filter(|failure| !is_of_run(&failure.reason)) {
            let line = lines.entry(key(&op.to_string(), reason, &room.id));
            let Alike { rooms, people } = line.or_default();
            if rooms.last() != Some(&&room.id) {
                rooms.push(&room.id);
            }
            people.insert(user);
        }
    }
    // In the order of their first rooms.
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by_key(|(_, alike)| alike.rooms.first().copied());
    for ((word, code, message), Alike { rooms, people }) in lines {
        let (place, message) = match rooms.as_slice() {
            [room] => (format!("room {}", label(room)), message.about(room)),
            rooms => {
                let named = first_few(rooms.iter().map(|room| label(room)));
                (
                    format!("{} ({named})", counted(rooms.len(), "room")),
                    message.to_string(),
                )
            }
        };
        let people = first_few(people.into_iter().map(|user| printable(user).into_owned()));
        let message = printable(&message);
        let _ = if people.is_empty() {
            writeln!(out, "{place}: {word}[{code}]: {message}")
        } else {
            writeln!(out, "{place}: {word} {people}: not done[{code}]: {message}")
        };
    }
}

/// Key that the same reason has in every room.
fn key(word: &str, reason: &Reason, room: &RoomId) -> (String, &'static str, RoomText) {
    let message = RoomText::new(&reason.message, room);
    (word.to_owned(), reason.code.as_str(), message)
}

/// Says why the run ended early, if it did, and what is left.
fn write_end(out: &mut String, report: &Report, label: &dyn Fn(&RoomId) -> String, command: &str) {
    let mut left = Vec::new();
    let outcomes = [
        (Outcome::NotBegun, "not begun"),
        (Outcome::Partial, "done in part"),
        (Outcome::Failed, "failed"),
    ];
    // Of a run that did not end early, the lines of the rooms say the others.
    let is_shown = |outcome| report.stopped.is_some() || outcome == Outcome::NotBegun;
    for (outcome, word) in outcomes.into_iter().filter(|(outcome, _)| is_shown(*outcome)) {
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
    let Some(Reason { code, message, .. }) = &report.stopped else {
        return;
    };
    let is_interrupted = *code == ReasonCode::Interrupted;
    let left = if left.is_empty() {
        "nothing was left to do".to_owned()
    } else if is_interrupted {
        format!("{}; run `{command}` again to go on", left.join(", "))
    } else {
        left.join(", ")
    };
    let _ = if is_interrupted {
        writeln!(out, "interrupted: {left}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Op;
    use crate::plan::{Note, RoomPlan};

    fn id(id: &str) -> RoomId {
        RoomId::parse(id).unwrap()
    }

    /// A plan of rooms with these names.
    fn plan(rooms: &[(&str, Option<&str>)]) -> FleetPlan {
        let error = || Note::new(ReasonCode::NoSuchRoom, "there is no such room");
        let room = |(room, name): &(&str, Option<&str>)| {
            RoomPlan::failed(id(room), name.map(ToOwned::to_owned), error())
        };
        FleetPlan {
            rooms: rooms.iter().map(room).collect(),
            members: 0,
            fleet: None,
            stopped: None,
        }
    }

    fn room(room: &str, status: Outcome, users: &[&str], reason: &Reason) -> RoomReport {
        let failure = |user: &&str| Failure {
            user: (*user).to_owned(),
            op: Op::Add,
            reason: reason.clone(),
        };
        RoomReport {
            id: id(room),
            status,
            calls: 0,
            failed: users.iter().map(failure).collect(),
            not_seen: Vec::new(),
            error: None,
        }
    }

    fn told(rooms: Vec<RoomReport>, stopped: Option<Reason>, plan: &FleetPlan) -> String {
        report_text(&Report { rooms, stopped }, plan, "roomsync apply")
    }

    #[test]
    fn the_words_of_a_reason_are_shown_as_they_are() {
        let plan = plan(&[("31", Some("ID")), ("32", None), ("33", None)]);
        let why = |room: &str| {
            let words = format!("room {room} of the App ID `ID` takes 310 people");
            Reason::new(ReasonCode::Refused, words)
        };
        let failed = |of: &str| room(of, Outcome::Failed, &["bob"], &why(of));
        let alone = told(vec![failed("31")], None, &plan);
        assert!(
            alone.starts_with(
                "room ID (31): add bob: not done[refused]: room 31 of the App ID `ID` takes 310 people\n"
            ),
            "{alone}"
        );
        let both = told(vec![failed("32"), failed("33")], None, &plan);
        assert!(
            both.starts_with(
                "2 rooms (32, 33): add bob: not done[refused]: room ID of the App ID `ID` takes 310 people\n"
            ),
            "{both}"
        );
    }

    #[test]
    fn of_many_people_three_are_named_and_each_once() {
        let plan = plan(&[("31", None), ("32", None)]);
        let why = Reason::new(ReasonCode::NoSuchUser, "unknown");
        let people = ["eve", "dan", "carol", "bob"];
        let one = || room("31", Outcome::Failed, &people, &why);
        let alone = told(vec![one()], None, &plan);
        assert!(
            alone.contains("room 31: add bob, carol, dan and 1 more: not done"),
            "{alone}"
        );
        let both = told(
            vec![one(), room("32", Outcome::Failed, &["eve"], &why)],
            None,
            &plan,
        );
        assert!(
            both.contains("2 rooms (31, 32): add bob, carol, dan and 1 more: not done"),
            "{both}"
        );
    }

    #[test]
    fn rooms_that_were_not_begun_are_named_whether_or_not_the_run_ended_early() {
        let plan = plan(&[("31", Some("lobby")), ("32", None)]);
        let why = Reason::new(ReasonCode::NotBegun, "not sent: it was not this room's turn");
        let rooms = || vec![room("31", Outcome::NotBegun, &["bob"], &why)];
        let ended = told(rooms(), None, &plan);
        assert_eq!(
            ended,
            "room lobby (31): add bob: not done[not_begun]: not sent: it was not this room's turn\n\
             1 room not begun: lobby (31)\n\
             applied: 1 room, 0 converged, 0 unchanged, 1 not begun; 0 calls\n"
        );
        let stopped = told(rooms(), Some(Reason::interrupted()), &plan);
        assert!(
            stopped.contains("1 room not begun: lobby (31)\ninterrupted: 1 room not begun; run"),
            "{stopped}"
        );
        let done = told(
            vec![room("31", Outcome::Converged, &[], &why)],
            Some(Reason::interrupted()),
            &plan,
        );
        assert!(done.contains("interrupted: nothing was left to do\n"), "{done}");
    }
}
