//! The seed ("Manage chat room members"), a row for every sentence of it that a client can observe: what it says, a
//! request, and the whole answer.
//!
//! The vendor's pages about the lists of a room come after it.
//!
//! `samples.rs` has the seed's own samples with their envelopes in full. "The chat room owner can … modify chat room
//! information" has no row: the seed describes no call for it.

mod calls;
mod lists;

use super::support::{ROOM, refusal, send_raw, success};
use http::Request;
use roomsync::emulator::{Emulator, Options, Room, State};
use roomsync::model::RoomId;
use serde_json::{Value, json};

/// The owner, an admin, a regular member, two outside; each of the first three has a token, which is their name.
const STATE: &str = r#"
app_key: "acme#demo"
tokens: [secret]
user_tokens: {alice: alice, bob: bob, carol: carol}
users: [alice, bob, carol, dave, erin]
rooms:
  "66213271109633": {owner: alice, admins: [bob], members: [carol], name: lobby}
"#;

/// A room of 2,500, `u0` their owner, of whom `u1`…`u99` are admins.
fn crowd() -> Room {
    let mut room = Room::new("u0");
    for n in 1..2500 {
        room.join(&format!("u{n}"));
    }
    for n in 1..100 {
        room.promote(&format!("u{n}"));
    }
    room
}

struct Row {
    /// Beginning of the sentence.
    says: &'static str,
    /// Calls of the app that go before, each a success.
    before: &'static [&'static str],
    token: &'static str,
    call: String,
    body: String,
    answer: (u16, Value),
}

fn app(says: &'static str, call: &str, body: &str, answer: (u16, Value)) -> Row {
    Row {
        says,
        before: &[],
        token: "secret",
        call: call.to_owned(),
        body: body.to_owned(),
        answer,
    }
}

fn user(token: &'static str, row: Row) -> Row {
    Row { token, ..row }
}

fn after(before: &'static [&'static str], row: Row) -> Row {
    Row { before, ..row }
}

/// A list's answer: with its `count` and, if there is a query, with `params`.
fn list(call: &str, rows: Value, params: Value) -> (u16, Value) {
    let mut answer = success(call, rows);
    answer.1["count"] = answer.1["data"].as_array().unwrap().len().into();
    if params != Value::Null {
        answer.1["params"] = params;
    }
    answer
}

fn no_permission() -> (u16, Value) {
    refusal(
        401,
        "group_authorization",
        "GroupAuthorizationException",
        "you have no permission to do this!",
    )
}

/// Room 8, which is not there: in other words where it was to be read.
fn no_room(call: &str) -> (u16, Value) {
    let (error, exception, text) = if call.starts_with("GET") {
        (
            "service_resource_not_found",
            "ServiceResourceNotFoundException",
            "do not find this group:8",
        )
    } else {
        (
            "resource_not_found",
            "ResourceNotFoundException",
            "grpID 8 does not exist!",
        )
    };
    refusal(404, error, exception, text)
}

fn argument(text: &str) -> (u16, Value) {
    refusal(400, "illegal_argument", "IllegalArgumentException", text)
}

const ADD: &str = "POST /chatrooms/66213271109633/users/dave";
const USERS: &str = "POST /chatrooms/66213271109633/users";
const LIST: &str = "GET /chatrooms/66213271109633/users";
const REMOVE: &str = "DELETE /chatrooms/66213271109633/users/carol";
const REMOVE_MANY: &str = "DELETE /chatrooms/66213271109633/users/dave%2Ccarol";
const PROMOTE: &str = "POST /chatrooms/66213271109633/admin";
const ADMINS: &str = "GET /chatrooms/66213271109633/admin";
const DEMOTE: &str = "DELETE /chatrooms/66213271109633/admin/bob";

fn added() -> (u16, Value) {
    let data = json!({"result": true, "action": "add_member", "id": ROOM, "user": "dave"});
    success(ADD, data)
}

fn removed() -> (u16, Value) {
    let data = json!({"result": true, "action": "remove_member", "user": "carol", "id": ROOM});
    success(REMOVE, data)
}

fn promoted() -> (u16, Value) {
    success(PROMOTE, json!({"result": "success", "newadmin": "carol"}))
}

/// "Description of chat room member roles".
fn roles() -> Vec<Row> {
    let carol = r#"{"newadmin": "carol"}"#;
    let disband = "DELETE /chatrooms/66213271109633";
    vec![
        user(
            "carol",
            app(
                "Chat room members without administrative …",
                ADD,
                "",
                no_permission(),
            ),
        ),
        user(
            "alice",
            app(
                "Chat room admins are authorized by the …",
                PROMOTE,
                carol,
                promoted(),
            ),
        ),
        user(
            "bob",
            app(
                "Chat room admins are authorized by the …",
                PROMOTE,
                carol,
                no_permission(),
            ),
        ),
        user(
            "bob",
            app("The admins can manage regular members …", REMOVE, "", removed()),
        ),
        after(
            &[
                "POST /chatrooms/66213271109633/users/dave",
                "POST /chatrooms/66213271109633/admin dave",
            ],
            user(
                "bob",
                app(
                    "The admins can manage regular members …",
                    &REMOVE.replace("carol", "dave"),
                    "",
                    no_permission(),
                ),
            ),
        ),
        app(
            "A maximum of 99 admins can be added.",
            "POST /chatrooms/7/admin",
            r#"{"newadmin": "u100"}"#,
            refusal(
                403,
                "exceed_limit",
                "ExceedLimitException",
                "admin size is greater than max admin size : 99",
            ),
        ),
        user(
            "alice",
            app(
                "The chat room owner can … disband the chat room",
                disband,
                "",
                success(disband, json!({"success": true, "id": ROOM})),
            ),
        ),
        user(
            "bob",
            app(
                "The chat room owner can … disband the chat room",
                disband,
                "",
                no_permission(),
            ),
        ),
        user(
            "alice",
            app(
                "The chat room owner can … manage regular members",
                REMOVE,
                "",
                removed(),
            ),
        ),
    ]
}

/// "Common parameters".
fn parameters() -> Vec<Row> {
    let name = |name: &str| json!({ "usernames": [name] }).to_string();
    let unknown = |name: &str| argument(&format!("username {name} doesn't exist!"));
    let capitals = "DELETE /chatrooms/66213271109633/users/CAROL";
    let rooms = "GET /chatrooms?limit=1";
    let mut all_rooms = list(
        rooms,
        json!([{"id": ROOM, "name": "lobby", "owner": "alice", "affiliations_count": 3}]),
        json!({"limit": ["1"]}),
    );
    all_rooms.1["cursor"] = format!("1558759355082-{ROOM}").into();
    vec![
        app(
            "The user ID must be 64 characters or less …",
            USERS,
            &name(&"x".repeat(65)),
            unknown(&"x".repeat(65)),
        ),
        app("… and cannot be empty.", USERS, &name(""), unknown("")),
        app(
            "The following character sets are supported",
            USERS,
            &name("d/e"),
            unknown("d/e"),
        ),
        app(
            "The username is case insensitive, so Aa and …",
            capitals,
            "",
            success(
                capitals,
                json!({"result": true, "action": "remove_member", "user": "CAROL", "id": ROOM}),
            ),
        ),
        app(
            "Ensure that each username under the same app is …",
            "POST /users",
            r#"{"username": "Alice"}"#,
            refusal(
                400,
                "duplicate_unique_property_exists",
                "DuplicateUniquePropertyExistsException",
                "Entity user requires that property named username be unique, value of Alice exists",
            ),
        ),
        app(
            "You can get the chat room ID from the response body …",
            rooms,
            "",
            all_rooms,
        ),
    ]
}

/// Statements of the seed on each of its eight calls.
fn at_every_call() -> Vec<Row> {
    let mut rows = Vec::new();
    for call in [ADD, USERS, LIST, REMOVE, REMOVE_MANY, PROMOTE, ADMINS, DEMOTE] {
        let bad = "Unable to authenticate due to corrupt access token";
        let bad = refusal(401, "auth_bad_access_token", "AuthBadAccessTokenException", bad);
        rows.push(user(
            "other",
            app("The authentication token of the user or …", call, "", bad),
        ));
        let none = refusal(
            401,
            "group_authorization",
            "GroupAuthorizationException",
            "token is blank!",
        );
        rows.push(user(
            "",
            app("… followed by an English space, and then the …", call, "", none),
        ));
        let missing = no_room(call);
        let elsewhere = call.replace(ROOM, "8");
        let body = r#"{"usernames": ["dave"], "newadmin": "dave"}"#;
        rows.push(app(
            "The unique chat room identifier assigned to each …",
            &elsewhere,
            body,
            missing,
        ));
    }
    rows
}

async fn send(emulator: &Emulator, token: &str, call: &str, body: &str) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/acme/demo{path}"))
        .header("host", "chat.example")
        .header("authorization", format!("Bearer {token}"));
    send_raw(emulator, request.body(body.to_owned().into()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn every_sentence_that_a_client_can_observe() {
    let mut scene = State::parse(STATE).unwrap();
    scene.rooms.insert(RoomId::parse("7").unwrap(), crowd());
    let tables = [
        roles(),
        parameters(),
        calls::adding(),
        calls::listing(),
        calls::removing(),
        calls::admins(),
        lists::allowing(),
        lists::blocking(),
        at_every_call(),
    ];
    for row in tables.into_iter().flatten() {
        let emulator = Emulator::new(scene.clone(), Options::default());
        for before in row.before {
            // A third word is the new admin.
            let mut words = before.splitn(3, ' ');
            let call = format!("{} {}", words.next().unwrap(), words.next().unwrap());
            let body = json!({ "newadmin": words.next() }).to_string();
            assert_eq!(send(&emulator, "secret", &call, &body).await.0, 200, "{before}");
        }
        let answer = send(&emulator, row.token, &row.call, &row.body).await;
        assert_eq!(answer, row.answer, "{:?}: {} {}", row.says, row.call, row.body);
    }
}

/// "For each App Key, the call frequency limit of this method is 100 per second", at each of the eight calls, and at those
/// for the two lists. [P]
#[tokio::test(start_paused = true)]
async fn a_hundred_per_second() {
    let emulator = Emulator::new(State::parse(STATE).unwrap(), Options::default());
    let over = "This request has reached api limit";
    let over = refusal(429, "reach_limit", "ReachLimitException", over);
    let eight = [ADD, USERS, LIST, REMOVE, REMOVE_MANY, PROMOTE, ADMINS, DEMOTE];
    for call in eight.into_iter().chain(lists::CALLS) {
        for n in 0..100 {
            assert_ne!(send(&emulator, "secret", call, "").await, over, "{call} {n}");
        }
        assert_eq!(send(&emulator, "secret", call, "").await, over, "{call}");
    }
}
