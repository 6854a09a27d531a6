//! Page, API, metrics and plan say the same of the same rooms: a real daemon, a browser and the command line, scene by scene.

use super::browser::{Window, browse};
use super::page::{WIDE, looks, quiet};
use crate::daemon::{Daemon, PATIENCE, Place};
use roomsync::emulator::Environment;
use roomsync::model::RoomId;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const LOBBY: &str = "66213271109633";
const SUPPORT: &str = "66213271109634";
const MUSIC: &str = "66213271109635";
const ARCHIVE: &str = "66213271109636";

/// Words of the page for each state.
const WORDS: [(&str, &str); 8] = [
    ("unseen", "Not seen yet"),
    ("unknown", "Unknown"),
    ("in_sync", "In sync"),
    ("incomplete", "Incomplete"),
    ("changing", "Changing"),
    ("blocked", "Blocked"),
    ("failed", "Failed"),
    ("observed", "Observed"),
];

/// A service in which `boss` owns three rooms, and whoever goes offline leaves them after a moment.
fn place(lobby: &str, rooms: &str) -> Place {
    let state = format!(
        "{{app_key: \"acme#demo\", tokens: [secret], users: [boss, alice, bob, carol, dave, erin], rooms: {{\n\
         \"{LOBBY}\": {{owner: boss, members: [{lobby}]}},\n\
         \"{SUPPORT}\": {{owner: boss, members: [alice]}},\n\
         \"{MUSIC}\": {{owner: boss, members: [alice]}}}}}}"
    );
    let environment = Environment {
        offline_after: Some(Duration::from_millis(200)),
        ..Environment::default()
    };
    let place = Place::of(&state, rooms, environment);
    place.settings("sync: {interval: 1s, settle_removals: 0s}\nguards: {max_removals_total: 100%}");
    place
}

fn names(list: &Value) -> BTreeSet<String> {
    let names = list.as_array().into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Wanted people who are left alone, by the API.
fn missing(room: &Value) -> BTreeSet<String> {
    let left_alone = ["set_aside", "contested", "coming_and_going"].map(|why| names(&room["missing"][why]));
    left_alone.into_iter().flatten().collect()
}

fn rooms(status: &Value) -> BTreeMap<String, Value> {
    let rooms = status["rooms"].as_array().unwrap().iter();
    rooms
        .map(|room| (room["id"].as_str().unwrap().to_owned(), room.clone()))
        .collect()
}

fn states(status: &Value) -> BTreeMap<String, String> {
    let of = |room: Value| room["state"].as_str().unwrap().to_owned();
    rooms(status)
        .into_iter()
        .map(|(id, room)| (id, of(room)))
        .collect()
}

/// State, numbers and reason that the browser shows of each room.
async fn shown(window: &Window) -> BTreeMap<String, [String; 3]> {
    let rows = window
        .eval(
            "[...document.querySelectorAll('#list > li')].map(row => [row.id.slice(5), ...['.state', '.drift', '.why']\
             .map(part => row.querySelector(part).innerText)])",
        )
        .await;
    let rows = rows.as_array().unwrap().iter().map(|row| {
        let text = |index: usize| row[index].as_str().unwrap().to_owned();
        (text(0), [text(1), text(2), text(3)])
    });
    rows.collect()
}

/// Waits until the page shows the states that the API gives, and compares all else that they say. Gives the API's answer.
async fn page_agrees(window: &Window, daemon: &Daemon) -> Value {
    let begun = Instant::now();
    let (status, rows) = loop {
        let status = daemon.status();
        let rows = shown(window).await;
        let word = |state: &str| WORDS.iter().find(|(known, _)| *known == state).unwrap().1;
        let same = states(&status)
            .iter()
            .all(|(id, state)| rows.get(id).is_some_and(|row| row[0].contains(word(state))));
        let count = status["attention"].as_array().unwrap().len();
        let headline = window.text("#headline").await;
        let says_so = match count {
            0 => !headline.contains("attention"),
            1 => headline == "1 thing needs attention",
            _ => headline == format!("{count} things need attention"),
        };
        if same
            && says_so
            && rows.len() == states(&status).len()
            && states(&daemon.status()) == states(&status)
        {
            break (status, rows);
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{headline}\n{rows:#?}\nbut\n{status:#}\n{}",
            daemon.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for (id, room) in rooms(&status) {
        let [_, numbers, why] = &rows[&id];
        let of = |why: &str| names(&room["missing"][why]);
        for (people, words) in [
            (of("coming_and_going"), "not here"),
            (of("contested"), "contested"),
            (of("set_aside"), "set aside"),
        ] {
            let count = format!("{} {words}", people.len());
            assert_eq!(numbers.contains(&count), !people.is_empty(), "{id}: {numbers}");
            assert!(
                people.iter().all(|name| why.contains(name.as_str())),
                "{id}: {why}"
            );
        }
    }
    let items: Vec<&Value> = status["attention"].as_array().unwrap().iter().collect();
    let listed = window.text("#attention").await;
    for item in &items {
        // What stands between backticks is shown as code.
        let message = item["message"].as_str().unwrap().replace('`', "");
        assert!(listed.contains(&message), "{message} is not in {listed}");
        assert!(item["since"].is_string(), "{item}");
    }
    let headline = window.text("#headline").await;
    let is_well = states(&status).values().all(|state| state == "in_sync") && items.is_empty();
    assert_eq!(headline.contains("All is well"), is_well, "{headline}");
    status
}

/// The metrics count the rooms as the API names them.
fn metrics_agree(daemon: &Daemon, status: &Value) {
    let metrics = daemon.get("/metrics").1;
    for (state, _) in WORDS {
        let count = states(status).values().filter(|known| *known == state).count();
        let line = format!("roomsync_rooms{{state=\"{state}\"}} {count}");
        assert!(
            metrics.lines().any(|told| told == line),
            "{line} is not in\n{metrics}"
        );
    }
    let valid = usize::from(status["files"]["valid"] == true);
    assert!(
        metrics.contains(&format!("roomsync_files_valid {valid}\n")),
        "{metrics}"
    );
    let going = status["coming_and_going"].as_array().unwrap().len();
    let line = format!("roomsync_members_coming_and_going {going}\n");
    assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
}

/// `roomsync status` says what the page says, and its exit code is never better than what is so.
fn command_agrees(place: &Place, daemon: &Daemon, status: &Value) {
    let output = place.run(&["status", "--url", &daemon.url()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let headline = status["headline"]["text"].as_str().unwrap();
    assert_eq!(text.lines().next(), Some(headline), "{text}{error}");
    for item in status["attention"].as_array().unwrap() {
        let message = item["message"].as_str().unwrap();
        assert!(
            text.contains(&format!("  ! {message}")),
            "{message} is not in {text}"
        );
    }
    let states: BTreeSet<String> = states(status).into_values().collect();
    let has = |of: &[&str]| of.iter().any(|state| states.contains(*state));
    let trouble = !status["service"]["trouble"].is_null();
    let expected = if trouble {
        1
    } else if has(&["failed", "incomplete", "unknown", "unseen", "changing"]) {
        4
    } else if has(&["blocked"]) || status["withheld"]["code"] == "paused" {
        3
    } else if status["attention"] == Value::Array(Vec::new()) {
        0
    } else {
        4
    };
    assert_eq!(output.status.code(), Some(expected), "{text}{error}");
}

/// A plan has no memory: whoever is missing by the daemon is one whom it would add.
fn plan_agrees(place: &Place, daemon: &Daemon, status: &Value) {
    let output = place.run(&["plan", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(
        rooms(&plan).keys().collect::<Vec<_>>(),
        rooms(status).keys().collect::<Vec<_>>()
    );
    for (id, room) in rooms(&plan) {
        let seen = &rooms(status)[&id];
        let state = seen["state"].as_str().unwrap();
        let expected = if state == "incomplete" { "changed" } else { state };
        assert_eq!(room["status"], expected, "{id}: {room:#}\n{seen:#}");
        let added = names(&room["add"]);
        assert!(missing(seen).is_subset(&added), "{id}: {room:#}\n{seen:#}");
        let detail: Value = serde_json::from_str(&daemon.get(&format!("/api/rooms/{id}")).1).unwrap();
        let plus = names(&detail["diff"]).into_iter().filter_map(|line| {
            let name = line.strip_prefix('+')?;
            Some(name.trim_end_matches(" (admin)").to_owned())
        });
        assert_eq!(plus.collect::<BTreeSet<_>>(), added, "{id}: {detail:#}");
    }
}

/// Runs a scene with a daemon and a browser that shows its page.
fn scene(name: &str, place: &Place, story: impl AsyncFnOnce(&Window, &Daemon)) {
    let daemon = place.start();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(browse(&format!("{name}, for real"), async |window| {
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&daemon.url()).await;
        story(window, &daemon).await;
        quiet(window).await;
    }));
}

#[test]
fn people_who_are_not_there_are_named_alike() {
    let place = place(
        "alice",
        &format!(
            "rooms:\n  - {{id: \"{LOBBY}\", name: lobby, members: [alice, bob, carol]}}\n\
             \x20 - {{id: \"{SUPPORT}\", name: support, members: [alice, zed]}}\n\
             \x20 - {{id: \"{MUSIC}\", name: music, members: [alice]}}\n"
        ),
    );
    let gone = ["bob".to_owned(), "carol".to_owned()];
    place.emulator.offline(&gone);
    scene("people who are not there", &place, async |window, daemon| {
        daemon.until("both left alone", |daemon| {
            missing(&rooms(&daemon.status())[LOBBY]).len() == 2
        });
        let status = page_agrees(window, daemon).await;
        let states = states(&status);
        assert_eq!(
            [LOBBY, SUPPORT, MUSIC].map(|id| states[id].as_str()),
            ["incomplete", "incomplete", "in_sync"]
        );
        assert_eq!(missing(&rooms(&status)[SUPPORT]), ["zed".to_owned()].into());
        metrics_agree(daemon, &status);
        command_agrees(&place, daemon, &status);
        plan_agrees(&place, daemon, &status);
        looks(window, "real-incomplete").await;

        // Nobody is set aside any more, and the rest needs no person: still it is not well.
        let all = fs::read_to_string(place.path("rooms/all.yaml")).unwrap();
        place.replace("rooms/all.yaml", &all.replace(", zed", ""));
        window
            .wait_for("#headline", "3 rooms as the files say, but 2 people come and go")
            .await;
        let status = page_agrees(window, daemon).await;
        metrics_agree(daemon, &status);
        command_agrees(&place, daemon, &status);
        plan_agrees(&place, daemon, &status);

        // Back without help, they are free at once.
        place.emulator.online(&gone);
        place.emulator.edit(|state| {
            let room = state.rooms.get_mut(&RoomId::parse(LOBBY).unwrap()).unwrap();
            for user in &gone {
                room.join(user);
            }
        });
        window
            .wait_for("#headline", "All is well: 3 rooms as the files say")
            .await;
        let status = page_agrees(window, daemon).await;
        assert_eq!(names(&status["coming_and_going"]), BTreeSet::new());
        assert_eq!(status["coming_and_going"].as_array().unwrap().len(), 0);
        metrics_agree(daemon, &status);
        command_agrees(&place, daemon, &status);
        plan_agrees(&place, daemon, &status);
    });
}

#[test]
fn without_the_service_nothing_is_known_anywhere() {
    let place = place(
        "alice",
        &format!(
            "rooms:\n  - {{id: \"{LOBBY}\", name: lobby, members: [alice]}}\n\
             \x20 - {{id: \"{SUPPORT}\", name: support, members: [alice]}}\n"
        ),
    );
    scene("a service that is away", &place, async |window, daemon| {
        window.wait_for("#headline", "All is well").await;
        place.take_away_the_service();
        let mut ended = Value::Null;
        daemon.until("unknown", |daemon| {
            let status = daemon.status();
            let tried = &status["passes"]["last_tried"];
            if status["service"]["trouble"].is_object() && ended.is_null() {
                ended = status["passes"]["last_ended"].clone();
            }
            states(&status).values().all(|state| state == "unknown")
                && tried.as_str() > status["passes"]["last_ended"].as_str()
        });
        let status = page_agrees(window, daemon).await;
        assert_eq!(status["passes"]["last_ended"], ended, "nothing answered since");
        let [item] = status["attention"].as_array().unwrap().as_slice() else {
            panic!("{status:#}");
        };
        assert_eq!(
            (&item["severity"], &item["code"]),
            (&"red".into(), &"service_unreachable".into())
        );
        metrics_agree(daemon, &status);
        command_agrees(&place, daemon, &status);
        window.wait_for("#beat", "no answer; last seen").await;
        let output = place.run(&["plan", "--format", "json"]);
        assert_eq!(output.status.code(), Some(1), "the plan knows nothing either");
        looks(window, "real-away").await;
    });
}

#[test]
fn what_waits_for_a_person_is_counted_alike() {
    let wanted = format!(
        "rooms:\n  - {{id: \"{LOBBY}\", name: lobby, members: [alice]}}\n\
         \x20 - {{id: \"{SUPPORT}\", name: support, members: [alice]}}\n\
         \x20 - {{id: \"{ARCHIVE}\", name: archive, members: [alice]}}\n"
    );
    let music = format!("  - {{id: \"{MUSIC}\", name: music, members: [alice]}}\n");
    let place = place("alice, bob, carol, dave, erin", &format!("{wanted}{music}"));
    scene("what waits for a person", &place, async |window, daemon| {
        window.wait_for("#list > li:first-child", "archive").await;
        daemon.until("looked at", |daemon| {
            daemon.status()["passes"]["last_ended"].is_string()
        });
        place.replace("rooms/all.yaml", &wanted);
        place.write(".roomsync/pause", "moving to the new lists\n");
        daemon.until("paused", |daemon| {
            let attention = daemon.status()["attention"].as_array().unwrap().len();
            attention == 4 && daemon.status()["withheld"]["code"] == "paused"
        });
        let status = page_agrees(window, daemon).await;
        let items = status["attention"].as_array().unwrap();
        let codes: Vec<&str> = items.iter().map(|item| item["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["paused", "failed", "blocked", "not_managed"]);
        assert!(items.iter().all(|item| item["severity"] == "amber"), "{status:#}");
        assert_eq!(items[0]["why"], "moving to the new lists");
        assert!(items[0]["by"].is_string());
        let states = states(&status);
        assert_eq!(
            [LOBBY, SUPPORT, ARCHIVE].map(|id| states[id].as_str()),
            ["blocked", "in_sync", "failed"]
        );
        metrics_agree(daemon, &status);
        command_agrees(&place, daemon, &status);
        plan_agrees(&place, daemon, &status);
        looks(window, "real-waiting").await;

        // Files that cannot be used are an outage, and come first.
        place.replace("rooms/all.yaml", "rooms: [{id: 1, membrs: []}]\n");
        daemon.until("invalid", |daemon| daemon.status()["files"]["valid"] == false);
        let status = page_agrees(window, daemon).await;
        assert_eq!(status["attention"][0]["code"], "files_invalid");
        assert_eq!(status["attention"][0]["severity"], "red");
        metrics_agree(daemon, &status);
        command_agrees(&place, daemon, &status);
        assert_eq!(place.run(&["plan"]).status.code(), Some(5));
        looks(window, "real-invalid").await;
    });
}
