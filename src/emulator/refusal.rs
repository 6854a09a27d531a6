use super::profile::Side;
use crate::chat::wire::MAX_DETAIL_ROOMS;
use crate::model::MAX_ADMINS;
use http::StatusCode;

/// Reason why the service refuses a call.
///
/// Statuses, kinds and texts are those of the recorded answers (`[P]`). Where nobody says (`[?]`), a variant's comment does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The path is not one of the service's, or names a user who is not there.
    NoSuchResource,
    /// The path is known, for other HTTP methods. [?]
    WrongMethod,
    /// Another org and app, or another app id, than this service has.
    NoSuchApp(String),
    /// The token is of another form, or has expired.
    Unauthorized,
    /// A call about rooms without a token, or with nothing in its place.
    BlankToken,
    /// A token that is none of this service's.
    BadToken,
    /// The token's user may not do this; the end of the text is unknown. [?]
    NoPermission,
    /// No token for these credentials.
    BadGrant(&'static str),
    /// No token for a user who is not there.
    NoSuchGrantee,
    /// Over the call rate of the method.
    OverRate(Side),
    /// The body has more bytes than the service reads; kind and text are unknown. [?]
    BodyTooLarge,
    /// The body is of another type than JSON, as its `Content-Type` says.
    MediaType,
    /// The body is not JSON.
    BadJson,
    /// The body has not the fields that it should have.
    BadBody,
    /// A field or a parameter is missing or makes no sense.
    BadArgument(String),
    /// The same in the words of the calls about rooms.
    BadParameter(&'static str),
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
    /// The same where the room was to be read.
    NoRoomToRead(String),
    NoSuchUser {
        user: String,
        side: Side,
    },
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
        const NOTHING: (&str, &str) = ("service_resource_not_found", "ServiceResourceNotFound");
        const RIGHTS: (&str, &str) = ("group_authorization", "GroupAuthorization");
        const GRANT: (&str, &str) = ("invalid_grant", "InvalidGrant");

        let (status, (error, exception), description) = match self {
            Self::NoSuchResource => (S::NOT_FOUND, NOTHING, "Service resource not found".into()),
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
            Self::BlankToken => (S::UNAUTHORIZED, RIGHTS, "token is blank!".into()),
            Self::NoPermission => (
                S::UNAUTHORIZED,
                RIGHTS,
                "you have no permission to do this!".into(),
            ),
            Self::BadGrant(why) => (S::BAD_REQUEST, GRANT, (*why).to_owned()),
            Self::NoSuchGrantee => (S::NOT_FOUND, GRANT, "user not found".into()),
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
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                ("request_entity_too_large", "RequestEntityTooLarge"),
                "the body is too large".into(),
            ),
            Self::MediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                ("web_application", "WebApplication"),
                "Unsupported Media Type.".into(),
            ),
            Self::BadJson => (
                S::BAD_REQUEST,
                ("json_parse", "JsonParse"),
                "Unexpected character.".into(),
            ),
            Self::BadBody => (S::BAD_REQUEST, ARGUMENT, "This is an invalid request.".into()),
            Self::BadArgument(why) => (S::BAD_REQUEST, ARGUMENT, why.clone()),
            Self::BadParameter(why) => (S::BAD_REQUEST, PARAMETER, (*why).to_owned()),
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
            Self::NoRoomToRead(room) => (S::NOT_FOUND, NOTHING, format!("do not find this group:{room}")),
            Self::NoSuchUser { user, side } => {
                let (status, kind) = side.pick((S::BAD_REQUEST, ARGUMENT), (S::NOT_FOUND, MISSING));
                (status, kind, format!("username {user} doesn't exist!"))
            }
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
