//! What goes back: the JSON of a success or of a refusal.

use super::State;
use super::refusal::Refusal;
use super::routes::Call;
use crate::chat::wire::{
    AddMany, AddedMany, Demoted, Envelope, ErrorBody, MAX_PAGE_SIZE, MemberResult, MemberRow, Promote,
    Promoted, RoomDetail,
};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The app's internal id, "You can safely ignore this parameter" (seed, "Common parameters").
const APPLICATION: &str = "8be024f0-e978-11e8-b697-5d598d5f8402";

/// The `data` of an answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data {
    Member(MemberResult),
    Added(AddedMany),
    Members(Vec<MemberRow>),
    Removed(Vec<MemberResult>),
    Promoted(Promoted),
    Admins(Vec<String>),
    Demoted(Demoted),
    Rooms(Vec<RoomDetail>),
    /// [P]
    Deleted {
        success: bool,
        id: String,
    },
}

type Query = BTreeMap<String, Vec<String>>;

/// Does what was asked and makes the answer.
pub(super) fn perform(
    state: &mut State,
    call: &Call,
    head: &Parts,
    body: &[u8],
) -> Result<Envelope<Data>, Refusal> {
    let mut params = None;
    let data = match call {
        Call::AddOne { room, user } => Data::Member(state.add_one(room, user)?),
        Call::AddMany { room } => {
            let AddMany { usernames } = decode(body)?;
            if usernames.is_empty() {
                // [?]
                return Err(Refusal::BadArgument("usernames is empty".to_owned()));
            }
            Data::Added(state.add_many(room, &usernames)?)
        }
        Call::ListMembers { room } => {
            let query = query(head);
            let page = number(&query, "pagenum", 1, 1)?;
            let size = number(&query, "pagesize", 0, MAX_PAGE_SIZE)?;
            params = (!query.is_empty()).then_some(query);
            Data::Members(state.list_members(room, page, size)?)
        }
        Call::RemoveOne { room, user } => Data::Member(state.remove_one(room, user)?),
        Call::RemoveMany { room, users } => Data::Removed(state.remove_many(room, users)?),
        Call::Promote { room } => {
            let Promote { newadmin } = decode(body)?;
            Data::Promoted(state.promote(room, &newadmin)?)
        }
        Call::ListAdmins { room } => Data::Admins(state.list_admins(room)?),
        Call::Demote { room, user } => Data::Demoted(state.demote(room, user)?),
        Call::RoomDetail { rooms } => Data::Rooms(state.room_detail(rooms)?),
        Call::DeleteRoom { room } => {
            state.delete_room(room)?;
            Data::Deleted {
                success: true,
                id: room.clone(),
            }
        }
    };
    let count = match &data {
        Data::Members(rows) => u64::try_from(rows.len()).ok(),
        Data::Admins(names) => u64::try_from(names.len()).ok(),
        _ => None,
    };
    Ok(Envelope {
        action: head.method.as_str().to_ascii_lowercase(),
        application: APPLICATION.to_owned(),
        params,
        uri: uri(head),
        entities: Vec::new(),
        properties: None,
        data,
        timestamp: now_ms(),
        duration: 0,
        organization: state.app_key.org().to_owned(),
        application_name: state.app_key.app().to_owned(),
        count,
    })
}

/// The whole response.
pub(super) fn respond(result: Result<Envelope<Data>, Refusal>) -> Response {
    match result {
        Ok(envelope) => json(StatusCode::OK, &envelope),
        Err(refusal) => {
            let (status, error, exception, description) = refusal.parts();
            let body = ErrorBody {
                error: error.to_owned(),
                exception: format!("com.easemob.group.exception.{exception}Exception"),
                timestamp: now_ms(),
                duration: 0,
                error_description: description,
            };
            json(status, &body)
        }
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            Refusal::BadArgument(error.to_string())
        } else {
            Refusal::BadJson(error.to_string())
        }
    })
}

/// The query as the service echoes it: every value of every key.
fn query(head: &Parts) -> Query {
    let mut query = Query::new();
    let pairs = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    for (key, value) in pairs.into_owned() {
        query.entry(key).or_default().push(value);
    }
    query
}

fn number(query: &Query, key: &str, least: usize, default: usize) -> Result<usize, Refusal> {
    let Some(text) = query.get(key).and_then(|values| values.first()) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        // [?]
        _ => Err(Refusal::BadArgument(format!("{key} is not valid: {text}"))),
    }
}

/// The request's address without its query, as the seed's samples show it.
fn uri(head: &Parts) -> String {
    let header = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| head.uri.authority().map(http::uri::Authority::as_str));
    format!("http://{}{}", host.unwrap_or("localhost"), head.uri.path())
}

pub(super) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
