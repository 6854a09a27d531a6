//! Lists in pages: by number, and by cursor.

use super::answer::{JoinedRow, Who};
use super::looks::Looks;
use super::profile::Profile;
use super::refusal::Refusal;
use super::room::Rank;
use super::{Room, State};
use crate::chat::wire::{MAX_PAGE_SIZE, MAX_ROOMS_PAGE, MemberRow, RoomRow};
use crate::model::RoomId;

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
    let first = turn(cursor)?.unwrap_or(0);
    let mut names = room.members().joined(first..);
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

/// Plain names without the owner, in joining order or the other way round. [P]
pub(super) fn names_from(
    state: &State,
    profile: Profile,
    id: &str,
    cursor: Option<&str>,
    limit: usize,
    newest_first: bool,
) -> Result<Page<String>, Refusal> {
    let room = state.room(id)?;
    let from = turn(cursor)?;
    let limit = limit.min(MAX_PAGE_SIZE);
    let page = |names: &mut dyn Iterator<Item = (u64, &str, u64)>| {
        let mut names = names.filter(|(_, name, _)| !room.is_owner(name));
        let rows = names.by_ref().take(limit).map(|(_, name, _)| profile.spell(name));
        Page {
            rows: rows.collect(),
            cursor: names.next().map(|(turn, ..)| turn.to_string()),
        }
    };
    let members = room.members();
    Ok(if newest_first {
        page(&mut members.joined(..=from.unwrap_or(u64::MAX)).rev())
    } else {
        page(&mut members.joined(from.unwrap_or(0)..))
    })
}

/// The turn of which the next page begins.
fn turn(cursor: Option<&str>) -> Result<Option<u64>, Refusal> {
    let turn = |text: &str| text.parse().map_err(|_| bad_cursor(text));
    cursor.map(turn).transpose()
}

/// A page of the rooms of the app.
#[derive(Debug, Clone, Copy)]
pub(super) enum RoomsPage<'a> {
    /// The one that a cursor leads to, or the first one.
    After(Option<&'a str>),
    /// The one of this number, from 1.
    Number(usize),
}

/// Place of a room among all by age; the younger of two is the greater.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Age<'a> {
    created_ms: u64,
    /// Of two ids of the same moment, the longer is the younger, as a number.
    digits: usize,
    id: &'a str,
}

impl<'a> Age<'a> {
    fn new(created_ms: u64, id: &'a str) -> Self {
        Self {
            created_ms,
            digits: id.len(),
            id,
        }
    }
}

/// The rooms of the app, newest first (`[P]`); the cursor is the age of the last one of the page before. [?]
pub(super) fn list_rooms(
    state: &State,
    profile: Profile,
    page: RoomsPage<'_>,
    size: usize,
) -> Result<Page<RoomRow>, Refusal> {
    let size = size.min(profile.rooms_page.pick(MAX_PAGE_SIZE, MAX_ROOMS_PAGE));
    let (last, skipped) = match page {
        RoomsPage::After(None) => (None, 0),
        RoomsPage::After(Some(text)) => {
            let age = text.split_once('-').and_then(|(created, id)| {
                RoomId::parse(id).ok()?;
                Some(Age::new(created.parse().ok()?, id))
            });
            (Some(age.ok_or_else(|| bad_cursor(text))?), 0)
        }
        RoomsPage::Number(number) => (None, number.saturating_sub(1).saturating_mul(size)),
    };
    let rooms = state.rooms.iter();
    let mut rooms: Vec<(Age<'_>, &Room)> = rooms
        .map(|(id, room)| (Age::new(room.created_ms, id.as_str()), room))
        .filter(|(age, _)| last.as_ref().is_none_or(|last| age < last))
        .collect();
    // There may be very many, and only the first of them are to be sorted.
    let newest_first = |one: &(Age<'_>, _), other: &(Age<'_>, _)| other.0.cmp(&one.0);
    let end = skipped.saturating_add(size);
    let more = end < rooms.len();
    if more {
        rooms.select_nth_unstable_by(end, newest_first);
        rooms.truncate(end);
    }
    rooms.sort_unstable_by(newest_first);
    let rows = rooms.iter().skip(skipped).map(|(age, room)| RoomRow {
        id: age.id.to_owned(),
        name: room.name.clone().unwrap_or_default(),
        owner: profile.spell(room.owner()),
        affiliations_count: room.members().len() as u64,
    });
    let last = rooms
        .last()
        .filter(|_| more && matches!(page, RoomsPage::After(_)));
    Ok(Page {
        rows: rows.collect(),
        cursor: last.map(|(age, _)| format!("{}-{}", age.created_ms, age.id)),
    })
}

/// [?]
fn bad_cursor(text: &str) -> Refusal {
    Refusal::BadArgument(format!("cursor is not valid: {text}"))
}
