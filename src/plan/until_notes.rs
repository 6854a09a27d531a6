//! Notes on ends to come: within a week, and those that a guard will not let through.

use super::{FleetPlan, Note};
use crate::desired::{Departures, DesiredRoom, FleetDepartures, guard_forecasts};
use crate::model::{Limit, MemberSet, ReasonCode, RoomId, Timestamp, people_named};
use std::collections::BTreeMap;

/// Ends in a room that are to come within a week.
pub fn near(room: &DesiredRoom, now: Timestamp) -> impl Iterator<Item = Departures> {
    // Most rooms have none, and the others most often a later one.
    let is_any_near = room
        .next_end()
        .is_some_and(|until| until.is_over(now) || until.is_near(now));
    let departures = if is_any_near {
        room.departures()
    } else {
        Vec::new()
    };
    departures
        .into_iter()
        .filter(move |departures| departures.until.is_near(now))
}

/// Notes on a room's ends to come.
pub fn of_room(room: &DesiredRoom, now: Timestamp) -> Vec<Note> {
    let mut notes = Vec::new();
    for Departures {
        until,
        leave,
        step_down,
    } in near(room, now)
    {
        let mut note = |users: &MemberSet, place: &str| {
            let note = |message| Note::new(ReasonCode::UntilNear, message);
            match users.as_slice() {
                [] => {}
                [one] => notes.push(note(format!("wanted {place} until {until}")).about(one)),
                _ => notes.push(note(format!(
                    "{} are wanted {place} until {until}",
                    people_named(users)
                ))),
            }
        };
        note(&leave, "here");
        note(&step_down.minus(&leave), "as an admin");
    }
    let forecasts = guard_forecasts(room, now).into_iter();
    notes.extend(forecasts.map(|forecast| {
        let message = format!("{forecast}; {}", forecast.help());
        Note::new(ReasonCode::UntilTripsGuard, message)
    }));
    notes
}

/// Notes the ends to come in the plan's rooms. What all rooms together lose on a day is noted at the first of them that loses
/// somebody; `limit` is `max_removals_total`.
pub fn note_ends<'a>(
    plan: &mut FleetPlan,
    rooms: impl IntoIterator<Item = &'a DesiredRoom>,
    limit: Limit,
    now: Timestamp,
) {
    let mut fleet = FleetDepartures::default();
    let mut notes: BTreeMap<&RoomId, Vec<Note>> = BTreeMap::new();
    for room in rooms {
        fleet.count(room, now);
        if room.next_end().is_some() {
            notes.insert(&room.id, of_room(room, now));
        }
    }
    if let (Some(forecast), Some(mut first)) = (fleet.forecast(limit), notes.first_entry()) {
        let message = format!("{forecast}; {}", forecast.help());
        first
            .get_mut()
            .push(Note::new(ReasonCode::UntilTripsGuard, message));
    }
    for room in &mut plan.rooms {
        room.notes.extend(notes.remove(&room.id).into_iter().flatten());
    }
}
