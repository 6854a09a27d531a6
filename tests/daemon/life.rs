//! Start, signals, end.

use super::place::{Daemon, Place, until, wanting};
use roomsync::emulator::{Fault, State};
use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

fn many() -> String {
    let names = (0..60).map(|number| format!("u{number}"));
    names
        .chain("a b c d".split(' ').map(str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn told_to_end_in_mid_apply_it_ends_in_order_and_loses_nothing() {
    let place = Place::slow(Duration::from_millis(60));
    place.settings("audit_log: audit.jsonl\nlimits: {add_batch: 2}\n");
    let mut daemon = place.ready();
    place.replace("rooms/all.yaml", &wanting(&many()));
    until("several calls", || place.writes() >= 3);
    daemon.signal("TERM");
    assert_eq!(daemon.code(), Some(0), "{}", daemon.log());
    let before: BTreeSet<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
    let added: BTreeSet<String> = place.members().difference(&before).cloned().collect();
    assert!(
        (6..60).contains(&added.len()),
        "it was not in the middle: {added:?}"
    );
    assert_eq!(place.audited("audit.jsonl"), added);
    let calls = place.emulator.journal().calls.len();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(
        place.emulator.journal().calls.len(),
        calls,
        "a call after the end"
    );
    // The next one goes on.
    let _daemon = place.start();
    until("all in", || place.members().len() == 64);
    until("all written down", || place.audited("audit.jsonl").len() == 60);
}

#[test]
fn told_twice_it_ends_at_once_even_while_calls_hang() {
    let place = Place::new();
    let mut daemon = place.ready();
    place.emulator.add_fault(Fault::parse("writes:timeout").unwrap());
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
    until("a call hangs", || {
        place.emulator.faults().iter().any(|fault| fault.struck > 0)
    });
    daemon.signal("TERM");
    thread::sleep(Duration::from_millis(300));
    assert!(daemon.is_up(), "it waits for the call");
    let told = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.code(), Some(143));
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
}

#[test]
fn a_hangup_opens_the_audit_log_anew_and_reads_the_settings() {
    let place = Place::new();
    place.settings("audit_log: audit.jsonl\n");
    let daemon = place.ready();
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
    until("written down", || place.audited("audit.jsonl").contains("e"));
    fs::rename(place.path("audit.jsonl"), place.path("audit.1")).unwrap();
    place.settings("audit_log: audit.jsonl\nsync: {paused: true, settle_removals: 0s}\n");
    daemon.signal("HUP");
    daemon.until("paused", |daemon| daemon.status()["withheld"]["code"] == "paused");
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e, f"));
    daemon.until("planned", |daemon| daemon.status()["rooms"][0]["add"] == 1);
    thread::sleep(Duration::from_millis(300));
    assert!(!place.has("f"));
    place.settings("audit_log: audit.jsonl\n");
    daemon.signal("HUP");
    until("written down", || place.audited("audit.jsonl").contains("f"));
    assert!(place.has("f") && !place.audited("audit.1").contains("f"));

    // Settings that are not valid change nothing.
    const CANARY: &str = "c4nary-0f-4-reload";
    let misspelled = format!("servce: {{auth: {{token: {CANARY}}}}}\n");
    place.replace("roomsync.yaml", &misspelled);
    daemon.signal("HUP");
    daemon.until("refused", |daemon| daemon.log().contains("stay as they are"));
    assert!(!daemon.log().contains(CANARY) && !daemon.status().to_string().contains(CANARY));
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e, f, g"));
    daemon.until("goes on", |_| place.has("g"));
}

#[test]
fn a_second_one_with_the_same_state_is_refused() {
    let place = Place::new();
    let mut daemon = place.ready();
    let second = place.run(&["run"]);
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{told}");
    assert!(
        told.contains("another roomsync runs with this `state_dir`"),
        "{told}"
    );
    assert!(daemon.is_up());
    // Even where both would have the same port.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    place.settings(&format!("listen: 127.0.0.1:{port}"));
    let second = String::from_utf8_lossy(&place.run(&["run"]).stderr).into_owned();
    assert!(second.contains("another roomsync runs"), "{second}");
    let elsewhere = String::from_utf8_lossy(&place.run(&["run", "--dry-run"]).stderr).into_owned();
    let why = format!("cannot listen on 127.0.0.1:{port}: another program listens there");
    assert!(elsewhere.contains(&why), "{elsewhere}");
    place.settings("");
    // It leaves nothing behind that would keep the next one out, however it ends.
    daemon.signal("KILL");
    assert_eq!(daemon.code(), None);
    drop(place.ready());
}

#[test]
fn a_part_of_its_state_keeps_it_from_starting_and_says_what_to_do() {
    let place = Place::new();
    let mut daemon = place.ready();
    daemon.until("kept", |_| place.path(".roomsync/state.json").exists());
    daemon.signal("TERM");
    assert_eq!(daemon.code(), Some(0));
    fs::remove_file(place.path(".roomsync/state.json")).unwrap();
    let refused = place.run(&["run"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    for part in [
        "lacks state.json",
        "delete files.json, rosters.json there as well",
    ] {
        assert!(told.contains(part), "{told}");
    }
    for name in ["files.json", "rosters.json"] {
        fs::remove_file(place.path(".roomsync").join(name)).unwrap();
    }
    let daemon = place.ready();
    assert!(
        daemon.log().contains("holds and budgets start anew"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_token_that_is_replaced_is_used_from_the_next_call_on() {
    let place = Place::new();
    let daemon = place.ready();
    place.emulator.edit(|state| {
        let text = "{app_key: \"acme#demo\", tokens: [other]}";
        state.tokens = State::parse(text).unwrap().tokens;
    });
    place.replace("token", "other\n");
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
    daemon.until("done", |_| place.has("e"));
    let statuses = place.emulator.counters().statuses;
    assert_eq!(statuses.get("401"), None, "{statuses:?}");
}

#[test]
fn one_pass_gives_the_exit_codes_of_apply() {
    let code = |place: &Place, args: &[&str]| {
        let out = place.run(args);
        (
            out.status.code().unwrap(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    let once = ["run", "--once"];
    let place = Place::new();
    assert_eq!(code(&place, &once).0, 0);
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
    assert_eq!(code(&place, &["run", "--once", "--dry-run"]).0, 0);
    assert_eq!(place.writes(), 0);
    assert_eq!(code(&place, &once).0, 0);
    assert!(place.has("e"));

    // 5 of 5 people are too many to remove.
    place.replace("rooms/all.yaml", &wanting("f"));
    let (blocked, told) = code(&place, &once);
    assert_eq!(blocked, 3, "{told}");
    assert!(place.has("a") && place.has("f"));

    // Paused, nothing is done that is wanted.
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e, f, g"));
    place.write(".roomsync/pause", "");
    assert_eq!(code(&place, &once).0, 3);
    fs::remove_file(place.path(".roomsync/pause")).unwrap();
    assert!(!place.has("g"));

    place.emulator.edit(|state| {
        let text = "{app_key: \"acme#demo\", users: [boss, a, b, c, d, e, f, g]}";
        state.users = State::parse(text).unwrap().users;
    });
    place.replace("rooms/all.yaml", &wanting("a, b, c, d, e, f, g, zed"));
    let (partly, told) = code(&place, &once);
    assert_eq!(partly, 4, "{told}");
    assert!(place.has("g"));

    place.replace("rooms/all.yaml", "rooms: []\n");
    assert_eq!(code(&place, &once).0, 5);
    place.replace("rooms/all.yaml", &wanting("a"));
    place.replace("roomsync.yaml", "servce: {}\n");
    assert_eq!(code(&place, &once).0, 5);
    assert_eq!(code(&place, &["run"]).0, 5, "the daemon too");

    // Where nothing answers.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    place.replace(
        "roomsync.yaml",
        &format!(
            "service: {{url: \"http://{closed}\", app_key: \"acme#demo\", auth: {{token_file: token}}}}\n"
        ),
    );
    assert_eq!(code(&place, &once).0, 1);
}

#[test]
fn a_hangup_does_not_tell_again_where_the_token_is_from() {
    let place = Place::new();
    let daemon = place.start_with(&[("ROOMSYNC_TOKEN", "secret")]);
    let told = |daemon: &Daemon, text: &str| daemon.log().matches(text).count();
    for times in 1..=2 {
        daemon.signal("HUP");
        daemon.until("read again", |daemon| {
            told(daemon, "settings and files are read again") == times
        });
    }
    assert_eq!(told(&daemon, "ROOMSYNC_TOKEN is set"), 1);
}
