//! What the random search found, each told on its own.

use super::house::{House, house, minutes};
use super::service::{Reply, Service, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::daemon::Command;
use roomsync::web::State;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
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
        assert_eq!(state, Some(State::InSync));
        daemon.stop().await;
    });
}
