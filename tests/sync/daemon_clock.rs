//! Clocks that are wrong, set right, and begin anew with the machine.

use super::house::{House, START, house, id, members, minutes, names, one_room, room_text, writes};
use super::service::{Service, room_id, room_of, state};
use jiff::{SignedDuration, Timestamp};
use roomsync::chat::{BoxFuture, Request, Response, Transport, TransportError};
use roomsync::clock::{Clock, Clocks};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const TEN_YEARS: SignedDuration = SignedDuration::from_hours(87_660);

/// A machine whose clock somebody sets and that is booted again.
#[derive(Clone)]
pub(crate) struct Machine(Arc<Mutex<State>>);

struct State {
    start: Timestamp,
    began: Instant,
    ahead: SignedDuration,
    boots: u32,
    booted: Instant,
}

impl Machine {
    /// In a house: its clock is so much ahead of the service's.
    pub(crate) fn of(house: &mut House, ahead: SignedDuration) -> Self {
        Self::at(house, START, ahead)
    }

    /// The same, where the service's clock shows this time now.
    pub(crate) fn at(house: &mut House, start: &str, ahead: SignedDuration) -> Self {
        let (began, booted) = (Instant::now(), Instant::now());
        let machine = Self(Arc::new(Mutex::new(State {
            start: start.parse().unwrap(),
            began,
            ahead,
            boots: 1,
            booted,
        })));
        house.clock = Clock::of(machine.clone());
        machine
    }

    pub(crate) fn set(&self, ahead: SignedDuration) {
        self.0.lock().unwrap().ahead = ahead;
    }

    pub(crate) fn reboot(&self) {
        let mut state = self.0.lock().unwrap();
        state.boots += 1;
        state.booted = Instant::now();
    }
}

fn since(then: Instant) -> SignedDuration {
    SignedDuration::try_from(then.elapsed()).unwrap()
}

impl Clocks for Machine {
    fn wall(&self) -> Timestamp {
        let state = self.0.lock().unwrap();
        state.start + since(state.began) + state.ahead
    }

    fn since_boot(&self) -> SignedDuration {
        since(self.0.lock().unwrap().booted)
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.0.lock().unwrap().boots.to_string())
    }
}

/// A house in which the service does not know `zed`, and files that want them.
fn with_zed(story: impl AsyncFnOnce(House)) {
    let mut known = state([(room_id(1), room_of("alice", &[], &["u0"]))]);
    known.users = Some(["alice", "u0"].map(str::to_owned).into_iter().collect());
    house(Service::new(known), "", async |house: House| {
        house.rooms(&format!(
            "rooms:\n  - {{id: {}, members: [u0, zed]}}\n",
            room_id(1)
        ));
        story(house).await;
    });
}

/// Seconds until somebody is tried.
async fn until_tried(house: &House, within: Duration) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < within {
        sleep(Duration::from_secs(1)).await;
        if writes(&house.service) > 0 {
            return Some(begun.elapsed());
        }
    }
    None
}

/// A pass comes every 5 minutes, more or less a tenth.
fn assert_about(waited: Option<Duration>, expected: Duration) {
    let waited = waited.expect("never tried again");
    let late = minutes(6);
    assert!(
        waited >= expected && waited < expected + late,
        "{waited:?}, not {expected:?}"
    );
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn whoever_a_wrong_clock_sets_aside_is_tried_again_after_their_hour_once_it_is_right() {
    for ahead in [TEN_YEARS, -TEN_YEARS, SignedDuration::from_hours(3)] {
        with_zed(async |mut house: House| {
            let machine = Machine::of(&mut house, ahead);
            let daemon = house.start();
            assert!(until_tried(&house, minutes(1)).await.is_some());
            sleep(minutes(10)).await;
            machine.set(SignedDuration::ZERO);
            // As people see it, it is an hour from when it was, by the clock as it is.
            daemon.until(minutes(1), |status| status.aside.len() == 1).await;
            let (status, passed) = (daemon.status(), 10 * 60);
            let left = status.aside[0].until.duration_since(status.now).as_secs();
            assert!((3600 - passed - 60..=3600 - passed).contains(&left), "{left}");
            assert_about(
                until_tried(&house, 3 * HOUR).await,
                HOUR - minutes(10) - Duration::from_secs(2),
            );
            daemon.stop().await;
        });
    }
}

#[test]
fn restarts_in_one_boot_change_nothing_of_a_wait_however_the_clock_is_set_between() {
    with_zed(async |mut house: House| {
        let machine = Machine::of(&mut house, TEN_YEARS);
        let daemon = house.start();
        assert!(until_tried(&house, minutes(1)).await.is_some());
        let mut waited = Instant::now();
        let mut daemon = Some(daemon);
        for (round, hours) in [1, 2, 4].into_iter().enumerate() {
            for ahead in [-TEN_YEARS, SignedDuration::from_hours(1), SignedDuration::ZERO] {
                daemon.take().unwrap().stop().await;
                machine.set(ahead);
                sleep(minutes(5)).await;
                daemon = Some(house.start());
                assert_eq!(until_tried(&house, minutes(5)).await, None, "round {round}");
            }
            let expected = (HOUR * hours).saturating_sub(waited.elapsed());
            // The look after a start, and those that follow, come at other times.
            assert_about(
                until_tried(&house, 5 * HOUR).await,
                expected.saturating_sub(Duration::from_secs(2)),
            );
            waited = Instant::now();
        }
        daemon.unwrap().stop().await;
    });
}

#[test]
fn across_a_reboot_nobody_waits_longer_than_a_wait_for_a_clock_that_was_wrong() {
    for ahead in [TEN_YEARS, SignedDuration::from_mins(30)] {
        with_zed(async |mut house: House| {
            let machine = Machine::of(&mut house, ahead);
            let daemon = house.start();
            assert!(until_tried(&house, minutes(1)).await.is_some());
            daemon.stop().await;
            machine.reboot();
            machine.set(SignedDuration::ZERO);
            let daemon = house.start();
            // What was set aside later than now is void.
            assert!(until_tried(&house, minutes(1)).await.is_some());
            daemon.stop().await;
            // Across a reboot with a clock that is right, the wait goes on.
            machine.reboot();
            let daemon = house.start();
            assert_about(until_tried(&house, 3 * HOUR).await, HOUR - minutes(1));
            daemon.stop().await;
        });
    }
}

fn told_of_the_clock(status: &roomsync::status::Status) -> Option<&String> {
    let items = status.attention.iter();
    items
        .map(|item| &item.message)
        .find(|message| message.contains("clock"))
}

#[test]
fn a_clock_that_is_not_the_services_is_reported_until_it_is() {
    with_zed(async |mut house: House| {
        let machine = Machine::of(&mut house, SignedDuration::from_mins(9));
        let daemon = house.start();
        sleep(minutes(20)).await;
        assert_eq!(
            told_of_the_clock(&daemon.status()),
            None,
            "{:#?}",
            daemon.status().attention
        );
        for (ahead, words) in [
            (SignedDuration::from_mins(11), "11 minutes ahead of"),
            (SignedDuration::from_mins(-11), "11 minutes behind"),
            (SignedDuration::from_hours(5), "5 hours ahead of"),
            (-TEN_YEARS, "3652 days behind"),
        ] {
            machine.set(ahead);
            // A few answers have to say so.
            daemon
                .until(minutes(30), |status| {
                    told_of_the_clock(status).is_some_and(|line| line.contains(words))
                })
                .await;
        }
        machine.set(SignedDuration::ZERO);
        daemon
            .until(minutes(30), |status| told_of_the_clock(status).is_none())
            .await;
        daemon.stop().await;
    });
}

#[test]
fn the_fleets_budget_is_not_over_for_a_clock_that_is_wrong_after_a_reboot() {
    for (ahead, is_over) in [
        (SignedDuration::from_hours(24), false),
        (SignedDuration::ZERO, true),
    ] {
        house(
            one_room(&names(0..100)),
            "guards: {max_removals: 100%}",
            async |mut house: House| {
                let machine = Machine::of(&mut house, SignedDuration::ZERO);
                house.rooms(&room_text(&id(), names(0..90)));
                let daemon = house.start();
                sleep(minutes(1)).await;
                daemon.stop().await;
                assert_eq!(members(&house.service).len(), 90);
                house.rooms(&room_text(&id(), names(0..81)));
                machine.reboot();
                machine.set(ahead);
                // Off for as long as the budget lasts, where the clock shows it.
                sleep(if is_over { minutes(10) } else { minutes(1) }).await;
                let daemon = house.start();
                sleep(minutes(1)).await;
                daemon.stop().await;
                let left = if is_over { 81 } else { 90 };
                assert_eq!(members(&house.service).len(), left);
            },
        );
    }
}

/// Answers that take their time on the way back.
#[derive(Debug)]
struct SlowBack(Service);

const WAY_BACK: Duration = Duration::from_secs(9 * 60);

impl Transport for SlowBack {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let answer = self.0.send(request).await;
            sleep(WAY_BACK).await;
            answer
        })
    }
}

#[test]
fn slow_answers_say_nothing_of_the_clock() {
    let service = Service::new(state([(room_id(1), room_of("alice", &[], &["u0"]))]));
    house(service, "", async |mut house: House| {
        // Together with the way back it would be too far.
        Machine::of(&mut house, SignedDuration::from_mins(5));
        house.through = Some(Arc::new(|service| Box::new(SlowBack(service))));
        let settings = std::fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        house.put("roomsync.yaml", &settings.replace("auth:", "timeout: 10m, auth:"));
        house.rooms(&format!("rooms:\n  - {{id: {}, members: [u0]}}\n", room_id(1)));
        let daemon = house.start();
        let mut told = Vec::new();
        daemon
            .until(5 * HOUR, |status| {
                told.extend(told_of_the_clock(status).cloned());
                status.passes.last_good.is_some()
            })
            .await;
        sleep(HOUR).await;
        told.extend(told_of_the_clock(&daemon.status()).cloned());
        assert!(told.is_empty(), "{told:?}");
        daemon.stop().await;
    });
}
