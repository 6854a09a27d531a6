//! The seed's eight samples, whole, with the misprints put right.

use super::support::{emulator, send};
use roomsync::model::RoomId;
use serde_json::{Value, json};

async fn check(call: &str, body: &str, answer: Value) {
    let emulator = emulator();
    emulator.edit(|state| {
        let room = state.rooms[&RoomId::parse("66213271109633").unwrap()].clone();
        state.rooms.insert(RoomId::parse("7").unwrap(), room);
    });
    assert_eq!(send(&emulator, call, body).await, (200, answer));
}

#[tokio::test(start_paused = true)]
async fn adding_a_chat_room_member() {
    let answer = json!({
        "action": "post",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": "http://chat.example/acme/demo/chatrooms/7/users/dave",
        "entities": [],
        "data": {
            "result": true,
            "action": "add_member",
            "id": "7",
            "user": "dave"
        },
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo"
    });
    check("POST /chatrooms/7/users/dave", "", answer).await;
}

#[tokio::test(start_paused = true)]
async fn adding_multiple_chat_room_members() {
    let answer = json!({
        "action": "post",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": "http://chat.example/acme/demo/chatrooms/7/users",
        "entities": [],
        "data": {
            "newmembers": ["dave"],
            "action": "add_member",
            "id": "7"
        },
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo"
    });
    let body = r#"{"usernames": ["carol", "dave"]}"#;
    check("POST /chatrooms/7/users", body, answer).await;
}

#[tokio::test(start_paused = true)]
async fn retrieving_chat_room_members_with_pagination() {
    let answer = json!({
        "action": "get",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "params": {
            "pagesize": ["2"],
            "pagenum": ["1"]
        },
        "uri": "http://chat.example/acme/demo/chatrooms/7/users",
        "entities": [],
        "data": [
            { "owner": "alice" },
            { "member": "bob" }
        ],
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo",
        "count": 2
    });
    check("GET /chatrooms/7/users?pagenum=1&pagesize=2", "", answer).await;
}

#[tokio::test(start_paused = true)]
async fn removing_the_specified_chat_room_member() {
    let answer = json!({
        "action": "delete",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": "http://chat.example/acme/demo/chatrooms/7/users/carol",
        "entities": [],
        "data": {
            "result": true,
            "action": "remove_member",
            "user": "carol",
            "id": "7"
        },
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo"
    });
    check("DELETE /chatrooms/7/users/carol", "", answer).await;
}

#[tokio::test(start_paused = true)]
async fn removing_multiple_chat_room_members() {
    let answer = json!({
        "action": "delete",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": "http://chat.example/acme/demo/chatrooms/66213271109633/users/user1%2Ccarol",
        "entities": [],
        "data": [
            {
                "result": false,
                "action": "remove_member",
                "reason": "user: user1 doesn't exist in group: 66213271109633",
                "user": "user1",
                "id": "66213271109633"
            },
            {
                "result": true,
                "action": "remove_member",
                "user": "carol",
                "id": "66213271109633"
            }
        ],
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo"
    });
    check("DELETE /chatrooms/66213271109633/users/user1%2Ccarol", "", answer).await;
}

#[tokio::test(start_paused = true)]
async fn adding_a_chat_room_admin() {
    let answer = json!({
        "action": "post",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "applicationName": "demo",
        "data": {
            "result": "success",
            "newadmin": "carol"
        },
        "duration": 0,
        "entities": [],
        "organization": "acme",
        "timestamp": 0,
        "uri": "http://chat.example/acme/demo/chatrooms/7/admin"
    });
    check("POST /chatrooms/7/admin", r#"{"newadmin": "carol"}"#, answer).await;
}

#[tokio::test(start_paused = true)]
async fn retrieving_chat_room_admins() {
    let answer = json!({
        "action": "get",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": "http://chat.example/acme/demo/chatrooms/7/admin",
        "entities": [],
        "data": ["bob"],
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo",
        "count": 1
    });
    check("GET /chatrooms/7/admin", "", answer).await;
}

#[tokio::test(start_paused = true)]
async fn removing_chat_room_admins() {
    let answer = json!({
        "action": "delete",
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": "http://chat.example/acme/demo/chatrooms/7/admin/bob",
        "entities": [],
        "data": {
            "result": "success",
            "oldadmin": "bob"
        },
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo"
    });
    check("DELETE /chatrooms/7/admin/bob", "", answer).await;
}
