//! Members who go offline and are dropped from the room: put back less and less often, or invited once and left alone.

use crate::house::{House, Running, house, writes};
use crate::service::{Reply, Service, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::status::RoomState;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("u{n}")).collect()
}

fn entry(members: &[String], admins: &str, absent: &str) -> String {
    format!(
        "rooms: [{{id: {}, members: [{}], admins: [{admins}], absent: {absent}}}]\n",
        room_id(1).as_str(),
        members.join(", ")
    )
}

fn live(house: &House) -> BTreeSet<String> {
    people(&house.service.emulator.state().rooms[&room_id(1)]).members
}

fn leave(house: &House, users: &[String]) {
    house.service.emulator.edit(|state| {
        let room = state.rooms.get_mut(&room_id(1)).unwrap();
        for user in users {
            room.leave(user);
        }
    });
}

fn not_here(daemon: &Running) -> (RoomState, usize) {
    let room = &daemon.status().rooms[0];
    (room.state, room.not_here)
}

#[test]
fn whoever_may_be_absent_is_invited_once() {
    let service = Service::new(state([(room_id(1), room_of("boss", &["mia"], &["u0"]))]));
    house(service, "", async |house: House| {
        let file = |range| entry(&names(range), "mia", "ignore");
        house.rooms(&file(0..10));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        assert_eq!(live(&house).len(), 11, "everyone is invited");

        // Absence is no drift, and a restart remembers who was invited.
        leave(&house, &names(3..8));
        sleep(minutes(11)).await;
        assert_eq!(not_here(&daemon), (RoomState::InSync, 5));
        assert!(daemon.status().attention.is_empty() && daemon.status().coming_and_going.is_empty());
        daemon.stop().await;
        house.service.take_sent();
        let daemon = house.start();
        sleep(minutes(30)).await;
        assert_eq!(
            (writes(&house.service), not_here(&daemon)),
            (0, (RoomState::InSync, 5))
        );

        // An admin does not drop out by being offline.
        leave(&house, &["mia".to_owned()]);
        daemon.until(minutes(11), |_| live(&house).contains("mia")).await;
        let is_admin = || {
            people(&house.service.emulator.state().rooms[&room_id(1)])
                .admins
                .contains("mia")
        };
        daemon.until(minutes(11), |_| is_admin()).await;

        // Whoever is new is invited, and whoever left the files and comes back is invited again.
        house.rooms(&file(0..12));
        daemon.until(minutes(2), |_| live(&house).contains("u11")).await;
        leave(&house, &names(10..12));
        house.rooms(&file(0..11));
        sleep(minutes(3)).await;
        house.rooms(&file(0..12));
        daemon.until(minutes(2), |_| live(&house).contains("u11")).await;
        sleep(minutes(11)).await;
        assert!(!live(&house).contains("u10") && !live(&house).contains("u5"));
        assert_eq!(not_here(&daemon), (RoomState::InSync, 6));

        // Who comes back without help is simply there.
        house
            .service
            .emulator
            .edit(|state| state.rooms.get_mut(&room_id(1)).unwrap().join("u5"));
        sleep(minutes(11)).await;
        assert_eq!(not_here(&daemon), (RoomState::InSync, 5));
        daemon.kill().await;
        house.service.take_sent();
        let daemon = house.start();
        sleep(minutes(11)).await;
        assert_eq!(
            (writes(&house.service), not_here(&daemon)),
            (0, (RoomState::InSync, 5))
        );
        daemon.stop().await;
    });
}

#[test]
fn an_invitation_that_failed_is_sent_again() {
    let service = Service::new(state([(room_id(1), room_of("boss", &["mia"], &["u0"]))]));
    service
        .emulator
        .edit(|state| state.users = Some(["boss", "mia", "u0"].into_iter().collect()));
    house(service, "", async |house: House| {
        house.rooms(&entry(&names(0..2), "mia", "ignore"));
        let daemon = house.start();
        daemon
            .until(minutes(2), |status| {
                status
                    .rooms
                    .iter()
                    .any(|room| room.state == RoomState::Incomplete)
            })
            .await;
        house.service.emulator.edit(|state| {
            state.users.as_mut().unwrap().insert("u1");
        });
        daemon.until(minutes(70), |_| live(&house).contains("u1")).await;
        daemon.stop().await;
    });
}

#[test]
fn whom_no_look_shows_after_the_call_was_not_invited() {
    // The service says that it added `u1`, twice, and did not.
    let times = AtomicUsize::new(0);
    let service = Service::new(state([(room_id(1), room_of("boss", &["mia"], &["u0"]))])).with_fault(
        move |_, request, _| {
            if request.method != Http::POST || times.fetch_add(1, Ordering::Relaxed) >= 2 {
                return None;
            }
            let answer = json!({"data": {"newmembers": ["u1"], "action": "add_member"}});
            Some(Reply::Answer(200, answer.to_string()))
        },
    );
    house(service, "", async |house: House| {
        house.rooms(&entry(&names(0..2), "mia", "ignore"));
        let daemon = house.start();
        daemon.until(minutes(10), |_| live(&house).contains("u1")).await;
        leave(&house, &names(1..2));
        sleep(minutes(60)).await;
        assert_eq!(not_here(&daemon), (RoomState::InSync, 1));
        daemon.stop().await;
    });
}

#[test]
fn who_is_never_at_rest_is_put_back_less_and_less_often() {
    let service = Service::new(state([(room_id(1), room_of("boss", &["mia"], &["u0", "u1"]))]));
    house(service, "", async |house: House| {
        house.rooms(&entry(&names(0..2), "mia", "readd"));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        house.service.take_sent();
        let mut a_day = Vec::new();
        for _ in 0..3 {
            let mut backs = 0;
            for _ in 0..24 * 12 {
                sleep(minutes(5)).await;
                leave(&house, &names(1..2));
                backs += writes(&house.service);
            }
            a_day.push(backs);
        }
        assert!(a_day[0] <= 18 && (1..=6).contains(&a_day[2]), "{a_day:?}");
        daemon.stop().await;
    });
}
