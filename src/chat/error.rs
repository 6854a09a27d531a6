//! What can go wrong with a call, and what that means for whoever made it.

use super::error_text::{max_size, names_in};
use super::wire::{ErrorBody, Method};
use crate::model::{MemberSet, ReasonCode, RoomId, UserId};
use std::fmt;

/// A call that did not do what it was for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{method}{}: {kind}", room.as_ref().map(|room| format!(" in room {room}")).unwrap_or_default())]
pub struct CallError {
    /// Which call.
    pub method: Method,
    /// In which room, where it is about one.
    pub room: Option<RoomId>,
    /// Why.
    pub kind: CallErrorKind,
}

/// The service's words, and the people of the call whom they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceMessage {
    /// The words.
    pub text: String,
    /// People of the call whom the words name.
    pub named: MemberSet,
}

impl ServiceMessage {
    /// Reads the names out of the words; those that were not in the call do not count.
    fn of(text: String, users: &[UserId]) -> Self {
        let names = names_in(&text);
        let is_named = |user: &&UserId| names.iter().any(|name| name == user.as_str());
        let named = users.iter().filter(is_named).cloned().collect();
        Self { text, named }
    }
}

impl fmt::Display for ServiceMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a call failed, by what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallErrorKind {
    /// It never reached the service, several times over.
    #[error("the service cannot be reached: {0}; check `service.url` (or ROOMSYNC_URL) and the network")]
    ServiceUnreachable(String),
    /// It may or may not have taken effect.
    #[error("no clear answer: {0}")]
    NoClearAnswer(String),
    /// The answer is larger than any that is read.
    #[error("the answer is too large: {0}")]
    AnswerTooLarge(String),
    /// Over the call rate, again and again. It had no effect.
    #[error("the service keeps answering that the call rate is exceeded; lower `limits.calls_per_second`")]
    RateLimited,
    /// The pricing plan's quota is used up.
    #[error("the pricing plan's quota is used up: {0}; raise the plan, or wait until the quota is renewed")]
    Quota(String),
    /// The token was not taken.
    #[error(
        "the service does not take the token: {0}; renew it where `service.auth` says, or ROOMSYNC_TOKEN"
    )]
    CredentialsRefused(String),
    /// There is no such app.
    #[error("the service does not know the app: {0}; check `service.app_key` or `service.app_id`")]
    NoSuchApp(String),
    /// The token's user may not do this.
    #[error("the token's user may not do this: {0}; use an app token")]
    NoPermission(String),
    /// The service sent us elsewhere.
    #[error(
        "the service answers with a redirect (status {0}), and redirects are not followed; check `service.url`"
    )]
    Redirected(u16),
    /// There is no such room.
    #[error("there is no such room: {0}; correct its id, or leave the room out")]
    NoSuchRoom(String),
    /// There is no such user.
    #[error("there is no such user: {0}; register them, or take the name out of the files")]
    NoSuchUser(ServiceMessage),
    /// There was nothing to change for this user: they are what the call would have made them, or not even in the room. A
    /// look at the room tells which.
    #[error("the service says: {0}")]
    AlreadySo(ServiceMessage),
    /// More names than this server takes in one call.
    #[error("this server takes at most {0} names in one call")]
    TooManyNames(usize),
    /// The room has no place.
    #[error("the room is full: {0}; make it larger, or remove somebody")]
    RoomFull(String),
    /// The user is in as many rooms as they can be.
    #[error("the user is in too many rooms: {0}")]
    UserInTooManyRooms(ServiceMessage),
    /// Anything else, with the service's own words.
    #[error("the service refused: {status} {error}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The service's code.
        error: String,
        /// Its words.
        message: ServiceMessage,
    },
    /// The look at the room that this call stands on had become too old by the time the call could go.
    #[error("not sent: the room was looked at too long ago")]
    StaleRead,
    /// The client was closed before the call could go.
    #[error("not sent: roomsync is ending")]
    Interrupted,
    /// Our own gate: the request would not have been exactly one of the known calls.
    #[error("not sent: the request's path would not be exactly this call")]
    NotAKnownCall,
}

impl CallErrorKind {
    /// A stable name for reports.
    #[must_use]
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::ServiceUnreachable(_) => ReasonCode::ServiceUnreachable,
            Self::NoClearAnswer(_) => ReasonCode::NoClearAnswer,
            Self::AnswerTooLarge(_) => ReasonCode::AnswerTooLarge,
            Self::RateLimited => ReasonCode::RateLimited,
            Self::Quota(_) => ReasonCode::Quota,
            Self::CredentialsRefused(_) => ReasonCode::CredentialsRefused,
            Self::NoSuchApp(_) => ReasonCode::NoSuchApp,
            Self::NoPermission(_) => ReasonCode::NoPermission,
            Self::Redirected(_) => ReasonCode::Redirected,
            Self::NoSuchRoom(_) => ReasonCode::NoSuchRoom,
            Self::NoSuchUser(_) => ReasonCode::NoSuchUser,
            Self::AlreadySo(_) => ReasonCode::AlreadySo,
            Self::TooManyNames(_) => ReasonCode::TooManyNames,
            Self::RoomFull(_) => ReasonCode::RoomFull,
            Self::UserInTooManyRooms(_) => ReasonCode::UserInTooManyRooms,
            Self::Refused { .. } => ReasonCode::Refused,
            Self::StaleRead => ReasonCode::StaleRead,
            Self::Interrupted => ReasonCode::Interrupted,
            Self::NotAKnownCall => ReasonCode::NotAKnownCall,
        }
    }

    /// Whether every other call would end the same way, so that the whole run stops.
    #[must_use]
    pub fn stops_the_run(&self) -> bool {
        matches!(
            self,
            Self::ServiceUnreachable(_)
                | Self::Quota(_)
                | Self::CredentialsRefused(_)
                | Self::NoSuchApp(_)
                | Self::Redirected(_)
                | Self::Interrupted
        )
    }

    /// The same with other words.
    #[must_use]
    pub(super) fn map_text(self, words: impl Fn(String) -> String) -> Self {
        let message_in = |message: ServiceMessage| ServiceMessage {
            text: words(message.text),
            named: message.named,
        };
        match self {
            Self::ServiceUnreachable(text) => Self::ServiceUnreachable(words(text)),
            Self::NoClearAnswer(text) => Self::NoClearAnswer(words(text)),
            Self::AnswerTooLarge(text) => Self::AnswerTooLarge(words(text)),
            Self::Quota(text) => Self::Quota(words(text)),
            Self::CredentialsRefused(text) => Self::CredentialsRefused(words(text)),
            Self::NoSuchApp(text) => Self::NoSuchApp(words(text)),
            Self::NoPermission(text) => Self::NoPermission(words(text)),
            Self::Redirected(status) => Self::Redirected(status),
            Self::NoSuchRoom(text) => Self::NoSuchRoom(words(text)),
            Self::NoSuchUser(message) => Self::NoSuchUser(message_in(message)),
            Self::AlreadySo(message) => Self::AlreadySo(message_in(message)),
            Self::RoomFull(text) => Self::RoomFull(words(text)),
            Self::UserInTooManyRooms(message) => Self::UserInTooManyRooms(message_in(message)),
            Self::Refused {
                status,
                error,
                message,
            } => Self::Refused {
                status,
                error: words(error),
                message: message_in(message),
            },
            Self::RateLimited
            | Self::TooManyNames(_)
            | Self::StaleRead
            | Self::Interrupted
            | Self::NotAKnownCall => self,
        }
    }

    /// Whether the same call with less in it could succeed.
    #[must_use]
    pub fn is_about_what_was_asked(&self) -> bool {
        matches!(
            self,
            Self::NoSuchRoom(_) | Self::Refused { .. } | Self::AnswerTooLarge(_)
        )
    }

    /// Whether the call certainly never went out.
    #[must_use]
    pub fn was_not_sent(&self) -> bool {
        matches!(
            self,
            Self::ServiceUnreachable(_) | Self::StaleRead | Self::Interrupted | Self::NotAKnownCall
        )
    }

    /// The service's words, if the error is about people of the call.
    #[must_use]
    pub fn message(&self) -> Option<&ServiceMessage> {
        match self {
            Self::NoSuchUser(message) | Self::UserInTooManyRooms(message) | Self::AlreadySo(message) => {
                Some(message)
            }
            Self::Refused { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Reads why one person of a call for many was refused.
    pub(super) fn of_row(text: String, user: &UserId) -> Self {
        let is_already_so = says_already_so(&text);
        let message = ServiceMessage::of(text, std::slice::from_ref(user));
        if is_already_so {
            Self::AlreadySo(message)
        } else {
            Self::result(message)
        }
    }

    /// Reads a result that is no success in an answer of status 200.
    pub(super) fn of_result(text: String, user: &UserId) -> Self {
        Self::result(ServiceMessage::of(text, std::slice::from_ref(user)))
    }

    fn result(message: ServiceMessage) -> Self {
        Self::Refused {
            status: 200,
            error: "result".into(),
            message,
        }
    }

    /// Reads the error answer to a call about these people. `None`: the answer says the call rate is exceeded.
    pub(super) fn from_answer(status: u16, body: &[u8], users: &[UserId]) -> Option<Self> {
        let Ok(ErrorBody {
            error,
            error_description: text,
            ..
        }) = serde_json::from_slice(body)
        else {
            return Self::without_body(status);
        };
        let mentions = |part: &str| text.contains(part);
        let rejected = |error, text| Self::Refused {
            status,
            error,
            message: ServiceMessage::of(text, users),
        };
        Some(match (status, error.as_str()) {
            (401, "group_authorization") => Self::NoPermission(text),
            (401, _) => Self::CredentialsRefused(text),
            (_, "resource_limited") => Self::Quota(text),
            (429, _) | (503, "reach_limit") => return None,
            (408 | 500.., _) => Self::NoClearAnswer(format!("status {status}, {error}: {text}")),
            (404, "organization_application_not_found") => Self::NoSuchApp(text),
            _ if mentions("has joined too many") => Self::UserInTooManyRooms(ServiceMessage::of(text, users)),
            (_, "exceed_limit") => Self::RoomFull(text),
            _ if mentions("greater than max user size") => Self::RoomFull(text),
            _ if mentions("more than maxSize") => match max_size(&text) {
                Some(size @ 1..) => Self::TooManyNames(size),
                _ => rejected(error, text),
            },
            _ if says_already_so(&text) => Self::AlreadySo(ServiceMessage::of(text, users)),
            _ if mentions("do not find this group")
                || (mentions("grpID") && mentions("does not exist"))
                || error == "service_resource_not_found" =>
            {
                Self::NoSuchRoom(text)
            }
            _ if mentions("username") && mentions("doesn't exist") => {
                Self::NoSuchUser(ServiceMessage::of(text, users))
            }
            _ => rejected(error, text),
        })
    }

    fn without_body(status: u16) -> Option<Self> {
        let text = || String::from("no reason given");
        match status {
            401 => Some(Self::CredentialsRefused(text())),
            429 => None,
            300..=399 => Some(Self::Redirected(status)),
            _ => Some(Self::NoClearAnswer(format!(
                "status {status} without the service's JSON; is `service.url` the chat service?"
            ))),
        }
    }
}

/// True if the service's words say that there was nothing to change for somebody.
fn says_already_so(text: &str) -> bool {
    const KNOWN: [&str; 4] = [
        "already in group",
        "are not members of",
        "doesn't exist in group",
        "is not admin of",
    ];
    KNOWN.iter().any(|known| text.contains(known))
}

#[cfg(test)]
mod tests;
