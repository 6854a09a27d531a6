//! The gate that lets only the known calls through.

use super::wire::{self, Method};
use crate::model::{RoomId, UserId};
use url::Url;

/// Longest cursor that is sent back, as written in the query. Those seen have under a hundred characters.
pub(super) const MAX_CURSOR: usize = 4096;

/// Path before `/chatrooms` in every call: `/{org}/{app}`, or `/app-id/{app_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix(pub(super) [String; 2]);

impl PathPrefix {
    /// `None` if a part could mean another path: each is of `A-Z a-z 0-9 _ - .`, not empty and not of dots only.
    #[must_use]
    pub fn new(first: &str, second: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let good = |part: &str| part.chars().all(allowed) && part.chars().any(|c| c != '.');
        (good(first) && good(second)).then(|| Self([first.into(), second.into()]))
    }
}

/// The known call that a parsed address is; `None` if it is not exactly one of them.
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
        ["white", "users"] if get && one_room => Method::ListAllowed,
        ["white", "users"] if post && one_room => Method::AllowMany,
        ["white", "users", users] if delete && one_room && list(users, wire::MAX_ALLOW_BATCH, is_user) => {
            Method::DisallowMany
        }
        _ => return None,
    };
    let query_fits = match (call, url.query()) {
        (Method::ListMembers, Some(query)) => is_page(query),
        (_, query) => query.is_none(),
    };
    query_fits.then_some(call)
}

/// True if a parsed address is exactly the request for a token.
pub(super) fn is_token_request(method: &http::Method, url: &Url, prefix: &PathPrefix) -> bool {
    let segments = url.path().strip_prefix('/').map(|path| path.split('/'));
    let [first, second] = &prefix.0;
    let is_path = segments.is_some_and(|segments| segments.eq([first, second, "token"]));
    is_path && method == http::Method::POST && url.query().is_none()
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
            ("GET", "/org/app/chatrooms/12/white/users", Method::ListAllowed),
            ("POST", "/org/app/chatrooms/12/white/users", Method::AllowMany),
            (
                "DELETE",
                "/org/app/chatrooms/12/white/users/ann",
                Method::DisallowMany,
            ),
            (
                "DELETE",
                "/org/app/chatrooms/12/white/users/ann%2Cbob",
                Method::DisallowMany,
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
            ("DELETE", "/org/app/chatrooms/12/white/users"),
            ("DELETE", "/org/app/chatrooms/12/white/users/.."),
            ("DELETE", "/org/app/chatrooms/12/white/users/ann,bob"),
            ("POST", "/org/app/chatrooms/12/white/users/ann"),
            ("GET", "/org/app/chatrooms/12/white/users?pagenum=1&pagesize=2"),
            ("GET", "/org/app/chatrooms/12%2C13/white/users"),
            ("POST", "/org/app/chatrooms/12/blocks/users"),
            ("GET", "/org/app/chatrooms/012/users"),
        ] {
            assert_eq!(known(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn the_token_request_and_nothing_else() {
        let prefix = PathPrefix::new("org", "app").unwrap();
        let is_it = |method: &str, path: &str| {
            let url = Url::parse("https://chat.example").unwrap().join(path).unwrap();
            is_token_request(&method.parse().unwrap(), &url, &prefix)
        };
        assert!(is_it("POST", "/org/app/token") && is_it("POST", "/org/x/../app/token"));
        for (method, path) in [
            ("GET", "/org/app/token"),
            ("POST", "/org/app/token/"),
            ("POST", "/org/app/token?x=1"),
            ("POST", "/org/app//token"),
            ("POST", "/org/app/users/../tokens"),
            ("POST", "/org/other/token"),
            ("POST", "/token"),
        ] {
            assert!(!is_it(method, path), "{method} {path}");
            assert_eq!(known(method, path), None);
        }
        assert_eq!(
            known("POST", "/org/app/token"),
            None,
            "it is none of a room's calls"
        );
    }

    #[test]
    fn a_batch_past_the_seed_is_not_a_known_call() {
        let names = |n: usize| vec!["ann"; n].join("%2C");
        let path = |n| format!("/org/app/chatrooms/12/users/{}", names(n));
        assert_eq!(known("DELETE", &path(100)), Some(Method::RemoveMany));
        assert_eq!(known("DELETE", &path(101)), None);
        let path = |n| format!("/org/app/chatrooms/12/white/users/{}", names(n));
        assert_eq!(known("DELETE", &path(60)), Some(Method::DisallowMany));
        assert_eq!(known("DELETE", &path(61)), None);
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
