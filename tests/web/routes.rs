//! Every route, header and status.

use super::fixture::{Fixture, line, status};
use super::scenes;
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use roomsync::chat::Secret;
use roomsync::status::RoomState;
use roomsync::web::{FollowedSecrets, Options};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt as _;

const PAGE: Options = Options {
    page: true,
    allowed_hosts: Vec::new(),
    status_token: None,
    admin_token: None,
};
const SHOWN: [&str; 8] = [
    "/",
    "/app.css",
    "/app.js",
    "/icon.svg",
    "/api/status",
    "/api/rooms",
    "/api/rooms/66213271109633",
    "/api/rooms/1",
];

fn token(text: &str) -> Arc<FollowedSecrets> {
    Arc::new(FollowedSecrets::new(vec![Secret::fixed(text.to_owned().into())]))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn ask(router: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:9464");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn get(router: &Router, path: &str) -> Answer {
    ask(router, Method::GET, path, &[]).await
}

#[tokio::test]
async fn probes_say_what_is_missing() {
    let fixture = scenes::well();
    let page = Options {
        page: true,
        ..Options::default()
    };
    let router = fixture.router(page);
    for path in ["/livez", "/readyz"] {
        let answer = get(&router, path).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "ok\n"));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    fixture.set(|said| {
        said.alive = Err("the loop has not moved since 02:41:07".to_owned());
        said.ready = Err(vec![
            "rooms/team.yaml:14:5: unknown key".to_owned(),
            "3 of 12 rooms were looked at".to_owned(),
        ]);
    });
    let answer = get(&router, "/livez").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, "the loop has not moved since 02:41:07\n");
    let answer = get(&router, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        "rooms/team.yaml:14:5: unknown key\n3 of 12 rooms were looked at\n"
    );
    // Where the page is not served, the probe names nobody's files and people either.
    let router = fixture.router(Options::default());
    let answer = get(&router, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with("not ready: "), "{}", answer.body);
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let router = scenes::well().router(PAGE);
    let others = [
        "/livez",
        "/readyz",
        "/metrics",
        "/nowhere",
        "/-/reconcile",
        "/api/",
    ];
    for path in SHOWN.iter().chain(&others) {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
            let answer = ask(&router, method, path, &[]).await;
            let policy = answer.header("content-security-policy");
            for part in [
                "default-src 'none'; script-src 'self'; style-src 'self';",
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            ] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-resource-policy", "same-origin"),
                ("access-control-allow-origin", ""),
            ] {
                assert_eq!(answer.header(name), value, "{path} {name}");
            }
            let kept = ["/", "/app.css", "/app.js", "/icon.svg"].contains(path) && answer.status == 200;
            let cache = if kept { "no-cache" } else { "no-store" };
            assert_eq!(answer.header("cache-control"), cache, "{path}");
        }
    }
}

#[tokio::test]
async fn the_page_is_built_in() {
    let router = scenes::well().router(PAGE);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), kind);
        for outside in ["https://", "//cdn", "innerHTML", "eval(", "style="] {
            assert!(!answer.body.contains(outside), "{path}: {outside}");
        }
        let tag = answer.header("etag").to_owned();
        let again = ask(&router, Method::GET, path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""));
    }
    assert!(get(&router, "/").await.body.contains("<noscript>"));
}

#[tokio::test]
async fn without_status_page_nobody_is_named() {
    let router = scenes::well().router(Options::default());
    for path in SHOWN {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("`status_page: true`"), "{}", answer.body);
    }
    assert_eq!(get(&router, "/metrics").await.status, 200);
}

#[tokio::test]
async fn a_page_elsewhere_cannot_read_this_one() {
    let fixture = scenes::well();
    let local = fixture.router(PAGE);
    let named = fixture.router(Options {
        allowed_hosts: vec!["roomsync.example".to_owned()],
        ..PAGE
    });
    let good = [
        "127.0.0.1",
        "127.0.0.1:9464",
        "[::1]:9464",
        "LocalHost:80",
        "10.0.0.7:9464",
    ];
    let bad = [
        "evil.example",
        "evil.example:9464",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0x7f.1",
        "",
        "[::1",
        "localhost:80:80",
        "a b",
    ];
    for path in SHOWN {
        for host in good {
            let answer = ask(&local, Method::GET, path, &[("host", host)]).await;
            assert_ne!(answer.status, 421, "{host}");
        }
        for host in bad {
            let answer = ask(&local, Method::GET, path, &[("host", host)]).await;
            assert_eq!(answer.status, 421, "{host}");
            assert!(answer.body.contains("Host: localhost"), "{}", answer.body);
            let answer = ask(&named, Method::GET, path, &[("host", host)]).await;
            assert_eq!(answer.status, 421, "{host}");
        }
        for (router, refused) in [(&local, true), (&named, false)] {
            let answer = ask(router, Method::GET, path, &[("host", "RoomSync.Example:443")]).await;
            assert_eq!(answer.status == 421, refused, "{path}");
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(ask(&local, Method::GET, path, &two).await.status, 421);
        let whole = format!("http://evil.example{path}");
        assert_eq!(get(&local, &whole).await.status, 421);
    }
    for path in ["/livez", "/metrics"] {
        let answer = ask(&local, Method::GET, path, &[("host", "roomsync.svc")]).await;
        assert_eq!(answer.status, 200, "probes and scrapers come by name");
    }
    let other = [("host", "evil.example")];
    let answer = ask(&local, Method::POST, "/-/reconcile", &other).await;
    assert_eq!(answer.status, 421);
    // The probe says that it is not ready, and not in which file.
    fixture.set(|said| said.ready = Err(vec!["rooms/team.yaml:14:5: unknown key".to_owned()]));
    let answer = ask(&local, Method::GET, "/readyz", &other).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with("not ready: "), "{}", answer.body);
    assert!(get(&local, "/readyz").await.body.contains("team.yaml"));
}

#[tokio::test]
async fn with_a_status_token_the_page_is_for_those_who_have_it() {
    let fixture = scenes::well();
    fixture.set(|said| said.ready = Err(vec!["rooms/team.yaml:14:5: unknown key".to_owned()]));
    let router = fixture.router(Options {
        status_token: Some(token("s33-me")),
        admin_token: Some(token("s3cret")),
        ..PAGE
    });
    // `any:s33-me`, `s33-me:` and `any:s33-m`.
    let (right, password_first, short) = (
        "Basic YW55OnMzMy1tZQ==",
        "Basic czMzLW1lOg==",
        "Basic YW55OnMzMy1t",
    );
    for path in SHOWN {
        for wrong in [
            "",
            "Bearer s3cret",
            "Bearer s33-m",
            "Bearer",
            password_first,
            short,
            "Basic *",
        ] {
            let answer = ask(&router, Method::GET, path, &[("authorization", wrong)]).await;
            assert_eq!(answer.status, 401, "{path} {wrong}");
            assert!(
                answer.header("www-authenticate").starts_with("Basic realm="),
                "a browser asks"
            );
            assert!(!answer.body.contains("lobby"), "{}", answer.body);
        }
        for given in [right, "bearer s33-me"] {
            let answer = ask(&router, Method::GET, path, &[("authorization", given)]).await;
            assert!([200, 404].contains(&answer.status.as_u16()), "{path} {given}");
        }
    }
    for path in ["/livez", "/metrics"] {
        assert_eq!(get(&router, path).await.status, 200, "{path}");
    }
    assert!(get(&router, "/readyz").await.body.starts_with("not ready: "));
    let seen = ask(&router, Method::GET, "/readyz", &[("authorization", right)]).await;
    assert!(seen.body.contains("team.yaml"), "{}", seen.body);
    // It gives no orders.
    let order = ask(
        &router,
        Method::POST,
        "/-/reconcile",
        &[("authorization", "Bearer s33-me")],
    )
    .await;
    assert_eq!(order.status, 401);
}

#[tokio::test]
async fn the_status_is_told_once() {
    let fixture = scenes::trouble();
    let router = fixture.router(PAGE);
    let first = get(&router, "/api/status").await;
    assert_eq!(first.header("content-type"), "application/json");
    let said = first.json();
    assert_eq!(said["rooms"].as_array().unwrap().len(), 12);
    assert_eq!(said["rooms"][1]["blocked"][0]["limit"], "25%");
    assert_eq!(said["files"]["problems"][0]["line"], 14);
    let tag = first.header("etag").to_owned();
    let second = get(&router, "/api/status").await;
    assert_eq!(second.header("etag"), tag, "only `now` differs");
    assert_ne!(second.json()["now"], said["now"]);
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let again = ask(&router, Method::GET, "/api/status", &[("if-none-match", &known)]).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), tag);
    }
    fixture.set(|said| said.status.rooms[0].state = RoomState::Failed);
    let changed = ask(&router, Method::GET, "/api/status", &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn the_rooms_of_a_large_fleet_come_by_pages() {
    let fixture = scenes::well();
    fixture.set(|said| said.most = 5);
    let router = fixture.router(PAGE);
    let status = get(&router, "/api/status").await.json();
    assert_eq!(
        (&status["rooms"], &status["rooms_by_pages"]),
        (&Value::Null, &Value::Bool(true))
    );
    let mut path = "/api/rooms".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = get(&router, &path).await.json();
        seen.extend(
            page["rooms"]
                .as_array()
                .unwrap()
                .iter()
                .map(|room| room["id"].clone()),
        );
        pages += 1;
        let Some(after) = page["after"].as_str() else {
            break;
        };
        path = format!("/api/rooms?after={after}");
    }
    assert_eq!((seen.len(), pages), (12, 3));
    let same = get(&router, "/api/rooms?since=1").await.json();
    assert_eq!(
        (&same["since"], &same["rooms"]),
        (&Value::from("1"), &Value::from(Vec::<Value>::new()))
    );
    for wrong in ["?after=x", "?after=", "?page=2"] {
        assert_eq!(
            get(&router, &format!("/api/rooms{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_room_is_told_whole() {
    let router = scenes::trouble().router(PAGE);
    let path = format!("/api/rooms/{}", scenes::number("support"));
    let answer = get(&router, &path).await;
    let room = answer.json();
    assert_eq!(room["name"], "support");
    assert_eq!(room["state"], "blocked");
    assert_eq!(room["diff"][0], "-guest.00");
    let tag = answer.header("etag");
    let again = ask(&router, Method::GET, &path, &[("if-none-match", tag)]).await;
    assert_eq!(again.status, 304);
    for unknown in [
        "/api/rooms/1",
        "/api/rooms/..",
        "/api/rooms/01",
        "/api/rooms/%00",
        "/api/rooms/%3Cscript%3E",
    ] {
        let answer = get(&router, unknown).await;
        assert_eq!(answer.status, 404, "{unknown}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["error"]["code"], "not_managed");
    }
}

#[tokio::test]
async fn a_pass_is_for_admins() {
    let fixture: Arc<Fixture> = scenes::well();
    let router = fixture.router(Options {
        admin_token: Some(token("s3cret")),
        ..PAGE
    });
    let path = "/-/reconcile";
    let basic = [
        "Bearer",
        "Bearer ",
        "Bearer s3cre",
        "Bearer s3crets",
        "Bearer S3CRET",
        "Bearer  s3cret",
        "Basic s3cret",
        "s3cret",
    ];
    for wrong in basic {
        let answer = ask(&router, Method::POST, path, &[("authorization", wrong)]).await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"roomsync\"");
    }
    assert_eq!(ask(&router, Method::POST, path, &[]).await.status, 401);
    assert_eq!(get(&router, path).await.header("allow"), "POST");
    assert!(fixture.orders().is_empty());
    for right in ["Bearer s3cret", "bearer s3cret"] {
        let answer = ask(&router, Method::POST, path, &[("authorization", right)]).await;
        assert_eq!(answer.status, 202);
    }
    assert_eq!(fixture.orders(), ["check by None"; 2]);

    let router = fixture.router(Options {
        admin_token: None,
        ..PAGE
    });
    for given in ["", "Bearer ", "Bearer s3cret"] {
        let answer = ask(&router, Method::POST, path, &[("authorization", given)]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.body.contains("ROOMSYNC_ADMIN_TOKEN"), "{}", answer.body);
    }
    assert_eq!(fixture.orders(), ["check by None"; 2]);
}

#[tokio::test]
async fn an_order_says_whose_daemon_is_meant_and_nothing_that_is_none_is_taken() {
    let fixture: Arc<Fixture> = scenes::well();
    let router = fixture.router(Options {
        admin_token: Some(token("s3cret")),
        ..PAGE
    });
    let admin = ("authorization", "Bearer s3cret");
    let sent = async |path: &str, body: &str| {
        let request = Request::post(path)
            .header(admin.0, admin.1)
            .header("host", "localhost");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let long = format!(r#"{{"why": "{}"}}"#, "x".repeat(20_000));
    for (path, body, status, words) in [
        (
            "/-/pause",
            r#"{"app": "other#app"}"#,
            412,
            "for the app acme#demo",
        ),
        ("/-/resume", r#"{"app": "acme#DEMO"}"#, 412, "nothing was done"),
        ("/-/reconcile", r#"{"app": ""}"#, 412, "nothing was done"),
        ("/-/pause", "{", 400, "an order is JSON"),
        ("/-/pause", r#"{"second": 5}"#, 400, "an order is JSON"),
        ("/-/pause", r#"{"seconds": -5}"#, 400, "an order is JSON"),
        ("/-/pause", r#"{"seconds": 0}"#, 400, "1 s to 366 days"),
        ("/-/pause", r#"{"seconds": 31622401}"#, 400, "1 s to 366 days"),
        (
            "/-/pause",
            r#"{"seconds": 18446744073709551615}"#,
            400,
            "1 s to 366 days",
        ),
        ("/-/pause", &long, 400, "16 KiB"),
    ] {
        let (got, said) = sent(path, body).await;
        assert!(
            got == status && said.contains(words),
            "{path} {body}: {got} {said}"
        );
    }
    assert!(fixture.orders().is_empty(), "{:?}", fixture.orders());
    let order = r#"{"app": "acme#demo", "by": " alice\n", "why": "a\u001b[31m deploy", "seconds": 60}"#;
    assert_eq!(sent("/-/pause", order).await, (200, "paused\n".to_owned()));
    assert_eq!(
        sent("/-/pause", r#"{"why": "fail"}"#).await,
        (503, "no disk\n".to_owned())
    );
    assert_eq!(sent("/-/resume", "").await, (409, "still paused\n".to_owned()));
    assert_eq!(
        fixture.orders(),
        [
            r#"PauseOrder { by: Some("alice"), why: Some("a\\u{1b}[31m deploy"), length: Some(60s) }"#,
            r#"PauseOrder { by: None, why: Some("fail"), length: None }"#,
            "resume by None",
        ]
    );
    for path in ["/-/pause", "/-/resume"] {
        let answer = ask(&router, Method::POST, path, &[]).await;
        assert_eq!(answer.status, 401, "{path}");
        let elsewhere = [admin, ("host", "evil.example")];
        assert_eq!(
            ask(&router, Method::POST, path, &elsewhere).await.status,
            421,
            "{path}"
        );
    }
    assert_eq!(fixture.orders().len(), 3);
}

#[tokio::test]
async fn methods_and_paths_that_are_none() {
    let router = scenes::well().router(PAGE);
    for path in SHOWN.iter().chain(&["/livez", "/readyz", "/metrics"]) {
        let whole = get(&router, path).await;
        let head = ask(&router, Method::HEAD, path, &[]).await;
        assert_eq!((head.status, head.body.as_str()), (whole.status, ""), "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = ask(&router, method, path, &[]).await;
            assert_eq!(answer.status, 405, "{path}");
            assert_eq!(answer.body, format!("405: use GET for {path}\n"));
            assert_eq!(answer.header("allow"), "GET,HEAD");
        }
    }
    let answer = get(&router, "/-/reconcile").await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str()),
        (405, "405: use POST for /-/reconcile\n")
    );
    for path in ["/nowhere", "/api", "/api/rooms/", "/app.js/", "//", "/../etc"] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("/readyz"), "{}", answer.body);
    }
}

#[tokio::test]
async fn ten_thousand_rooms_are_told_in_time() {
    let rooms = (0..10_000).map(|n| line(&format!("{}", 70_000_000_000_000_u64 + n), "a room"));
    let router = Fixture::new(status(rooms.collect())).router(PAGE);
    let first = get(&router, "/api/status").await;
    assert!(first.body.len() < 4 << 20, "{} bytes", first.body.len());
    let begun = std::time::Instant::now();
    let known = [("if-none-match", first.header("etag"))];
    assert_eq!(ask(&router, Method::GET, "/api/status", &known).await.status, 304);
    println!("told again after {:?}", begun.elapsed());
}
