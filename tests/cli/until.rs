//! Places that end, in commands that have no memory.

use super::service::{ROOM, STATE, Service};
use super::site::{Run, Site};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A date so many days from now.
fn day(days: i64) -> String {
    let day = Timestamp::now() + SignedDuration::from_hours(24 * days);
    day.strftime("%Y-%m-%d").to_string()
}

/// bob, dan and mia are live; zed is in another room beside it.
fn start() -> Service {
    Service::start(&format!("{STATE}  \"77\": {{owner: alice, members: [bob]}}\n"))
}

fn site(service: &Service, entry: &str) -> Site {
    let text = format!(
        "rooms:\n  - {{id: \"{ROOM}\", name: lobby, {entry}}}\n  - {{id: 77, name: other, members: [bob, carol]}}\n"
    );
    Site::of(service).with_rooms(&text).with_settings(
        "rooms: rooms/\n",
        "rooms: rooms/\nguards: {max_removals_total: 100%}\n",
    )
}

fn room(run: &Run) -> Value {
    let json = run.json();
    let plan = json.get("plan").unwrap_or(&json);
    let rooms = plan["rooms"].as_array().unwrap().iter();
    rooms.clone().find(|room| room["id"] == ROOM).unwrap().clone()
}

fn notes(room: &Value, code: &str) -> Vec<String> {
    let notes = room["notes"].as_array().unwrap().iter();
    let such = notes.filter(|note| note["code"] == code);
    such.map(|note| note["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_place_that_has_ended_is_taken_and_nobody_comes_for_it() {
    let service = start();
    let ended = day(-2);
    let site = site(
        &service,
        &format!("members: [bob, dan, {{user: mia, until: {ended}}}, {{user: eve, until: {ended}}}]"),
    );
    let planned = site.run(&["plan", "--format", "json"]).ends_with(0);
    let lobby = room(&planned);
    assert_eq!(
        (&lobby["remove"], &lobby["add"]),
        (&serde_json::json!(["mia"]), &serde_json::json!([]))
    );
    assert_eq!(
        notes(&lobby, "until_over"),
        [format!("was wanted here until {ended} (UTC)")]
    );
    let text = site.run(&["plan"]).ends_with(0).stdout;
    assert!(
        text.contains("-mia") && text.contains("note[until_over]: mia: was wanted here"),
        "{text}"
    );
    let markdown = site.run(&["plan", "--format", "markdown"]).ends_with(0).stdout;
    assert!(markdown.contains("was wanted here until"), "{markdown}");
    let told = site.run(&["explain", "mia", "lobby"]).ends_with(0).stdout;
    assert!(
        told.contains(&format!("The files wanted mia here until {ended} (UTC)")),
        "{told}"
    );
    assert!(
        told.contains(&format!(" until {ended} (UTC)\n")) && told.contains("A pass would remove mia."),
        "{told}"
    );
    // A saved plan holds, and an end that came since is a move.
    site.run(&["plan", "--out", "plan.json"]).ends_with(0);
    site.run(&["apply", "--plan", "plan.json", "--yes"]).ends_with(0);
    let after = site.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(after["summary"]["calls"], 0, "{after}");
    assert!(
        service
            .calls()
            .iter()
            .any(|call| call.contains("DELETE") && call.contains("mia"))
    );
}

#[test]
fn an_end_that_is_near_or_trips_a_guard_is_told_before() {
    let service = start();
    let soon = day(3);
    let site = site(
        &service,
        &format!(
            "admins: [mia], members: [bob, {{user: dan, until: {soon}}}, {{user: carol, until: {soon}}}]"
        ),
    );
    let lobby = room(&site.run(&["plan", "--format", "json"]).ends_with(0));
    assert_eq!(lobby["remove"], serde_json::json!([]));
    assert_eq!(
        notes(&lobby, "until_near"),
        [format!("carol and dan are wanted here until {soon} (UTC)")]
    );
    let [trips] = notes(&lobby, "until_trips_guard").try_into().unwrap();
    assert!(
        trips.contains("the places of 2 people in `members` end, of 4; max_removals allows 25%"),
        "{trips}"
    );
    let validated = site.run(&["validate"]).ends_with(0).stdout;
    for said in [
        "warning[until-trips-guard]",
        "note[until-near]",
        "dan",
        "max_removals allows 25%",
    ] {
        assert!(validated.contains(said), "{said}: {validated}");
    }
    let told = site.run(&["explain", "dan", "lobby"]).ends_with(0).stdout;
    assert!(
        told.contains(&format!("to be a member here until {soon} (UTC).")),
        "{told}"
    );
}

#[test]
fn who_was_last_stays_and_the_room_is_blocked_while_others_go_on() {
    let (service, ended) = (start(), day(-2));
    let entry = format!(
        "members: [{{user: bob, until: {}}}, {{user: dan, until: {}}}, {{user: mia, until: {ended}}}]",
        day(-4),
        day(-4)
    );
    let guards = "guards: {max_removals: 100%}";
    let site_of = |more: &str| site(&service, &format!("{entry}, {guards}{more}"));
    let site = site_of("");
    let planned = site.run(&["plan", "--format", "json"]).ends_with(3);
    let lobby = room(&planned);
    assert_eq!(lobby["status"], "blocked");
    assert_eq!(lobby["remove"], serde_json::json!(["bob", "dan", "mia"]));
    let block = serde_json::json!({"guard": "allow_empty", "limit": "0", "wanted": 1, "of": 1});
    assert_eq!(lobby["blocked"], serde_json::json!([block]));
    let text = site.run(&["plan"]).ends_with(3).stdout;
    for said in [
        "blocked: allow_empty: 1 person kept, who had the last place in a list",
        "mia is kept until the list names somebody",
        "allow_empty holds 1 room: list somebody, or write `allow_empty: …` in lobby",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let markdown = site.run(&["plan", "--format", "markdown"]).ends_with(3).stdout;
    assert!(
        markdown.contains("who had the last place in a list stays here"),
        "{markdown}"
    );
    let members = || {
        let state = service.emulator.state();
        let room = state
            .rooms
            .iter()
            .find(|(id, _)| id.as_str() == ROOM)
            .unwrap()
            .1
            .clone();
        let live = |user: &&str| room.members().contains(user);
        ["bob", "dan", "mia"].into_iter().filter(live).collect::<Vec<_>>()
    };
    // What it says is what is done.
    site.run(&["plan", "--out", "plan.json"]).ends_with(3);
    site.run(&["apply", "--plan", "plan.json", "--yes"]).ends_with(3);
    assert_eq!(members(), ["mia"]);
    let other = site.run(&["plan", "--format", "json"]).ends_with(3).json();
    assert_eq!(
        other["rooms"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|room| room["status"] == "in_sync")
            .count(),
        1
    );
    // A person lets her go, or the files do.
    site.run(&["plan", "--out", "plan.json"]).ends_with(3);
    site.run(&["apply", "--plan", "plan.json", "--approve", ROOM, "--yes"])
        .ends_with(0);
    assert!(members().is_empty());
    site.run(&["plan"]).ends_with(0);
}

#[test]
fn who_was_last_goes_where_the_list_may_be_empty() {
    let (service, ended) = (start(), day(-2));
    let entry = format!("admins: [{{user: mia, until: {ended}}}], members: [bob, dan], allow_empty: admins");
    let lobby = room(
        &site(&service, &entry)
            .run(&["plan", "--format", "json"])
            .ends_with(0),
    );
    assert_eq!(
        (&lobby["remove"], &lobby["blocked"]),
        (&serde_json::json!(["mia"]), &serde_json::json!([]))
    );
}

const HOUR_MS: i64 = 3_600_000;

fn emulator_clock(service: &Service, ahead_ms: i64) {
    service
        .emulator
        .set_clock(move || u64::try_from(Timestamp::now().as_millisecond() + ahead_ms).unwrap());
}

#[test]
fn a_wrong_clock_expires_nobody() {
    let entry = format!(
        "members: [bob, dan, {{user: mia, until: {}}}, {{user: eve, until: {}}}]",
        day(-2),
        day(-2)
    );
    for ahead in [HOUR_MS, -HOUR_MS, 87_660 * HOUR_MS] {
        let service = start();
        emulator_clock(&service, ahead);
        let site = site(&service, &entry);
        // Nobody goes, and nobody comes whose place has probably ended.
        let planned = site
            .run(&["plan", "--format", "json"])
            .ends_with(4)
            .complains("nobody's place ends (`until`)");
        let lobby = room(&planned);
        assert_eq!(
            (&lobby["remove"], &lobby["add"]),
            (&serde_json::json!([]), &serde_json::json!([])),
            "{ahead}"
        );
        assert_eq!(notes(&lobby, "clock").len(), 1, "{lobby}");
        site.run(&["run", "--once"]).ends_with(4);
        assert!(
            !service
                .calls()
                .iter()
                .any(|call| call.contains("mia") || call.contains("eve"))
        );
        emulator_clock(&service, 9 * 60_000);
        site.run(&["run", "--once"]).ends_with(0);
        assert!(
            service
                .calls()
                .iter()
                .any(|call| call.contains("DELETE") && call.contains("mia")),
            "{ahead}"
        );
    }
}

#[test]
fn where_the_body_bears_no_time_the_date_header_does() {
    let service = start();
    service.emulator.set_clock(|| 0);
    let entry = format!("members: [bob, dan, {{user: mia, until: {}}}]", day(-2));
    let lobby = room(
        &site(&service, &entry)
            .run(&["plan", "--format", "json"])
            .ends_with(0),
    );
    assert_eq!(lobby["remove"], serde_json::json!(["mia"]));
}

#[test]
fn an_end_that_changes_is_told_of_the_base_version() {
    let (service, past, later) = (start(), day(-3), day(40));
    let with = |until: &str| {
        format!("members: [bob, dan, {{user: mia, until: {until}}}, {{user: eve, until: {past}}}]")
    };
    let site = site(&service, &with(&later));
    let rooms = std::fs::read_to_string(site.path("rooms/team.yaml")).unwrap();
    site.write("base.yaml", &rooms.replace(&later, &day(30)));
    let planned = site
        .run(&["plan", "--base", "base.yaml", "--format", "json"])
        .ends_with(0);
    let lobby = room(&planned);
    let told = format!(
        "mia is wanted until {later} (UTC), before until {} (UTC)",
        day(30)
    );
    assert_eq!(notes(&lobby, "files_change"), [told]);
    assert!(
        notes(&lobby, "leaves_files").is_empty(),
        "who has gone in both versions does not leave: {lobby}"
    );
}
