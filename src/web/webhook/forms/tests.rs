use super::*;
use serde_json::json;

fn event(body: &Value) -> Option<RoomEvent> {
    room_event(body.to_string().as_bytes(), Some("acme#demo"))
}

fn new_form(operation: &str, payload: &Value) -> Value {
    json!({
        "callId": "acme#demo_cfc0d78c", "security": "4930bcf0", "payload": payload, "appkey": "acme#demo",
        "id": "262246968131585", "type": "CHATROOM", "event": "group_op_event", "operation": operation,
        "operator": "@ppAdmin", "timestamp": 1_729_496_598_231_i64,
    })
}

fn old_form(operation: &str, from: &str, to: &str) -> Value {
    json!({
        "chat_type": "muc", "callId": "acme#demo_976428411540998536", "security": "4930bcf0",
        "payload": {
            "muc_id": "acme#demo_262246968131585@conference.easemob.com", "is_chatroom": true,
            "operation": operation, "status": {"description": "", "error_code": "ok"},
        },
        "group_id": "262246968131585", "host": "msync", "appkey": "acme#demo", "from": from, "to": to,
        "eventType": "chat", "msg_id": "976428411540998536", "timestamp": 1_729_496_598_231_i64,
    })
}

/// Kind, people and operator, in a line.
fn line(event: &RoomEvent) -> String {
    assert_eq!(event.room.as_str(), "262246968131585");
    let people: Vec<&str> = event.people.iter().map(UserId::as_str).collect();
    let others = if event.has_others { " and others" } else { "" };
    let by = match &event.by {
        Actor::App => "@",
        Actor::Person(name) => name.as_str(),
        Actor::Unsaid => "?",
    };
    format!("{:?} {}{others} by {by}", event.kind, people.join(","))
}

#[test]
fn the_newer_form() {
    for (operation, payload, expected) in [
        (
            "JOIN",
            json!({"member": ["bob", "Eve"], "type": "DIRECT"}),
            "Joined bob,eve by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob"], "type": "QUIT", "action": "user_quit"}),
            "Left(Quit) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob"], "type": "QUIT", "action": "user_offline"}),
            "Left(Offline) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob"], "type": "QUIT"}),
            "Left(QuitOrOffline) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob"], "type": "KICK"}),
            "Left(Removed) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob"], "type": "BLOCK"}),
            "Left(Blocked) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob"], "type": "DELETE"}),
            "Left(RoomDeleted) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": "bob", "type": "NEW"}),
            "Left(Unsaid) bob by @",
        ),
        (
            "LEAVE",
            json!({"member": ["bob", "b b", 7], "type": "KICK"}),
            "Left(Removed) bob and others by @",
        ),
        ("LEAVE", json!({}), "Left(Unsaid)  by @"),
        (
            "ADMIN",
            json!({"admin": ["mia"], "type": "ADD"}),
            "Promoted mia by @",
        ),
        (
            "ADMIN",
            json!({"admin": ["mia"], "type": "REMOVE"}),
            "Demoted mia by @",
        ),
        (
            "ADMIN",
            json!({"admin": ["mia"], "type": "MORE"}),
            "Unknown  by @",
        ),
        (
            "BLOCK",
            json!({"member": ["bob"], "type": "ADD"}),
            "Blocked bob by @",
        ),
        (
            "BLOCK",
            json!({"member": ["bob"], "type": "REMOVE"}),
            "Irrelevant bob by @",
        ),
        (
            "WHITE",
            json!({"member": ["bob"], "type": "ADD"}),
            "Irrelevant bob by @",
        ),
        ("UPDATE", json!({"type": "ANNOUNCEMENT"}), "Irrelevant  by @"),
        ("DELETE", Value::Null, "Deleted  by @"),
        ("OWNER", json!({"owner": "bob"}), "Unknown  by @"),
    ] {
        assert_eq!(line(&event(&new_form(operation, &payload)).unwrap()), expected);
    }
    let by = |operator: Value| {
        let mut body = new_form("JOIN", &json!({"member": ["bob"]}));
        body["operator"] = operator;
        line(&event(&body).unwrap())
    };
    assert_eq!(by("Alice".into()), "Joined bob by alice");
    assert_eq!(by(Value::Null), "Joined bob by ?");
    let mut group = new_form("JOIN", &json!({"member": ["bob"]}));
    group["id"] = 262_246_968_131_585_u64.into();
    assert!(event(&group).is_some(), "an id as a number");
    group["type"] = "GROUP".into();
    assert_eq!(event(&group), None, "of a group, which is no room");
    for id in [json!(""), json!("../1"), json!(null), json!(-7)] {
        let mut body = new_form("JOIN", &json!({"member": ["bob"]}));
        body["id"] = id;
        assert_eq!(event(&body), None);
    }
}

#[test]
fn the_older_form() {
    let (bob, room, app) = (
        "acme#demo_bob@easemob.com",
        "262246968131585",
        "acme#demo_@ppAdmin",
    );
    for (operation, from, to, expected) in [
        ("presence", bob, room, "Joined bob by ?"),
        ("presence", "bob", room, "Joined bob by ?"),
        (
            "absence",
            "acme#demo_bob@easemob.com/ios_1",
            room,
            "Left(Unsaid) bob by ?",
        ),
        (
            "leave",
            bob,
            "acme#demo_alice@easemob.com",
            "Left(Quit) bob by bob",
        ),
        (
            "kick",
            "acme#demo_alice@easemob.com",
            bob,
            "Left(Removed) bob by alice",
        ),
        ("kick", app, bob, "Left(RemovedOrOffline) bob by @"),
        (
            "kick",
            "acme#demo_@ppAdmin@easemob.com",
            "acme#demo_a_b@easemob.com",
            "Left(RemovedOrOffline) a_b by @",
        ),
        ("add_admin", app, bob, "Promoted bob by @"),
        ("remove_admin", app, bob, "Demoted bob by @"),
        ("destroy", app, bob, "Deleted  by @"),
        ("update", app, bob, "Irrelevant  by ?"),
        ("add_user_white_list", app, bob, "Irrelevant  by ?"),
        ("assing_owner", app, bob, "Unknown  by ?"),
        (
            "presence",
            "acme#demo_b b@easemob.com",
            room,
            "Joined  and others by ?",
        ),
    ] {
        assert_eq!(line(&event(&old_form(operation, from, to)).unwrap()), expected);
    }
    let mut bare = old_form("presence", bob, room);
    for field in ["group_id", "appkey"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(line(&event(&bare).unwrap()), "Joined bob by ?");
    let mut group = old_form("presence", bob, room);
    group["payload"]["is_chatroom"] = false.into();
    assert_eq!(event(&group), None);
    for other in [
        json!({"chat_type": "chat", "eventType": "chat", "payload": {"is_chatroom": true}}),
        json!({"reason": "login", "user": "acme#demo_bob/ios", "status": "online"}),
        json!([]),
    ] {
        assert_eq!(event(&other), None, "{other}");
    }
}
