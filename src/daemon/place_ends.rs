//! Ends of people's places: by which moment they are acted on, and when the next one comes.
//!
//! Somebody's place ends only while our clock and the service's agree. Between, and through restarts, the places stay as they
//! were: a clock that is set back brings nobody back.

use super::room_table::{Room, RoomTable};
use crate::clock::MOST_APART;
use crate::desired::DesiredRoom;
use crate::model::{RoomId, Until};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ends of the places in all rooms.
#[derive(Debug, Default)]
pub(super) struct PlaceEnds {
    /// The last moment that was certain. Ends up to it are over. `None`: there was none yet.
    as_of: Option<Timestamp>,
    /// The next end of a place.
    next: Option<Timestamp>,
    /// True if a place in one of the rooms ends or has ended.
    any: bool,
}

impl PlaceEnds {
    /// Goes on from what an earlier process kept.
    pub(super) fn new(as_of: Option<Timestamp>) -> Self {
        Self {
            as_of,
            ..Self::default()
        }
    }

    pub(super) fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// Goes by this moment from now on, which is certain. `true`: a place has ended since the last one.
    #[must_use]
    pub(super) fn go_on_to(&mut self, now: Timestamp) -> bool {
        // Two clocks that agree may be so far apart. What is further ahead was never right.
        let was_wrong = self
            .as_of
            .is_some_and(|as_of| as_of.duration_since(now) >= MOST_APART * 2);
        self.as_of = match self.as_of {
            Some(as_of) if !was_wrong => Some(as_of.max(now)),
            _ => Some(now),
        };
        was_wrong || self.next.is_some_and(|next| next <= now)
    }

    /// The rooms with other entries than they have, now that places have ended.
    pub(super) fn changed(&self, rooms: &RoomTable) -> BTreeMap<RoomId, Arc<DesiredRoom>> {
        let changed = |room: &Room| {
            let after = room.desired().at(self.as_of?)?;
            Some((after.id.clone(), Arc::new(after)))
        };
        rooms.iter().filter_map(changed).collect()
    }

    /// Looks through the entries in force for ends.
    pub(super) fn see<'a>(&mut self, rooms: impl Iterator<Item = &'a DesiredRoom>) {
        (self.any, self.next) = (false, None);
        for room in rooms.filter(|room| room.ends.is_some()) {
            let next = room.next_end().map(Until::end);
            self.next = [self.next, next].into_iter().flatten().min();
            self.any = true;
        }
    }

    /// The entry as it is at the last certain moment.
    pub(super) fn entry(&self, room: DesiredRoom) -> DesiredRoom {
        self.as_of.and_then(|as_of| room.at(as_of)).unwrap_or(room)
    }
}
