//! A batch limit that the service taught is kept: through a reload, through a restart, and no longer than it applies.

use super::house::{House, Running, house, minutes, names, writes};
use super::service::{Reply, Service, error, room_id, room_of, state};
use http::Method as Http;
use roomsync::daemon::Command;
use std::fs;
use std::time::Duration;
use tokio::time::sleep;

const ROOMS: usize = 5;

/// A service of five rooms that takes at most twenty names in one call.
fn service() -> Service {
    let rooms = (1..=ROOMS).map(|number| (room_id(number), room_of("boss", &[], &[])));
    Service::new(state(rooms))
        .with_fault(|_, request, _| {
            let body: serde_json::Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
            let many = request.method == Http::POST && body["usernames"].as_array()?.len() > 20;
            let text = "addMembers: addMembers number more than maxSize : 20";
            many.then(|| Reply::Answer(400, error("invalid_parameter", text)))
        })
        .taking(Duration::from_millis(50))
}

/// Wants so many people in each room, and waits until they are there.
async fn want(house: &House, daemon: &Running, people: usize) {
    files(house, people);
    daemon.tell(Command::Reload).await;
    let mut waited = 0;
    let all_there = || {
        let rooms = house.service.emulator.state().rooms;
        rooms.values().all(|room| room.members().len() == people + 1)
    };
    while !all_there() {
        assert!(waited < 600, "{:#?}", daemon.status());
        waited += 1;
        sleep(Duration::from_millis(100)).await;
    }
    daemon.until_well(minutes(1)).await;
}

/// So many people in each room.
fn files(house: &House, people: usize) {
    let people = names(0..people).join(", ");
    let line = |number| format!("  - {{id: {}, members: [{people}]}}\n", room_id(number));
    let lines: String = (1..=ROOMS).map(line).collect();
    house.rooms(&format!("rooms:\n{lines}"));
}

fn settings(house: &House, old: &str, new: &str) {
    let text = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
    assert!(text.contains(old), "{text}");
    house.put("roomsync.yaml", &text.replace(old, new));
}

#[test]
fn it_is_kept_through_reloads_and_restarts() {
    house(service(), "limits: {add_batch: 60}", async |house: House| {
        files(&house, 60);
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        // The first of its size goes alone.
        assert_eq!(writes(&house.service), 1 + 3 * ROOMS);

        settings(&house, "auth:", "timeout: 9s, auth:");
        want(&house, &daemon, 120).await;
        assert_eq!(writes(&house.service), 3 * ROOMS, "over another client");
        daemon.stop().await;

        let daemon = house.start();
        want(&house, &daemon, 180).await;
        assert_eq!(writes(&house.service), 3 * ROOMS, "after a restart");

        // Another size in the settings has it learned anew…
        settings(&house, "add_batch: 60", "add_batch: 30");
        want(&house, &daemon, 240).await;
        assert_eq!(writes(&house.service), 1 + 3 * ROOMS);
        // …and a smaller one than was taught stands.
        settings(&house, "add_batch: 30", "add_batch: 10");
        want(&house, &daemon, 300).await;
        assert_eq!(writes(&house.service), 6 * ROOMS);
        daemon.stop().await;
    });
}

#[test]
fn a_state_of_before_sizes_were_kept_is_read() {
    house(service(), "", async |house: House| {
        files(&house, 20);
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        daemon.stop().await;
        let path = house.state_dir().join("state.json");
        let state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (budget, aside) = (&state["data"]["budget"], &state["data"]["aside"]);
        let old = serde_json::json!({"version": 1, "budget": budget, "aside": aside});
        fs::remove_file(&path).unwrap();
        fs::write(house.state_dir().join("budget.json"), old.to_string()).unwrap();
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        daemon.stop().await;
        assert!(path.exists() && !house.state_dir().join("budget.json").exists());
    });
}
