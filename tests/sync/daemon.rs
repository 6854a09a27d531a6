//! The daemon over hours and days.

mod alerts;
mod quiet_day;

use super::house::{House, house, id, members, minutes, names, one_room, refs, room_text, writes};
use super::service::{Reply, Service, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::daemon::Command;
use roomsync::status::RoomState;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[test]
fn edits_are_followed_and_drift_is_repaired() {
    let service = one_room(&names(0..8));
    house(service, "audit_log: audit.jsonl", async |house: House| {
        house.rooms(&room_text(&id(), names(0..9)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        daemon.source.ready().unwrap();
        daemon.source.alive().unwrap();
        assert_eq!(members(&house.service), names(0..9).into_iter().collect());

        house.rooms(&room_text(&id(), names(1..9)));
        daemon
            .until(minutes(3), |_| members(&house.service).len() == 8)
            .await;

        // Drift: one is gone, a stranger is in.
        house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            room.leave("u4");
            room.join("stranger");
        });
        daemon
            .until(minutes(6), |_| {
                members(&house.service) == names(1..9).into_iter().collect()
            })
            .await;
        daemon.until_well(minutes(1)).await;

        // A bad edit changes nothing, is told, and drift is still repaired.
        house.rooms("rooms: [{id: 1, membrs: []}]\n");
        daemon.until(minutes(2), |status| !status.files.valid).await;
        daemon.source.ready().unwrap_err();
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(1)).unwrap().leave("u5");
        });
        daemon
            .until(minutes(6), |_| members(&house.service).contains("u5"))
            .await;
        fs::remove_dir_all(house.path("rooms")).unwrap();
        sleep(minutes(10)).await;
        assert_eq!(members(&house.service), names(1..9).into_iter().collect());
        daemon.source.ready().unwrap_err();

        let lines: Vec<String> = house
            .audit()
            .iter()
            .map(|line| {
                let file = line["file"].as_str().unwrap().rsplit('/').next().unwrap();
                format!(
                    "{} {} {file}:{} {}",
                    line["op"], line["user"], line["line"], line["result"]
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "add" "u8" all.yaml:3 "done"
        "remove" "u0" all.yaml:3 "done"
        "add" "u4" all.yaml:3 "done"
        "remove" "stranger" all.yaml:3 "done"
        "add" "u5" all.yaml:3 "done"
        "#);
        daemon.stop().await;
    });
}

#[test]
fn a_wrong_merge_is_held_through_a_day_of_people_coming_online_and_a_restart() {
    let everyone = names(0..1000);
    let service = one_room(&everyone);
    house(service, "", async |house: House| {
        house.rooms(&room_text(&id(), everyone.clone()));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        let online = |range: std::ops::Range<usize>| {
            house.service.emulator.edit(|state| {
                let room = state.rooms.get_mut(&room_id(1)).unwrap();
                for user in &everyone {
                    room.leave(user);
                }
                for user in range {
                    room.join(&format!("u{user}"));
                }
            });
        };
        // Half of them are dropped while few of those are there.
        online(0..500);
        house.rooms(&room_text(&id(), names(0..500)));
        daemon.until(minutes(3), |status| !status.holds.is_empty()).await;
        house.service.take_sent();
        let mut daemon = daemon;
        for hour in 0..24 {
            // Ever more of them come online, each time fewer than the guard allows.
            online(0..500 + (hour + 1) * 20);
            sleep(minutes(60)).await;
            if hour == 12 {
                daemon.stop().await;
                daemon = house.start();
            }
            let removed: Vec<_> = house
                .service
                .take_sent()
                .into_iter()
                .filter(|(method, ..)| method == Http::DELETE)
                .collect();
            assert!(removed.is_empty(), "hour {hour}: {removed:?}");
        }
        let status = daemon.status();
        let hold = status.holds.first().unwrap();
        assert_eq!((hold.dropped, hold.of, hold.held), (500, 1000, 500));
        assert_eq!(status.rooms.first().unwrap().state, RoomState::Blocked);

        // Allowed in the room's own entry, they go.
        let allowed = room_text(&id(), names(0..500)) + "    guards: {max_removals: 1000}\n";
        house.rooms(&allowed);
        fs::write(
            house.path("roomsync.yaml"),
            fs::read_to_string(house.path("roomsync.yaml")).unwrap() + "guards: {max_removals_total: 100%}\n",
        )
        .unwrap();
        daemon.tell(Command::Reload).await;
        daemon.until_well(minutes(10)).await;
        assert_eq!(members(&house.service).len(), 500);
        daemon.stop().await;
    });
}

/// A service that can be made to answer like this.
fn switched(members: &[String], answer: fn() -> Reply) -> (Service, Arc<AtomicBool>) {
    let off = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&off);
    let service = one_room(members).with_fault(move |_, _, _| switch.load(Ordering::Relaxed).then(answer));
    (service, off)
}

#[test]
fn after_an_hour_without_the_service_two_passes_put_everything_in_order() {
    let (service, off) = switched(&names(0..20), || Reply::Unreachable);
    house(service, "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..20)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        off.store(true, Ordering::Relaxed);
        house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            room.leave("u3");
            room.join("stranger");
        });
        house.rooms(&room_text(&id(), names(0..21)));
        house.service.take_sent();
        sleep(minutes(60)).await;
        let status = daemon.status();
        assert!(status.service.trouble.is_some(), "{status:#?}");
        // It asks again and again, but does not hammer: about one try in two and a half minutes, four sends each.
        let tries = house.service.take_sent().len();
        assert!((12..240).contains(&tries), "{tries}");
        off.store(false, Ordering::Relaxed);
        let began = Instant::now();
        daemon.until_well(minutes(11)).await;
        assert!(began.elapsed() < minutes(6), "{:?}", began.elapsed());
        assert_eq!(members(&house.service), names(0..21).into_iter().collect());
        daemon.stop().await;
    });
}

#[test]
fn a_bad_token_that_becomes_good_is_used() {
    let service = one_room(&names(0..3));
    house(service, "", async |house: House| {
        house.put("token", "not-the-one\n");
        house.rooms(&room_text(&id(), names(0..4)));
        let daemon = house.start();
        daemon
            .until(minutes(3), |status| status.service.trouble.is_some())
            .await;
        assert_eq!(
            daemon.status().service.trouble.unwrap().code.as_str(),
            "credentials_refused"
        );
        daemon.source.ready().unwrap_err();
        daemon.source.alive().unwrap();
        sleep(minutes(20)).await;
        house.put("token", "secret\n");
        daemon.until_well(minutes(6)).await;
        daemon.stop().await;
    });
}

#[test]
fn ending_in_mid_apply_loses_nothing() {
    for cut in 0..12 {
        let wanted = names(0..300);
        let slow = Duration::from_millis(80);
        let service = one_room(&names(290..310)).taking(slow);
        house(
            service,
            "limits: {add_batch: 20}\naudit_log: audit.jsonl",
            async |house: House| {
                house.rooms(&room_text(&id(), wanted.clone()));
                let daemon = house.start();
                sleep(Duration::from_millis(250 + 90 * cut)).await;
                daemon.stop().await;
                let sent = house.service.take_sent();
                let cut_off = |(method, _, _, status): &_| method != Http::GET && *status == 0;
                assert!(!sent.iter().any(cut_off), "a write was cut off: {sent:?}");
                sleep(minutes(1)).await;
                assert!(house.service.take_sent().is_empty(), "a call after the end");
                // What was done is written down, all of it.
                let done: BTreeSet<String> = house
                    .audit()
                    .iter()
                    .filter(|line| line["op"] == "add" && line["result"] == "done")
                    .map(|line| line["user"].as_str().unwrap().to_owned())
                    .collect();
                let before: BTreeSet<String> = names(290..310).into_iter().collect();
                let added: BTreeSet<String> = members(&house.service).difference(&before).cloned().collect();
                assert_eq!(done, added, "cut {cut}");
                let daemon = house.start();
                daemon
                    .until(minutes(8), |_| {
                        names(0..300)
                            .iter()
                            .all(|user| members(&house.service).contains(user))
                    })
                    .await;
                daemon.stop().await;
            },
        );
    }
}

#[test]
fn a_user_whom_the_service_does_not_know_is_set_aside() {
    let mut known = state([(room_id(1), room_of("alice", &[], &["u0"]))]);
    known.users = Some(names(0..9).into_iter().chain(["alice".to_owned()]).collect());
    let service = Service::new(known);
    house(service, "", async |house: House| {
        let with_zed = room_text(&id(), names(0..9).into_iter().chain(["zed".to_owned()]));
        house.rooms(&with_zed);
        let daemon = house.start();
        daemon.until(minutes(1), |status| status.aside.len() == 1).await;
        assert_eq!(members(&house.service).len(), 9, "the others are in");
        let tries = |house: &House| {
            let sent = house.service.take_sent();
            sent.iter().filter(|(_, _, body, _)| body.contains("zed")).count()
        };
        let first = tries(&house);
        assert!(first > 0);
        sleep(minutes(55)).await;
        assert_eq!(tries(&house), 0, "left alone for an hour");
        assert_eq!(
            daemon.status().rooms.first().unwrap().state,
            RoomState::Incomplete
        );
        sleep(minutes(15)).await;
        assert_eq!(tries(&house), 1, "tried again after an hour");
        sleep(minutes(100)).await;
        assert_eq!(tries(&house), 0, "left alone for two");
        let aside = daemon.status().aside;
        assert_eq!(aside.first().unwrap().code.as_str(), "no_such_user");
        // A restart does not forget it.
        daemon.stop().await;
        let daemon = house.start();
        sleep(minutes(6)).await;
        assert_eq!(tries(&house), 0);
        // A file that names them changes: they are tried at once.
        house.rooms(&format!("# zed is registered now\n{with_zed}"));
        house.service.emulator.edit(|state| {
            state.users.as_mut().unwrap().insert("zed");
        });
        daemon.until_well(minutes(3)).await;
        assert!(members(&house.service).contains("zed"));
        daemon.stop().await;
    });
}

#[test]
fn who_comes_and_goes_is_put_back_three_times_an_hour() {
    let service = one_room(&names(0..5));
    house(service, "", async |house: House| {
        house.rooms(&room_text(&id(), names(0..5)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        house.service.take_sent();
        let mut backs = 0;
        for _ in 0..180 {
            sleep(minutes(1)).await;
            house.service.emulator.edit(|state| {
                state.rooms.get_mut(&room_id(1)).unwrap().leave("u2");
            });
            backs += writes(&house.service);
        }
        // Three in the first hour, three in the second, and then none for two hours.
        assert_eq!(backs, 6, "in three hours");
        let status = daemon.status();
        assert_eq!(status.coming_and_going.len(), 1, "{status:#?}");
        daemon.stop().await;
    });
}

#[test]
fn a_room_that_fails_comes_back_on_its_own_and_holds_nobody_up() {
    let rooms = (1..=5).map(|n| (room_id(n), room_of("alice", &[], &["u0"])));
    let failing = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicUsize::new(0));
    let (fails, counter) = (Arc::clone(&failing), Arc::clone(&asked));
    let service = Service::new(state(rooms)).with_fault(move |_, request, _| {
        let hit = request.url.path().contains(&format!("{}/users", room_id(3)));
        if hit {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        (hit && fails.load(Ordering::Relaxed)).then(|| Reply::Answer(500, String::new()))
    });
    house(service, "", async |house: House| {
        let file = |members: &str| {
            let room = |n| format!("  - {{id: {}, members: [{members}]}}\n", room_id(n));
            format!("rooms:\n{}", (1..=5).map(room).collect::<String>())
        };
        house.rooms(&file("u0, u1"));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                status
                    .rooms
                    .iter()
                    .filter(|room| room.state == RoomState::InSync)
                    .count()
                    == 4
            })
            .await;
        asked.store(0, Ordering::Relaxed);
        sleep(minutes(120)).await;
        let tries = asked.load(Ordering::Relaxed) / 4;
        assert!((24..150).contains(&tries), "{tries} tries in two hours");
        // An edit of all five reaches the other four at once.
        house.rooms(&file("u0, u1, u2"));
        daemon
            .until(minutes(2), |status| {
                let done = |n| {
                    people(&house.service.emulator.state().rooms[&room_id(n)])
                        .members
                        .len()
                        == 3
                };
                status.files.valid && [1, 2, 4, 5].into_iter().all(done)
            })
            .await;
        failing.store(false, Ordering::Relaxed);
        daemon.until_well(minutes(6)).await;
        daemon.stop().await;
    });
}
