//! `roomsync emulator --state FILE`.

use super::state::is_path_word;
use super::{AppKey, Names, Room, State};
use crate::model::{BadRoomId, BadUserId, MAX_ADMINS, RoomId, UserId};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Reason why a state file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// The text is not YAML, or its keys and values are not those of a state. Nothing of the text is shown: it may be another file, and
    /// a state has tokens.
    #[error(
        "this is not the state of an emulator{}; it may have app_key, app_id, app_certificate, tokens, user_tokens, clients, passwords, \
         users and rooms, and each room an owner, admins, members, allow_list, block_list, name, description, custom, created and maxusers",
        .0.map_or(String::new(), |(line, column)| format!(" (line {line}, column {column})"))
    )]
    NoState(Option<(usize, usize)>),
    /// `app_key` has another form.
    #[error("app_key is written org#app, each of letters, digits, `-` and `_`; {0:?} is not")]
    AppKey(String),
    /// `app_id` has another form.
    #[error("app_id consists of letters, digits, `-` and `_`; {0:?} does not")]
    AppId(String),
    /// `app_certificate` has another form, or there is no `app_id` that it could be for.
    #[error("app_certificate is 32 hex digits, and stands beside an app_id")]
    AppCertificate,
    /// A name in `user_tokens` or `passwords` breaks the rules or is not among the users.
    #[error("{0:?} in `user_tokens` or `passwords` is not a user")]
    TokenOfNobody(String),
    /// Somebody on a room's allow list is not in the room.
    #[error("{name:?} is on the allow list of room {room}, and not in that room")]
    AllowedOutsider {
        /// The room.
        room: RoomId,
        /// The name.
        name: String,
    },
    /// Somebody on a room's block list is in the room, or owns it.
    #[error(
        "{name:?} is on the block list of room {room}, and in that room: take them off one of the two lists"
    )]
    BlockedInside {
        /// The room.
        room: RoomId,
        /// The name.
        name: String,
    },
    /// A key of `rooms` is not a room id.
    #[error("{id:?} in `rooms` is not a room id")]
    RoomId {
        /// The text that stands there.
        id: String,
        /// The reason.
        source: BadRoomId,
    },
    /// A name in `users` breaks the rules.
    #[error("{name:?} in `users` is not a username")]
    User {
        /// The text that stands there.
        name: String,
        /// The reason.
        source: BadUserId,
    },
    /// A name in a room breaks the rules.
    #[error("{name:?} in room {room} is not a username")]
    Member {
        /// The room.
        room: RoomId,
        /// The text that stands there.
        name: String,
        /// The reason.
        source: BadUserId,
    },
    /// Somebody in a room is not among the users.
    #[error(
        "{name:?} in room {room} is not in `users`: add them there, or leave `users` out to know every name"
    )]
    Stranger {
        /// The room.
        room: RoomId,
        /// The name.
        name: String,
    },
    /// The owner stands among the admins.
    #[error("room {room} has its owner among its admins: take them out, an owner is not an admin")]
    OwnerIsAdmin {
        /// The room.
        room: RoomId,
    },
    /// More admins than a room can have.
    #[error("room {room} has {admins} admins, and a room has at most {MAX_ADMINS}")]
    TooManyAdmins {
        /// The room.
        room: RoomId,
        /// Number of people it has.
        admins: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    app_key: Option<String>,
    app_id: Option<String>,
    app_certificate: Option<String>,
    tokens: Option<BTreeSet<String>>,
    #[serde(default)]
    user_tokens: BTreeMap<String, String>,
    clients: Option<BTreeMap<String, String>>,
    #[serde(default)]
    passwords: BTreeMap<String, String>,
    users: Option<Vec<String>>,
    #[serde(default)]
    rooms: BTreeMap<String, RoomFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomFile {
    owner: String,
    #[serde(default)]
    admins: Vec<String>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    allow_list: Vec<String>,
    #[serde(default)]
    block_list: Vec<String>,
    name: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    custom: String,
    created: Option<u64>,
    maxusers: Option<u64>,
}

/// Reads a state file, YAML or JSON.
pub(super) fn read(path: &Path) -> Result<State, StateError> {
    parse(&fs::read_to_string(path).map_err(StateError::Read)?)
}

/// Reads the text of a state file, YAML or JSON.
pub(super) fn parse(text: &str) -> Result<State, StateError> {
    let file: StateFile = serde_yaml::from_str(text).map_err(|error| {
        let at = error.location();
        StateError::NoState(at.map(|at| (at.line(), at.column())))
    })?;
    let app_key = match file.app_key {
        Some(text) => AppKey::parse(&text).ok_or(StateError::AppKey(text))?,
        None => AppKey::default(),
    };
    if let Some(app_id) = file.app_id.as_ref().filter(|app_id| !is_path_word(app_id)) {
        return Err(StateError::AppId(app_id.clone()));
    }
    if let Some(certificate) = &file.app_certificate {
        let hex = certificate.len() == 32 && certificate.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex || file.app_id.is_none() {
            return Err(StateError::AppCertificate);
        }
    }
    for name in file.users.iter().flatten() {
        UserId::parse(name).map_err(|source| StateError::User {
            name: name.clone(),
            source,
        })?;
    }
    let mut state = State {
        app_key,
        app_id: file.app_id,
        tokens: file.tokens,
        app_certificate: file.app_certificate,
        clients: file.clients,
        users: file.users.map(Names::from_iter),
        ..State::default()
    };
    for (user, token) in file.user_tokens {
        if !state.knows(&user) {
            return Err(StateError::TokenOfNobody(user));
        }
        state.user_tokens.insert(token, user);
    }
    for (user, password) in file.passwords {
        if !state.knows(&user) {
            return Err(StateError::TokenOfNobody(user));
        }
        state.passwords.insert(user.to_ascii_lowercase(), password);
    }
    for (id, room) in file.rooms {
        let id = RoomId::parse(&id).map_err(|source| StateError::RoomId { id, source })?;
        let room = room.check(&id, &state)?;
        state.rooms.insert(id, room);
    }
    Ok(state)
}

impl RoomFile {
    fn check(self, id: &RoomId, state: &State) -> Result<Room, StateError> {
        let inside = [&self.owner].into_iter().chain(&self.admins).chain(&self.members);
        for name in inside.chain(&self.block_list) {
            UserId::parse(name).map_err(|source| StateError::Member {
                room: id.clone(),
                name: name.clone(),
                source,
            })?;
            if !state.knows(name) {
                return Err(StateError::Stranger {
                    room: id.clone(),
                    name: name.clone(),
                });
            }
        }
        let (admins, members) = (Names::from_iter(&self.admins), Names::from_iter(&self.members));
        if admins.contains(&self.owner) {
            return Err(StateError::OwnerIsAdmin { room: id.clone() });
        }
        if admins.len() > MAX_ADMINS {
            return Err(StateError::TooManyAdmins {
                room: id.clone(),
                admins: admins.len(),
            });
        }

        // The owner and the admins are in the room whether `members` names them or not: where it does, in the place
        // where it does, else before all others.
        let mut room = Room::new(&self.owner);
        if members.contains(&self.owner) {
            room.leave(&self.owner);
        }
        for user in admins
            .iter()
            .filter(|admin| !members.contains(admin))
            .chain(members.iter())
        {
            room.join(user);
        }
        for admin in admins.iter() {
            room.promote(admin);
        }
        for name in self.allow_list {
            if !room.allow(&name) {
                return Err(StateError::AllowedOutsider {
                    room: id.clone(),
                    name,
                });
            }
        }
        for name in self.block_list {
            if room.is_owner(&name) || room.members().contains(&name) {
                return Err(StateError::BlockedInside {
                    room: id.clone(),
                    name,
                });
            }
            room.block(&name);
        }
        room.name = self.name;
        room.description = self.description;
        room.custom = self.custom;
        room.created_ms = self.created.unwrap_or(Room::DEFAULT_CREATED_MS);
        room.maxusers = self.maxusers.unwrap_or(Room::DEFAULT_MAXUSERS);
        Ok(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let error = State::parse(text).unwrap_err();
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn the_shape_of_the_contract() {
        let state = State::parse(
            r#"{app_key: "acme#shop", tokens: [secret], users: [alice, bob, Carol],
                rooms: {"66213271109633": {owner: alice, admins: [bob], members: [carol, Alice], maxusers: 3}}}"#,
        )
        .unwrap();
        assert_eq!(state.app_key.to_string(), "acme#shop");
        assert!(state.knows("CAROL") && !state.knows("dave"));
        let room = state.room("66213271109633").unwrap();
        assert_eq!((room.owner(), room.maxusers), ("alice", 3));
        assert_eq!(room.admins().iter().collect::<Vec<_>>(), ["bob"]);
        assert_eq!(
            room.members().iter().collect::<Vec<_>>(),
            ["bob", "carol", "Alice"]
        );
    }

    #[test]
    fn what_is_left_out() {
        let state = State::parse("rooms:\n  7:\n    owner: alice\n").unwrap();
        assert_eq!(state.app_key, AppKey::default());
        assert_eq!((&state.tokens, &state.users), (&None, &None));
        assert!(state.knows("anybody") && state.knows("..") && !state.knows("any body"));
        assert_eq!(state.room("7"), Ok(&Room::new("alice")));
        assert_eq!(State::parse("{}").unwrap(), State::default());
        assert_eq!(State::parse(r#"{"rooms": {}}"#).unwrap(), State::default());
    }

    #[test]
    fn every_mistake_is_named() {
        let admins: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
        let crowd = format!("rooms: {{7: {{owner: o, admins: {admins:?}}}}}");
        let problems = [
            "rooms: [",
            "tokken: [secret]",
            "rooms: {7: {owner: o, boss: b}}",
            "rooms: {7: {members: [a]}}",
            "app_key: acme",
            "app_key: a/b#c",
            "app_id: ..",
            "{app_id: a, app_certificate: 5CFd}",
            "app_certificate: 5CFd2fd1755d40ecb72977518be15d3b",
            "{users: [a], user_tokens: {b: secret}}",
            "rooms: {7: {owner: o, allow_list: [a]}}",
            "rooms: {7: {owner: o, members: [a], block_list: [A]}}",
            "rooms: {7: {owner: o, block_list: [o]}}",
            "rooms: {7: {owner: o, block_list: [a b]}}",
            "users: [a b]",
            "rooms: {007: {owner: o}}",
            "rooms: {7: {owner: o, members: ['..']}}",
            "{users: [o], rooms: {7: {owner: o, members: [p]}}}",
            "rooms: {7: {owner: o, admins: [O]}}",
            &crowd,
        ]
        .map(problem);
        insta::assert_snapshot!(problems.join("\n"), @r#"
        this is not the state of an emulator (line 1, column 8); it may have app_key, app_id, app_certificate, tokens, user_tokens, clients, passwords, users and rooms, and each room an owner, admins, members, allow_list, block_list, name, description, custom, created and maxusers
        this is not the state of an emulator (line 1, column 1); it may have app_key, app_id, app_certificate, tokens, user_tokens, clients, passwords, users and rooms, and each room an owner, admins, members, allow_list, block_list, name, description, custom, created and maxusers
        this is not the state of an emulator (line 1, column 23); it may have app_key, app_id, app_certificate, tokens, user_tokens, clients, passwords, users and rooms, and each room an owner, admins, members, allow_list, block_list, name, description, custom, created and maxusers
        this is not the state of an emulator (line 1, column 12); it may have app_key, app_id, app_certificate, tokens, user_tokens, clients, passwords, users and rooms, and each room an owner, admins, members, allow_list, block_list, name, description, custom, created and maxusers
        app_key is written org#app, each of letters, digits, `-` and `_`; "acme" is not
        app_key is written org#app, each of letters, digits, `-` and `_`; "a/b#c" is not
        app_id consists of letters, digits, `-` and `_`; ".." does not
        app_certificate is 32 hex digits, and stands beside an app_id
        app_certificate is 32 hex digits, and stands beside an app_id
        "b" in `user_tokens` or `passwords` is not a user
        "a" is on the allow list of room 7, and not in that room
        "A" is on the block list of room 7, and in that room: take them off one of the two lists
        "o" is on the block list of room 7, and in that room: take them off one of the two lists
        "a b" in room 7 is not a username: a name consists of a-z, A-Z, 0-9, `_`, `-` and `.`, and this one holds a space
        "a b" in `users` is not a username: a name consists of a-z, A-Z, 0-9, `_`, `-` and `.`, and this one holds a space
        "007" in `rooms` is not a room id: a room id is a whole number without sign or leading zero, at most 32 digits long
        ".." in room 7 is not a username: a name cannot consist of dots only: in a request's path it would mean another path
        "p" in room 7 is not in `users`: add them there, or leave `users` out to know every name
        room 7 has its owner among its admins: take them out, an owner is not an admin
        room 7 has 100 admins, and a room has at most 99
        "#);
        let missing = State::read(Path::new("no/such/file")).unwrap_err();
        assert!(matches!(missing, StateError::Read(_)), "{missing:?}");
    }
}
