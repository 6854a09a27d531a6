//! Failures of calls, by what is to be done about them.

use super::error_text::{max_size, says_already_so, says_rate_exceeded};
use super::service_message::{ServiceMessage, cleaned};
use super::transport::TransportError;
use super::wire::{ErrorBody, Method, decode};
use crate::model::{ReasonCode, RoomId, UserId};
use std::slice;
use url::Url;

/// A call that did not do what it was for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{kind}", self.place())]
pub struct CallError {
    /// The call's method.
    pub method: Method,
    /// Its room, if it is about one.
    pub room: Option<RoomId>,
    /// Cause of the failure.
    pub kind: CallErrorKind,
}

impl CallError {
    /// The call, unless the failure is about none in particular.
    fn place(&self) -> String {
        match (&self.kind, &self.room) {
            (kind, _) if kind.stops_the_run() => String::new(),
            (CallErrorKind::UnknownCall(_), _) | (_, None) => format!("{}: ", self.method),
            (_, Some(room)) => format!("{} in room {room}: ", self.method),
        }
    }

    /// The failure in words that name no room, for a place that does, or for what is about all rooms.
    #[must_use]
    pub fn without_room(&self) -> String {
        let room = None;
        Self { room, ..self.clone() }.to_string()
    }
}

/// Kinds of failure, by what is to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallErrorKind {
    /// It never reached the service, several times over.
    #[error("{0}")]
    ServiceUnreachable(String),
    /// Neither this call nor any other reaches the service before something is changed.
    #[error("{0}")]
    Misconfigured(String),
    /// It may or may not have taken effect.
    #[error("no clear answer: {0}")]
    NoClearAnswer(String),
    /// The same: something in between answered with this status.
    #[error(
        "no clear answer: something else than the chat service answered, with status {0}; check `service.url`, and any proxy in between"
    )]
    ForeignAnswer(u16),
    /// The answer to a read is larger than any that is taken in.
    #[error("the answer is too large: {0}; is `service.url` the chat service?")]
    AnswerTooLarge(String),
    /// Over the call rate, again and again. It had no effect.
    #[error("the service keeps answering that the call rate is exceeded; lower `limits.calls_per_second`")]
    RateLimited,
    /// The pricing plan's quota is used up.
    #[error("the pricing plan's quota is used up: {0}; raise the plan, or wait until the quota is renewed")]
    Quota(String),
    /// The service does not accept the token.
    #[error(
        "the service does not take the token: {0}; renew it where `service.auth` says, or ROOMSYNC_TOKEN"
    )]
    CredentialsRefused(String),
    /// The service grants no token.
    #[error("there is no token for the service: {0}")]
    NoToken(String),
    /// There is no such app.
    #[error("the service does not know the app: {0}; check `service.app_key` or `service.app_id`")]
    NoSuchApp(String),
    /// The server does not know the call: it may be another server, or an older one.
    #[error("this server does not know the call: {0}; check `service.url` and the app")]
    UnknownCall(String),
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
    /// There was nothing to change for this user: they are what the call would have made them, or not even in the room. Only
    /// a read of the room shows which.
    #[error("the service says: {0}")]
    AlreadySo(ServiceMessage),
    /// More names than this server takes in one call.
    #[error("this server takes at most {0} names in one call")]
    TooManyNames(usize),
    /// The request has more bytes than this server, or a proxy in front of it, takes.
    #[error(
        "the request is too long for this server, or for a proxy in front of it (status {0}); lower `limits.remove_batch` or \
         `limits.add_batch`"
    )]
    RequestTooLong(u16),
    /// The room has no place for another admin.
    #[error("the room has as many admins as it can have: {0}; take somebody out of its `admins`")]
    AdminsFull(String),
    /// The room's allow list has no place.
    #[error(
        "the room's allow list is full: {0}; take somebody off it who need not stay when they are offline"
    )]
    AllowListFull(String),
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
    /// The read of the room that this call stands on was too old by the time the call could go.
    #[error("not sent: the room was looked at too long ago")]
    StaleRead,
    /// The client was closed, or the run interrupted, before the call could go.
    #[error("not sent: roomsync is ending")]
    Interrupted,
    /// The request would not have been exactly one of the known calls.
    #[error("not sent: the request's path would not be exactly this call")]
    NotAKnownCall,
}

impl CallErrorKind {
    /// A stable name for reports.
    #[must_use]
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::ServiceUnreachable(_) | Self::Misconfigured(_) => ReasonCode::ServiceUnreachable,
            Self::NoClearAnswer(_) | Self::ForeignAnswer(_) => ReasonCode::NoClearAnswer,
            Self::AnswerTooLarge(_) => ReasonCode::AnswerTooLarge,
            Self::RateLimited => ReasonCode::RateLimited,
            Self::Quota(_) => ReasonCode::Quota,
            Self::CredentialsRefused(_) | Self::NoToken(_) => ReasonCode::CredentialsRefused,
            Self::NoSuchApp(_) => ReasonCode::NoSuchApp,
            Self::UnknownCall(_) => ReasonCode::UnknownCall,
            Self::NoPermission(_) => ReasonCode::NoPermission,
            Self::Redirected(_) => ReasonCode::Redirected,
            Self::NoSuchRoom(_) => ReasonCode::NoSuchRoom,
            Self::NoSuchUser(_) => ReasonCode::NoSuchUser,
            Self::AlreadySo(_) => ReasonCode::AlreadySo,
            Self::TooManyNames(_) => ReasonCode::TooManyNames,
            Self::RequestTooLong(_) => ReasonCode::RequestTooLong,
            Self::AdminsFull(_) => ReasonCode::AdminsFull,
            Self::AllowListFull(_) => ReasonCode::AllowListFull,
            Self::RoomFull(_) => ReasonCode::RoomFull,
            Self::UserInTooManyRooms(_) => ReasonCode::UserInTooManyRooms,
            Self::Refused { .. } => ReasonCode::Refused,
            Self::StaleRead => ReasonCode::StaleRead,
            Self::Interrupted => ReasonCode::Interrupted,
            Self::NotAKnownCall => ReasonCode::NotAKnownCall,
        }
    }

    /// True if every other call would end the same way, so that the whole run stops.
    #[must_use]
    pub fn stops_the_run(&self) -> bool {
        matches!(
            self,
            Self::ServiceUnreachable(_)
                | Self::Misconfigured(_)
                | Self::Quota(_)
                | Self::CredentialsRefused(_)
                | Self::NoToken(_)
                | Self::NoSuchApp(_)
                | Self::Redirected(_)
                | Self::Interrupted
        )
    }

    /// True if nothing clear came back, so that it may be the service that fails and not this call.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        matches!(
            self,
            Self::NoClearAnswer(_)
                | Self::ForeignAnswer(_)
                | Self::ServiceUnreachable(_)
                | Self::Misconfigured(_)
        )
    }

    /// True if the call may or may not have taken effect.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::NoClearAnswer(_) | Self::ForeignAnswer(_))
    }

    /// True if every other call may well end the same way: only these show it.
    #[must_use]
    pub fn may_be_the_service(&self) -> bool {
        self.is_unclear() || matches!(self, Self::UnknownCall(_))
    }

    /// True if the service refused, or failed at, just such a call: then others may well succeed.
    #[must_use]
    pub fn is_of_this_call(&self) -> bool {
        !self.stops_the_run()
            && !matches!(
                self,
                Self::RateLimited | Self::NoSuchRoom(_) | Self::StaleRead | Self::NotAKnownCall
            )
    }

    /// True if this is no answer to a page of a list that has ended before it.
    #[must_use]
    pub fn is_past_the_end(&self) -> bool {
        match self {
            Self::UnknownCall(_) => true,
            Self::Refused { status, .. } | Self::ForeignAnswer(status) => matches!(status, 400 | 404),
            _ => false,
        }
    }

    /// True if the call certainly never went out.
    #[must_use]
    pub fn was_not_sent(&self) -> bool {
        matches!(
            self,
            Self::ServiceUnreachable(_)
                | Self::Misconfigured(_)
                | Self::NoToken(_)
                | Self::StaleRead
                | Self::Interrupted
                | Self::NotAKnownCall
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

    /// Reads why one person of a call of this method for many was refused.
    pub(super) fn of_row(text: &str, user: &UserId, method: Method) -> Self {
        if says_already_so(text, method) {
            Self::AlreadySo(ServiceMessage::new(text, slice::from_ref(user)))
        } else {
            Self::of_result(text, slice::from_ref(user))
        }
    }

    /// Reads a result that is no success in an answer of status 200.
    pub(super) fn of_result(text: &str, users: &[UserId]) -> Self {
        Self::Refused {
            status: 200,
            error: "result".into(),
            message: ServiceMessage::new(text, users),
        }
    }

    /// Reads a failure of the way to the service. A write whose answer is too large to be read may have taken effect.
    pub(super) fn from_transport(error: &TransportError, method: Method) -> Self {
        let text = cleaned(&error.to_string());
        match error {
            TransportError::Unsent(_) => Self::ServiceUnreachable(text),
            TransportError::Misconfigured(_) => Self::Misconfigured(text),
            TransportError::Unclear(_) => Self::NoClearAnswer(text),
            TransportError::TooLarge if method.writes() => {
                Self::NoClearAnswer(Self::AnswerTooLarge(text).to_string())
            }
            TransportError::TooLarge => Self::AnswerTooLarge(text),
        }
    }

    /// Reads the error answer to a call of this method about these people. `None`: the answer says the call rate is exceeded.
    pub(super) fn from_answer(status: u16, body: &[u8], method: Method, users: &[UserId]) -> Option<Self> {
        if let 413 | 414 | 431 = status {
            return Some(Self::RequestTooLong(status));
        }
        let Ok(ErrorBody {
            error,
            error_description: text,
            ..
        }) = decode(body)
        else {
            return Self::without_body(status);
        };
        if error.is_empty() && text.is_empty() {
            return Self::without_body(status);
        }
        let mentions = |part: &str| text.contains(part);
        let words = || cleaned(&text);
        let message = || ServiceMessage::new(&text, users);
        let refused = || Self::Refused {
            status,
            error: cleaned(&error),
            message: message(),
        };
        Some(match (status, error.as_str()) {
            (401, "group_authorization") => Self::NoPermission(words()),
            (401, _) => Self::CredentialsRefused(words()),
            (_, "resource_limited") => Self::Quota(words()),
            (429, _) | (503, "reach_limit") => return None,
            _ if says_rate_exceeded(&text) => return None,
            (408 | 500 | 502.., _) => {
                let text =
                    format!("the service fails, with status {status}, {error}: {text}; try again later");
                Self::NoClearAnswer(cleaned(&text))
            }
            (404, "organization_application_not_found") => Self::NoSuchApp(words()),
            _ if mentions("has joined too many") => Self::UserInTooManyRooms(message()),
            (_, "exceed_limit") if method == Method::Promote => Self::AdminsFull(words()),
            (_, kind) if kind == "exceed_limit" || mentions("greater than max user size") => {
                if method == Method::AllowMany {
                    Self::AllowListFull(words())
                } else {
                    Self::RoomFull(words())
                }
            }
            _ if mentions("more than maxSize") || mentions("more than max limit") => match max_size(&text) {
                Some(size @ 1..) => Self::TooManyNames(size),
                _ => refused(),
            },
            _ if says_already_so(&text, method) => Self::AlreadySo(message()),
            _ if mentions("do not find this group") || (mentions("grpID") && mentions("does not exist")) => {
                Self::NoSuchRoom(words())
            }
            (404, "service_resource_not_found") | (405 | 415 | 501, _) => {
                Self::UnknownCall(cleaned(&format!("status {status}, {error}: {text}")))
            }
            // Whom the service no longer knows is in no room.
            _ if mentions("username") && mentions("doesn't exist") && takes_away(method) => {
                Self::AlreadySo(message())
            }
            _ if mentions("username") && mentions("doesn't exist") => Self::NoSuchUser(message()),
            _ => refused(),
        })
    }

    /// Reads a success that is not the service's JSON, from this address.
    pub(super) fn not_json(base: &Url, body: &[u8], error: &serde_json::Error) -> Self {
        let address = base.as_str().trim_end_matches('/');
        let text = if body.trim_ascii_start().starts_with(b"<") {
            format!("{address} answered with a web page, not as the chat service; is `service.url` right?")
        } else {
            format!(
                "{address} did not answer with the chat service's JSON ({error}); is `service.url` right?"
            )
        };
        Self::NoClearAnswer(cleaned(&text))
    }

    /// Reads an error answer that is not the service's JSON.
    fn without_body(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::CredentialsRefused("no reason given".into())),
            429 => None,
            300..=399 => Some(Self::Redirected(status)),
            405 | 415 | 501 => Some(Self::UnknownCall(format!("status {status}"))),
            _ => Some(Self::ForeignAnswer(status)),
        }
    }
}

fn takes_away(method: Method) -> bool {
    matches!(
        method,
        Method::RemoveOne | Method::RemoveMany | Method::Demote | Method::DisallowMany
    )
}
