//! Whose token it is, and what a role lets its holder do.

use super::support::{emulator_of, refusal, send_raw};
use http::Request;
use roomsync::emulator::Emulator;
use serde_json::Value;

/// An owner, two admins, two regular members and somebody outside, each with a token that is their name.
const PEOPLE: &str = r#"
app_key: "acme#demo"
tokens: [secret]
users: [owner, admin, admin2, member, member2, outside, kept_out]
user_tokens: {owner: owner, admin: admin, member: member, outside: outside}
rooms:
  "66213271109633":
    {owner: owner, admins: [admin, admin2], members: [member, member2], allow_list: [member2], block_list: [kept_out]}
"#;

pub(super) async fn send_as(emulator: &Emulator, token: &str, call: &str, body: &str) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/acme/demo{path}"))
        .header("host", "chat.example")
        .header("authorization", format!("Bearer {token}"));
    send_raw(emulator, request.body(body.to_owned().into()).unwrap()).await
}

pub(super) fn no_permission() -> (u16, Value) {
    refusal(
        401,
        "group_authorization",
        "GroupAuthorizationException",
        "you have no permission to do this!",
    )
}

/// The seed's "Description of chat room member roles": each call, and who may make it. An app token may make every one.
#[tokio::test(start_paused = true)]
async fn what_each_role_may_do() {
    const EVERYBODY: &[&str] = &["owner", "admin", "member", "outside"];
    const MANAGERS: &[&str] = &["owner", "admin"];
    const OWNER: &[&str] = &["owner"];
    let batch = r#"{"usernames": ["outside"]}"#;
    let members = r#"{"usernames": ["member", "member2"]}"#;
    let with_admin = r#"{"usernames": ["member", "Admin2"]}"#;
    for (call, body, may) in [
        // Reading.
        ("GET /chatrooms", "", EVERYBODY),
        ("GET /chatrooms/66213271109633", "", EVERYBODY),
        ("GET /chatrooms/66213271109633/users", "", EVERYBODY),
        ("GET /chatrooms/66213271109633/users?cursor=", "", EVERYBODY),
        ("GET /chatrooms/66213271109633/admin", "", EVERYBODY),
        // "The admins can manage regular members of the chat room."
        ("POST /chatrooms/66213271109633/users/outside", "", MANAGERS),
        ("POST /chatrooms/66213271109633/users", batch, MANAGERS),
        ("DELETE /chatrooms/66213271109633/users/member", "", MANAGERS),
        (
            "DELETE /chatrooms/66213271109633/users/member%2Cmember2",
            "",
            MANAGERS,
        ),
        ("GET /chatrooms/66213271109633/white/users", "", MANAGERS),
        ("POST /chatrooms/66213271109633/white/users", batch, MANAGERS),
        ("POST /chatrooms/66213271109633/white/users/member", "", MANAGERS),
        (
            "DELETE /chatrooms/66213271109633/white/users/member2",
            "",
            MANAGERS,
        ),
        ("GET /chatrooms/66213271109633/blocks/users", "", MANAGERS),
        ("POST /chatrooms/66213271109633/blocks/users/member", "", MANAGERS),
        ("POST /chatrooms/66213271109633/blocks/users", members, MANAGERS),
        (
            "DELETE /chatrooms/66213271109633/blocks/users/kept_out",
            "",
            MANAGERS,
        ),
        (
            "DELETE /chatrooms/66213271109633/blocks/users/kept_out%2Cmember",
            "",
            MANAGERS,
        ),
        // "The chat room owner can add chat room admins, disband the chat room …"
        ("POST /chatrooms/66213271109633/blocks/users/admin2", "", OWNER),
        ("POST /chatrooms/66213271109633/blocks/users", with_admin, OWNER),
        ("DELETE /chatrooms/66213271109633/users/admin2", "", OWNER),
        (
            "DELETE /chatrooms/66213271109633/users/member%2Cadmin2",
            "",
            OWNER,
        ),
        (
            "POST /chatrooms/66213271109633/admin",
            r#"{"newadmin": "member2"}"#,
            OWNER,
        ),
        ("DELETE /chatrooms/66213271109633/admin/admin2", "", OWNER),
        ("DELETE /chatrooms/66213271109633", "", OWNER),
        // Nobody is over the owner but the app.
        ("DELETE /chatrooms/66213271109633/users/owner", "", &[]),
        ("POST /chatrooms", r#"{"name": "n", "owner": "owner"}"#, &[]),
        ("POST /users", r#"{"username": "zoe"}"#, &[]),
        ("DELETE /users/outside", "", &[]),
        ("DELETE /users?limit=1", "", &[]),
    ] {
        for caller in EVERYBODY {
            let emulator = emulator_of(PEOPLE);
            let before = emulator.state();
            let answer = send_as(&emulator, caller, call, body).await;
            if may.contains(caller) {
                assert_eq!(answer.0, 200, "{call} by {caller}: {}", answer.1);
            } else {
                assert_eq!(answer, no_permission(), "{call} by {caller}");
                assert_eq!(emulator.state(), before);
            }
        }
        let (status, body) = send_as(&emulator_of(PEOPLE), "secret", call, body).await;
        assert_eq!(status, 200, "{call}: {body}");
    }
}

/// A room that is not there is told as that, whoever asks.
#[tokio::test(start_paused = true)]
async fn no_room_to_have_a_role_in() {
    let text = "grpID 8 does not exist!";
    let answer = refusal(404, "resource_not_found", "ResourceNotFoundException", text);
    let call = "DELETE /chatrooms/8/users/member";
    assert_eq!(send_as(&emulator_of(PEOPLE), "member", call, "").await, answer);
}
