//! Reads of one room, with checks that the answers can all be true.

use super::admins::{AdminList, read_admins};
use super::allow_list::{AllowList, read_allow_list};
use super::detail::{self, Detail};
use super::people::People;
use super::{Inconsistency, LiveRoom, Observed, pages};
use crate::chat::{CallError, Reader};
use crate::desired::DesiredRoom;
use crate::model::{MemberSet, Mode, RoomId, UserId};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Reads of a room whose answers contradict each other.
const TRIES: usize = 3;

/// Room to read, and the use of the answer.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    /// The room.
    pub room: &'a RoomId,
    /// Need of the room's admins.
    pub admins: AdminRead<'a>,
    /// True if the room's allow list is needed, which costs a call of its own.
    pub allow_list: bool,
}

/// Need of a room's admin list, which costs a call of its own.
#[derive(Debug, Clone, Copy)]
pub enum AdminRead<'a> {
    /// The list decides something, whoever is in the room.
    Always,
    /// The list decides nothing unless somebody is there whom the files do not want, or a wanted admin is not. If admins are not
    /// managed, they are kept: two equal lists, both read after the members, prove that somebody is none.
    IfNeeded(&'a DesiredRoom),
}

impl<'a> ReadRequest<'a> {
    /// A read of members and admins.
    #[must_use]
    pub fn of_all(room: &'a RoomId) -> Self {
        Self {
            room,
            admins: AdminRead::Always,
            allow_list: false,
        }
    }

    /// A read of the members, of the admins only if it takes their list to decide what to do, and of the allow list if the files
    /// keep members on it.
    #[must_use]
    pub fn of_members(desired: &'a DesiredRoom) -> Self {
        Self {
            room: &desired.id,
            admins: AdminRead::IfNeeded(desired),
            allow_list: desired.keeps_members(),
        }
    }
}

impl<'a> From<&'a DesiredRoom> for ReadRequest<'a> {
    fn from(desired: &'a DesiredRoom) -> Self {
        let of_members = Self::of_members(desired);
        match desired.admins {
            Some(_) => Self {
                admins: AdminRead::Always,
                ..of_members
            },
            None => of_members,
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
    let room = request.room;
    let allow_list = async {
        if request.allow_list {
            read_allow_list(reader, room).await
        } else {
            Ok(AllowList::NotRead)
        }
    };
    // Both to their end, whatever becomes of the other: calls on their way count against the call rate.
    let (people, allow_list) = tokio::join!(read_people_and_admins(reader, request, &mut detail), allow_list);
    let (((people, inconsistency, read_at), admins), allow_list) = (people?, allow_list?);
    reader.room_was_read(room);
    let live = LiveRoom {
        allow_list,
        ..live_room(room, detail, people, admins, read_at)
    };
    Ok((live, inconsistency))
}

/// Reads who is in a room, and its admins unless they are not needed.
async fn read_people_and_admins(
    reader: &Reader,
    ReadRequest { room, admins, .. }: ReadRequest<'_>,
    detail: &mut Detail,
) -> Result<(OfPeople, Option<AdminList>), CallError> {
    match admins {
        AdminRead::Always => {
            // Both to their end, too.
            let (people, admins) = tokio::join!(read_people(reader, room, detail), read_admins(reader, room));
            let (mut people, admins) = (people?, admins?);
            people.1 = people.1.or(admins.inconsistency.clone());
            Ok((people, Some(admins)))
        }
        AdminRead::IfNeeded(desired) => {
            let mut people = read_people(reader, room, detail).await?;
            let admins = match &people {
                // What contradicts itself removes nobody.
                (_, Some(_), _) => None,
                (of_room, None, _) => {
                    let owner = detail.owner.as_deref();
                    let (admins, inconsistency) = read_needed_admins(reader, desired, of_room, owner).await?;
                    people.1 = inconsistency;
                    admins
                }
            };
            Ok((people, admins))
        }
    }
}

/// Reads the admins of a room if somebody there is not wanted, or a wanted admin is not there; `None`: neither. With them, how
/// the answers contradict each other.
async fn read_needed_admins(
    reader: &Reader,
    desired: &DesiredRoom,
    people: &People,
    owner: Option<&str>,
) -> Result<(Option<AdminList>, Option<Inconsistency>), CallError> {
    let DesiredRoom {
        members,
        admins,
        mode,
        ..
    } = desired;
    let is_owner = |user: &UserId| {
        let name = Some(user.as_str());
        name == owner || name == people.owner.as_deref()
    };
    let is_in =
        |list: &Option<MemberSet>, user: &UserId| list.as_ref().is_some_and(|list| list.contains(user));
    let stays = |user: &UserId| {
        let is_ignored = || desired.ignore.iter().any(|glob| glob.matches(user.as_str()));
        is_in(members, user)
            || is_in(admins, user)
            || is_owner(user)
            || desired.guards.protects(user)
            || is_ignored()
    };
    let is_kept = members.is_none() || *mode == Mode::Additive;
    let may_go =
        |spared: &MemberSet| !is_kept && people.any_beyond(|user| stays(user) || spared.contains(user));
    let mut wanted_admins = admins.iter().flatten();
    let lacks_an_admin = wanted_admins.any(|admin| !is_owner(admin) && !people.has(admin));
    if !lacks_an_admin && !may_go(&MemberSet::default()) {
        return Ok((None, None));
    }
    let list = read_admins(reader, &desired.id).await?;
    let mut inconsistency = list.inconsistency.clone();
    if inconsistency.is_none()
        && admins.is_none()
        && may_go(&list.names)
        && read_admins(reader, &desired.id).await? != list
    {
        inconsistency = Some(Inconsistency::AdminsDiffer);
    }
    Ok((Some(list), inconsistency))
}

/// People of a room, how the answers that show them contradict each other, and when they were asked for first.
type OfPeople = (People, Option<Inconsistency>, Instant);

/// Reads who is in the room, unless the detail shows everyone.
async fn read_people(reader: &Reader, room: &RoomId, detail: &mut Detail) -> Result<OfPeople, CallError> {
    if let Some((people, begun)) = detail.everyone.take() {
        return Ok((people, None, begun));
    }
    let begun = Instant::now();
    let (people, inconsistency) = pages::read(reader, room, detail.count).await?;
    let inconsistency = inconsistency.or_else(|| people.about_owner(detail.owner.as_deref()));
    Ok((people, inconsistency, begun))
}

fn live_room(
    room: &RoomId,
    detail: Detail,
    mut people: People,
    admins: Option<AdminList>,
    read_at: Instant,
) -> LiveRoom {
    let listed = people.listed();
    let owner_page = people.owner_page;
    let owner_row = people.owner.take();
    let has_owner_row = owner_row.is_some();
    let owner = owner_row.or(detail.owner);
    let is_owner = |name: &str| owner.as_deref() == Some(name);
    let (members, foreign) = people.without(owner.as_deref());
    let (admins, mut foreign_admins) = match admins {
        Some(AdminList { names, foreign, .. }) => (Some(names), foreign),
        None => (None, BTreeSet::new()),
    };
    foreign_admins.retain(|name| !is_owner(name));
    LiveRoom {
        id: room.clone(),
        name: detail.name,
        admins: admins.map(|names| names.filter(|user| !is_owner(user.as_str()))),
        foreign_admins,
        allow_list: AllowList::NotRead,
        max_users: detail.max_users,
        owner_page,
        read_at,
        owner_is_in: has_owner_row || listed > (members.len() + foreign.len()) as u64,
        members,
        foreign,
        owner,
    }
}
