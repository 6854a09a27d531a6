//! The two forms of events, as the service posts them (`[P]`): `group_op_event`, and the older `muc`. Unknown fields are ignored.

use super::event::{Actor, EventKind, Leave, RoomEvent};
use crate::model::{RoomId, UserId};
use serde::Deserialize;
use serde_json::{Number, Value};
use std::borrow::Cow;

/// Operator of a call made with an app token.
const APP: &str = "@ppAdmin";

/// What proves an event, and is read of every request. Everything else is read once the digest was found right.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(rename = "callId", borrow)]
    pub(super) call_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) security: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) timestamp: Stamp<'a>,
    #[serde(borrow)]
    pub(super) appkey: Option<Cow<'a, str>>,
}

/// Milliseconds since 1970, as a number or as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Stamp<'a> {
    Number(Number),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Stamp<'_> {
    /// The text that the digest is made of.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => text.as_ref().into(),
        }
    }

    pub(super) fn ms(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// Reads an event whose digest is right. `None`: it is of something else than a room.
pub(super) fn room_event(body: &[u8], app_key: Option<&str>) -> Option<RoomEvent> {
    let event: Value = serde_json::from_slice(body).ok()?;
    match text(&event, "event") {
        "group_op_event" => new_form(&event),
        _ => old_form(&event, app_key),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A room's id, as text or as a number.
fn room(value: &Value, key: &str) -> Option<RoomId> {
    match value.get(key)? {
        Value::String(id) => RoomId::parse(id).ok(),
        Value::Number(id) => RoomId::parse(&id.to_string()).ok(),
        _ => None,
    }
}

fn new_form(event: &Value) -> Option<RoomEvent> {
    if !text(event, "type").eq_ignore_ascii_case("CHATROOM") {
        return None;
    }
    let payload = event.get("payload").unwrap_or(&Value::Null);
    let (kind, names) = match (text(event, "operation"), text(payload, "type")) {
        ("JOIN", _) => (EventKind::Joined, "member"),
        ("LEAVE", kind) => (EventKind::Left(leave(kind, text(payload, "action"))), "member"),
        ("ADMIN", "ADD") => (EventKind::Promoted, "admin"),
        ("ADMIN", "REMOVE") => (EventKind::Demoted, "admin"),
        ("BLOCK", "ADD") => (EventKind::Blocked, "member"),
        ("DELETE", _) => (EventKind::Deleted, "member"),
        ("BLOCK" | "WHITE" | "MUTE" | "BAN" | "CREATE" | "UPDATE" | "METADATA" | "FILE", _) => {
            (EventKind::Irrelevant, "member")
        }
        _ => (EventKind::Unknown, "member"),
    };
    let named = match payload.get(names) {
        Some(Value::Array(names)) => names.as_slice(),
        Some(name @ Value::String(_)) => std::slice::from_ref(name),
        _ => &[],
    };
    let people: Vec<UserId> = named
        .iter()
        .filter_map(|name| UserId::parse(name.as_str()?).ok())
        .collect();
    Some(RoomEvent {
        room: room(event, "id")?,
        kind,
        has_others: people.len() < named.len(),
        people,
        by: match text(event, "operator") {
            "" => Actor::Unsaid,
            APP => Actor::App,
            name => UserId::parse(name).map_or(Actor::Unsaid, Actor::Person),
        },
    })
}

fn leave(kind: &str, action: &str) -> Leave {
    match (kind, action) {
        ("QUIT", "user_quit") => Leave::Quit,
        ("QUIT", "user_offline") => Leave::Offline,
        ("QUIT", _) => Leave::QuitOrOffline,
        ("KICK", _) => Leave::Removed,
        ("BLOCK", _) => Leave::Blocked,
        ("DELETE", _) => Leave::RoomDeleted,
        _ => Leave::Unsaid,
    }
}

fn old_form(event: &Value, app_key: Option<&str>) -> Option<RoomEvent> {
    let payload = event.get("payload")?;
    let is_room = payload
        .get("is_chatroom")
        .is_some_and(|is| *is == Value::Bool(true));
    if text(event, "chat_type") != "muc" || !is_room {
        return None;
    }
    let app_key = match text(event, "appkey") {
        "" => app_key.unwrap_or_default(),
        named => named,
    };
    let muc_id = text(payload, "muc_id");
    let local = muc_id.split_once('@').map_or(muc_id, |(local, _)| local);
    let in_address = local.rsplit_once('_').and_then(|(_, id)| RoomId::parse(id).ok());
    let address = |key: &str| text(event, key);
    // Some operations are told by the person, others by whoever did it.
    let (kind, person, by) = match text(payload, "operation") {
        "presence" => (EventKind::Joined, address("from"), ""),
        "absence" => (EventKind::Left(Leave::Unsaid), address("from"), ""),
        "leave" => (EventKind::Left(Leave::Quit), address("from"), address("from")),
        // "And of members who leave after 2 minutes offline" (`[P]`).
        "kick" => (
            EventKind::Left(Leave::RemovedOrOffline),
            address("to"),
            address("from"),
        ),
        "add_admin" => (EventKind::Promoted, address("to"), address("from")),
        "remove_admin" => (EventKind::Demoted, address("to"), address("from")),
        "destroy" => (EventKind::Deleted, "", address("from")),
        "create"
        | "update"
        | "add_mute"
        | "remove_mute"
        | "ban"
        | "allow"
        | "block"
        | "unblock"
        | "apply"
        | "apply_accept"
        | "invite"
        | "invite_accept"
        | "invite_decline"
        | "add_user_white_list"
        | "remove_user_white_list"
        | "update_announcement"
        | "delete_announcement"
        | "upload_file"
        | "delete_file"
        | "ban_group"
        | "remove_ban_group" => (EventKind::Irrelevant, "", ""),
        _ => (EventKind::Unknown, "", ""),
    };
    let user = |address: &str| UserId::parse(user_part(address, app_key)).ok();
    let by = match user_part(by, app_key) {
        "" => Actor::Unsaid,
        APP => Actor::App,
        name => UserId::parse(name).map_or(Actor::Unsaid, Actor::Person),
    };
    let kind = match (kind, &by) {
        // Nobody is a person and the service at once.
        (EventKind::Left(Leave::RemovedOrOffline), Actor::Person(_)) => EventKind::Left(Leave::Removed),
        (kind, _) => kind,
    };
    let people: Vec<UserId> = user(person).into_iter().collect();
    Some(RoomEvent {
        room: room(event, "group_id").or(in_address)?,
        kind,
        has_others: people.is_empty() && !person.is_empty(),
        people,
        by,
    })
}

/// The name in `{appkey}_{name}@easemob.com/{device}`, or in a name alone.
fn user_part<'a>(address: &'a str, app_key: &str) -> &'a str {
    // The app's own name holds an `@` as well.
    let rest = address
        .strip_prefix(app_key)
        .and_then(|rest| rest.strip_prefix('_'))
        .unwrap_or(address);
    match rest.strip_prefix(APP) {
        Some(after) if after.is_empty() || after.starts_with('@') => APP,
        _ => rest.split('@').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
