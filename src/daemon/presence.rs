//! Who was here and is gone, by looks and by events: a hint for people, by which nothing is decided.

use super::controller::Controller;
use super::state_dir::ToRecord;
use super::workqueue::Ticket;
use crate::live::LiveRoom;
use crate::model::{RoomId, UserId};
use crate::seen::{LastSeen, Seen, SeenBy, Sighting, day_of};
use crate::web::{EventKind, Leave, RoomEvent};
use jiff::civil::Date;

/// People who were seen and are gone.
#[derive(Debug)]
pub(super) struct Presence {
    seen: Seen,
    /// Sightings that were not handed to the disk yet.
    unrecorded: ToRecord,
    /// Day on which those of long ago were forgotten last.
    tidied: Option<Date>,
}

impl Presence {
    /// Goes on from what an earlier process kept.
    pub(super) fn new(seen: Seen) -> Self {
        Self {
            seen,
            unrecorded: ToRecord::default(),
            tidied: None,
        }
    }

    /// When somebody was last seen in a room in which they are not now.
    pub(super) fn last_seen(&self, room: &RoomId, user: &UserId) -> Option<LastSeen> {
        self.seen.get(room, user)
    }
}

impl Controller {
    /// Takes in a complete look at the room of this ticket.
    pub(super) fn see_people(&mut self, ticket: &Ticket, live: &LiveRoom) {
        let now = self.now();
        let Some(room) = self.rooms.current(ticket) else {
            return;
        };
        let seen = &mut self.presence.seen;
        let users = room.see_people(live, now);
        seen.back(&live.id, &live.members);
        let last = LastSeen {
            by: SeenBy::Look,
            day: day_of(now),
        };
        let sighting = Sighting {
            room: live.id.clone(),
            last,
            users,
        };
        seen.add(&sighting);
        room.people_mut()
            .set_unseen(|user| seen.get(&live.id, user).is_some());
        self.events.reasons.back(&live.id, &live.members, live.read_at);
        self.presence.unrecorded.add(sighting);
    }

    /// Takes in that an event speaks of people in a managed room whom no look shows there. It is kept as what an event said.
    pub(super) fn see_by_event(&mut self, event: &RoomEvent) {
        if !matches!(event.kind, EventKind::Joined | EventKind::Left(_))
            || event.kind == EventKind::Left(Leave::RoomDeleted)
        {
            return;
        }
        let today = day_of(self.now());
        let Some(room) = self.rooms.get(&event.room) else {
            return;
        };
        let people = room.people().others_of(&event.people.iter().cloned().collect());
        let seen = &mut self.presence.seen;
        if let Some(sighting) = seen.add_by_event(&event.room, &people, today) {
            self.presence.unrecorded.add(sighting);
        }
    }

    /// Has recorded who was seen since the last time.
    pub(super) fn record_seen(&mut self) {
        let unrecorded = &mut self.presence.unrecorded;
        if !unrecorded.is_empty() {
            self.persister.record(std::mem::take(unrecorded));
        }
    }

    /// Forgets once a day whoever was seen too long ago. While nobody knows whether the clock is right, nobody is forgotten.
    pub(super) fn forget_seen(&mut self) {
        let clock = self.safeguards.clock();
        let today = day_of(clock.now());
        if clock.is_confirmed() && self.presence.tidied != Some(today) {
            self.presence.tidied = Some(today);
            self.presence.seen.tidy(today);
            self.presence.unrecorded.tidy(today);
        }
    }
}
