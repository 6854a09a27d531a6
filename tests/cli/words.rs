//! Messages about files, settings and flags that are not what they look like.

use super::service::{STATE, Service};
use super::site::Site;
use serde_json::Value;
use std::fs;
use std::process::Command;

fn notes(said: &str) -> Vec<(String, String)> {
    let plan: Value = serde_json::from_str(said).unwrap();
    let rooms = plan["rooms"].as_array().unwrap().iter();
    let notes = rooms.flat_map(|room| {
        let id = room["id"].as_str().unwrap();
        let notes = room["notes"].as_array().unwrap().iter();
        let notes = notes.filter(|note| note["code"] == "matches_nobody");
        notes.map(move |note| (id.to_owned(), note["message"].as_str().unwrap().to_owned()))
    });
    notes.collect()
}

#[test]
fn a_pattern_that_matches_nobody_is_noted() {
    let state = STATE.replace("mia]\nrooms", "mia, svc-1]\nrooms");
    let state = format!("{state}  \"77\": {{owner: alice, members: [bob, svc-1]}}\n");
    let service = Service::start(&state);
    let rooms = "rooms:\n\
        \x20 - {id: 66213271109633, members: [bob, dan], ignore: [\"mi*\", \"guest-*\"], guards: {protect: [\"al*\", \"nobody-*\", \"nobody-*\"]}}\n\
        \x20 - {id: 77, members: [bob, svc-1]}\n";
    let protect = "rooms: rooms/\nguards: {protect: [\"svc-*\", \"bot-*\"]}\n";
    let site = Site::of(&service)
        .with_rooms(rooms)
        .with_settings("rooms: rooms/\n", protect);
    let all = [
        "`bot-*` under `protect` matches nobody who is listed or live in any of its 2 rooms",
        "`guest-*` under `ignore` matches nobody who is listed or live here",
        "`nobody-*` under `protect` matches nobody who is listed or live here",
    ];
    let all = all.map(|message| ("66213271109633".to_owned(), message.to_owned()));
    let found = |args: &[&str]| {
        let mut found = notes(&site.run(args).stdout);
        found.sort();
        found
    };
    assert_eq!(found(&["plan", "--format", "json"]), all);
    let text = site.run(&["plan"]).stdout;
    for (_, message) in &all {
        assert!(text.contains(message), "{text}");
    }
    // A pattern of the settings may match somebody in the room that is not looked at.
    let one = found(&["plan", "--format", "json", "--room", "66213271109633"]);
    assert_eq!(one, all[1..]);
}

/// The folder that a file system keeps in its root is closed to everybody but root; another one of that name is a folder as any.
#[test]
fn the_folder_of_a_file_systems_own_is_skipped() {
    const SCRIPT: &str = "mount -t tmpfs none . && cd \"$PWD\" && mkdir lost+found && chmod 0 lost+found \
        && printf 'rooms: [{id: 1, members: [ann]}]\\n' >a.yaml && \
        as_user() { setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -all -- \"$0\" validate \"$PWD\"; } && \
        as_user && mkdir -p b/lost+found && chmod 0 b/lost+found && ! as_user";
    let dir = tempfile::tempdir().unwrap();
    let isolated = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script]);
        command
            .arg(env!("CARGO_BIN_EXE_roomsync"))
            .current_dir(dir.path())
            .output()
    };
    if !isolated("mount -t tmpfs none . && setpriv --version").is_ok_and(|run| run.status.success()) {
        println!("skipped: nothing can be mounted here");
        return;
    }
    let run = isolated(SCRIPT).unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(
        said.starts_with("1 file, 1 room, 0 groups, 1 person: valid\n"),
        "{said}"
    );
    assert!(said.contains("b/lost+found\n"), "{said}");
}

/// Each command line with what it ends with and a part of what it says.
#[test]
fn usage_is_explained() {
    let site = Site::at("http://127.0.0.1:1");
    fs::create_dir(site.path("folder")).unwrap();
    for (args, code, said) in [
        (
            &["plan", "--max-calls", "abc"][..],
            64,
            "--max-calls takes a whole number, not `abc`",
        ),
        (
            &["apply", "--yes", "--max-calls", "-1"],
            64,
            "--max-calls takes a whole number, not `-1`",
        ),
        (
            &["plan", "--max-calls", ""],
            64,
            "--max-calls takes a whole number, not an empty text",
        ),
        (
            &["emulator", "--rate", "99999999999"],
            64,
            "--rate takes a smaller number, not `99999999999`",
        ),
        (
            &["emulator", "--seed", "x"],
            64,
            "--seed takes a whole number, not `x`",
        ),
        (
            &["emulator", "--listen", "8080"],
            64,
            "such as 127.0.0.1:8080, not `8080`",
        ),
        (
            &["emulator", "--latency", "50"],
            64,
            "`50` is not a duration; write 50s, 50m or 500ms",
        ),
        (
            &["emulator", "--save", "no/x"],
            64,
            "--save no/x: the folder no does not exist",
        ),
        (
            &["plan", "--out", "no/x"],
            64,
            "--out no/x: the folder no does not exist",
        ),
        (
            &["plan", "--out", "folder"],
            64,
            "this is a folder; name a file in it",
        ),
        (
            &["plan", "--base", "no"],
            64,
            "--base no: there is no such file or folder",
        ),
        (
            &["apply", "--yes", "--plan", "no"],
            64,
            "--plan no: the file does not exist",
        ),
        (
            &["apply", "--yes", "--plan", "folder"],
            64,
            "--plan folder: this is a folder, not a plan",
        ),
        (
            &["--config", "no.yaml", "plan"],
            5,
            "the settings file no.yaml does not exist",
        ),
        (
            &["--config", "rooms", "plan"],
            5,
            "rooms is a folder, not a settings file",
        ),
        (
            &["--config", "rooms/team.yaml", "plan"],
            5,
            "this looks like a room file, not like settings",
        ),
        (&["validate", "no/*.yaml"], 5, "a path is no pattern"),
        (
            &["validate", "~/rooms"],
            5,
            "neither `~` nor a variable is replaced",
        ),
    ] {
        let run = site.run(args);
        assert_eq!(run.code, code, "{args:?}: {}{}", run.stdout, run.stderr);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(all.contains(said), "{args:?}: {all}");
        assert!(!all.contains("os error"), "{args:?}: {all}");
    }
}

#[test]
fn settings_that_are_not_there_are_named() {
    let site = Site::at("http://127.0.0.1:1");
    fs::remove_file(site.path("roomsync.yaml")).unwrap();
    let folder = site.path("").canonicalize().unwrap();
    let said = site.run(&["plan"]).stderr;
    let expected = format!("there is no roomsync.yaml in {}", folder.display());
    assert!(said.contains(expected.trim_end_matches('/')), "{said}");
    let run = super::site::Run::of(
        site.command(&["plan"])
            .env("ROOMSYNC_CONFIG", "/no/roomsync.yaml"),
    );
    let expected = "ROOMSYNC_CONFIG names /no/roomsync.yaml, which does not exist";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
