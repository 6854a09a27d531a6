//! Owner and admins change while people are removed: who was owner, or an admin where admins are not managed, long enough to be
//! seen is not touched, and every removal that did not happen is reported.
//!
//! A case is its seed; `ROOMSYNC_SEARCH_CASES` sets how many there are, `ROOMSYNC_SEARCH_FIRST` where they begin.

mod examples;

use super::search::seeds;
use super::service::{BATCH, Service, config, desired, failed, pass, room_id, room_of, state, virtually};
use roomsync::chat::wire::Method;
use roomsync::chat::{BatchLimits, Client};
use roomsync::cli::Exit;
use roomsync::emulator::{Emulator, JournalEntry, Options, Profile, Side};
use roomsync::model::{Op, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const CASES: u64 = 60;
/// A role that somebody had all through this time before a call was sent is one that the call has to heed.
const HELD: Duration = Duration::from_secs(6);
const REMOVALS: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Owner,
    Admin,
}

/// From when to when somebody had a role; those that go on end nowhere.
type Held = Vec<(String, Role, Duration, Option<Duration>)>;

/// Roles of people, as this test hands them out.
struct Roles {
    start: Instant,
    held: Held,
}

impl Roles {
    fn begin(&mut self, user: &str, role: Role) {
        let now = self.start.elapsed();
        self.held.push((user.to_owned(), role, now, None));
    }

    fn end(&mut self, user: &str, role: Role) {
        let now = self.start.elapsed();
        let open = |held: &&mut (String, Role, Duration, Option<Duration>)| {
            held.0 == user && held.1 == role && held.3.is_none()
        };
        if let Some(held) = self.held.iter_mut().find(open) {
            held.3 = Some(now);
        }
    }

    /// True if somebody had the role all through a time that ends here.
    fn had(&self, user: &str, role: Role, until: Duration) -> bool {
        let Some(from) = until.checked_sub(HELD) else {
            return false;
        };
        self.held.iter().any(|(who, what, begin, end)| {
            who == user && *what == role && *begin <= from && end.is_none_or(|end| end >= until)
        })
    }
}

/// Changes one role at random, among those who are in the room.
fn change(emulator: &Emulator, roles: &mut Roles, random: &mut fastrand::Rng) {
    emulator.edit(|state| {
        let room = state.rooms.get_mut(&room_id(0)).unwrap();
        let owner = room.owner().to_owned();
        let mut members: Vec<String> = room.members().iter().map(str::to_owned).collect();
        members.retain(|user| *user != owner);
        members.sort();
        let Some(user) = random.choice(&members).cloned() else {
            return;
        };
        match random.u8(0..3) {
            0 => {
                if room.demote(&user) {
                    roles.end(&user, Role::Admin);
                }
                room.set_owner(&user);
                roles.end(&owner, Role::Owner);
                roles.begin(&user, Role::Owner);
            }
            1 if room.promote(&user) => roles.begin(&user, Role::Admin),
            2 if room.demote(&user) => roles.end(&user, Role::Admin),
            _ => {}
        }
    });
}

/// The removals that the service was asked for: when, and whose.
fn removals(service: &Service) -> Vec<(Duration, String)> {
    asked_for(service, "/users/")
}

fn asked_for(service: &Service, what: &str) -> Vec<(Duration, String)> {
    let journal = service.emulator.journal();
    let removal = |entry: &JournalEntry| {
        let (_, users) = entry.path.split_once(what).filter(|_| entry.method == "DELETE")?;
        Some((Duration::from_millis(entry.at_ms), users.to_owned()))
    };
    journal.calls.iter().filter_map(removal).collect()
}

/// Plays a case, and gives how many removals were planned.
fn check(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let gone: Vec<String> = (0..REMOVALS).map(|n| format!("g{n:03}")).collect();
    let mut everyone: Vec<&str> = gone.iter().map(String::as_str).collect();
    everyone.extend(["stay0", "stay1", "stay2"]);
    let admins_managed = random.bool();
    let side = if random.bool() { Side::Seed } else { Side::Newer };
    let latency = Duration::from_millis(*random.choice(&[0, 30, 200, 900]).unwrap());
    let rate = *random.choice(&[2, 5, 12, 50]).unwrap();
    let remove_batch = *random.choice(&[1, 1, 1, 7, 60]).unwrap();
    let pause = random.u64(50..4_000);
    let options = Options {
        profile: Profile::all(side),
        calls_per_second: NonZeroU32::new(100),
    };
    let room = room_of("boss", &["stay0"], &everyone);
    let service = Service::with(state([(room_id(0), room)]), options).taking(latency);
    let admins = if admins_managed { "admins: [stay0], " } else { "" };
    let desired = desired(&[&format!(
        "rooms: [{{id: {}, {admins}members: [stay0, stay1, stay2], guards: {{max_removals: 100%, max_demotions: 100%}}}}]",
        room_id(0)
    )]);
    let batch = BatchLimits {
        remove: remove_batch,
        ..BATCH
    };
    let mut config = config(batch, 64);
    config.rates.own = [Method::RemoveOne, Method::RemoveMany]
        .map(|method| (method, rate))
        .into();
    let client = Client::new(Box::new(service.clone()), config);
    let case = format!(
        "ROOMSYNC_SEARCH_FIRST={seed}: {rate}/s, batches of {remove_batch}, {latency:?}, admins managed: {admins_managed}, {side:?}"
    );

    let (roles, planned, report) = virtually(async {
        let mut roles = Roles {
            start: Instant::now(),
            held: Vec::new(),
        };
        roles.begin("boss", Role::Owner);
        roles.begin("stay0", Role::Admin);
        let changing = async {
            loop {
                sleep(Duration::from_millis(random.u64(0..2 * pause))).await;
                change(&service.emulator, &mut roles, &mut random);
            }
        };
        let (planned, report) = tokio::select! {
            done = pass(&client, &desired, None) => done,
            () = changing => unreachable!("it goes on for ever"),
        };
        (roles, planned, report)
    });

    let plan = &planned.plan.rooms[0];
    if plan.remove.is_empty() {
        // The owner changed in the midst of each look.
        assert!(plan.falls_short() && removals(&service).is_empty(), "{case}");
        return 0;
    }
    // Who was removed, and when the call was sent.
    let demoted: BTreeSet<String> = asked_for(&service, "/admin/")
        .into_iter()
        .map(|(_, user)| user)
        .collect();
    let mut removed: BTreeSet<String> = BTreeSet::new();
    for (at, users) in removals(&service) {
        let sent = at.saturating_sub(latency);
        for user in users.split("%2C") {
            let owned = roles.had(user, Role::Owner, sent);
            assert!(!owned, "{case}: {user} owned the room when removed at {sent:?}");
            let led = roles.had(user, Role::Admin, sent) && !demoted.contains(user);
            assert!(!led, "{case}: {user} was an admin when removed at {sent:?}");
            removed.insert(user.to_owned());
        }
    }
    // Every one of the rest is reported, and nobody is reported who is gone.
    let state = service.emulator.state();
    let room = &state.rooms[&room_id(0)];
    let owner = room.owner().to_owned();
    let reported: BTreeMap<String, &str> = failed(&report)
        .into_iter()
        .filter(|(_, op, _)| *op == Op::Remove)
        .map(|(user, _, code)| (user, code))
        .collect();
    for user in plan.remove.iter().map(UserId::as_str) {
        let is_here = room.members().contains(user);
        assert!(
            !is_here || reported.contains_key(user),
            "{case}: {user} is still here, and nobody says so"
        );
        let is_gone = !is_here && removed.contains(user);
        assert!(
            !is_gone || !reported.contains_key(user),
            "{case}: {user} is gone: {reported:?}"
        );
    }
    assert!(
        removed
            .iter()
            .all(|user| plan.remove.iter().any(|other| other.as_str() == user)),
        "{case}"
    );
    let is_error = report.rooms[0].error.is_some();
    assert_eq!(is_error, removed.contains(&owner), "{case}: {report:?}");
    let is_whole = reported.is_empty() && !is_error;
    let exit = if is_whole { Exit::Done } else { Exit::Partly };
    assert_eq!(Exit::of_report(&report), exit, "{case}: {report:?}");
    // Nothing but roles is a reason, or what a later look at them leads to.
    let codes: BTreeSet<&str> = reported.values().copied().collect();
    let known = [
        "became_owner",
        "became_admin",
        "moved",
        "not_confirmed",
        "incomplete_read",
        "no_other_admin",
        "empty",
    ];
    let known = BTreeSet::from(known);
    assert!(codes.is_subset(&known), "{case}: {reported:?}");
    plan.remove.len()
}

#[test]
fn nobody_is_removed_who_was_owner_or_admin_long_enough_to_be_seen() {
    let seeds = seeds(CASES);
    let most = REMOVALS * seeds.clone().count();
    let planned: usize = seeds.map(check).sum();
    assert!(
        planned * 10 > most * 8,
        "{planned} of {most}: too few cases say anything"
    );
}
