//! The older form, an example for every sentence of the vendor's pages about it.

use super::super::support::{ROOM, send};
use super::*;
use roomsync::model::RoomId;
use serde_json::json;

/// Operation, `from` and `to` of each event. Checks the rest.
async fn said(receiver: &Receiver) -> Vec<(String, String, String)> {
    let mut said = Vec::new();
    for (_, event) in receiver.take().await {
        assert!(signed(&event), "{event}");
        let message = event["msg_id"].as_str().unwrap();
        assert!(message.len() == 18 && message.parse::<u64>().is_ok(), "{message}");
        let room = event["group_id"].as_str().unwrap();
        let operation = event["payload"]["operation"].as_str().unwrap();
        let mut payload = json!({
            "muc_id": format!("acme#demo_{room}@conference.easemob.com"),
            "is_chatroom": true,
            "operation": operation,
        });
        if !matches!(operation, "presence" | "absence") {
            payload["status"] = json!({"description": "", "error_code": "ok"});
        }
        let expected = json!({
            "chat_type": "muc",
            "callId": format!("acme#demo_{message}"),
            "security": event["security"],
            "payload": payload,
            "group_id": room,
            "host": "localhost",
            "appkey": "acme#demo",
            "from": event["from"],
            "to": event["to"],
            "eventType": "chat",
            "msg_id": message,
            "timestamp": NOW_MS,
        });
        assert_eq!(event, expected);
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        said.push((operation.to_owned(), text("from"), text("to")));
    }
    said
}

#[tokio::test(start_paused = true)]
async fn every_person_has_an_event() {
    let emulator = service();
    let receiver = Receiver::of(&emulator, WebhookStyle::Old);
    let person = |user: &str| format!("acme#demo_{user}@easemob.com");
    let of = |operation: &str, from: String, to: &str| (operation.to_owned(), from, to.to_owned());
    // Whom an app token is written as is an assumption. [?]
    let app = |operation, to| of(operation, "acme#demo_@ppAdmin".to_owned(), to);
    let absent = |user| of("absence", person(user), ROOM);
    for (call, body, expected) in [
        // "A new member joins".
        (
            "POST users",
            r#"{"usernames": ["dave"]}"#,
            vec![of("presence", person("dave"), ROOM)],
        ),
        (
            "POST admin",
            r#"{"newadmin": "dave"}"#,
            vec![app("add_admin", "dave")],
        ),
        ("DELETE admin/dave", "", vec![app("remove_admin", "dave")]),
        (
            "POST white/users",
            r#"{"usernames": ["carol", "dave"]}"#,
            vec![
                app("add_user_white_list", "carol"),
                app("add_user_white_list", "dave"),
            ],
        ),
        (
            "DELETE white/users/carol",
            "",
            vec![app("remove_user_white_list", "carol")],
        ),
        // "kick", and "absence" for whoever "voluntarily leaves or is removed".
        (
            "DELETE users/carol%2Cdave",
            "",
            vec![
                app("kick", "carol"),
                absent("carol"),
                app("kick", "dave"),
                absent("dave"),
            ],
        ),
        // The block list has no event of its own in a room; that who is blocked is kicked is an assumption. [?]
        (
            "POST blocks/users/bob",
            "",
            vec![app("remove_admin", "bob"), app("kick", "bob"), absent("bob")],
        ),
        ("DELETE blocks/users/bob", "", vec![]),
    ] {
        let (method, path) = call.split_once(' ').unwrap();
        send(&emulator, &format!("{method} /chatrooms/{ROOM}/{path}"), body).await;
        assert_eq!(said(&receiver).await, expected, "{call}");
    }

    let room = RoomId::parse(ROOM).unwrap();
    emulator.join(&room, &["dave".to_owned(), "erin".to_owned()]);
    said(&receiver).await;
    // "A member voluntarily leaves": to whom "leave" goes is an assumption. [?]
    emulator.leave(&room, &["dave".to_owned()]);
    let left = of("leave", person("dave"), "alice");
    assert_eq!(said(&receiver).await, [absent("dave"), left]);
    // "kick … also when a member exits after being offline for two minutes".
    emulator.offline(&["erin".to_owned()]);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(said(&receiver).await, [app("kick", "erin"), absent("erin")]);

    // "destroy"; of "create" there is none for a room.
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}"), "").await;
    assert_eq!(said(&receiver).await, [app("destroy", "alice")]);
    let body = json!({"name": "lobby", "owner": "alice"}).to_string();
    let (_, answer) = send(&emulator, "POST /chatrooms", &body).await;
    let id = answer["data"]["id"].as_str().unwrap();
    assert_eq!(said(&receiver).await, [of("presence", person("alice"), id)]);
}
