//! "Members who go offline are dropped from the room after about 2 minutes unless they are on the room's allow list
//! (owner and admins are on it by themselves)." [P]

use super::support::{ROOM, STATE, emulator, room, send};
use roomsync::emulator::{Emulator, Environment, Options, State};
use std::time::Duration;
use tokio::time::advance;

fn users(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn members(emulator: &Emulator) -> String {
    room(emulator).2.join(" ")
}

#[tokio::test(start_paused = true)]
async fn who_is_offline_long_enough_leaves() {
    let environment = Environment {
        offline_after: Some(Duration::from_secs(120)),
        ..Environment::default()
    };
    let emulator = Emulator::in_environment(State::parse(STATE).unwrap(), Options::default(), environment);
    assert_eq!(
        send(&emulator, &format!("POST /chatrooms/{ROOM}/users/dave"), "")
            .await
            .0,
        200
    );
    assert_eq!(emulator.offline(&users(&["alice", "bob", "CAROL"])).len(), 3);
    advance(Duration::from_secs(60)).await;
    emulator.offline(&users(&["carol", "dave"]));
    advance(Duration::from_millis(59_999)).await;
    assert_eq!(members(&emulator), "alice bob carol dave");
    advance(Duration::from_millis(1)).await;
    assert_eq!(members(&emulator), "alice bob dave");
    // In time again.
    assert_eq!(emulator.online(&users(&["Dave"])), ["alice", "bob", "carol"]);
    advance(Duration::from_secs(600)).await;
    assert_eq!(members(&emulator), "alice bob dave");

    // Put back while offline: not for long. An admin who is demoted has lost what kept them.
    send(&emulator, &format!("POST /chatrooms/{ROOM}/users/carol"), "").await;
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/admin/bob"), "").await;
    assert_eq!(members(&emulator), "alice bob dave carol");
    advance(Duration::from_secs(120)).await;
    assert_eq!(members(&emulator), "alice dave");
}

#[tokio::test(start_paused = true)]
async fn without_a_time_everybody_stays() {
    let emulator = emulator();
    emulator.offline(&users(&["carol"]));
    advance(Duration::from_secs(1_000_000)).await;
    assert_eq!(members(&emulator), "alice bob carol");
}
