//! When the daemon writes nothing: paused, without an audit log, in a dry run.

use super::house::{House, house, id, members, minutes, names, one_room, room_text, writes};
use roomsync::daemon::Command;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use tokio::time::sleep;

/// Who was done by these lines, in the order of their names. Nobody may have another outcome.
fn done(lines: &[Value]) -> Vec<String> {
    let outcomes = lines.iter().filter(|line| line.get("event").is_none());
    let done = outcomes.map(|line| {
        assert_eq!(line["result"], "done", "{line}");
        line["user"].as_str().unwrap().to_owned()
    });
    let mut done: Vec<String> = done.collect();
    done.sort();
    done
}

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
            assert_eq!(status.withheld.unwrap().code.as_str(), "paused");
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
        "audit_log: audit.jsonl\nlimits: {add_batch: 1}",
        async |house: House| {
            // A full disk opens files and takes no bytes; only a whole line finds out.
            symlink("/dev/full", house.path("audit.jsonl")).unwrap();
            house.rooms(&room_text(&id(), names(0..60)));
            let daemon = house.start();
            sleep(minutes(30)).await;
            assert_eq!(writes(&house.service), 0, "no change before the first line");
            assert_eq!(daemon.status().withheld.unwrap().code.as_str(), "audit_log");
            daemon.source.alive().unwrap();
            // There is room again: nobody has to say so.
            fs::remove_file(house.path("audit.jsonl")).unwrap();
            daemon.until_well(minutes(1)).await;
            assert_eq!(done(&house.audit()), names(50..60));
            let events: Vec<String> = house
                .whole_audit()
                .iter()
                .filter(|line| line.get("op").is_none())
                .map(|line| {
                    let pick = |key: &str| line.get(key).map(ToString::to_string).unwrap_or_default();
                    ["event", "error", "rooms", "changes", "calls"]
                        .map(pick)
                        .join(" ")
                })
                .collect();
            assert_eq!(
                events,
                ["\"resumed\" \"the disk is full\"   ", "\"pass\"  1 10 10"]
            );
            let changes = house.whole_audit().split_off(2);
            assert!(
                changes.iter().all(|line| line.get("op").is_some()),
                "both stand before the changes"
            );
            daemon.stop().await;
        },
    );
}

#[test]
fn a_disk_that_fills_up_in_mid_pass_ends_it_and_the_lines_that_are_due_come_first() {
    let service = one_room(&names(0..50)).taking(std::time::Duration::from_secs(1));
    house(
        service,
        "audit_log: audit.jsonl\nlimits: {add_batch: 1, concurrency: 1}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..60)));
            let daemon = house.start();
            daemon.until(minutes(1), |_| !house.audit().is_empty()).await;
            fs::rename(house.path("audit.jsonl"), house.path("whole")).unwrap();
            symlink("/dev/full", house.path("audit.jsonl")).unwrap();
            // The log is opened anew by its name.
            daemon.tell(Command::Reload).await;
            sleep(minutes(30)).await;
            let added = members(&house.service).len() - 50;
            // One is on its way, and the line of the next may be written already.
            assert!((2..=3).contains(&added), "{added}");
            assert_eq!(daemon.status().withheld.unwrap().code.as_str(), "audit_log");
            fs::remove_file(house.path("audit.jsonl")).unwrap();
            daemon.until_well(minutes(2)).await;
            let before = house.lines_of("whole");
            let lines = [before.clone(), house.whole_audit()].concat();
            assert_eq!(done(&lines), names(50..60), "each is written down, once");
            // What became of the calls that had gone out stands before everything of the next pass.
            let due = house.whole_audit();
            let resumed = due.iter().position(|line| line["event"] == "resumed").unwrap();
            let due = [before, due[..resumed].to_vec()].concat();
            assert_eq!(done(&due), names(50..50 + added));
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
        assert_eq!(status.withheld.unwrap().code.as_str(), "dry_run");
        let room = status.rooms.first().unwrap();
        assert_eq!((room.add, room.remove), (1, 1));
        assert_eq!(writes(&house.service), 0);
        assert!(!house.state_dir().exists() && !house.path("audit.jsonl").exists());
        daemon.stop().await;
    });
}
