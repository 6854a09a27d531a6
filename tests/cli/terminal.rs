//! What the service and the files say does nothing to a terminal, and forges no line of the log.

use super::running::said_by_daemon;
use super::service::{ROOM, STATE, Service, answer};
use super::site::{Run, Site};
use serde_json::json;
use std::fs;

/// Clears the screen, begins a line like one of the log, turns the text around, and shows nothing.
const HARM: &str = "lobby of \u{1b}[2J\u{1b}]0;x\u{7}\u{9b}2J\r\n2026-01-01T00:00:00.000000Z  INFO forged\n{\"timestamp\":\"2026-01-01\"}\n\u{202a}\u{202b}\u{202c}\
                    \u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}\u{200b}\u{85}\u{90}\u{2028}\u{2029}";

/// The same without what no label of a room can have.
const HARM_ON_A_LINE: &str =
    "lobby of \u{202a}\u{202e}x\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\u{200b}\u{2028}";

#[track_caller]
fn shows_no_harm(run: &Run) {
    is_harmless(&run.stdout);
    is_harmless(&run.stderr);
}

#[track_caller]
fn is_harmless(text: &str) {
    let harmful = |c: char| (c.is_control() && c != '\n') || (HARM.contains(c) && !c.is_ascii());
    assert!(!text.contains(harmful), "{text:?}");
    let forged =
        |line: &str| line.starts_with("2026-01-01") || line.starts_with("{\"timestamp\":\"2026-01-01\"");
    assert!(!text.lines().any(forged), "{text}");
}

/// Every command that shows what the service says, in each of its formats.
const COMMANDS: &[&[&str]] = &[
    &["plan"],
    &["plan", "--format", "json"],
    &["plan", "--format", "markdown"],
    &["plan", "--base", "rooms"],
    &["apply", "--yes"],
    &["apply", "--yes", "--format", "json"],
    &["run", "--once"],
    &["run", "--once", "--dry-run"],
    &["export", "--room", ROOM],
    &["export", "--all"],
    &["export", "--all", "--mode", "authoritative", "--with-offline"],
    &["export", "--all", "--out", "out.yaml"],
    &["explain", "bob", ROOM],
    &["explain", "bob"],
    &["explain", "carol"],
];

/// Runs all of them, and daemons: neither what they say nor what they write does any harm.
#[track_caller]
fn nothing_does_harm(site: &Site) {
    // Not each with each, or it would take minutes.
    let log_formats = ["text", "json"].into_iter().cycle();
    for (args, log_format) in COMMANDS.iter().zip(log_formats) {
        let _ = fs::remove_file(site.path("out.yaml"));
        let mut command = site.command(args);
        command.args(["--log-format", log_format, "-vv", "--color", "never"]);
        shows_no_harm(&Run::of(&mut command));
        is_harmless(&fs::read_to_string(site.path("out.yaml")).unwrap_or_default());
    }
    for log_format in ["text", "json"] {
        let mut command = site.command(&["run", "--log-format", log_format, "-vv", "--color", "never"]);
        is_harmless(&said_by_daemon(&mut command).replace('\r', ""));
        is_harmless(&fs::read_to_string(site.path("audit.jsonl")).unwrap_or_default());
    }
}

fn site_of(service: &Service) -> Site {
    Site::of(service).with_settings("sync:", "listen: 127.0.0.1:0\naudit_log: audit.jsonl\nsync:")
}

fn refusal(status: u16) -> axum::response::Response {
    let said =
        json!({"error": HARM, "error_description": format!("no: {HARM}"), "exception": HARM, "action": HARM});
    answer(status, said.to_string())
}

#[test]
fn refusals_of_everything() {
    for status in [400, 401, 500] {
        let service = Service::answering(move || refusal(status));
        nothing_does_harm(&site_of(&service));
    }
}

#[test]
fn refusals_of_changes() {
    for status in [400, 403, 404] {
        let service = Service::hooked(STATE, move |head, _| {
            (head.method != "GET").then(|| refusal(status))
        });
        nothing_does_harm(&site_of(&service));
        assert!(!service.writes().is_empty());
    }
}

#[test]
fn refusals_of_single_people() {
    let service = Service::hooked(STATE, |head, _| {
        let result = json!({"result": false, "action": HARM, "reason": format!("user: carol {HARM}"), "user": "carol", "id": ROOM});
        (head.method != "GET").then(|| answer(200, json!({"data": [result], "error": HARM}).to_string()))
    });
    nothing_does_harm(&site_of(&service));
    assert!(!service.writes().is_empty());
}

#[test]
fn refusals_of_a_token() {
    for status in [401, 429] {
        let service = Service::answering(move || refusal(status));
        let site =
            site_of(&service).with_settings("token_file: token", "client_id: x, client_secret_file: token");
        nothing_does_harm(&site);
    }
}

#[test]
fn names_and_descriptions_of_rooms() {
    // What is on a line of its own can be the label of a room in a file.
    for harm in [HARM, HARM_ON_A_LINE] {
        let escaped = |c: char| match c {
            ' '..='~' if c != '"' => c.to_string(),
            _ => format!("\\u{:04x}", u32::from(c)),
        };
        let harm: String = harm.chars().map(escaped).collect();
        let texts = format!(r#"owner: alice, name: "{harm}", description: "{harm}", custom: "{harm}""#);
        let service = Service::start(&STATE.replace("owner: alice", &texts));
        nothing_does_harm(&site_of(&service));
        let exported = site_of(&service).run(&["export", "--all"]).ends_with(0).stdout;
        assert!(exported.contains("lobby of"), "{exported}");
    }
}

/// Names that the service would never take, as people, admins and the owner of a room, in each call that reads.
#[test]
fn names_of_people() {
    for owner in ["alice", HARM] {
        let service = Service::hooked(STATE, move |head, _| {
            let path = head.uri.path();
            let people = json!([{"owner": owner}, {"member": "bob"}, {"member": HARM}, {"member": format!("dan{HARM}")}]);
            let data = match path.rsplit('/').next() {
                Some("admin") => json!([HARM, "bob"]),
                Some("users") => people,
                Some("chatrooms") => {
                    json!([{"id": ROOM, "name": HARM, "owner": owner, "affiliations_count": 4}])
                }
                _ => json!([{"id": ROOM, "name": HARM, "description": HARM, "owner": owner, "maxusers": 200,
                             "affiliations_count": 4, "affiliations": people, "custom": HARM}]),
            };
            (head.method == "GET").then(|| answer(200, json!({"data": data, "count": 4}).to_string()))
        });
        nothing_does_harm(&site_of(&service));
        assert!(service.calls().iter().any(|call| call.starts_with("GET")));
    }
}

/// An answer that is none of the service's.
#[test]
fn pages_of_somebody_else() {
    for body in [
        HARM.to_owned(),
        format!("<html>{HARM}"),
        format!("{{\"data\": \"{HARM}\"}}"),
        json!({"data": HARM}).to_string(),
    ] {
        let service = Service::answering(move || {
            let mut answer = answer(200, body.clone());
            answer
                .headers_mut()
                .insert("content-type", "text/html".parse().unwrap());
            answer
        });
        nothing_does_harm(&site_of(&service));
    }
}

#[test]
fn values_of_the_settings() {
    let harm = serde_json::to_string(HARM).unwrap();
    let quoted = |before: &str| format!("\"{before}{}", &harm[1..]);
    for mistake in [
        format!("listen: {}", quoted("localhost:")),
        format!("listen: {}", quoted("")),
        format!("{}: 1", quoted("listn")),
        format!("sync: {{interval: {}}}", quoted("5")),
        format!("limits: {{{}: 1}}", quoted("x")),
        format!("rooms: {}", quoted("rooms")),
    ] {
        let site = Site::at("http://127.0.0.1:1").with_settings("sync:", &format!("{mistake}\n#"));
        for args in [&["validate"][..], &["validate", "--format", "json"], &["plan"]] {
            shows_no_harm(&site.run(args).ends_with(5));
        }
    }
    for url in ["chat.example", "https://chat.example/", "http://chat.example"] {
        let site = Site::at("http://127.0.0.1:1").with_settings("http://127.0.0.1:1", &quoted(url));
        shows_no_harm(&site.run(&["validate"]).ends_with(5));
        let site = Site::at("http://127.0.0.1:1");
        let mut command = site.command(&["plan"]);
        command.env("ROOMSYNC_URL", format!("{url}{HARM}"));
        shows_no_harm(&Run::of(&mut command).ends_with(5));
    }
}
