use crate::chat::wire::{MAX_ADD_BATCH, MAX_DETAIL_ROOMS, MAX_REMOVE_BATCH};
use crate::model::MAX_ADMINS;
use http::StatusCode;

/// Why the service refuses a call.
///
/// Statuses, kinds and texts are those of the recorded answers (`[P]`). Where nobody says (`[?]`), a variant's comment does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The path is not one of the service's. [?]
    NoSuchCall,
    /// The path is known, for other HTTP methods. [?]
    WrongMethod,
    /// Another org and app, or another app id, than this service has.
    NoSuchApp(String),
    /// No bearer token was sent.
    NoToken,
    /// A token that is none of this service's.
    BadToken,
    /// Over the call rate of the method.
    OverRate,
    /// The body is not JSON.
    BadJson(String),
    /// A field or a parameter is missing or makes no sense.
    BadArgument(String),
    /// More names than one `add_many` takes.
    TooManyToAdd,
    /// More names than one `remove_many` takes.
    TooManyToRemove,
    /// More rooms than one `room_detail` takes. [?]
    TooManyRooms,
    NoSuchRoom(String),
    NoSuchUser(String),
    AlreadyMember {
        user: String,
        room: String,
    },
    /// Removing somebody who is not there.
    NotMember(String),
    /// Promoting somebody who is not there: another status than removing them; the text is unknown. [?]
    CannotPromote(String),
    /// `maxusers` is reached.
    RoomFull,
    /// The text is unknown. [?]
    AlreadyAdmin {
        user: String,
        room: String,
    },
    NotAdmin {
        user: String,
        room: String,
    },
    /// 403; the kind and the text are unknown. [?]
    TooManyAdmins,
}

impl Refusal {
    /// The status, and of the body: `error`, the last word of `exception`, `error_description`.
    pub(super) fn parts(&self) -> (StatusCode, &'static str, &'static str, String) {
        use StatusCode as S;
        const ARGUMENT: (&str, &str) = ("illegal_argument", "IllegalArgument");
        const PARAMETER: (&str, &str) = ("invalid_parameter", "InvalidParameter");
        const FORBIDDEN: (&str, &str) = ("forbidden_op", "ForbiddenOp");
        const EXCEEDED: (&str, &str) = ("exceed_limit", "ExceedLimit");

        let (status, (error, exception), description) = match self {
            Self::NoSuchCall => (S::NOT_FOUND, ("not_found", "NotFound"), "no such path".into()),
            Self::WrongMethod => (
                S::METHOD_NOT_ALLOWED,
                ("method_not_allowed", "MethodNotAllowed"),
                "this path does not know this method".into(),
            ),
            Self::NoSuchApp(app) => (
                S::NOT_FOUND,
                (
                    "organization_application_not_found",
                    "OrganizationApplicationNotFound",
                ),
                format!("Could not find application for {app}"),
            ),
            Self::NoToken => (
                S::UNAUTHORIZED,
                ("unauthorized", "Unauthorized"),
                "Unable to authenticate (OAuth)".into(),
            ),
            Self::BadToken => (
                S::UNAUTHORIZED,
                ("auth_bad_access_token", "AuthBadAccessToken"),
                "Unable to authenticate due to corrupt access token".into(),
            ),
            Self::OverRate => (
                S::TOO_MANY_REQUESTS,
                ("reach_limit", "ReachLimit"),
                "This request has reached api limit".into(),
            ),
            Self::BadJson(why) => (S::BAD_REQUEST, ("json_parse", "JsonParse"), why.clone()),
            Self::BadArgument(why) => (S::BAD_REQUEST, ARGUMENT, why.clone()),
            Self::TooManyToAdd => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("addMembers: addMembers number more than maxSize : {MAX_ADD_BATCH}"),
            ),
            Self::TooManyToRemove => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("kickMember: kickMembers number more than maxSize : {MAX_REMOVE_BATCH}"),
            ),
            Self::TooManyRooms => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("chatroom ids number more than maxSize : {MAX_DETAIL_ROOMS}"),
            ),
            Self::NoSuchRoom(room) => (
                S::NOT_FOUND,
                ("resource_not_found", "ResourceNotFound"),
                format!("grpID {room} does not exist!"),
            ),
            Self::NoSuchUser(user) => (
                S::BAD_REQUEST,
                ARGUMENT,
                format!("username {user} doesn't exist!"),
            ),
            Self::AlreadyMember { user, room } => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("can not join this group, reason:user: {user} already in group: {room}"),
            ),
            Self::NotMember(user) | Self::CannotPromote(user) => (
                if matches!(self, Self::NotMember(_)) {
                    S::BAD_REQUEST
                } else {
                    S::FORBIDDEN
                },
                FORBIDDEN,
                format!("users [{user}] are not members of this group!"),
            ),
            Self::RoomFull => (
                S::FORBIDDEN,
                EXCEEDED,
                "member size is greater than max user size !".into(),
            ),
            Self::AlreadyAdmin { user, room } => (
                S::FORBIDDEN,
                FORBIDDEN,
                format!("user:{user} is already admin of group:{room}"),
            ),
            Self::NotAdmin { user, room } => (
                S::FORBIDDEN,
                FORBIDDEN,
                format!("user:{user} is not admin of group:{room}"),
            ),
            Self::TooManyAdmins => (
                S::FORBIDDEN,
                EXCEEDED,
                format!("admin size is greater than max admin size : {MAX_ADMINS}"),
            ),
        };
        (status, error, exception, description)
    }
}
