//! Orders of people: a pause with an end, and its end before.

use super::daemon_clock::Machine;
use super::house::{House, house, id, minutes, names, one_room, room_text, writes};
use jiff::{SignedDuration, Timestamp};
use roomsync::status::{PauseOrder, Reply};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::time::sleep;

fn order(seconds: Option<u64>) -> PauseOrder {
    PauseOrder {
        by: Some("alice".to_owned()),
        why: Some("a move".to_owned()),
        length: seconds.map(Duration::from_secs),
    }
}

fn paused(reply: Reply) -> String {
    match reply {
        Reply::Done(said) => said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pause_outlives_restarts_and_ends_at_its_end() {
    house(one_room(&names(0..5)), "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..5)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        let begun = house.clock.now();
        let said = paused(daemon.control.pause(order(Some(3 * 3600))).await);
        assert!(said.starts_with("paused until 2026-11-23T03:0"), "{said}");
        let end: Timestamp = said
            .split(' ')
            .nth(2)
            .unwrap()
            .trim_end_matches(':')
            .parse()
            .unwrap();
        let length = end.duration_since(begun);
        assert!(
            length >= SignedDuration::from_hours(3) && length.as_secs() <= 3 * 3600 + 1,
            "{length}"
        );
        let file = house.path(".roomsync/pause");
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            format!("a move\nby: alice\nuntil: {end}\n")
        );
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        house.rooms(&room_text(&id(), names(0..6)));
        sleep(minutes(80)).await;
        daemon.stop().await;
        let daemon = house.start();
        sleep(minutes(60)).await;
        let item = daemon.status().attention.into_iter().next().unwrap();
        assert_eq!(
            (item.by.as_deref(), item.why.as_deref()),
            (Some("alice"), Some("a move"))
        );
        assert!(item.message.contains(&format!("until {end}")), "{}", item.message);
        // Ended as by a crash, and again at its last minute.
        daemon.kill().await;
        let daemon = house.start();
        let left = Duration::try_from(end.duration_since(house.clock.now())).unwrap();
        sleep(left - Duration::from_secs(1)).await;
        assert_eq!(writes(&house.service), 0);
        assert!(file.exists());
        daemon.until_well(Duration::from_secs(30)).await;
        assert_eq!(writes(&house.service), 1);
        assert!(!file.exists(), "it is taken away, and does not begin again");
        daemon.stop().await;
    });
}

#[test]
fn a_later_pause_counts_and_resume_ends_any() {
    house(one_room(&names(0..5)), "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..5)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        paused(daemon.control.pause(order(Some(60))).await);
        paused(daemon.control.pause(order(None)).await);
        house.rooms(&room_text(&id(), names(0..6)));
        sleep(minutes(60)).await;
        assert_eq!(writes(&house.service), 0, "the first one's end ends nothing");
        let said = paused(daemon.control.resume(None).await);
        assert_eq!(said, "the pause is over: rooms are written");
        daemon.until_well(minutes(1)).await;
        assert_eq!(
            paused(daemon.control.resume(None).await),
            "there was no pause to end: rooms are written"
        );
        // One that a person made by hand.
        house.put(".roomsync/pause", "until: tomorrow\n");
        sleep(Duration::from_secs(2)).await;
        assert!(daemon.status().withheld.is_some());
        paused(daemon.control.resume(Some("bob".to_owned())).await);
        assert!(daemon.status().withheld.is_none() && !house.path(".roomsync/pause").exists());
        daemon.stop().await;
    });
}

#[test]
fn resume_says_what_else_keeps_it_from_writing() {
    let settings = "sync: {paused: true, settle_removals: 0ms}";
    house(one_room(&names(0..5)), settings, async |house: House| {
        house.rooms(&room_text(&id(), names(0..6)));
        let daemon = house.start();
        sleep(minutes(1)).await;
        paused(daemon.control.pause(order(None)).await);
        let Reply::Refused(why) = daemon.control.resume(None).await else {
            panic!("the settings pause");
        };
        assert!(
            why.starts_with("the pause is over, but still nothing is written"),
            "{why}"
        );
        assert!(why.contains("`sync.paused` is true"), "{why}");
        sleep(minutes(10)).await;
        assert_eq!(writes(&house.service), 0);
        daemon.stop().await;
    });
}

#[test]
fn a_pause_that_cannot_be_kept_is_none() {
    house(one_room(&names(0..5)), "", async |mut house: House| {
        house.dry_run = true;
        house.rooms(&room_text(&id(), names(0..5)));
        let daemon = house.start();
        sleep(minutes(1)).await;
        let Reply::Failed(why) = daemon.control.pause(order(None)).await else {
            panic!("a dry run keeps nothing");
        };
        assert!(why.contains("a dry run writes nothing"), "{why}");
        assert!(!house.path(".roomsync/pause").exists());
        daemon.stop().await;
    });
}

#[test]
fn a_clock_that_jumps_ends_no_pause() {
    house(one_room(&names(0..5)), "", async |mut house: House| {
        let machine = Machine::of(&mut house, SignedDuration::ZERO);
        house.rooms(&room_text(&id(), names(0..5)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        paused(daemon.control.pause(order(Some(3600))).await);
        house.rooms(&room_text(&id(), names(0..6)));
        machine.set(SignedDuration::from_hours(5));
        sleep(minutes(59)).await;
        assert_eq!(writes(&house.service), 0, "its end is another hour of that clock");
        sleep(minutes(60)).await;
        assert_eq!(writes(&house.service), 0, "nobody knows the time");
        machine.set(SignedDuration::ZERO);
        daemon.until_well(minutes(15)).await;
        assert_eq!(writes(&house.service), 1);
        // A clock that went back lengthens it.
        paused(daemon.control.pause(order(Some(600))).await);
        house.rooms(&room_text(&id(), names(0..7)));
        machine.set(-SignedDuration::from_mins(8));
        sleep(minutes(15)).await;
        assert_eq!(writes(&house.service), 0, "since then");
        daemon.until_well(minutes(5)).await;
        daemon.stop().await;
    });
}
