//! Rooms that fail for the same reason.

use crate::model::{Op, ReasonCode, RoomId, RoomText};
use crate::plan::{FleetPlan, Note, RoomPlan};
use std::collections::{BTreeMap, HashMap};

/// Rooms of which there is nothing to say but the same error: at least two.
pub(super) struct Alike<'a> {
    /// In the order of the plan.
    pub(super) rooms: Vec<&'a RoomPlan>,
    pub(super) code: ReasonCode,
    /// Words of the error.
    pub(super) message: RoomText,
}

impl Alike<'_> {
    /// True if this is the first of the rooms.
    pub(super) fn begins_with(&self, room: &RoomPlan) -> bool {
        self.rooms.first().is_some_and(|first| first.id == room.id)
    }
}

/// All such groups of a plan.
pub(super) struct Groups<'a> {
    pub(super) all: Vec<Alike<'a>>,
    by_room: HashMap<&'a RoomId, usize>,
}

impl<'a> Groups<'a> {
    /// Group of the room, if it is in one.
    pub(super) fn of(&self, room: &RoomPlan) -> Option<&Alike<'a>> {
        self.all.get(*self.by_room.get(&room.id)?)
    }
}

/// Groups the rooms that fail for the same reason. Those before which the look ended are in none.
pub(super) fn alike(plan: &FleetPlan) -> Groups<'_> {
    let mut groups: BTreeMap<(&str, RoomText), Alike<'_>> = BTreeMap::new();
    for room in &plan.rooms {
        let Some(error) = only_error(room) else { continue };
        let message = RoomText::new(&error.message, &room.id);
        let group = groups.entry((error.code.as_str(), message.clone()));
        let group = group.or_insert_with(|| Alike {
            rooms: Vec::new(),
            code: error.code,
            message,
        });
        group.rooms.push(room);
    }
    let all: Vec<Alike<'_>> = groups
        .into_values()
        .filter(|group| group.rooms.len() > 1)
        .collect();
    let places = all.iter().enumerate();
    let by_room = places
        .flat_map(|(at, group)| group.rooms.iter().map(move |room| (&room.id, at)))
        .collect();
    Groups { all, by_room }
}

/// The room's error, if there is nothing else to say of it.
fn only_error(room: &RoomPlan) -> Option<&Note> {
    let RoomPlan {
        blocked,
        notes,
        error,
        ..
    } = room;
    let error = error
        .as_ref()
        .filter(|error| error.user.is_none() && !room.is_unseen())?;
    let nobody = Op::ALL.into_iter().all(|op| room.wanted(op).is_empty());
    (nobody && blocked.is_empty() && notes.iter().all(|note| note == error)).then_some(error)
}
