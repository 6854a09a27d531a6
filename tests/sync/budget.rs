//! The removal budget over days, with the daemon, its restarts and its disk: no window lets more people go than the budget.

use super::daemon_clock::Machine;
use super::house::{house, id, minutes, one_room, room_text};
use super::search::seeds;
use super::service::room_id;
use http::Method as Http;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const WINDOW: Duration = Duration::from_secs(24 * 3600);

type Names = BTreeSet<String>;

fn names(range: impl IntoIterator<Item = usize>) -> Names {
    range.into_iter().map(|n| format!("u{n}")).collect()
}

/// Statements of the files, and people who were put out.
struct History {
    /// Lists, each with the time from which it may have been in force.
    lists: Vec<(Instant, Names)>,
    removals: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl History {
    fn within(&self, from: Option<Instant>, to: Instant) -> Vec<&Names> {
        let ends = self
            .lists
            .iter()
            .skip(1)
            .map(|(begun, _)| Some(*begun))
            .chain([None]);
        let spans = self.lists.iter().zip(ends);
        let overlaps = |begun: Instant, end: Option<Instant>| {
            begun <= to && end.is_none_or(|end| from.is_none_or(|from| end > from))
        };
        spans
            .filter(|((begun, _), end)| overlaps(*begun, *end))
            .map(|((_, list), _)| list)
            .collect()
    }

    /// Asserts that of those whom the files wanted within a window no more went without being wanted again than `allowed` says
    /// of the largest list in it.
    fn assert_within(&self, seed: u64, allowed: impl Fn(usize) -> usize) {
        let removals = self.removals.lock().unwrap();
        for (to, _) in removals.iter() {
            let from = to.checked_sub(WINDOW);
            let lists = self.within(from, *to);
            let wanted_again = |user: &String, since: Instant| {
                let mut later = self
                    .lists
                    .iter()
                    .filter(|(begun, _)| *begun > since && begun <= to);
                later.any(|(_, list)| list.contains(user))
            };
            let gone: BTreeSet<&String> = removals
                .iter()
                .filter(|(time, _)| from.is_none_or(|from| *time > from) && time <= to)
                .filter(|(time, user)| !wanted_again(user, *time))
                .map(|(_, user)| user)
                .filter(|user| lists.iter().any(|list| list.contains(*user)))
                .collect();
            let largest = lists.iter().map(|list| list.len()).max().unwrap_or_default();
            assert!(
                gone.len() <= allowed(largest),
                "seed {seed}: {} of {largest} gone: {gone:?}",
                gone.len()
            );
        }
    }
}

fn case(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let size = [3, 8, 20, 60][random.usize(0..4)];
    let removals: Arc<Mutex<Vec<(Instant, String)>>> = Arc::default();
    let seen = Arc::clone(&removals);
    let everyone: Vec<String> = names(0..size).into_iter().collect();
    let service = one_room(&everyone).with_fault(move |_, request, _| {
        let path = request.url.path();
        if request.method == Http::DELETE {
            let (_, users) = path.rsplit_once('/').unwrap();
            let now = Instant::now();
            seen.lock()
                .unwrap()
                .extend(users.split("%2C").map(|user| (now, user.to_owned())));
        }
        None
    });
    // Nothing but the budget bounds who goes.
    let settings = "guards: {max_removals: 100%, max_removals_total: 100%}\n\
                    sync: {interval: 1h, settle: 100ms, settle_removals: 1s}";
    house(service, settings, async move |mut house| {
        let machine = Machine::of(&mut house, SignedDuration::ZERO);
        let mut list = names(0..size);
        house.rooms(&room_text(&id(), list.iter().cloned()));
        let mut history = History {
            lists: vec![(Instant::now(), list.clone())],
            removals,
        };
        let begun = Instant::now();
        let mut daemon = house.start();
        daemon.until_well(minutes(1)).await;
        for _ in 0..random.usize(10..50) {
            let mut next: Names = list.iter().filter(|_| random.f64() < 0.8).cloned().collect();
            next.extend(names((0..size + 10).filter(|_| random.f64() < 0.05)));
            next.insert("u0".to_owned());
            history.lists.push((Instant::now(), next.clone()));
            house.rooms(&room_text(&id(), next.iter().cloned()));
            daemon.tell(roomsync::daemon::Command::Reload).await;
            list = next;
            let pause = match random.u8(0..3) {
                0 => random.u64(1..10),
                1 => random.u64(10..3600),
                _ => random.u64(3600..6 * 3600),
            };
            sleep(Duration::from_secs(pause)).await;
            // Whoever was put out, and strangers, come in as they like.
            house.service.emulator.edit(|state| {
                let room = state.rooms.get_mut(&room_id(1)).unwrap();
                for _ in 0..random.usize(0..4) {
                    room.join(&format!("u{}", random.usize(0..size + 20)));
                }
            });
            // Somebody sets the clock, by up to ten years.
            if random.u8(0..4) == 0 {
                machine.set(SignedDuration::from_hours(random.i64(-87_660..87_660)));
            }
            if random.u8(0..5) == 0 {
                if random.bool() {
                    daemon.stop().await;
                } else {
                    daemon.kill().await;
                }
                sleep(Duration::from_secs(random.u64(0..3600))).await;
                daemon = house.start();
            }
            if begun.elapsed() > Duration::from_secs(72 * 3600) {
                break;
            }
        }
        daemon.stop().await;
        history.assert_within(seed, |largest| largest.div_ceil(2).max(5));
    });
}

#[test]
fn no_window_of_three_days_lets_more_people_go_than_the_budget() {
    seeds(3).for_each(case);
}

#[test]
fn thirteen_edits_of_a_quarter_do_not_empty_a_room() {
    let everyone: Vec<String> = names(0..100).into_iter().collect();
    let settings = "sync: {settle: 100ms, settle_removals: 100ms}\nguards: {max_removals_total: 100%}";
    house(one_room(&everyone), settings, async move |house| {
        let mut left = everyone.clone();
        house.rooms(&room_text(&id(), left.clone()));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        while left.len() > 1 {
            left.truncate(left.len() - left.len().div_ceil(4).min(left.len() - 1));
            house.rooms(&room_text(&id(), left.clone()));
            daemon.tell(roomsync::daemon::Command::Reload).await;
            sleep(Duration::from_secs(1)).await;
        }
        sleep(minutes(20)).await;
        let status = daemon.status();
        assert_eq!(super::house::members(&house.service).len(), 50);
        assert!(
            status
                .attention
                .iter()
                .any(|item| item.message.contains("49 people kept by the removal budget")),
            "{:?}",
            status.attention
        );
        let room = daemon.source.room(&room_id(1)).unwrap();
        let blocked: Vec<&str> = room
            .line
            .blocked
            .iter()
            .map(|block| block.guard.as_str())
            .collect();
        assert_eq!(blocked, ["removal_budget"]);
        assert!(
            room.remarks
                .iter()
                .any(|note| note.code.as_str() == "removal_budget" && note.message.contains("before "))
        );

        // Strangers go all the same.
        house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            for n in 0..5 {
                room.join(&format!("stranger{n}"));
            }
        });
        daemon
            .until(minutes(10), |_| super::house::members(&house.service).len() == 50)
            .await;

        // Allowed by the room's own entry, they go.
        let allowed = room_text(&id(), left) + "    guards: {removal_budget: off, max_removals: 100%}\n";
        house.rooms(&allowed);
        daemon.until_well(minutes(10)).await;
        assert_eq!(super::house::members(&house.service).len(), 1);
        daemon.stop().await;
    });
}

#[test]
fn a_swap_of_a_third_in_a_small_fleet_is_no_business_of_a_guard_that_is_off() {
    let everyone: Vec<String> = names(0..3).into_iter().collect();
    let settings = "guards: {max_removals: 100%, max_removals_total: 100%}";
    house(one_room(&everyone), settings, async move |house| {
        house.rooms(&room_text(&id(), everyone.clone()));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        for other in 3..6 {
            let list = names([0, 1, other]);
            house.rooms(&room_text(&id(), list.iter().cloned()));
            daemon.tell(roomsync::daemon::Command::Reload).await;
            daemon
                .until(minutes(1), |_| super::house::members(&house.service) == list)
                .await;
        }
        daemon.stop().await;
    });
}
