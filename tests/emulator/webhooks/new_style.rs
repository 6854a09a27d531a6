//! The newer form, an example for every sentence of the vendor's pages about it.

use super::super::support::{ROOM, send, send_raw};
use super::*;
use roomsync::emulator::{Fault, Side};
use roomsync::model::RoomId;
use serde_json::json;

/// Parts of an event that differ from those of others: its room, its operation, its operator, its payload, and how many
/// are in the room. Checks the rest.
fn said(event: &Value) -> Value {
    assert!(signed(event), "{event}");
    let call_id = event["callId"].as_str().unwrap();
    let uuid = call_id.strip_prefix("acme#demo_").unwrap();
    let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
    let mut said = event.clone();
    for (field, value) in [
        ("callId", &event["callId"]),
        ("security", &event["security"]),
        ("timestamp", &event["timestamp"]),
        ("appkey", &json!("acme#demo")),
        ("type", &json!("CHATROOM")),
        ("event", &json!("group_op_event")),
    ] {
        assert_eq!(said.as_object_mut().unwrap().remove(field).as_ref(), Some(value));
    }
    said
}

async fn events(receiver: &Receiver) -> Vec<Value> {
    receiver
        .take()
        .await
        .iter()
        .map(|(_, event)| said(event))
        .collect()
}

fn event(operation: &str, operator: &str, payload: Value) -> Value {
    let mut event = json!({"id": ROOM, "operation": operation, "operator": operator});
    event["payload"] = payload;
    event
}

/// Payload of somebody who leaves without being removed.
fn quit_payload(user: &str) -> Value {
    json!({"member": [user], "type": "QUIT"})
}

fn counted(mut event: Value, member_count: usize) -> Value {
    event["member_count"] = member_count.into();
    event
}

#[tokio::test(start_paused = true)]
async fn every_call_that_changes_a_room_is_one_event_for_each_kind_of_change() {
    let emulator = service();
    let receiver = Receiver::of(&emulator, WebhookStyle::New);
    let app = |operation, payload| event(operation, "@ppAdmin", payload);
    let names = r#"{"usernames": ["carol", "dave"]}"#;
    let blocked_until = 4_638_873_600_000_u64;
    for (call, body, expected) in [
        // All names of a call in one event: `member` is an array (`[P]`); that it is one for each kind of change is an
        // assumption (`[?]`). Carol is there already.
        (
            "POST users",
            names,
            vec![counted(
                app("JOIN", json!({"member": ["dave"], "type": "DIRECT"})),
                4,
            )],
        ),
        // Already as wanted, or refused: nothing happened.
        ("POST users", names, vec![]),
        ("DELETE users/mallory", "", vec![]),
        (
            "POST admin",
            r#"{"newadmin": "dave"}"#,
            vec![app("ADMIN", json!({"admin": ["dave"], "type": "ADD"}))],
        ),
        (
            "DELETE admin/dave",
            "",
            vec![app("ADMIN", json!({"admin": ["dave"], "type": "REMOVE"}))],
        ),
        (
            "POST white/users",
            names,
            vec![app("WHITE", json!({"member": ["carol", "dave"], "type": "ADD"}))],
        ),
        (
            "DELETE white/users/carol",
            "",
            vec![app("WHITE", json!({"member": ["carol"], "type": "REMOVE"}))],
        ),
        // An admin who is removed loses the role first, and the place on the allow list silently. [?]
        (
            "DELETE users/bob%2Cdave",
            "",
            vec![
                app("ADMIN", json!({"admin": ["bob"], "type": "REMOVE"})),
                counted(
                    app("LEAVE", json!({"member": ["bob", "dave"], "type": "KICK"})),
                    2,
                ),
            ],
        ),
        (
            "POST blocks/users",
            names,
            vec![
                counted(app("LEAVE", json!({"member": ["carol"], "type": "BLOCK"})), 1),
                app(
                    "BLOCK",
                    json!({"member": ["carol"], "type": "ADD", "expire_timestamp": blocked_until}),
                ),
            ],
        ),
        ("POST users/carol", "", vec![]),
        (
            "DELETE blocks/users/carol",
            "",
            vec![app("BLOCK", json!({"member": ["carol"], "type": "REMOVE"}))],
        ),
        (
            "POST users/carol",
            "",
            vec![counted(
                app("JOIN", json!({"member": ["carol"], "type": "DIRECT"})),
                2,
            )],
        ),
    ] {
        let (method, path) = call.split_once(' ').unwrap();
        send(&emulator, &format!("{method} /chatrooms/{ROOM}/{path}"), body).await;
        assert_eq!(events(&receiver).await, expected, "{call}");
    }

    // "LEAVE" with "DELETE" for all members, and "DELETE" without a payload. [P]
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}"), "").await;
    let mut gone = app("DELETE", Value::Null);
    gone.as_object_mut().unwrap().remove("payload");
    let all = app("LEAVE", json!({"member": ["alice", "carol"], "type": "DELETE"}));
    assert_eq!(events(&receiver).await, [all, gone]);
}

/// "CREATE", and a "JOIN" of everybody. [P]
#[tokio::test(start_paused = true)]
async fn a_room_that_is_made() {
    let emulator = service();
    let receiver = Receiver::of(&emulator, WebhookStyle::New);
    for (body, pulled_in) in [
        (json!({"name": "lobby", "owner": "alice"}), json!([])),
        (
            json!({"name": "lobby", "owner": "alice", "members": ["bob", "dave"], "maxusers": 9}),
            json!(["bob", "dave"]),
        ),
    ] {
        let (_, answer) = send(&emulator, "POST /chatrooms", &body.to_string()).await;
        let created = json!({
            "id": answer["data"]["id"],
            "operation": "CREATE",
            "operator": "@ppAdmin",
            "payload": {
                "role": {"alice": "owner"},
                "member": pulled_in,
                "info": {
                    "owner": "acme#demo_alice",
                    "created": NOW_MS.to_string(),
                    "custom": "",
                    "description": "",
                    "mute": "false",
                    "mute_duration": 0,
                    "title": "lobby",
                    "max_users": body["maxusers"].as_u64().unwrap_or(200).to_string(),
                    "invite_need_confirm": "false",
                    "public": "true",
                    "allow_user_invites": "false",
                    "disabled": "false",
                    "last_modified": NOW_MS.to_string(),
                },
            },
        });
        let mut everybody = vec![json!("alice")];
        everybody.extend(pulled_in.as_array().unwrap().clone());
        let joined = json!({
            "id": answer["data"]["id"],
            "operation": "JOIN",
            "operator": "@ppAdmin",
            "payload": {"member": everybody, "type": "DIRECT"},
            "member_count": everybody.len(),
        });
        assert_eq!(events(&receiver).await, [created, joined]);
    }
    // Refused, and nothing is there.
    let stranger = json!({"name": "lobby", "owner": "mallory"}).to_string();
    send(&emulator, "POST /chatrooms", &stranger).await;
    assert!(events(&receiver).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn people_who_come_and_go_by_themselves() {
    let emulator = service();
    let receiver = Receiver::of(&emulator, WebhookStyle::New);
    let room = RoomId::parse(ROOM).unwrap();
    let users = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let joined = |user: &str, count| {
        counted(
            event("JOIN", user, json!({"member": [user], "type": "DIRECT"})),
            count,
        )
    };
    let quit = |user: &str, count| counted(event("LEAVE", user, quit_payload(user)), count);
    // The room has four places.
    assert_eq!(
        emulator.join(&room, &users(&["dave", "carol", "mallory", "erin"])),
        ["dave"]
    );
    assert_eq!(events(&receiver).await, [joined("dave", 4)]);
    assert_eq!(emulator.leave(&room, &users(&["dave", "erin"])), ["dave"]);
    assert_eq!(events(&receiver).await, [quit("dave", 3)]);

    emulator.add_fault(Fault::parse("list_admins@1:join=erin").unwrap());
    emulator.add_fault(Fault::parse("list_admins@2:leave=erin").unwrap());
    for expected in [joined("erin", 4), quit("erin", 3)] {
        send(&emulator, &format!("GET /chatrooms/{ROOM}/admin"), "").await;
        assert_eq!(events(&receiver).await, [expected]);
    }

    // Each of several comes and goes in their own name. An admin loses that role first. [?]
    assert_eq!(emulator.leave(&room, &users(&["bob", "carol"])), ["bob", "carol"]);
    let demoted = event("ADMIN", "bob", json!({"admin": ["bob"], "type": "REMOVE"}));
    assert_eq!(
        events(&receiver).await,
        [demoted, quit("bob", 2), quit("carol", 1)]
    );
    assert_eq!(emulator.join(&room, &users(&["carol", "bob"])), ["carol", "bob"]);
    assert_eq!(events(&receiver).await, [joined("carol", 2), joined("bob", 3)]);

    // Operator "@ppAdmin", and no call is needed for it. [P]
    emulator.join(&room, &users(&["dave"]));
    events(&receiver).await;
    emulator.offline(&users(&["dave", "carol", "alice"]));
    sleep(Duration::from_secs(119)).await;
    assert!(events(&receiver).await.is_empty());
    sleep(Duration::from_secs(1)).await;
    let offline = |user: &str, count| counted(event("LEAVE", "@ppAdmin", quit_payload(user)), count);
    assert_eq!(events(&receiver).await, [offline("carol", 3), offline("dave", 2)]);
}

/// Whether an event tells who left from who was offline is unknown: at the point `quit_action`, it does. [?]
#[tokio::test(start_paused = true)]
async fn the_action_of_whoever_quits() {
    let profile = Profile {
        quit_action: Side::Newer,
        ..Profile::default()
    };
    let emulator = service_of(STATE, profile);
    let receiver = Receiver::of(&emulator, WebhookStyle::New);
    let acting = |user: &str, action: &str| {
        let mut payload = quit_payload(user);
        payload["action"] = action.into();
        payload
    };
    let (bob, carol) = (["bob".to_owned()], ["carol".to_owned()]);
    emulator.leave(&RoomId::parse(ROOM).unwrap(), &bob);
    emulator.offline(&carol);
    sleep(Duration::from_secs(120)).await;
    let payloads: Vec<Value> = events(&receiver)
        .await
        .iter()
        .map(|event| event["payload"].clone())
        .collect();
    assert_eq!(
        payloads[1..],
        [acting("bob", "user_quit"), acting("carol", "user_offline")]
    );
}

/// Capitals as sent, or lower case, as in every answer.
#[tokio::test(start_paused = true)]
async fn names_are_spelled_as_in_answers() {
    let state = "{tokens: [secret], rooms: {66213271109633: {owner: Alice, members: [BOB]}}}";
    for (side, alice, bob, carol) in [
        (Side::Seed, "Alice", "BOB", "Carol"),
        (Side::Newer, "alice", "bob", "carol"),
    ] {
        let profile = Profile {
            rows_and_fields: side,
            ..Profile::default()
        };
        let emulator = service_of(state, profile);
        let receiver = Receiver::of(&emulator, WebhookStyle::New);
        let room = RoomId::parse(ROOM).unwrap();
        emulator.join(&room, &["Carol".to_owned()]);
        let joined = event("JOIN", carol, json!({"member": [carol], "type": "DIRECT"}));
        assert_eq!(events(&receiver).await, [counted(joined, 3)]);
        send(&emulator, &format!("DELETE /chatrooms/{ROOM}"), "").await;
        let everybody = json!({"member": [alice, bob, carol], "type": "DELETE"});
        assert_eq!(events(&receiver).await[0], event("LEAVE", "@ppAdmin", everybody));
        let body = json!({"name": "lobby", "owner": "Alice"}).to_string();
        send(&emulator, "POST /chatrooms", &body).await;
        let created = &events(&receiver).await[0]["payload"];
        assert_eq!(created["role"], json!({ alice: "owner" }));
    }
}

/// Whoever is deleted is removed from each of their rooms, and from each block list. [?]
#[tokio::test(start_paused = true)]
async fn a_user_who_is_deleted_leaves_every_room() {
    let emulator = service();
    send(&emulator, &format!("POST /chatrooms/{ROOM}/blocks/users/bob"), "").await;
    let receiver = Receiver::of(&emulator, WebhookStyle::New);
    send(&emulator, "DELETE /users/carol", "").await;
    let gone = event("LEAVE", "@ppAdmin", json!({"member": ["carol"], "type": "KICK"}));
    assert_eq!(events(&receiver).await, [counted(gone, 1)]);
    send(&emulator, "DELETE /users/bob", "").await;
    let free = event("BLOCK", "@ppAdmin", json!({"member": ["bob"], "type": "REMOVE"}));
    assert_eq!(events(&receiver).await, [free]);
}

#[tokio::test(start_paused = true)]
async fn an_event_names_the_user_whose_token_made_the_call() {
    let emulator = service();
    let receiver = Receiver::of(&emulator, WebhookStyle::New);
    let request = http::Request::delete(format!("/app-id/970ca35d/chatrooms/{ROOM}/users/carol"))
        .header("host", "chat.example")
        .header("authorization", "Bearer hers");
    let body = axum::body::Body::empty();
    assert_eq!(send_raw(&emulator, request.body(body).unwrap()).await.0, 200);
    let kicked = event("LEAVE", "alice", json!({"member": ["carol"], "type": "KICK"}));
    assert_eq!(events(&receiver).await, [counted(kicked, 2)]);
}
