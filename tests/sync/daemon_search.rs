//! The daemon under everything that happens to it, in random order, against a small model that knows nothing of the product:
//! what the test itself wrote into the files, and what the service itself held at each call.
//!
//! A case is its seed. `ROOMSYNC_SEARCH_CASES` sets their number, `ROOMSYNC_SEARCH_FIRST` the first one, `ROOMSYNC_SEARCH_SECONDS` a
//! time to go on for instead. `ROOMSYNC_SEARCH_SEED` runs one of them alone. A case that fails prints all that it did.

mod case;
mod end_state;
mod events;
mod model;
mod oracles;
mod random_spec;
mod removal_window;
mod weather;
mod world;

use self::case::Case;
use self::end_state::unexplained;
use self::events::{calm, happen, pass_time};
use self::model::{MARKER, Names, OWNER, Spec, UNKNOWN};
use self::oracles::check_effect;
use self::random_spec::first_spec;
use self::world::{Setup, World, lock};
use crate::house::{House, Running, house};
use crate::search::{number, seeds};
use crate::service::{Reply, Service, room_id, room_of, state};
use roomsync::emulator::State;
use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Seeds of faults that were found.
const FOUND: [u64; 4] = [29, 37, 1510, 1606];

const CASES: u64 = 120;
/// Time between two looks at all rooms.
const INTERVAL: Duration = Duration::from_secs(300);

/// The service at first.
fn first_state(spec: &Spec, live: &[(usize, Names)]) -> State {
    let refs = |names: &Names| names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let managed = live.iter().map(|(number, members)| {
        let (admins, members) = (spec[number].admins.as_ref().map(refs), refs(members));
        let admins = admins.unwrap_or_default();
        let admins: Vec<&str> = admins.split_whitespace().collect();
        let members: Vec<&str> = members.split_whitespace().collect();
        (room_id(*number), room_of(OWNER, &admins, &members))
    });
    let marker = (room_id(MARKER), room_of(OWNER, &[], &["u0"]));
    let mut first = state(managed.chain([marker]));
    let known = (0..20).flat_map(|n| ["u", "s", "g", "p"].map(|prefix| format!("{prefix}{n}")));
    first.users = Some(known.chain([OWNER.to_owned()]).collect());
    first
}

fn run_case(seed: u64) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (spec, live) = first_spec(&mut random);
    let setup = Setup {
        seed,
        total: [10, 30, 100][random.usize(0..3)],
        dry_run: random.u8(0..20) == 0,
        // Not drawn, so that old seeds still mean the same cases.
        shown: [Some(10), None, Some(0)][usize::try_from(seed.wrapping_add(1) % 3).unwrap()],
    };
    let latency = [0, 0, 20, 300, 2500][random.usize(0..5)];
    let world: Arc<OnceLock<Arc<Mutex<World>>>> = Arc::default();
    let of_service = Arc::clone(&world);
    let service = Service::new(first_state(&spec, &live));
    let service = setup.shown.into_iter().fold(service, Service::showing);
    let service = service
        .with_fault(move |emulator, request, _| {
            let mut world = lock(of_service.get()?);
            let world = &mut *world;
            let reply = world.weather.reply(&mut world.random, request);
            if matches!(reply, None | Some(Reply::LoseAnswer)) {
                check_effect(world, emulator, request);
            }
            reply
        })
        .taking(Duration::from_millis(latency));
    // Settling and the removal budget have models of their own.
    let Setup {
        total,
        dry_run,
        shown,
        ..
    } = setup;
    let settings = format!("guards: {{max_removals_total: {total}%, removal_budget: off}}");
    let mut result = Err("it broke off".to_owned());
    house(service, &settings, async |mut house: House| {
        house.seed = seed;
        house.dry_run = dry_run;
        fs::create_dir_all(house.state_dir()).unwrap();
        let new = World::new(setup, random.fork(), house.state_dir().join("state.json"));
        let world = world.get_or_init(|| Arc::new(Mutex::new(new)));
        lock(world).log(format!(
            "latency {latency} ms, total {total}%, dry run: {dry_run}, shown: {shown:?}"
        ));
        result = run_story(&mut Case::new(Arc::clone(world), house, random), spec).await;
    });
    result
}

/// Lets things happen, then calms them down, and checks the rooms.
async fn run_story(case: &mut Case, spec: Spec) -> Result<(), String> {
    case.write_valid(spec).await;
    case.start();
    let events = case.random.usize(4..24);
    // A few cases go on for hours, most for minutes.
    let longest = if case.random.u8(0..12) == 0 { 10_000 } else { 400 };
    if case.random.bool() {
        sleep(Duration::from_secs(20)).await;
    }
    for _ in 0..events {
        happen(case).await;
        pass_time(case, longest).await;
        verdict(case)?;
    }
    calm(case).await;
    // The files are seen within a minute or so even without an event; then two looks at all rooms.
    sleep(Duration::from_secs(70) + INTERVAL.mul_f64(2.2) + Duration::from_secs(60)).await;
    case.world().sample();
    verdict(case)?;
    if !case.world().setup.dry_run {
        check_rest(case).await?;
    } else if case.house.path(".roomsync/rosters.json").exists() {
        case.world().fault("a dry run keeps something");
    }
    case.stop().await;
    sleep(Duration::from_secs(10)).await;
    verdict(case)
}

/// Checks that the rooms are as the files say, and that nothing more is written.
async fn check_rest(case: &mut Case) -> Result<(), String> {
    let state = case.house.service.emulator.state();
    let open = unexplained(&case.world(), &state, &case.last);
    let status = case.daemon.as_ref().map(Running::status).unwrap();
    if !open.is_empty() {
        let text = format!("{open:#?}\n{:#?}", (status.attention, status.rooms));
        case.world().fault(text);
    }
    verdict(case)?;
    // Whoever came and went is put back once more.
    if !status.coming_and_going.is_empty() {
        sleep(Duration::from_secs(4500)).await;
    }
    case.world().writes.clear();
    sleep(INTERVAL.mul_f64(2.2)).await;
    let mut writes = std::mem::take(&mut case.world().writes);
    writes.retain(|call| !call.contains(UNKNOWN));
    if !writes.is_empty() {
        case.world().fault(format!("it does not rest: {writes:#?}"));
    }
    Ok(())
}

/// The first fault so far, if there is one.
fn verdict(case: &Case) -> Result<(), String> {
    let mut world = case.world();
    let counters = case.house.service.emulator.counters();
    if let Some(times) = counters.statuses.get("429") {
        world.fault(format!("{times} calls over the rate"));
    }
    world.verdict()
}

#[test]
fn nothing_that_happens_to_it_makes_the_daemon_do_harm() {
    let run = |seed| run_case(seed).map_err(|error| format!("ROOMSYNC_SEARCH_SEED={seed}: {error}"));
    if let Some(seed) = number("ROOMSYNC_SEARCH_SEED") {
        return run(seed).unwrap_or_else(|error| panic!("{error}"));
    }
    let seconds = number("ROOMSYNC_SEARCH_SECONDS").map(Duration::from_secs);
    let Range { start: first, end } = seeds(CASES);
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let failures: Mutex<Vec<String>> = Mutex::default();
    let run = |seed| {
        if let Err(error) = run(seed) {
            failures.lock().unwrap().push(error);
        }
    };
    FOUND.into_iter().for_each(run);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let over = match seconds {
                        Some(seconds) => begun.elapsed() > seconds,
                        None => seed >= end,
                    };
                    if over {
                        return;
                    }
                    run(seed);
                }
            });
        }
    });
    let count = next.load(Ordering::Relaxed) - first;
    println!("about {count} cases in {:.0?}", begun.elapsed());
    let failures = failures.into_inner().unwrap();
    let first_lines = failures.iter().filter_map(|failure| failure.lines().next());
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed, the first:\n{}\n\n{}",
        failures.len(),
        first_lines.collect::<Vec<_>>().join("\n"),
        failures[0]
    );
}
