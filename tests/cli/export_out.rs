//! `roomsync export --out`.

use super::service::{Service, TOKEN};
use super::site::{Run, Site};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn fleet() -> String {
    format!(
        "{{app_key: \"acme#demo\", tokens: [{TOKEN}], rooms: {{\
         \"71\": {{name: lobby, owner: boss, admins: [mia], members: [bob]}},\
         \"72\": {{name: team-a, owner: boss, members: [bob]}},\
         \"73\": {{name: \"Team/b ../..\", owner: boss, members: [carol]}},\
         \"74\": {{owner: boss, members: [dan]}}}}}}"
    )
}

/// A site without a room file, as one begins.
fn new_site(service: &Service) -> Site {
    let site = Site::of(service);
    fs::remove_dir_all(site.path("rooms")).unwrap();
    site
}

/// Texts of the files in a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

fn export(site: &Site, args: &[&str]) -> Run {
    site.run(&[&["export", "--all"], args].concat())
}

#[test]
fn a_folder_gets_a_file_a_room_or_a_prefix_and_a_plan_of_it_is_empty() {
    let service = Service::start(&fleet());
    let per_room = ["74.yaml", "lobby-71.yaml", "team-a-72.yaml", "team-b-73.yaml"];
    let per_prefix = ["lobby.yaml", "other-rooms.yaml", "team.yaml"];
    for (per, names) in [("room", &per_room[..]), ("prefix", &per_prefix)] {
        let site = new_site(&service);
        for _ in 0..2 {
            let run = export(&site, &["--out", "rooms/", "--per", per]).ends_with(0);
            assert_eq!(run.stdout, format!("{} files in rooms/\n", names.len()));
            let written = files(&site.path("rooms"));
            assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>(), names);
            let line = "# Rooms of acme#demo, as `roomsync export` found them.\n";
            assert!(written.values().all(|text| text.starts_with(line)));
            let plan = site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
            assert!(
                plan.stdout.contains("4 rooms: 0 to change, 4 in sync"),
                "{}",
                plan.stdout
            );
        }
    }
    assert_eq!(service.writes(), [""; 0]);
}

#[test]
fn what_something_else_wrote_is_never_replaced() {
    let service = Service::start(&fleet());
    let site = new_site(&service);
    fs::create_dir(site.path("rooms")).unwrap();
    site.write("rooms/lobby-71.yaml", "# mine\n");
    site.write("mine.yaml", "rooms: []\n");
    site.write("empty.yaml", "");
    site.write(
        "other.yaml",
        "# Rooms of acme#other, as `roomsync export` found them.\n",
    );
    symlink("nowhere.yaml", site.path("link.yaml")).unwrap();
    symlink("mine.yaml", site.path("to-mine.yaml")).unwrap();
    export(&site, &["--out", "rooms"])
        .ends_with(1)
        .complains("rooms/lobby-71.yaml: this file was not written by an export of this app");
    assert_eq!(files(&site.path("rooms")).len(), 1, "nothing at all is written");
    let before = service.calls().len();
    for (out, words) in [
        ("mine.yaml", "was not written by an export"),
        ("empty.yaml", "was not written by an export"),
        ("other.yaml", "was not written by an export of this app"),
        ("link.yaml", "a link"),
        ("to-mine.yaml", "a link"),
        ("none/rooms.yaml", "there is no such folder"),
        ("mine.yaml/", "this is no folder"),
    ] {
        export(&site, &["--out", out]).ends_with(64).complains(words);
        assert_eq!(fs::read_to_string(site.path("mine.yaml")).unwrap(), "rooms: []\n");
    }
    assert_eq!(
        service.calls().len(),
        before,
        "nothing is asked for what cannot be written"
    );
}

#[test]
fn an_export_that_fails_leaves_the_file_alone() {
    let service = Service::start(&fleet());
    let site = new_site(&service);
    export(&site, &["--out", "live.yaml"]).ends_with(0);
    let before = fs::read_to_string(site.path("live.yaml")).unwrap();
    assert!(before.contains("\"74\""), "{before}");
    let run = site
        .run(&["export", "--room", "71", "99", "--out", "live.yaml"])
        .ends_with(4);
    let run = run.complains("live.yaml is left as it is");
    assert_eq!(run.stdout, "");
    assert_eq!(fs::read_to_string(site.path("live.yaml")).unwrap(), before);
    // One that is not there yet is written, and says what is missing.
    site.run(&["export", "--room", "71", "99", "--out", "new.yaml"])
        .ends_with(4);
    let new = fs::read_to_string(site.path("new.yaml")).unwrap();
    assert!(
        new.contains("# Room 99 is missing") && new.contains("\"71\""),
        "{new}"
    );
    // Nobody answers any more.
    let away = Site::at("http://127.0.0.1:1");
    away.write("live.yaml", &before);
    export(&away, &["--out", "live.yaml"]).ends_with(1);
    assert_eq!(fs::read_to_string(away.path("live.yaml")).unwrap(), before);
    let left = fs::read_dir(away.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let is_temporary = |name: OsString| name.to_string_lossy().starts_with(".roomsync-export-");
    assert!(!left.into_iter().any(is_temporary));
}

#[test]
fn rooms_that_the_files_name_already_are_said_to_be_merged() {
    let service = Service::start(&fleet());
    let site = Site::of(&service).with_rooms("rooms:\n  - {id: 71, name: lobby, members: [bob]}\n");
    let run = site
        .run(&["export", "--room", "lobby", "team-a", "--out", "live.yaml"])
        .ends_with(0);
    let run = run.complains("1 room is in the room files already: lobby (71)");
    let _ = run.complains("copy its lists into that entry");
    let run = site
        .run(&["export", "--room", "72", "--out", "live.yaml"])
        .ends_with(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn files_of_rooms_that_are_gone_are_named_and_left() {
    let service = Service::start(&fleet());
    let site = new_site(&service);
    export(&site, &["--out", "rooms/"]).ends_with(0);
    site.write("rooms/mine.yaml", "# mine\n");
    let run = site
        .run(&["export", "--room", "71", "--out", "rooms/"])
        .ends_with(0);
    for gone in ["74.yaml", "team-a-72.yaml", "team-b-73.yaml"] {
        assert!(run.stderr.contains(gone), "{}", run.stderr);
    }
    assert!(!run.stderr.contains("mine.yaml"), "{}", run.stderr);
    assert_eq!(files(&site.path("rooms")).len(), 5);
}
