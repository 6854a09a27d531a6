//! Users and rooms that come and go: what a client needs to set a scene. [P]

use super::profile::Profile;
use super::refusal::Refusal;
use super::uuid::uuid;
use super::{Room, State};
use crate::model::{BadUserId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Places of a room unless its creator says otherwise. [P]
const CREATED_MAXUSERS: u64 = 200;
/// Before the ids of the rooms that the service creates: as long as those of the real one.
const FIRST_ROOM: u64 = 66_213_271_109_634;

/// Body of `POST /users`: one user or many.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum CreateUsers {
    One(NewUser),
    Many(Vec<NewUser>),
}

/// A user to be.
#[derive(Debug, Deserialize)]
pub(super) struct NewUser {
    username: String,
    password: Option<String>,
}

impl NewUser {
    /// Somebody without a password.
    pub(super) fn named(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: None,
        }
    }
}

/// Body of `POST /chatrooms`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateRoom {
    name: Option<String>,
    #[serde(default)]
    description: String,
    owner: Option<String>,
    #[serde(default)]
    members: Vec<String>,
    maxusers: Option<u64>,
    #[serde(default)]
    custom: String,
}

/// A user as the calls about users show them; `created` in milliseconds since 1970 (seed, "Response parameters").
#[derive(Debug, Serialize)]
pub(super) struct UserEntity {
    uuid: String,
    #[serde(rename = "type")]
    kind: &'static str,
    created: u64,
    modified: u64,
    username: String,
    activated: bool,
}

impl UserEntity {
    pub(super) fn new(username: &str, now_ms: u64) -> Self {
        Self {
            uuid: user_uuid(username),
            kind: "user",
            created: now_ms,
            modified: now_ms,
            username: username.to_owned(),
            activated: true,
        }
    }
}

/// The same for the same user: made from their name.
pub(super) fn user_uuid(username: &str) -> String {
    let digest = Sha256::digest(username.to_ascii_lowercase());
    let bits = digest
        .iter()
        .take(16)
        .fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    uuid(bits)
}

/// One name that cannot be, and nobody is created. [?] Where every name is known, nobody is there already.
pub(super) fn create_users(
    state: &mut State,
    profile: Profile,
    new: CreateUsers,
    now_ms: u64,
) -> Result<Vec<UserEntity>, Refusal> {
    let new = match new {
        CreateUsers::One(user) => vec![user],
        CreateUsers::Many(users) => users,
    };
    for NewUser { username, .. } in &new {
        if !matches!(UserId::parse(username), Ok(_) | Err(BadUserId::DotsOnly)) {
            return Err(Refusal::BadArgument(format!(
                "username [{username}] is not legal"
            )));
        }
        if state.users.as_ref().is_some_and(|users| users.contains(username)) {
            return Err(Refusal::UserExists(username.clone()));
        }
    }
    let create = |NewUser { username, password }| {
        let username = profile.spell(&username);
        if let Some(users) = &mut state.users {
            users.insert(&username);
        }
        if let Some(password) = password {
            state.passwords.insert(username.to_ascii_lowercase(), password);
        }
        UserEntity::new(&username, now_ms)
    };
    Ok(new.into_iter().map(create).collect())
}

/// Their rooms and those that keep them out lose them; a room that they own keeps them as its owner. [?]
pub(super) fn delete_user(state: &mut State, user: &str, now_ms: u64) -> Result<Vec<UserEntity>, Refusal> {
    let gone = match &mut state.users {
        Some(users) => users.remove(user),
        None => state.knows(user),
    };
    if !gone {
        return Err(Refusal::NoSuchResource);
    }
    state.passwords.remove(&user.to_ascii_lowercase());
    for room in state.rooms.values_mut() {
        room.leave(user);
        room.unblock(user);
    }
    Ok(vec![UserEntity::new(user, now_ms)])
}

/// Deletes so many users, the oldest first. [?]
pub(super) fn delete_users(state: &mut State, limit: usize, now_ms: u64) -> Result<Vec<UserEntity>, Refusal> {
    let users: Vec<String> = state
        .users
        .iter()
        .flat_map(|users| users.iter().take(limit))
        .map(str::to_owned)
        .collect();
    let mut gone = Vec::new();
    for user in users {
        gone.extend(delete_user(state, &user, now_ms)?);
    }
    Ok(gone)
}

/// Creates a room and gives its id.
pub(super) fn create_room(
    state: &mut State,
    profile: Profile,
    new: CreateRoom,
    now_ms: u64,
) -> Result<String, Refusal> {
    let CreateRoom {
        name,
        description,
        owner,
        members,
        maxusers,
        custom,
    } = new;
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let name = given(name).ok_or(Refusal::BadParameter("chatroom must contain title/name field!"))?;
    let owner = given(owner).ok_or(Refusal::BadParameter("owner must be provided"))?;
    if let Some(stranger) = [&owner]
        .into_iter()
        .chain(&members)
        .find(|user| !state.knows(user))
    {
        let side = profile.add_many_stranger;
        return Err(Refusal::NoSuchUser {
            user: stranger.clone(),
            side,
        });
    }
    let mut room = Room::new(&profile.spell(&owner));
    for member in &members {
        room.join(&profile.spell(member));
    }
    room.maxusers = maxusers.unwrap_or(CREATED_MAXUSERS);
    room.name = Some(name);
    room.description = description;
    room.custom = custom;
    room.created_ms = now_ms;
    if !room.has_place_for(0) {
        return Err(Refusal::RoomFull);
    }
    loop {
        let id = room_id(state.rooms_created).to_string();
        state.rooms_created += 1;
        match RoomId::parse(&id) {
            Ok(room_id) if state.rooms.contains_key(&room_id) => {}
            Ok(room_id) => {
                state.rooms.insert(room_id, room);
                return Ok(id);
            }
            Err(_) => return Err(Refusal::NoSuchRoom(id)),
        }
    }
}

/// Id of the nth room that the service creates, from 0 on.
pub(super) fn room_id(number: u64) -> u64 {
    FIRST_ROOM + number
}

/// The call that nobody may ever cause by accident: what `DELETE …/users/..` becomes once a library on the way has
/// resolved the dots. [P]
pub(super) fn delete_room(state: &mut State, id: &str) -> Result<(), Refusal> {
    match RoomId::parse(id).ok().and_then(|id| state.rooms.remove(&id)) {
        Some(_) => Ok(()),
        None => Err(Refusal::NoSuchRoom(id.to_owned())),
    }
}
