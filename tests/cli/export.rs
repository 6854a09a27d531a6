//! `roomsync export`.

use super::service::{STATE, Service, answer};
use super::site::Site;
use serde_json::json;

/// Three rooms with people in common, and names that are easily misread.
const FLEET: &str = r#"
app_key: "acme#demo"
tokens: [t0k3n-t0-g3t-1n]
rooms:
  "31": {name: "Lobby # 1\n- \"of\" many", owner: alice, admins: [mia, omar], members: [bob, "null", "007", dan, eve, fay]}
  "32": {name: "Team \u202eroom", owner: alice, admins: [mia, omar], members: [bob, "null"]}
  "33": {owner: "-", members: []}
"#;

/// A site without a room file, as one begins.
fn new_site(service: &Service) -> Site {
    let site = Site::of(service);
    std::fs::remove_dir_all(site.path("rooms")).unwrap();
    site
}

#[test]
fn an_export_is_a_room_file_that_wants_nothing() {
    let service = Service::start(FLEET);
    for mode in ["additive", "authoritative"] {
        for args in [
            &["export", "--all", "--mode", mode][..],
            &[
                "export",
                "--mode",
                mode,
                "--group-by-common",
                "--room",
                "33",
                "31",
                "32",
                "31",
            ],
        ] {
            let site = new_site(&service);
            let run = site.run(args).ends_with(0);
            assert_eq!(run.stderr, "");
            std::fs::create_dir(site.path("rooms")).unwrap();
            site.write("rooms/live.yaml", &run.stdout);
            let valid = site.run(&["validate"]).ends_with(0);
            assert!(valid.stdout.ends_with(": valid\n"), "{}", valid.stdout);
            let plan = site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
            assert!(
                plan.stdout.contains("3 rooms: 0 to change, 3 in sync"),
                "{}",
                plan.stdout
            );
        }
    }
    assert_eq!(service.writes(), [""; 0]);
}

#[test]
fn the_text_of_an_export() {
    let service = Service::start(FLEET);
    let site = new_site(&service);
    let additive = site.run(&["export", "--all"]).ends_with(0).stdout;
    insta::assert_snapshot!("additive", additive);
    assert_eq!(
        site.run(&["export", "--all"]).stdout,
        additive,
        "each time the same"
    );
    let args = ["export", "--all", "--mode", "authoritative", "--group-by-common"];
    insta::assert_snapshot!("authoritative_in_groups", site.run(&args).ends_with(0).stdout);
}

#[test]
fn which_rooms_must_be_said() {
    let service = Service::start(FLEET);
    let site = new_site(&service);
    for (args, words) in [
        (&["export"][..], "<--room <ROOM>...|--all>"),
        (&["export", "--all", "--room", "31"], "cannot be used with"),
        (
            &["export", "--all", "--mode", "observe"],
            "additive, authoritative",
        ),
    ] {
        let run = site.run(args).ends_with(64).complains(words);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn only_complete_reads_are_exported() {
    // Room 32 says that it has more people than it shows.
    let service = Service::hooked(FLEET, |head, _| {
        let body = json!({"data": [{"owner": "alice"}], "count": 5}).to_string();
        head.uri.path().ends_with("/32/users").then(|| answer(200, body))
    })
    .by_pages();
    let site = new_site(&service);
    let run = site.run(&["export", "--room", "31", "32", "99"]).ends_with(4);
    for words in ["\"31\"", "# Room 32 is missing: ", "# Room 99 is missing: "] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
    let run = run.complains("not exported").complains(r#""room":"32""#);
    let run = run
        .complains("has 1 row and says it has 5")
        .complains(r#""room":"99""#);
    assert!(!run.stderr.contains(r#""room":"31""#), "{}", run.stderr);
    let only = site.run(&["export", "--room", "32"]).ends_with(4).complains("32");
    assert_eq!(only.stdout, "");
}

#[test]
fn where_nothing_could_be_read_the_run_failed() {
    let gone = Service::start(STATE).url();
    let broken = Service::answering(|| answer(500, "<html>"));
    let empty = Service::start("app_key: \"acme#demo\"\ntokens: [t0k3n-t0-g3t-1n]\n");
    let looping = Service::hooked(FLEET, |head, _| {
        let body = json!({"data": [{"id": "31"}], "cursor": "31"}).to_string();
        head.uri.path().ends_with("/chatrooms").then(|| answer(200, body))
    });
    for (site, args, words) in [
        (Site::at(&gone), &["export", "--all"][..], "cannot reach"),
        (Site::at(&gone), &["export", "--room", "31"], "cannot reach"),
        (Site::of(&broken), &["export", "--all"], "no clear answer"),
        (Site::of(&empty), &["export", "--all"], "no room of this app"),
        (Site::of(&empty), &["export", "--room", "31"], "no such room"),
        (Site::of(&looping), &["export", "--all"], "page 2 leads on"),
    ] {
        let run = site.run(args).ends_with(1).complains(words);
        assert_eq!(run.stdout, "", "{args:?}");
    }
}

#[test]
fn bad_room_files_do_not_matter_and_bad_settings_do() {
    let service = Service::start(FLEET);
    let site = Site::of(&service).with_rooms("rooms: [{id: ..}]\n");
    site.run(&["export", "--all"]).ends_with(0);
    let site = site.with_settings("token_file: token", "token_file: none");
    site.run(&["export", "--all"]).ends_with(5).complains("bad-token");
}
