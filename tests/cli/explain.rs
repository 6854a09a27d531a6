//! `roomsync explain`.

use super::service::{STATE, Service, answer};
use super::site::{Run, Site};
use serde_json::json;

const FLEET: &str = r#"
app_key: "acme#demo"
tokens: [t0k3n-t0-g3t-1n]
rooms:
  "31": {owner: alice, admins: [eve], members: [bob, dan, guest-1, bot-1, bot-2, u1, u2, u3, u4]}
  "32": {owner: alice, admins: [eve], members: [bob, dan]}
  "33": {owner: carl, members: [u1, u2, u3]}
  "34": {owner: alice, members: [bob, dan]}
  "36": {owner: alice, members: [bob, dan], maxusers: 3}
  "37": {owner: alice, admins: [eve], members: [bob]}
  "38": {owner: alice, members: [bob]}
"#;

const ROOMS: &str = r#"rooms:
  - id: 31
    name: lobby
    owner: alice
    admins: [group:lead]
    members: [bob, group:all, mia, u1, u2, u3, u4]
    ignore: [x-*, guest-*]
    guards: {max_removals: 2, max_demotions: 5, protect: [bot-1]}
  - {id: 32, name: quiet, mode: additive, members: [bob, carol]}
  - {id: 33, name: watched, mode: observe, members: [zoe]}
  - {id: 34, name: twin, members: [zoe], admins: [zoe]}
  - {id: 35, name: twin, members: [bob]}
  - {id: 36, name: full, members: [bob, dan, zoe]}
  - {id: 37, name: loose, members: [bob]}
  - {id: 38, name: taken, owner: carl, members: [alice]}
"#;

const GROUPS: &str = r#"groups:
  lead: [mia, omar]
  night:
    - nell
  all: [group:support]
  support: [group:lead, carol]
"#;

fn site(service: &Service) -> Site {
    let site = Site::of(service)
        .with_rooms(ROOMS)
        .with_settings("rooms: rooms/\n", "rooms: rooms/\nguards: {protect: [bot-?]}\n");
    site.write("rooms/groups.yaml", GROUPS);
    site
}

fn told(site: &Site, user: &str, room: &str) -> Run {
    site.run(&["explain", user, room])
}

#[test]
fn everybody_is_explained() {
    let service = Service::start(FLEET);
    let site = site(&service);
    let mut all = String::new();
    for (user, room) in [
        // Wanted as an admin, by several ways; then as a member by way of groups; and there already.
        ("MIA", "31"),
        ("carol", "lobby"),
        ("bob", "lobby"),
        // To go, and an admin who is; not to come.
        ("dan", "lobby"),
        ("eve", "lobby"),
        ("nell", "lobby"),
        // To whom nothing is done.
        ("alice", "lobby"),
        ("guest-1", "lobby"),
        ("bot-1", "lobby"),
        ("bot-2", "lobby"),
        // Additive, and without `admins`.
        ("dan", "quiet"),
        ("eve", "quiet"),
        ("carol", "quiet"),
        // Only observed, and blocked.
        ("zoe", "watched"),
        ("u1", "watched"),
        ("dan", "34"),
        ("zoe", "34"),
        // No place; kept; and another owner than the files say, in the room and asked for.
        ("zoe", "full"),
        ("bob", "full"),
        ("eve", "loose"),
        ("bob", "taken"),
        ("alice", "taken"),
        // No such room.
        ("bob", "35"),
    ] {
        let run = told(&site, user, room).ends_with(if room == "35" { 4 } else { 0 });
        assert_eq!(run.stderr.matches("warning").count(), 2, "{}", run.stderr);
        let run = run.complains("warning[same-name]: two rooms have the name `twin`");
        let run = run.complains("warning[unused-group]: no room lists the group `night`");
        all += &format!("$ roomsync explain {user} {room}\n{}\n", run.stdout);
    }
    insta::assert_snapshot!(all);
    assert_eq!(service.writes(), [""; 0]);
}

#[test]
fn a_name_that_nobody_knows_is_said_to_be_unknown_with_those_near_it() {
    let service = Service::start(FLEET);
    let site = site(&service);
    let told = |user: &str| told(&site, user, "lobby").stdout;
    let near = told("boob");
    assert!(
        near.contains("\nboob is unknown: ") && near.contains("Did you mean bob"),
        "{near}"
    );
    let far = told("qqqqqqq");
    assert!(
        far.contains("\nqqqqqqq is unknown: ") && !far.contains("Did you mean"),
        "{far}"
    );
    assert!(!told("bob").contains("unknown"));
}

#[test]
fn who_and_where_must_be_sayable() {
    let service = Service::start(FLEET);
    let site = site(&service);
    for (args, words) in [
        (&["explain", "..", "lobby"][..], "dots only"),
        (&["explain", "a b", "lobby"], "this one holds a space"),
        (&["explain"], "<USER>"),
        (
            &["explain", "bob", "lobby", "--format", "json"],
            "cannot be used with",
        ),
        (&["explain", "bob", "99"], "ROOM 99: no such room in the files\n"),
        (
            &["explain", "bob", "loby"],
            "ROOM \"loby\": no such room in the files; did you mean \"lobby\"?",
        ),
        (&["explain", "bob", "Lobby"], "no such room in the files"),
        (&["explain", "bob", "twin"], "say which by its id: 34, 35"),
    ] {
        let run = site.run(args).ends_with(64).complains(words);
        assert_eq!(run.stdout, "");
    }
    let broken = Site::of(&service).with_rooms("rooms: [{id: ..}]\n");
    assert_eq!(told(&broken, "bob", "31").ends_with(5).stdout, "");
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn the_files_are_told_even_where_the_service_is_away() {
    let service = Service::start(FLEET);
    let site = site(&service);
    let gone = Service::start(STATE).url();
    let run = Run::of(
        site.command(&["explain", "dan", "lobby"])
            .env("ROOMSYNC_URL", gone),
    );
    let run = run.ends_with(1).complains("cannot reach");
    assert!(run.stdout.contains("The files do not name dan"), "{}", run.stdout);
    assert!(!run.stdout.contains("Now:"), "{}", run.stdout);
}

#[test]
fn an_incomplete_look_is_4_and_certain_of_nothing() {
    let service = Service::hooked(FLEET, |head, _| {
        let body = json!({"data": [{"member": "dan"}], "count": 5}).to_string();
        head.uri.path().ends_with("/31/users").then(|| answer(200, body))
    })
    .by_pages();
    let site = site(&service);
    let mut all = told(&site, "dan", "lobby").ends_with(4).stdout;
    all += &told(&site, "u1", "lobby").ends_with(4).stdout;
    all += &told(&site, "nell", "lobby").ends_with(4).stdout;
    insta::assert_snapshot!(all);
}

#[test]
fn an_admin_list_that_contradicts_itself_leaves_only_the_roles_open() {
    let service = Service::hooked(FLEET, |head, _| {
        let body = json!({"data": ["eve"], "count": 2}).to_string();
        head.uri.path().ends_with("/31/admin").then(|| answer(200, body))
    });
    let site = site(&service);
    for (user, seen) in [
        ("bob", "it has 2. bob is in the room, perhaps as an admin.\n"),
        ("mia", "it has 2. mia is not in the room.\n"),
        ("eve", "it has 2. eve was seen as an admin.\n"),
    ] {
        let said = told(&site, user, "lobby").ends_with(4).stdout;
        assert!(said.contains(seen), "{said}");
    }
}

#[test]
fn whoever_may_be_absent_is_said_not_to_be_here() {
    let service = Service::start(FLEET);
    let site = Site::of(&service).with_rooms(
        "defaults: {absent: ignore}\nrooms:\n  - {id: 32, name: quiet, admins: [omar], members: [bob, carol]}\n  - {id: 33, name: watched, mode: observe, members: [zoe]}\n  - {id: 38, name: back, members: [mia], absent: readd}\n",
    );
    let mut all = String::new();
    for (user, room) in [
        ("carol", "quiet"),
        ("zoe", "watched"),
        // Here, an admin, and another room.
        ("bob", "quiet"),
        ("omar", "quiet"),
        ("mia", "back"),
    ] {
        all += &format!("{}\n", told(&site, user, room).ends_with(0).stdout);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_settings_are_named_where_they_let_people_be_absent() {
    let service = Service::start(FLEET);
    let site = Site::of(&service)
        .with_rooms("rooms:\n  - {id: 32, name: quiet, members: [bob, carol]}\n")
        .with_settings("rooms: rooms/\n", "rooms: rooms/\nabsent: ignore\n");
    let said = told(&site, "carol", "quiet").ends_with(0).stdout;
    assert!(
        said.contains("  absent ignore (the settings, roomsync.yaml): "),
        "{said}"
    );
}

#[test]
fn somebody_is_told_of_in_all_rooms() {
    let service = Service::start(FLEET);
    let site = site(&service);
    let told = |user: &str| site.run(&["-q", "explain", user]).ends_with(4);
    insta::assert_snapshot!(
        ["bob", "eve", "omar", "carl", "u1", "nobody", "boob"]
            .map(|user| told(user).stdout)
            .join("=====\n")
    );
    // What does not name them and could not be read is counted.
    assert!(
        told("eve")
            .stderr
            .contains("1 other room could not be read: eve may be in them, too")
    );
    let json = site
        .run(&["-q", "explain", "bob", "--format", "json"])
        .ends_with(4)
        .json();
    insta::assert_snapshot!(format!("{json:#}"));
    let away = Site::at("http://127.0.0.1:1").with_rooms(ROOMS);
    away.write("rooms/groups.yaml", GROUPS);
    let told = away
        .run(&["explain", "omar"])
        .ends_with(1)
        .complains("cannot reach");
    assert!(
        told.stdout
            .contains("wanted as an admin (rooms/groups.yaml:2)\n  not known\n"),
        "{}",
        told.stdout
    );
}

#[test]
fn whom_the_files_exclude_is_told() {
    let service = Service::start(FLEET);
    let site = Site::of(&service).with_rooms(
        "groups: {all: [bob, dan]}\nrooms:\n  - {id: 32, members: [group:all], exclude: [dan]}\n",
    );
    let told = site.run(&["explain", "dan"]).ends_with(0).stdout;
    assert!(told.contains("excluded (rooms/team.yaml:3)"), "{told}");
    assert!(told.contains("a pass would remove dan"), "{told}");
}
