//! "For each App Key, the call frequency limit of this method is 100 per second", at every one of the eight calls.

use super::support::{ROOM, STATE, emulator, refusal, send};
use roomsync::emulator::{Emulator, Options, State};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::advance;

fn over() -> (u16, serde_json::Value) {
    refusal(
        429,
        "reach_limit",
        "ReachLimitException",
        "This request has reached api limit",
    )
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_of_each_method_in_any_second() {
    let calls = [
        format!("POST /chatrooms/{ROOM}/users/carol"),
        format!("POST /chatrooms/{ROOM}/users"),
        format!("GET /chatrooms/{ROOM}/users"),
        format!("DELETE /chatrooms/{ROOM}/users/nobody"),
        format!("DELETE /chatrooms/{ROOM}/users/nobody%2Cnobody"),
        format!("POST /chatrooms/{ROOM}/admin"),
        format!("GET /chatrooms/{ROOM}/admin"),
        format!("DELETE /chatrooms/{ROOM}/admin/nobody"),
        format!("GET /chatrooms/{ROOM}"),
    ];
    let emulator = emulator();
    // Calls that fail count like the others: what they ask for is looked at behind the limit.
    for call in &calls {
        for n in 0..100 {
            assert_ne!(send(&emulator, call, "").await, over(), "{call} {n}");
        }
        for _ in 0..10 {
            assert_eq!(send(&emulator, call, "").await, over(), "{call}");
        }
    }
    advance(Duration::from_millis(999)).await;
    assert_eq!(send(&emulator, &calls[0], "").await, over());
    advance(Duration::from_millis(1)).await;
    assert_ne!(send(&emulator, &calls[0], "").await, over());
}

/// Calls over the rate do not count, so that a client which waits is let in.
#[tokio::test(start_paused = true)]
async fn the_window_slides() {
    let options = Options {
        calls_per_second: NonZeroU32::new(2),
        ..Options::default()
    };
    let emulator = Emulator::new(State::parse(STATE).unwrap(), options);
    let call = format!("GET /chatrooms/{ROOM}/admin");
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(send(&emulator, &call, "").await.0);
        advance(Duration::from_millis(400)).await;
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429, 200, 200, 429, 200]);
}

/// Over the rate nothing is done.
#[tokio::test(start_paused = true)]
async fn what_is_refused_changes_nothing() {
    let options = Options {
        calls_per_second: NonZeroU32::new(1),
        ..Options::default()
    };
    let emulator = Emulator::new(State::parse(STATE).unwrap(), options);
    let call = format!("DELETE /chatrooms/{ROOM}/users/nobody");
    send(&emulator, &call, "").await;
    let before = emulator.state();
    assert_eq!(
        send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/bob"), "").await,
        over()
    );
    assert_eq!(emulator.state(), before);
}
