use super::profile::Side;
use crate::chat::wire::MAX_DETAIL_ROOMS;
use crate::model::MAX_ADMINS;
use http::StatusCode;

/// Reason why the service refuses a call.
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
    /// No bearer token was sent, or one that has expired.
    Unauthorized,
    /// A token that is none of this service's.
    BadToken,
    /// The token's user may not do this; the end of the text is unknown. [?]
    NoPermission,
    /// No token for these credentials.
    BadGrant(&'static str),
    /// Over the call rate of the method.
    OverRate(Side),
    /// The body is not JSON.
    BadJson(String),
    /// A field or a parameter is missing or makes no sense.
    BadArgument(String),
    /// More names than one `add_many` takes.
    TooManyToAdd(usize, Side),
    /// More names than one `remove_many` takes.
    TooManyToRemove(usize, Side),
    /// More names than one call for the allow list or the block list takes.
    TooManyToList {
        /// Beginning of the text.
        subject: &'static str,
        most: usize,
    },
    /// More rooms than one `room_detail` takes. [?]
    TooManyRooms,
    NoSuchRoom(String),
    NoSuchUser {
        user: String,
        side: Side,
    },
    /// Deleting a user that is not there.
    NoSuchEntity,
    UserExists(String),
    AlreadyMember {
        user: String,
        room: String,
    },
    /// Removing somebody who is not there, or several of whom nobody is.
    NotMember {
        users: String,
        side: Side,
    },
    /// Blocking the owner.
    OnOwner,
    /// Adding somebody who is on the block list; the text is unknown. [?]
    Blocked {
        user: String,
        room: String,
    },
    /// Promoting somebody who is not there: another status than removing them; the seed side's text is unknown. [?]
    CannotPromote {
        user: String,
        room: String,
        side: Side,
    },
    /// A page past the end, where that is not an empty one; the text is unknown. [?]
    PastEnd {
        page: usize,
        status: StatusCode,
    },
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
        const MISSING: (&str, &str) = ("resource_not_found", "ResourceNotFound");
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
            Self::Unauthorized => (
                S::UNAUTHORIZED,
                ("unauthorized", "Unauthorized"),
                "Unable to authenticate (OAuth)".into(),
            ),
            Self::BadToken => (
                S::UNAUTHORIZED,
                ("auth_bad_access_token", "AuthBadAccessToken"),
                "Unable to authenticate due to corrupt access token".into(),
            ),
            Self::NoPermission => (
                S::UNAUTHORIZED,
                ("group_authorization", "GroupAuthorization"),
                "you have no permission to do this!".into(),
            ),
            Self::BadGrant(why) => (
                S::BAD_REQUEST,
                ("invalid_grant", "InvalidGrant"),
                (*why).to_owned(),
            ),
            Self::OverRate(Side::Seed) => (
                S::TOO_MANY_REQUESTS,
                ("reach_limit", "ReachLimit"),
                "This request has reached api limit".into(),
            ),
            Self::OverRate(Side::Newer) => (
                S::FORBIDDEN,
                FORBIDDEN,
                "The request has reached the maximum limit".into(),
            ),
            Self::BadJson(why) => (S::BAD_REQUEST, ("json_parse", "JsonParse"), why.clone()),
            Self::BadArgument(why) => (S::BAD_REQUEST, ARGUMENT, why.clone()),
            Self::TooManyToAdd(most, side) => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("addMembers: addMembers {}", too_many(*most, *side)),
            ),
            Self::TooManyToRemove(most, side) => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("kickMember: kickMembers {}", too_many(*most, *side)),
            ),
            Self::TooManyToList { subject, most } => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("{subject} more than max limit : {most}"),
            ),
            Self::OnOwner => (
                S::FORBIDDEN,
                FORBIDDEN,
                "forbidden operation on group owner!".into(),
            ),
            Self::Blocked { user, room } => (
                S::FORBIDDEN,
                FORBIDDEN,
                format!("can not join this group, reason:user: {user} is in the blacklist of group: {room}"),
            ),
            Self::TooManyRooms => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("chatroom ids number more than maxSize : {MAX_DETAIL_ROOMS}"),
            ),
            Self::NoSuchRoom(room) => (S::NOT_FOUND, MISSING, format!("grpID {room} does not exist!")),
            Self::NoSuchUser { user, side } => {
                let (status, kind) = side.pick((S::BAD_REQUEST, ARGUMENT), (S::NOT_FOUND, MISSING));
                (status, kind, format!("username {user} doesn't exist!"))
            }
            Self::NoSuchEntity => (
                S::NOT_FOUND,
                ("service_resource_not_found", "ServiceResourceNotFound"),
                "Service resource not found".into(),
            ),
            Self::UserExists(user) => (
                S::BAD_REQUEST,
                (
                    "duplicate_unique_property_exists",
                    "DuplicateUniquePropertyExists",
                ),
                format!(
                    "Entity user requires that property named username be unique, value of {user} exists"
                ),
            ),
            Self::AlreadyMember { user, room } => (
                S::BAD_REQUEST,
                PARAMETER,
                format!("can not join this group, reason:user: {user} already in group: {room}"),
            ),
            Self::NotMember { users, side } => (
                side.pick(S::BAD_REQUEST, S::FORBIDDEN),
                FORBIDDEN,
                format!("users [{users}] are not members of this group!"),
            ),
            Self::CannotPromote { user, room, side } => match side {
                Side::Seed => (
                    S::FORBIDDEN,
                    FORBIDDEN,
                    format!("users [{user}] are not members of this group!"),
                ),
                Side::Newer => (
                    S::NOT_FOUND,
                    MISSING,
                    format!("user: {user} doesn't exist in group: {room}"),
                ),
            },
            Self::PastEnd { page, status } => {
                let kind = if *status == S::NOT_FOUND {
                    MISSING
                } else {
                    PARAMETER
                };
                (*status, kind, format!("there is no page {page}"))
            }
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

/// The end of the words about too large a batch.
fn too_many(most: usize, side: Side) -> String {
    let limit = side.pick("number more than maxSize", "list size more than max limit");
    format!("{limit} : {most}")
}
