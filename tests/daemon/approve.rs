//! `roomsync approve`, against a daemon that runs.

use super::place::{Place, wanting};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;

const ADMIN: &str = "the-admins-own-token";

/// A place whose files want two of the four who are there.
fn place() -> Place {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    place.write("admin", &format!("{ADMIN}\n"));
    place.settings(&format!(
        "listen: 127.0.0.1:{port}\nadmin_token_file: admin\naudit_log: audit.jsonl\n\
         guards: {{max_removals: 0, removal_budget: off}}"
    ));
    place
}

fn run(place: &Place, args: &[&str]) -> (Option<i32>, String, String) {
    let output = place.run(args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(ADMIN) && !err.contains(ADMIN), "{out}{err}");
    (output.status.code(), out, err)
}

#[test]
fn what_a_guard_keeps_back_is_let_through_once() {
    let place = place();
    let (code, _, err) = run(&place, &["approve", "--yes", "1"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("no daemon answers"), "{err}");
    place.replace("rooms/all.yaml", &wanting("a, b"));
    let daemon = place.ready();
    daemon.until("blocked", |daemon| {
        daemon.status()["rooms"][0]["state"] == "blocked"
    });
    let room = daemon.status()["rooms"][0]["id"].as_str().unwrap().to_owned();
    for (args, code, words) in [
        (&["approve", &room][..], 64, "pass --yes"),
        (&["approve", "--yes", "99"], 64, "ROOM 99: no such room"),
        (&["approve", "--yes", "lob*"], 64, "patterns cannot stand here"),
        (&["approve", "--yes"], 64, "<ROOM>"),
    ] {
        let (got, out, err) = run(&place, args);
        assert_eq!((got, out.as_str()), (Some(code), ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    let settings = fs::read_to_string(place.path("roomsync.yaml")).unwrap();
    place.write("other.yaml", &settings.replace("acme#demo", "acme#other"));
    let (code, _, err) = run(&place, &["-c", "other.yaml", "approve", "--yes", &room]);
    assert_eq!(code, Some(1));
    assert!(err.contains("for the app acme#demo"), "{err}");
    place.write("wrong", "another\n");
    place.write(
        "other.yaml",
        &settings.replace("token_file: admin", "token_file: wrong"),
    );
    let (code, _, err) = run(&place, &["-c", "other.yaml", "approve", "--yes", &room]);
    assert_eq!(code, Some(1));
    assert!(err.contains("does not take this admin token"), "{err}");
    assert_eq!(place.writes(), 0);

    let (code, out, err) = run(&place, &["approve", &room, "--yes", "--as", "al\u{1b}ice"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        out.contains("  kept back: max_removals allows 0 of 4, 2 are wanted\n"),
        "{out}"
    );
    assert!(out.contains("  remove 2: c, d\n"), "{out}");
    assert!(out.contains(": 2 removals, each once, until "), "{out}");
    daemon.until("gone", |_| !place.has("c") && !place.has("d"));
    daemon.until("in order", |daemon| {
        daemon.status()["rooms"][0]["state"] == "in_sync"
    });
    let (code, out, _) = run(&place, &["approve", &room, "--yes"]);
    assert_eq!(code, Some(3));
    assert!(out.ends_with("nothing is kept back\n"), "{out}");
    let audit = fs::read_to_string(place.path("audit.jsonl")).unwrap();
    let lines: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let line = lines.iter().find(|line| line["event"] == "approved").unwrap();
    assert_eq!(line["by"], "al\\u{1b}ice");
    assert_eq!(line["remove"], serde_json::json!(["c", "d"]));
    assert!(daemon.log().contains("\"code\":\"approval_given\""));
}
