//! Looks that read no more than their decisions need: the same plans as after a complete look, and removals never on less.

use crate::fleet_model::{Case, case};
use crate::house::{House, house};
use crate::service::{BATCH, Reply, Service, desired, room_id, room_of, state, virtually};
use http::Method as Http;
use proptest::prelude::*;
use roomsync::chat::CallError;
use roomsync::desired::Desired;
use roomsync::live::{self, Observed, ReadRequest};
use roomsync::model::RoomId;
use roomsync::plan::{self, BatchSizes, Constraints, RoomPlan};
use roomsync::status::{RoomState, Status};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

const SIZES: BatchSizes = BatchSizes {
    add_batch: 60,
    remove_batch: 100,
    allow_batch: 60,
    disallow_batch: 60,
};

/// Plans each room after looks that these requests describe.
async fn plans<'a>(
    service: &Service,
    desired: &'a Desired,
    request: impl Fn(&'a roomsync::desired::DesiredRoom) -> ReadRequest<'a>,
) -> Vec<RoomPlan> {
    let requests: Vec<ReadRequest<'_>> = desired.rooms.iter().map(request).collect();
    let seen = RefCell::new(vec![None; requests.len()]);
    let take = |at: usize, observed: Result<Observed, CallError>| {
        seen.borrow_mut()[at] = Some(observed.unwrap());
    };
    let reader = service.read_only(BATCH).reader();
    live::read_rooms(&reader, &requests, &take).await.unwrap();
    let plan = |(room, observed): (_, Option<Observed>)| {
        plan::diff(room, &observed.unwrap(), &Constraints::default())
            .map_or_else(|failed| *failed, |diff| diff.into_plan(SIZES))
    };
    desired.rooms.iter().zip(seen.into_inner()).map(plan).collect()
}

/// The same but for whether the admins were read.
fn without_admins(mut plan: RoomPlan) -> RoomPlan {
    if let Some(live) = &mut plan.live {
        live.admins = None;
        live.digest = String::new();
    }
    plan
}

fn check(case: &Case) {
    let files: Vec<String> = (case.rooms.iter().enumerate())
        .map(|(n, room)| room.file(n))
        .collect();
    let desired = desired(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let live = state((case.rooms.iter().enumerate()).map(|(n, room)| (room_id(n), room.live())));
    let service = case.shown_by(Service::new(live));
    virtually(async {
        let cheap = plans(&service, &desired, ReadRequest::from).await;
        let complete = plans(&service, &desired, |room| ReadRequest::of_all(&room.id)).await;
        let members = plans(&service, &desired, ReadRequest::of_members).await;
        for (of_members, complete) in members.iter().zip(&complete) {
            let live = of_members.live.as_ref();
            if live.is_some_and(|live| live.admins.is_some()) {
                assert_eq!(of_members, complete);
            } else {
                // It says nothing of admins, and all of the others.
                assert_eq!(
                    (&of_members.add, &of_members.not_here),
                    (&complete.add, &complete.not_here)
                );
                let gone = |plan: &RoomPlan| plan.remove.minus(&plan.demote);
                assert!(
                    gone(complete).is_empty() && of_members.remove.is_empty(),
                    "{of_members:?}"
                );
                assert!(
                    of_members.promote.is_empty() && of_members.demote.is_empty(),
                    "{of_members:?}"
                );
            }
        }
        for (cheap, complete) in cheap.into_iter().zip(complete) {
            if cheap.live.as_ref().is_some_and(|live| live.admins.is_none()) {
                assert!(cheap.remove.is_empty() && cheap.demote.is_empty(), "{cheap:?}");
            }
            assert_eq!(without_admins(cheap), without_admins(complete));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_cheap_look_leads_to_the_plan_of_a_complete_one(case in case()) {
        check(&case);
    }
}

/// Calls for details and for lists of admins that a look makes at 500 rooms of `boss`, `mia` (an admin), `a` and `b`, of which
/// the first `strange` hold a stranger.
fn calls(entry: &str, strange: usize) -> [usize; 2] {
    const ROOMS: usize = 500;
    let service = Service::new(state((0..ROOMS).map(|n| {
        let members: &[&str] = if n < strange {
            &["a", "b", "stranger"]
        } else {
            &["a", "b"]
        };
        (room_id(n), room_of("boss", &["mia"], members))
    })));
    let rooms = (0..ROOMS).map(|n| format!("  - {{id: {}, {entry}}}\n", room_id(n).as_str()));
    let file = format!("rooms:\n{}", rooms.collect::<String>());
    let desired = desired(&[&file]);
    virtually(plans(&service, &desired, ReadRequest::from));
    let sent = service.take_sent();
    let admins = |path: &str| path.ends_with("/admin");
    assert!(sent.iter().all(|(method, ..)| method == Http::GET));
    let lists = sent.iter().filter(|(_, path, ..)| admins(path)).count();
    [sent.len() - lists, lists]
}

#[test]
fn admins_are_read_only_where_they_decide_something() {
    for (entry, strange, expected) in [
        ("members: [mia, a, b]", 0, [5, 0]),
        // Two equal lists, before somebody goes.
        ("members: [mia, a, b]", 5, [5, 10]),
        ("members: [mia, a, b], ignore: [\"strange*\"]", 5, [5, 0]),
        ("members: [mia, a, b, carol]", 0, [5, 0]),
        ("members: [mia, a, b], mode: additive", 5, [5, 0]),
        ("members: [mia, a, b], mode: observe", 5, [5, 10]),
        // An admin who is not listed is kept: one list tells.
        ("members: [a, b]", 0, [5, 500]),
        ("members: [a, b], admins: [mia]", 0, [5, 500]),
        ("admins: [mia]", 5, [5, 500]),
    ] {
        assert_eq!(calls(entry, strange), expected, "{entry}, {strange}");
    }
}

/// Numbers of the rooms whose admin lists were read since the last question.
fn lists_read(service: &Service) -> Vec<RoomId> {
    let of_admins = |path: &String| path.ends_with("/admin");
    let sent = service.take_sent();
    let lists = sent
        .iter()
        .filter(|(method, path, ..)| method == Http::GET && of_admins(path));
    let room = |path: &String| RoomId::parse(path.split('/').nth(4).unwrap()).unwrap();
    lists.map(|(_, path, ..)| room(path)).collect()
}

/// 100 rooms, of which a third of a minute at one list a second shows 20.
#[test]
fn a_fleet_that_is_too_large_has_its_admins_read_in_turn() {
    const ROOMS: usize = 100;
    let service = Service::new(state(
        (0..ROOMS).map(|n| (room_id(n), room_of("boss", &["mia"], &["a", "b"]))),
    ));
    let settings = "limits: {calls_per_second: {default: 50, list_admins: 1}}\n\
                    sync: {interval: 60s, settle_removals: 0ms}";
    house(service, settings, async |house: House| {
        let entry = |n: usize| {
            format!(
                "  - {{id: {}, members: [mia, a, b], admins: [mia]}}\n",
                room_id(n).as_str()
            )
        };
        house.rooms(&format!("rooms:\n{}", (0..ROOMS).map(entry).collect::<String>()));
        let daemon = house.start();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        daemon
            .until(minutes(1), |status| status.passes.last_ended.is_some())
            .await;
        assert_eq!(lists_read(&house.service).len(), 20, "in the first pass");
        daemon.source.ready().unwrap();
        let of_state =
            |status: &Status, state| status.rooms.iter().filter(|room| room.state == state).count();
        let status = daemon.status();
        assert_eq!(
            (
                of_state(&status, RoomState::InSync),
                of_state(&status, RoomState::Unseen)
            ),
            (20, 80)
        );

        daemon.until_well(minutes(6)).await;
        let in_turn = lists_read(&house.service);
        let rooms: BTreeSet<&RoomId> = in_turn.iter().collect();
        assert_eq!((in_turn.len(), rooms.len()), (80, 80), "each of the others once");

        // A stranger is seen at once, by the admins' list of that room too, and one who is no admin any more within a turn.
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(7)).unwrap().join("stranger");
            state.rooms.get_mut(&room_id(77)).unwrap().demote("mia");
        });
        let live = |n: usize| house.service.emulator.state().rooms[&room_id(n)].clone();
        daemon
            .until(minutes(2), |_| !live(7).members().contains("stranger"))
            .await;
        daemon
            .until(minutes(6), |_| live(77).admins().contains("mia"))
            .await;
        lists_read(&house.service);
        sleep(minutes(30)).await;
        let in_turn = lists_read(&house.service);
        let rooms: BTreeSet<&RoomId> = in_turn.iter().collect();
        assert!(
            rooms.len() == ROOMS && in_turn.len() <= 20 * 34,
            "{}",
            in_turn.len()
        );
        daemon.stop().await;
    });
}

/// States of the first of four rooms of `mia`, `omar`, `a` and `b` that all have this entry, in ten minutes after the first look
/// at its admins, with the number of guards that block it. `b` leaves it once, and comes back. A pass reads the admins of one of 20 rooms, and nobody becomes an admin or is known as `zoe`.
fn states_in_ten_minutes(entry: &str) -> BTreeSet<String> {
    const ROOMS: usize = 20;
    let rooms = (0..ROOMS).map(|n| (room_id(n), room_of("boss", &["mia", "omar"], &["a", "b"])));
    let service = Service::new(state(rooms)).with_fault(|_, request, _| {
        let is_promotion = request.method == Http::POST && request.url.path().ends_with("/admin");
        let refusal = r#"{"error": "forbidden_op", "error_description": "not now"}"#;
        is_promotion.then(|| Reply::Answer(403, refusal.to_owned()))
    });
    service.emulator.edit(|state| {
        state.users = Some(["boss", "mia", "omar", "a", "b"].into_iter().collect());
    });
    let settings = "limits: {calls_per_second: {default: 50, list_admins: 1}}\n\
                    sync: {interval: 3s, settle_removals: 0ms}";
    let seen = RefCell::new(BTreeSet::new());
    house(service, settings, async |house: House| {
        let other = "members: [mia, omar, a, b], admins: [mia, omar]";
        let entries = (0..ROOMS).map(|n| {
            let entry = if n < 4 { entry } else { other };
            format!("  - {{id: {}, {entry}}}\n", room_id(n).as_str())
        });
        house.rooms(&format!("rooms:\n{}", entries.collect::<String>()));
        let daemon = house.start();
        let state = |status: &Status| {
            let room = status.rooms.iter().find(|room| room.id == room_id(0));
            room.map_or((RoomState::Unseen, 0), |room| (room.state, room.blocked.len()))
        };
        let is_read = |status: &Status| state(status).0 != RoomState::Unseen;
        daemon.until(Duration::from_secs(300), is_read).await;
        for n in 0..6_000 {
            sleep(Duration::from_millis(100)).await;
            if n == 3_000 {
                house.service.emulator.edit(|state| {
                    state.rooms.get_mut(&room_id(0)).unwrap().leave("b");
                });
            }
            let (state, guards) = state(&daemon.status());
            seen.borrow_mut().insert(format!("{state:?} {guards}"));
        }
        daemon.stop().await;
    });
    seen.into_inner()
}

#[test]
fn between_two_looks_at_its_admins_a_room_is_no_better_than_at_the_last() {
    for (entry, expected) in [
        (
            "members: [mia, omar, a, b], admins: [mia], guards: {max_demotions: 0}",
            &["Blocked 1"][..],
        ),
        // Somebody who is not there is less than that.
        (
            "members: [mia, omar, a, b, zoe], admins: [mia], guards: {max_demotions: 0}",
            &["Blocked 1"],
        ),
        (
            "members: [mia, omar, a, b], admins: [mia, omar, a]",
            &["Changing 0", "Failed 0", "Unknown 0"],
        ),
        (
            "members: [mia, omar, a, b], admins: [mia, omar]",
            &["InSync 0", "Changing 0"],
        ),
    ] {
        let states = states_in_ten_minutes(entry);
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        assert!(
            !states.is_empty() && states.is_subset(&expected),
            "{entry}: {states:?}"
        );
    }
}
