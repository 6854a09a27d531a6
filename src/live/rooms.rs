//! The app's rooms, page after page.

use crate::chat::wire::Rows;
use crate::chat::{Answer, CallError, Reader};
use crate::model::RoomId;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// More rooms than any app has: a list that goes past them has no end.
const MOST_ROOMS: usize = 1_000_000;

/// The rooms that the service lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomList {
    /// Their names by id; empty: none.
    pub rooms: BTreeMap<RoomId, String>,
    /// Ids that are none of ours to send.
    pub foreign: BTreeSet<String>,
}

/// Reason for which the app's rooms are not known.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RoomListError {
    /// A page could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A row of the list names no room.
    #[error("list_rooms: page {0} has a row that names no room; name the rooms instead")]
    Unreadable(usize),
    /// The list has no end.
    #[error(
        "list_rooms: page {0} leads on and names no room that the pages before it do not; name the rooms instead"
    )]
    GoesInCircles(usize),
    /// The list has no end either.
    #[error("list_rooms: the list goes on past {MOST_ROOMS} rooms; name the rooms instead")]
    NoEnd,
}

/// Reads the list of the app's rooms to its end.
pub async fn list_rooms(reader: &Reader) -> Result<RoomList, RoomListError> {
    let mut list = RoomList::default();
    let mut cursors = HashSet::new();
    let mut cursor: Option<String> = None;
    for number in 1.. {
        let Answer {
            data: Rows { rows, unreadable },
            cursor: next,
            ..
        } = reader.list_rooms(cursor.as_deref()).await?;
        let before = list.len();
        if unreadable > 0 || rows.iter().any(|row| row.id.is_empty()) {
            return Err(RoomListError::Unreadable(number));
        }
        // An empty page is past the end, whatever it leads to.
        let ended = rows.is_empty();
        for row in rows {
            match RoomId::parse(&row.id) {
                Ok(id) => {
                    list.rooms.insert(id, row.name);
                }
                Err(_) => {
                    list.foreign.insert(row.id);
                }
            }
        }
        let Some(next) = next.filter(|_| !ended) else {
            break;
        };
        // While others make and delete rooms a page may well show some for the second time, but not only such.
        if list.len() == before || !cursors.insert(next.clone()) {
            return Err(RoomListError::GoesInCircles(number));
        }
        if list.len() > MOST_ROOMS {
            return Err(RoomListError::NoEnd);
        }
        cursor = Some(next);
    }
    Ok(list)
}

impl RoomList {
    fn len(&self) -> usize {
        self.rooms.len() + self.foreign.len()
    }
}
