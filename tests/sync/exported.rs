//! What the daemon exports of drift, of people, of reasons, and of how long it took.

use crate::house::{House, Running, house, id, minutes, names, one_room, refs, room_text};
use crate::service::{Service, room_id, room_of, state};
use crate::webhook::{Hook, kick};
use roomsync::daemon::Command;
use roomsync::emulator::WebhookStyle;
use roomsync::model::Op;
use roomsync::status::RoomState;
use std::fs;
use std::time::Duration;
use tokio::time::sleep;

/// Value of a series.
fn value(daemon: &Running, series: &str) -> f64 {
    let text = daemon.metrics.encode_classic(&daemon.source.gauges()).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("roomsync_{series} ")));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
        .parse()
        .unwrap()
}

/// Number of observations of a histogram, and the seconds that all of them took.
fn observed(daemon: &Running, name: &str) -> (u64, f64) {
    let count = value(daemon, &format!("{name}_seconds_count"));
    (count as u64, value(daemon, &format!("{name}_seconds_sum")))
}

const EDIT: &str = "edit_to_converged";
const EVENT: &str = "event_to_repaired";

#[test]
fn drift_is_told_by_operation_and_mode_as_the_page_has_it() {
    let live = || room_of("boss", &["mia"], &["ann", "eve"]);
    let service = Service::new(state((1..=3).map(|n| (room_id(n), live()))));
    house(service, "guards: {max_removals: 0}", async |house: House| {
        let room = |n: usize, mode: &str| {
            format!(
                "  - {{id: {}, mode: {mode}, admins: [ann], members: [ann, bob, carol]}}\n",
                room_id(n)
            )
        };
        let modes = ["observe", "authoritative", "additive"];
        let rooms: String = (1..).zip(modes).map(|(n, mode)| room(n, mode)).collect();
        house.rooms(&format!("rooms:\n{rooms}"));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                let states: Vec<RoomState> = status.rooms.iter().map(|room| room.state).collect();
                states == [RoomState::Observed, RoomState::Blocked, RoomState::InSync]
            })
            .await;
        let drift = |mode: &str| {
            Op::ALL.map(|op| value(&daemon, &format!("drift{{mode=\"{mode}\",op=\"{op}\"}}")) as usize)
        };
        // Add, allow, promote, demote, remove, disallow.
        assert_eq!(drift("observe"), [2, 0, 1, 1, 2, 0]);
        assert_eq!(
            drift("authoritative"),
            [0, 0, 0, 1, 2, 0],
            "a guard holds the others"
        );
        assert_eq!(drift("additive"), [0; 6]);
        let status = daemon.status();
        for (room, mode) in status.rooms.iter().zip(modes) {
            let shown = [
                room.add,
                room.allow,
                room.promote,
                room.demote,
                room.remove,
                room.disallow,
            ];
            assert_eq!(drift(mode), shown, "{mode}");
        }
        assert_eq!(value(&daemon, "people_managed"), 3.0);
        assert_eq!(value(&daemon, "attention{severity=\"amber\"}"), 1.0);
        assert_eq!(value(&daemon, "attention{severity=\"red\"}"), 0.0);
        // What is only observed is not waited for, and the start is no edit.
        sleep(minutes(30)).await;
        assert_eq!(observed(&daemon, EDIT), (0, 0.0));
        daemon.stop().await;
    });
}

#[test]
fn an_edit_takes_until_the_room_is_as_the_files_say() {
    let service = one_room(&names(0..8));
    house(
        service,
        "sync: {settle: 500ms, settle_removals: 10s}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..8)));
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            sleep(minutes(1)).await;
            house.rooms(&room_text(&id(), names(0..9)));
            sleep(minutes(1)).await;
            let (edits, added) = observed(&daemon, EDIT);
            assert!(edits == 1 && (0.4..2.0).contains(&added), "{edits}, {added}");
            house.rooms(&room_text(&id(), names(1..9)));
            sleep(minutes(1)).await;
            let (edits, all) = observed(&daemon, EDIT);
            assert!(
                edits == 2 && (9.9..13.0).contains(&(all - added)),
                "{edits}, {all}"
            );
            // A guard holds this one, until a person has decided; it counts from its beginning.
            house.rooms(&room_text(&id(), names(6..10)));
            sleep(minutes(20)).await;
            assert_eq!(observed(&daemon, EDIT).0, 2, "it is blocked");
            let allowed = "    guards: {max_removals: 100%, removal_budget: off}\n";
            let settings = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
            house.put(
                "roomsync.yaml",
                &format!("{settings}guards: {{max_removals_total: 100%}}\n"),
            );
            daemon.tell(Command::Reload).await;
            house.rooms(&(room_text(&id(), names(6..10)) + allowed));
            daemon.until_well(minutes(10)).await;
            let (edits, until_allowed) = observed(&daemon, EDIT);
            assert_eq!(edits, 3);
            assert!(
                (1_200.0..1_300.0).contains(&(until_allowed - all)),
                "{until_allowed}"
            );
            // Other defaults are an edit, too: of now, whenever the files were written.
            sleep(minutes(60)).await;
            let settings = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
            house.put("roomsync.yaml", &format!("{settings}absent: ignore\n"));
            daemon.tell(Command::Reload).await;
            sleep(minutes(1)).await;
            let (edits, last) = observed(&daemon, EDIT);
            assert!(edits == 4 && last - until_allowed < 2.0, "{edits}, {last}");
            assert_eq!(observed(&daemon, EVENT).0, 0);
            daemon.stop().await;
        },
    );
}

#[test]
fn an_event_takes_until_the_room_is_repaired_if_there_was_something_to_repair() {
    let settings = "webhook: {secret_file: webhook}\nsync: {interval: 24h, settle_removals: 0ms}";
    let service = Service::new(state([(room_id(1), room_of("boss", &[], &refs(&names(0..8))))]));
    house(
        service.taking(Duration::from_millis(20)),
        settings,
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..9)));
            let daemon = house.start();
            let hook = Hook::of(&house, &daemon);
            daemon.until_well(minutes(1)).await;
            sleep(minutes(1)).await;
            hook.of_emulator(&house.service, WebhookStyle::New);
            for kicks in 1..=3 {
                kick(&house.service, &room_id(1), "u3").await;
                sleep(minutes(5)).await;
                let (repairs, seconds) = observed(&daemon, EVENT);
                assert_eq!(repairs, kicks);
                assert!(seconds > 0.0 && seconds < 2.0 * kicks as f64, "{seconds}");
            }
            // Who is wanted comes back by themselves before anybody looks.
            house.service.emulator.edit(|state| {
                state.rooms.get_mut(&room_id(1)).unwrap().leave("u4");
                state.rooms.get_mut(&room_id(1)).unwrap().join("u4");
            });
            let left = hook.event(
                &room_id(1),
                "LEAVE",
                &serde_json::json!({"member": ["u4"], "type": "QUIT"}),
            );
            assert_eq!(hook.post(left.to_string()).await, 200);
            sleep(minutes(5)).await;
            assert_eq!(observed(&daemon, EVENT).0, 3);
            assert_eq!(observed(&daemon, EDIT).0, 0);
            daemon.stop().await;
        },
    );
}

#[test]
fn each_reason_is_told_for_which_people_are_set_aside_and_nothing_is_written() {
    let mut known = state([(room_id(1), room_of("boss", &[], &["u0"]))]);
    known.users = Some(["boss", "u0", "u1"].map(str::to_owned).into_iter().collect());
    house(Service::new(known), "", async |house: House| {
        house.rooms(&room_text(
            &id(),
            ["u0", "u1", "zedd", "zott"].map(str::to_owned).to_vec(),
        ));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                let states: Vec<RoomState> = status.rooms.iter().map(|room| room.state).collect();
                states == [RoomState::Incomplete]
            })
            .await;
        let aside = |reason: &str| value(&daemon, &format!("people_set_aside{{reason=\"{reason}\"}}"));
        assert_eq!(
            (aside("no_such_user"), aside("refused"), aside("other")),
            (2.0, 0.0, 0.0)
        );
        assert_eq!(value(&daemon, "people_aside"), 2.0);
        let withheld = |reason: &str| {
            value(
                &daemon,
                &format!("writing_withheld_reason{{reason=\"{reason}\"}}"),
            ) > 0.0
        };
        let all = || ["audit_log", "dry_run", "paused", "quota", "state_dir"].map(withheld);
        assert_eq!((all(), value(&daemon, "writing_withheld")), ([false; 5], 0.0));
        house.put(".roomsync/pause", "");
        sleep(Duration::from_secs(5)).await;
        assert_eq!(
            (all(), value(&daemon, "writing_withheld")),
            ([false, false, true, false, false], 1.0)
        );
        daemon.stop().await;
    });
}
