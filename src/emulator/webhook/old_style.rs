//! The older form of events: `muc`, one a person, or two.

use super::APP;
use super::changes::{Change, Leave, Listing, RoomEvent};
use serde::Serialize;

/// An event as it is posted (`[P]`).
#[derive(Debug, Serialize)]
struct Event<'a> {
    chat_type: &'static str,
    #[serde(rename = "callId")]
    call_id: &'a str,
    security: &'a str,
    payload: Payload,
    group_id: &'a str,
    /// Name of the server.
    host: &'static str,
    appkey: &'a str,
    from: &'a str,
    to: &'a str,
    #[serde(rename = "eventType")]
    event_type: &'static str,
    msg_id: &'a str,
    timestamp: u64,
}

#[derive(Debug, Serialize)]
struct Payload {
    muc_id: String,
    is_chatroom: bool,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Debug, Serialize)]
struct Status {
    description: &'static str,
    error_code: &'static str,
}

/// Content of an event, and its people.
#[derive(Debug)]
pub(super) struct Notice {
    operation: &'static str,
    from: String,
    to: String,
    /// True if it says whether the operation succeeded.
    with_status: bool,
    /// The person whom it is about; of a room that is gone, its owner.
    pub(super) person: String,
}

/// The events that the older form makes of one. A room that is created, and the block list, have none of their own (`[P]`).
pub(super) fn notices(event: &RoomEvent<'_>, app_key: &str) -> Vec<Notice> {
    let address = |user: &str| format!("{app_key}_{user}@easemob.com");
    // Whom an app token stands for here is unknown. [?]
    let by = match &event.operator {
        Some(user) => address(user),
        None => format!("{app_key}_{APP}"),
    };
    // Told by the room: from the person to the room.
    let to_room = |operation, person: &String| Notice {
        operation,
        from: address(person),
        to: event.id.to_string(),
        with_status: false,
        person: person.clone(),
    };
    // Told by whoever did it.
    let done = |operation, from: &str, to: &str, person: &str| Notice {
        operation,
        from: from.to_owned(),
        to: to.to_owned(),
        with_status: true,
        person: person.to_owned(),
    };
    let to_each = |operation: &'static str| {
        let notice = |person: &String| done(operation, &by, person, person);
        event.people.iter().map(notice).collect()
    };
    match event.what {
        Change::Created(_) | Change::Blocked(_) | Change::Left(Leave::Delete) => Vec::new(),
        Change::Joined => event
            .people
            .iter()
            .map(|person| to_room("presence", person))
            .collect(),
        // "A member voluntarily leaves or is removed": `absence` in both cases, and in the samples it is the first of two
        // for the one and the second for the other. To whom `leave` goes is unknown. [?]
        Change::Left(Leave::Quit) => event
            .people
            .iter()
            .flat_map(|person| {
                let leave = done("leave", &address(person), &event.owner, person);
                [to_room("absence", person), leave]
            })
            .collect(),
        // Whoever was offline is kicked here (`[P]`), and so is who was blocked. [?]
        Change::Left(Leave::Kick | Leave::Offline | Leave::Block) => event
            .people
            .iter()
            .flat_map(|person| [done("kick", &by, person, person), to_room("absence", person)])
            .collect(),
        Change::Admin(Listing::Add) => to_each("add_admin"),
        Change::Admin(Listing::Remove) => to_each("remove_admin"),
        Change::Allowed(Listing::Add) => to_each("add_user_white_list"),
        Change::Allowed(Listing::Remove) => to_each("remove_user_white_list"),
        // To whom it goes is unknown. [?]
        Change::Deleted => vec![done("destroy", &by, &event.owner, &event.owner)],
    }
}

/// Body of an event; `call_id` and `security` as they were made for it.
pub(super) fn body(
    event: &RoomEvent<'_>,
    notice: &Notice,
    app_key: &str,
    (msg_id, call_id, security): (&str, &str, &str),
    now_ms: u64,
) -> serde_json::Result<String> {
    let id = event.id.as_str();
    serde_json::to_string(&Event {
        chat_type: "muc",
        call_id,
        security,
        payload: Payload {
            muc_id: format!("{app_key}_{id}@conference.easemob.com"),
            is_chatroom: true,
            operation: notice.operation,
            status: notice.with_status.then_some(Status {
                description: "",
                error_code: "ok",
            }),
        },
        group_id: id,
        host: "localhost",
        appkey: app_key,
        from: &notice.from,
        to: &notice.to,
        event_type: "chat",
        msg_id,
        timestamp: now_ms,
    })
}
