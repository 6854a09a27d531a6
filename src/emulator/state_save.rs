//! `roomsync emulator --save FILE`: what the service knows, in the form of a state file.

use super::{Names, Room, State};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

/// A state as [`State::read`] reads it. Of an owner who has left their room the form knows nothing: read again, they
/// are back in it.
#[derive(Serialize)]
pub(super) struct StateDocument<'a> {
    app_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<&'a BTreeSet<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    user_tokens: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    passwords: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<InOrder<'a>>,
    rooms: BTreeMap<String, RoomDocument<'a>>,
}

#[derive(Serialize)]
struct RoomDocument<'a> {
    owner: &'a str,
    admins: InOrder<'a>,
    /// Everybody in the room, because the order tells when each came.
    members: InOrder<'a>,
    /// Owner and admins are on it by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_list: Vec<&'a str>,
    /// People who are kept out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    block_list: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    custom: &'a str,
    created: u64,
    maxusers: u64,
}

struct InOrder<'a>(&'a Names);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

impl<'a> StateDocument<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let State {
            app_key,
            app_id,
            app_certificate,
            tokens,
            user_tokens,
            clients,
            passwords,
            users,
            rooms,
            // Ids that are taken are passed over anyway.
            rooms_created: _,
        } = state;
        let room = |room: &'a Room| RoomDocument {
            owner: room.owner(),
            admins: InOrder(room.admins()),
            members: InOrder(room.members()),
            allow_list: room.allowed().iter().collect(),
            block_list: room.block_list().iter().collect(),
            name: room.name.as_deref(),
            description: &room.description,
            custom: &room.custom,
            created: room.created_ms,
            maxusers: room.maxusers,
        };
        Self {
            app_key: app_key.to_string(),
            app_id: app_id.as_deref(),
            app_certificate: app_certificate.as_deref(),
            tokens: tokens.as_ref(),
            user_tokens: user_tokens
                .iter()
                .map(|(token, user)| (user.as_str(), token.as_str()))
                .collect(),
            clients: clients.as_ref(),
            passwords,
            users: users.as_ref().map(InOrder),
            rooms: rooms.iter().map(|(id, r)| (id.to_string(), room(r))).collect(),
        }
    }
}

/// Writes a state file. Whoever reads it meanwhile, or after a failure, finds the old file or the new one, whole.
pub fn save(state: &State, path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut text = serde_json::to_vec_pretty(&StateDocument::of(state))?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again() {
        let state = State::parse(
            r#"{app_key: "acme#shop", app_id: 970ca35d, app_certificate: 5CFd2fd1755d40ecb72977518be15d3b,
                tokens: [secret], user_tokens: {bob: his}, clients: {id: key}, passwords: {dan: word},
                users: [alice, bob, Carol, dan, bob2, Bob3],
                rooms: {"7": {owner: alice, admins: [dan, bob], members: [Carol, dan, Alice], maxusers: 9,
                              allow_list: [Carol], block_list: [bob2, Bob3], name: shop,
                              description: a room, custom: "{}", created: 7},
                "8": {owner: bob}}}"#,
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for state in [state, State::default()] {
            save(&state, &path).unwrap();
            assert_eq!(State::read(&path).unwrap(), state);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(save(&State::default(), &folder.path().join("no/such/folder")).is_err());
    }
}
