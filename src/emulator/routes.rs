//! From a request's path to the call it makes.

use super::refusal::Refusal;
use super::state::State;
use crate::chat::wire::Method;
use http::Method as HttpMethod;

/// Which app a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum App {
    /// `/{org}/{app}/…`
    Key { org: String, app: String },
    /// `/app-id/{app_id}/…`
    Id(String),
}

impl App {
    /// Refuses a path that names another app than the service's.
    pub(super) fn check(&self, state: &State) -> Result<(), Refusal> {
        match self {
            Self::Key { org, app } if org == state.app_key.org() && app == state.app_key.app() => Ok(()),
            Self::Key { org, app } => Err(Refusal::NoSuchApp(format!("{org}/{app}"))),
            Self::Id(id) if state.app_id.as_ref() == Some(id) => Ok(()),
            Self::Id(id) => Err(Refusal::NoSuchApp(format!("app-id/{id}"))),
        }
    }
}

/// A call, as far as its path and its HTTP method say it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    AddOne {
        room: String,
        user: String,
    },
    AddMany {
        room: String,
    },
    ListMembers {
        room: String,
    },
    RemoveOne {
        room: String,
        user: String,
    },
    /// The names stand between commas, as they were sent.
    RemoveMany {
        room: String,
        users: String,
    },
    Promote {
        room: String,
    },
    ListAdmins {
        room: String,
    },
    Demote {
        room: String,
        user: String,
    },
    /// The ids stand between commas, as they were sent.
    RoomDetail {
        rooms: String,
    },
    DeleteRoom {
        room: String,
    },
}

impl Call {
    /// Whose call budget it draws on. The deletion of a room is no call of ours and has none.
    pub(super) fn method(&self) -> Option<Method> {
        match self {
            Self::AddOne { .. } => Some(Method::AddOne),
            Self::AddMany { .. } => Some(Method::AddMany),
            Self::ListMembers { .. } => Some(Method::ListMembers),
            Self::RemoveOne { .. } => Some(Method::RemoveOne),
            Self::RemoveMany { .. } => Some(Method::RemoveMany),
            Self::Promote { .. } => Some(Method::Promote),
            Self::ListAdmins { .. } => Some(Method::ListAdmins),
            Self::Demote { .. } => Some(Method::Demote),
            Self::RoomDetail { .. } => Some(Method::RoomDetail),
            Self::DeleteRoom { .. } => None,
        }
    }
}

/// Finds the call. Every segment is decoded once and then stands for itself: `..`, however it is written, is a name
/// here and never another path.
pub(super) fn find(method: &HttpMethod, path: &str) -> Result<(App, Call), Refusal> {
    // The service takes a slash at the end or leaves it, and so `…/chatrooms/1/users/..`, resolved by somebody on the
    // way to `…/chatrooms/1/`, is the room itself. [P]
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<String> = path.split('/').map(decode).collect::<Result<_, _>>()?;
    let mut segments = segments.into_iter();
    let mut next = || segments.next();

    let (Some(first), Some(second)) = (next(), next()) else {
        return Err(Refusal::NoSuchCall);
    };
    let app = if first == "app-id" {
        App::Id(second)
    } else {
        App::Key {
            org: first,
            app: second,
        }
    };
    if next().as_deref() != Some("chatrooms") {
        return Err(Refusal::NoSuchCall);
    }
    let rest = (next(), next(), next(), next());
    let (Some(room), list, user, None) = rest else {
        return Err(Refusal::NoSuchCall);
    };
    let call = match (list.as_deref(), user, method) {
        (None, None, &HttpMethod::GET) => Call::RoomDetail { rooms: room },
        (None, None, &HttpMethod::DELETE) => Call::DeleteRoom { room },
        (Some("users"), None, &HttpMethod::GET) => Call::ListMembers { room },
        (Some("users"), None, &HttpMethod::POST) => Call::AddMany { room },
        (Some("users"), Some(user), &HttpMethod::POST) => Call::AddOne { room, user },
        (Some("users"), Some(users), &HttpMethod::DELETE) if users.contains(',') => {
            Call::RemoveMany { room, users }
        }
        (Some("users"), Some(user), &HttpMethod::DELETE) => Call::RemoveOne { room, user },
        (Some("admin"), None, &HttpMethod::GET) => Call::ListAdmins { room },
        (Some("admin"), None, &HttpMethod::POST) => Call::Promote { room },
        (Some("admin"), Some(user), &HttpMethod::DELETE) => Call::Demote { room, user },
        (None | Some("users" | "admin"), _, _) => return Err(Refusal::WrongMethod),
        (Some(_), _, _) => return Err(Refusal::NoSuchCall),
    };
    Ok((app, call))
}

/// Percent-decodes one segment, once.
fn decode(segment: &str) -> Result<String, Refusal> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => escape(bytes.next(), bytes.next()),
            plain => Some(plain),
        };
        decoded.push(byte.ok_or_else(|| not_decodable(segment))?);
    }
    String::from_utf8(decoded).map_err(|_| not_decodable(segment))
}

fn escape(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn not_decodable(segment: &str) -> Refusal {
    Refusal::BadArgument(format!("cannot decode {segment}"))
}
