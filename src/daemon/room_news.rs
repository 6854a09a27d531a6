//! Log lines about the rooms of a pass. The first room of which something is said has a line at once; all others of which the same
//! is said have one line at the end of the pass.

use crate::model::{RoomId, RoomText, first_few, log_code, room_label};
use std::collections::BTreeMap;

/// Something to be said of a room.
#[derive(Debug)]
pub(super) struct News<'a> {
    pub(super) room: &'a RoomId,
    pub(super) name: Option<&'a str>,
    /// Key that lines about several rooms share if they differ in the room's id alone.
    pub(super) kind: &'a str,
    pub(super) text: &'a str,
    /// Number of times that the room was not in order, if it is again.
    pub(super) times: Option<u64>,
}

/// Rooms that wait for the end of the pass, by what is said of them.
#[derive(Debug, Default)]
pub(super) struct RoomNews(BTreeMap<RoomText, Others>);

#[derive(Debug)]
struct Others {
    is_warning: bool,
    /// Line about the first room.
    text: RoomText,
    rooms: Vec<String>,
}

impl RoomNews {
    /// Logs this, at once or at the end.
    pub(super) fn say(&mut self, news: &News<'_>) {
        let News {
            room,
            name,
            kind,
            text,
            times,
        } = *news;
        let kind = RoomText::new(kind, room);
        if let Some(others) = self.0.get_mut(&kind) {
            others.rooms.push(room_label(name, room));
            return;
        }
        match times {
            None => tracing::warn!(code = log_code::ROOM_FAILED, %room, name, "{text}"),
            Some(times) => tracing::info!(code = log_code::ROOM_NEWS, %room, name, times, "{text}"),
        }
        let others = Others {
            is_warning: times.is_none(),
            text: RoomText::new(text, room),
            rooms: Vec::new(),
        };
        self.0.insert(kind, others);
    }

    /// The pass ends.
    pub(super) fn end(&mut self) {
        for (_, others) in std::mem::take(&mut self.0) {
            let Others {
                is_warning,
                text,
                rooms,
            } = others;
            let number = rooms.len();
            let rooms = first_few(rooms);
            match (number, is_warning) {
                (0, _) => {}
                (_, true) => tracing::warn!(code = log_code::ROOM_FAILED, number, rooms, "more rooms {text}"),
                (_, false) => tracing::info!(code = log_code::ROOM_NEWS, number, rooms, "more rooms {text}"),
            }
        }
    }
}
