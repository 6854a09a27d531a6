//! Answers: the JSON of a success or of a refusal.

use super::admin_api::UserEntity;
use super::answer::Data;
use super::looks::Looks;
use super::pages::RoomsPage;
use super::profile::Profile;
use super::refusal::Refusal;
use super::routes::Call;
use super::time_of_day::Stamp;
use super::tokens::{APPLICATION, Granted, RequestTime, TokenStore};
use super::{State, admin_api, allow_list, block_list, pages, rules};
use crate::chat::wire::{AddMany, Envelope, ErrorBody, MAX_PAGE_SIZE, Promote};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// Rows on a page of the lists with a cursor, and users deleted at once, if the query does not say. [?]
const DEFAULT_LIMIT: usize = 10;

/// The body of a success.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Success {
    Data(Box<Envelope<Data>>),
    Users(Users),
    Token(Granted),
}

/// The envelope of the calls about users: what they are about stands in `entities`, and there is no `data`. [P]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Users {
    action: String,
    application: &'static str,
    path: &'static str,
    uri: String,
    entities: Vec<UserEntity>,
    timestamp: u64,
    duration: u64,
    organization: String,
    application_name: String,
}

type Query = BTreeMap<String, Vec<String>>;

/// Answers `POST /token`.
pub(super) fn grant(
    tokens: &mut TokenStore,
    state: &mut State,
    profile: Profile,
    (head, body): (&Parts, &[u8]),
    time: RequestTime,
) -> Result<Success, Refusal> {
    let granted = tokens.grant(state, profile, &head.headers, decode(body)?, time)?;
    Ok(Success::Token(granted))
}

/// Does what was asked and makes the answer.
pub(super) fn perform(
    state: &mut State,
    profile: Profile,
    call: &Call,
    (head, body): (&Parts, &[u8]),
    looks: &Looks,
    stamp: Stamp,
) -> Result<Success, Refusal> {
    let mut params = None;
    let mut cursor = None;
    let query = query(head);
    let mut data = match call {
        Call::AddOne { room, user } => {
            Data::Member(rules::add_one(state, profile, room, &profile.spell(user))?)
        }
        Call::AddMany { room } => {
            let AddMany { usernames } = decode(body)?;
            Data::Added(rules::add_many(
                state,
                profile,
                room,
                &names(profile, &usernames)?,
            )?)
        }
        Call::ListMembers { room } if value(&query, "version") == Some("v3") => {
            let limit = looks.page_size(number(&query, "limit", 1, DEFAULT_LIMIT)?);
            let newest_first = value(&query, "sort") == Some("desc");
            let page = pages::names_from(state, profile, room, given_cursor(&query), limit, newest_first)?;
            cursor = page.cursor;
            params = Some(query);
            Data::Listed(page.rows)
        }
        Call::ListMembers { room } if query.contains_key("cursor") || query.contains_key("limit") => {
            let limit = looks.page_size(number(&query, "limit", 1, DEFAULT_LIMIT)?);
            let timed = value(&query, "joined_time") == Some("true");
            let page = pages::members_from(state, profile, room, given_cursor(&query), limit, timed)?;
            cursor = page.cursor;
            params = Some(query);
            Data::Joined(page.rows)
        }
        Call::ListMembers { room } => {
            let page = number(&query, "pagenum", 1, 1)?;
            let size = number(&query, "pagesize", 0, MAX_PAGE_SIZE)?;
            params = (!query.is_empty()).then_some(query);
            looks.tell_page_size(size, &mut params);
            Data::Members(pages::list_members(state, profile, room, (page, size), looks)?)
        }
        Call::RemoveOne { room, user } => {
            Data::Member(rules::remove_one(state, profile, room, &profile.spell(user))?)
        }
        Call::RemoveMany { room, users } => {
            Data::Removed(rules::remove_many(state, profile, room, &profile.spell(users))?)
        }
        Call::Promote { room } => {
            let Promote { newadmin } = decode(body)?;
            Data::Promoted(rules::promote(state, profile, room, &profile.spell(&newadmin))?)
        }
        Call::ListAdmins { room } => Data::Admins(rules::list_admins(state, profile, room)?),
        Call::Demote { room, user } => {
            Data::Demoted(rules::demote(state, profile, room, &profile.spell(user))?)
        }
        Call::RoomDetail { rooms } => Data::Detail(rules::room_detail(state, profile, rooms)?),
        Call::ListRooms => {
            let page = if query.contains_key("pagenum") || query.contains_key("pagesize") {
                let size = looks.page_size(number(&query, "pagesize", 1, DEFAULT_LIMIT)?);
                let number = number(&query, "pagenum", 1, 1)?;
                pages::list_rooms(state, profile, RoomsPage::Number(number), size)?
            } else {
                let limit = looks.page_size(number(&query, "limit", 1, DEFAULT_LIMIT)?);
                pages::list_rooms(state, profile, RoomsPage::After(given_cursor(&query)), limit)?
            };
            cursor = page.cursor;
            params = (!query.is_empty()).then_some(query);
            Data::Rooms(page.rows)
        }
        Call::AllowList { room } => Data::Listed(allow_list::allow_list(state, profile, room)?),
        Call::AllowOne { room, user } => {
            Data::Listing(allow_list::allow_one(state, room, &profile.spell(user))?)
        }
        Call::AllowMany { room } => {
            let AddMany { usernames } = decode(body)?;
            let users = names(profile, &usernames)?;
            Data::Listings(allow_list::allow_many(state, profile, room, &users)?)
        }
        Call::Disallow { room, users } => {
            Data::Listings(allow_list::disallow(state, room, &profile.spell(users))?)
        }
        Call::BlockList { room } => Data::Listed(block_list::block_list(state, profile, room)?),
        Call::BlockOne { room, user } => {
            Data::Listing(block_list::block_one(state, profile, room, &profile.spell(user))?)
        }
        Call::BlockMany { room } => {
            let AddMany { usernames } = decode(body)?;
            let users = names(profile, &usernames)?;
            Data::Listings(block_list::block_many(state, profile, room, &users)?)
        }
        Call::UnblockOne { room, user } => {
            let user = profile.spell(user);
            Data::Listing(block_list::unblock_one(state, profile, room, &user)?)
        }
        Call::UnblockMany { room, users } => {
            let users = profile.spell(users);
            Data::Listings(block_list::unblock_many(state, profile, room, &users)?)
        }
        Call::CreateRoom => Data::Created {
            id: admin_api::create_room(state, profile, decode(body)?, stamp.now_ms)?,
        },
        Call::DeleteRoom { room } => {
            admin_api::delete_room(state, room)?;
            Data::Deleted {
                success: true,
                id: room.clone(),
            }
        }
        Call::CreateUsers => {
            let entities = admin_api::create_users(state, profile, decode(body)?, stamp.now_ms)?;
            return Ok(Success::Users(users(state, head, entities, stamp)));
        }
        Call::DeleteUser { user } => {
            let entities = admin_api::delete_user(state, &profile.spell(user), stamp.now_ms)?;
            return Ok(Success::Users(users(state, head, entities, stamp)));
        }
        Call::DeleteUsers => {
            let limit = number(&query, "limit", 1, DEFAULT_LIMIT)?;
            let entities = admin_api::delete_users(state, limit, stamp.now_ms)?;
            return Ok(Success::Users(users(state, head, entities, stamp)));
        }
        // Answered before anybody's token was looked at.
        Call::Token => return Err(Refusal::NoSuchResource),
    };
    looks.dress(&mut data);
    let rows = match &data {
        Data::Members(rows) => Some(rows.len()),
        Data::Joined(rows) => Some(rows.len()),
        Data::Rooms(rows) => Some(rows.len()),
        Data::Detail(rows) => Some(rows.len()),
        Data::Admins(names) | Data::Listed(names) => Some(names.len()),
        _ => None,
    };
    Ok(Success::Data(Box::new(Envelope {
        action: action(head),
        application: APPLICATION.to_owned(),
        params,
        uri: uri(head),
        entities: Vec::new(),
        properties: profile.rows_and_fields.pick(None, Some(BTreeMap::new())),
        data,
        timestamp: stamp.now_ms,
        duration: stamp.duration_ms,
        organization: state.app_key.org().to_owned(),
        application_name: state.app_key.app().to_owned(),
        count: rows.and_then(|rows| u64::try_from(rows).ok()),
        cursor,
    })))
}

fn users(state: &State, head: &Parts, entities: Vec<UserEntity>, stamp: Stamp) -> Users {
    Users {
        action: action(head),
        application: APPLICATION,
        path: "/users",
        uri: uri(head),
        entities,
        timestamp: stamp.now_ms,
        duration: stamp.duration_ms,
        organization: state.app_key.org().to_owned(),
        application_name: state.app_key.app().to_owned(),
    }
}

/// "The request method" (seed, "Response parameters"), in lower case.
fn action(head: &Parts) -> String {
    head.method.as_str().to_ascii_lowercase()
}

/// The names of a batch, which cannot be empty. [?]
fn names(profile: Profile, usernames: &[String]) -> Result<Vec<String>, Refusal> {
    if usernames.is_empty() {
        return Err(Refusal::BadArgument("usernames is empty".to_owned()));
    }
    Ok(usernames.iter().map(|name| profile.spell(name)).collect())
}

/// The whole response.
pub(super) fn respond(result: Result<Success, Refusal>, stamp: Stamp) -> Response {
    match result {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(refusal) => {
            let (status, error, exception, description) = refusal.parts();
            let body = ErrorBody {
                error: error.to_owned(),
                exception: format!("com.easemob.group.exception.{exception}Exception"),
                timestamp: stamp.now_ms,
                duration: stamp.duration_ms,
                error_description: description,
            };
            json(status, &body)
        }
    }
}

/// The whole response to a success, with the fields that it is to have.
pub(super) fn edited(answer: &Success, looks: &Looks) -> Response {
    match serde_json::to_value(answer) {
        Ok(mut answer) => {
            looks.edit(&mut answer);
            json(StatusCode::OK, &answer)
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => Refusal::BadBody,
        false => Refusal::BadJson,
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

fn value<'a>(query: &'a Query, key: &str) -> Option<&'a str> {
    query.get(key)?.first().map(String::as_str)
}

/// The vendor's web SDK sends an empty cursor, or `undefined`, for the first page. [P]
fn given_cursor(query: &Query) -> Option<&str> {
    value(query, "cursor").filter(|cursor| !matches!(*cursor, "" | "undefined"))
}

fn number(query: &Query, key: &str, least: usize, default: usize) -> Result<usize, Refusal> {
    let Some(text) = value(query, key) else {
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
