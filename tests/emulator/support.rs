//! The service under test, and how to call it.

use axum::body::{Body, to_bytes};
use http::Request;
use roomsync::emulator::{Emulator, Names, Options, Point, Profile, Side, State};
use roomsync::model::RoomId;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A room with an owner, an admin and a regular member; `dave` and `erin` are users and outside, `mallory` is unknown.
pub(crate) const STATE: &str = r#"
app_key: "acme#demo"
app_id: 970ca35d
tokens: [secret]
users: [alice, bob, carol, dave, erin]
rooms:
  "66213271109633": {owner: alice, admins: [bob], members: [carol], maxusers: 4}
"#;

/// The room of [`STATE`].
pub(crate) const ROOM: &str = "66213271109633";

pub(crate) fn emulator() -> Emulator {
    emulator_of(STATE)
}

pub(crate) fn emulator_of(state: &str) -> Emulator {
    emulator_as(state, Profile::default())
}

/// The service with this behaviour where the documents disagree.
pub(crate) fn emulator_as(state: &str, profile: Profile) -> Emulator {
    let options = Options {
        profile,
        ..Options::default()
    };
    Emulator::new(State::parse(state).unwrap(), options)
}

/// The service with one such point switched.
pub(crate) fn switched(state: &str, point: Point, side: Side) -> Emulator {
    let mut profile = Profile::default();
    profile.set(point, side);
    emulator_as(state, profile)
}

/// Sends `METHOD /path` below the app with the right token. Gives the status and the body with its timestamp, once
/// looked at, set to 0.
pub(crate) async fn send(emulator: &Emulator, call: &str, body: &str) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/acme/demo{path}"))
        .header("host", "chat.example")
        .header("authorization", "Bearer secret");
    send_raw(emulator, request.body(body.to_owned().into()).unwrap()).await
}

pub(crate) async fn send_raw(emulator: &Emulator, request: Request<Body>) -> (u16, Value) {
    let response = emulator.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    let year_2020_ms = 1_577_836_800_000;
    assert!(body["timestamp"].as_u64().unwrap() > year_2020_ms, "{body}");
    body["timestamp"] = 0.into();
    (status, body)
}

/// Asks for a token, whose answer is no envelope, with this bearer token or none.
pub(crate) async fn grant(emulator: &Emulator, bearer: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = Request::post("/acme/demo/token");
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = emulator.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    if body.get("timestamp").is_some() {
        body["timestamp"] = 0.into();
    }
    (status, body)
}

/// A success around its data; `samples.rs` has them in full.
pub(crate) fn success(call: &str, data: Value) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let (path, _query) = path.split_once('?').unwrap_or((path, ""));
    let mut body = json!({
        "action": method.to_lowercase(),
        "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
        "uri": format!("http://chat.example/acme/demo{path}"),
        "entities": [],
        "timestamp": 0,
        "duration": 0,
        "organization": "acme",
        "applicationName": "demo"
    });
    body["data"] = data;
    (200, body)
}

/// A refusal: `exception` is the last part of its name.
pub(crate) fn refusal(status: u16, error: &str, exception: &str, description: &str) -> (u16, Value) {
    let body = json!({
        "error": error,
        "exception": format!("com.easemob.group.exception.{exception}"),
        "timestamp": 0,
        "duration": 0,
        "error_description": description
    });
    (status, body)
}

/// Owner, admins and members of [`ROOM`], as they stand.
pub(crate) fn room(emulator: &Emulator) -> (String, Vec<String>, Vec<String>) {
    let state = emulator.state();
    let room = &state.rooms[&RoomId::parse(ROOM).unwrap()];
    let owned = |names: &Names| names.iter().map(str::to_owned).collect();
    (
        room.owner().to_owned(),
        owned(room.admins()),
        owned(room.members()),
    )
}
