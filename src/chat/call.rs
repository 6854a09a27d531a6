//! The known calls as requests.

use super::classify::{PathPrefix, classify};
use super::error::{CallError, CallErrorKind};
use super::wire::{self, Method};
use crate::model::{RoomId, UserId};
use bytes::Bytes;
use std::slice;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

/// One request, not yet bound to a host.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// `None` if it is about the app or about several rooms.
    pub(super) room: Option<RoomId>,
    /// People named in the call.
    pub(super) users: Vec<UserId>,
    /// Path after the prefix; each part is written as it is sent.
    segments: Vec<String>,
    query: Option<String>,
    pub(super) body: Option<Bytes>,
    /// Time after which it must not go out any more.
    pub(super) not_after: Option<Instant>,
    /// Once one of these is true it must not go out any more.
    pub(super) interrupted: Option<[watch::Receiver<bool>; 2]>,
}

impl Call {
    fn new(method: Method, segments: &[&str]) -> Self {
        Self {
            method,
            room: None,
            users: Vec::new(),
            segments: segments.iter().map(ToString::to_string).collect(),
            query: None,
            body: None,
            not_after: None,
            interrupted: None,
        }
    }

    fn in_room(method: Method, room: &RoomId, rest: &[&str]) -> Self {
        Self {
            room: Some(room.clone()),
            ..Self::new(method, &[&["chatrooms", room.as_str()], rest].concat())
        }
    }

    fn with_body(self, body: &impl serde::Serialize) -> Self {
        // Bodies are plain lists of names: writing them cannot fail; a call without its body would be refused.
        Self {
            body: serde_json::to_vec(body).ok().map(Bytes::from),
            ..self
        }
    }

    fn with_query(self, query: String) -> Self {
        Self {
            query: Some(query),
            ..self
        }
    }

    fn about(self, users: &[UserId]) -> Self {
        Self {
            users: users.to_vec(),
            ..self
        }
    }

    pub(super) fn not_after(self, instant: Instant) -> Self {
        Self {
            not_after: Some(instant),
            ..self
        }
    }

    pub(super) fn add_one(room: &RoomId, user: &UserId) -> Self {
        Self::in_room(Method::AddOne, room, &["users", user.as_str()]).about(slice::from_ref(user))
    }

    pub(super) fn add_many(room: &RoomId, users: &[UserId]) -> Self {
        let usernames = users.iter().map(ToString::to_string).collect();
        Self::in_room(Method::AddMany, room, &["users"])
            .with_body(&wire::AddMany { usernames })
            .about(users)
    }

    pub(super) fn list_members(room: &RoomId, page: u32, size: usize) -> Self {
        Self::in_room(Method::ListMembers, room, &["users"])
            .with_query(format!("pagenum={page}&pagesize={size}"))
    }

    pub(super) fn remove_one(room: &RoomId, user: &UserId) -> Self {
        Self::in_room(Method::RemoveOne, room, &["users", user.as_str()]).about(slice::from_ref(user))
    }

    /// With one name in the path this is [`Method::RemoveOne`].
    pub(super) fn remove_many(room: &RoomId, users: &[UserId]) -> Self {
        if let [user] = users {
            return Self::remove_one(room, user);
        }
        let joined = joined(users.iter().map(UserId::as_str));
        Self::in_room(Method::RemoveMany, room, &["users", &joined]).about(users)
    }

    pub(super) fn promote(room: &RoomId, user: &UserId) -> Self {
        let newadmin = user.to_string();
        Self::in_room(Method::Promote, room, &["admin"])
            .with_body(&wire::Promote { newadmin })
            .about(slice::from_ref(user))
    }

    pub(super) fn list_admins(room: &RoomId) -> Self {
        Self::in_room(Method::ListAdmins, room, &["admin"])
    }

    pub(super) fn demote(room: &RoomId, user: &UserId) -> Self {
        Self::in_room(Method::Demote, room, &["admin", user.as_str()]).about(slice::from_ref(user))
    }

    pub(super) fn list_allowed(room: &RoomId) -> Self {
        Self::in_room(Method::ListAllowed, room, &["white", "users"])
    }

    pub(super) fn allow_many(room: &RoomId, users: &[UserId]) -> Self {
        let usernames = users.iter().map(ToString::to_string).collect();
        Self::in_room(Method::AllowMany, room, &["white", "users"])
            .with_body(&wire::AddMany { usernames })
            .about(users)
    }

    pub(super) fn disallow_many(room: &RoomId, users: &[UserId]) -> Self {
        let joined = joined(users.iter().map(UserId::as_str));
        Self::in_room(Method::DisallowMany, room, &["white", "users", &joined]).about(users)
    }

    pub(super) fn room_detail(rooms: &[&RoomId]) -> Self {
        if let [room] = rooms {
            return Self::in_room(Method::RoomDetail, room, &[]);
        }
        let ids = joined(rooms.iter().map(|room| room.as_str()));
        Self::new(Method::RoomDetail, &["chatrooms", &ids])
    }

    pub(super) fn list_rooms(limit: usize, cursor: Option<&str>) -> Self {
        let mut query = format!("limit={limit}");
        if let Some(cursor) = cursor {
            query += "&cursor=";
            query.extend(url::form_urlencoded::byte_serialize(cursor.as_bytes()));
        }
        Self::new(Method::ListRooms, &["chatrooms"]).with_query(query)
    }

    /// This call's failure.
    pub(super) fn error(&self, kind: CallErrorKind) -> CallError {
        CallError {
            method: self.method,
            room: self.room.clone(),
            kind,
        }
    }

    pub(super) fn http_method(&self) -> http::Method {
        match self.method {
            Method::AddOne | Method::AddMany | Method::Promote | Method::AllowMany => http::Method::POST,
            Method::RemoveOne | Method::RemoveMany | Method::Demote | Method::DisallowMany => {
                http::Method::DELETE
            }
            Method::ListMembers
            | Method::ListAdmins
            | Method::RoomDetail
            | Method::ListRooms
            | Method::ListAllowed => http::Method::GET,
        }
    }

    /// The call's address at this host, if that is certainly this call and no other.
    ///
    /// URL libraries resolve `.` and `..` in a path, `%2e` included, so the parsed address is checked, the one that is
    /// sent.
    pub(super) fn url(&self, base: &Url, prefix: &PathPrefix) -> Option<Url> {
        let path = prefix
            .0
            .iter()
            .chain(&self.segments)
            .map(|s| format!("/{s}"))
            .collect::<String>();
        let mut url = base.clone();
        url.set_path(&path);
        url.set_query(self.query.as_deref());
        url.set_fragment(None);
        let same_place = url.origin() == base.origin() && url.path() == path;
        (same_place && classify(&self.http_method(), &url, prefix) == Some(self.method)).then_some(url)
    }
}

/// Names joined as the seed has it: the comma written as `%2C`.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join("%2C")
}

#[cfg(test)]
mod tests {
    use super::super::classify::MAX_CURSOR;
    use super::*;

    #[test]
    fn a_cursor_is_sent_back_as_it_came_and_means_nothing_else() {
        let prefix = PathPrefix::new("org", "app").unwrap();
        let base = Url::parse("https://chat.example").unwrap();
        for cursor in ["ZGNiMj", "../..", "a&limit=1", "a b#c?d=é\n", "undefined", "%2e"] {
            let url = Call::list_rooms(7, Some(cursor)).url(&base, &prefix).unwrap();
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let wanted = [("limit", "7"), ("cursor", cursor)].map(|(key, value)| (key.into(), value.into()));
            assert_eq!(pairs, wanted);
            assert_eq!(url.path(), "/org/app/chatrooms");
        }
        let endless = Call::list_rooms(7, Some(&"x".repeat(MAX_CURSOR + 1)));
        assert_eq!(endless.url(&base, &prefix), None);
    }
}
