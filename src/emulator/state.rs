use super::refusal::Refusal;
use super::state_file::{self, StateError};
use super::{Names, Room};
use crate::model::{BadUserId, RoomId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// Everything the service knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Where its calls are found: `/{org}/{app}/…`
    pub app_key: AppKey,
    /// Where its calls are found as well, if it has one: `/app-id/{app_id}/…`
    pub app_id: Option<String>,
    /// The tokens it accepts; `None` accepts any.
    pub tokens: Option<BTreeSet<String>>,
    /// Users' own tokens, and whose each is.
    pub user_tokens: BTreeMap<String, String>,
    /// The certificate that the app's AccessToken2 tokens are made with; then `tokens` alone are accepted beside them.
    pub app_certificate: Option<String>,
    /// Client ids and their secrets, for `POST /token`; `None` takes any.
    pub clients: Option<BTreeMap<String, String>>,
    /// Passwords of users, by name in lower case.
    pub passwords: BTreeMap<String, String>,
    /// The users it knows; `None` knows every name that keeps to the rules.
    pub users: Option<Names>,
    /// The rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Number of rooms created by a call, so that no id is given twice.
    pub rooms_created: u64,
}

impl State {
    /// Reads a state file, YAML or JSON.
    pub fn read(path: &Path) -> Result<Self, StateError> {
        state_file::read(path)
    }

    /// Reads the text of a state file, YAML or JSON.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        state_file::parse(text)
    }

    /// True if this is a user of the app.
    #[must_use]
    pub fn knows(&self, user: &str) -> bool {
        match &self.users {
            Some(users) => users.contains(user),
            // Names of dots only keep to the service's rules; it is only us who never take one.
            None => matches!(UserId::parse(user), Ok(_) | Err(BadUserId::DotsOnly)),
        }
    }

    /// Id of the room that was created last by a call, there still or not.
    pub(super) fn last_created(&self) -> Option<RoomId> {
        let number = self.rooms_created.checked_sub(1)?;
        RoomId::parse(&super::admin_api::room_id(number).to_string()).ok()
    }

    pub(super) fn room(&self, id: &str) -> Result<&Room, Refusal> {
        RoomId::parse(id)
            .ok()
            .and_then(|id| self.rooms.get(&id))
            .ok_or_else(|| Refusal::NoSuchRoom(id.to_owned()))
    }

    pub(super) fn room_mut(&mut self, id: &str) -> Result<&mut Room, Refusal> {
        RoomId::parse(id)
            .ok()
            .and_then(|id| self.rooms.get_mut(&id))
            .ok_or_else(|| Refusal::NoSuchRoom(id.to_owned()))
    }
}

/// An app's name: its organisation's and its own, written `org#app`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppKey {
    org: String,
    app: String,
}

impl AppKey {
    /// Reads `org#app`; `None` unless both halves can stand in a path as they are.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (org, app) = text.split_once('#')?;
        (is_path_word(org) && is_path_word(app)).then(|| Self {
            org: org.to_owned(),
            app: app.to_owned(),
        })
    }

    /// The organisation.
    #[must_use]
    pub fn org(&self) -> &str {
        &self.org
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }
}

impl Default for AppKey {
    fn default() -> Self {
        Self {
            org: "acme".to_owned(),
            app: "demo".to_owned(),
        }
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.org, self.app)
    }
}

/// True if a text stands for itself as a segment of a path.
pub(super) fn is_path_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}
