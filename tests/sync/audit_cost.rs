//! Cost of the audit log: `cargo test --release --test sync audit_cost -- --ignored --nocapture`

use super::house::{house, id, minutes, names, one_room, room_text};
use std::time::Instant;

const CHANGES: usize = 5_000;

/// Seconds of real time in which a daemon adds everybody, a call each or 60 a call, with these settings.
fn seconds(batch: usize, log: &str) -> f64 {
    let settings = format!("{log}\nlimits: {{add_batch: {batch}}}");
    let mut took = 0.0;
    house(one_room(&names(0..1)), &settings, async |house| {
        house.rooms(&room_text(&id(), names(0..CHANGES)));
        let begun = Instant::now();
        let daemon = house.start();
        daemon.until_well(minutes(10)).await;
        took = begun.elapsed().as_secs_f64();
        daemon.stop().await;
    });
    took
}

#[test]
#[ignore = "a measure, not a check"]
fn five_thousand_changes_with_and_without_an_audit_log() {
    for batch in [60, 1] {
        let best = |log: &str| (0..3).map(|_| seconds(batch, log)).fold(f64::INFINITY, f64::min);
        let (without, with) = (best(""), best("audit_log: audit.jsonl"));
        println!("{CHANGES} changes, {batch} a call: {without:.2} s without a log, {with:.2} s with one");
    }
}
