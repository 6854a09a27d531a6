//! Adoption: a daemon that only observes learns who belongs to the rooms and is offline, and an export lists them.

use super::place::{Place, ROOM, wanting};
use roomsync::emulator::Environment;
use roomsync::model::RoomId;
use std::fs;
use std::process::Output;

const SETTINGS: &str = "listen: 127.0.0.1:0\nsync: {interval: 1s, settle_removals: 0s}\n";

fn place() -> Place {
    let state = format!(
        "{{app_key: \"acme#demo\", tokens: [secret], rooms: {{\"{ROOM}\": {{owner: boss, admins: [mia], members: [a, b, c, d]}}}}}}"
    );
    let place = Place::of(&state, "rooms: []\n", Environment::default());
    place.settings(SETTINGS);
    place
}

/// What an export with these flags writes, and what it says, with its exit code.
fn export(place: &Place, flags: &[&str]) -> (String, String, Option<i32>) {
    let Output {
        status,
        stdout,
        stderr,
    } = place.run(&[&["export", "--all"], flags].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code())
}

fn leave(place: &Place, users: &[&str]) {
    let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
    let left = place.emulator.leave(&RoomId::parse(ROOM).unwrap(), &users);
    assert_eq!(left, users);
}

#[test]
fn whoever_was_offline_at_the_first_export_is_a_comment_of_the_second() {
    let place = place();
    leave(&place, &["d"]);
    let (first, said, code) = export(&place, &["--with-offline"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("nobody is known who was seen before"), "{said}");
    assert!(said.contains(".roomsync/seen"), "{said}");
    place.replace(
        "rooms/all.yaml",
        &first.replace("mode: additive", "mode: observe"),
    );
    let today = || jiff::Timestamp::now().to_string()[..10].to_owned();
    let begun = today();
    let daemon = place.ready();

    // Some days later: `d` came and went, `c` is offline now.
    let room = RoomId::parse(ROOM).unwrap();
    let seen = |daemon: &super::Daemon, members: u64| {
        let detail = daemon.get(&format!("/api/rooms/{ROOM}")).1;
        let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
        detail["live"]["members"] == members
    };
    place.emulator.join(&room, &["d".to_owned()]);
    daemon.until("d is seen", |daemon| seen(daemon, 5));
    leave(&place, &["c", "d"]);
    daemon.until("both are gone", |daemon| seen(daemon, 3));
    daemon.until("that is on the disk", |_| {
        fs::read(place.path(".roomsync/seen"))
            .is_ok_and(|bytes| bytes.windows(4).any(|part| part == b"\nc\nd"))
    });

    // The daemon goes on meanwhile.
    let (plain, said, code) = export(&place, &[]);
    assert_eq!((said.as_str(), code), ("", Some(0)));
    let (text, said, code) = export(&place, &["--with-offline"]);
    assert_eq!((said.as_str(), code), ("", Some(0)));
    let days = [begun, today()];
    let comments: Vec<&str> = text.lines().filter(|line| !plain.contains(line)).collect();
    let day = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        comments[comments.len() - 3],
        "      # seen here before, and not here now:"
    );
    for (line, user) in comments[comments.len() - 2..].iter().zip(["c", "d"]) {
        assert!(
            line.starts_with(&format!("      # - {user}  # last seen ")),
            "{text}"
        );
        // Midnight may have passed.
        assert!(days.contains(&day(line)), "{line}");
    }
    assert_eq!(place.writes(), 0);

    // Whoever belongs there is taken out of the comments; a plan says what that comes to.
    place.replace("rooms/all.yaml", &text.replace("      # - c", "      - c"));
    let plan = place.run(&["plan", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["rooms"][0]["add"], serde_json::json!(["c"]), "{plan}");
    assert_eq!(plan["rooms"][0]["remove"], serde_json::json!([]));
}

#[test]
fn a_record_that_cannot_be_read_is_said_and_the_rest_is_exported() {
    let place = place();
    place.write("rooms/all.yaml", &wanting("a"));
    fs::create_dir(place.path(".roomsync")).unwrap();
    place.write(".roomsync/seen", "not what was written");
    let (text, said, code) = export(&place, &["--with-offline"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("cannot be read"), "{said}");
    assert!(text.contains("- d\n") || text.contains(", d]"), "{text}");
    // It is the daemon's to put aside.
    assert_eq!(
        fs::read(place.path(".roomsync/seen")).unwrap(),
        b"not what was written"
    );
    assert!(!place.path(".roomsync/lock").exists());
}
