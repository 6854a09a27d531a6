//! `POST /token`: the tokens that the service itself makes, for the app and for users. [P]

use super::callers::{no_permission, send_as};
use super::support::{ROOM, emulator_of, grant, refusal};
use roomsync::emulator::{Emulator, Environment, Options, State};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::advance;

const STATE: &str = r#"
app_key: "acme#demo"
tokens: [secret]
users: [alice, bob]
user_tokens: {bob: hers}
clients: {id: right}
rooms:
  "66213271109633": {owner: alice, members: [bob]}
"#;

const READ: &str = "GET /chatrooms/66213271109633/admin";

async fn token(emulator: &Emulator, body: &Value) -> (u16, Value) {
    grant(emulator, None, body).await
}

fn bad_grant(status: u16, text: &str) -> (u16, Value) {
    refusal(status, "invalid_grant", "InvalidGrantException", text)
}

fn unauthorized() -> (u16, Value) {
    let text = "Unable to authenticate (OAuth)";
    refusal(401, "unauthorized", "UnauthorizedException", text)
}

/// They stand for the app, and end.
#[tokio::test(start_paused = true)]
async fn client_credentials() {
    let emulator = emulator_of(STATE);
    let ask = |id: &str, secret: &str| json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret});
    let (status, granted) = token(&emulator, &ask("id", "right")).await;
    assert_eq!(status, 200);
    let bearer = granted["access_token"].as_str().unwrap();
    let whole = json!({
        "access_token": bearer,
        "expires_in": 5_184_000,
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402"
    });
    assert_eq!(granted, whole);

    advance(Duration::from_secs(5_183_999)).await;
    assert_eq!(send_as(&emulator, bearer, READ, "").await.0, 200);
    advance(Duration::from_secs(1)).await;
    assert_eq!(send_as(&emulator, bearer, READ, "").await, unauthorized());

    for (id, secret, text) in [
        ("id", "wrong", "client_secret does not match"),
        ("other", "right", "client_id does not match"),
    ] {
        assert_eq!(token(&emulator, &ask(id, secret)).await, bad_grant(400, text));
    }
    for (body, text) in [
        (
            json!({"grant_type": "client_credentials"}),
            "client_id must be provided.",
        ),
        (json!({}), "This is an invalid request."),
        (json!({"grant_type": "magic"}), "This is an invalid request."),
    ] {
        let answer = refusal(400, "illegal_argument", "IllegalArgumentException", text);
        assert_eq!(token(&emulator, &body).await, answer);
    }
}

/// `ttl`, in seconds, as a number or a text; with 0 a token never ends. The emulator's own limit is the longest.
#[tokio::test(start_paused = true)]
async fn the_life_that_is_asked_for() {
    let ask = |ttl: Value| {
        json!({
            "grant_type": "client_credentials", "client_id": "id", "client_secret": "right", "ttl": ttl
        })
    };
    let emulator = emulator_of(STATE);
    for (ttl, expires_in) in [
        (json!(60), 60),
        (json!("1024000"), 1_024_000),
        (json!(10_000_000), 10_000_000),
        (json!(null), 5_184_000),
    ] {
        assert_eq!(token(&emulator, &ask(ttl)).await.1["expires_in"], expires_in);
    }
    assert_eq!(token(&emulator, &ask(json!("soon"))).await.0, 400);
    let (_, endless) = token(&emulator, &ask(json!(0))).await;
    assert_eq!(endless["expires_in"], 0);
    advance(Duration::from_secs(100_000_000)).await;
    let bearer = endless["access_token"].as_str().unwrap();
    assert_eq!(send_as(&emulator, bearer, READ, "").await.0, 200);

    for (longest, most) in [
        (Duration::from_secs(90), 90),
        // Not 0, which would be no end.
        (Duration::from_millis(10), 1),
    ] {
        let environment = Environment {
            token_ttl: Some(longest),
            ..Environment::default()
        };
        let state = State::parse(STATE).unwrap();
        let emulator = Emulator::in_environment(state, Options::default(), environment);
        for ttl in [json!(null), json!(0), json!(1000)] {
            assert_eq!(token(&emulator, &ask(ttl)).await.1["expires_in"], most);
        }
    }
}

/// An expired token of the service's own is refused where any other is taken, too.
#[tokio::test(start_paused = true)]
async fn any_token_but_an_expired_one() {
    let emulator = emulator_of(r#"rooms: {"66213271109633": {owner: alice}}"#);
    let ask = json!({"grant_type": "client_credentials", "client_id": "a", "client_secret": "b", "ttl": 60});
    let granted = token(&emulator, &ask).await.1;
    let bearer = granted["access_token"].as_str().unwrap();
    assert_eq!(send_as(&emulator, bearer, READ, "").await.0, 200);
    advance(Duration::from_secs(60)).await;
    assert_eq!(send_as(&emulator, bearer, READ, "").await.0, 401);
    assert_eq!(send_as(&emulator, "any", READ, "").await.0, 200);
}

/// The token of a granted answer, whose user is looked at and must be this one.
fn of_user(granted: (u16, Value), name: &str, expires_in: u32) -> String {
    let (status, granted) = granted;
    assert_eq!(status, 200, "{granted}");
    let (bearer, user) = (granted["access_token"].as_str().unwrap(), &granted["user"]);
    let whole = json!({
        "access_token": bearer,
        "expires_in": expires_in,
        "user": {
            "uuid": user["uuid"],
            "type": "user",
            "created": user["created"],
            "modified": user["modified"],
            "username": name,
            "activated": true
        }
    });
    assert_eq!(granted, whole);
    assert!(user["uuid"].is_string() && user["created"].as_u64().unwrap() > 1_577_836_800_000);
    bearer.to_owned()
}

/// A user who was created with a password asks for a token of their own, and has their role with it.
#[tokio::test(start_paused = true)]
async fn passwords() {
    let emulator = emulator_of(STATE);
    let zoe = r#"{"username": "Zoe", "password": "1"}"#;
    assert_eq!(send_as(&emulator, "secret", "POST /users", zoe).await.0, 200);
    let ask = |password: &str| json!({"grant_type": "password", "username": "zoe", "password": password});
    let refused = bad_grant(400, "invalid username or password");
    assert_eq!(token(&emulator, &ask("2")).await, refused);

    let bearer = of_user(token(&emulator, &ask("1")).await, "zoe", 5_184_000);
    let join = format!("POST /chatrooms/{ROOM}/users/zoe");
    assert_eq!(send_as(&emulator, &bearer, &join, "").await, no_permission());
    assert_eq!(send_as(&emulator, &bearer, READ, "").await.0, 200);

    // Nobody calls in the name of somebody who is no more.
    assert_eq!(send_as(&emulator, "secret", "DELETE /users/zoe", "").await.0, 200);
    assert_eq!(send_as(&emulator, &bearer, READ, "").await, unauthorized());
    assert_eq!(
        token(&emulator, &ask("1")).await,
        bad_grant(404, "user not found")
    );
}

/// `inherit`: the app asks for a user's token, and creates the user if they are not there and it says so.
#[tokio::test(start_paused = true)]
async fn inherited() {
    let emulator = emulator_of(STATE);
    let ask = |user: &str, create: bool| {
        json!({
            "grant_type": "inherit", "username": user, "autoCreateUser": create, "ttl": 600
        })
    };
    let app = Some("secret");
    let bearer = of_user(grant(&emulator, app, &ask("alice", false)).await, "alice", 600);
    let kick = format!("DELETE /chatrooms/{ROOM}/users/bob");
    assert_eq!(
        send_as(&emulator, &bearer, &kick, "").await.0,
        200,
        "alice's room"
    );

    let missing = bad_grant(404, "user not found");
    assert_eq!(grant(&emulator, app, &ask("zoe", false)).await, missing);
    let text = "username [a b] is not legal";
    let illegal = refusal(400, "illegal_argument", "IllegalArgumentException", text);
    assert_eq!(grant(&emulator, app, &ask("a b", true)).await, illegal);
    of_user(grant(&emulator, app, &ask("zoe", true)).await, "zoe", 600);
    assert!(emulator.state().knows("zoe"));
    of_user(grant(&emulator, app, &ask("zoe", true)).await, "zoe", 600);

    assert_eq!(token(&emulator, &ask("zoe", true)).await, unauthorized());
    let text = "Unable to authenticate due to corrupt access token";
    let corrupt = refusal(401, "auth_bad_access_token", "AuthBadAccessTokenException", text);
    for other in ["other", "hers", &bearer] {
        assert_eq!(grant(&emulator, Some(other), &ask("zoe", true)).await, corrupt);
    }
}
