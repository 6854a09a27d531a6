//! The JSON of the calls, of their answers and of the service's errors.
//!
//! From the seed ("Manage chat room members") and, where marked `[P]` there, other public documents. The client and the
//! emulator share these shapes and nothing else; literal JSON pins them on both sides. Decoding is lenient: unknown
//! fields are ignored and everything but `data` may be missing.

use compact_str::CompactString;
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Most names in one `add_many` (seed, "Adding multiple chat room members").
pub const MAX_ADD_BATCH: usize = 60;
/// Most names in one `remove_many` (seed, "Removing multiple chat room members").
pub const MAX_REMOVE_BATCH: usize = 100;
/// Most rows on one page of `list_members`; more is served as this many (seed, "Query parameters").
pub const MAX_PAGE_SIZE: usize = 1000;
/// Most rooms in one `room_detail` (`[P]`).
pub const MAX_DETAIL_ROOMS: usize = 100;
/// Most rooms on one page of `list_rooms`: no document (`[P]`) takes fewer for too many.
pub const MAX_ROOMS_PAGE: usize = 100;
/// Calls a second that the service allows for each method of an App Key (seed, at every call).
pub const CALLS_PER_SECOND: u32 = 100;
/// The same for `list_rooms` (`[P]`).
pub const LIST_ROOMS_PER_SECOND: u32 = 50;

/// The service's methods. Each has a call budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `POST /chatrooms/{id}/users/{user}`
    AddOne,
    /// `POST /chatrooms/{id}/users`
    AddMany,
    /// `GET /chatrooms/{id}/users?pagenum=N&pagesize=N`
    ListMembers,
    /// `DELETE /chatrooms/{id}/users/{user}`
    RemoveOne,
    /// `DELETE /chatrooms/{id}/users/{u1}%2C{u2}…`
    RemoveMany,
    /// `POST /chatrooms/{id}/admin`
    Promote,
    /// `GET /chatrooms/{id}/admin`
    ListAdmins,
    /// `DELETE /chatrooms/{id}/admin/{user}`
    Demote,
    /// `GET /chatrooms/{id1}%2C{id2}…` (`[P]`)
    RoomDetail,
    /// `GET /chatrooms?limit=N&cursor=C` (`[P]`)
    ListRooms,
}

impl Method {
    /// Every method, in the order of the seed.
    pub const ALL: [Self; 10] = [
        Self::AddOne,
        Self::AddMany,
        Self::ListMembers,
        Self::RemoveOne,
        Self::RemoveMany,
        Self::Promote,
        Self::ListAdmins,
        Self::Demote,
        Self::RoomDetail,
        Self::ListRooms,
    ];

    /// The name used in settings, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddOne => "add_one",
            Self::AddMany => "add_many",
            Self::ListMembers => "list_members",
            Self::RemoveOne => "remove_one",
            Self::RemoveMany => "remove_many",
            Self::Promote => "promote",
            Self::ListAdmins => "list_admins",
            Self::Demote => "demote",
            Self::RoomDetail => "room_detail",
            Self::ListRooms => "list_rooms",
        }
    }

    /// True if a call of this method can change anything.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(
            self,
            Self::ListMembers | Self::ListAdmins | Self::RoomDetail | Self::ListRooms
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Envelope around the `data` of a successful answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Envelope<T> {
    /// The HTTP method in lower case.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// The app's internal id, a UUID.
    #[serde(default, deserialize_with = "or_default")]
    pub application: String,
    /// The query, echoed as arrays of strings; with `list_members` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, Vec<String>>>,
    /// The request's URI.
    #[serde(default, deserialize_with = "or_default")]
    pub uri: String,
    /// Always empty in these calls.
    #[serde(default, deserialize_with = "ignored")]
    pub entities: Vec<()>,
    /// Sent by newer servers (`[P]`): `{}`.
    #[serde(
        default,
        deserialize_with = "ignored",
        skip_serializing_if = "Option::is_none"
    )]
    pub properties: Option<BTreeMap<String, ()>>,
    /// Content that was asked for.
    pub data: T,
    /// Milliseconds since 1970.
    #[serde(default, deserialize_with = "or_default")]
    pub timestamp: u64,
    /// Milliseconds the call took.
    #[serde(default, deserialize_with = "or_default")]
    pub duration: u64,
    /// The App Key's first half.
    #[serde(default, deserialize_with = "or_default")]
    pub organization: String,
    /// The App Key's second half.
    #[serde(default, deserialize_with = "or_default")]
    pub application_name: String,
    /// Rows in `data`, with the two lists.
    #[serde(default, deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Where the next page begins, with lists in cursor form (`[P]`); not there on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Takes `null` for what is missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Takes the rows if every one is understood: a list with others in it shows not all who are there.
fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<MemberRow>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Row {
        Known(MemberRow),
        Other(IgnoredAny),
    }
    let rows: Option<Vec<Row>> = Option::deserialize(deserializer)?;
    let known = |row| match row {
        Row::Known(row) => Some(row),
        Row::Other(IgnoredAny) => None,
    };
    Ok(rows.and_then(|rows| rows.into_iter().map(known).collect()))
}

fn ignored<'de, D: Deserializer<'de>, T: Default>(deserializer: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| T::default())
}

/// The seed's table calls `count` a String, its samples show a number: either is taken.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Count {
        Number(u64),
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Count::deserialize(deserializer)? {
        Count::Number(number) => Some(number),
        Count::Text(text) => text.parse().ok(),
        Count::Other(_) => None,
    })
}

/// Result of a call: `true` and `false` for members, `"success"` for admins. The seed's tables
/// and samples disagree, so either form is taken everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `true` or `false`
    Bool(bool),
    /// `"success"`, or anything else for a failure.
    Text(String),
}

impl Outcome {
    /// The admin calls' success.
    #[must_use]
    pub fn success() -> Self {
        Self::Text("success".into())
    }

    /// True if it was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Bool(done) => *done,
            Self::Text(text) => text.eq_ignore_ascii_case("success") || text.eq_ignore_ascii_case("true"),
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(done) => serializer.serialize_bool(*done),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Bool(bool),
            Text(String),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Bool(done) => Self::Bool(done),
            Either::Text(text) => Self::Text(text),
        })
    }
}

/// `data` of `add_one` and `remove_one`, and a row of `remove_many`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberResult {
    /// Success for this user.
    pub result: Outcome,
    /// `add_member` or `remove_member`
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// Reason, if `result` is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The user.
    #[serde(default, deserialize_with = "or_default")]
    pub user: String,
    /// The room.
    #[serde(default, deserialize_with = "or_default")]
    pub id: String,
}

/// `data` of `add_many`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedMany {
    /// Users added; whether those who were there already are listed depends on the server.
    #[serde(default, deserialize_with = "or_default")]
    pub newmembers: Vec<String>,
    /// `add_member`
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// The room.
    #[serde(default, deserialize_with = "or_default")]
    pub id: String,
}

/// Body of `add_many`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddMany {
    /// Users to add.
    pub usernames: Vec<String>,
}

/// Body of `promote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promote {
    /// User to be an admin.
    pub newadmin: String,
}

/// `data` of `promote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// True if it was done.
    pub result: Outcome,
    /// User promoted.
    #[serde(default, deserialize_with = "or_default")]
    pub newadmin: String,
}

/// `data` of `demote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demoted {
    /// True if it was done.
    pub result: Outcome,
    /// User demoted.
    #[serde(default, deserialize_with = "or_default")]
    pub oldadmin: String,
}

/// A row of a member list. Admins are shown as plain members. A look reads millions of them, so a name that is not long
/// stands in the row itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberRow {
    /// `{"owner": user}`
    Owner(CompactString),
    /// `{"member": user}`
    Member(CompactString),
}

/// By hand, because a derived enum would refuse a row that says more than who and what they are.
impl<'de> Deserialize<'de> for MemberRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Row {
            owner: Option<CompactString>,
            member: Option<CompactString>,
        }
        match Row::deserialize(deserializer)? {
            Row {
                owner: Some(owner),
                member: None,
            } => Ok(Self::Owner(owner)),
            Row {
                owner: None,
                member: Some(member),
            } => Ok(Self::Member(member)),
            Row { .. } => Err(D::Error::custom("a row names either an `owner` or a `member`")),
        }
    }
}

/// A row of `room_detail` (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The room.
    pub id: String,
    /// Its name on the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Owner, listed as a member or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Most people in it, the owner counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxusers: Option<u64>,
    /// People in it, the owner counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliations_count: Option<u64>,
    /// People in it; not every server sends all, or any.
    #[serde(default, deserialize_with = "rows", skip_serializing_if = "Option::is_none")]
    pub affiliations: Option<Vec<MemberRow>>,
}

/// A row of `list_rooms` (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRow {
    /// The room.
    pub id: String,
    /// Its name on the service.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Owner.
    #[serde(default, deserialize_with = "or_default")]
    pub owner: String,
    /// People in it, the owner counted.
    #[serde(default, deserialize_with = "or_default")]
    pub affiliations_count: u64,
}

/// The body of an error (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Kind of error, such as `forbidden_op`.
    pub error: String,
    /// The server's own class of it.
    #[serde(default, deserialize_with = "or_default")]
    pub exception: String,
    /// Milliseconds since 1970.
    #[serde(default, deserialize_with = "or_default")]
    pub timestamp: u64,
    /// Milliseconds the call took.
    #[serde(default, deserialize_with = "or_default")]
    pub duration: u64,
    /// Description in words.
    #[serde(default, deserialize_with = "or_default")]
    pub error_description: String,
}
