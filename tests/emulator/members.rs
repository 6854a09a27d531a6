//! Adding and removing.

use super::support::{ROOM, emulator, emulator_of, refusal, room, send, success};
use roomsync::emulator::Emulator;
use roomsync::model::RoomId;
use serde_json::{Value, json};

const USERS: &str = "POST /chatrooms/66213271109633/users";

/// Sends, expects this answer, and expects the service to know what it knew before.
async fn refused(call: &str, body: &str, answer: (u16, Value)) {
    let emulator = emulator();
    let before = emulator.state();
    assert_eq!(send(&emulator, call, body).await, answer, "{call} {body}");
    assert_eq!(emulator.state(), before, "{call} {body}");
}

fn usernames(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("u{n}")).collect();
    json!({ "usernames": names }).to_string()
}

fn members(emulator: &Emulator) -> Vec<String> {
    room(emulator).2
}

/// "If the specified user does not exist in the app or is already a member of the chat room, the request fails and the
/// error code 400 is returned."
#[tokio::test(start_paused = true)]
async fn adding_one_who_cannot_be_added() {
    let unknown = refusal(
        400,
        "illegal_argument",
        "IllegalArgumentException",
        "username mallory doesn't exist!",
    );
    refused(&format!("{USERS}/mallory"), "", unknown).await;
    // An admin is a member like any other; names are compared without case.
    for member in ["bob", "carol", "CAROL"] {
        let text = format!("can not join this group, reason:user: {member} already in group: {ROOM}");
        let answer = refusal(400, "invalid_parameter", "InvalidParameterException", &text);
        refused(&format!("{USERS}/{member}"), "", answer).await;
    }
}

/// The owner is added with success, as recorded, whether they are there or not.
#[tokio::test(start_paused = true)]
async fn adding_the_owner() {
    let emulator = emulator();
    let call = format!("{USERS}/alice");
    let data = json!({"result": true, "action": "add_member", "id": ROOM, "user": "alice"});
    let before = emulator.state();
    assert_eq!(send(&emulator, &call, "").await, success(&call, data));
    assert_eq!(emulator.state(), before);
}

/// "The username is case insensitive"; how it was sent is kept.
#[tokio::test(start_paused = true)]
async fn capitals_are_kept_as_sent() {
    let emulator = emulator();
    let call = format!("{USERS}/Dave");
    let data = json!({"result": true, "action": "add_member", "id": ROOM, "user": "Dave"});
    assert_eq!(send(&emulator, &call, "").await, success(&call, data));
    assert_eq!(members(&emulator), ["alice", "bob", "carol", "Dave"]);
}

/// "The user ID must be 64 characters or less and cannot be empty", and its character set.
#[tokio::test(start_paused = true)]
async fn names_keep_to_the_rules() {
    let emulator = emulator_of(r#"rooms: {"66213271109633": {owner: alice}}"#);
    let longest = "x".repeat(64);
    for good in ["a", "Z9_-.", "..", &longest] {
        let body = json!({"usernames": [good]}).to_string();
        let data = json!({"newmembers": [good], "action": "add_member", "id": ROOM});
        assert_eq!(send(&emulator, USERS, &body).await, success(USERS, data));
    }
    let before = emulator.state();
    let too_long = "x".repeat(65);
    for bad in ["", "a b", "a,b", "a/b", "a%2fb", "é", &too_long] {
        let body = json!({"usernames": ["dave", bad]}).to_string();
        let text = format!("username {bad} doesn't exist!");
        let answer = refusal(400, "illegal_argument", "IllegalArgumentException", &text);
        assert_eq!(send(&emulator, USERS, &body).await, answer);
    }
    assert_eq!(emulator.state(), before);
}

/// One unknown user refuses the whole batch; the first of them is named. [P]
#[tokio::test(start_paused = true)]
async fn a_batch_with_strangers() {
    let body = r#"{"usernames": ["dave", "mallory", "trudy"]}"#;
    let text = "username mallory doesn't exist!";
    let answer = refusal(400, "illegal_argument", "IllegalArgumentException", text);
    refused(USERS, body, answer).await;
}

/// "You can add at most 60 users each time."
#[tokio::test(start_paused = true)]
async fn at_most_60_are_added() {
    let emulator = emulator_of(r#"rooms: {"66213271109633": {owner: alice}}"#);
    let text = "addMembers: addMembers number more than maxSize : 60";
    let answer = refusal(400, "invalid_parameter", "InvalidParameterException", text);
    assert_eq!(send(&emulator, USERS, &usernames(61)).await, answer);
    assert_eq!(members(&emulator).len(), 1);
    assert_eq!(send(&emulator, USERS, &usernames(60)).await.0, 200);
    assert_eq!(members(&emulator).len(), 61);
}

/// `maxusers`, the owner counted. [P]
#[tokio::test(start_paused = true)]
async fn a_full_room() {
    let text = "member size is greater than max user size !";
    let full = refusal(403, "exceed_limit", "ExceedLimitException", text);
    refused(USERS, r#"{"usernames": ["dave", "erin"]}"#, full.clone()).await;

    let emulator = emulator();
    assert_eq!(send(&emulator, &format!("{USERS}/dave"), "").await.0, 200);
    assert_eq!(send(&emulator, &format!("{USERS}/erin"), "").await, full);
    let data = json!({"newmembers": [], "action": "add_member", "id": ROOM});
    let already = send(&emulator, USERS, r#"{"usernames": ["bob", "carol"]}"#).await;
    assert_eq!(already, success(USERS, data));
}

/// Request bodies that make no sense: in the service's words (`[P]`), and not in those of a parser.
#[tokio::test(start_paused = true)]
async fn bodies() {
    let (data, parse) = (
        ("illegal_argument", "IllegalArgumentException"),
        ("json_parse", "JsonParseException"),
    );
    let cases = [
        (USERS, "{", parse, "Unexpected character."),
        (USERS, "", parse, "Unexpected character."),
        (USERS, "{}", data, "This is an invalid request."),
        (USERS, r#"{"usernames": []}"#, data, "usernames is empty"),
        (
            "POST /chatrooms/66213271109633/admin",
            r#"{"user": "carol"}"#,
            data,
            "This is an invalid request.",
        ),
    ];
    for (call, body, (error, exception), text) in cases {
        refused(call, body, refusal(400, error, exception, text)).await;
    }
}

/// Somebody who is not there. [P]
#[tokio::test(start_paused = true)]
async fn removing_one_who_is_not_there() {
    let call = format!("DELETE /chatrooms/{ROOM}/users/dave");
    let text = "users [dave] are not members of this group!";
    refused(
        &call,
        "",
        refusal(400, "forbidden_op", "ForbiddenOpException", text),
    )
    .await;
}

/// "One or more usernames separated with the comma": in any spelling of the comma, each with a row of its own.
#[tokio::test(start_paused = true)]
async fn removing_many() {
    for comma in ["%2C", "%2c", ","] {
        let emulator = emulator();
        let call = format!("DELETE /chatrooms/{ROOM}/users/CAROL{comma}carol{comma}bob");
        let row = |user: &str| json!({"result": true, "action": "remove_member", "user": user, "id": ROOM});
        let mut again = row("carol");
        again["result"] = false.into();
        again["reason"] = format!("user: carol doesn't exist in group: {ROOM}").into();
        let answer = success(&call, json!([row("CAROL"), again, row("bob")]));
        assert_eq!(send(&emulator, &call, "").await, answer);
        assert_eq!(room(&emulator), ("alice".into(), vec![], vec!["alice".into()]));
    }
}

/// "A maximum of 100 usernames can be passed in each time."
#[tokio::test(start_paused = true)]
async fn at_most_100_are_removed() {
    let call = |count: usize| {
        format!(
            "DELETE /chatrooms/{ROOM}/users/{}",
            vec!["carol"; count].join("%2C")
        )
    };
    let text = "kickMember: kickMembers number more than maxSize : 100";
    let answer = refusal(400, "invalid_parameter", "InvalidParameterException", text);
    refused(&call(101), "", answer).await;
    let (status, body) = send(&emulator(), &call(100), "").await;
    assert_eq!((status, body["data"].as_array().unwrap().len()), (200, 100));
}

/// Names older than the rules are in a room, and a comma in one of them means two others.
#[tokio::test(start_paused = true)]
async fn live_names_that_break_the_rules() {
    let emulator = emulator();
    emulator.edit(|state| {
        let room = state.rooms.get_mut(&RoomId::parse(ROOM).unwrap()).unwrap();
        for name in ["bob,carol", "x%y", "p/q", ".."] {
            room.join(name);
        }
    });
    for (segment, user) in [("x%25y", "x%y"), ("p%2Fq", "p/q"), ("%2e%2E", "..")] {
        let call = format!("DELETE /chatrooms/{ROOM}/users/{segment}");
        let data = json!({"result": true, "action": "remove_member", "user": user, "id": ROOM});
        assert_eq!(send(&emulator, &call, "").await, success(&call, data));
    }
    let call = format!("DELETE /chatrooms/{ROOM}/users/bob%2Ccarol");
    assert_eq!(send(&emulator, &call, "").await.0, 200);
    assert_eq!(members(&emulator), ["alice", "bob,carol"]);
}
