//! From a request's path to the call it makes.

use super::refusal::Refusal;
use super::state::State;
use crate::chat::wire::{AddMany, LIST_ROOMS_PER_SECOND, Method, Promote};
use http::Method as HttpMethod;
use std::num::NonZeroU32;

/// App that a path names.
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
    AllowList {
        room: String,
    },
    AllowOne {
        room: String,
        user: String,
    },
    AllowMany {
        room: String,
    },
    /// The names stand between commas, as they were sent.
    Disallow {
        room: String,
        users: String,
    },
    BlockList {
        room: String,
    },
    BlockOne {
        room: String,
        user: String,
    },
    BlockMany {
        room: String,
    },
    UnblockOne {
        room: String,
        user: String,
    },
    /// The names stand between commas, as they were sent.
    UnblockMany {
        room: String,
        users: String,
    },
    ListRooms,
    CreateRoom,
    DeleteRoom {
        room: String,
    },
    CreateUsers,
    DeleteUsers,
    DeleteUser {
        user: String,
    },
    Token,
}

/// Key by which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RateBudget {
    Method(Method),
    AllowOne,
    BlockList,
    BlockOne,
    BlockMany,
    UnblockOne,
    UnblockMany,
}

impl RateBudget {
    /// Calls a second that it never has more than.
    pub(super) fn most(self) -> Option<NonZeroU32> {
        match self {
            // [P]
            Self::Method(Method::ListRooms) => NonZeroU32::new(LIST_ROOMS_PER_SECOND),
            _ => None,
        }
    }
}

impl From<Method> for RateBudget {
    fn from(method: Method) -> Self {
        Self::Method(method)
    }
}

impl Call {
    /// The client's method for it, if it has one.
    pub(super) fn method(&self) -> Option<Method> {
        Some(match self {
            Self::AddOne { .. } => Method::AddOne,
            Self::AddMany { .. } => Method::AddMany,
            Self::ListMembers { .. } => Method::ListMembers,
            Self::RemoveOne { .. } => Method::RemoveOne,
            Self::RemoveMany { .. } => Method::RemoveMany,
            Self::Promote { .. } => Method::Promote,
            Self::ListAdmins { .. } => Method::ListAdmins,
            Self::Demote { .. } => Method::Demote,
            Self::RoomDetail { .. } => Method::RoomDetail,
            Self::ListRooms => Method::ListRooms,
            Self::AllowList { .. } => Method::ListAllowed,
            Self::AllowMany { .. } => Method::AllowMany,
            Self::Disallow { .. } => Method::DisallowMany,
            _ => return None,
        })
    }

    /// True if it is one of the calls below `/chatrooms`.
    pub(super) fn is_about_rooms(&self) -> bool {
        !matches!(
            self,
            Self::CreateUsers | Self::DeleteUsers | Self::DeleteUser { .. } | Self::Token
        )
    }

    /// Ids of the rooms that the path names, with commas between them.
    pub(super) fn rooms(&self) -> Option<&str> {
        match self {
            Self::AddOne { room, .. }
            | Self::AddMany { room }
            | Self::ListMembers { room }
            | Self::RemoveOne { room, .. }
            | Self::RemoveMany { room, .. }
            | Self::Promote { room }
            | Self::ListAdmins { room }
            | Self::Demote { room, .. }
            | Self::AllowList { room }
            | Self::AllowOne { room, .. }
            | Self::AllowMany { room }
            | Self::Disallow { room, .. }
            | Self::BlockList { room }
            | Self::BlockOne { room, .. }
            | Self::BlockMany { room }
            | Self::UnblockOne { room, .. }
            | Self::UnblockMany { room, .. }
            | Self::DeleteRoom { room }
            | Self::RoomDetail { rooms: room } => Some(room),
            Self::ListRooms | Self::CreateRoom | Self::CreateUsers | Self::DeleteUsers => None,
            Self::DeleteUser { .. } | Self::Token => None,
        }
    }

    /// People whom the path or the body names.
    pub(super) fn people(&self, body: &[u8]) -> Vec<String> {
        let in_path = match self {
            Self::AddOne { user, .. }
            | Self::RemoveOne { user, .. }
            | Self::Demote { user, .. }
            | Self::AllowOne { user, .. }
            | Self::BlockOne { user, .. }
            | Self::UnblockOne { user, .. }
            | Self::DeleteUser { user } => Some(user),
            Self::RemoveMany { users, .. }
            | Self::Disallow { users, .. }
            | Self::UnblockMany { users, .. } => Some(users),
            _ => None,
        };
        let in_path = in_path.into_iter().flat_map(|users| users.split(','));
        let mut people: Vec<String> = in_path.map(str::to_owned).collect();
        match self {
            Self::AddMany { .. } | Self::AllowMany { .. } | Self::BlockMany { .. } => {
                let batch: Option<AddMany> = serde_json::from_slice(body).ok();
                people.extend(batch.into_iter().flat_map(|batch| batch.usernames));
            }
            Self::Promote { .. } => {
                let promote: Option<Promote> = serde_json::from_slice(body).ok();
                people.extend(promote.map(|promote| promote.newadmin));
            }
            _ => {}
        }
        people
    }

    /// Whose call budget it draws on. What sets a scene has none. [?]
    pub(super) fn budget(&self) -> Option<RateBudget> {
        match self {
            Self::AllowOne { .. } => Some(RateBudget::AllowOne),
            Self::BlockList { .. } => Some(RateBudget::BlockList),
            Self::BlockOne { .. } => Some(RateBudget::BlockOne),
            Self::BlockMany { .. } => Some(RateBudget::BlockMany),
            Self::UnblockOne { .. } => Some(RateBudget::UnblockOne),
            Self::UnblockMany { .. } => Some(RateBudget::UnblockMany),
            _ => self.method().map(RateBudget::Method),
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
    let (Some(first), Some(second)) = (segments.next(), segments.next()) else {
        return Err(Refusal::NoSuchResource);
    };
    let app = if first == "app-id" {
        App::Id(second)
    } else {
        App::Key {
            org: first,
            app: second,
        }
    };
    let rest: Vec<String> = segments.collect();
    let call = match rest.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["chatrooms", rest @ ..] => room_call(method, rest),
        ["users", rest @ ..] => user_call(method, rest),
        ["token"] if method == HttpMethod::POST => Ok(Call::Token),
        ["token"] => Err(Refusal::WrongMethod),
        _ => Err(Refusal::NoSuchResource),
    };
    Ok((app, call?))
}

fn room_call(method: &HttpMethod, rest: &[&str]) -> Result<Call, Refusal> {
    let own = |text: &&str| (*text).to_owned();
    Ok(match (method, rest) {
        (&HttpMethod::GET, []) => Call::ListRooms,
        (&HttpMethod::POST, []) => Call::CreateRoom,
        (&HttpMethod::GET, [room]) => Call::RoomDetail { rooms: own(room) },
        (&HttpMethod::DELETE, [room]) => Call::DeleteRoom { room: own(room) },
        (&HttpMethod::GET, [room, "users"]) => Call::ListMembers { room: own(room) },
        (&HttpMethod::POST, [room, "users"]) => Call::AddMany { room: own(room) },
        (&HttpMethod::POST, [room, "users", user]) => Call::AddOne {
            room: own(room),
            user: own(user),
        },
        (&HttpMethod::DELETE, [room, "users", users]) if users.contains(',') => Call::RemoveMany {
            room: own(room),
            users: own(users),
        },
        (&HttpMethod::DELETE, [room, "users", user]) => Call::RemoveOne {
            room: own(room),
            user: own(user),
        },
        (&HttpMethod::GET, [room, "admin"]) => Call::ListAdmins { room: own(room) },
        (&HttpMethod::POST, [room, "admin"]) => Call::Promote { room: own(room) },
        (&HttpMethod::DELETE, [room, "admin", user]) => Call::Demote {
            room: own(room),
            user: own(user),
        },
        (&HttpMethod::GET, [room, "white", "users"]) => Call::AllowList { room: own(room) },
        (&HttpMethod::POST, [room, "white", "users"]) => Call::AllowMany { room: own(room) },
        (&HttpMethod::POST, [room, "white", "users", user]) => Call::AllowOne {
            room: own(room),
            user: own(user),
        },
        (&HttpMethod::DELETE, [room, "white", "users", users]) => Call::Disallow {
            room: own(room),
            users: own(users),
        },
        (&HttpMethod::GET, [room, "blocks", "users"]) => Call::BlockList { room: own(room) },
        (&HttpMethod::POST, [room, "blocks", "users"]) => Call::BlockMany { room: own(room) },
        (&HttpMethod::POST, [room, "blocks", "users", user]) => Call::BlockOne {
            room: own(room),
            user: own(user),
        },
        (&HttpMethod::DELETE, [room, "blocks", "users", users]) if users.contains(',') => Call::UnblockMany {
            room: own(room),
            users: own(users),
        },
        (&HttpMethod::DELETE, [room, "blocks", "users", user]) => Call::UnblockOne {
            room: own(room),
            user: own(user),
        },
        (_, [] | [_] | [_, "users" | "admin"] | [_, "users" | "admin", _])
        | (_, [_, "white" | "blocks", "users"] | [_, "white" | "blocks", "users", _]) => {
            return Err(Refusal::WrongMethod);
        }
        _ => return Err(Refusal::NoSuchResource),
    })
}

fn user_call(method: &HttpMethod, rest: &[&str]) -> Result<Call, Refusal> {
    match (method, rest) {
        (&HttpMethod::POST, []) => Ok(Call::CreateUsers),
        (&HttpMethod::DELETE, []) => Ok(Call::DeleteUsers),
        (&HttpMethod::DELETE, [user]) => Ok(Call::DeleteUser {
            user: (*user).to_owned(),
        }),
        (_, [] | [_]) => Err(Refusal::WrongMethod),
        _ => Err(Refusal::NoSuchResource),
    }
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
