//! When the daemon writes nothing: paused, without an audit log, in a dry run.

use super::house::{House, house, id, minutes, names, one_room, room_text, writes};
use roomsync::daemon::Command;
use std::fs;
use tokio::time::sleep;

#[test]
fn paused_by_file_or_by_setting_nothing_is_written() {
    let service = one_room(&names(0..5));
    house(
        service,
        "sync: {paused: true, settle_removals: 0ms}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..6)));
            let daemon = house.start();
            sleep(minutes(20)).await;
            let status = daemon.status();
            assert_eq!(status.withheld.unwrap().code, "paused");
            assert_eq!(status.rooms.first().unwrap().add, 1, "it reads and shows");
            let settings = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
            house.put(
                "roomsync.yaml",
                &settings.replace("paused: true", "paused: false"),
            );
            house.put(".roomsync/pause", "");
            daemon.tell(Command::Reload).await;
            sleep(minutes(20)).await;
            assert_eq!(writes(&house.service), 0);
            fs::remove_file(house.path(".roomsync/pause")).unwrap();
            daemon.until_well(minutes(1)).await;
            assert_eq!(writes(&house.service), 1);
            daemon.stop().await;
        },
    );
}

#[test]
fn without_an_audit_line_nothing_is_changed() {
    let service = one_room(&names(0..50));
    house(
        service,
        "audit_log: /dev/full\nlimits: {add_batch: 1}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..60)));
            let daemon = house.start();
            sleep(minutes(30)).await;
            // The first change shows that it cannot be written down; there is no second one.
            assert_eq!(writes(&house.service), 1);
            assert_eq!(daemon.status().withheld.unwrap().code, "audit_log");
            assert!(daemon.source.alive().is_ok());
            let settings = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
            house.put("roomsync.yaml", &settings.replace("/dev/full", "audit.jsonl"));
            daemon.tell(Command::Reload).await;
            daemon.until_well(minutes(6)).await;
            assert_eq!(house.audit().len(), 10);
            daemon.stop().await;
        },
    );
}

#[test]
fn a_dry_run_never_writes() {
    let service = one_room(&names(0..5));
    house(service, "audit_log: audit.jsonl", async |mut house: House| {
        house.dry_run = true;
        house.rooms(&room_text(&id(), names(1..6)));
        let daemon = house.start();
        sleep(minutes(20)).await;
        let status = daemon.status();
        assert_eq!(status.withheld.unwrap().code, "dry_run");
        let room = status.rooms.first().unwrap();
        assert_eq!((room.add, room.remove), (1, 1));
        assert_eq!(writes(&house.service), 0);
        assert!(!house.state_dir().exists() && !house.path("audit.jsonl").exists());
        daemon.stop().await;
    });
}
