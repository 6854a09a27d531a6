//! `approve`: what the guards of a room keep back is let through once, and nothing else is.

use super::house::{House, Running, house, id, members, minutes, names, one_room, room_text};
use super::service::{Service, room_id, room_of, state};
use roomsync::emulator::Fault;
use roomsync::status::{ApproveOrder, HeldBack, Reply, RoomState};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// Guards that let a quarter of a room go.
const QUARTER: &str =
    "guards: {max_removals: 25%, max_removals_total: 100%, removal_budget: off}\naudit_log: audit.jsonl";

async fn shown(daemon: &Running) -> HeldBack {
    daemon.control.held_back(room_id(1)).await.unwrap()
}

async fn approve(daemon: &Running, shown: &HeldBack) -> Reply {
    let order = ApproveOrder {
        room: room_id(1),
        by: Some("alice".to_owned()),
        digest: shown.digest.clone(),
    };
    daemon.control.approve(order).await
}

async fn approved(daemon: &Running) -> HeldBack {
    let held = shown(daemon).await;
    match approve(daemon, &held).await {
        Reply::Done(said) => assert!(said.starts_with("approved in "), "{said}"),
        other => panic!("{other:?}"),
    }
    held
}

fn refused(reply: Reply) -> String {
    match reply {
        Reply::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

fn set(range: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    range.into_iter().map(|n| format!("u{n}")).collect()
}

async fn is_blocked(daemon: &Running) {
    daemon
        .until(minutes(1), |status| {
            status.rooms.iter().any(|room| room.state == RoomState::Blocked)
        })
        .await;
}

/// Twenty are there, the files want the first twelve, and a quarter may go.
async fn blocked(house: &House) -> Running {
    house.rooms(&room_text(&id(), names(0..12)));
    let daemon = house.start();
    is_blocked(&daemon).await;
    daemon
}

fn twenty() -> Service {
    one_room(&names(0..20))
}

fn fault(house: &House, text: &str) {
    house.service.emulator.add_fault(Fault::parse(text).unwrap());
}

#[test]
fn what_was_shown_goes_once_and_the_guard_stands_as_before() {
    house(twenty(), QUARTER, async |house: House| {
        let daemon = blocked(&house).await;
        let held = shown(&daemon).await;
        assert_eq!(held.remove.iter().cloned().collect::<BTreeSet<_>>(), set(12..20));
        assert_eq!(held.why, ["max_removals allows 25% of 20, 8 are wanted"]);
        assert!(held.demote.is_empty() && held.add.is_empty());
        approved(&daemon).await;
        let line = house
            .whole_audit()
            .into_iter()
            .find(|line| line["event"] == "approved");
        let line = line.unwrap();
        assert_eq!(
            (&line["by"], &line["remove"][0]),
            (&"alice".into(), &"u12".into())
        );
        let rooms = daemon.status().rooms;
        let approval = &rooms[0].approvals[0];
        assert_eq!(
            (approval.by.as_str(), approval.remove, approval.of),
            ("alice", 8, 8)
        );
        let item = daemon.status().attention;
        let item = item.iter().find(|item| item.code == "approval").unwrap();
        assert!(
            item.message.contains("8 left of it until 2026-11-23T01:0"),
            "{}",
            item.message
        );
        daemon.until_well(minutes(1)).await;
        assert_eq!(members(&house.service), set(0..12));
        assert!(daemon.status().rooms[0].approvals.is_empty());
        // Used up: another digest is needed, and there is nothing to approve.
        let why = refused(approve(&daemon, &held).await);
        assert!(why.contains("nothing is kept back"), "{why}");
        // They come back by themselves: kept as before.
        house.service.emulator.join(&room_id(1), &names(12..20));
        sleep(minutes(20)).await;
        assert_eq!(members(&house.service), set(0..20));
        let why = refused(approve(&daemon, &held).await);
        assert!(why.contains("approved already"), "{why}");
        daemon.stop().await;
    });
}

#[test]
fn it_is_refused_once_anything_differs_twice_and_after_a_restart() {
    house(twenty(), QUARTER, async |house: House| {
        let daemon = blocked(&house).await;
        for change in ["leaves", "comes", "files"] {
            let held = shown(&daemon).await;
            match change {
                "leaves" => drop(house.service.emulator.leave(&room_id(1), &names(19..20))),
                "comes" => drop(house.service.emulator.join(&room_id(1), &names(20..21))),
                _ => {
                    let more = format!("{}    name: lobby\n", room_text(&id(), names(0..12)));
                    house.rooms(&more);
                    sleep(Duration::from_secs(5)).await;
                }
            }
            let why = refused(approve(&daemon, &held).await);
            assert!(why.contains("no longer what was shown"), "{change}: {why}");
        }
        // While nothing is written, what was approved is still there, and cannot be approved twice.
        let held = shown(&daemon).await;
        daemon.control.pause(Default::default()).await;
        assert!(
            matches!(approve(&daemon, &held).await, Reply::Done(said) if said.contains("nothing is written for now"))
        );
        let why = refused(approve(&daemon, &held).await);
        assert!(why.contains("nothing is kept back"), "{why}");
        sleep(minutes(10)).await;
        let before = set((0..19).chain([20]));
        assert_eq!(members(&house.service), before);
        // A restart ends it, and what an earlier process has shown is worth nothing.
        daemon.stop().await;
        let daemon = house.start();
        is_blocked(&daemon).await;
        daemon.control.resume(None).await;
        sleep(minutes(70)).await;
        assert_eq!(members(&house.service), before);
        let why = refused(approve(&daemon, &held).await);
        assert!(why.contains("the daemon was restarted"), "{why}");
        daemon.stop().await;
    });
}

#[test]
fn a_failed_call_is_repeated_within_the_hour_and_not_after_it() {
    for (hours, is_done) in [(0, true), (2, false)] {
        let settings = format!("{QUARTER}\nlimits: {{remove_batch: 4}}");
        house(twenty(), &settings, async |house: House| {
            house.rooms(&room_text(&id(), names(0..4)));
            let daemon = house.start();
            is_blocked(&daemon).await;
            fault(&house, "writes@2-4000:503");
            approved(&daemon).await;
            sleep(minutes(20 + 60 * hours)).await;
            let half = members(&house.service);
            assert!(half.len() < 20 && half.len() > 12, "{half:?}");
            house.service.emulator.clear_faults();
            sleep(minutes(30)).await;
            let there = members(&house.service);
            assert_eq!(there, if is_done { set(0..4) } else { half });
            daemon.stop().await;
        });
    }
}

#[test]
fn it_is_over_after_an_hour() {
    house(twenty(), QUARTER, async |house: House| {
        let daemon = blocked(&house).await;
        daemon.control.pause(Default::default()).await;
        approved(&daemon).await;
        sleep(minutes(61)).await;
        assert!(daemon.status().rooms[0].approvals.is_empty());
        daemon.control.resume(None).await;
        sleep(minutes(30)).await;
        assert_eq!(members(&house.service), set(0..20));
        assert_eq!(daemon.status().rooms[0].state, RoomState::Blocked);
        daemon.stop().await;
    });
}

#[test]
fn who_is_wanted_again_or_was_gone_stays_and_nobody_is_taken_along() {
    house(twenty(), QUARTER, async |house: House| {
        let daemon = blocked(&house).await;
        daemon.control.pause(Default::default()).await;
        approved(&daemon).await;
        // Wanted again, and dropped once more.
        house.rooms(&room_text(&id(), names(0..14)));
        sleep(minutes(1)).await;
        house.rooms(&room_text(&id(), names(0..12)));
        sleep(minutes(1)).await;
        // Gone, and back.
        house.service.emulator.leave(&room_id(1), &names(14..15));
        sleep(minutes(10)).await;
        house.service.emulator.join(&room_id(1), &names(14..15));
        // New, and not wanted either.
        house.service.emulator.join(&room_id(1), &names(30..36));
        sleep(minutes(10)).await;
        daemon.control.resume(None).await;
        sleep(minutes(1)).await;
        let there = members(&house.service);
        assert_eq!(there, set((0..15).chain(30..36)), "{there:?}");
        daemon.stop().await;
    });
}

#[test]
fn a_hold_is_let_through_and_holds_again_whoever_comes_back() {
    house(
        twenty(),
        "guards: {max_removals_total: 100%}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..20)));
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            house.rooms(&room_text(&id(), names(0..12)));
            is_blocked(&daemon).await;
            sleep(minutes(1)).await;
            assert!(
                shown(&daemon)
                    .await
                    .why
                    .iter()
                    .all(|why| why.starts_with("max_removals"))
            );
            approved(&daemon).await;
            daemon.until_well(minutes(1)).await;
            assert_eq!(members(&house.service), set(0..12));
            daemon.stop().await;
            let daemon = house.start();
            house.service.emulator.join(&room_id(1), &names(12..13));
            sleep(minutes(20)).await;
            assert_eq!(members(&house.service), set(0..13), "held as before");
            daemon.stop().await;
        },
    );
}

#[test]
fn the_budget_counts_nobody_who_was_approved() {
    let settings = "guards: {max_removals: 100%, max_removals_total: 100%, removal_budget: {limit: 25%, at_least: 1, window: 24h}}";
    house(twenty(), settings, async |house: House| {
        house.rooms(&room_text(&id(), names(0..20)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        house.rooms(&room_text(&id(), names(0..12)));
        is_blocked(&daemon).await;
        sleep(minutes(1)).await;
        assert_eq!(members(&house.service).len(), 15, "five are a quarter of twenty");
        let held = approved(&daemon).await;
        assert_eq!(held.remove.len(), 3);
        daemon.until_well(minutes(1)).await;
        assert_eq!(members(&house.service), set(0..12));
        // The window is as full as it was.
        house.rooms(&room_text(&id(), names(0..11)));
        sleep(minutes(10)).await;
        assert_eq!(members(&house.service), set(0..12));
        // A day later it has room for five as after any such day.
        sleep(minutes(24 * 60)).await;
        assert_eq!(members(&house.service), set(0..11));
        daemon.stop().await;
    });
}

#[test]
fn the_guard_over_all_rooms_counts_nobody_who_was_approved() {
    let other = names(40..140);
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    let twenty = names(0..20);
    let twenty: Vec<&str> = twenty.iter().map(String::as_str).collect();
    let service = Service::new(state([
        (room_id(1), room_of("alice", &[], &twenty)),
        (room_id(2), room_of("alice", &[], &other)),
    ]));
    let settings = "guards: {max_removals: 100%, max_removals_total: 5, removal_budget: off}";
    house(service, settings, async |house: House| {
        let second = |most| {
            let list = names(40..most).join(", ");
            format!("  - id: \"{}\"\n    members: [{list}]\n", room_id(2))
        };
        house.rooms(&(room_text(&id(), names(0..12)) + &second(140)));
        let daemon = house.start();
        is_blocked(&daemon).await;
        let held = approved(&daemon).await;
        assert!(held.why[0].starts_with("max_removals_total"), "{held:?}");
        daemon.until_well(minutes(1)).await;
        // Five are left for the others, and no sixth.
        house.rooms(&(room_text(&id(), names(0..12)) + &second(135)));
        sleep(Duration::from_secs(20)).await;
        house.rooms(&(room_text(&id(), names(0..12)) + &second(134)));
        sleep(minutes(1)).await;
        let there = house.service.emulator.state().rooms[&room_id(2)].members().len();
        assert_eq!(there, 96, "95 and the owner or one more");
        daemon.stop().await;
    });
}

#[test]
fn adds_and_demotions_are_let_through_and_the_last_admin_stays() {
    let admins = names(0..3);
    let admins: Vec<&str> = admins.iter().map(String::as_str).collect();
    let five = names(0..5);
    let five: Vec<&str> = five.iter().map(String::as_str).collect();
    let service = Service::new(state([(room_id(1), room_of("alice", &admins, &five))]));
    let settings = "guards: {max_removals: 0, max_demotions: 0, max_additions: 0, removal_budget: off}";
    house(service, settings, async |house: House| {
        fault(&house, "promote@1-400:403");
        house.rooms(&format!(
            "rooms:\n  - id: \"{}\"\n    admins: [u9]\n    members: [u3, u8]\n",
            id()
        ));
        let daemon = house.start();
        is_blocked(&daemon).await;
        let held = approved(&daemon).await;
        assert_eq!(held.remove, ["u0", "u1", "u2", "u4"]);
        assert_eq!(held.demote, ["u0", "u1", "u2"]);
        assert_eq!(held.add, ["u8", "u9"]);
        sleep(minutes(5)).await;
        // Nobody could be promoted, so no admin goes.
        assert_eq!(members(&house.service), set([0, 1, 2, 3, 8, 9]));
        house.service.emulator.clear_faults();
        sleep(minutes(20)).await;
        assert_eq!(members(&house.service), set([3, 8, 9]));
        daemon.stop().await;
    });
}

#[test]
fn what_says_nothing_for_certain_is_not_approved() {
    house(
        twenty(),
        &format!("{QUARTER}\nsync: {{settle_removals: 1m}}"),
        async |mut house: House| {
            let daemon = blocked(&house).await;
            sleep(minutes(3)).await;
            let held = shown(&daemon).await;
            house.rooms(&room_text(&id(), names(0..11)));
            sleep(Duration::from_secs(5)).await;
            let why = refused(approve(&daemon, &held).await);
            assert!(why.contains("have just changed"), "{why}");
            let why = refused(daemon.control.held_back(room_id(7)).await.unwrap_err());
            assert!(why.contains("not in the room files"), "{why}");
            fault(&house, "any@1-400:503");
            assert!(matches!(approve(&daemon, &held).await, Reply::Failed(_)));
            daemon.stop().await;
            house.service.emulator.clear_faults();
            house.dry_run = true;
            let daemon = house.start();
            is_blocked(&daemon).await;
            let why = refused(daemon.control.held_back(room_id(1)).await.unwrap_err());
            assert!(why.contains("dry run"), "{why}");
            daemon.stop().await;
            assert_eq!(members(&house.service), set(0..20));
        },
    );
}
