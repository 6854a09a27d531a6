//! The app's rooms, page after page.

use crate::chat::wire::{RoomRow, Rows};
use crate::chat::{Answer, CallError, Reader};
use crate::model::{ReasonCode, RoomId, Unmanaged, UnmanagedError, UnmanagedRoom};
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
    walk(reader, usize::MAX, |row| {
        let before = list.len();
        match RoomId::parse(&row.id) {
            Ok(id) => {
                list.rooms.insert(id, row.name);
            }
            Err(_) => {
                list.foreign.insert(row.id);
            }
        }
        list.len() > before
    })
    .await?;
    Ok(list)
}

/// Counts the rooms of the app that are not managed, on so many pages of the list. Only some of them are kept.
pub async fn count_unmanaged(
    reader: &Reader,
    is_managed: impl Fn(&RoomId) -> bool,
    most_pages: usize,
) -> Unmanaged {
    let mut seen: HashSet<String> = HashSet::new();
    let mut rooms: BTreeSet<UnmanagedRoom> = BTreeSet::new();
    let mut count = 0;
    let walked = walk(reader, most_pages, |row| {
        if !seen.insert(row.id.clone()) {
            return false;
        }
        // An id that is none of ours to send cannot be managed, nor named.
        if let Some(id) = RoomId::parse(&row.id).ok().filter(|id| !is_managed(id)) {
            count += 1;
            let name = Some(row.name).filter(|name| !name.is_empty());
            rooms.insert(UnmanagedRoom { id, name });
            if rooms.len() > Unmanaged::MOST_NAMED {
                rooms.pop_last();
            }
        }
        true
    });
    match walked.await {
        Ok(complete) => Unmanaged {
            count,
            listed: seen.len(),
            complete,
            rooms: rooms.into_iter().collect(),
            error: None,
        },
        Err(error) => Unmanaged {
            error: Some(UnmanagedError {
                code: match &error {
                    RoomListError::Call(error) => error.kind.code(),
                    _ => ReasonCode::IncompleteRead,
                },
                message: error.to_string(),
            }),
            ..Unmanaged::default()
        },
    }
}

/// Reads so many pages of the list, and says whether that was all of it. `take` gets each row and says whether it is news.
async fn walk(
    reader: &Reader,
    most_pages: usize,
    mut take: impl FnMut(RoomRow) -> bool,
) -> Result<bool, RoomListError> {
    let mut cursors = HashSet::new();
    let mut cursor: Option<String> = None;
    let mut rooms = 0;
    for number in 1..=most_pages {
        let Answer {
            data: Rows { rows, unreadable },
            cursor: next,
            ..
        } = reader.list_rooms(cursor.as_deref()).await?;
        if unreadable > 0 || rows.iter().any(|row| row.id.is_empty()) {
            return Err(RoomListError::Unreadable(number));
        }
        // An empty page is past the end, whatever it leads to.
        let ended = rows.is_empty();
        let before = rooms;
        for row in rows {
            rooms += usize::from(take(row));
        }
        let Some(next) = next.filter(|_| !ended) else {
            return Ok(true);
        };
        // While others make and delete rooms a page may well show some for the second time, but not only such.
        if rooms == before || !cursors.insert(next.clone()) {
            return Err(RoomListError::GoesInCircles(number));
        }
        if rooms > MOST_ROOMS {
            return Err(RoomListError::NoEnd);
        }
        cursor = Some(next);
    }
    Ok(false)
}

impl RoomList {
    fn len(&self) -> usize {
        self.rooms.len() + self.foreign.len()
    }
}
