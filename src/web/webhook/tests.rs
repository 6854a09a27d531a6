use super::*;
use crate::clock::Clock;
use crate::web::Metrics;
use axum::body::to_bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

const START_MS: i64 = 1_700_000_000_000;

/// A receiver on virtual time.
struct Hook {
    router: Router,
    intake: Arc<Intake>,
    metrics: Arc<Metrics>,
    events: mpsc::Receiver<RoomEvent>,
    clock: Clock,
    folder: tempfile::TempDir,
    made: usize,
}

impl Hook {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, secret: &str| {
            let path = folder.path().join(name);
            fs::write(&path, secret).unwrap();
            crate::chat::Secret::file(path).unwrap()
        };
        let secrets = FollowedSecrets::new(vec![file("new", "n3w-secret"), file("old", "0ld-secret")]);
        let clock = Clock::from(Timestamp::from_millisecond(START_MS).unwrap());
        let metrics = Metrics::new("test", [], clock.now());
        let (intake, events) = Intake::new(clock.clone(), Arc::clone(&metrics));
        let options = WebhookOptions {
            path: "/hooks/agora".to_owned(),
            secrets,
            app_key: Some("acme#demo".to_owned()),
        };
        Self {
            router: webhook_router(options, Arc::clone(&intake)),
            intake,
            metrics,
            events,
            clock,
            folder,
            made: 0,
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// An event that somebody left room 7, signed at this time with this secret.
    fn signed(&mut self, secret: &str, time_ms: i64) -> Value {
        self.made += 1;
        let call_id = format!("acme#demo_{}", self.made);
        json!({
            "callId": call_id, "security": digest(&call_id, secret, time_ms), "timestamp": time_ms,
            "payload": {"member": ["bob"], "type": "KICK"}, "appkey": "acme#demo", "id": "7", "type": "CHATROOM",
            "event": "group_op_event", "operation": "LEAVE", "operator": "@ppAdmin",
        })
    }

    fn good(&mut self) -> Value {
        let now = self.now_ms();
        self.signed("n3w-secret", now)
    }

    async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> (u16, String) {
        let request = request.body(body.into()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn post(&self, body: impl ToString) -> u16 {
        let body = body.to_string();
        let request = request().header(CONTENT_LENGTH, body.len());
        self.send(request, body).await.0
    }

    /// Number of events that are taken in.
    fn taken(&mut self) -> usize {
        std::iter::from_fn(|| self.events.try_recv().ok()).count()
    }

    /// Results that were counted, without those that were not.
    fn counted(&self) -> Vec<String> {
        let text = self.metrics.encode(&crate::status::Gauges::default()).unwrap();
        let lines = text.lines().filter_map(|line| {
            let (result, count) = line
                .strip_prefix("roomsync_webhook_events_total{result=\"")?
                .split_once("\"} ")?;
            (count != "0").then(|| format!("{result} {count}"))
        });
        let mut counted: Vec<String> = lines.collect();
        counted.sort();
        counted
    }
}

fn request() -> http::request::Builder {
    Request::builder().method("POST").uri("/hooks/agora")
}

fn digest(call_id: &str, secret: &str, time_ms: i64) -> String {
    use md5::Digest as _;
    crate::model::hex(&md5::Md5::digest(format!("{call_id}{secret}{time_ms}")))
}

/// "MD5(callId + secret + timestamp)", as another program makes it.
#[tokio::test(start_paused = true)]
async fn the_digest_is_that_of_the_documents() {
    assert_eq!(
        digest("acme#demo_1", "secret", 1_600_060_847_294),
        "6baa83f679eb9c5fe25e2b1f977abe5c"
    );
}

#[tokio::test(start_paused = true)]
async fn a_signed_event_is_taken_once_with_either_secret_in_either_spelling() {
    let mut hook = Hook::new();
    let now = hook.now_ms();
    let first = hook.good();
    assert_eq!(hook.post(&first).await, 200);
    assert_eq!(hook.post(&first).await, 200, "the service need not try again");
    let old = hook.signed("0ld-secret", now);
    assert_eq!(hook.post(old).await, 200);
    let mut loud = hook.good();
    loud["security"] = loud["security"].as_str().unwrap().to_uppercase().into();
    loud["appkey"] = "Acme#Demo".into();
    assert_eq!(hook.post(loud).await, 200);
    // The time as text, an app that only the id names, and fields that nobody knows.
    let mut odd = hook.good();
    odd["timestamp"] = odd["timestamp"].to_string().into();
    odd["appkey"].take();
    odd.as_object_mut().unwrap().remove("appkey");
    odd["more"] = json!([{"a": 1}]);
    assert_eq!(hook.post(odd).await, 200);
    assert_eq!(hook.taken(), 4);
    assert_eq!(hook.counted(), ["repeated 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_or_not_of_now_or_of_another_app_does_nothing() {
    let mut hook = Hook::new();
    let now = hook.now_ms();
    let mut forged = Vec::new();
    forged.push(hook.signed("another-secret", now));
    forged.push(hook.signed("", now));
    let mut event = hook.good();
    event["timestamp"] = (now + 1).into();
    forged.push(event);
    let mut event = hook.good();
    event["callId"] = "acme#demo_other".into();
    forged.push(event);
    for (at, to) in [(0, "x"), (0, ""), (31, "z")] {
        let mut event = hook.good();
        let mut security = event["security"].as_str().unwrap().to_owned();
        security.replace_range(at..=at, to);
        event["security"] = security.into();
        forged.push(event);
    }
    for event in &forged {
        assert_eq!(hook.post(event).await, 401, "{event}");
    }
    // The service itself is not told to try again.
    for off in [300_001, -300_001, 86_400_000] {
        let event = hook.signed("n3w-secret", now + off);
        assert_eq!(hook.post(event).await, 200);
    }
    let mut other = hook.good();
    other["appkey"] = "acme#other".into();
    assert_eq!(hook.post(other).await, 200);
    let mut unnamed = hook.good();
    unnamed["callId"] = "other#app_1".into();
    unnamed["security"] = digest("other#app_1", "n3w-secret", now).into();
    unnamed.as_object_mut().unwrap().remove("appkey");
    assert_eq!(hook.post(unnamed).await, 200);
    for malformed in [
        "",
        "{}",
        "[]",
        "null",
        "{\"callId\": 7}",
        "\u{0}",
        "{\"callId\": \"a\", \"security\": \"b\", \"timestamp\": [], \"appkey\": \"c\"}",
        "{\"callId\": \"a\", \"callId\": \"b\", \"security\": \"b\", \"timestamp\": 1}",
    ] {
        assert_eq!(hook.post(malformed).await, 400, "{malformed}");
    }
    assert_eq!(hook.post("[".repeat(60_000)).await, 400);
    assert_eq!(hook.taken(), 0);
    assert_eq!(
        hook.counted(),
        ["forged 7", "malformed 9", "other_app 2", "stale 3"]
    );
    for off in [300_000, -300_000] {
        let event = hook.signed("n3w-secret", now + off);
        assert_eq!(hook.post(event).await, 200);
    }
    assert_eq!(hook.taken(), 2, "within five minutes");
}

#[tokio::test(start_paused = true)]
async fn other_paths_and_methods_are_refused() {
    let hook = Hook::new();
    let with = |method: &str, path: &str| Request::builder().method(method).uri(path);
    for path in [
        "/",
        "/hooks/agora/",
        "/hooks/Agora",
        "/hooks//agora",
        "/metrics",
        "/api/status",
    ] {
        assert_eq!(hook.send(with("POST", path), "{}").await.0, 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(
            hook.send(with(method, "/hooks/agora"), "").await.0,
            405,
            "{method}"
        );
    }
    assert_eq!(hook.counted(), [""; 0]);
}

/// A body of pieces, each of which comes after so long.
fn body(pieces: usize, bytes: usize, every: Duration) -> Body {
    let piece = move |sent: usize| async move {
        tokio::time::sleep(every).await;
        (sent < pieces).then(|| (Ok::<_, std::io::Error>(vec![b' '; bytes]), sent + 1))
    };
    Body::from_stream(futures_util::stream::unfold(0, piece))
}

#[tokio::test(start_paused = true)]
async fn bodies_are_bounded_in_size_and_time() {
    let mut hook = Hook::new();
    let length = |length: usize| request().header(CONTENT_LENGTH, length);
    // Not a byte of it is read.
    let never = || Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(hook.send(length(MAX_BODY_BYTES + 1), never()).await.0, 413);
    let endless = body(usize::MAX, 64 << 10, Duration::ZERO);
    assert_eq!(hook.send(request(), endless).await.0, 413);
    let begun = tokio::time::Instant::now();
    let slow = body(usize::MAX, 1, Duration::from_millis(100));
    assert_eq!(hook.send(length(1_000), slow).await.0, 408);
    assert_eq!(begun.elapsed(), BODY_TIMEOUT);
    // Large ones have few places.
    let held: Vec<_> = (0..LARGE_BODIES)
        .map(|_| {
            let router = hook.router.clone();
            let request = length(MAX_BODY_BYTES).body(never()).unwrap();
            tokio::spawn(async move { router.oneshot(request).await.unwrap().status() })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(hook.send(length(MAX_BODY_BYTES), never()).await.0, 503);
    let small = hook.good();
    assert_eq!(hook.post(small).await, 200);
    for held in held {
        assert_eq!(held.await.unwrap(), 408);
    }
    // The largest event that there can be.
    let mut full = hook.good();
    let names: Vec<String> = (0..10_000).map(|n| format!("{n:064}")).collect();
    full["payload"]["member"] = json!(names);
    assert_eq!(hook.post(full).await, 200);
    assert_eq!(hook.taken(), 2);
    assert_eq!(
        hook.counted(),
        ["lost 1".to_owned(), format!("malformed {}", 3 + LARGE_BODIES)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_does_not_move_loses_events_and_holds_nobody_up() {
    let mut hook = Hook::new();
    for _ in 0..5_000 {
        let event = hook.good();
        assert_eq!(hook.post(event).await, 200);
    }
    assert_eq!(hook.counted(), ["lost 904"]);
    assert_eq!(hook.taken(), 4_096);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_read_again_when_their_files_change() {
    let mut hook = Hook::new();
    let event = hook.good();
    assert_eq!(hook.post(event).await, 200);
    fs::write(hook.folder.path().join("old"), "n3w-secret").unwrap();
    fs::write(hook.folder.path().join("new"), "newer-secret").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = hook.now_ms();
    for (secret, status) in [("newer-secret", 200), ("n3w-secret", 200), ("0ld-secret", 401)] {
        let event = hook.signed(secret, now);
        assert_eq!(hook.post(event).await, status, "{secret}");
    }
    // While a file is being replaced, the secret stays.
    fs::remove_file(hook.folder.path().join("new")).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = hook.now_ms();
    let event = hook.signed("newer-secret", now);
    assert_eq!(hook.post(event).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_trouble_after_three_events_until_one_is_right() {
    let mut hook = Hook::new();
    let now = hook.now_ms();
    for seen in [false, false, true] {
        let event = hook.signed("wrong-secret", now);
        hook.post(event).await;
        hook.post("nonsense").await;
        assert_eq!(hook.intake.trouble().is_some(), seen);
    }
    let said = hook.intake.trouble().unwrap();
    assert!(
        said.message.contains("3 events") && said.message.contains("`webhook.secret_file`"),
        "{said:?}"
    );
    assert_eq!(said.since.as_millisecond(), now);
    let event = hook.good();
    hook.post(&event).await;
    assert_eq!(hook.intake.trouble(), None);
    let soon = hook.signed("wrong-secret", now);
    for _ in 0..3 {
        hook.post(&soon).await;
    }
    assert_eq!(hook.intake.trouble(), None, "one was taken a moment ago");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let now = hook.now_ms();
    for (secret, off, app, words) in [
        ("n3w-secret", 600_000, "acme#demo", "check the clock"),
        ("n3w-secret", 0, "acme#other", "`service.app_key`"),
    ] {
        for _ in 0..3 {
            let mut event = hook.signed(secret, now + off);
            event["appkey"] = app.into();
            hook.post(event).await;
        }
        let said = hook.intake.trouble().unwrap().message;
        assert!(said.contains(words), "{said}");
    }
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(hook.intake.trouble(), None, "forgotten after a day");
    let error = std::io::Error::other("too many open files");
    hook.intake.listens(Some(&error));
    assert!(
        hook.intake
            .trouble()
            .unwrap()
            .message
            .contains("too many open files")
    );
    hook.intake.listens(None);
    assert_eq!(hook.intake.trouble(), None);
}
