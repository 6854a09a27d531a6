//! Owner, admins, regular members.

use super::support::{ROOM, emulator, emulator_of, refusal, room, send, success};
use serde_json::json;

const ADMIN: &str = "POST /chatrooms/66213271109633/admin";

/// "Adds a regular chat room member as the chat room admin."
#[tokio::test(start_paused = true)]
async fn only_regular_members_are_promoted() {
    let forbidden = |text: &str| refusal(403, "forbidden_op", "ForbiddenOpException", text);
    let emulator = emulator();
    let before = emulator.state();
    let answer = forbidden("users [dave] are not members of this group!");
    assert_eq!(send(&emulator, ADMIN, r#"{"newadmin": "dave"}"#).await, answer);
    let text = "username mallory doesn't exist!";
    let answer = refusal(404, "resource_not_found", "ResourceNotFoundException", text);
    assert_eq!(send(&emulator, ADMIN, r#"{"newadmin": "mallory"}"#).await, answer);
    for above in ["bob", "BOB"] {
        let answer = forbidden(&format!("user:{above} is already admin of group:{ROOM}"));
        let body = json!({"newadmin": above}).to_string();
        assert_eq!(send(&emulator, ADMIN, &body).await, answer);
    }
    assert_eq!(emulator.state(), before);
}

/// "A maximum of 99 admins can be added."
#[tokio::test(start_paused = true)]
async fn at_most_99_admins() {
    let admins: Vec<String> = (0..98).map(|n| format!("a{n}")).collect();
    let room = json!({"owner": "alice", "admins": admins, "members": ["carol", "dave"]});
    let emulator = emulator_of(&json!({"rooms": {ROOM: room}}).to_string());
    assert_eq!(send(&emulator, ADMIN, r#"{"newadmin": "carol"}"#).await.0, 200);
    let text = "admin size is greater than max admin size : 99";
    let answer = refusal(403, "exceed_limit", "ExceedLimitException", text);
    assert_eq!(send(&emulator, ADMIN, r#"{"newadmin": "dave"}"#).await, answer);
}

/// "That admin becomes a regular chat room member."
#[tokio::test(start_paused = true)]
async fn demoting() {
    let emulator = emulator();
    let call = format!("DELETE /chatrooms/{ROOM}/admin/Bob");
    let data = json!({"result": "success", "oldadmin": "Bob"});
    assert_eq!(send(&emulator, &call, "").await, success(&call, data));
    let (_, admins, members) = room(&emulator);
    assert_eq!(
        (admins.len(), members),
        (0, vec!["alice".into(), "bob".into(), "carol".into()])
    );

    let text = format!("user:Bob is not admin of group:{ROOM}");
    let answer = refusal(403, "forbidden_op", "ForbiddenOpException", &text);
    assert_eq!(send(&emulator, &call, "").await, answer);
}

/// Removing an admin ends the admin role, also for when they come back. [?]
#[tokio::test(start_paused = true)]
async fn removing_an_admin() {
    let emulator = emulator();
    let bob = format!("/chatrooms/{ROOM}/users/bob");
    assert_eq!(send(&emulator, &format!("DELETE {bob}"), "").await.0, 200);
    assert_eq!(send(&emulator, &format!("POST {bob}"), "").await.0, 200);
    let call = format!("GET /chatrooms/{ROOM}/admin");
    let (_, body) = send(&emulator, &call, "").await;
    assert_eq!((&body["data"], &body["count"]), (&json!([]), &json!(0)));
}

/// The service does not protect the owner: they leave the list and stay owner. [P]
#[tokio::test(start_paused = true)]
async fn removing_the_owner() {
    let emulator = emulator();
    let call = format!("DELETE /chatrooms/{ROOM}/users/alice");
    let data = json!({"result": true, "action": "remove_member", "user": "alice", "id": ROOM});
    assert_eq!(send(&emulator, &call, "").await, success(&call, data));

    let (_, list) = send(&emulator, &format!("GET /chatrooms/{ROOM}/users"), "").await;
    assert_eq!(list["data"], json!([{"member": "bob"}, {"member": "carol"}]));
    let (_, detail) = send(&emulator, &format!("GET /chatrooms/{ROOM}"), "").await;
    assert_eq!(detail["data"][0]["owner"], "alice");
    assert_eq!(detail["data"][0]["affiliations_count"], 2);

    let back = format!("POST /chatrooms/{ROOM}/users/alice");
    assert_eq!(send(&emulator, &back, "").await.0, 200);
    let (_, list) = send(&emulator, &format!("GET /chatrooms/{ROOM}/users"), "").await;
    let rows = json!([{"member": "bob"}, {"member": "carol"}, {"owner": "alice"}]);
    assert_eq!(list["data"], rows);
}

/// Answered as a success, as recorded, in the room or not; nothing changes. [?]
#[tokio::test(start_paused = true)]
async fn promoting_the_owner() {
    let emulator = emulator();
    for owner in ["alice", "ALICE"] {
        let before = emulator.state();
        let body = json!({ "newadmin": owner }).to_string();
        let data = json!({"result": "success", "newadmin": owner});
        assert_eq!(send(&emulator, ADMIN, &body).await, success(ADMIN, data));
        assert_eq!(emulator.state(), before);
        send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/alice"), "").await;
    }
}

/// Answered as a success [P]; nothing changes. [?]
#[tokio::test(start_paused = true)]
async fn demoting_the_owner() {
    let emulator = emulator();
    let before = emulator.state();
    let call = format!("DELETE /chatrooms/{ROOM}/admin/alice");
    let data = json!({"result": "success", "oldadmin": "alice"});
    assert_eq!(send(&emulator, &call, "").await, success(&call, data));
    assert_eq!(emulator.state(), before);
}
