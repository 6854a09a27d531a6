//! The daemon's items of attention: each with its beginning, for as long as it lasts.

use super::house::{House, house, id, minutes, names, one_room, room_text};
use super::service::{Reply, room_id, room_of, state};
use crate::service::Service;
use jiff::Timestamp;
use roomsync::cli::Exit;
use roomsync::daemon::{Command, Daemon};
use roomsync::status::{AttentionSeverity, RoomState, Status};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

fn codes(status: &Status) -> Vec<&'static str> {
    status.attention.iter().map(|item| item.code).collect()
}

fn seconds_since(status: &Status, then: Timestamp) -> f64 {
    status.now.duration_since(then).as_secs_f64()
}

#[test]
fn without_the_service_rooms_are_unknown_after_two_intervals() {
    let away = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&away);
    let service = one_room(&names(0..3))
        .with_fault(move |_, _, _| switch.load(Ordering::Relaxed).then_some(Reply::Unreachable));
    house(service, "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        away.store(true, Ordering::Relaxed);
        let in_sync = |status: &Status| status.rooms[0].state == RoomState::InSync;
        daemon
            .until(minutes(6), |status| status.service.trouble.is_some())
            .await;
        let status = daemon.status();
        assert!(in_sync(&status), "one interval is over, and not two: {status:#?}");
        let ended = status.passes.last_ended.unwrap();
        daemon.until(minutes(6), |status| !in_sync(status)).await;
        let status = daemon.status();
        let room = &status.rooms[0];
        assert_eq!(room.state, RoomState::Unknown);
        assert_eq!(Some(room.since), room.looked);
        let age = seconds_since(&status, room.looked.unwrap());
        assert!((600.0..=601.0).contains(&age), "unknown after {age} s");
        assert_eq!(codes(&status), ["service_unreachable"]);
        assert_eq!(status.attention[0].severity, AttentionSeverity::Red);
        assert_eq!(
            daemon.source.gauges().rooms,
            BTreeMap::from([(RoomState::Unknown, 1)])
        );

        // However often it is tried, nothing was seen.
        sleep(minutes(60)).await;
        let status = daemon.status();
        assert_eq!(status.passes.last_ended, Some(ended));
        assert!(seconds_since(&status, status.passes.last_tried.unwrap()) <= 310.0);
        assert!(seconds_since(&status, status.attention[0].since) >= 3600.0);
        away.store(false, Ordering::Relaxed);
        daemon.until_well(minutes(6)).await;
        assert!(daemon.status().passes.last_ended > Some(ended));
        daemon.stop().await;
    });
}

#[test]
fn a_long_apply_leaves_no_room_unknown() {
    let service = one_room(&[]).taking(Duration::from_secs(2));
    // A call for each person: more than two intervals.
    let settings = "limits: {add_batch: 1, concurrency: 1}\nsync: {interval: 10s, settle_removals: 0ms}";
    house(service, settings, async |house: House| {
        house.rooms(&room_text(&id(), names(0..40)));
        let daemon = house.start();
        let is = |status: &Status, state| status.rooms.iter().any(|room| room.state == state);
        daemon
            .until(minutes(3), |status| {
                assert!(!is(status, RoomState::Unknown), "{status:#?}");
                is(status, RoomState::InSync)
            })
            .await;
        daemon.until_well(minutes(1)).await;
        daemon.stop().await;
    });
}

#[test]
fn a_room_that_left_the_files_is_an_item_for_a_day() {
    let rooms = (1..=3).map(|n| (room_id(n), room_of("alice", &[], &["u0"])));
    house(Service::new(state(rooms)), "", async |house: House| {
        let text = |count: usize| {
            let room = |n| format!("  - {{id: {}, members: [u0]}}\n", room_id(n));
            format!("rooms:\n{}", (1..=count).map(room).collect::<String>())
        };
        house.rooms(&text(3));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        house.rooms(&text(1));
        daemon.until(minutes(1), |status| status.rooms.len() == 1).await;
        sleep(minutes(3)).await;
        let status = daemon.status();
        assert_eq!(codes(&status), ["not_managed"]);
        let item = &status.attention[0];
        assert_eq!((item.count, item.severity), (2, AttentionSeverity::Amber));
        assert!((180.0..240.0).contains(&seconds_since(&status, item.since)));
        // One of them comes back.
        house.rooms(&text(2));
        daemon
            .until(minutes(1), |status| status.attention[0].count == 1)
            .await;
        sleep(minutes(23 * 60 + 55)).await;
        assert_eq!(codes(&daemon.status()), ["not_managed"]);
        sleep(minutes(5)).await;
        assert_eq!(codes(&daemon.status()), [""; 0]);
        daemon.stop().await;
    });
}

#[test]
fn a_pause_says_since_when_and_why_and_hides_no_outage() {
    let service = one_room(&names(0..3));
    house(service, "audit_log: logs/audit.jsonl", async |house: House| {
        fs::create_dir(house.path("logs")).unwrap();
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        fs::write(house.state_dir().join("pause"), "until the move is over\n").unwrap();
        daemon
            .until(minutes(1), |status| codes(status) == ["paused"])
            .await;
        let pause = daemon.status().attention.remove(0);
        assert_eq!(pause.why.as_deref(), Some("until the move is over"));
        assert!(pause.by.is_some_and(|by| !by.is_empty()));
        assert_eq!(pause.severity, AttentionSeverity::Amber);
        // Its file was written just now, by the clock of the disk.
        assert!(Timestamp::now().duration_since(pause.since).as_secs() < 60);
        fs::remove_file(house.state_dir().join("pause")).unwrap();
        daemon.until_well(minutes(1)).await;

        let text = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        let paused = text.replace("sync: {", "sync: {paused: true, ");
        house.put("roomsync.yaml", &paused);
        daemon.tell(Command::Reload).await;
        daemon
            .until(minutes(1), |status| codes(status) == ["paused"])
            .await;
        sleep(minutes(9)).await;
        let status = daemon.status();
        let since = seconds_since(&status, status.attention[0].since);
        assert!((540.0..=600.0).contains(&since), "{since}");
        assert_eq!(status.attention[0].by, None);

        // A log that cannot be written is an outage, paused or not.
        house.put("roomsync.yaml", &paused.replace("logs/", "nowhere/"));
        daemon.tell(Command::Reload).await;
        daemon
            .until(minutes(1), |status| codes(status) == ["audit_log", "paused"])
            .await;
        let status = daemon.status();
        assert_eq!(status.attention[0].severity, AttentionSeverity::Red);
        assert!(seconds_since(&status, status.attention[0].since) < 60.0);
        assert!(
            seconds_since(&status, status.attention[1].since) > 500.0,
            "the pause goes on"
        );
        daemon.stop().await;
    });
}

#[test]
fn a_first_look_is_one_count() {
    let rooms = (1..=30).map(|n| (room_id(n), room_of("alice", &[], &["u0"])));
    let service = Service::new(state(rooms)).taking(Duration::from_secs(1));
    let settings = "limits: {bulk_reads: false, concurrency: 2}";
    house(service, settings, async |house: House| {
        let room = |n| format!("  - {{id: {}, members: [u0]}}\n", room_id(n));
        house.rooms(&format!("rooms:\n{}", (1..=31).map(room).collect::<String>()));
        let daemon = house.start();
        let mut looked = Vec::new();
        daemon
            .until(minutes(1), |status| status.files.taken.is_some())
            .await;
        daemon
            .until(minutes(2), |status| {
                let Some(first) = &status.first_look else {
                    return true;
                };
                assert_eq!((first.rooms, codes(status)), (31, vec![]));
                let missing = daemon.source.ready().unwrap_err();
                assert_eq!(missing, [format!("first look: {} of 31 rooms", first.looked)]);
                looked.push(first.looked);
                false
            })
            .await;
        assert!(
            looked.is_sorted() && looked.iter().any(|count| (5..25).contains(count)),
            "{looked:?}"
        );
        daemon
            .until(minutes(1), |status| codes(status) == ["failed"])
            .await;
        daemon.source.ready().unwrap();
        daemon.stop().await;
    });
}

#[test]
fn one_pass_with_somebody_set_aside_is_partly_done() {
    let mut known = state([(room_id(1), room_of("alice", &[], &["u0"]))]);
    known.users = Some(["u0", "alice"].map(str::to_owned).into_iter().collect());
    house(Service::new(known), "", async |house: House| {
        house.rooms(&room_text(&id(), ["u0".to_owned(), "zed".to_owned()]));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| codes(status) == ["set_aside"])
            .await;
        daemon
            .until(minutes(1), |status| {
                status.rooms[0].state == RoomState::Incomplete && status.rooms[0].missing.set_aside.len() == 1
            })
            .await;
        daemon.stop().await;
        let once = Daemon::new(house.config()).unwrap().once(std::future::pending());
        let once = once.await.unwrap().unwrap();
        let status = serde_json::to_value(once.plan.rooms[0].status).unwrap();
        assert_eq!(
            (status, Exit::of_once(&once)),
            ("incomplete".into(), Exit::Partly)
        );
        let mut text = String::new();
        roomsync::render::text(&mut text, &once.plan, once.seconds).unwrap();
        assert!(text.contains("1 incomplete, 0 in sync"), "{text}");
    });
}
