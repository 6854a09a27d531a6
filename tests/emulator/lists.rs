//! Pages of members, and room detail.

use super::support::{ROOM, emulator, emulator_of, refusal, send, success};
use roomsync::emulator::{Emulator, Options, Room, State};
use roomsync::model::RoomId;
use serde_json::{Value, json};

/// A room of this many: its owner and `u1`, `u2`, …
fn crowd(people: usize) -> Emulator {
    let mut room = Room::new("u0");
    for n in 1..people {
        room.join(&format!("u{n}"));
    }
    let mut state = State::default();
    state.rooms.insert(RoomId::parse(ROOM).unwrap(), room);
    Emulator::new(
        state,
        Options {
            calls_per_second: None,
            ..Options::default()
        },
    )
}

async fn page(emulator: &Emulator, query: &str) -> Vec<Value> {
    let (status, body) = send(emulator, &format!("GET /chatrooms/{ROOM}/users{query}"), "").await;
    assert_eq!(status, 200, "{body}");
    let rows = body["data"].as_array().unwrap().clone();
    assert_eq!(body["count"], rows.len());
    rows
}

/// "The default value is 1." "The default value is 1000. The value range is [0,1000]. If you pass in a value greater
/// than 1000, the server still returns 1000 chat room members."
#[tokio::test(start_paused = true)]
async fn page_numbers_and_sizes() {
    let emulator = crowd(2500);
    for (query, first, rows) in [
        ("", "u0", 1000),
        ("?pagenum=1", "u0", 1000),
        ("?pagenum=3", "u2000", 500),
        ("?pagesize=10", "u0", 10),
        ("?pagenum=3&pagesize=10", "u20", 10),
        ("?pagenum=2&pagesize=1001", "u1000", 1000),
        ("?pagenum=2&pagesize=99999", "u1000", 1000),
    ] {
        let page = page(&emulator, query).await;
        assert_eq!(page.len(), rows, "{query}");
        let name = page[0].get("member").or(page[0].get("owner"));
        assert_eq!(name.unwrap(), first, "{query}");
    }
    for query in ["?pagesize=0", "?pagenum=4", "?pagenum=18446744073709551615"] {
        assert_eq!(page(&emulator, query).await, [] as [Value; 0], "{query}");
    }
    for (key, value) in [
        ("pagenum", "0"),
        ("pagenum", "-1"),
        ("pagesize", "-1"),
        ("pagesize", "ten"),
    ] {
        let call = format!("GET /chatrooms/{ROOM}/users?{key}={value}");
        let text = format!("{key} is not valid: {value}");
        let answer = refusal(400, "illegal_argument", "IllegalArgumentException", &text);
        assert_eq!(send(&emulator, &call, "").await, answer);
    }
}

/// `params` is the query, and is not there without one.
#[tokio::test(start_paused = true)]
async fn the_query_is_echoed() {
    let emulator = emulator();
    let rows = json!([{"owner": "alice"}, {"member": "bob"}, {"member": "carol"}]);
    let call = format!("GET /chatrooms/{ROOM}/users");
    let mut answer = success(&call, rows);
    answer.1["count"] = 3.into();
    assert_eq!(send(&emulator, &call, "").await, answer);

    answer.1["params"] = json!({"pagenum": ["1", "9"], "x": ["a b"]});
    let call = format!("{call}?pagenum=1&x=a%20b&pagenum=9");
    assert_eq!(send(&emulator, &call, "").await, answer);
}

/// A page of a large room costs no more than walking to it.
#[tokio::test(start_paused = true)]
async fn a_large_room() {
    let emulator = crowd(100_000);
    let mut people = 0;
    for number in 1..=100 {
        people += page(&emulator, &format!("?pagenum={number}")).await.len();
    }
    assert_eq!(people, 100_000);
    assert!(page(&emulator, "?pagenum=101").await.is_empty());
}

/// The fields of the recorded answers.
#[tokio::test(start_paused = true)]
async fn room_detail() {
    let emulator = emulator_of(
        r#"{tokens: [secret], rooms: {"66213271109633": {owner: alice, admins: [bob], members: [carol], maxusers: 4},
            "7": {owner: dave, name: shop, description: open at nine, custom: "{}", created: 1700000000000}}}"#,
    );
    let call = format!("GET /chatrooms/7%2C{ROOM}");
    let data = json!([
        {
            "id": "7",
            "name": "shop",
            "description": "open at nine",
            "membersonly": false,
            "allowinvites": false,
            "maxusers": 10000,
            "owner": "dave",
            "created": 1_700_000_000_000_u64,
            "custom": "{}",
            "mute": false,
            "affiliations_count": 1,
            "affiliations": [{"owner": "dave"}],
            "public": true
        },
        {
            "id": "66213271109633",
            "name": "",
            "description": "",
            "membersonly": false,
            "allowinvites": false,
            "maxusers": 4,
            "owner": "alice",
            "created": 1_558_759_355_082_u64,
            "custom": "",
            "mute": false,
            "affiliations_count": 3,
            "affiliations": [{"owner": "alice"}, {"member": "bob"}, {"member": "carol"}],
            "public": true
        }
    ]);
    let mut answer = success(&call, data);
    answer.1["count"] = 2.into();
    assert_eq!(send(&emulator, &call, "").await, answer);

    // One unknown room refuses the call. [?]
    let answer = refusal(
        404,
        "service_resource_not_found",
        "ServiceResourceNotFoundException",
        "do not find this group:8",
    );
    assert_eq!(send(&emulator, "GET /chatrooms/7%2C8", "").await, answer);

    let many = |count: usize| format!("GET /chatrooms/{}", vec!["7"; count].join("%2C"));
    assert_eq!(send(&emulator, &many(100), "").await.0, 200);
    let text = "chatroom ids number more than maxSize : 100";
    let answer = refusal(400, "invalid_parameter", "InvalidParameterException", text);
    assert_eq!(send(&emulator, &many(101), "").await, answer);
}
