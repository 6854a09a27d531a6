//! Lists in pages: by number, and by cursor.

use super::State;
use super::answer::{JoinedRow, Who};
use super::looks::Looks;
use super::profile::Profile;
use super::refusal::Refusal;
use super::room::Rank;
use crate::chat::wire::{MAX_PAGE_SIZE, MemberRow, RoomRow};
use crate::model::RoomId;
use std::ops::Bound;

/// Rows and, until the last page, the cursor of the next one. [P]
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    pub(super) cursor: Option<String>,
}

/// Pages are counted from 1; more than [`MAX_PAGE_SIZE`] is served as that many (seed, "Query parameters"). A page
/// past the end is empty, unless a look refuses it. [?]
pub(super) fn list_members(
    state: &State,
    profile: Profile,
    id: &str,
    (page, size): (usize, usize),
    looks: &Looks,
) -> Result<Vec<MemberRow>, Refusal> {
    let size = looks.page_size(size.min(MAX_PAGE_SIZE));
    let skipped = page.saturating_sub(1).saturating_mul(size);
    let rows = state.room(id)?.rows(profile);
    let rows: Vec<MemberRow> = if looks.reorder() {
        let mut rows: Vec<MemberRow> = rows.collect();
        looks.put_in_order(&mut rows);
        rows.into_iter().skip(skipped).take(size).collect()
    } else {
        rows.skip(skipped).take(size).collect()
    };
    match looks.past_end() {
        Some(status) if rows.is_empty() && page > 1 => Err(Refusal::PastEnd { page, status }),
        _ => Ok(rows),
    }
}

/// In joining order [?]; the cursor is a turn, so that nobody is skipped or repeated when others go.
pub(super) fn members_from(
    state: &State,
    profile: Profile,
    id: &str,
    cursor: Option<&str>,
    limit: usize,
    joined_time: bool,
) -> Result<Page<JoinedRow>, Refusal> {
    let room = state.room(id)?;
    let first = match cursor {
        Some(text) => text.parse().map_err(|_| bad_cursor(text))?,
        None => 0,
    };
    let mut names = room.members().starting_at(first);
    let rows = names.by_ref().take(limit.min(MAX_PAGE_SIZE));
    let rows = rows.map(|(_, name, since_ms)| {
        let who = match room.rank(name) {
            Rank::Owner => Who::Owner(profile.spell(name)),
            Rank::Admin => Who::Admin(profile.spell(name)),
            Rank::Member | Rank::Outside => Who::Member(profile.spell(name)),
        };
        let joined_time = joined_time.then_some(since_ms);
        JoinedRow { who, joined_time }
    });
    Ok(Page {
        rows: rows.collect(),
        cursor: names.next().map(|(turn, ..)| turn.to_string()),
    })
}

/// The rooms of the app; the cursor is the last id of the page before. [?]
pub(super) fn list_rooms(
    state: &State,
    profile: Profile,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<RoomRow>, Refusal> {
    let after = match cursor {
        Some(text) => Bound::Excluded(RoomId::parse(text).map_err(|_| bad_cursor(text))?),
        None => Bound::Unbounded,
    };
    let mut rooms = state.rooms.range((after, Bound::Unbounded));
    let mut last = None;
    let mut rows = Vec::new();
    for (id, room) in rooms.by_ref().take(limit.min(MAX_PAGE_SIZE)) {
        last = Some(id.to_string());
        rows.push(RoomRow {
            id: id.to_string(),
            name: room.name.clone().unwrap_or_default(),
            owner: profile.spell(room.owner()),
            affiliations_count: room.members().len() as u64,
        });
    }
    let cursor = rooms.next().and(last);
    Ok(Page { rows, cursor })
}

/// [?]
fn bad_cursor(text: &str) -> Refusal {
    Refusal::BadArgument(format!("cursor is not valid: {text}"))
}
