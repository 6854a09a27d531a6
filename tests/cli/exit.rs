//! Every exit code, and which of them wins.

use super::service::{ROOM, STATE, Service, TOKEN, answer};
use super::site::{ROOMS, Site};

/// The guard of 25 % lets one of three go, and this wants two gone; carol is still to come.
const BLOCKED: &str = "rooms: [{id: 66213271109633, members: [bob, carol]}]\n";

/// Beside [`ROOMS`], a room that the service does not have.
const NO_SUCH_ROOM: &str = "  - {id: 999, members: [bob]}\n";

/// `plan`, without and with `--detailed-exitcode`: the codes.
#[track_caller]
fn plans(site: &Site, code: i32, detailed: i32) {
    site.run(&["plan"]).ends_with(code);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(detailed);
}

#[test]
fn as_wanted_is_0() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    site.run(&["validate"]).ends_with(0);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(service.people(), "alice bob carol dan mia*");
    assert_eq!(service.writes().len(), 2);
    plans(&site, 0, 0);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(service.writes().len(), 2, "a room in sync needs no write");
}

#[test]
fn pending_is_2_only_where_it_was_asked_for() {
    let service = Service::start(STATE);
    plans(&Site::of(&service), 0, 2);
    assert_eq!(service.writes(), [""; 0], "a plan writes nothing");
}

#[test]
fn who_is_observed_protected_or_ignored_wants_nothing() {
    let service = Service::start(STATE);
    for rooms in [
        "rooms: [{id: 66213271109633, mode: observe, members: [bob]}]\n",
        "rooms: [{id: 66213271109633, members: [bob, mia], guards: {protect: [dan]}}]\n",
        "rooms: [{id: 66213271109633, members: [bob, mia], ignore: [\"da*\"]}]\n",
        "rooms: [{id: 66213271109633, mode: additive, members: [bob]}]\n",
    ] {
        let site = Site::of(&service).with_rooms(rooms);
        plans(&site, 0, 0);
        site.run(&["apply", "--yes"]).ends_with(0);
    }
    assert_eq!(service.people(), "alice bob dan mia");
}

#[test]
fn blocked_is_3_and_the_rest_goes_on() {
    let service = Service::start(STATE);
    let site = Site::of(&service).with_rooms(BLOCKED);
    plans(&site, 3, 3);
    site.run(&["apply", "--yes"]).ends_with(3);
    assert_eq!(service.people(), "alice bob carol dan mia");
}

#[test]
fn the_guard_over_all_rooms_is_3_and_says_nothing_of_one_room() {
    let state = format!("{STATE}  \"77\": {{owner: alice, members: [bob, dan, mia]}}\n");
    let service = Service::start(&state);
    // 10 % of six is one, and one is to go from each room.
    let rooms = format!("rooms: [{{id: {ROOM}, members: [bob, mia]}}, {{id: 77, members: [bob, mia]}}]\n");
    let site = Site::of(&service).with_rooms(&rooms);
    plans(&site, 3, 3);
    site.run(&["apply", "--yes"]).ends_with(3);
    assert_eq!(service.writes(), [""; 0]);
    site.run(&["plan", "--detailed-exitcode", "--room", ROOM])
        .ends_with(2);
    site.run(&["apply", "--yes", "--room", ROOM]).ends_with(0);
    assert_eq!(service.people(), "alice bob mia");
    assert_eq!(service.writes().len(), 1, "the other room is left alone");
}

#[test]
fn a_user_the_service_does_not_know_is_4_and_the_others_come() {
    let service = Service::start(STATE);
    let rooms = ROOMS.replace("[bob, carol, dan]", "[bob, carol, dan, ghost]");
    let site = Site::of(&service).with_rooms(&rooms);
    let run = site.run(&["apply", "--yes"]).ends_with(4);
    assert!(
        run.stdout.contains("add ghost: not done[no_such_user]"),
        "{}",
        run.stdout
    );
    assert_eq!(service.people(), "alice bob carol dan mia*");
}

#[test]
fn a_room_that_is_not_there_or_not_ours_is_4_and_the_others_go_on() {
    for rooms in [
        format!("{ROOMS}{NO_SUCH_ROOM}"),
        ROOMS.replace("    name: lobby\n", "    owner: bob\n"),
        "rooms: [{id: 999, members: [bob]}]\n".to_owned(),
    ] {
        let service = Service::start(STATE);
        let site = Site::of(&service).with_rooms(&rooms);
        plans(&site, 4, 4);
        site.run(&["apply", "--yes"]).ends_with(4);
        let changed = service.people() == "alice bob carol dan mia*";
        assert_eq!(changed, rooms.contains("lobby"), "{}", service.people());
    }
}

#[test]
fn a_run_that_fails_as_a_whole_is_1() {
    let service = Service::start(STATE);
    let gone = Service::start(STATE).url();
    let broken = Service::answering(|| answer(500, "<html>"));
    let stranger = Site::of(&service);
    stranger.write("token", "another-token");
    for (site, words) in [
        (Site::at(&gone), "cannot reach"),
        (Site::of(&broken), "no clear answer"),
        (stranger, "does not take the token"),
        (
            Site::of(&service).with_settings("acme#demo", "acme#other"),
            "does not know the app",
        ),
    ] {
        plans(&site, 1, 1);
        let run = site.run(&["apply", "--yes"]).ends_with(1);
        run.complains(words);
    }
    assert_eq!([service.writes(), broken.writes()], [[""; 0], [""; 0]]);
}

#[test]
fn where_nothing_can_be_written_the_run_failed() {
    let state = format!("{STATE}  \"77\": {{owner: alice, members: []}}\n");
    let rooms = format!("{ROOMS}  - {{id: 77, members: [bob]}}\n");
    for (room, status, code) in [("", 401, 1), ("", 500, 1), ("/77/", 500, 4)] {
        let service = Service::hooked(&state, move |head, _| {
            let broken = head.method != http::Method::GET && head.uri.path().contains(room);
            broken.then(|| answer(status, "no"))
        });
        let site = Site::of(&service).with_rooms(&rooms);
        site.run(&["plan"]).ends_with(0);
        site.run(&["apply", "--yes"]).ends_with(code);
        let lobby = ["alice bob dan mia", "alice bob carol dan mia*"];
        assert_eq!(service.people(), lobby[usize::from(code == 4)]);
    }
}

#[test]
fn one_beats_4_beats_3_beats_2() {
    let changed = "  - {id: 77, members: [bob]}\n";
    let state = format!("{STATE}  \"77\": {{owner: alice, members: []}}\n");
    let blocked = format!("rooms:\n  - {{id: {ROOM}, members: [bob, carol]}}\n");
    let service = Service::start(&state);
    let site = |rooms: &str| Site::of(&service).with_rooms(rooms);
    plans(&site(&format!("{blocked}{changed}")), 3, 3);
    plans(&site(&format!("rooms:\n{changed}{NO_SUCH_ROOM}")), 4, 4);
    let everything = format!("{blocked}{changed}{NO_SUCH_ROOM}");
    plans(&site(&everything), 4, 4);
    assert_eq!(service.writes(), [""; 0]);

    // The token ends on the way: the missing room and the guard are not what matters.
    let service = Service::hooked(&state, |head, _| {
        head.uri.path().ends_with("/77/users").then(|| answer(401, "no"))
    })
    .by_pages();
    let site = Site::of(&service).with_rooms(&everything);
    plans(&site, 1, 1);
    site.run(&["apply", "--yes"]).ends_with(1);
    assert_eq!(service.writes(), [""; 0]);
    assert_eq!(service.emulator.state().tokens.unwrap().first().unwrap(), TOKEN);
}
