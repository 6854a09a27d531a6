//! Room detail: what it says of a room, and who is in it where it shows everyone.

use super::people::People;
use crate::chat::wire::{MemberRow, RoomDetail};
use crate::chat::{CallError, DetailUse, Reader};
use crate::model::RoomId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use tokio::time::Instant;

/// Room detail of a room, as far as the service gives it.
#[derive(Debug, Default)]
pub(super) struct Detail {
    pub(super) name: Option<String>,
    /// In lower case.
    pub(super) owner: Option<String>,
    /// Owner named by a row, in lower case. If rows name several, one who is not `owner`.
    pub(super) owner_in_rows: Option<String>,
    pub(super) max_users: Option<u64>,
    /// People in the room, the owner counted.
    pub(super) count: Option<u64>,
    /// Everyone in the room, and when the call was begun that told so.
    pub(super) everyone: Option<(People, Instant)>,
}

/// The answer to one call about some rooms.
pub(super) struct Details {
    /// One for each room, in their order. `None`: the answer shows nothing that can be read of it.
    pub(super) rooms: Vec<Option<Detail>>,
    /// Rows of the answer.
    pub(super) rows: usize,
}

/// Asks for the detail of up to [`MAX_DETAIL_ROOMS`](crate::chat::wire::MAX_DETAIL_ROOMS) rooms.
pub(super) async fn ask(reader: &Reader, rooms: &[&RoomId]) -> Result<Details, CallError> {
    // Before the call waits for its turn: who comes or goes from now on may or may not be seen.
    let begun = Instant::now();
    let mut answer = reader.room_detail(rooms).await?;
    if let ([room], [detail]) = (rooms, answer.as_mut_slice())
        && detail.id.is_empty()
    {
        detail.id = room.to_string();
    }
    let rows = |detail: &RoomDetail| detail.affiliations.as_ref().map_or(0, Vec::len);
    let rows = answer.iter().map(rows).sum();
    let mut details: HashMap<String, RoomDetail> = HashMap::with_capacity(answer.len());
    for detail in answer {
        match details.entry(detail.id.clone()) {
            Entry::Vacant(place) => {
                place.insert(detail);
            }
            // Two lists of the same people.
            Entry::Occupied(mut place) => place.get_mut().affiliations = None,
        }
    }
    let found = |room: &&RoomId| {
        let detail = details.remove(room.as_str())?;
        Some(Detail::new(detail, begun, reader.bulk_reads()))
    };
    Ok(Details {
        rooms: rooms.iter().map(found).collect(),
        rows,
    })
}

/// Asks for the detail of one room, if this server gives any. Where it does not, nothing is known of the room by it. `is_there`: the
/// service answers other calls.
pub(super) async fn ask_one(reader: &Reader, room: &RoomId, is_there: bool) -> Result<Detail, CallError> {
    let asked_as = reader.detail_use();
    if asked_as == DetailUse::None {
        return Ok(Detail::default());
    }
    let detail = match ask(reader, &[room]).await {
        Ok(Details { mut rooms, .. }) => rooms.pop().flatten().unwrap_or_default(),
        Err(error) if error.kind.is_of_this_call() => {
            tracing::debug!(%room, %error, "reading the room without its detail");
            reader.detail_failed(room, &error, is_there);
            return Ok(Detail::default());
        }
        Err(error) => return Err(error),
    };
    if asked_as == DetailUse::Single {
        reader.single_detail_shows(detail.everyone.is_some());
    }
    Ok(detail)
}

/// Owner named by the rows, preferably one other than this.
fn owner_in(rows: &[MemberRow], other_than: Option<&str>) -> Option<String> {
    let owners = rows.iter().filter_map(|row| match row {
        MemberRow::Owner(name) => Some(name.as_str().to_lowercase()),
        MemberRow::Member(_) => None,
    });
    owners.max_by_key(|name| Some(name.as_str()) != other_than)
}

impl Detail {
    /// True if the service said anything of the room.
    pub(super) fn is_known(&self) -> bool {
        self.owner.is_some() || self.count.is_some() || self.max_users.is_some() || self.name.is_some()
    }

    /// The same without the people.
    pub(super) fn said(&self) -> Self {
        Self {
            name: self.name.clone(),
            owner: self.owner.clone(),
            owner_in_rows: self.owner_in_rows.clone(),
            max_users: self.max_users,
            count: self.count,
            everyone: None,
        }
    }

    fn new(detail: RoomDetail, begun: Instant, bulk_reads: bool) -> Self {
        let RoomDetail {
            id: _,
            name,
            owner,
            maxusers: max_users,
            affiliations_count: count,
            affiliations,
        } = detail;
        let owner = owner
            .filter(|owner| !owner.is_empty())
            .map(|owner| owner.to_lowercase());
        let owner_in_rows = owner_in(affiliations.as_deref().unwrap_or_default(), owner.as_deref());
        let everyone = count.zip(affiliations).filter(|_| bulk_reads);
        let everyone = everyone.and_then(|(count, rows)| {
            let shown = rows.len();
            let mut people = People::default();
            people.take(rows);
            let complete = people.is_everyone(shown, count, owner.as_deref());
            complete.then_some((people, begun))
        });
        Self {
            name,
            owner,
            owner_in_rows,
            // A room in which nobody has a place is none.
            max_users: max_users.filter(|most| *most > 0),
            count,
            everyone,
        }
    }
}
