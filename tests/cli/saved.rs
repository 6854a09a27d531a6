//! Plans that are written down and applied later.

use super::service::{ROOM, STATE, Service, answer};
use super::site::{ROOMS, Run, Site};
use roomsync::emulator::State;
use roomsync::model::RoomId;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

/// Of three people two go, which a guard of 25 % does not allow.
const BLOCKED: &str = "rooms: [{id: 66213271109633, name: lobby, members: [bob, carol]}]\n";

fn edit(service: &Service, room: &str, edit: impl FnOnce(&mut roomsync::emulator::Room)) {
    let id = RoomId::parse(room).unwrap();
    service
        .emulator
        .edit(|state: &mut State| edit(state.rooms.get_mut(&id).unwrap()));
}

/// A site with a plan in `plan.json`.
fn planned(service: &Service, rooms: &str, code: i32) -> Site {
    let site = Site::of(service).with_rooms(rooms);
    site.run(&["plan", "--out", "plan.json"]).ends_with(code);
    site
}

fn apply(site: &Site) -> Run {
    site.run(&["apply", "--yes", "--plan", "plan.json"])
}

#[test]
fn exactly_the_plan_is_applied_and_only_once() {
    let service = Service::start(STATE);
    let site = planned(&service, ROOMS, 0);
    let run = apply(&site).ends_with(0);
    assert!(
        run.stdout
            .ends_with("applied: 1 room, 1 converged, 0 unchanged; 2 calls\n"),
        "{}",
        run.stdout
    );
    assert_eq!(service.people(), "alice bob carol dan mia*");
    let run = apply(&site).ends_with(6);
    assert!(
        run.stdout.contains(
            "room lobby (66213271109633): refused\n  +carol\n  ~ mia: member → admin\n  error[moved]: \
             the room has moved since the plan was made: carol was to be added and is there already; plan again\n"
        ),
        "{}",
        run.stdout
    );
    assert_eq!(service.writes().len(), 2);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn of_a_hundred_rooms_the_one_that_moved_is_refused_by_name() {
    let id = |n: usize| format!("{}", 1000 + n);
    let mut state = "app_key: \"acme#demo\"\ntokens: [t0k3n-t0-g3t-1n]\nrooms:\n".to_owned();
    let mut rooms = "rooms:\n".to_owned();
    for n in 0..100 {
        let _ = writeln!(
            state,
            "  \"{}\": {{owner: alice, admins: [eve], members: [bob, dan]}}",
            id(n)
        );
        let _ = writeln!(
            rooms,
            "  - {{id: {}, name: room-{n}, admins: [mia], members: [bob, dan, carol], guards: {{max_removals: 2, max_demotions: 1}}}}",
            id(n)
        );
    }
    let service = Service::start(&state);
    let site = Site::of(&service).with_rooms(&rooms).with_settings(
        "rooms: rooms/",
        "rooms: rooms/\nguards: {max_removals_total: 100}",
    );
    site.run(&["plan", "--out", "plan.json"]).ends_with(0);
    edit(&service, &id(42), |room| {
        room.join("stranger");
    });
    let run = site
        .run(&["apply", "--yes", "--plan", "plan.json", "--format", "json"])
        .ends_with(6)
        .complains("room-42");
    let said = run.json();
    let saved: Value = serde_json::from_slice(&fs::read(site.path("plan.json")).unwrap()).unwrap();
    assert_eq!(
        said["plan"], saved,
        "the plan that was applied is the one that was made"
    );
    let summary = &said["result"]["summary"];
    assert_eq!(
        [&summary["converged"], &summary["stale"]],
        [&json!(99), &json!(1)]
    );
    let stale = &said["result"]["rooms"][42];
    assert_eq!(
        [&stale["id"], &stale["status"]],
        [&json!(id(42)), &json!("stale")]
    );
    assert_eq!(stale["failed"][0]["reason"]["code"], "moved");
    assert_eq!(stale["error"]["code"], "moved");
    assert_eq!(service.writes().len(), 99 * 4);
    assert!(!service.writes().iter().any(|call| call.contains(&id(42))));

    let text = site.run(&["plan", "--detailed-exitcode"]).ends_with(2).stdout;
    assert!(text.contains("100 rooms: 1 to change, 99 in sync\n"), "{text}");
}

/// Of a plan that was kept, the JSON shows what it says, and the error of the run that carries it out.
#[test]
fn the_error_of_a_run_is_in_the_json_whether_it_planned_or_carries_out() {
    let json = |site: &Site, code| {
        site.run(&["apply", "--yes", "--plan", "plan.json", "--format", "json"])
            .ends_with(code)
    };
    let service = Service::start(STATE);
    let site = planned(&service, ROOMS, 0);
    let settings = fs::read_to_string(site.path("roomsync.yaml")).unwrap();
    let gone = Service::start(STATE).url();
    site.write("roomsync.yaml", &settings.replace(&service.url(), &gone));
    let said = json(&site, 1).json();
    assert!(said["plan"].get("error").is_none(), "{said}");
    assert_eq!(said["result"]["error"]["code"], "service_unreachable", "{said}");

    // Made while the service was away.
    site.run(&["plan", "--out", "plan.json"]).ends_with(1);
    site.write("roomsync.yaml", &settings);
    let run = json(&site, 6).complains("the plan was made by a run that ended early: no room was checked: ");
    let said = run.json();
    assert_eq!(said["plan"]["error"]["code"], "service_unreachable", "{said}");
    assert!(said["result"].get("error").is_none(), "{said}");
    assert_eq!(service.writes(), [""; 0]);
}

#[test]
fn a_plan_that_is_not_of_this_site_is_refused_whole() {
    let service = Service::start(STATE);
    let site = planned(&service, ROOMS, 0);
    let text = fs::read_to_string(site.path("plan.json")).unwrap();
    let calls = service.calls().len();
    let refuse = |plan: &str, words: &str| {
        site.write("plan.json", plan);
        let run = apply(&site).ends_with(6).complains(words);
        assert_eq!(run.stdout, "");
        run.complains("plan.json: refused, and nothing was sent; make a new one");
    };
    refuse(&text.replace("carol", "eve"), "it was cut short or edited");
    refuse(
        &text.replace("\"lobby\"", "\"lobbi\""),
        "it was cut short or edited",
    );
    refuse(&text[..text.len() / 2], "no plan of roomsync, or not all of one");
    refuse("", "no plan of roomsync");
    refuse("[1, 2]", "it has no version");
    refuse(
        &text.replacen("\"version\": 1", "\"version\": 2", 1),
        "of version 2, and this roomsync reads version 1",
    );

    site.write("plan.json", &text);
    let settings = fs::read_to_string(site.path("roomsync.yaml")).unwrap();
    site.write("roomsync.yaml", &settings.replace("acme#demo", "acme#other"));
    apply(&site)
        .ends_with(6)
        .complains("for the app \"acme#demo\", and the settings name \"acme#other\"");
    site.write("roomsync.yaml", &settings);
    // Even where it says the same.
    site.write("rooms/team.yaml", &format!("{ROOMS}# a remark\n"));
    apply(&site)
        .ends_with(6)
        .complains("the room files have changed since this plan was made");
    assert_eq!(service.calls().len(), calls, "nothing was sent");

    site.write("rooms/team.yaml", ROOMS);
    apply(&site).ends_with(0);
}

#[test]
fn what_it_is_about_may_be_written_another_way() {
    let service = Service::start(STATE);
    let site = planned(&service, ROOMS, 0);
    let plan: Value = serde_json::from_slice(&fs::read(site.path("plan.json")).unwrap()).unwrap();
    site.write("plan.json", &plan.to_string());
    apply(&site).ends_with(0);
}

#[test]
fn wrong_usage_is_64() {
    let service = Service::start(STATE);
    let site = planned(&service, ROOMS, 0);
    let calls = service.calls().len();
    for (args, words) in [
        (
            &["--plan", "none.json"][..],
            "--plan none.json: the file does not exist",
        ),
        (&["--plan", "plan.json", "--room", ROOM], "cannot be used with"),
        (&["--approve", ROOM], "--plan <FILE>"),
        (
            &["--plan", "plan.json", "--approve", ROOM],
            "nothing is blocked in room lobby (66213271109633) in this plan; nor in any other",
        ),
        (&["--plan", "plan.json", "--approve", "1"], "--approve 1"),
    ] {
        let args = [&["apply", "--yes"], args].concat();
        site.run(&args).ends_with(64).complains(words);
    }
    site.run(&["apply", "--plan", "plan.json"])
        .ends_with(64)
        .complains("pass --yes");
    assert_eq!(service.calls().len(), calls);
}

#[test]
fn what_a_guard_blocked_can_be_approved_for_that_plan_and_room() {
    let service = Service::start(&format!(
        "{STATE}  \"77\": {{owner: alice, members: [bob, dan, mia]}}\n"
    ));
    let rooms = BLOCKED.replace("]}]\n", "]}, {id: 77, members: [eve, bob]}]\n");
    let site = planned(&service, &rooms, 3);
    let approve = ["apply", "--yes", "--plan", "plan.json", "--approve", ROOM];
    // The room that was not approved gets what the guard lets through.
    let run = site.run(&approve).ends_with(3);
    assert!(
        run.stdout
            .contains("note[approved]: approved for this plan, whatever max_removals allows; max_removals_total does not count this room\n"),
        "{}",
        run.stdout
    );
    assert_eq!(service.people(), "alice bob carol");
    assert!(
        !service
            .writes()
            .iter()
            .any(|call| call.contains("/77/") && call.starts_with("DELETE"))
    );

    // An approval is for its plan: the next one is held again.
    edit(&service, ROOM, |room| {
        room.join("dan");
        room.join("mia");
    });
    site.run(&["plan", "--out", "plan.json"]).ends_with(3);
    apply(&site).ends_with(3);
    assert_eq!(service.people(), "alice bob carol dan mia");

    // And for what it says: two were to go, not three.
    edit(&service, ROOM, |room| {
        room.join("eve");
    });
    site.run(&approve)
        .ends_with(3)
        .complains("remove eve is wanted now and was not then");
    assert_eq!(service.people(), "alice bob carol dan eve mia");
}

#[test]
fn the_guard_over_all_rooms_is_judged_again_and_can_be_approved_by_room() {
    let state = format!("{STATE}  \"77\": {{owner: alice, members: [bob, dan, mia]}}\n");
    let service = Service::start(&state);
    // 10 % of six is one, and one is to go from each room.
    let rooms = format!("rooms: [{{id: {ROOM}, members: [bob, mia]}}, {{id: 77, members: [bob, mia]}}]\n");
    let site = planned(&service, &rooms, 3);
    apply(&site).ends_with(3);
    assert_eq!(service.writes(), [""; 0]);
    site.run(&["apply", "--yes", "--plan", "plan.json", "--approve", "77"])
        .ends_with(3);
    assert_eq!(service.people(), "alice bob dan mia");
    assert_eq!(service.writes().len(), 1, "the other room is still held");
}

#[test]
fn what_has_changed_about_the_owner_is_a_move() {
    let service = Service::start(STATE);
    for rooms in [
        ROOMS.to_owned(),
        ROOMS.replace("    name: lobby\n", "    owner: alice\n"),
    ] {
        let site = planned(&service, &rooms, 0);
        edit(&service, ROOM, |room| *room = other_owner());
        apply(&site).ends_with(6).complains("refused");
        edit(&service, ROOM, |room| {
            *room = State::parse(STATE).unwrap().rooms[&RoomId::parse(ROOM).unwrap()].clone();
        });
    }
    assert_eq!(service.writes(), [""; 0]);
}

fn other_owner() -> roomsync::emulator::Room {
    let mut room = roomsync::emulator::Room::new("eve");
    for user in ["bob", "dan", "mia"] {
        room.join(user);
    }
    room
}

#[test]
fn four_and_three_beat_6_and_1_beats_all() {
    let two = format!("{STATE}  \"77\": {{owner: alice, members: [bob]}}\n");
    let blocked = "  - {id: 78, members: [bob]}\n";
    let state = format!("{two}  \"78\": {{owner: alice, members: [bob, dan, mia]}}\n");
    let moves = |service: &Service| {
        edit(service, "77", |room| {
            room.join("eve");
        });
    };
    let moving = format!("{ROOMS}  - {{id: 77, members: [bob, carol]}}\n");

    let service = Service::start(&state);
    let site = planned(&service, &moving, 0);
    moves(&service);
    apply(&site).ends_with(6);
    assert_eq!(service.people(), "alice bob carol dan mia*");

    let service = Service::start(&state);
    let site = planned(&service, &format!("{moving}{blocked}"), 3);
    moves(&service);
    apply(&site).ends_with(3);

    let service = Service::start(&state);
    let site = planned(
        &service,
        &format!("{moving}{blocked}  - {{id: 999, members: [bob]}}\n"),
        4,
    );
    moves(&service);
    apply(&site).ends_with(4);

    let service = Service::hooked(&state, |head, _| {
        (head.method == http::Method::POST).then(|| answer(401, "no"))
    });
    let site = planned(&service, &format!("{moving}{blocked}"), 3);
    moves(&service);
    apply(&site).ends_with(1);
}
