//! The plan where a change is reviewed: as markdown, against the base version of the files, within a number of calls.

use super::service::{ROOM, STATE, Service};
use super::site::{ROOMS, Site};
use serde_json::{Value, json};
use std::fs;

/// State of [`ROOMS`] before: eve was wanted, who is not there, and another room was managed.
const BASE: &str = r#"rooms:
  - {id: 66213271109633, name: lobby, members: [bob, carol, dan, eve, mia], mode: additive}
  - {id: 77, name: "<b>old</b>", members: [bob]}
"#;

fn with_base(site: &Site, text: &str) {
    fs::create_dir_all(site.path("base")).unwrap();
    site.write("base/team.yaml", text);
}

#[test]
fn a_plan_as_markdown() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    let run = site
        .run(&["plan", "--format", "markdown", "--out", "plan.json"])
        .ends_with(0);
    let plan: Value = serde_json::from_slice(&fs::read(site.path("plan.json")).unwrap()).unwrap();
    let id = plan["id"].as_str().unwrap();
    let digest = plan["source"]["digest"].as_str().unwrap();
    assert_eq!(
        run.stdout,
        format!(
            "<!-- roomsync-plan -->
## roomsync plan: 1 to change, 0 in sync, of 1 room

| | removals | demotions | promotions | adds |
|:--|--:|--:|--:|--:|
| an apply makes | 0 | 0 | 1 | 1 |

**2 calls** (1 `add_many`, 1 `promote`), at least 0.02 s

### Other changes: 1 room

<details><summary><code>lobby</code> ({ROOM}): 1 promotion, 1 add, 2 calls</summary>

```diff
! mia: becomes an admin
+ carol
```

</details>

<p><sub>plan <code>{id}</code> for <code>acme#demo</code> of 1 file <code>{digest}</code></sub></p>
"
        )
    );
    assert_eq!(run.stderr, "");
    let again = site
        .run(&["plan", "--format", "markdown", "--detailed-exitcode"])
        .ends_with(2);
    assert_eq!(again.stdout, run.stdout, "nothing in it is of the moment");
    let blocked = site.with_rooms(&ROOMS.replace("carol, dan", "carol"));
    let blocked = blocked.with_settings("rooms: rooms/\n", "rooms: rooms/\nguards: {max_removals: 0}\n");
    let run = blocked.run(&["plan", "--format", "markdown"]).ends_with(3);
    assert!(
        run.stdout.contains("\n### Blocked by a guard: 1 room\n"),
        "{}",
        run.stdout
    );
    assert_eq!(service.writes(), [""; 0]);
}

#[test]
fn what_leaves_the_files_is_shown_whatever_is_in_the_room() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    with_base(&site, BASE);
    let args = ["plan", "--base", "base", "--format"];

    let text = site.run(&[&args[..], &["text"]].concat()).ends_with(0);
    for line in [
        "room <b>old</b> (77): leaves the files and is no longer managed; it is left as it is\n",
        "  note[guard_loosened]: mode is authoritative, it was additive\n",
        "  note[leaves_files]: eve: the files no longer want this person here\n",
    ] {
        assert!(text.stdout.contains(line), "no {line:?} in {}", text.stdout);
    }
    assert!(text.stderr.contains("no longer managed"), "{}", text.stderr);

    let json = site.run(&[&args[..], &["json"]].concat()).ends_with(0).json();
    assert_eq!(
        json["rooms"][0]["notes"],
        json!([
            {"code": "guard_loosened", "message": "admins is managed now: an admin who is not listed is demoted"},
            {"code": "guard_loosened", "message": "mode is authoritative, it was additive"},
            {"code": "leaves_files", "message": "the files no longer want this person here", "user": "eve"},
        ])
    );
    assert_eq!(json["rooms"].as_array().unwrap().len(), 1);

    let markdown = site.run(&[&args[..], &["markdown"]].concat()).ends_with(0).stdout;
    for line in [
        "names that leave 1 (in 1 room), admins who become members 0, new rooms 0, rooms no longer managed 1, rooms with looser guards 1, rooms with other changes 0\n",
        "<li><code>&lt;b&gt;old&lt;/b&gt;</code> (77)</li>\n",
        "### Guards let more through: 1 room\n",
        "<li>looser: <code>mode is authoritative, it was additive</code></li>\n",
        "- eve: leaves the files, no call\n",
    ] {
        assert!(markdown.contains(line), "no {line:?} in {markdown}");
    }
    assert_eq!(service.writes(), [""; 0]);
}

#[test]
fn a_key_that_becomes_managed_is_told_in_a_room_in_sync() {
    let service = Service::start(STATE);
    let rooms = "rooms:\n  - {id: 66213271109633, name: lobby, admins: [], allow_empty: admins, members: [bob, dan, mia]}\n";
    let site = Site::of(&service).with_rooms(rooms);
    with_base(&site, &rooms.replace(", members: [bob, dan, mia]", ""));
    let args = ["plan", "--base", "base", "--format"];
    let told = "members is managed now: who is not listed is removed";

    let markdown = site.run(&[&args[..], &["markdown"]].concat()).ends_with(0).stdout;
    for line in [
        "rooms with looser guards 1, rooms with other changes 0\n",
        "### Guards let more through than before, with nothing to do now: 1 room\n",
        &format!("<li>looser: <code>{told}</code></li>\n"),
    ] {
        assert!(markdown.contains(line), "no {line:?} in {markdown}");
    }
    assert!(!markdown.contains("Nothing is to be done"), "{markdown}");

    let text = site.run(&[&args[..], &["text"]].concat()).ends_with(0).stdout;
    assert!(
        text.contains(&format!("  note[guard_loosened]: {told}\n")),
        "{text}"
    );
    let json = site.run(&[&args[..], &["json"]].concat()).ends_with(0).json();
    assert_eq!(
        json["rooms"][0]["notes"],
        json!([{"code": "guard_loosened", "message": told}])
    );
}

#[test]
fn what_keeps_people_in_is_told() {
    let service = Service::start(STATE);
    // Without the base version nothing would show that dan was to go.
    let rooms = "rooms:\n  - {id: 66213271109633, name: ops, members: [bob, mia], ignore: [\"d*\"]}\n";
    let site = Site::of(&service).with_rooms(rooms);
    with_base(
        &site,
        "rooms:\n  - {id: 66213271109633, name: lobby, members: [bob, mia]}\n",
    );
    let args = ["plan", "--base", "base", "--format"];
    let changes = [
        r#"the label is "ops", it was "lobby""#,
        "ignore now names d*: nobody of that name is seen or touched",
    ];
    let text = site.run(&[&args[..], &["text"]].concat()).ends_with(0).stdout;
    let json = site.run(&[&args[..], &["json"]].concat()).ends_with(0).json();
    let markdown = site.run(&[&args[..], &["markdown"]].concat()).ends_with(0).stdout;
    for (n, change) in changes.into_iter().enumerate() {
        assert!(
            text.contains(&format!("  note[files_change]: {change}\n")),
            "{text}"
        );
        assert_eq!(
            json["rooms"][0]["notes"][n],
            json!({"code": "files_change", "message": change})
        );
        let row = format!(
            "<li>files_change: <code>{}</code></li>\n",
            change.replace('"', "&quot;")
        );
        assert!(markdown.contains(&row), "{markdown}");
    }
}

#[test]
fn a_new_room_with_guards_that_let_more_through_is_told() {
    let service = Service::start(STATE);
    let rooms = format!("{ROOMS}    guards: {{max_removals: 100%}}\n");
    let site = Site::of(&service).with_rooms(&rooms);
    with_base(&site, "rooms:\n  - {id: 77, members: [bob]}\n");
    let args = ["plan", "--base", "base", "--format"];
    let told = "max_removals is 100%, the settings say 25%";
    let text = site.run(&[&args[..], &["text"]].concat()).ends_with(0).stdout;
    assert!(
        text.contains(&format!("  note[guard_loosened]: {told}\n")),
        "{text}"
    );
    let json = site.run(&[&args[..], &["json"]].concat()).ends_with(0).json();
    let notes = json["rooms"][0]["notes"].as_array().unwrap();
    assert_eq!(notes[1], json!({"code": "guard_loosened", "message": told}));
    let markdown = site.run(&[&args[..], &["markdown"]].concat()).ends_with(0).stdout;
    assert_eq!(markdown.matches(told).count(), 1, "{markdown}");
}

#[test]
fn a_base_version_of_several_roots() {
    let service = Service::start(STATE);
    let site = Site::of(&service).with_settings("rooms: rooms/\n", "rooms: [rooms/, more/]\n");
    for folder in ["more", "base", "base-more"] {
        fs::create_dir(site.path(folder)).unwrap();
    }
    let more = "rooms:\n  - {id: 77, mode: observe, members: [bob]}\n";
    site.write("more/rooms.yaml", more);
    site.write("base/rooms.yaml", ROOMS);
    site.write("base-more/rooms.yaml", more);
    let warned = "the settings name more roots of room files than --base does: rooms of the others look new";
    for args in [
        &["--base", "base", "base-more"][..],
        &["--base", "base", "--base", "base-more"],
    ] {
        // Room 77 is not there.
        let run = site.run(&[&["plan"], args].concat()).ends_with(4);
        assert!(
            !run.stdout.contains("note[") && !run.stderr.contains("look new"),
            "{args:?}: {run:?}"
        );
    }
    let run = site
        .run(&["plan", "--base", "base"])
        .ends_with(4)
        .complains(warned);
    assert!(run.stdout.contains("note[new_room]"), "{run:?}");
    site.run(&["plan", "--base", "base", "no/such"]).ends_with(64);
}

#[test]
fn only_the_rooms_that_were_asked_for_are_compared() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    with_base(&site, BASE);
    let run = site.run(&["plan", "--base", "base", "--room", ROOM]).ends_with(0);
    assert!(run.stdout.contains("leaves_files"), "{}", run.stdout);
    assert!(!run.stdout.contains("77") && run.stderr.is_empty(), "{run:?}");
}

#[test]
fn the_settings_beside_the_base_version_are_no_room_file() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    let same = site.run(&["plan", "--base", "."]).ends_with(0);
    assert!(
        same.stderr.is_empty() && !same.stdout.contains("note["),
        "{same:?}"
    );
    with_base(&site, BASE);
    site.write("base/roomsync.yaml", "service: {}\n");
    let run = site.run(&["plan", "--base", "base"]).ends_with(0);
    assert!(run.stdout.contains("leaves_files"), "{run:?}");
}

#[test]
fn a_base_version_that_is_not_valid_stops_nothing() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    with_base(&site, "rooms: [{id: 12, member: [bob]}]\n");
    let run = site
        .run(&["plan", "--base", "base", "--format", "markdown"])
        .ends_with(0)
        .complains("base/team.yaml:1:")
        .complains("the base version of the files is not valid");
    for words in [
        "What leaves the files cannot be said, because their base version is not valid: <code>base/team.yaml:1:",
        "+ carol\n",
    ] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
    let text = site.run(&["plan", "--base", "base"]).ends_with(0).stdout;
    assert!(text.starts_with("what leaves the files cannot be said"), "{text}");
    // The files themselves are not forgiven.
    with_base(&site, BASE);
    site.with_rooms("rooms: [{id: 12, member: [bob]}]\n")
        .run(&["plan", "--base", "base"])
        .ends_with(5);
}

#[test]
fn a_plan_of_more_calls_than_allowed_writes_nothing() {
    let state = format!("{STATE}  \"77\": {{owner: alice, members: [dan]}}\n");
    let service = Service::start(&state);
    let rooms = format!("{ROOMS}  - {{id: 77, members: [bob, dan]}}\n  - {{id: 999, members: [bob]}}\n");
    let site = Site::of(&service).with_rooms(&rooms);
    let said = "error: this plan makes 3 calls, and --max-calls allows 2: nothing is written\n\
                most calls go to lobby (66213271109633): 2 calls, 77: 1 call\n\
                see whether all of this is meant; then allow it with --max-calls 3, or take fewer rooms at a time with --room\n";
    let only_two = ["--max-calls", "2", "--room", ROOM, "77"];
    for (args, code) in [
        (&["plan"][..], 3),
        (&["plan", "--detailed-exitcode"], 3),
        (&["plan", "--format", "markdown"], 3),
        (&["apply", "--yes"], 3),
        (&["apply", "--yes", "--format", "json"], 3),
    ] {
        let run = site.run(&[args, &only_two].concat()).ends_with(code);
        assert_eq!(run.stderr, said, "{args:?}");
        assert!(run.stdout.contains("carol"), "the plan is shown: {}", run.stdout);
        if args.contains(&"json") {
            assert_eq!(run.json()["result"], Value::Null);
        }
    }
    // A room that is not there is more.
    site.run(&["plan", "--max-calls", "2"]).ends_with(4);
    site.run(&["apply", "--yes", "--max-calls", "2"]).ends_with(4);
    assert_eq!(service.writes(), [""; 0]);
    let allowed = ["apply", "--yes", "--max-calls", "3", "--room", ROOM, "77"];
    site.run(&allowed).ends_with(0);
    assert_eq!(service.writes().len(), 3);
    site.run(&["apply", "--yes", "--max-calls", "0", "--room", ROOM])
        .ends_with(0);
}
