//! Faults that the random search found, each on its own.

use super::house::{House, house, minutes};
use super::service::{Reply, Service, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::daemon::Command;
use roomsync::status::RoomState;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

fn is_in(service: &Service, number: usize, user: &str) -> bool {
    people(&service.emulator.state().rooms[&room_id(number)])
        .members
        .contains(user)
}

/// A line of a room file.
fn line(number: usize, members: &str) -> String {
    format!("  - {{id: {}, members: [{members}]}}\n", room_id(number))
}

#[test]
fn a_room_whose_own_look_ends_early_is_not_forgotten() {
    // Room 1 fails alone; when it comes back on its own, the whole service is away, for half an hour.
    let hits = Arc::new(AtomicUsize::new(0));
    let away = Arc::new(AtomicBool::new(true));
    let (counted, is_away) = (Arc::clone(&hits), Arc::clone(&away));
    let rooms = (1..=2).map(|number| (room_id(number), room_of("boss", &[], &["a"])));
    let service = Service::new(state(rooms)).with_fault(move |_, request, _| {
        if !is_away.load(Ordering::Relaxed) {
            return None;
        }
        let own = request.url.path().ends_with(&format!("{}/users", room_id(1)));
        let hits = counted.fetch_add(usize::from(own), Ordering::Relaxed);
        match (own, hits) {
            (true, 0..4) => Some(Reply::Answer(500, String::new())),
            (true, _) | (false, 5..) => Some(Reply::Unreachable),
            _ => None,
        }
    });
    house(service, "", async |house: House| {
        house.rooms(&format!("rooms:\n{}{}", line(1, "a, b"), line(2, "a, b")));
        let daemon = house.start();
        sleep(minutes(30)).await;
        assert!(hits.load(Ordering::Relaxed) > 4);
        away.store(false, Ordering::Relaxed);
        daemon.until_well(minutes(12)).await;
        daemon.stop().await;
    });
}

#[test]
fn whoever_a_contradictory_read_leaves_out_has_not_come_and_gone() {
    let lying = Arc::new(AtomicBool::new(true));
    let lies = Arc::clone(&lying);
    let members = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let service = Service::new(state([(room_id(1), room_of("boss", &[], &members))])).with_fault(
        move |_, request, _| {
            let list = request.method == Http::GET && request.url.path().ends_with("/users");
            (list && lies.load(Ordering::Relaxed))
                .then(|| Reply::Answer(200, "{\"data\": [], \"count\": 0}".into()))
        },
    );
    house(service, "", async |house: House| {
        house.rooms(&format!("rooms:\n{}", line(1, &members.join(", "))));
        let daemon = house.start();
        sleep(minutes(10)).await;
        lying.store(false, Ordering::Relaxed);
        daemon.until_well(minutes(8)).await;
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(1)).unwrap().leave("c");
        });
        sleep(minutes(7)).await;
        assert!(is_in(&house.service, 1, "c"), "{:#?}", daemon.status());
        assert_eq!(daemon.status().coming_and_going.len(), 0);
        daemon.stop().await;
    });
}

/// A service that puts off the first writes of a kind, so that they wait for their turn.
fn putting_off(method: Http, wait: Duration) -> Service {
    let members = ["a", "b", "c", "d", "e", "f", "g", "h", "x"];
    let first = AtomicBool::new(true);
    Service::new(state([(room_id(1), room_of("boss", &[], &members))])).with_fault(move |_, request, _| {
        (request.method == method && first.swap(false, Ordering::Relaxed)).then_some(Reply::SlowDown(wait))
    })
}

async fn until_sent(house: &House, method: &Http) {
    let begun = Instant::now();
    loop {
        let sent = house.service.take_sent();
        if sent.iter().any(|(sent, ..)| sent == method) {
            return;
        }
        assert!(begun.elapsed() < minutes(2), "nothing sent");
        sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_removal_that_waits_for_its_turn_is_not_sent_once_the_files_want_the_person() {
    let service = putting_off(Http::DELETE, Duration::from_secs(20));
    house(service, "", async |house: House| {
        house.rooms(&format!("rooms:\n{}", line(1, "a, b, c, d, e, f, g, h")));
        let daemon = house.start();
        until_sent(&house, &Http::DELETE).await;
        house.rooms(&format!("rooms:\n{}", line(1, "a, b, c, d, e, f, g, h, x")));
        daemon.tell(Command::Reload).await;
        sleep(minutes(2)).await;
        let sent = house.service.take_sent();
        let removals: Vec<_> = sent
            .iter()
            .filter(|(method, ..)| *method == Http::DELETE)
            .collect();
        assert!(removals.is_empty(), "{removals:?}");
        daemon.until_well(minutes(1)).await;
        daemon.stop().await;
    });
}

#[test]
fn a_call_that_waits_for_its_turn_is_not_sent_once_the_daemon_is_paused() {
    for method in [Http::DELETE, Http::POST] {
        let service = putting_off(method.clone(), Duration::from_secs(20));
        house(service, "", async |house: House| {
            house.rooms(&format!("rooms:\n{}", line(1, "a, b, c, d, e, f, g, h, y")));
            let daemon = house.start();
            until_sent(&house, &method).await;
            house.put(".roomsync/pause", "");
            sleep(Duration::from_secs(2)).await;
            house.service.take_sent();
            sleep(minutes(10)).await;
            let sent = house.service.take_sent();
            let writes: Vec<_> = sent.iter().filter(|(method, ..)| *method != Http::GET).collect();
            assert!(writes.is_empty(), "{writes:?}");
            fs::remove_file(house.path(".roomsync/pause")).unwrap();
            daemon.until_well(minutes(2)).await;
            daemon.stop().await;
        });
    }
}

#[test]
fn work_for_a_room_that_left_the_files_and_came_back_counts_for_nothing() {
    let rooms = (1..=2).map(|number| {
        (
            room_id(number),
            room_of("boss", &[], &["a", "b", "c", "d", "e", "x"]),
        )
    });
    let service = Service::new(state(rooms)).taking(Duration::from_secs(4));
    house(service, "", async |house: House| {
        let other = line(2, "a, b, c, d, e, x");
        house.rooms(&format!("rooms:\n{}{other}", line(1, "a, b, c, d, e")));
        let daemon = house.start();
        daemon.until(minutes(1), |status| status.rooms.len() == 2).await;
        // The look goes on for some seconds. Meanwhile:
        house.rooms(&format!("rooms:\n{other}"));
        daemon.tell(Command::Reload).await;
        daemon
            .until(Duration::from_secs(3), |status| status.rooms.len() == 1)
            .await;
        house.rooms(&format!("rooms:\n{}{other}", line(1, "a, b, c, d, e, x")));
        daemon.tell(Command::Reload).await;
        daemon
            .until(Duration::from_secs(3), |status| status.rooms.len() == 2)
            .await;
        let begun = Instant::now();
        while begun.elapsed() < minutes(2) {
            sleep(Duration::from_millis(100)).await;
            assert!(
                is_in(&house.service, 1, "x"),
                "removed after {:?}",
                begun.elapsed()
            );
        }
        let state = daemon.status().rooms.first().map(|room| room.state);
        assert_eq!(state, Some(RoomState::InSync));
        daemon.stop().await;
    });
}
