//! The known calls as requests, and the gate that lets nothing else through.

use super::wire::{self, Method};
use crate::model::{RoomId, UserId};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

/// Longest cursor that is sent back, as written in the query. Those seen have under a hundred characters.
const MAX_CURSOR: usize = 4096;

/// What stands before `/chatrooms` in every path: `/{org}/{app}`, or `/app-id/{app_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix([String; 2]);

impl PathPrefix {
    /// `None` where a part could mean another path: each is of `A-Z a-z 0-9 _ - .`, not empty and not of dots only.
    #[must_use]
    pub fn new(first: &str, second: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let good = |part: &str| part.chars().all(allowed) && part.chars().any(|c| c != '.');
        (good(first) && good(second)).then(|| Self([first.into(), second.into()]))
    }
}

/// One request, not yet bound to a host.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) room: Option<RoomId>,
    /// People named in the call.
    pub(super) users: Vec<UserId>,
    /// After the prefix, beginning with `chatrooms`; each part is written as it is sent.
    segments: Vec<String>,
    query: Option<String>,
    pub(super) body: Option<Bytes>,
    /// After this it must not go out any more.
    pub(super) not_after: Option<Instant>,
    /// Once one of these is true it must not either.
    pub(super) interrupted: Option<[watch::Receiver<bool>; 2]>,
}

impl Call {
    fn new(method: Method, room: &RoomId, rest: &[&str]) -> Self {
        let segments = ["chatrooms", room.as_str()]
            .iter()
            .chain(rest)
            .map(ToString::to_string)
            .collect();
        Self {
            room: Some(room.clone()),
            ..Self::of_app(method, segments)
        }
    }

    /// A call that is about no single room.
    fn of_app(method: Method, segments: Vec<String>) -> Self {
        Self {
            method,
            room: None,
            users: Vec::new(),
            segments,
            query: None,
            body: None,
            not_after: None,
            interrupted: None,
        }
    }

    fn with_body(self, body: &impl serde::Serialize) -> Self {
        // Bodies are plain lists of names: writing them cannot fail; a call without its body would be refused.
        Self {
            body: serde_json::to_vec(body).ok().map(Bytes::from),
            ..self
        }
    }

    pub(super) fn not_after(self, instant: Instant) -> Self {
        Self {
            not_after: Some(instant),
            ..self
        }
    }

    pub(super) fn unless(self, interrupted: [watch::Receiver<bool>; 2]) -> Self {
        Self {
            interrupted: Some(interrupted),
            ..self
        }
    }

    fn about(self, users: &[UserId]) -> Self {
        Self {
            users: users.to_vec(),
            ..self
        }
    }

    pub(super) fn add_one(room: &RoomId, user: &UserId) -> Self {
        Self::new(Method::AddOne, room, &["users", user.as_str()]).about(std::slice::from_ref(user))
    }

    pub(super) fn add_many(room: &RoomId, users: &[UserId]) -> Self {
        let usernames = users.iter().map(ToString::to_string).collect();
        let call = Self::new(Method::AddMany, room, &["users"]).with_body(&wire::AddMany { usernames });
        call.about(users)
    }

    pub(super) fn list_members(room: &RoomId, page: u32, size: usize) -> Self {
        let query = Some(format!("pagenum={page}&pagesize={size}"));
        Self {
            query,
            ..Self::new(Method::ListMembers, room, &["users"])
        }
    }

    pub(super) fn remove_one(room: &RoomId, user: &UserId) -> Self {
        Self::new(Method::RemoveOne, room, &["users", user.as_str()]).about(std::slice::from_ref(user))
    }

    pub(super) fn remove_many(room: &RoomId, users: &[UserId]) -> Self {
        let joined = joined(users.iter().map(UserId::as_str));
        Self::new(Method::RemoveMany, room, &["users", &joined]).about(users)
    }

    pub(super) fn promote(room: &RoomId, user: &UserId) -> Self {
        let call = Self::new(Method::Promote, room, &["admin"]).with_body(&wire::Promote {
            newadmin: user.to_string(),
        });
        call.about(std::slice::from_ref(user))
    }

    pub(super) fn list_admins(room: &RoomId) -> Self {
        Self::new(Method::ListAdmins, room, &["admin"])
    }

    pub(super) fn demote(room: &RoomId, user: &UserId) -> Self {
        Self::new(Method::Demote, room, &["admin", user.as_str()]).about(std::slice::from_ref(user))
    }

    pub(super) fn room_detail(rooms: &[&RoomId]) -> Self {
        let ids = joined(rooms.iter().map(|room| room.as_str()));
        let room = if let [room] = rooms {
            Some((*room).clone())
        } else {
            None
        };
        let segments = vec!["chatrooms".into(), ids];
        Self {
            room,
            ..Self::of_app(Method::RoomDetail, segments)
        }
    }

    pub(super) fn list_rooms(limit: usize, cursor: Option<&str>) -> Self {
        let mut query = format!("limit={limit}");
        if let Some(cursor) = cursor {
            query += "&cursor=";
            query.extend(url::form_urlencoded::byte_serialize(cursor.as_bytes()));
        }
        Self {
            query: Some(query),
            ..Self::of_app(Method::ListRooms, vec!["chatrooms".into()])
        }
    }

    pub(super) fn http_method(&self) -> http::Method {
        match self.method {
            Method::AddOne | Method::AddMany | Method::Promote => http::Method::POST,
            Method::RemoveOne | Method::RemoveMany | Method::Demote => http::Method::DELETE,
            Method::ListMembers | Method::ListAdmins | Method::RoomDetail | Method::ListRooms => {
                http::Method::GET
            }
        }
    }

    /// The call's address at this host, if that is certainly this call and no other.
    ///
    /// URL libraries resolve `.` and `..` in a path, `%2e` included, so what is judged is the parsed address, the one
    /// that is sent.
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

/// Says which known call a parsed address is; `None` if it is not exactly one of them.
#[must_use]
pub fn classify(method: &http::Method, url: &Url, prefix: &PathPrefix) -> Option<Method> {
    let segments: Vec<&str> = url.path().strip_prefix('/')?.split('/').collect();
    let [first, second, "chatrooms", rest @ ..] = segments.as_slice() else {
        return None;
    };
    if prefix.0 != [*first, *second] {
        return None;
    }
    let [rooms, rest @ ..] = rest else {
        let is_list = method == http::Method::GET && url.query().is_some_and(is_page_of_rooms);
        return is_list.then_some(Method::ListRooms);
    };
    let one_room = RoomId::parse(rooms).is_ok();
    let (get, post, delete) = (
        method == http::Method::GET,
        method == http::Method::POST,
        method == http::Method::DELETE,
    );
    let call = match rest {
        [] if get && list(rooms, wire::MAX_DETAIL_ROOMS, |id| RoomId::parse(id).is_ok()) => {
            Method::RoomDetail
        }
        ["users"] if get && one_room => Method::ListMembers,
        ["users"] if post && one_room => Method::AddMany,
        ["users", user] if post && one_room && is_user(user) => Method::AddOne,
        ["users", user] if delete && one_room && is_user(user) => Method::RemoveOne,
        ["users", users] if delete && one_room && list(users, wire::MAX_REMOVE_BATCH, is_user) => {
            Method::RemoveMany
        }
        ["admin"] if get && one_room => Method::ListAdmins,
        ["admin"] if post && one_room => Method::Promote,
        ["admin", user] if delete && one_room && is_user(user) => Method::Demote,
        _ => return None,
    };
    let query_fits = match (call, url.query()) {
        (Method::ListMembers, Some(query)) => is_page(query),
        (_, query) => query.is_none(),
    };
    query_fits.then_some(call)
}

fn list(text: &str, most: usize, good: impl Fn(&str) -> bool) -> bool {
    let mut items = text.split("%2C");
    items.by_ref().take(most).all(good) && items.next().is_none()
}

fn is_user(text: &str) -> bool {
    UserId::parse(text).is_ok_and(|user| user.as_str() == text)
}

fn is_page(query: &str) -> bool {
    let page = query
        .strip_prefix("pagenum=")
        .and_then(|rest| rest.split_once("&pagesize="));
    page.is_some_and(|(page, size)| is_number(page) && is_number(size))
}

fn is_page_of_rooms(query: &str) -> bool {
    let encoded = |b: u8| b.is_ascii_alphanumeric() || b"*-._+%".contains(&b);
    let Some(rest) = query.strip_prefix("limit=") else {
        return false;
    };
    match rest.split_once("&cursor=") {
        None => is_number(rest),
        Some((limit, cursor)) => {
            let fits = (1..=MAX_CURSOR).contains(&cursor.len());
            is_number(limit) && fits && cursor.bytes().all(encoded)
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(method: &str, path: &str) -> Option<Method> {
        let prefix = PathPrefix::new("org", "app").unwrap();
        let url = Url::parse("https://chat.example").unwrap().join(path).unwrap();
        classify(&method.parse().unwrap(), &url, &prefix)
    }

    #[test]
    fn the_known_calls_and_nothing_else() {
        for (method, path, call) in [
            ("POST", "/org/app/chatrooms/12/users/ann", Method::AddOne),
            ("POST", "/org/app/chatrooms/12/users", Method::AddMany),
            (
                "GET",
                "/org/app/chatrooms/12/users?pagenum=1&pagesize=1000",
                Method::ListMembers,
            ),
            ("DELETE", "/org/app/chatrooms/12/users/ann", Method::RemoveOne),
            (
                "DELETE",
                "/org/app/chatrooms/12/users/ann%2Cbob",
                Method::RemoveMany,
            ),
            ("POST", "/org/app/chatrooms/12/admin", Method::Promote),
            ("GET", "/org/app/chatrooms/12/admin", Method::ListAdmins),
            ("DELETE", "/org/app/chatrooms/12/admin/ann", Method::Demote),
            ("GET", "/org/app/chatrooms/12", Method::RoomDetail),
            ("GET", "/org/app/chatrooms/12%2C13", Method::RoomDetail),
            ("GET", "/org/app/chatrooms?limit=100", Method::ListRooms),
            (
                "GET",
                "/org/app/chatrooms?limit=100&cursor=a%2Fb%26x%3D..",
                Method::ListRooms,
            ),
        ] {
            assert_eq!(known(method, path), Some(call), "{method} {path}");
        }
        for (method, path) in [
            // What the calls about the users `.` and `..` would become.
            ("DELETE", "/org/app/chatrooms/12/users/.."),
            ("DELETE", "/org/app/chatrooms/12/users/."),
            ("DELETE", "/org/app/chatrooms/12/users/%2e%2e"),
            ("DELETE", "/org/app/chatrooms/12/users/%2E."),
            ("DELETE", "/org/app/chatrooms/12/admin/.."),
            ("POST", "/org/app/chatrooms/12/users/.."),
            ("DELETE", "/org/app/chatrooms/12"),
            ("POST", "/org/app/chatrooms"),
            ("GET", "/org/app/chatrooms"),
            ("GET", "/org/app/chatrooms/"),
            ("GET", "/org/app/chatrooms/?limit=1"),
            ("GET", "/org/app/chatrooms?limit="),
            ("GET", "/org/app/chatrooms?limit=1&cursor="),
            ("GET", "/org/app/chatrooms?limit=1&cursor=a&x=1"),
            ("GET", "/org/app/chatrooms?cursor=a&limit=1"),
            ("GET", "/org/app/chatrooms/12?limit=1"),
            ("POST", "/org/app/chatrooms?limit=1"),
            ("DELETE", "/org/app/chatrooms?limit=1"),
            ("PUT", "/org/app/chatrooms/12"),
            ("PUT", "/org/app/chatrooms/12/users"),
            ("GET", "/org/other/chatrooms/12/users?pagenum=1&pagesize=2"),
            ("GET", "/org/app/chatrooms/super_admin?pagenum=1&pagesize=2"),
            ("GET", "/org/app/chatrooms/12/users?pagenum=1&pagesize=2&x=1"),
            ("GET", "/org/app/chatrooms/12/admin?x=1"),
            ("DELETE", "/org/app/chatrooms/12/users/ann,bob"),
            ("DELETE", "/org/app/chatrooms/12/users/Ann"),
            ("DELETE", "/org/app/chatrooms/12/users/ann%2C"),
            ("DELETE", "/org/app/chatrooms/12/users/ann%2Cb%2Fc"),
            ("DELETE", "/org/app/chatrooms/12/users/ann/bob"),
            ("DELETE", "/org/app/chatrooms/12/users/"),
            ("DELETE", "/org/app/users/ann"),
            ("GET", "/org/app/chatrooms/012/users"),
        ] {
            assert_eq!(known(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_batch_past_the_seed_is_not_a_known_call() {
        let names = |n: usize| vec!["ann"; n].join("%2C");
        let path = |n| format!("/org/app/chatrooms/12/users/{}", names(n));
        assert_eq!(known("DELETE", &path(100)), Some(Method::RemoveMany));
        assert_eq!(known("DELETE", &path(101)), None);
    }

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

    #[test]
    fn prefixes_that_could_mean_another_path_are_refused() {
        for (first, second) in [
            ("", "a"),
            ("..", "a"),
            ("a", "."),
            ("a/b", "c"),
            ("a", "b?c"),
            ("a", "%2e"),
        ] {
            assert_eq!(PathPrefix::new(first, second), None, "{first} {second}");
        }
        assert!(PathPrefix::new("61979408", "1143303").is_some());
    }
}
