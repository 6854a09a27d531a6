//! Rooms named by id, by name and by a pattern of names.

use super::service::Service;
use super::site::{Run, Site};

const FLEET: &str = r#"
app_key: "acme#demo"
tokens: [t0k3n-t0-g3t-1n]
rooms:
  "71": {name: lobby, owner: alice, members: [bob]}
  "72": {name: team-a, owner: alice, members: [bob]}
  "73": {name: team-b, owner: alice, members: [bob]}
  "74": {name: twin, owner: alice, members: [bob]}
  "75": {name: twin, owner: alice, members: [bob]}
"#;

const ROOMS: &str = r#"rooms:
  - {id: 71, name: lobby, members: [bob, mia]}
  - {id: 72, name: team-a, members: [bob, mia]}
  - {id: 73, name: team-b, members: [bob, mia]}
  - {id: 74, name: twin, members: [bob, mia]}
  - {id: 75, name: twin, members: [bob, mia]}
"#;

/// The ids of the rooms of a plan's JSON.
fn planned(run: &Run) -> Vec<String> {
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let rooms = plan["rooms"].as_array().unwrap().iter();
    rooms
        .map(|room| room["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn plan_and_apply_take_ids_names_and_patterns() {
    let service = Service::start(FLEET);
    let site = Site::of(&service).with_rooms(ROOMS);
    for (rooms, ids) in [
        (&["lobby"][..], &["71"][..]),
        (&["team-*"], &["72", "73"]),
        (&["team-*,71", "75"], &["71", "72", "73", "75"]),
        (&["tw*"], &["74", "75"]),
    ] {
        let args = [&["plan", "--format", "json", "--room"], rooms].concat();
        assert_eq!(planned(&site.run(&args).ends_with(0)), ids, "{rooms:?}");
    }
    service.calls();
    site.run(&["apply", "--yes", "--room", "team-?", "lobby"])
        .ends_with(0);
    let plan = site.run(&["plan", "--format", "json"]).ends_with(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let changed = plan["rooms"].as_array().unwrap().iter();
    let changed = changed
        .filter(|room| room["status"] == "changed")
        .map(|room| room["id"].as_str().unwrap());
    assert_eq!(changed.collect::<Vec<_>>(), ["74", "75"]);
}

#[test]
fn what_names_no_room_or_several_is_wrong_usage() {
    let service = Service::start(FLEET);
    let site = Site::of(&service).with_rooms(ROOMS);
    for command in [&["plan"][..], &["apply", "--yes"]] {
        for (room, words) in [
            (
                "twin",
                r#"--room "twin" is the name of several rooms; say which by its id: 74, 75"#,
            ),
            (
                "lobbi",
                r#"--room "lobbi": no such room in the files; did you mean "lobby"?"#,
            ),
            (
                "x*",
                r#"--room "x*": no room in the files has such a name; the names are "lobby", "team-a", "team-b" and 2 more"#,
            ),
            ("lobby,", r#"--room "lobby," has nothing between two commas"#),
            ("", r#"--room "" names no room"#),
        ] {
            site.run(&[command, &["--room", room]].concat())
                .ends_with(64)
                .complains(words);
        }
    }
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn an_approval_names_rooms_and_no_patterns() {
    let service = Service::start(FLEET);
    let rooms = ROOMS.replace(
        "name: lobby, members: [bob, mia]",
        "name: lobby, members: [mia], guards: {max_removals: 0}",
    );
    let site = Site::of(&service).with_rooms(&rooms);
    site.run(&["plan", "--out", "plan.json"]).ends_with(3);
    let apply = |room: &str| site.run(&["apply", "--yes", "--plan", "plan.json", "--approve", room]);
    apply("lob*")
        .ends_with(64)
        .complains("--approve \"lob*\": patterns cannot stand here");
    apply("twin").ends_with(64).complains("by its id: 74, 75");
    apply("team-a")
        .ends_with(64)
        .complains("nothing is blocked in room team-a (72) in this plan");
    apply("lobby").ends_with(0);
    let plan = ["plan", "--detailed-exitcode", "--room"];
    site.run(&[&plan[..], &["lobby"]].concat()).ends_with(0);
}

#[test]
fn an_export_goes_by_the_names_on_the_service() {
    let service = Service::start(FLEET);
    let site = Site::of(&service).with_rooms("rooms: []\n");
    let lists = || {
        let calls = service.calls();
        calls.iter().filter(|call| call.contains("/chatrooms?")).count()
    };
    let exported = |rooms: &[&str]| {
        let run = site.run(&[&["export", "--room"], rooms].concat()).ends_with(0);
        let ids = run
            .stdout
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- id: "));
        ids.map(|id| id.trim_matches('"').to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(exported(&["team-*", "lobby"]), ["71", "72", "73"]);
    let asked = lists();
    assert!(asked > 0);
    // Ids alone are asked for themselves.
    assert_eq!(exported(&["71,72"]), ["71", "72"]);
    assert_eq!(lists(), asked);
    site.run(&["export", "--room", "twin"])
        .ends_with(64)
        .complains("by its id: 74, 75");
    site.run(&["export", "--room", "lobbi"])
        .ends_with(64)
        .complains(r#"--room "lobbi": no such room on the service; did you mean "lobby"?"#);
}
