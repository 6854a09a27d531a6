//! Which path is which call, who may call, and what is in the way of a call.

use super::support::{ROOM, emulator, refusal, room, send, send_raw, success};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

async fn get(path: &str, authorization: Option<&str>) -> (u16, Value) {
    let mut request = Request::get(path).header("host", "chat.example");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    send_raw(&emulator(), request.body(Body::empty()).unwrap()).await
}

fn no_room_to_read(room: &str) -> (u16, Value) {
    refusal(
        404,
        "service_resource_not_found",
        "ServiceResourceNotFoundException",
        &format!("do not find this group:{room}"),
    )
}

/// Every call about a room that is not there: as recorded, in other words where it was to be read.
#[tokio::test(start_paused = true)]
async fn unknown_rooms() {
    for (call, body) in [
        ("POST /chatrooms/8/users/dave", ""),
        ("POST /chatrooms/8/users", r#"{"usernames": ["dave"]}"#),
        ("GET /chatrooms/8/users", ""),
        ("DELETE /chatrooms/8/users/dave", ""),
        ("DELETE /chatrooms/8/users/dave%2Cerin", ""),
        ("POST /chatrooms/8/admin", r#"{"newadmin": "dave"}"#),
        ("GET /chatrooms/8/admin", ""),
        ("DELETE /chatrooms/8/admin/dave", ""),
        ("GET /chatrooms/8", ""),
        ("DELETE /chatrooms/8", ""),
        ("GET /chatrooms/8/users?cursor=", ""),
        ("GET /chatrooms/8/users?version=v3", ""),
        ("GET /chatrooms/8/white/users", ""),
        ("POST /chatrooms/8/white/users", r#"{"usernames": ["dave"]}"#),
        ("POST /chatrooms/8/white/users/dave", ""),
        ("DELETE /chatrooms/8/white/users/dave%2Cerin", ""),
        ("GET /chatrooms/8/blocks/users", ""),
        ("POST /chatrooms/8/blocks/users", r#"{"usernames": ["dave"]}"#),
        ("POST /chatrooms/8/blocks/users/dave", ""),
        ("DELETE /chatrooms/8/blocks/users/dave", ""),
        ("DELETE /chatrooms/8/blocks/users/dave%2Cerin", ""),
    ] {
        let answer = if call.starts_with("GET") {
            no_room_to_read("8")
        } else {
            let text = "grpID 8 does not exist!";
            refusal(404, "resource_not_found", "ResourceNotFoundException", text)
        };
        assert_eq!(send(&emulator(), call, body).await, answer, "{call}");
    }
    // The seed prints this as the address of the member list: a misprint, and another endpoint.
    let misprint = send(&emulator(), "GET /chatrooms/super_admin?pagenum=1&pagesize=1", "").await;
    assert_eq!(misprint, no_room_to_read("super_admin"));
}

#[tokio::test(start_paused = true)]
async fn apps() {
    let ok = Some("Bearer secret");
    for path in ["/acme/demo", "/app-id/970ca35d"] {
        let (status, body) = get(&format!("{path}/chatrooms/{ROOM}/admin"), ok).await;
        assert_eq!(
            (status, &body["organization"], &body["applicationName"]),
            (200, &json!("acme"), &json!("demo"))
        );
        assert_eq!(
            body["uri"],
            format!("http://chat.example{path}/chatrooms/{ROOM}/admin")
        );
    }
    for app in [
        "acme/other",
        "other/demo",
        "Acme/demo",
        "app-id/acme",
        "app-id/970ca35",
    ] {
        let answer = refusal(
            404,
            "organization_application_not_found",
            "OrganizationApplicationNotFoundException",
            &format!("Could not find application for {app}"),
        );
        assert_eq!(get(&format!("/{app}/chatrooms/{ROOM}/admin"), ok).await, answer);
    }
}

/// "Bearer is a fixed character, followed by an English space, and then the obtained token value."
#[tokio::test(start_paused = true)]
async fn tokens() {
    let path = format!("/acme/demo/chatrooms/{ROOM}/admin");
    // As recorded.
    for blank in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Bearer  ")] {
        let text = "token is blank!";
        let answer = refusal(401, "group_authorization", "GroupAuthorizationException", text);
        for path in [&path, "/acme/demo/chatrooms"] {
            assert_eq!(get(path, blank).await, answer, "{blank:?}");
        }
    }
    let text = "Unable to authenticate (OAuth)";
    let unauthorized = refusal(401, "unauthorized", "UnauthorizedException", text);
    for other in ["secret", "Basic secret", "bearer secret"] {
        assert_eq!(get(&path, Some(other)).await, unauthorized, "{other:?}");
    }
    // The calls about users are another service's, with words of its own. [P]
    let request = Request::delete("/acme/demo/users/bob").body(Body::empty());
    assert_eq!(send_raw(&emulator(), request.unwrap()).await, unauthorized);
    for bad in ["Bearer Secret", "Bearer  secret", "Bearer secrets"] {
        let text = "Unable to authenticate due to corrupt access token";
        let answer = refusal(401, "auth_bad_access_token", "AuthBadAccessTokenException", text);
        assert_eq!(get(&path, Some(bad)).await, answer, "{bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_none() {
    let nothing = refusal(
        404,
        "service_resource_not_found",
        "ServiceResourceNotFoundException",
        "Service resource not found",
    );
    for call in [
        "GET ",
        "GET /",
        "GET /chatroom/66213271109633",
        "GET /chatrooms/66213271109633/members",
        "GET /chatrooms/66213271109633/users/bob/x",
        "GET /chatrooms/66213271109633/white",
        "GET /chatrooms/66213271109633/white/users/bob/x",
        "GET /chatrooms/66213271109633/blocks",
        "POST /chatrooms/66213271109633/blocks/bob",
        "DELETE /chatrooms/66213271109633/blocks/users/bob/x",
        "DELETE /users/bob/x",
        "GET /token/x",
        "DELETE /chatrooms/66213271109633/users/p/q",
    ] {
        assert_eq!(send(&emulator(), call, "").await, nothing, "{call}");
    }
    let text = "this path does not know this method";
    let wrong = refusal(405, "method_not_allowed", "MethodNotAllowedException", text);
    for call in [
        "PUT /chatrooms/66213271109633",
        "DELETE /chatrooms/66213271109633/users",
        "DELETE /chatrooms/66213271109633/users/",
        "GET /chatrooms/66213271109633/users/bob",
        "PATCH /chatrooms/66213271109633/admin",
        "POST /chatrooms/66213271109633/admin/carol",
        "PUT /chatrooms",
        "DELETE /chatrooms/66213271109633/white/users",
        "PUT /chatrooms/66213271109633/white/users/bob",
        "GET /chatrooms/66213271109633/white/users/bob",
        "DELETE /chatrooms/66213271109633/blocks/users",
        "GET /chatrooms/66213271109633/blocks/users/bob",
        "PUT /chatrooms/66213271109633/blocks/users/bob",
        "GET /users",
        "GET /users/bob",
        "GET /token",
    ] {
        assert_eq!(send(&emulator(), call, "").await, wrong, "{call}");
    }
    for bad in ["bob%", "bob%2", "bob%zz", "%ff"] {
        let answer = refusal(
            400,
            "illegal_argument",
            "IllegalArgumentException",
            &format!("cannot decode {bad}"),
        );
        let call = format!("DELETE /chatrooms/{ROOM}/users/{bad}");
        assert_eq!(send(&emulator(), &call, "").await, answer);
    }
}

/// A segment of dots is a name here, however it is written, and names nobody.
#[tokio::test(start_paused = true)]
async fn dots_are_never_resolved() {
    for (segment, name) in [
        ("..", ".."),
        (".", "."),
        ("%2e%2e", ".."),
        (".%2E", ".."),
        ("..%2F..", "../.."),
    ] {
        let emulator = emulator();
        let before = emulator.state();
        let text = format!("username {name} doesn't exist!");
        let answer = refusal(404, "resource_not_found", "ResourceNotFoundException", &text);
        let call = format!("DELETE /chatrooms/{ROOM}/users/{segment}");
        assert_eq!(send(&emulator, &call, "").await, answer);
        assert_eq!(emulator.state(), before);
    }
}

/// Path that a library on the way makes of `…/users/..`: the room is gone. [P]
#[tokio::test(start_paused = true)]
async fn a_room_can_be_deleted() {
    for slash in ["", "/"] {
        let emulator = emulator();
        assert_eq!(room(&emulator).0, "alice");
        let call = format!("DELETE /chatrooms/{ROOM}{slash}");
        let answer = success(&call, json!({"success": true, "id": ROOM}));
        assert_eq!(send(&emulator, &call, "").await, answer);
        assert!(emulator.state().rooms.is_empty());
    }
}
