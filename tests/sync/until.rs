//! Places that end: the daemon acts at the moment, within its guards, and only while the clocks agree.

use super::daemon_clock::Machine;
use super::house::{House, Running, house, id, members, minutes, names, one_room, writes};
use super::service::{Service, people, room_id, room_of, state};
use http::Method as Http;
use jiff::{SignedDuration, Timestamp};
use roomsync::clock::Clock;
use roomsync::daemon::Daemon;
use roomsync::status::{RoomState, Status};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);
const TEN_YEARS: SignedDuration = SignedDuration::from_hours(87_660);
/// The guards let everybody go.
const OPEN: &str =
    "guards: {max_removals: 100%, max_demotions: 100%, max_removals_total: 100%, removal_budget: off}";

/// A house in which it is this time.
fn house_at(time: &str, service: Service, settings: &str, story: impl AsyncFnOnce(House)) {
    let start: Timestamp = time.parse().unwrap();
    house(service, settings, async |mut house: House| {
        house.clock = Clock::from(start);
        let of_service = house.clock.clone();
        house
            .service
            .emulator
            .set_clock(move || u64::try_from(of_service.now().as_millisecond()).unwrap());
        story(house).await;
    });
}

/// A room of these members; each is an item of a list.
fn list(members: &[&str]) -> String {
    format!(
        "rooms:\n  - {{id: {}, members: [{}]}}\n",
        id(),
        members.join(", ")
    )
}

fn of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// People who were named in calls of this method since the last time this was asked.
fn named(service: &Service, wanted: &Http) -> Vec<String> {
    let sent = service.take_sent().into_iter();
    let calls = sent.filter(|(method, ..)| method == wanted);
    calls.map(|(_, path, body, _)| format!("{path} {body}")).collect()
}

fn told(status: &Status, words: &str) -> bool {
    status.attention.iter().any(|item| item.message.contains(words))
}

#[test]
fn who_is_wanted_until_a_moment_goes_at_that_moment() {
    for (start, until, end) in [
        // Leap days.
        ("2028-02-28T23:50:00Z", "2028-02-28", "2028-02-29T00:00:00Z"),
        ("2028-02-29T23:50:00Z", "2028-02-29", "2028-03-01T00:00:00Z"),
        ("2027-02-28T23:50:00Z", "2027-02-28", "2027-03-01T00:00:00Z"),
        // The clocks of that offset are put forward, and back.
        (
            "2027-03-28T00:50:00Z",
            "2027-03-28T02:00:00+01:00",
            "2027-03-28T01:00:00Z",
        ),
        (
            "2027-10-31T00:20:00Z",
            "2027-10-31T02:30:00+02:00",
            "2027-10-31T00:30:00Z",
        ),
        (
            "2027-10-31T01:20:00Z",
            "2027-10-31T02:30:00+01:00",
            "2027-10-31T01:30:00Z",
        ),
    ] {
        let end: Timestamp = end.parse().unwrap();
        let service = one_room(&["bob".into(), "carol".into(), "mia".into()]);
        house_at(start, service, "sync: {interval: 1h}", async |house: House| {
            house.rooms(&list(&[
                "bob",
                "carol",
                &format!("{{user: mia, until: {until}}}"),
            ]));
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            let soon = daemon.status().ends_soon;
            assert_eq!(
                (soon.len(), soon[0].until, soon[0].users[0].as_str()),
                (1, end, "mia")
            );
            let left = Duration::try_from(end.duration_since(house.clock.now())).unwrap();
            let moment = Instant::now() + left;
            sleep_until(moment - SECOND).await;
            assert_eq!(writes(&house.service), 0, "{until}");
            sleep_until(moment + SECOND).await;
            assert_eq!(members(&house.service), of(&["bob", "carol"]), "{until}");
            daemon.until_well(minutes(1)).await;
            assert!(daemon.status().ends_soon.is_empty());
            // Nobody is held, today or when the entry is taken out at last.
            house.rooms(&list(&["bob", "carol"]));
            sleep(minutes(5)).await;
            assert!(daemon.status().holds.is_empty());
            daemon.stop().await;
        });
    }
}

/// Rooms beside the one that a test is about: in it there is somebody to be added.
fn beside(of_first: &str) -> String {
    format!(
        "rooms:\n  - {{id: {}, {of_first}}}\n  - {{id: {}, members: [bob, zed]}}\n",
        room_id(1),
        room_id(2)
    )
}

fn service(admins: &[&str], members: &[&str]) -> Service {
    Service::new(state([
        (room_id(1), room_of("alice", admins, members)),
        (room_id(2), room_of("alice", &[], &["bob"])),
    ]))
}

async fn until_over(house: &House, daemon: &Running) {
    daemon
        .until(minutes(2), |status| {
            status.rooms.iter().all(|room| room.state != RoomState::Unseen)
        })
        .await;
    let end: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
    let left = end.duration_since(house.clock.now());
    sleep(Duration::try_from(left).unwrap() + SECOND * 2).await;
}

const EVE: &str = "2026-11-24T23:55:00Z";

#[test]
fn what_a_guard_does_not_let_through_at_once_is_blocked_there_and_goes_on_elsewhere() {
    let people: Vec<String> = names(0..10);
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let total = "guards: {max_removals_total: 100%}";
    house_at(EVE, service(&[], &people), total, async |house: House| {
        // 40 % of the room.
        let members = "members: [u0, u1, u2, u3, u4, u5, {group: interns, until: 2026-11-24}]";
        house.rooms(&format!(
            "groups: {{interns: [u6, u7, u8, u9]}}\n{}",
            beside(members)
        ));
        let daemon = house.start();
        daemon.until_well(minutes(2)).await;
        until_over(&house, &daemon).await;
        let status = daemon.status();
        assert_eq!(status.rooms[0].state, RoomState::Blocked);
        let blocked: Vec<String> = status.rooms[0]
            .blocked
            .iter()
            .map(|block| block.guard.to_string())
            .collect();
        assert_eq!(
            (blocked, status.rooms[0].blocked[0].wanted),
            (vec!["max_removals".to_owned()], 4)
        );
        assert!(status.holds.is_empty(), "what ends was reviewed with the file");
        assert_eq!(status.rooms[1].state, RoomState::InSync);
        assert_eq!(members_of(&house, 1).len(), 10);
        house.rooms(&format!(
            "groups: {{interns: [u6, u7, u8, u9]}}\n{}",
            beside(&format!(
                "{members}, guards: {{max_removals: 4, removal_budget: off}}"
            ))
        ));
        daemon.until_well(minutes(2)).await;
        assert_eq!(members_of(&house, 1).len(), 6);
        daemon.stop().await;
    });
}

fn members_of(house: &House, room: usize) -> BTreeSet<String> {
    people(&house.service.emulator.state().rooms[&room_id(room)]).members
}

#[test]
fn an_expiry_counts_against_the_removal_budget() {
    let people: Vec<String> = names(0..20);
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let open = "guards: {max_removals: 100%, max_removals_total: 100%}";
    house_at(EVE, service(&[], &people), open, async |house: House| {
        let ending: Vec<String> = names(8..20)
            .iter()
            .map(|name| format!("{{user: {name}, until: 2026-11-24}}"))
            .collect();
        let members = format!("members: [{}, {}]", names(0..8).join(", "), ending.join(", "));
        house.rooms(&beside(&members));
        let daemon = house.start();
        daemon.until_well(minutes(2)).await;
        until_over(&house, &daemon).await;
        // 50 % of 20.
        assert_eq!(members_of(&house, 1).len(), 10);
        assert!(told(&daemon.status(), "2 people kept by the removal budget"));
        daemon.stop().await;
    });
}

#[test]
fn who_was_last_in_a_list_stays_unless_it_may_be_empty_and_other_rooms_go_on() {
    for (admins, entry) in [
        (&[][..], "members: [{user: mia, until: 2026-11-24}]"),
        (
            &["mia"][..],
            "admins: [{user: mia, until: 2026-11-24}], members: [bob, {user: mia, until: 2026-11-24}]",
        ),
        (
            &["mia"][..],
            "admins: [{user: mia, until: 2026-11-24}, {user: omar, until: 2026-11-20}], members: [bob, {user: mia, until: 2026-11-24}]",
        ),
    ] {
        let live: &[&str] = if admins.is_empty() { &["mia"] } else { &["bob"] };
        house_at(EVE, service(admins, live), OPEN, async |house: House| {
            house.rooms(&beside(entry));
            let daemon = house.start();
            daemon.until_well(minutes(2)).await;
            until_over(&house, &daemon).await;
            let status = daemon.status();
            assert!(
                status.files.valid && told(&status, "blocked by a guard"),
                "{:#?}",
                status.attention
            );
            assert_eq!(status.rooms[0].state, RoomState::Blocked);
            assert_eq!(status.rooms[0].blocked[0].guard.to_string(), "allow_empty");
            assert_eq!(status.rooms[1].state, RoomState::InSync);
            let mia = |house: &House| house.service.emulator.state().rooms[&room_id(1)].clone();
            let everybody = |house: &House| {
                let room = mia(house);
                let people = people(&room);
                (
                    people.members.contains("mia") || people.admins.contains("mia"),
                    people.admins.contains("mia"),
                )
            };
            assert_eq!(everybody(&house), (true, !admins.is_empty()));
            // Also after a restart, and with what was there long gone.
            daemon.stop().await;
            fs::remove_dir_all(house.state_dir()).unwrap();
            let daemon = house.start();
            daemon
                .until(minutes(2), |status| {
                    status
                        .rooms
                        .first()
                        .is_some_and(|room| room.state == RoomState::Blocked)
                })
                .await;
            assert_eq!(everybody(&house), (true, !admins.is_empty()));
            house.rooms(&beside(&format!("{entry}, allow_empty: true")));
            daemon.until_well(minutes(2)).await;
            assert_eq!(everybody(&house), (false, false));
            daemon.stop().await;
        });
    }
}

#[test]
fn nobody_is_added_whose_place_ended_while_the_daemon_was_down() {
    for forgets in [false, true] {
        house_at(
            EVE,
            service(&["dan"], &["bob", "carol", "gone"]),
            OPEN,
            async |house: House| {
                let entry = "admins: [dan, {user: out, until: 2026-11-24}], members: [bob, {user: carol, until: 2026-11-24}, {user: out, until: 2026-11-24}]";
                house.rooms(&beside(entry));
                let daemon = house.start();
                daemon.until_well(minutes(2)).await;
                daemon.stop().await;
                // Whose place is to end leaves by themselves, too.
                house.service.emulator.leave(&room_id(1), &["out".to_owned()]);
                house.service.take_sent();
                if forgets {
                    fs::remove_dir_all(house.state_dir()).unwrap();
                }
                sleep(minutes(60)).await;
                let daemon = house.start();
                daemon.until_well(minutes(2)).await;
                let calls = house.service.take_sent();
                let added: Vec<_> = calls
                    .iter()
                    .filter(|(method, ..)| *method == Http::POST)
                    .collect();
                assert!(added.is_empty(), "{added:?}");
                assert_eq!(members_of(&house, 1), of(&["bob", "dan"]));
                assert!(daemon.status().holds.is_empty());
                daemon.stop().await;
            },
        );
    }
}

#[test]
fn a_wrong_clock_expires_nobody_and_brings_nobody_back() {
    let ends = |name: &str, until: &str| format!("{{user: {name}, until: {until}}}");
    let entry = list(&[
        "bob",
        &ends("mia", "2026-11-24"),
        &ends("omar", "2027-06-30"),
        &ends("old", "2026-11-20"),
        &ends("new", "2028-01-01"),
    ]);
    for start in [TEN_YEARS, -TEN_YEARS, SignedDuration::from_mins(11)] {
        let here = ["bob", "mia", "omar"].map(str::to_owned);
        house_at(
            "2026-11-24T23:00:00Z",
            one_room(&here),
            OPEN,
            async |mut house: House| {
                let machine = Machine::at(&mut house, "2026-11-24T23:00:00Z", start);
                house.rooms(&entry);
                let daemon = house.start();
                daemon
                    .until(minutes(2), |status| told(status, "nobody's place ends"))
                    .await;
                sleep(minutes(120)).await;
                // Who is wanted by the service's clock comes, who is not stays out, and nobody goes.
                let expected: &[&str] = &["bob", "mia", "omar", "new"];
                assert_eq!(members(&house.service), of(expected), "{start}");
                machine.set(SignedDuration::ZERO);
                // Now it is certain that it is the 25th.
                daemon.until_well(minutes(10)).await;
                assert_eq!(members(&house.service), of(&["bob", "omar", "new"]), "{start}");
                named(&house.service, &Http::POST);
                for ahead in [
                    -SignedDuration::from_hours(48),
                    TEN_YEARS,
                    -TEN_YEARS,
                    SignedDuration::ZERO,
                ] {
                    machine.set(ahead);
                    sleep(minutes(30)).await;
                    assert_eq!(
                        members(&house.service),
                        of(&["bob", "omar", "new"]),
                        "{start} {ahead}"
                    );
                    assert_eq!(writes(&house.service), 0, "{start} {ahead}");
                    assert_eq!(told(&daemon.status(), "nobody's place ends"), !ahead.is_zero());
                }
                // A restart changes nothing of that.
                machine.set(-SignedDuration::from_hours(48));
                daemon.stop().await;
                let daemon = house.start();
                sleep(minutes(30)).await;
                assert_eq!(writes(&house.service), 0, "{start}");
                daemon.stop().await;
            },
        );
    }
}

#[test]
fn a_service_that_tells_no_time_has_nobodys_place_end() {
    let here = ["bob", "mia"].map(str::to_owned);
    house_at(EVE, one_room(&here), OPEN, async |house: House| {
        house.service.emulator.set_clock(|| 0);
        house.rooms(&list(&[
            "bob",
            "{user: mia, until: 2026-11-24}",
            "{user: old, until: 2026-11-20}",
        ]));
        let daemon = house.start();
        sleep(minutes(60)).await;
        let status = daemon.status();
        assert!(
            told(&status, "nobody's place ends") && told(&status, "no time"),
            "{:#?}",
            status.attention
        );
        assert_eq!(
            (members(&house.service), writes(&house.service)),
            (of(&["bob", "mia"]), 0)
        );
        assert_eq!(status.rooms[0].state, RoomState::Incomplete);
        daemon.stop().await;
    });
}

#[test]
fn whoever_is_wanted_only_because_their_end_is_gone_waits_until_the_files_have_settled() {
    let here = ["bob"].map(str::to_owned);
    house_at(
        "2026-11-26T00:00:00Z",
        one_room(&here),
        "sync: {settle_removals: 10s}",
        async |house: House| {
            let entry =
                |until: &str, new: &str| list(&["bob", &format!("{{user: mia, until: {until}}}"), new]);
            house.rooms(&entry("2026-11-24", "bob"));
            let daemon = house.start();
            daemon.until_well(minutes(2)).await;
            sleep(minutes(1)).await;
            assert_eq!(members(&house.service), of(&["bob"]));
            house.rooms(&entry("2026-12-24", "carol"));
            sleep(SECOND * 3).await;
            // Who is new comes at once.
            assert_eq!(members(&house.service), of(&["bob", "carol"]));
            let status = daemon.status();
            let pending = status.pending.unwrap();
            assert_eq!((pending.removals, pending.additions, pending.rooms), (0, 1, 1));
            assert_eq!(status.rooms[0].state, RoomState::Changing);
            // Back in time: nothing has happened.
            house.rooms(&entry("2026-11-24", "carol"));
            sleep(minutes(1)).await;
            assert_eq!(members(&house.service), of(&["bob", "carol"]));
            house.rooms(&entry("2026-12-24", "carol"));
            sleep(SECOND * 9).await;
            assert_eq!(members(&house.service), of(&["bob", "carol"]));
            daemon.until_well(minutes(1)).await;
            assert_eq!(members(&house.service), of(&["bob", "carol", "mia"]));
            daemon.stop().await;
        },
    );
}

/// Across a kill the sets before it are not known, but whose place had ended is.
#[test]
fn whose_end_is_gone_waits_across_a_restart_too() {
    let here = ["bob"].map(str::to_owned);
    house_at(
        "2026-11-26T00:00:00Z",
        one_room(&here),
        "sync: {settle_removals: 10s}",
        async |house: House| {
            house.rooms(&list(&["bob", "{user: mia, until: 2026-11-24}"]));
            let daemon = house.start();
            daemon.until_well(minutes(2)).await;
            sleep(minutes(1)).await;
            daemon.kill().await;
            house.rooms(&list(&["bob", "mia"]));
            let daemon = house.start();
            sleep(SECOND * 5).await;
            assert_eq!(members(&house.service), of(&["bob"]));
            daemon.until_well(minutes(1)).await;
            assert_eq!(members(&house.service), of(&["bob", "mia"]));
            daemon.stop().await;
        },
    );
}

#[test]
fn run_once_goes_by_the_moment_as_well() {
    house_at(
        "2026-11-26T00:00:00Z",
        service(&[], &["bob", "mia"]),
        OPEN,
        async |house: House| {
            house.rooms(&beside(
                "members: [bob, {user: mia, until: 2026-11-24}, {user: out, until: 2026-11-24}]",
            ));
            let once = Daemon::new(house.config()).unwrap().once(std::future::pending());
            let once = once.await.unwrap().unwrap();
            assert!(
                once.plan.rooms.iter().all(|room| room.live.is_some()),
                "{:#?}",
                once.plan.rooms
            );
            assert_eq!(members_of(&house, 1), of(&["bob"]));
            assert_eq!(members_of(&house, 2), of(&["bob", "zed"]));
        },
    );
}
