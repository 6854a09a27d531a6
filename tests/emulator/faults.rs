//! Failures on request, and what of them the service has done by then.

use super::support::{ROOM, STATE, emulator, refusal, room, send};
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::Request;
use roomsync::emulator::{Emulator, Environment, Fault, Options, State};
use roomsync::model::RoomId;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;

fn with(faults: &[&str]) -> Emulator {
    let emulator = emulator();
    for fault in faults {
        emulator.add_fault(Fault::parse(fault).unwrap());
    }
    emulator
}

/// Sends with this token and gives the answer as it comes.
async fn raw(emulator: &Emulator, token: &str, call: &str) -> Response {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/acme/demo{path}"))
        .header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    emulator.router().oneshot(request).await.unwrap()
}

fn add(user: &str) -> String {
    format!("POST /chatrooms/{ROOM}/users/{user}")
}

fn list() -> String {
    format!("GET /chatrooms/{ROOM}/users")
}

fn is_in(emulator: &Emulator, user: &str) -> bool {
    room(emulator).2.iter().any(|member| member == user)
}

fn names(rows: &Value) -> Vec<&str> {
    let rows = rows["data"].as_array().unwrap().iter();
    rows.map(|row| row.get("member").or(row.get("owner")).unwrap().as_str().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn broken_connections_before_and_after_the_effect() {
    for (phase, effect) in [("before", false), ("after", true)] {
        let emulator = with(&[&format!("add_one:reset:{phase}")]);
        let answer = raw(&emulator, "secret", &add("dave")).await;
        assert!(to_bytes(answer.into_body(), usize::MAX).await.is_err());
        assert_eq!(is_in(&emulator, "dave"), effect, "{phase}");
        let entry = &emulator.journal().calls[0];
        assert_eq!((entry.status, entry.effect), (None, effect));
    }
}

#[tokio::test(start_paused = true)]
async fn silence_before_and_after_the_effect() {
    for (phase, effect) in [("before", false), ("after", true)] {
        let emulator = with(&[&format!("add_one:timeout:{phase}")]);
        let hour = Duration::from_secs(3600);
        assert!(
            timeout(hour, raw(&emulator, "secret", &add("dave")))
                .await
                .is_err()
        );
        assert_eq!(is_in(&emulator, "dave"), effect, "{phase}");
        assert_eq!(emulator.journal().calls[0].status, None);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_before_and_after_the_effect() {
    for (phase, effect) in [("before", false), ("after", true)] {
        let emulator = with(&[&format!("add_one:slow=5s:{phase}")]);
        let start = Instant::now();
        let call = add("dave");
        let impatient = timeout(Duration::from_secs(1), raw(&emulator, "secret", &call));
        impatient.await.unwrap_err();
        // Who hangs up before the effect has done nothing.
        assert_eq!(is_in(&emulator, "dave"), effect, "{phase}");
        raw(&emulator, "secret", &call).await;
        assert_eq!(start.elapsed(), Duration::from_secs(6));
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_and_their_bodies() {
    for (what, answer) in [
        (
            "502",
            refusal(
                502,
                "internal_server_error",
                "InternalServerErrorException",
                "the service cannot answer",
            ),
        ),
        (
            "429",
            refusal(
                429,
                "reach_limit",
                "ReachLimitException",
                "This request has reached api limit",
            ),
        ),
        (
            "429=resource_limited",
            refusal(
                429,
                "resource_limited",
                "ResourceLimitedException",
                "resource limited",
            ),
        ),
        (
            "403=exceed_limit",
            refusal(403, "exceed_limit", "ExceedLimitException", "exceed limit"),
        ),
        (
            r#"500={"timestamp":1600000000000}"#,
            (500, json!({"timestamp": 0})),
        ),
    ] {
        for (phase, effect) in [("before", false), ("after", true)] {
            let emulator = with(&[&format!("add_one@1:{what}:{phase}")]);
            assert_eq!(send(&emulator, &add("dave"), "").await, answer);
            assert_eq!(is_in(&emulator, "dave"), effect, "{what} {phase}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_not_what_they_should_be() {
    let emulator = with(&["any@1:html", "any@2:truncated", "any@3:oversized"]);
    let page = raw(&emulator, "secret", &list()).await;
    assert_eq!(
        (page.status().as_u16(), &page.headers()["content-type"]),
        (502, &"text/html".parse().unwrap())
    );
    let body = |answer: Response| to_bytes(answer.into_body(), usize::MAX);

    let half = body(raw(&emulator, "secret", &add("dave")).await).await.unwrap();
    assert!(half.starts_with(b"{") && serde_json::from_slice::<Value>(&half).is_err());
    assert!(is_in(&emulator, "dave"), "truncated after the effect");

    let large = body(raw(&emulator, "secret", &list()).await).await.unwrap();
    assert!(large.len() > 32 << 20);
    assert_eq!(names(&serde_json::from_slice(&large).unwrap()).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn reads_of_what_was() {
    let emulator = with(&[
        "list_members@2:stale=1",
        "list_members@3:stale=2",
        "list_members@4:stale=9",
    ]);
    let listed = async || names(&send(&emulator, &list(), "").await.1).len();
    assert_eq!(listed().await, 3);
    send(&emulator, &add("dave"), "").await;
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/carol"), "").await;
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/carol"), "").await;
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/bob"), "").await;
    assert_eq!(
        [listed().await, listed().await, listed().await, listed().await],
        [3, 4, 3, 2]
    );

    // People who come together are one change.
    emulator.add_fault(Fault::parse("list_members:stale=1").unwrap());
    let room = RoomId::parse(ROOM).unwrap();
    assert_eq!(emulator.join(&room, &["bob".into(), "carol".into()]).len(), 2);
    assert_eq!(listed().await, 2);
    emulator.clear_faults();
    assert_eq!(listed().await, 4);
}

#[tokio::test(start_paused = true)]
async fn people_come_and_go_between_two_pages() {
    let emulator = with(&[
        "list_members@2:join=zoe+yan",
        "list_members@2:leave=alice:after",
        "list_members@3:leave=alice",
    ]);
    let page = async |n: u32| {
        let (_, rows) = send(&emulator, &format!("{}?pagesize=2&pagenum={n}", list()), "").await;
        names(&rows).join(" ")
    };
    assert_eq!(page(1).await, "alice bob");
    assert_eq!(page(2).await, "carol zoe");
    // Now everybody has moved up, and one is skipped.
    assert_eq!(page(2).await, "zoe yan");
}

#[tokio::test(start_paused = true)]
async fn tokens_expire() {
    let emulator = with(&["any@2:expired=2", "any@6:expired"]);
    emulator.edit(|state| state.tokens = Some(["secret".into(), "fresh".into()].into()));
    let mut statuses = Vec::new();
    for token in [
        "secret", "secret", "fresh", "secret", "secret", "secret", "secret", "fresh",
    ] {
        statuses.push(raw(&emulator, token, &list()).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 401, 200, 401, 200, 401, 401, 200]);
    emulator.clear_faults();
    assert_eq!(raw(&emulator, "secret", &list()).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn another_program_takes_part_of_the_budget() {
    let emulator = with(&["list_members:budget=97"]);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(send(&emulator, &list(), "").await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(
        send(&emulator, &format!("GET /chatrooms/{ROOM}/admin"), "")
            .await
            .0,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn latency_and_jitter() {
    let environment = Environment {
        latency: Duration::from_millis(50),
        jitter: Duration::from_millis(20),
        ..Environment::default()
    };
    let times = async || {
        let emulator =
            Emulator::in_environment(State::parse(STATE).unwrap(), Options::default(), environment);
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            send(&emulator, &list(), "").await;
            times.push(start.elapsed().as_millis());
        }
        times
    };
    let taken = times().await;
    assert!(taken.iter().all(|time| (30..=72).contains(time)), "{taken:?}");
    assert!(
        taken.iter().max().unwrap() - taken.iter().min().unwrap() > 15,
        "{taken:?}"
    );
    assert_eq!(times().await, taken);
}

#[tokio::test(start_paused = true)]
async fn room_detail_that_does_not_show_everyone() {
    let emulator = with(&[
        "room_detail@2:rows=2",
        "room_detail@3:rows=0",
        "any@4:rows=9",
        "any@5:rows=1",
    ]);
    let people = async || {
        let (_, answer) = send(&emulator, &format!("GET /chatrooms/{ROOM}"), "").await;
        let detail = &answer["data"][0];
        assert_eq!(detail["affiliations_count"], 3);
        detail
            .get("affiliations")
            .map(|rows| rows.as_array().unwrap().len())
    };
    assert_eq!(
        [people().await, people().await, people().await, people().await],
        [Some(3), Some(2), None, Some(3)]
    );
    assert_eq!(
        names(&send(&emulator, &list(), "").await.1).len(),
        3,
        "a list is a list"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_dealt_with_half_way() {
    let environment = Environment {
        latency: Duration::from_millis(50),
        ..Environment::default()
    };
    let emulator = Emulator::in_environment(State::parse(STATE).unwrap(), Options::default(), environment);
    send(&emulator, &list(), "").await;
    send(&emulator, &list(), "").await;
    let at: Vec<u64> = emulator.journal().calls.iter().map(|call| call.at_ms).collect();
    assert_eq!(at, [25, 75]);
}
