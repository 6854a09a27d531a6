//! Setting a scene, the list of rooms, the allow list, and the cursor form of the member list. [P]

use super::support::{ROOM, emulator, emulator_of, refusal, room, send, success, switched};
use roomsync::emulator::{Emulator, Point, Side};
use serde_json::{Value, json};

/// The answer of a call about users: they stand in `entities`, with `created` and `modified` looked at and set to 0.
async fn users(emulator: &Emulator, call: &str, body: &str) -> (u16, Value) {
    let (status, mut body) = send(emulator, call, body).await;
    for entity in body["entities"].as_array_mut().unwrap() {
        for time in ["created", "modified"] {
            assert!(entity[time].as_u64().unwrap() > 1_577_836_800_000);
            entity[time] = 0.into();
        }
    }
    (status, body)
}

#[tokio::test(start_paused = true)]
async fn users_come_and_go() {
    let emulator = emulator();
    let zoe = json!({
        "uuid": "9d017e26-81b7-4317-a5e1-c0fbe2612e89",
        "type": "user",
        "created": 0,
        "modified": 0,
        "username": "zoe",
        "activated": true
    });
    let answer = |method: &str, path: &str| {
        json!({
            "action": method,
            "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
            "path": "/users",
            "uri": format!("http://chat.example/acme/demo/users{path}"),
            "entities": [zoe],
            "timestamp": 0,
            "duration": 0,
            "organization": "acme",
            "applicationName": "demo"
        })
    };
    let body = r#"{"username": "zoe", "password": "1"}"#;
    let created = users(&emulator, "POST /users", body).await;
    assert_eq!(created, (200, answer("post", "")));
    let text = "Entity user requires that property named username be unique, value of ZOE exists";
    let exists = refusal(
        400,
        "duplicate_unique_property_exists",
        "DuplicateUniquePropertyExistsException",
        text,
    );
    assert_eq!(
        send(&emulator, "POST /users", r#"{"username": "ZOE"}"#).await,
        exists
    );
    let many = r#"[{"username": "yan", "password": "1"}, {"username": "xi", "password": "1"}]"#;
    let (_, body) = users(&emulator, "POST /users", many).await;
    assert_eq!(body["entities"][1]["username"], "xi");

    let add = format!("POST /chatrooms/{ROOM}/users/zoe");
    assert_eq!(send(&emulator, &add, "").await.0, 200);
    let deleted = users(&emulator, "DELETE /users/zoe", "").await;
    assert_eq!(deleted, (200, answer("delete", "/zoe")));
    assert_eq!(room(&emulator).2, ["alice", "bob", "carol"]);
    let text = "Service resource not found";
    let gone = refusal(
        404,
        "service_resource_not_found",
        "ServiceResourceNotFoundException",
        text,
    );
    assert_eq!(send(&emulator, "DELETE /users/zoe", "").await, gone);

    let (_, body) = users(&emulator, "DELETE /users?limit=2", "").await;
    assert_eq!(body["entities"][1]["username"], "bob");
    assert_eq!(room(&emulator).2, ["carol"]);
}

#[tokio::test(start_paused = true)]
async fn users_who_cannot_be() {
    let emulator = emulator();
    let before = emulator.state();
    let body = r#"[{"username": "zoe"}, {"username": "a b"}]"#;
    let answer = refusal(
        400,
        "illegal_argument",
        "IllegalArgumentException",
        "username [a b] is not legal",
    );
    assert_eq!(send(&emulator, "POST /users", body).await, answer);
    let (status, body) = send(&emulator, "POST /users", "{").await;
    assert_eq!((status, &body["error"]), (400, &json!("json_parse")));
    assert_eq!(emulator.state(), before);
}

#[tokio::test(start_paused = true)]
async fn rooms_come_and_go() {
    let emulator = emulator();
    let call = "POST /chatrooms";
    emulator.set_clock(|| 1_700_000_000_000);
    let body = r#"{"name": "lobby", "description": "d", "maxusers": 300, "owner": "alice", "members": ["bob", "carol"], "custom": "mine"}"#;
    let answer = success(call, json!({"id": "66213271109634"}));
    assert_eq!(send(&emulator, call, body).await, answer);
    let call = "GET /chatrooms/66213271109634";
    let data = json!([{
        "id": "66213271109634",
        "name": "lobby",
        "description": "d",
        "membersonly": false,
        "allowinvites": false,
        "maxusers": 300,
        "owner": "alice",
        "created": 1_700_000_000_000_u64,
        "custom": "mine",
        "mute": false,
        "affiliations_count": 3,
        "affiliations": [{"owner": "alice"}, {"member": "bob"}, {"member": "carol"}],
        "public": true
    }]);
    let mut answer = success(call, data);
    answer.1["count"] = 1.into();
    assert_eq!(send(&emulator, call, "").await, answer);

    // An id is never given twice.
    assert_eq!(
        send(&emulator, "DELETE /chatrooms/66213271109634", "{}").await.0,
        200
    );
    let body = r#"{"name": "lobby", "owner": "alice"}"#;
    let (_, created) = send(&emulator, "POST /chatrooms", body).await;
    assert_eq!(created["data"]["id"], "66213271109635");
    assert_eq!(
        send(&emulator, "GET /chatrooms/66213271109635", "").await.1["data"][0]["maxusers"],
        200
    );

    let before = emulator.state();
    for (body, status, error) in [
        (
            r#"{"name": "lobby", "owner": "mallory"}"#,
            400,
            "illegal_argument",
        ),
        (
            r#"{"name": "lobby", "owner": "alice", "members": ["mallory"]}"#,
            400,
            "illegal_argument",
        ),
        (
            r#"{"name": "lobby", "owner": "alice", "members": ["bob"], "maxusers": 1}"#,
            403,
            "exceed_limit",
        ),
        ("lobby", 400, "json_parse"),
    ] {
        let (got, answer) = send(&emulator, "POST /chatrooms", body).await;
        assert_eq!((got, &answer["error"]), (status, &json!(error)), "{body}");
    }
    // As recorded.
    for (body, text) in [
        (r#"{"owner": "alice"}"#, "chatroom must contain title/name field!"),
        (
            r#"{"name": " ", "owner": "alice"}"#,
            "chatroom must contain title/name field!",
        ),
        (r#"{"name": "lobby"}"#, "owner must be provided"),
        (r#"{"name": "lobby", "owner": ""}"#, "owner must be provided"),
    ] {
        let answer = refusal(400, "invalid_parameter", "InvalidParameterException", text);
        assert_eq!(send(&emulator, "POST /chatrooms", body).await, answer, "{body}");
    }
    assert_eq!(emulator.state(), before);
}

/// Newest first. `cursor` until the last page, and every room once, also while others come and go.
#[tokio::test(start_paused = true)]
async fn the_list_of_rooms() {
    // Those of the same moment by their ids, as numbers.
    let rooms: Vec<String> = (98..123)
        .map(|id| format!("{id}: {{owner: o, members: [a], name: n{id}}}"))
        .collect();
    let emulator = emulator_of(&format!("rooms: {{{}}}", rooms.join(", ")));
    let call = "GET /chatrooms?limit=2&cursor=undefined";
    let row = |id: u64| {
        let name = format!("n{id}");
        json!({"id": id.to_string(), "name": name, "owner": "o", "affiliations_count": 2})
    };
    let mut first = success(call, json!([row(122), row(121)]));
    first.1["params"] = json!({"limit": ["2"], "cursor": ["undefined"]});
    first.1["count"] = 2.into();
    first.1["cursor"] = "1558759355082-121".into();
    assert_eq!(send(&emulator, call, "").await, first);

    let ids = async |query: &str| {
        let (_, body) = send(&emulator, &format!("GET /chatrooms?{query}"), "").await;
        let rows = body["data"].as_array().unwrap().iter();
        let ids: Vec<u64> = rows
            .map(|row| row["id"].as_str().unwrap().parse().unwrap())
            .collect();
        (ids, body["cursor"].as_str().map(str::to_owned))
    };
    let all: Vec<u64> = (98..123).rev().collect();
    for (limit, pages) in [("", 3), ("limit=7&", 4), ("limit=25&", 1), ("limit=9999&", 1)] {
        let (mut cursor, mut listed, mut asked) = (String::new(), Vec::new(), 0);
        loop {
            let (page, next) = ids(&format!("{limit}cursor={cursor}")).await;
            listed.extend(page);
            asked += 1;
            let Some(next) = next else { break };
            cursor = next;
        }
        assert_eq!((&listed, asked), (&all, pages), "{limit}");
    }
    // As the vendor's web SDK asks. [P]
    assert_eq!(ids("pagenum=1&pagesize=9").await, (all[..9].to_vec(), None));
    assert_eq!(ids("pagenum=3&pagesize=9").await, (all[18..].to_vec(), None));
    assert_eq!(ids("pagenum=4&pagesize=9").await, (vec![], None));
    assert_eq!(ids("pagenum=2").await, (all[10..20].to_vec(), None));

    // Somebody makes a room and deletes the one that the cursor names.
    let (page, next) = ids("limit=3").await;
    assert_eq!(page, [122, 121, 120]);
    send(&emulator, "POST /chatrooms", r#"{"name": "new", "owner": "o"}"#).await;
    send(&emulator, "DELETE /chatrooms/120", "").await;
    assert_eq!(
        ids(&format!("limit=2&cursor={}", next.unwrap())).await.0,
        [119, 118]
    );
    assert_eq!(ids("limit=2").await.0, [66_213_271_109_634, 122]);

    for (query, text) in [
        ("cursor=x", "cursor is not valid: x"),
        ("cursor=1-", "cursor is not valid: 1-"),
        ("limit=0", "limit is not valid: 0"),
        ("pagenum=0", "pagenum is not valid: 0"),
        ("pagesize=0", "pagesize is not valid: 0"),
    ] {
        let answer = refusal(400, "illegal_argument", "IllegalArgumentException", text);
        assert_eq!(
            send(&emulator, &format!("GET /chatrooms?{query}"), "").await,
            answer
        );
    }
}

/// At most 1,000 rows, or 100: more is served as that many. [P]
#[tokio::test(start_paused = true)]
async fn the_longest_page_of_rooms() {
    let rooms: Vec<String> = (1..=1002).map(|id| format!("{id}: {{owner: o}}")).collect();
    let state = format!("rooms: {{{}}}", rooms.join(", "));
    for (side, most) in [(Side::Seed, 1000), (Side::Newer, 100)] {
        let emulator = switched(&state, Point::RoomsPage, side);
        for query in ["limit=1001", "pagesize=1001", "limit=1000"] {
            let (_, body) = send(&emulator, &format!("GET /chatrooms?{query}"), "").await;
            assert_eq!(body["count"], most, "{query}");
        }
    }
}

/// "50 calls a second", not 100. [P]
#[tokio::test(start_paused = true)]
async fn the_list_of_rooms_has_a_budget_of_its_own() {
    let emulator = emulator();
    for _ in 0..50 {
        assert_eq!(send(&emulator, "GET /chatrooms", "").await.0, 200);
    }
    assert_eq!(
        send(&emulator, "GET /chatrooms", "").await.1["error"],
        "reach_limit"
    );
    assert_eq!(
        send(&emulator, &format!("GET /chatrooms/{ROOM}"), "").await.0,
        200
    );
}

/// Admins are shown as admins, times only if asked for, and nobody is skipped when somebody leaves between two pages.
#[tokio::test(start_paused = true)]
async fn the_member_list_in_cursor_form() {
    let emulator = emulator();
    let users = format!("GET /chatrooms/{ROOM}/users");
    let call = format!("{users}?cursor=&limit=2");
    let mut answer = success(&call, json!([{"owner": "alice"}, {"admin": "bob"}]));
    answer.1["params"] = json!({"cursor": [""], "limit": ["2"]});
    answer.1["count"] = 2.into();
    answer.1["cursor"] = "2".into();
    // The state file's order of joining: owner, admins, members.
    assert_eq!(send(&emulator, &call, "").await, answer);

    let leave = format!("DELETE /chatrooms/{ROOM}/users/alice");
    assert_eq!(send(&emulator, &leave, "").await.0, 200);
    let call = format!("{users}?cursor=2&limit=2&joined_time=true");
    let (_, last) = send(&emulator, &call, "").await;
    assert_eq!(last["cursor"], Value::Null);
    let rows = last["data"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["member"]), (1, &json!("carol")));
    assert!(rows[0]["joined_time"].as_u64().unwrap() > 1_577_836_800_000);

    let (_, body) = send(&emulator, &format!("{users}?cursor=undefined"), "").await;
    assert_eq!(body["data"], json!([{"admin": "bob"}, {"member": "carol"}]));
    let (_, body) = send(&emulator, &format!("{users}?limit=1"), "").await;
    assert_eq!(body["data"], json!([{"admin": "bob"}]));
    let answer = refusal(
        400,
        "illegal_argument",
        "IllegalArgumentException",
        "cursor is not valid: x",
    );
    assert_eq!(send(&emulator, &format!("{users}?cursor=x"), "").await, answer);
}

/// `version=v3`, as the vendor's Java SDK asks: plain names without the owner, by joining time, either way round. [P]
#[tokio::test(start_paused = true)]
async fn the_member_list_as_plain_names() {
    let emulator =
        emulator_of(r#"{tokens: [secret], rooms: {"66213271109633": {owner: o, members: [a, b, o, c, d]}}}"#);
    let users = format!("GET /chatrooms/{ROOM}/users?version=v3");
    let call = format!("{users}&limit=2");
    let mut answer = success(&call, json!(["a", "b"]));
    answer.1["params"] = json!({"version": ["v3"], "limit": ["2"]});
    answer.1["count"] = 2.into();
    answer.1["cursor"] = "3".into();
    let (status, mut first) = send(&emulator, &call, "").await;
    let cursor = first["cursor"].as_str().unwrap().to_owned();
    first["cursor"] = "3".into();
    assert_eq!((status, first), answer);

    // Nobody is skipped when somebody leaves in between.
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/a"), "").await;
    let (_, last) = send(&emulator, &format!("{users}&limit=2&cursor={cursor}"), "").await;
    assert_eq!(
        (&last["data"], &last["cursor"]),
        (&json!(["c", "d"]), &Value::Null)
    );

    let (_, newest) = send(&emulator, &format!("{users}&sort=desc&limit=2"), "").await;
    assert_eq!(newest["data"], json!(["d", "c"]));
    let cursor = newest["cursor"].as_str().unwrap();
    let (_, rest) = send(
        &emulator,
        &format!("{users}&sort=desc&limit=2&cursor={cursor}"),
        "",
    )
    .await;
    assert_eq!((&rest["data"], &rest["cursor"]), (&json!(["b"]), &Value::Null));
    let (_, all) = send(&emulator, &format!("{users}&sort=asc"), "").await;
    assert_eq!(all["data"], json!(["b", "c", "d"]));
}

/// Owner and admins are on it by themselves; who leaves the room leaves the list.
#[tokio::test(start_paused = true)]
async fn the_allow_list() {
    let emulator = emulator();
    let list = format!("GET /chatrooms/{ROOM}/white/users");
    let names = |names: &[&str]| {
        let mut answer = success(&list, json!(names));
        answer.1["count"] = names.len().into();
        answer
    };
    assert_eq!(send(&emulator, &list, "").await, names(&["alice", "bob"]));

    let call = format!("POST /chatrooms/{ROOM}/white/users");
    let rows = json!([
        {"result": true, "action": "add_user_whitelist", "user": "carol", "chatroomid": ROOM},
        {
            "result": false, "action": "add_user_whitelist", "user": "dave", "chatroomid": ROOM,
            "reason": "user: dave doesn't exist in group: 66213271109633"
        }
    ]);
    let added = send(&emulator, &call, r#"{"usernames": ["carol", "dave"]}"#).await;
    assert_eq!(added, success(&call, rows));
    assert_eq!(
        send(&emulator, &list, "").await,
        names(&["alice", "bob", "carol"])
    );

    for comma in ["%2C", ","] {
        let emulator = super::support::emulator();
        send(&emulator, &call, r#"{"usernames": ["carol"]}"#).await;
        let call = format!("DELETE /chatrooms/{ROOM}/white/users/Carol{comma}dave");
        let rows = json!([
            {"result": true, "action": "remove_user_whitelist", "user": "Carol", "chatroomid": ROOM},
            {
                "result": false, "action": "remove_user_whitelist", "user": "dave", "chatroomid": ROOM,
                "reason": "user: dave is not in whitelist of group: 66213271109633"
            }
        ]);
        assert_eq!(send(&emulator, &call, "").await, success(&call, rows));
        assert_eq!(send(&emulator, &list, "").await, names(&["alice", "bob"]));
    }

    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/carol"), "").await;
    assert_eq!(send(&emulator, &list, "").await, names(&["alice", "bob"]));

    // An owner who left is not in the room to stay there.
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/alice"), "").await;
    assert_eq!(send(&emulator, &list, "").await, names(&["bob"]));

    let many = json!({"usernames": vec!["carol"; 61]}).to_string();
    let text = "usernames size is more than max limit : 60";
    let answer = refusal(400, "invalid_parameter", "InvalidParameterException", text);
    assert_eq!(send(&emulator, &call, &many).await, answer);
}
