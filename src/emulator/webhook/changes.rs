//! Changes of the state in the terms of events.

use crate::emulator::{Names, Profile, Room, State};
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

/// Whose change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Author<'a> {
    /// The app's.
    App,
    /// This user's.
    User(&'a str),
    /// That of each person whom it is about.
    Themselves,
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
    pub(super) owner: String,
    pub(super) what: Change<'a>,
    /// People whom it is about.
    pub(super) people: Vec<String>,
    /// User who did it; none: the app.
    pub(super) operator: Option<String>,
    /// People who are in the room after it, where the service tells this.
    pub(super) member_count: Option<usize>,
}

/// Change of the people of an event, or of their room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// The room is there, and they are in it.
    Created(&'a Room),
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

    /// The events of what `author` has done since.
    pub(super) fn events<'a>(&'a self, after: &'a State, author: Author<'_>) -> Vec<RoomEvent<'a>> {
        let changed = self.rooms.iter().flat_map(|(id, before)| {
            match after.rooms.get(id) {
                // "DELETE: all members", and then the room itself; that this is their order is an assumption. [?]
                None => [Change::Left(Leave::Delete), Change::Deleted]
                    .map(|what| RoomEvent::new((id, before), what, all(before.members()), author))
                    .into(),
                Some(room) => changes(before, room, author)
                    .into_iter()
                    .filter(|(_, people)| !people.is_empty())
                    .flat_map(|(what, people)| match author {
                        Author::Themselves => one_each((id, room), &what, people, before.members().len()),
                        Author::App | Author::User(_) => {
                            let counted = matches!(what, Change::Joined | Change::Left(_));
                            let mut event = RoomEvent::new((id, room), what, people, author);
                            event.member_count = counted.then(|| room.members().len());
                            vec![event]
                        }
                    })
                    .collect::<Vec<_>>(),
            }
        });
        let created = after
            .last_created()
            .filter(|_| after.rooms_created > self.rooms_created)
            .and_then(|id| after.rooms.get_key_value(&id));
        let created = created.into_iter().flat_map(|(id, room)| {
            let created = Change::Created(room);
            // That the owner joins too is an assumption. [?]
            [(created, None), (Change::Joined, Some(room.members().len()))].map(|(what, member_count)| {
                RoomEvent {
                    member_count,
                    ..RoomEvent::new((id, room), what, all(room.members()), author)
                }
            })
        });
        changed.chain(created).collect()
    }
}

impl<'a> RoomEvent<'a> {
    fn new(
        (id, room): (&'a RoomId, &Room),
        what: Change<'a>,
        people: Vec<String>,
        author: Author<'_>,
    ) -> Self {
        Self {
            id,
            owner: room.owner().to_owned(),
            what,
            operator: match (author, people.first()) {
                (Author::User(user), _) => Some(user.to_owned()),
                (Author::Themselves, Some(person)) => Some(person.clone()),
                (Author::App, _) | (Author::Themselves, None) => None,
            },
            people,
            member_count: None,
        }
    }

    /// The same with names as the service shows them.
    pub(super) fn spelled(self, profile: Profile) -> Self {
        let spell = |name: &String| profile.spell(name);
        Self {
            owner: spell(&self.owner),
            people: self.people.iter().map(spell).collect(),
            operator: self.operator.as_ref().map(spell),
            ..self
        }
    }
}

/// The events of people who have left this room because they were offline: one each, which the app makes (`[P]`).
pub(super) fn gone_offline<'a>(id: &'a RoomId, room: &'a Room, users: &Names) -> Vec<RoomEvent<'a>> {
    let before = room.members().len() + users.len();
    let mut events = one_each((id, room), &Change::Left(Leave::Offline), all(users), before);
    events.iter_mut().for_each(|event| event.operator = None);
    events
}

/// An event for each of these people, in their own name, after which there is one more in the room or one less than `before`.
fn one_each<'a>(
    (id, room): (&'a RoomId, &Room),
    what: &Change<'a>,
    people: Vec<String>,
    before: usize,
) -> Vec<RoomEvent<'a>> {
    let event = |(place, person)| RoomEvent {
        member_count: match what {
            Change::Joined => Some(before + place + 1),
            Change::Left(_) => Some(before.saturating_sub(place + 1)),
            _ => None,
        },
        ..RoomEvent::new((id, room), what.clone(), vec![person], Author::Themselves)
    };
    people.into_iter().enumerate().map(event).collect()
}

/// Changes of a room, and to whom each happened. An admin who goes loses that role first, and is told both times. [?]
fn changes(before: &Room, after: &Room, author: Author<'_>) -> Vec<(Change<'static>, Vec<String>)> {
    use Listing::{Add, Remove};
    let blocked = only_in(after.block_list(), before.block_list());
    let is_blocked = |user: &String| after.block_list().contains(user);
    let left = only_in(before.members(), after.members());
    let (put_out, left): (Vec<_>, Vec<_>) = left.into_iter().partition(is_blocked);
    let (quit, kicked): (Vec<_>, Vec<_>) = left.into_iter().partition(|person| match author {
        Author::App => false,
        Author::User(user) => person.eq_ignore_ascii_case(user),
        Author::Themselves => true,
    });
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
