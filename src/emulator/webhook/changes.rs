//! Changes of the state in the terms of events.

use super::APP;
use crate::emulator::{Names, Room, State};
use crate::model::RoomId;

/// Rooms that a change may touch.
#[derive(Debug, Clone, Copy)]
pub(in crate::emulator) enum Scope<'a> {
    /// None but those that it creates.
    Created,
    /// This one.
    Room(&'a RoomId),
    /// Any.
    Everywhere,
}

/// The rooms that a change may touch, as they were before it.
#[derive(Debug)]
pub(in crate::emulator) struct Before {
    rooms: Vec<(RoomId, Room)>,
    rooms_created: u64,
}

/// An event: a room, what happened to whom, and by whom.
#[derive(Debug)]
pub(super) struct RoomEvent<'a> {
    pub(super) id: &'a RoomId,
    pub(super) owner: &'a str,
    pub(super) what: Change,
    /// People whom it is about.
    pub(super) people: Vec<String>,
    pub(super) operator: &'a str,
    /// People who are in the room after it, where the service tells this.
    pub(super) member_count: Option<usize>,
}

/// Change of the people of an event, or of their room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The room is there, and they are in it.
    Created {
        title: String,
        maxusers: u64,
    },
    Joined,
    Left(Leave),
    Admin(Listing),
    Allowed(Listing),
    Blocked(Listing),
    /// The room is gone; they were in it.
    Deleted,
}

/// Reason why somebody leaves a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// They chose to.
    Quit,
    /// They were offline for too long.
    Offline,
    /// Somebody removed them.
    Kick,
    /// Somebody blocked them.
    Block,
    /// The room is gone.
    Delete,
}

/// Direction of a change of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    Add,
    Remove,
}

impl Before {
    pub(in crate::emulator) fn new(state: &State, scope: Scope<'_>) -> Self {
        let copy = |(id, room): (&RoomId, &Room)| (id.clone(), room.clone());
        Self {
            rooms: match scope {
                Scope::Created => Vec::new(),
                Scope::Room(id) => state.rooms.get_key_value(id).map(copy).into_iter().collect(),
                Scope::Everywhere => state.rooms.iter().map(copy).collect(),
            },
            rooms_created: state.rooms_created,
        }
    }

    /// The events of what `operator` has done since.
    pub(super) fn events<'a>(&'a self, after: &'a State, operator: &'a str) -> Vec<RoomEvent<'a>> {
        let changed = self.rooms.iter().flat_map(|(id, before)| {
            let event = |what, people, room: &'a Room, member_count| RoomEvent {
                id,
                owner: room.owner(),
                what,
                people,
                operator,
                member_count,
            };
            match after.rooms.get(id) {
                // "DELETE: all members", and then the room itself; that this is their order is an assumption. [?]
                None => [Change::Left(Leave::Delete), Change::Deleted]
                    .map(|what| event(what, all(before.members()), before, None))
                    .into(),
                Some(room) => changes(before, room, operator)
                    .into_iter()
                    .filter(|(_, people)| !people.is_empty())
                    .map(|(what, people)| {
                        let counted = matches!(what, Change::Joined | Change::Left(_));
                        event(what, people, room, counted.then(|| room.members().len()))
                    })
                    .collect::<Vec<_>>(),
            }
        });
        let created = after
            .last_created()
            .filter(|_| after.rooms_created > self.rooms_created)
            .and_then(|id| after.rooms.get_key_value(&id));
        let created = created.into_iter().flat_map(|(id, room)| {
            let created = Change::Created {
                title: room.name.clone().unwrap_or_default(),
                maxusers: room.maxusers,
            };
            // That the owner joins too is an assumption. [?]
            [(created, None), (Change::Joined, Some(room.members().len()))].map(|(what, member_count)| {
                RoomEvent {
                    id,
                    owner: room.owner(),
                    what,
                    people: all(room.members()),
                    operator,
                    member_count,
                }
            })
        });
        changed.chain(created).collect()
    }
}

/// The events of people who have left this room because they were offline: one each, which the app makes (`[P]`).
pub(super) fn gone_offline<'a>(id: &'a RoomId, room: &'a Room, users: &Names) -> Vec<RoomEvent<'a>> {
    let count = room.members().len();
    let left = (count..count + users.len()).rev();
    let event = |(user, member_count): (&str, usize)| RoomEvent {
        id,
        owner: room.owner(),
        what: Change::Left(Leave::Offline),
        people: vec![user.to_owned()],
        operator: APP,
        member_count: Some(member_count),
    };
    users.iter().zip(left).map(event).collect()
}

/// Changes of a room, and to whom each happened. An admin who goes loses that role first, and is told both times. [?]
fn changes(before: &Room, after: &Room, operator: &str) -> Vec<(Change, Vec<String>)> {
    use Listing::{Add, Remove};
    let blocked = only_in(after.block_list(), before.block_list());
    let is_blocked = |user: &String| after.block_list().contains(user);
    let left = only_in(before.members(), after.members());
    let (put_out, left): (Vec<_>, Vec<_>) = left.into_iter().partition(is_blocked);
    let (quit, kicked): (Vec<_>, Vec<_>) = left
        .into_iter()
        .partition(|user| user.eq_ignore_ascii_case(operator));
    // Who leaves the room leaves its allow list, and of that nothing is told. [?]
    let mut disallowed = only_in(before.allowed(), after.allowed());
    disallowed.retain(|user| after.members().contains(user));
    vec![
        (Change::Joined, only_in(after.members(), before.members())),
        (Change::Admin(Add), only_in(after.admins(), before.admins())),
        (Change::Admin(Remove), only_in(before.admins(), after.admins())),
        (Change::Allowed(Add), only_in(after.allowed(), before.allowed())),
        (Change::Allowed(Remove), disallowed),
        (Change::Left(Leave::Quit), quit),
        (Change::Left(Leave::Kick), kicked),
        (Change::Left(Leave::Block), put_out),
        (Change::Blocked(Add), blocked),
        (
            Change::Blocked(Remove),
            only_in(before.block_list(), after.block_list()),
        ),
    ]
}

fn only_in(some: &Names, others: &Names) -> Vec<String> {
    let missing = some.iter().filter(|user| !others.contains(user));
    missing.map(str::to_owned).collect()
}

fn all(names: &Names) -> Vec<String> {
    names.iter().map(str::to_owned).collect()
}
