//! A pricing plan's quota that is used up: a run ends; the daemon writes nothing more, reads on, and finds out now and then.

use super::house::{House, house, minutes};
use super::service::{Reply, Service, desired, pass, room_id, room_of, state, virtually};
use http::Method as Http;
use roomsync::daemon::Command;
use roomsync::status::{RoomState, Status};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const ROOMS: usize = 20;
const LATENCY: Duration = Duration::from_millis(50);
/// One call a person, so that each room has several.
const SETTINGS: &str = "limits: {add_batch: 1}";

/// A quota, and when the calls came that it refused.
#[derive(Clone, Default)]
struct Quota {
    used_up: Arc<AtomicBool>,
    /// True if the calls that it is on are lost instead.
    lost: Arc<AtomicBool>,
    refused: Arc<Mutex<Vec<Instant>>>,
}

impl Quota {
    fn used_up() -> Self {
        let quota = Self::default();
        quota.used_up.store(true, Ordering::Relaxed);
        quota
    }

    fn renew(&self) {
        self.used_up.store(false, Ordering::Relaxed);
    }

    fn lose(&self, lost: bool) {
        self.lost.store(lost, Ordering::Relaxed);
    }

    fn refused(&self) -> Vec<Instant> {
        self.refused.lock().unwrap().clone()
    }

    /// A service of twenty rooms with one member each, where this quota is on these calls.
    fn on(&self, calls: impl Fn(&Http) -> bool + Send + Sync + 'static) -> Service {
        let rooms = (1..=ROOMS).map(|number| (room_id(number), room_of("boss", &[], &["a"])));
        let quota = self.clone();
        Service::new(state(rooms))
            .with_fault(move |_, request, _| {
                if !calls(&request.method) || !quota.used_up.load(Ordering::Relaxed) {
                    return None;
                }
                if quota.lost.load(Ordering::Relaxed) {
                    return Some(Reply::LoseCall);
                }
                quota.refused.lock().unwrap().push(Instant::now());
                let body =
                    r#"{"error": "resource_limited", "error_description": "MAU of the plan is exceeded"}"#;
                Some(Reply::Answer(429, body.to_owned()))
            })
            .taking(LATENCY)
    }
}

fn writes(method: &Http) -> bool {
    *method != Http::GET
}

/// Four people are wanted in each room who are not there.
fn wanted() -> String {
    let line = |number| format!("  - {{id: {}, members: [a, b, c, d, e]}}\n", room_id(number));
    let lines: String = (1..=ROOMS).map(line).collect();
    format!("rooms:\n{lines}")
}

fn files(house: &House) {
    house.rooms(&wanted());
}

#[test]
fn a_run_sends_nothing_after_the_first_refusal_not_even_what_waits_for_its_turn() {
    let quota = Quota::used_up();
    let service = quota.on(writes);
    // So few at a time that most rooms wait for their turn.
    let few = service.slow_client(4, LATENCY);
    let (_, report) = virtually(pass(&few, &desired(&[&wanted()]), None));
    assert_eq!(quota.refused().len(), 1, "the first of its size goes alone");
    assert_eq!(report.stopped.unwrap().code.as_str(), "quota");
    let reasons = report.rooms.iter().flat_map(|room| &room.failed);
    let codes: BTreeSet<&str> = reasons.map(|failed| failed.reason.code.as_str()).collect();
    assert_eq!(codes, BTreeSet::from(["quota"]), "for this reason and no other");
}

/// Calls that were sent and are no looks, and the number of looks at details.
fn sent(house: &House) -> (usize, usize) {
    let sent = house.service.take_sent();
    let reads = sent
        .iter()
        .filter(|(method, path, ..)| *method == Http::GET && path.contains("%2C"));
    let reads = reads.count();
    (sent.iter().filter(|(method, ..)| writes(method)).count(), reads)
}

fn none_is_blamed(status: &Status) {
    for room in &status.rooms {
        assert_eq!(room.state, RoomState::Changing, "{room:?}");
        assert!(room.next_try.is_none() && room.error.is_none(), "{room:?}");
        assert_eq!(room.add, 4, "{room:?}");
    }
    assert!(status.aside.is_empty() && status.service.trouble.is_none());
}

#[test]
fn a_day_without_quota_costs_ten_calls_beyond_those_that_were_on_their_way() {
    let quota = Quota::used_up();
    house(quota.on(writes), SETTINGS, async |house: House| {
        files(&house);
        let daemon = house.start();
        daemon.until(minutes(1), |status| status.withheld.is_some()).await;
        sleep(minutes(10)).await;
        let refused = quota.refused();
        let first = *refused.first().unwrap();
        // What arrives later than a way after the first answer was sent after it.
        assert!(refused.iter().all(|at| *at <= first + LATENCY), "{refused:?}");
        assert!(refused.len() <= ROOMS, "{}", refused.len());
        let status = daemon.status();
        let withheld = status.withheld.clone().unwrap();
        assert_eq!(withheld.code.as_str(), "quota");
        for words in [
            "MAU of the plan is exceeded",
            "raise the plan",
            "15 minutes",
            "SIGHUP",
        ] {
            assert!(withheld.message.contains(words), "{withheld:?}");
        }
        let [attention] = status.attention.as_slice() else {
            panic!("{:#?}", status.attention);
        };
        assert!(
            attention
                .message
                .contains("One call is tried at 2026-11-23T00:15:"),
            "{attention:?}"
        );
        none_is_blamed(&status);
        sent(&house);

        sleep(minutes(24 * 60 - 11)).await;
        let probes: Vec<u64> = quota.refused()[refused.len()..]
            .iter()
            .map(|at| (*at - first).as_secs() / 60)
            .collect();
        assert_eq!(probes, [15, 45, 105, 225, 465, 705, 945, 1185, 1425]);
        let (writes, reads) = sent(&house);
        assert_eq!(writes, probes.len());
        // Every five minutes, give or take a tenth.
        assert!((250..=325).contains(&reads), "{reads} looks at all rooms");
        let status = daemon.status();
        assert_eq!(status.withheld, Some(withheld), "it says the same all the time");
        none_is_blamed(&status);
        let gauges = daemon.source.gauges();
        assert!(gauges.withheld);

        // The next call finds out, and everything is done.
        quota.renew();
        sleep(minutes(4 * 60)).await;
        daemon.until_well(minutes(1)).await;
        let (writes, _) = sent(&house);
        assert_eq!(writes, 4 * ROOMS);
        assert!(daemon.status().withheld.is_none());
        daemon.stop().await;
    });
}

#[test]
fn a_reload_finds_out_at_once() {
    let quota = Quota::used_up();
    house(quota.on(writes), SETTINGS, async |house: House| {
        files(&house);
        let daemon = house.start();
        daemon.until(minutes(1), |status| status.withheld.is_some()).await;
        sleep(Duration::from_secs(30)).await;
        sent(&house);
        daemon.tell(Command::Reload).await;
        sleep(Duration::from_secs(30)).await;
        assert_eq!(sent(&house).0, 1, "it is not renewed, as one call shows");
        sleep(minutes(14)).await;
        assert_eq!(sent(&house).0, 0);
        sleep(minutes(1)).await;
        assert_eq!(sent(&house).0, 1, "from the reload on the waits begin anew");
        quota.renew();
        daemon.tell(Command::Reload).await;
        daemon.until_well(Duration::from_secs(30)).await;
        assert_eq!(sent(&house).0, 4 * ROOMS);
        daemon.stop().await;
    });
}

#[test]
fn a_call_that_shows_nothing_lets_nothing_else_through() {
    let quota = Quota::used_up();
    house(quota.on(writes), SETTINGS, async |house: House| {
        files(&house);
        let daemon = house.start();
        daemon.until(minutes(1), |status| status.withheld.is_some()).await;
        sleep(minutes(1)).await;
        sent(&house);
        quota.lose(true);
        sleep(minutes(31)).await;
        assert_eq!(
            sent(&house).0,
            2,
            "after 15 minutes and, since it is not refused, 15 more"
        );
        assert_eq!(daemon.status().withheld.unwrap().code.as_str(), "quota");
        quota.lose(false);
        quota.renew();
        daemon.until_well(minutes(16)).await;
        daemon.stop().await;
    });
}

#[test]
fn where_reads_meet_the_end_of_the_quota_looks_are_as_rare() {
    let quota = Quota::used_up();
    house(quota.on(|_| true), SETTINGS, async |house: House| {
        files(&house);
        let daemon = house.start();
        sleep(minutes(24 * 60)).await;
        let times: BTreeSet<Instant> = quota.refused().into_iter().collect();
        let first = *times.first().unwrap();
        let looks: Vec<u64> = times.iter().map(|at| (*at - first).as_secs() / 60).collect();
        assert_eq!(looks, [0, 15, 45, 105, 225, 465, 705, 945, 1185, 1425]);
        let status = daemon.status();
        let trouble = status.service.trouble.unwrap();
        assert_eq!(trouble.code.as_str(), "quota");
        assert!(trouble.message.contains("raise the plan"), "{trouble:?}");
        assert!(trouble.next_try.is_some());
        quota.renew();
        daemon.tell(Command::Reload).await;
        daemon.until_well(Duration::from_secs(30)).await;
        daemon.stop().await;
    });
}
