//! A day in a room of a thousand people, a third of whom go offline every few minutes and come back on their own: what each mode of
//! `absent` writes, and what the page says at each hour.

use crate::house::{House, Running, house, minutes, names};
use crate::service::{Service, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::chat::Request;
use roomsync::emulator::{Emulator, Environment, Options};
use roomsync::status::{RoomLine, RoomState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const PEOPLE: usize = 1_000;
/// People who are there at the start; the others have never been.
const THERE: usize = 900;
/// Time between two waves of people who go offline.
const WAVE: u64 = 6;

/// What a day took.
#[derive(Debug, Default)]
struct Day {
    /// Calls that wrote, by hour; the first is the time until all is well for the first time.
    calls: Vec<usize>,
    /// People who were added, each time.
    added: usize,
    /// The most times that somebody was put back within an hour who did not come back on their own in between.
    most_backs: usize,
    /// People who were put on the allow list, each time.
    listed: usize,
    removals: usize,
    /// What else was written, by path.
    others: BTreeMap<String, usize>,
    /// The first time that somebody was put back within an hour, and how often in it, since they came back on their own.
    backs: BTreeMap<String, (Instant, usize)>,
}

impl Day {
    fn begins_an_hour(&mut self) {
        self.calls.push(0);
    }

    fn written(&mut self, request: &Request) {
        let now = Instant::now();
        *self.calls.last_mut().unwrap() += 1;
        if request.method == Http::DELETE {
            self.removals += 1;
        } else if request.url.path().ends_with("/users") {
            let body: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
            let users = body["usernames"].as_array().unwrap();
            if request.url.path().ends_with("/white/users") {
                self.listed += users.len();
                return;
            }
            for user in users {
                let user = user.as_str().unwrap().to_owned();
                let (first, times) = self.backs.entry(user).or_insert((now, 0));
                if now - *first >= minutes(60) {
                    (*first, *times) = (now, 0);
                }
                *times += 1;
                self.most_backs = self.most_backs.max(*times);
                self.added += 1;
            }
        } else {
            *self.others.entry(request.url.path().to_owned()).or_default() += 1;
        }
    }

    fn came_back(&mut self, users: &[String]) {
        for user in users {
            self.backs.remove(user);
        }
    }
}

fn live(house: &House) -> BTreeSet<String> {
    people(&house.service.emulator.state().rooms[&room_id(1)]).members
}

/// Another third than the time before.
fn a_third(random: &mut fastrand::Rng) -> Vec<String> {
    let mut people = names(0..PEOPLE);
    random.shuffle(&mut people);
    people.truncate(PEOPLE / 3);
    people
}

/// The row of the room, by a look that began after this.
async fn row(daemon: &Running) -> RoomLine {
    let row = || daemon.status().rooms[0].clone();
    let before = row().looked;
    for _ in 0..12 * 60 {
        sleep(Duration::from_secs(1)).await;
        if row().looked != before {
            sleep(Duration::from_secs(2)).await;
            return row();
        }
    }
    panic!("no look for twelve minutes");
}

/// Runs the day with this mode. `check` is told of each hour how many are not there, and the row.
fn a_day(absent: &str, check: impl Fn(usize, &RoomLine)) -> Day {
    let given = std::env::var("ROOMSYNC_TEST_SEED").ok();
    let seed = given.map_or(16, |seed| seed.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(seed);
    let everybody = names(0..PEOPLE);
    let there: Vec<&str> = everybody[..THERE].iter().map(String::as_str).collect();
    let environment = Environment {
        offline_after: Some(Duration::from_secs(120)),
        ..Environment::default()
    };
    let state = state([(room_id(1), room_of("boss", &["mia"], &there))]);
    let service = Service::of(Emulator::in_environment(state, Options::default(), environment));
    let day = Arc::new(Mutex::new(Day::default()));
    let of_day = Arc::clone(&day);
    let service = service.with_fault(move |_, request, _| {
        if request.method != Http::GET {
            of_day.lock().unwrap().written(request);
        }
        None
    });
    house(service, "", async |house: House| {
        house.rooms(&format!(
            "rooms: [{{id: {}, members: [{}], admins: [mia], absent: {absent}}}]\n",
            room_id(1),
            everybody.join(", ")
        ));
        let daemon = house.start();
        day.lock().unwrap().begins_an_hour();
        daemon.until_well(minutes(2)).await;
        let emulator = &house.service.emulator;
        let come_back = |gone: &[String]| {
            emulator.online(gone);
            let back = emulator.join(&room_id(1), gone);
            day.lock().unwrap().came_back(&back);
        };
        for _ in 0..24 {
            day.lock().unwrap().begins_an_hour();
            let mut gone: Vec<String> = Vec::new();
            for _ in 0..60 / WAVE - 1 {
                come_back(&gone);
                gone = a_third(&mut random);
                emulator.offline(&gone);
                sleep(minutes(WAVE)).await;
            }
            let seen = row(&daemon).await;
            check(PEOPLE + 1 - live(&house).len(), &seen);
            come_back(&gone);
            check(0, &row(&daemon).await);
        }
        daemon.stop().await;
    });
    let mut day = std::mem::take(&mut *day.lock().unwrap());
    day.backs.clear();
    println!("{absent}, seed {seed}: {day:?}");
    assert_eq!(day.removals, 0);
    day
}

#[test]
fn who_may_be_absent_is_invited_once_and_then_left_alone() {
    let day = a_day("ignore", |absent, row| {
        assert_eq!((row.state, row.not_here, row.add), (RoomState::InSync, absent, 0));
    });
    assert_eq!(day.calls, [&[2][..], &[0; 24]].concat());
}

#[test]
fn who_is_kept_takes_one_place_on_the_allow_list_and_never_leaves() {
    let day = a_day("keep", |absent, row| {
        let told = (row.state, row.add, row.allow, row.missing.coming_and_going.len());
        assert_eq!((absent, told), (0, (RoomState::InSync, 0, 0, 0)));
    });
    // 100 adds and 1,000 places, 60 a call.
    assert_eq!((day.added, day.listed), (PEOPLE - THERE, PEOPLE));
    assert_eq!(day.calls, [&[2 + 17][..], &[0; 24]].concat());
}

#[test]
fn who_does_not_come_back_is_put_back_three_times_an_hour_at_most() {
    let day = a_day("readd", |absent, row| {
        let left_alone = row.missing.coming_and_going.len();
        assert!(left_alone <= absent, "{left_alone} of {absent}");
        let expected = if left_alone > 0 {
            RoomState::Incomplete
        } else {
            RoomState::InSync
        };
        assert_eq!(row.state, expected);
    });
    // An hour may hold the end of one in which they were put back three times, and the beginning of the next.
    assert!((3..=5).contains(&day.most_backs), "{}", day.most_backs);
    assert!(day.added <= 3 * 24 * PEOPLE, "{}", day.added);
}
