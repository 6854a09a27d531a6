//! Runs that are told to end at any moment: what was not done is said, and such a run never ends as if all were well.

use super::house::{House, house, id, names, one_room, room_text};
use super::service::{BATCH, Service, desired, pass, pass_until, people, room_id, room_of, state, virtually};
use http::Method as Http;
use roomsync::apply::{Cancel, Outcome, Report};
use roomsync::cli::Exit;
use roomsync::daemon::Daemon;
use roomsync::plan::FleetPlan;
use roomsync::reconcile::{Once, Written};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

const ROOMS: usize = 12;

fn service() -> Service {
    let rooms = (0..ROOMS).map(|n| (room_id(n), room_of("boss", &[], &["a", "b", "c", "d"])));
    Service::new(state(rooms)).taking(Duration::from_millis(40))
}

/// In each room somebody comes and somebody goes.
fn files() -> String {
    let room = |n| format!("  - {{id: {}, members: [a, b, c, new]}}\n", room_id(n));
    format!("rooms:\n{}", (0..ROOMS).map(room).collect::<String>())
}

/// The rooms that are not as wanted.
fn open(service: &Service) -> usize {
    let wanted: BTreeSet<String> = ["a", "b", "c", "new"].map(str::to_owned).into();
    let state = service.emulator.state();
    let is_open = |n: &usize| people(&state.rooms[&room_id(*n)]).members != wanted;
    (0..ROOMS).filter(is_open).count()
}

/// Calls until the first that writes, as an undisturbed pass makes them.
fn reads_before(service: &Service) -> usize {
    let sent = service.take_sent();
    let is_write = |(method, ..): &(Http, String, String, u16)| method != Http::GET;
    sent.iter().position(is_write).unwrap()
}

/// Tells, once so many reads were answered, whoever waits for it.
fn telling(service: Service, reads: usize) -> (Service, Arc<Notify>) {
    let told = Arc::new(Notify::new());
    let (tell, seen) = (Arc::clone(&told), AtomicUsize::new(0));
    let service = service.with_fault(move |_, _, _| {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == reads {
            tell.notify_one();
        }
        None
    });
    (service, told)
}

/// Comes at a moment after the last read that is another one for each seed, mostly before the first write is answered.
async fn moment(random: &mut fastrand::Rng, read: &Notify) {
    read.notified().await;
    for _ in 0..random.usize(0..60) {
        yield_now().await;
    }
    if random.bool() {
        sleep(Duration::from_millis(random.u64(0..400))).await;
    }
}

/// Every room with steps is reported, and as not begun exactly where no call was made and something is open.
#[track_caller]
fn is_whole(plan: &FleetPlan, report: &Report, seed: u64) {
    let planned: Vec<_> = plan
        .rooms
        .iter()
        .filter(|room| !room.steps().is_empty())
        .collect();
    for room in planned {
        let reported = report.rooms.iter().find(|reported| reported.id == room.id);
        let reported = reported.unwrap_or_else(|| panic!("seed {seed}: {} is in no report", room.id));
        assert_eq!(
            reported.status == Outcome::NotBegun,
            reported.calls == 0,
            "seed {seed}: {reported:?}"
        );
    }
    assert_eq!(
        report.tally().not_begun > 0,
        report.not_begun().is_some(),
        "seed {seed}"
    );
}

#[test]
fn one_pass_that_is_interrupted_never_ends_as_if_all_were_well() {
    let mut before_the_first_call = 0;
    let reads = AtomicUsize::new(0);
    house(
        service(),
        "guards: {max_removals_total: 100%}",
        async |house: House| {
            house.rooms(&files());
            let once = Daemon::new(house.config()).unwrap().once(std::future::pending());
            let once = once.await.unwrap().unwrap();
            assert_eq!((Exit::of_once(&once), open(&house.service)), (Exit::Done, 0));
            reads.store(reads_before(&house.service), Ordering::Relaxed);
        },
    );
    for seed in 0..100 {
        let (service, read) = telling(service(), reads.load(Ordering::Relaxed));
        house(
            service,
            "guards: {max_removals_total: 100%}",
            async |house: House| {
                house.rooms(&files());
                let mut random = fastrand::Rng::with_seed(seed);
                let daemon = Daemon::new(house.config()).unwrap();
                let once = daemon.once(moment(&mut random, &read)).await.unwrap();
                // Nothing was planned: the run as a whole failed.
                let Some(once) = once else { return };
                let exit = Exit::of_once(&once);
                let Once { plan, written, .. } = &once;
                let Written::Applied(report) = written else {
                    panic!("seed {seed}: {once:?}")
                };
                is_whole(plan, report, seed);
                if open(&house.service) > 0 {
                    assert_eq!(exit, Exit::Partly, "seed {seed}: {report:?}");
                }
                let calls = report.tally().calls;
                assert_eq!(
                    calls,
                    super::house::writes(&house.service),
                    "seed {seed}: calls are counted"
                );
                if calls == 0 {
                    before_the_first_call += 1;
                    assert_eq!(report.tally().not_begun, ROOMS, "seed {seed}");
                }
            },
        );
    }
    assert!(before_the_first_call >= 10, "only {before_the_first_call}");
}

#[test]
fn an_apply_that_is_interrupted_says_which_rooms_it_did_not_begin() {
    let mut before_the_first_call = 0;
    let (undisturbed, desired) = (service(), desired(&[&files()]));
    let (_, report) = virtually(pass(&undisturbed.client(BATCH), &desired, None));
    assert_eq!(Exit::of_report(&report), Exit::Done);
    let reads = reads_before(&undisturbed);
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        // As one of the last reads is answered.
        let (service, read) = telling(service(), reads - random.usize(0..ROOMS * 2));
        let stop = Cancel::default();
        let (planned, report) = virtually(async {
            let client = service.client(BATCH);
            let interrupting = async {
                moment(&mut random, &read).await;
                stop.interrupt();
            };
            tokio::join!(pass_until(&client, &desired, None, &stop), interrupting).0
        });
        is_whole(&planned.plan, &report, seed);
        // The end may also have been asked for when all was done.
        let is_done = report.stopped.is_none() && open(&service) == 0;
        let exit = if is_done { Exit::Done } else { Exit::Partly };
        assert_eq!(Exit::of_report(&report), exit, "seed {seed}: {report:?}");
        before_the_first_call += usize::from(report.tally().calls == 0);
    }
    assert!(before_the_first_call >= 10, "only {before_the_first_call}");
}

/// Where nothing was to be written, that is what came of it.
#[test]
fn nothing_to_write_is_no_failure_and_a_pause_is_3() {
    for (settings, dry_run, exit) in [
        ("", true, Exit::Done),
        ("sync: {paused: true}", false, Exit::Blocked),
    ] {
        house(service(), settings, async |mut house: House| {
            house.dry_run = dry_run;
            house.rooms(&files().replace(", new", ", d, new"));
            let once = Daemon::new(house.config()).unwrap().once(std::future::pending());
            let once = once.await.unwrap().unwrap();
            assert_eq!(Exit::of_once(&once), exit, "{once:?}");
            assert_eq!(matches!(once.written, Written::DryRun), dry_run);
            assert_eq!(super::house::writes(&house.service), 0);
        });
    }
}

/// A set that a pass has only waited with is not taken for a settled one by who comes after it.
#[test]
fn a_pass_that_is_ended_while_it_waits_leaves_no_set_that_seems_to_have_settled() {
    house(
        one_room(&names(0..4)),
        "sync: {settle_removals: 10s}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..4)));
            let daemon = house.start();
            sleep(Duration::from_secs(15)).await;
            daemon.stop().await;
            house.rooms(&room_text(&id(), names(0..3)));
            let once = Daemon::new(house.config())
                .unwrap()
                .once(sleep(Duration::from_secs(2)));
            let once = once.await.unwrap().unwrap();
            assert_eq!(Exit::of_once(&once), Exit::Partly);
            let Written::Applied(report) = &once.written else {
                panic!("{once:?}")
            };
            assert_eq!(report.tally().not_begun, 1);
            let daemon = house.start();
            sleep(Duration::from_secs(4)).await;
            assert_eq!(super::house::writes(&house.service), 0, "not settled yet");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(super::house::writes(&house.service), 1);
            daemon.stop().await;
        },
    );
}

/// Work that is unfinished when the time is over is nothing to go by, and no more is what was there before it.
#[test]
fn a_pass_goes_by_no_set_that_is_no_longer_there() {
    house(
        one_room(&names(0..4)),
        "sync: {settle_removals: 10s}",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..3)));
            let daemon = Daemon::new(house.config()).unwrap();
            let writing = async {
                sleep(Duration::from_secs(3)).await;
                house.rooms(room_text(&id(), names(0..4)).trim_end());
            };
            let (once, ()) = tokio::join!(daemon.once(std::future::pending()), writing);
            assert!(once.is_err(), "{once:?}");
            assert_eq!(super::house::writes(&house.service), 0);
        },
    );
}
