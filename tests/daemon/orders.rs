//! `roomsync status`, `check`, `pause` and `resume`, against a daemon that runs.

use super::place::{Daemon, Place, wanting};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::process::Output;

const ADMIN: &str = "the-admins-own-token";

/// Exit code, and what was printed as results and beside them.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(ADMIN) && !err.contains(ADMIN), "{out}{err}");
    (output.status.code(), out, err)
}

/// A place whose daemon listens on a port that the commands find in the settings.
fn place() -> (Place, u16) {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    place.write("admin", &format!("{ADMIN}\n"));
    place.settings(&format!("listen: 127.0.0.1:{port}\nadmin_token_file: admin"));
    (place, port)
}

fn run(place: &Place, args: &[&str]) -> (Option<i32>, String, String) {
    said(&place.run(args))
}

fn is_paused(daemon: &Daemon) -> bool {
    daemon.status()["withheld"]["code"] == "paused"
}

#[test]
fn somebody_pauses_checks_and_resumes() {
    let (place, _) = place();
    let daemon = place.ready();
    let well = |place: &Place| run(place, &["status"]).0 == Some(0);
    daemon.until("well", |_| well(&place));
    let (code, out, err) = run(&place, &["status"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.starts_with("All is well: 1 room as the files say\n1 room: 1 in sync\n"),
        "{out}"
    );
    assert!(out.contains("acme#demo at http://127.0.0.1:"), "{out}");
    let why = [
        "pause",
        "--for",
        "2h",
        "--why",
        "a \u{1b}[31mmove",
        "--as",
        "alice",
    ];
    let (code, out, err) = run(&place, &why);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("paused until 2"), "{out}");
    assert!(is_paused(&daemon));
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
    daemon.until("seen", |daemon| daemon.status()["rooms"][0]["add"] == 1);
    let (code, out, _) = run(&place, &["status"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(
        out.contains("  ! paused, so nothing is written: until 2"),
        "{out}"
    );
    assert!(out.contains(", by alice: \"a \\u{1b}[31mmove\""), "{out}");
    let before = daemon.status()["passes"]["last_begun"].clone();
    let (code, out, _) = run(&place, &["check"]);
    assert_eq!((code, out.as_str()), (Some(0), "checking all rooms now\n"));
    daemon.until("looked again", |daemon| {
        daemon.status()["passes"]["last_begun"] != before
    });
    drop(daemon);
    let daemon = place.ready();
    assert!(
        is_paused(&daemon) && place.writes() == 0,
        "it outlives the process"
    );
    let (code, out, err) = run(&place, &["resume"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "the pause is over: rooms are written\n", "")
    );
    daemon.until("written", |_| place.has("e"));
    for code in ["pause_asked", "resume_asked", "check_asked"] {
        let asked = daemon.log().contains(&format!("\"code\":\"{code}\""));
        assert_eq!(asked, code == "resume_asked", "{code}: the one before has ended");
    }
}

#[test]
fn status_as_json_is_that_of_the_api() {
    let (place, _) = place();
    let daemon = place.ready();
    let (code, out, _) = run(&place, &["status", "--format", "json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    let api = daemon.status();
    let keys = |json: &Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), keys(&api));
    assert_eq!(json["room_counts"]["states"], api["room_counts"]["states"]);
    assert!(json["headline"]["text"].is_string() && code.is_some(), "{out}");
}

#[test]
fn who_may_not_or_asks_another_one_is_refused_and_changes_nothing() {
    let (place, port) = place();
    let refused = |args: &[&str], code: i32, words: &str| {
        let (got, out, err) = run(&place, args);
        assert_eq!((got, out.as_str()), (Some(code), ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    };
    for command in ["status", "check", "pause", "resume"] {
        refused(&[command], 1, "no daemon answers");
    }
    let daemon = place.ready();
    let api = format!("listen: 127.0.0.1:{port}\n");
    place.write("wrong", "another-token\n");
    let settings = fs::read_to_string(place.path("roomsync.yaml")).unwrap();
    let elsewhere =
        |more: &str| place.write("other.yaml", &settings.replace("admin_token_file: admin", more));
    for command in ["check", "pause", "resume"] {
        let of = |words| refused(&["-c", "other.yaml", command], 1, words);
        elsewhere("");
        of("set ROOMSYNC_ADMIN_TOKEN");
        elsewhere("admin_token_file: wrong");
        of("does not take this admin token");
        elsewhere("admin_token_file: admin");
        let other = fs::read_to_string(place.path("other.yaml")).unwrap();
        place.write("other.yaml", &other.replace("acme#demo", "acme#other"));
        of("for the app acme#demo, and another one is meant");
        refused(
            &[command, "--url", "http://192.0.2.1:9464"],
            1,
            "plain http to another machine",
        );
        refused(
            &[command, "--url", "http://chat.example:9464"],
            1,
            "plain http to another machine",
        );
        refused(&[command, "--url", "ftp://127.0.0.1"], 1, "http://HOST:PORT");
        elsewhere("admin_token_file: nowhere");
        refused(&["-c", "other.yaml", command], 5, "admin_token_file");
    }
    let other = settings.replace("acme#demo", "acme#other");
    place.write("other.yaml", &other);
    refused(
        &["-c", "other.yaml", "status"],
        1,
        "for the app acme#demo, and these settings are for acme#other",
    );
    refused(&["status", "--url", &place.url], 1, "answers 404");
    place.write("off.yaml", &settings.replace(api.trim(), "listen: off"));
    refused(&["-c", "off.yaml", "status"], 1, "`listen` is off");
    place.write("bad.yaml", "nonsense: true\n");
    refused(&["-c", "bad.yaml", "pause"], 5, "nonsense");
    for length in [
        "0",
        "0s",
        "500ms",
        "2 hours",
        "9000h",
        "-1h",
        "99999999999999999999h",
    ] {
        refused(
            &["pause", &format!("--for={length}")],
            64,
            "--for takes a time from 1s to 8784h",
        );
    }
    assert!(!is_paused(&daemon) && !place.path(".roomsync/pause").exists());
    // With --url nobody needs settings, and the environment's token comes first.
    let mut pause = place.command(&["-c", "none.yaml", "pause", "--url", &daemon.url()]);
    assert_eq!(
        said(&pause.env("ROOMSYNC_ADMIN_TOKEN", ADMIN).output().unwrap()).0,
        Some(0)
    );
    assert!(is_paused(&daemon));
    let mut resume = place.command(&["resume"]);
    assert_eq!(
        said(&resume.env("ROOMSYNC_ADMIN_TOKEN", "wrong").output().unwrap()).0,
        Some(1)
    );
    assert!(is_paused(&daemon));
}

#[test]
fn the_settings_pause_and_nobody_is_told_that_it_is_over() {
    let (place, port) = place();
    place.settings(&format!(
        "listen: 127.0.0.1:{port}\nadmin_token_file: admin\nsync: {{paused: true, settle_removals: 0s}}"
    ));
    let _daemon = place.ready();
    let (code, out, err) = run(&place, &["resume"]);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert!(
        err.contains("there was no pause to end, but still nothing is written: `sync.paused` is true"),
        "{err}"
    );
}

#[test]
fn a_page_with_a_token_wants_it_for_the_status_too() {
    let (place, port) = place();
    place.write("seen", "the-page's-token\n");
    let listen = format!("listen: 127.0.0.1:{port}\n");
    place.settings(&format!("{listen}status_token_file: seen"));
    let daemon = place.start();
    daemon.until("ready", |daemon| daemon.get("/readyz").0 == 200);
    let answers = |place: &Place| run(place, &["status"]).1.contains("1 room");
    daemon.until("answered", |_| answers(&place));
    place.settings(&listen);
    let (code, _, err) = run(&place, &["status"]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("the daemon wants the token of its `status_token_file`"),
        "{err}"
    );
}
