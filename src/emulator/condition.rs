//! Conditions that narrow a fault to some calls: `poison=zoe`, `max_path=2048`.

use super::routes::Call;
use crate::chat::wire::Method;
use crate::model::{RoomId, UserId};
use http::{header, request::Parts};
use std::fmt;

/// Something that must hold of a call for a fault to count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The call names one of these people.
    Poison(Vec<UserId>),
    /// Its path, with the query, has more bytes than this.
    MaxPath(usize),
    /// Its body has more bytes than this.
    MaxBody(usize),
    /// It is about several rooms.
    Several,
    /// It is about this room, alone or among others.
    Room(RoomId),
    /// It says nothing of its body's length: no `Content-Length`, and it is not sent in chunks either.
    NoLength,
}

/// A call as conditions see it.
#[derive(Debug)]
pub(super) struct CallFacts<'a> {
    pub(super) method: Option<Method>,
    call: Option<&'a Call>,
    head: &'a Parts,
    body: &'a [u8],
}

impl<'a> CallFacts<'a> {
    pub(super) fn new(call: Option<&'a Call>, head: &'a Parts, body: &'a [u8]) -> Self {
        Self {
            method: call.and_then(Call::method),
            call,
            head,
            body,
        }
    }

    fn people(&self) -> Vec<String> {
        self.call.map_or_else(Vec::new, |call| call.people(self.body))
    }
}

impl Condition {
    /// Reads one; the error says what is needed instead.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (word, value) = match text.split_once('=') {
            Some((word, value)) => (word, Some(value)),
            None => (text, None),
        };
        let bytes = || {
            let number = value.and_then(|value| value.parse().ok());
            number.ok_or("a number of bytes is needed, as in max_path=2048")
        };
        match (word, value) {
            ("poison", Some(people)) => {
                let people: Option<Vec<UserId>> =
                    people.split('+').map(|user| UserId::parse(user).ok()).collect();
                people
                    .map(Self::Poison)
                    .ok_or("usernames are needed, as in poison=zoe+yan")
            }
            ("max_path", _) => bytes().map(Self::MaxPath),
            ("max_body", _) => bytes().map(Self::MaxBody),
            ("room", Some(room)) => {
                let room = RoomId::parse(room).map(Self::Room);
                room.map_err(|_| "a room's id is needed, as in room=66213271109633")
            }
            ("several", None) => Ok(Self::Several),
            ("no_length", None) => Ok(Self::NoLength),
            _ => Err("take poison=U+U..., max_path=N, max_body=N, room=ID, several or no_length"),
        }
    }

    /// True if it can hold of an event.
    pub(super) fn is_of_events(&self) -> bool {
        matches!(self, Self::Poison(_) | Self::Room(_))
    }

    /// True if it holds of an event about these people in this room.
    pub(super) fn holds_of_event(&self, room: &RoomId, people: &[String]) -> bool {
        match self {
            Self::Poison(poison) => is_named(poison, people),
            Self::Room(id) => id == room,
            Self::MaxPath(_) | Self::MaxBody(_) | Self::Several | Self::NoLength => false,
        }
    }

    /// True if it holds of this call.
    pub(super) fn holds(&self, facts: &CallFacts<'_>) -> bool {
        let rooms = || facts.call.and_then(Call::rooms).unwrap_or_default().split(',');
        match self {
            Self::Poison(people) => is_named(people, &facts.people()),
            Self::MaxPath(most) => {
                let path = facts.head.uri.path_and_query();
                path.is_some_and(|path| path.as_str().len() > *most)
            }
            Self::MaxBody(most) => facts.body.len() > *most,
            Self::Several => rooms().count() > 1,
            Self::Room(room) => rooms().any(|id| id == room.as_str()),
            Self::NoLength => {
                let headers = &facts.head.headers;
                !headers.contains_key(header::CONTENT_LENGTH)
                    && !headers.contains_key(header::TRANSFER_ENCODING)
            }
        }
    }
}

/// True if one of these people is among the names.
fn is_named(people: &[UserId], names: &[String]) -> bool {
    let is_named = |user: &UserId| names.iter().any(|name| name.eq_ignore_ascii_case(user.as_str()));
    people.iter().any(is_named)
}

/// As it is read.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poison(people) => {
                let people: Vec<&str> = people.iter().map(UserId::as_str).collect();
                write!(f, "poison={}", people.join("+"))
            }
            Self::MaxPath(most) => write!(f, "max_path={most}"),
            Self::MaxBody(most) => write!(f, "max_body={most}"),
            Self::Several => f.write_str("several"),
            Self::Room(room) => write!(f, "room={room}"),
            Self::NoLength => f.write_str("no_length"),
        }
    }
}
