//! The controller's part when people's places end.

use super::controller::Controller;
use super::room_table::Room;
use super::workqueue::Ticket;
use crate::desired::Departures;
use crate::live::Observed;
use crate::model::{Limit, MemberSet, RoomId, log_code};
use crate::plan::{self, FleetPlan, Unsettled, note_ends};
use crate::status::EndsSoon;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Most names of an end that are shown.
const NAMES_SHOWN: usize = 100;

/// A timer may come a little before its time.
const ROUNDING: Duration = Duration::from_millis(1);

impl Controller {
    /// Ends the places whose end is over, and has their rooms reconciled at once. While nobody knows that the clock is right, none.
    pub(super) fn end_places(&mut self) {
        let Some(now) = self.safeguards.certain_time() else {
            return;
        };
        if !self.safeguards.ends_mut().go_on_to(now) {
            return;
        }
        let ended = self.safeguards.ends().changed(&self.rooms);
        self.safeguards.end_places(&ended);
        for (id, desired) in ended {
            let before = self.rooms.get(&id).map(|room| room.desired().ended_people());
            let people = desired.ended_people().minus(&before.unwrap_or_default()).len();
            tracing::info!(code = log_code::PLACES_ENDED, room = %id, people, "places have ended by the room files");
            self.rooms.put(desired, false, now);
        }
        self.see_ends();
        self.save_invitations();
        // Before anybody goes by it: a restart must not take this for names that left the files.
        self.save_all();
    }

    /// Looks through the entries in force for ends.
    pub(super) fn see_ends(&mut self) {
        let rooms = self.rooms.iter().map(|room: &Room| &**room.desired());
        self.safeguards.ends_mut().see(rooms);
    }

    /// Time at which the next place ends, as far as that is certain.
    pub(super) fn end_due(&self) -> Option<Instant> {
        let (next, now) = (self.safeguards.ends().next()?, self.safeguards.certain_time()?);
        let left = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        Instant::now().checked_add(left + ROUNDING)
    }

    /// Limits on a room while the files settle.
    pub(super) fn unsettled(&self, room: &RoomId, observed: &Observed) -> Option<Unsettled> {
        let settle = self.settings.sync.settle_removals;
        let kept = || self.safeguards.exclusions().withdrawn(room);
        let as_of = self.safeguards.ends().as_of();
        self.files.unsettled(room, observed, settle, as_of, kept)
    }

    /// Notes the ends to come in the rooms of a plan. `whole`: these are all rooms.
    pub(super) fn note_ends(&self, plan: &mut FleetPlan, whole: bool) {
        if self.safeguards.ends().any() {
            let limit = self.settings.max_removals_total;
            let planned: HashSet<RoomId> = plan.rooms.iter().map(|room| room.id.clone()).collect();
            let rooms = self.rooms.iter().map(|room| &**room.desired());
            let rooms = rooms.filter(|room| planned.contains(&room.id));
            note_ends(plan, rooms, if whole { limit } else { Limit::ALL }, self.now());
        }
    }

    /// People whose place ends within a week, by time.
    pub(super) fn ends_soon(&self) -> Vec<EndsSoon> {
        let now = self.now();
        let rooms = self.rooms.iter().map(Room::desired);
        let mut all: Vec<EndsSoon> = rooms
            .flat_map(|room| plan::near(room, now).flat_map(|departures| ends_soon(&room.id, &departures)))
            .collect();
        all.sort_by(|one, other| (one.until, &one.room).cmp(&(other.until, &other.room)));
        all
    }

    /// The tickets, with new ones for rooms that have another entry by now.
    pub(super) fn renewed(&mut self, tickets: Vec<Ticket>) -> Vec<Ticket> {
        let renewed = tickets.into_iter().map(|ticket| {
            if self.rooms.current(&ticket).is_some() {
                return ticket;
            }
            let admins_due = ticket.admins_due;
            let new = self.rooms.take(&ticket.desired.id);
            new.map_or(ticket, |new| Ticket { admins_due, ..new })
        });
        renewed.collect()
    }
}

fn ends_soon(room: &RoomId, departures: &Departures) -> Vec<EndsSoon> {
    let Departures {
        until,
        leave,
        step_down,
    } = departures;
    let of_role = |role, users: MemberSet| EndsSoon {
        room: room.clone(),
        role,
        until: until.end(),
        users: users.iter().take(NAMES_SHOWN).cloned().collect(),
        people: users.len(),
    };
    let mut soon = vec![
        of_role("member", leave.clone()),
        of_role("admin", step_down.minus(leave)),
    ];
    soon.retain(|soon| soon.people > 0);
    soon
}
