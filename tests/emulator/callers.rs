//! Whose token it is, what a role lets its holder do, and the tokens that the service itself makes and checks.

use super::support::{ROOM, emulator_of, refusal, send_raw};
use http::Request;
use roomsync::emulator::Emulator;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::advance;

/// An owner, two admins, two regular members and somebody outside, each with a token that is their name.
const PEOPLE: &str = r#"
app_key: "acme#demo"
tokens: [secret]
users: [owner, admin, admin2, member, member2, outside, kept_out]
user_tokens: {owner: owner, admin: admin, member: member, outside: outside}
clients: {id: right}
rooms:
  "66213271109633":
    {owner: owner, admins: [admin, admin2], members: [member, member2], allow_list: [member2], block_list: [kept_out]}
"#;

async fn send_as(emulator: &Emulator, token: &str, call: &str, body: &str) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/acme/demo{path}"))
        .header("host", "chat.example")
        .header("authorization", format!("Bearer {token}"));
    send_raw(emulator, request.body(body.to_owned().into()).unwrap()).await
}

/// `POST /token`, whose answer is no envelope.
async fn token(emulator: &Emulator, body: &Value) -> (u16, Value) {
    use tower::ServiceExt as _;
    let request = Request::post("/acme/demo/token")
        .body(axum::body::Body::from(body.to_string()))
        .unwrap();
    let response = emulator.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

fn no_permission() -> (u16, Value) {
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

/// "tokens" that the service makes stand for the app, and end. [P]
#[tokio::test(start_paused = true)]
async fn client_credentials() {
    let emulator = emulator_of(PEOPLE);
    let ask = |secret: &str| json!({"grant_type": "client_credentials", "client_id": "id", "client_secret": secret});
    let (status, granted) = token(&emulator, &ask("right")).await;
    assert_eq!(status, 200);
    let bearer = granted["access_token"].as_str().unwrap();
    let whole = json!({
        "access_token": bearer,
        "expires_in": 5_184_000,
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402"
    });
    assert_eq!(granted, whole);

    let call = format!("GET /chatrooms/{ROOM}/admin");
    advance(Duration::from_secs(5_183_999)).await;
    assert_eq!(send_as(&emulator, bearer, &call, "").await.0, 200);
    advance(Duration::from_secs(1)).await;
    let text = "Unable to authenticate (OAuth)";
    let expired = refusal(401, "unauthorized", "UnauthorizedException", text);
    assert_eq!(send_as(&emulator, bearer, &call, "").await, expired);

    let mut short = ask("right");
    short["ttl"] = 60.into();
    assert_eq!(token(&emulator, &short).await.1["expires_in"], 60);

    let (status, refused) = token(&emulator, &ask("wrong")).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    for bad in [json!({}), json!({"grant_type": "magic"})] {
        let (status, refused) = token(&emulator, &bad).await;
        assert_eq!((status, &refused["error"]), (400, &json!("illegal_argument")));
    }
}

/// An expired token of the service's own is refused where any other is taken, too.
#[tokio::test(start_paused = true)]
async fn any_token_but_an_expired_one() {
    let emulator = emulator_of(r#"rooms: {"66213271109633": {owner: alice}}"#);
    let ask = json!({"grant_type": "client_credentials", "client_id": "a", "client_secret": "b", "ttl": 60});
    let granted = token(&emulator, &ask).await.1;
    let bearer = granted["access_token"].as_str().unwrap();
    let call = format!("GET /chatrooms/{ROOM}/admin");
    assert_eq!(send_as(&emulator, bearer, &call, "").await.0, 200);
    advance(Duration::from_secs(60)).await;
    assert_eq!(send_as(&emulator, bearer, &call, "").await.0, 401);
    assert_eq!(send_as(&emulator, "any", &call, "").await.0, 200);
}

/// A user who was created with a password asks for a token of their own, and has their role with it.
#[tokio::test(start_paused = true)]
async fn passwords() {
    let emulator = emulator_of(PEOPLE);
    let zoe = r#"{"username": "Zoe", "password": "1"}"#;
    assert_eq!(send_as(&emulator, "secret", "POST /users", zoe).await.0, 200);
    let ask = |password: &str| json!({"grant_type": "password", "username": "zoe", "password": password});
    let (status, refused) = token(&emulator, &ask("2")).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));

    let granted = token(&emulator, &ask("1")).await.1;
    let bearer = granted["access_token"].as_str().unwrap();
    let join = format!("POST /chatrooms/{ROOM}/users/zoe");
    assert_eq!(send_as(&emulator, bearer, &join, "").await, no_permission());
    let read = format!("GET /chatrooms/{ROOM}/admin");
    assert_eq!(send_as(&emulator, bearer, &read, "").await.0, 200);

    // Nobody calls in the name of somebody who is no more.
    assert_eq!(send_as(&emulator, "secret", "DELETE /users/zoe", "").await.0, 200);
    assert_eq!(
        send_as(&emulator, bearer, &read, "").await.1["error"],
        "unauthorized"
    );
    assert_eq!(token(&emulator, &ask("1")).await.0, 400);
}
