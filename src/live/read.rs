//! Reads of one room, with checks that the answers can all be true.

use super::admins::{AdminList, read_admins};
use super::detail::{self, Detail};
use super::people::People;
use super::{Inconsistency, LiveRoom, Observed, pages};
use crate::chat::{CallError, Reader};
use crate::desired::DesiredRoom;
use crate::model::{MemberSet, Mode, RoomId};
use tokio::time::Instant;

/// Reads of a room whose answers contradict each other.
const TRIES: usize = 3;

/// Room to read, and the use of the answer.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    /// The room.
    pub room: &'a RoomId,
    /// Where members may be removed but admins are not managed, the wanted members: if somebody else is there who is not
    /// an admin, only a second, equal list of the admins proves that.
    pub spared_admins: Option<&'a MemberSet>,
}

impl<'a> ReadRequest<'a> {
    /// A read for nobody's removal.
    #[must_use]
    pub fn of_all(room: &'a RoomId) -> Self {
        Self {
            room,
            spared_admins: None,
        }
    }
}

impl<'a> From<&'a DesiredRoom> for ReadRequest<'a> {
    fn from(desired: &'a DesiredRoom) -> Self {
        let DesiredRoom {
            id: room,
            members,
            admins,
            mode,
            ..
        } = desired;
        let may_remove = *mode != Mode::Additive && admins.is_none();
        Self {
            room,
            spared_admins: members.as_ref().filter(|_| may_remove),
        }
    }
}

/// People in a room, without their roles: enough to see who came, never to remove somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList {
    /// Everyone in the room but the owner, admins included, as far as their names keep to our rules.
    pub names: MemberSet,
    /// Owner in lower case, in the room or not.
    pub owner: Option<String>,
    /// Contradiction in the last of several tries, if each had one: then somebody may be missing here.
    pub inconsistency: Option<Inconsistency>,
}

/// Owner of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Their name in lower case, whether or not they are in the room.
    pub name: Option<String>,
    /// Inconsistency between the answers, if there is one. No named owner is one.
    pub inconsistency: Option<Inconsistency>,
}

/// Looks at one room.
pub async fn read_room(reader: &Reader, request: ReadRequest<'_>) -> Result<Observed, CallError> {
    let detail = detail::ask_one(reader, request.room, false).await?;
    read_room_from(reader, request, detail).await
}

/// Looks at a room whose detail was asked for just now.
pub(super) async fn read_room_from(
    reader: &Reader,
    request: ReadRequest<'_>,
    detail: Detail,
) -> Result<Observed, CallError> {
    let look = async |detail| read_once(reader, request, detail).await;
    let (room, inconsistency) = tries(reader, request.room, detail, look).await?;
    Ok(match inconsistency {
        None => Observed::Complete(room),
        Some(inconsistency) => Observed::Partial(room, inconsistency),
    })
}

/// Reads the members of a room whose detail was asked for just now.
pub(super) async fn read_members_from(
    reader: &Reader,
    room: &RoomId,
    detail: Detail,
) -> Result<MemberList, CallError> {
    let read = async |mut detail: Detail| {
        let (mut people, inconsistency, _) = read_people(reader, room, &mut detail).await?;
        let owner = people.owner.take().or(detail.owner);
        let (names, _) = people.without(owner.as_deref());
        Ok(((names, owner), inconsistency))
    };
    let ((names, owner), inconsistency) = tries(reader, room, detail, read).await?;
    Ok(MemberList {
        names,
        owner,
        inconsistency,
    })
}

/// Reads who owns a room whose detail was asked for just now. Where that names nobody, the member list does: the page on which
/// the owner stood before, and all pages only if they no longer stand there.
pub(super) async fn read_owner_from(
    reader: &Reader,
    room: &RoomId,
    mut detail: Detail,
    page: Option<u32>,
) -> Result<Owner, CallError> {
    let (name, inconsistency) = match (detail.owner.take(), detail.owner_in_rows.take()) {
        (Some(owner), Some(other)) if owner != other => {
            let inconsistency = Inconsistency::TwoOwners(other, owner.clone());
            (Some(owner), Some(inconsistency))
        }
        (Some(owner), _) | (None, Some(owner)) => (Some(owner), None),
        (None, None) => {
            let on_page = match page {
                Some(page) => read_owner_on(reader, room, page).await?,
                None => None,
            };
            match on_page {
                Some(owner) => (Some(owner), None),
                None => {
                    let (people, inconsistency, _) = read_people(reader, room, &mut detail).await?;
                    (people.owner, inconsistency)
                }
            }
        }
    };
    Ok(Owner { name, inconsistency })
}

/// Reads one page of the member list; gives the owner if that page names one, and no other.
async fn read_owner_on(reader: &Reader, room: &RoomId, page: u32) -> Result<Option<String>, CallError> {
    let rows = match reader.list_members(room, page).await {
        Ok(answer) => answer.data,
        Err(error) if error.kind.is_past_the_end() => return Ok(None),
        Err(error) => return Err(error),
    };
    if rows.unreadable > 0 {
        return Ok(None);
    }
    let mut people = People::default();
    people.take(rows.rows);
    Ok(people
        .about_owner(None)
        .is_none()
        .then_some(people.owner)
        .flatten())
}

/// Reads until the answers do not contradict each other, but not for ever; after the first time, the members by pages.
async fn tries<T>(
    reader: &Reader,
    room: &RoomId,
    mut detail: Detail,
    read: impl AsyncFn(Detail) -> Result<(T, Option<Inconsistency>), CallError>,
) -> Result<(T, Option<Inconsistency>), CallError> {
    let mut attempt = 1;
    loop {
        let said = detail.said();
        let (seen, inconsistency) = read(detail).await?;
        match inconsistency {
            Some(inconsistency) if attempt < TRIES => {
                tracing::debug!(%room, contradiction = %inconsistency, attempt, "reading the room again");
            }
            inconsistency => return Ok((seen, inconsistency)),
        }
        attempt += 1;
        detail = detail::ask_one(reader, room, true).await?;
        detail.everyone = None;
        if !detail.is_known() {
            // A contradiction is not settled by one side that falls silent.
            detail = said;
        }
    }
}

/// Reads a room and gives the first inconsistency between the answers.
async fn read_once(
    reader: &Reader,
    request: ReadRequest<'_>,
    mut detail: Detail,
) -> Result<(LiveRoom, Option<Inconsistency>), CallError> {
    let ReadRequest { room, spared_admins } = request;
    // Both to their end, whatever becomes of the other: calls on their way count against the call rate.
    let (people, admins) = tokio::join!(read_people(reader, room, &mut detail), read_admins(reader, room));
    let ((people, inconsistency, read_at), admins) = (people?, admins?);
    reader.room_was_read(room);
    let mut inconsistency = inconsistency.or(admins.inconsistency.clone());
    let may_go =
        |wanted: &MemberSet| people.any_beyond(|user| wanted.contains(user) || admins.names.contains(user));
    // Only a list that is read after the members tells who of them has been made an admin meanwhile.
    if inconsistency.is_none()
        && spared_admins.is_some_and(may_go)
        && read_admins(reader, room).await? != admins
    {
        inconsistency = Some(Inconsistency::AdminsDiffer);
    }
    Ok((live_room(room, detail, people, admins, read_at), inconsistency))
}

/// Reads who is in the room, unless the detail shows everyone. With them, how the answers contradict each other and when they
/// were asked for first.
async fn read_people(
    reader: &Reader,
    room: &RoomId,
    detail: &mut Detail,
) -> Result<(People, Option<Inconsistency>, Instant), CallError> {
    if let Some((people, begun)) = detail.everyone.take() {
        return Ok((people, None, begun));
    }
    let begun = Instant::now();
    let (people, inconsistency) = pages::read(reader, room, detail.count, detail.owner.is_some()).await?;
    let inconsistency = inconsistency.or_else(|| people.about_owner(detail.owner.as_deref()));
    Ok((people, inconsistency, begun))
}

fn live_room(
    room: &RoomId,
    detail: Detail,
    mut people: People,
    admins: AdminList,
    read_at: Instant,
) -> LiveRoom {
    let listed = people.listed();
    let owner_page = people.owner_page;
    let owner_row = people.owner.take();
    let has_owner_row = owner_row.is_some();
    let owner = owner_row.or(detail.owner);
    let is_owner = |name: &str| owner.as_deref() == Some(name);
    let (members, foreign) = people.without(owner.as_deref());
    let mut foreign_admins = admins.foreign;
    foreign_admins.retain(|name| !is_owner(name));
    LiveRoom {
        id: room.clone(),
        name: detail.name,
        admins: admins.names.filter(|user| !is_owner(user.as_str())),
        foreign_admins,
        max_users: detail.max_users,
        owner_page,
        read_at,
        owner_is_in: has_owner_row || listed > (members.len() + foreign.len()) as u64,
        members,
        foreign,
        owner,
    }
}
