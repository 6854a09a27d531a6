//! Ways in which somebody could be removed who must not be, or something forgotten that must not be.

use super::house::{House, house, id, members, minutes, names, one_room, room_text, writes};
use super::service::{Reply, Service, room_id, room_of, state};
use http::Method as Http;
use roomsync::daemon::{Command, Daemon};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;

fn removals(service: &Service) -> usize {
    let sent = service.take_sent();
    sent.iter().filter(|(method, ..)| method == Http::DELETE).count()
}

#[test]
fn a_file_cut_short_is_known_after_a_restart_too() {
    house(one_room(&names(0..8)), "", async |house: House| {
        let list: String = names(0..8)
            .iter()
            .map(|user| format!("      - {user}\n"))
            .collect();
        let whole = format!("rooms:\n  - id: \"{}\"\n    members:\n{list}", id());
        house.rooms(&whole);
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        daemon.stop().await;
        let cut = whole.strip_suffix("      - u7\n").unwrap();
        fs::write(house.path("rooms/all.yaml"), cut).unwrap();
        let daemon = house.start();
        sleep(minutes(20)).await;
        assert!(!daemon.status().files.valid);
        assert_eq!(removals(&house.service), 0);
        // Put in its place as a new file it is an edit.
        house.rooms(cut);
        daemon.until_well(minutes(7)).await;
        assert_eq!(members(&house.service).len(), 7);
        daemon.stop().await;
    });
}

#[test]
fn a_guard_set_while_the_files_are_bad_is_in_force_at_once() {
    house(one_room(&names(0..8)), "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..8)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        house.put("rooms/bad.yaml", "rooms: [\n");
        daemon.until(minutes(2), |status| !status.files.valid).await;
        let settings = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        house.put(
            "roomsync.yaml",
            &format!("{settings}guards: {{protect: [\"vip*\"]}}\n"),
        );
        daemon.tell(Command::Reload).await;
        daemon.until(minutes(2), |status| !status.files.valid).await;
        house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            room.join("vip1");
            room.join("stranger");
        });
        daemon
            .until(minutes(7), |_| !members(&house.service).contains("stranger"))
            .await;
        assert!(members(&house.service).contains("vip1"));
        assert!(!daemon.status().files.valid, "the bad files are not forgotten");
        daemon.stop().await;
    });
}

#[test]
fn a_pause_outlives_the_loss_of_its_folder() {
    house(one_room(&names(0..8)), "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..7)));
        fs::create_dir(house.state_dir()).unwrap();
        fs::write(house.state_dir().join("pause"), "").unwrap();
        let daemon = house.start();
        sleep(minutes(6)).await;
        // As when a disk is no longer mounted there: an empty folder is left.
        fs::rename(house.state_dir(), house.path("elsewhere")).unwrap();
        fs::create_dir(house.state_dir()).unwrap();
        sleep(minutes(20)).await;
        assert_eq!(daemon.status().withheld.unwrap().code.as_str(), "state_dir");
        assert_eq!(removals(&house.service), 0);
        assert_eq!(fs::read_dir(house.state_dir()).unwrap().count(), 0);
        fs::remove_dir(house.state_dir()).unwrap();
        fs::rename(house.path("elsewhere"), house.state_dir()).unwrap();
        fs::remove_file(house.state_dir().join("pause")).unwrap();
        daemon.until_well(minutes(2)).await;
        daemon.stop().await;
    });
}

#[test]
fn an_unknown_user_of_many_rooms_is_set_aside_for_an_hour() {
    let rooms = (1..=8).map(|n| (room_id(n), room_of("alice", &[], &["u0"])));
    let mut known = state(rooms);
    known.users = Some(["alice", "u0"].map(str::to_owned).into_iter().collect());
    house(Service::new(known), "", async |house: House| {
        let room = |n| format!("  - {{id: {}, members: [u0, zed]}}\n", room_id(n));
        house.rooms(&format!("rooms:\n{}", (1..=8).map(room).collect::<String>()));
        let daemon = house.start();
        daemon.until(minutes(1), |status| status.aside.len() == 1).await;
        let aside = daemon.status().aside.remove(0);
        assert_eq!(aside.until.duration_since(aside.since).as_hours(), 1);
        assert_eq!(aside.room, None);
        daemon.stop().await;
    });
}

#[test]
fn a_room_with_a_hold_loses_nobody() {
    house(one_room(&names(0..20)), "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..20)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        house.rooms(&room_text(&id(), names(0..10)));
        daemon.until(minutes(2), |status| !status.holds.is_empty()).await;
        house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            for user in names(11..20) {
                room.leave(&user);
            }
            room.join("stranger");
        });
        house.service.take_sent();
        sleep(minutes(30)).await;
        // It is blocked, and a blocked room gets no removal.
        assert_eq!(removals(&house.service), 0);
        let status = daemon.status();
        let room = status.rooms.first().unwrap();
        assert_eq!((room.remove, room.blocked.len()), (2, 1));
        // Once none of those who are held is there, the stranger goes.
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(1)).unwrap().leave("u10");
        });
        daemon
            .until(minutes(7), |_| !members(&house.service).contains("stranger"))
            .await;
        daemon.stop().await;
    });
}

#[test]
fn starting_again_and_again_is_no_new_budget_and_no_end_of_it() {
    house(
        one_room(&names(0..100)),
        "guards: {max_removals: 100%}",
        async |mut house: House| {
            house.seed = 11;
            let mut left = 100;
            let mut by_hour = Vec::new();
            for run in 0..40 {
                let wanted = left - 3;
                house.rooms(&room_text(&id(), names(0..wanted)));
                let daemon = house.start();
                sleep(minutes(1)).await;
                daemon.stop().await;
                if run % 10 == 9 {
                    by_hour.push(members(&house.service).len());
                }
                left = members(&house.service).len();
            }
            // Ten of a hundred in five minutes, and then ten more.
            assert!(by_hour.first().unwrap() >= &80, "{by_hour:?}");
            assert!(by_hour.windows(2).all(|pair| pair[1] < pair[0]), "{by_hour:?}");
        },
    );
}

#[test]
fn rooms_that_fail_while_the_service_goes_away_are_not_forgotten() {
    let ill = Arc::new(AtomicUsize::new(0));
    let how = Arc::clone(&ill);
    let service = one_room(&names(0..8)).with_fault(move |_, request, _| match how.load(Ordering::Relaxed) {
        1 if request.url.path().ends_with("/users") => Some(Reply::Answer(500, String::new())),
        2 => Some(Reply::Unreachable),
        _ => None,
    });
    house(service, "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..9)));
        ill.store(1, Ordering::Relaxed);
        let daemon = house.start();
        sleep(minutes(10)).await;
        ill.store(2, Ordering::Relaxed);
        daemon
            .until(minutes(10), |status| status.service.trouble.is_some())
            .await;
        house.service.take_sent();
        sleep(minutes(60)).await;
        let tries = house.service.take_sent().len();
        assert!((12..240).contains(&tries), "{tries} calls in an hour");
        ill.store(0, Ordering::Relaxed);
        daemon.until_well(minutes(6)).await;
        daemon.stop().await;
    });
}

#[test]
fn a_file_cut_anywhere_never_removes_anybody() {
    let people = ["ann", "bob", "carol", "dan", "eve"].map(str::to_owned);
    let service = one_room(&people);
    house(service, "", async |house: House| {
        // A line a name, so that many cuts leave a file that looks whole.
        let list: String = people.iter().map(|user| format!("      - {user}\n")).collect();
        let whole = format!("rooms:\n  - id: \"{}\"\n    members:\n{list}", id());
        house.rooms(&whole);
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        let file = house.path("rooms/all.yaml");
        for end in 0..whole.len() {
            fs::write(&file, &whole[..end]).unwrap();
            // Past the time in which a file may be finished, and past a look at all rooms.
            sleep(minutes(7)).await;
            assert!(!daemon.status().files.valid, "cut at {end}");
            assert_eq!(members(&house.service).len(), people.len(), "cut at {end}");
            fs::write(&file, &whole).unwrap();
            daemon.until(minutes(2), |status| status.files.valid).await;
        }
        assert_eq!(writes(&house.service), 0);
        daemon.stop().await;
    });
}

#[test]
fn a_loop_that_does_not_move_is_seen() {
    house(one_room(&[]), "", async |house: House| {
        // Made, and never run.
        let daemon = Daemon::new(house.config()).unwrap();
        let source = daemon.source();
        source.alive().unwrap();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(source.alive().unwrap_err(), "the loop has not moved for 30 s");
    });
}
