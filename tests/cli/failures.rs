//! Whatever fails, and wherever: never exit code 0 while anything wanted is not done.

use super::service::{Service, answer};
use super::site::Site;
use axum::body::Body;
use axum::response::Response;
use http::Method;
use http::request::Parts;
use roomsync::model::RoomId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Everything is wanted that there is: an add, a promotion, a demotion, a removal of one and of two people.
const LIVE: &str = r#"
app_key: "acme#demo"
tokens: [t0k3n-t0-g3t-1n]
rooms:
  "66213271109633": {owner: alice, admins: [eve], members: [bob, dan, mia], maxusers: 200}
  "77": {owner: alice, admins: [], members: [ann, bob, dan, eve, mia]}
"#;
const WANTED: &str = r#"defaults: {guards: {max_removals: 100%, max_demotions: 100%}}
rooms:
  - {id: 66213271109633, admins: [mia], members: [bob, carol, dan]}
  - {id: 77, members: [ann, bob, mia]}
"#;
/// The room's people when all is done.
const DONE: &str = "alice bob carol dan mia*";

type Which = fn(&Parts) -> bool;

/// The calls of an apply, each kind by itself.
const CALLS: [(&str, Which); 8] = [
    ("room detail", |head| {
        head.method == Method::GET && head.uri.path().split('/').rev().nth(1) == Some("chatrooms")
    }),
    ("members", |head| {
        head.method == Method::GET && head.uri.path().ends_with("/users")
    }),
    ("admins", |head| {
        head.method == Method::GET && head.uri.path().ends_with("/admin")
    }),
    ("add", |head| {
        head.method == Method::POST && head.uri.path().ends_with("/users")
    }),
    ("promote", |head| {
        head.method == Method::POST && head.uri.path().ends_with("/admin")
    }),
    ("demote", |head| {
        head.method == Method::DELETE && head.uri.path().contains("/admin/")
    }),
    ("remove one", |head| of(head, &Method::DELETE, "/users/eve")),
    ("remove many", |head| {
        of(head, &Method::DELETE, "/users/dan%2Ceve")
    }),
];

fn of(head: &Parts, method: &Method, end: &str) -> bool {
    head.method == *method && head.uri.path().ends_with(end)
}

/// Bodies that can come in an answer's place.
fn failures() -> Vec<(&'static str, Response)> {
    let error = |status, error: &str| {
        let body = format!(
            r#"{{"error": "{error}", "exception": "X", "timestamp": 1, "duration": 0, "error_description": "no"}}"#
        );
        answer(status, body)
    };
    vec![
        ("400", error(400, "illegal_argument")),
        ("401", error(401, "unauthorized")),
        ("403", error(403, "forbidden_op")),
        ("404", error(404, "resource_not_found")),
        ("quota", error(429, "resource_limited")),
        ("500", error(500, "internal")),
        ("html", answer(200, "<html>")),
        ("nothing", Response::new(Body::empty())),
        ("no data", answer(200, "{}")),
    ]
}

fn site(service: &Service) -> Site {
    let guards = "rooms: rooms/\nguards: {max_removals_total: 100%}\n";
    Site::of(service)
        .with_rooms(WANTED)
        .with_settings("rooms: rooms/\n", guards)
}

#[test]
fn a_failure_is_never_0() {
    // Most of the time a run waits to try again.
    std::thread::scope(|scope| {
        for (name, which) in CALLS {
            scope.spawn(move || (0..failures().len()).for_each(|number| fails(name, which, number)));
        }
    });
}

/// Every call of this kind gets this failure for an answer: the exit code is 0 only where everything is done all the same.
fn fails(name: &str, which: Which, number: usize) {
    let struck = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&struck);
    let service = Service::hooked(LIVE, move |head, _| {
        which(head).then(|| {
            counter.fetch_add(1, Ordering::Relaxed);
            failures().swap_remove(number).1
        })
    });
    let service = if name == "members" {
        service.by_pages()
    } else {
        service
    };
    let run = site(&service).run(&["apply", "--yes"]);
    let what = format!(
        "{name}, answered with {}: {run:?}",
        failures().swap_remove(number).0
    );
    assert!(struck.load(Ordering::Relaxed) > 0, "no call of this kind: {what}");
    let state = service.emulator.state();
    let other = &state.rooms[&RoomId::parse("77").unwrap()];
    let done = service.people() == DONE && other.members().len() == 4;
    assert_eq!(run.code == 0, done, "{what}");
    assert!([0, 1, 4].contains(&run.code), "{what}");
}

#[test]
fn without_a_failure_it_is_0() {
    let service = Service::start(LIVE);
    site(&service).run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(service.people(), DONE);
}

#[test]
fn a_quota_that_is_used_up_ends_the_run_with_1_and_says_what_to_do() {
    let quota = || {
        answer(
            429,
            r#"{"error": "resource_limited", "error_description": "MAU"}"#,
        )
    };
    let advice =
        "the pricing plan's quota is used up: MAU; raise the plan, or wait until the quota is renewed";
    let commands: [&[&str]; 5] = [
        &["plan"],
        &["apply", "--yes"],
        &["run", "--once"],
        &["export", "--all"],
        &["explain", "bob", "77"],
    ];
    for (writes, commands) in [(false, commands.as_slice()), (true, &commands[1..3])] {
        for command in commands {
            let service = Service::hooked(LIVE, move |head, _| {
                ((head.method != Method::GET) == writes).then(quota)
            });
            let run = site(&service).run(command).ends_with(1);
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(said.contains(advice), "{command:?}: {said}");
            // The two rooms go side by side: both may be on their way before the first answer.
            assert!(service.writes().len() <= 2, "{:?}", service.writes());
        }
    }
}
