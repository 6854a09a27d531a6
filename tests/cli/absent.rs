//! People who may be absent, in the plans of commands that have no memory.

use super::service::{STATE, Service};
use super::site::Site;

#[test]
fn people_who_may_be_absent_are_counted_apart_and_added_only_when_asked_for() {
    let service = Service::start(STATE);
    let rooms = "rooms:\n  - {id: \"66213271109633\", name: lobby, members: [bob, carol, dan, eve, mia], absent: ignore}\n";
    let site = Site::of(&service).with_rooms(rooms);
    let plan = site.run(&["plan"]).ends_with(0).stdout;
    assert!(
        plan.contains("note[absent]: ") && plan.contains("add them with --invite"),
        "{plan}"
    );
    let json = site.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(
        (&json["summary"]["adds"], &json["rooms"][0]["status"]),
        (&0.into(), &"in_sync".into())
    );
    site.run(&["apply", "--yes"]).ends_with(0);

    site.write("base.yaml", &rooms.replace(", eve, mia", ", mia"));
    let based = site.run(&["plan", "--base", "base.yaml"]).ends_with(0).stdout;
    assert!(
        based.contains("1 of them new in this change: never invited"),
        "{based}"
    );

    let said = "in this change: never invited\n";
    let (before, _) = based.split_once(said).unwrap();
    let note = before.lines().rev().nth(1).unwrap();
    assert!(note.ends_with(" not here, not added: absent: ignore"), "{based}");

    site.run(&["plan", "--out", "kept.json"]).ends_with(0);
    let kept = site
        .run(&["apply", "--plan", "kept.json", "--yes"])
        .ends_with(0)
        .stdout;
    assert!(
        kept.contains("a plan made with --invite adds them") && !kept.contains("add them with"),
        "{kept}"
    );

    let invited = site
        .run(&["plan", "--invite", "--format", "json"])
        .ends_with(0)
        .json();
    let adds = invited["summary"]["adds"].as_u64().unwrap();
    assert!(adds > 0, "{invited}");
    // A plan that invites is carried out as it is.
    site.run(&["plan", "--invite", "--out", "plan.json"]).ends_with(0);
    site.run(&["apply", "--plan", "plan.json", "--yes"]).ends_with(0);
    let after = site
        .run(&["plan", "--invite", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(after["summary"]["adds"], 0, "{after}");
}

#[test]
fn the_settings_say_it_for_rooms_that_say_nothing_else() {
    let service = Service::start(STATE);
    let rooms = "rooms:\n  - {id: \"66213271109633\", name: lobby, members: [bob, carol, dan, eve, mia]}\n";
    let with = |absent: &str| {
        Site::of(&service)
            .with_rooms(rooms)
            .with_settings("rooms: rooms/\n", &format!("rooms: rooms/\nabsent: {absent}\n"))
    };
    let planned = |site: &Site| site.run(&["plan"]).ends_with(0).stdout;
    let said = planned(&with("ignore"));
    assert!(said.contains("not added: absent: ignore"), "{said}");
    let said = planned(&with("readd"));
    assert!(said.contains("+carol") && !said.contains("not added"), "{said}");
    let said = planned(&with("keep"));
    assert!(
        said.contains("~ bob: put on the allow list") && said.contains("1 allow_many"),
        "{said}"
    );
}

#[test]
fn nobody_is_offered_an_invitation_to_a_room_that_is_only_observed() {
    let service = Service::start(STATE);
    let site = Site::of(&service).with_rooms(
        "rooms:\n  - {id: \"66213271109633\", name: lobby, members: [bob, carol, zoe], mode: observe, absent: ignore}\n",
    );
    for args in [&["plan"][..], &["apply", "--yes"]] {
        let said = site.run(args).ends_with(0).stdout;
        assert!(
            said.contains("note[absent]: ") && !said.contains("--invite"),
            "{said}"
        );
    }
}

#[test]
fn members_are_kept_on_the_allow_list() {
    let service = Service::start(STATE);
    let rooms = "rooms:\n  - {id: \"66213271109633\", name: lobby, members: [bob, carol], absent: keep, guards: {max_removals: 100%}}\n";
    let site = Site::of(&service).with_rooms(rooms);
    let explained = site.run(&["explain", "bob", "lobby"]).ends_with(0).stdout;
    for words in [
        "absent keep (rooms/",
        "members are on the allow list, so that they stay when they go offline",
        "A pass would put bob on the allow list.",
    ] {
        assert!(explained.contains(words), "{words} is not in\n{explained}");
    }
    let json = site.run(&["plan", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let room = &json["rooms"][0];
    assert_eq!(room["allow"], serde_json::json!(["bob", "carol"]), "{json}");
    assert_eq!(room["disallow"], serde_json::json!([]));
    let markdown = site.run(&["plan", "--format", "markdown"]).stdout;
    assert!(markdown.contains("+ bob: put on the allow list\n"), "{markdown}");
}

#[test]
fn a_room_is_exported_so_that_planning_it_is_empty_where_the_settings_keep_members() {
    let service = Service::start(STATE);
    let site = Site::of(&service)
        .with_rooms("rooms: []\n")
        .with_settings("rooms: rooms/\n", "rooms: rooms/\nabsent: keep\n");
    let exported = site
        .run(&["export", "--room", "66213271109633"])
        .ends_with(0)
        .stdout;
    assert!(exported.contains("    absent: readd\n"), "{exported}");
    let site = site.with_rooms(&exported);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn the_chapter_on_room_files_shows_what_a_plan_says_of_an_allow_list() {
    let chapter = std::fs::read_to_string("examples/README.md").unwrap();
    let (_, rest) = chapter.split_once("\n```diff\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    let room = "members: [bob, dan, mia]";
    assert!(STATE.contains(room));
    let state = STATE.replace(room, "members: [bob, eve], allow_list: [eve]");
    let rooms = "rooms:\n  - {id: \"66213271109633\", name: lobby, members: [bob, carol], absent: keep, guards: {max_removals: 100%}}\n";
    let service = Service::start(&state);
    let site = Site::of(&service).with_rooms(rooms).with_settings(
        "rooms: rooms/\n",
        "rooms: rooms/\nguards: {max_removals_total: 100%}\n",
    );
    assert_eq!(site.run(&["plan"]).ends_with(0).stdout, shown);
    site.run(&["apply", "--yes"]).ends_with(0);
    let after = site.run(&["plan", "--detailed-exitcode"]).ends_with(0).stdout;
    assert!(after.contains("nothing to do"), "{after}");
}
