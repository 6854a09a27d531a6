//! Bodies of the calls, of their answers and of the service's errors.

use super::lenient::{ignored, number, number_or_zero, text, text_or_empty};
use super::outcome::Outcome;
use super::rows::{MemberRow, Row, all_rows, names};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Envelope around the `data` of a successful answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Envelope<T> {
    /// The HTTP method in lower case.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub action: String,
    /// The app's internal id, a UUID.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub application: String,
    /// The query, echoed as arrays of strings; with `list_members` only.
    #[serde(default, deserialize_with = "params", skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, Vec<String>>>,
    /// The request's URI.
    #[serde(default, deserialize_with = "text_or_empty")]
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
    #[serde(default, deserialize_with = "number_or_zero")]
    pub timestamp: u64,
    /// Milliseconds the call took.
    #[serde(default, deserialize_with = "number_or_zero")]
    pub duration: u64,
    /// The App Key's first half.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub organization: String,
    /// The App Key's second half.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub application_name: String,
    /// Rows in `data`, with the two lists.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Where the next page begins, with lists in cursor form (`[P]`); not there on the last page.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Reads the query as it is echoed; one that cannot be read is missing.
fn params<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, Vec<String>>>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(deserializer)?).ok())
}

/// `data` of `add_one` and `remove_one`, and a row of `remove_many`, `allow_many` and `disallow_many`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberResult {
    /// Success for this user.
    #[serde(default)]
    pub result: Outcome,
    /// `add_member` or `remove_member`
    #[serde(default, deserialize_with = "text_or_empty")]
    pub action: String,
    /// Reason, if `result` is false.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The user.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub user: String,
    /// The room.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub id: String,
}

impl Row for MemberResult {
    type Fields = Self;

    fn of_fields(fields: Self) -> Option<Self> {
        Some(fields)
    }
}

/// `data` of `add_many`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedMany {
    /// Users added; whether those who were there already are listed depends on the server.
    #[serde(default, deserialize_with = "names")]
    pub newmembers: Vec<String>,
    /// `add_member`
    #[serde(default, deserialize_with = "text_or_empty")]
    pub action: String,
    /// The room.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub id: String,
}

/// Body of `add_many` and `allow_many`.
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
    #[serde(default)]
    pub result: Outcome,
    /// User promoted.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub newadmin: String,
}

/// `data` of `demote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demoted {
    /// True if it was done.
    #[serde(default)]
    pub result: Outcome,
    /// User demoted.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub oldadmin: String,
}

/// A row of `room_detail` (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The room; empty if it cannot be read.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub id: String,
    /// Its name on the service.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Owner, listed as a member or not.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Most people in it, the owner counted.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub maxusers: Option<u64>,
    /// People in it, the owner counted.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub affiliations_count: Option<u64>,
    /// People in it; not every server sends all, or any.
    #[serde(
        default,
        deserialize_with = "all_rows",
        skip_serializing_if = "Option::is_none"
    )]
    pub affiliations: Option<Vec<MemberRow>>,
}

impl Row for RoomDetail {
    type Fields = Self;

    fn of_fields(fields: Self) -> Option<Self> {
        Some(fields)
    }
}

/// A row of `list_rooms` (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRow {
    /// The room; empty if it cannot be read.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub id: String,
    /// Its name on the service.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub name: String,
    /// Owner.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub owner: String,
    /// People in it, the owner counted.
    #[serde(default, deserialize_with = "number_or_zero")]
    pub affiliations_count: u64,
}

impl Row for RoomRow {
    type Fields = Self;

    fn of_fields(fields: Self) -> Option<Self> {
        Some(fields)
    }
}

/// Answer to the request for a token (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Granted {
    /// The token; empty if it cannot be read.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub access_token: String,
    /// Seconds of its life; 0: it never ends.
    #[serde(default, deserialize_with = "number")]
    pub expires_in: Option<u64>,
}

/// The body of an error (`[P]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Kind of error, such as `forbidden_op`.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub error: String,
    /// The server's own class of it.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub exception: String,
    /// Milliseconds since 1970.
    #[serde(default, deserialize_with = "number_or_zero")]
    pub timestamp: u64,
    /// Milliseconds the call took.
    #[serde(default, deserialize_with = "number_or_zero")]
    pub duration: u64,
    /// Description in words.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub error_description: String,
}
