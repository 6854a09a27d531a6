//! The newer form of events: `group_op_event`, one a call and kind of change, with the names of all.

use super::APP;
use super::changes::{Change, Leave, Listing, RoomEvent};
use crate::emulator::{Profile, Room, Side};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// When those on the block list may come in again: as good as never, as in the documents' sample (`[P]`).
const BLOCKED_UNTIL_MS: u64 = 4_638_873_600_000;

/// An event as it is posted (`[P]`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    call_id: &'a str,
    security: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    appkey: &'a str,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
    operation: &'static str,
    operator: &'a str,
    /// It stands beside `payload`, not in it, and only in JOIN and LEAVE, but for those of a room that is gone.
    #[serde(rename = "member_count", skip_serializing_if = "Option::is_none")]
    member_count: Option<usize>,
    timestamp: u64,
}

/// Body of an event; `call_id` and `security` as they were made for it.
pub(super) fn body(
    event: &RoomEvent<'_>,
    profile: Profile,
    app_key: &str,
    (call_id, security): (&str, &str),
    now_ms: u64,
) -> serde_json::Result<String> {
    let (operation, payload) = operation(event, profile, app_key, now_ms);
    serde_json::to_string(&Event {
        call_id,
        security,
        payload,
        appkey: app_key,
        id: event.id.as_str(),
        kind: "CHATROOM",
        event: "group_op_event",
        operation,
        operator: event.operator.as_deref().unwrap_or(APP),
        member_count: event.member_count,
        timestamp: now_ms,
    })
}

fn operation(
    event: &RoomEvent<'_>,
    profile: Profile,
    app_key: &str,
    now_ms: u64,
) -> (&'static str, Option<Value>) {
    let people = &event.people;
    // The names, a field that only some events have, and the type.
    let members_with = |kind: &str, more: Option<(&str, Value)>| {
        let mut payload = Map::from_iter([
            ("member".to_owned(), json!(people)),
            ("type".to_owned(), kind.into()),
        ]);
        payload.extend(more.map(|(field, value)| (field.to_owned(), value)));
        Some(Value::Object(payload))
    };
    let members = |kind| members_with(kind, None);
    let listing = |listing: &Listing| match listing {
        Listing::Add => "ADD",
        Listing::Remove => "REMOVE",
    };
    match &event.what {
        Change::Created(room) => ("CREATE", Some(created(event, app_key, room, now_ms))),
        // In rooms, INVITE does not occur (`[P]`), and nobody applies for one. [?]
        Change::Joined => ("JOIN", members("DIRECT")),
        Change::Left(leave) => {
            let (kind, action) = match leave {
                Leave::Quit => ("QUIT", Some("user_quit")),
                Leave::Offline => ("QUIT", Some("user_offline")),
                Leave::Kick => ("KICK", None),
                Leave::Block => ("BLOCK", None),
                Leave::Delete => ("DELETE", None),
            };
            let action = action.filter(|_| profile.quit_action == Side::Newer);
            let action = action.map(|action: &str| ("action", action.into()));
            ("LEAVE", members_with(kind, action))
        }
        Change::Admin(change) => ("ADMIN", Some(json!({ "admin": people, "type": listing(change) }))),
        Change::Allowed(change) => ("WHITE", members(listing(change))),
        Change::Blocked(change) => {
            let until = (*change == Listing::Add).then(|| ("expire_timestamp", BLOCKED_UNTIL_MS.into()));
            ("BLOCK", members_with(listing(change), until))
        }
        Change::Deleted => ("DELETE", None),
    }
}

/// "The fields are the same for a chat room" as for a group (`[P]`): text, but for `mute_duration`.
fn created(event: &RoomEvent<'_>, app_key: &str, room: &Room, now_ms: u64) -> Value {
    let pulled_in = event
        .people
        .iter()
        .filter(|user| !user.eq_ignore_ascii_case(&event.owner));
    let role = Map::from_iter([(event.owner.clone(), "owner".into())]);
    json!({
        "role": role,
        "member": pulled_in.collect::<Vec<_>>(),
        "info": {
            "owner": format!("{app_key}_{}", event.owner),
            "created": room.created_ms.to_string(),
            "custom": room.custom,
            "description": room.description,
            "mute": "false",
            "mute_duration": 0,
            "title": room.name.as_deref().unwrap_or_default(),
            "max_users": room.maxusers.to_string(),
            "invite_need_confirm": "false",
            "public": "true",
            "allow_user_invites": "false",
            "disabled": "false",
            "last_modified": now_ms.to_string(),
        },
    })
}
