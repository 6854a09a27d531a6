//! Plans that are written down, read back and applied: while rooms move in between, held against the model of [`crate::fleet_model`].

mod without_place;

mod places;

use crate::applying::apply_plan;
use crate::fleet_model::{Case, Expected, RoomCase, Set, case, expect, live_name, over};
use crate::service::{
    self, BATCH, People, Service, desired, is_known_call, people, room_id, room_of, state, virtually, writes,
};
use crate::shortage;
use proptest::prelude::*;
use roomsync::apply::{Cancel, Outcome, Report};
use roomsync::chat::{BatchLimits, Client};
use roomsync::desired::{Desired, DesiredRoom};
use roomsync::live::Observed;
use roomsync::model::{Limit, RoomId};
use roomsync::plan::{Constraints, FleetGuard, FleetPlan, Rates, SavedPlan, SavedRoom, StalePlan};
use roomsync::reconcile::{self, Planned};
use roomsync::render::{Document, Meta};
use std::collections::BTreeSet;

const APP: &str = "acme#demo";

/// Events in a room between plan and apply.
#[derive(Debug, Clone)]
enum Move {
    Join(String),
    /// The people are counted from here, whoever is there.
    Leave(usize),
    Promote(usize),
    Demote(usize),
    Owner,
}

fn movement() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => live_name().prop_map(Move::Join),
        3 => any::<usize>().prop_map(Move::Leave),
        1 => any::<usize>().prop_map(Move::Promote),
        1 => any::<usize>().prop_map(Move::Demote),
        1 => Just(Move::Owner),
    ]
}

prop_compose! {
    /// A fleet, how each room moves, and which rooms a person approves where something is blocked.
    fn saved_case()(case in case())(
        moves in prop::collection::vec(prop::collection::vec(movement(), 0..2), case.rooms.len()),
        approved in prop::collection::vec(any::<bool>(), case.rooms.len()),
        case in Just(case),
    ) -> (Case, Vec<Vec<Move>>, Vec<bool>) {
        (case, moves, approved)
    }
}

fn moved(room: &RoomCase, moves: &[Move]) -> RoomCase {
    let mut room = room.clone();
    let nth = |set: &Set, n: usize| set.iter().nth(n.checked_rem(set.len()).unwrap_or(0)).cloned();
    for step in moves {
        match step {
            Move::Join(name) => {
                room.live_members.insert(name.clone());
            }
            Move::Leave(n) => {
                if let Some(name) = nth(&room.live_members, *n) {
                    room.live_members.remove(&name);
                    room.live_admins.remove(&name);
                }
            }
            Move::Promote(n) => {
                room.live_admins.extend(nth(&room.live_members, *n));
            }
            Move::Demote(n) => {
                if let Some(name) = nth(&room.live_admins, *n) {
                    room.live_admins.remove(&name);
                    room.live_members.insert(name);
                }
            }
            Move::Owner => room.owner = if room.owner == "boss" { "chief" } else { "boss" }.to_owned(),
        }
    }
    room
}

/// Statement of the model on a room that was planned as `then` and is `now`.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Fate {
    Stale,
    /// Nothing is to be done here, or nothing can be.
    Still,
    Applied,
}

fn fate(case: [&RoomCase; 2], then: &Expected, now: &Expected) -> Fate {
    let [adds, ops @ ..] = &then.wanted;
    let [adds_now, ops_now @ ..] = &now.wanted;
    let [owner, owner_now] = case.map(|case| case.owner.to_lowercase());
    match (then.failed, now.failed) {
        (true, true) => Fate::Still,
        (false, true) => Fate::Stale,
        (_, false) if case[0].mode == "observe" => Fate::Still,
        // Only an owner makes a room fail here.
        (true, false) => Fate::Stale,
        (false, false) if owner != owner_now => Fate::Stale,
        (false, false) if ops != ops_now || !adds.is_subset(adds_now) => Fate::Stale,
        (false, false) => Fate::Applied,
    }
}

/// Which of a room's own guards hold so many adds, removals and demotions.
fn guards(case: &RoomCase, [add, remove, _, demote]: &[Set; 4], live: &Expected) -> BTreeSet<&'static str> {
    let held = [
        ("max_removals", Some(case.max_removals), remove, live.visible),
        (
            "max_demotions",
            Some(case.max_demotions),
            demote,
            live.visible_admins,
        ),
        ("max_additions", case.max_additions, add, live.visible),
    ];
    held.into_iter()
        .filter(|(_, percent, wanted, of)| percent.is_some_and(|percent| over(percent, wanted.len(), *of)))
        .map(|(guard, ..)| guard)
        .collect()
}

/// The guard over all rooms trips: all rooms with removals that no other guard holds are held too.
fn total(percent: u8, rooms: &mut [(Expected, BTreeSet<&'static str>, usize)]) {
    let removals: usize = rooms
        .iter()
        .map(|(_, guards, n)| if guards.is_empty() { *n } else { 0 })
        .sum();
    let all: usize = rooms.iter().map(|(live, ..)| live.visible).sum();
    if over(percent, removals, all) {
        for (_, guards, removals) in rooms {
            if guards.is_empty() && *removals > 0 {
                guards.insert("max_removals_total");
            }
        }
    }
}

fn desired_of(case: &Case) -> Desired {
    let files: Vec<String> = case
        .rooms
        .iter()
        .enumerate()
        .map(|(n, room)| room.file(n))
        .collect();
    desired(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The plan as it is written down.
pub(crate) fn written(plan: &FleetPlan, desired: &Desired) -> Vec<u8> {
    let meta = Meta {
        created: "2026-11-22T21:00:00Z".into(),
        app: APP.into(),
        source: desired.source.clone(),
        rates: Rates {
            add: 50,
            promote: 50,
            demote: 50,
            remove_one: 50,
            remove_many: 50,
            allow: 50,
            disallow: 50,
        },
    };
    serde_json::to_vec_pretty(&Document::new(plan, &meta).unwrap()).unwrap()
}

pub(crate) fn read(text: &[u8], desired: &Desired) -> Result<SavedPlan, StalePlan> {
    let plan = SavedPlan::parse(text)?;
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    plan.check(APP, &desired.source.digest, &rooms).map(|()| plan)
}

pub(crate) async fn apply(
    client: &Client,
    desired: &Desired,
    saved: &SavedPlan,
    approved: &[RoomId],
    limit: Limit,
) -> (Planned, Report) {
    let of_plan = |saved: &SavedRoom| {
        let room = desired.rooms.iter().find(|room| room.id == *saved.id()).unwrap();
        match approved.contains(&room.id) {
            true => saved.approved(room),
            false => room.clone(),
        }
    };
    let rooms: Vec<DesiredRoom> = saved.rooms().iter().map(of_plan).collect();
    let rooms: Vec<&DesiredRoom> = rooms.iter().collect();
    let reader = client.reader();
    let free = |_: usize, _: &Observed| Constraints::default();
    let looked = reconcile::look(&reader, &rooms, &free, &|| {}).await;
    let (looked, elsewhere) = looked.narrowed_to(saved, &rooms, approved);
    let guard = FleetGuard {
        elsewhere,
        ..FleetGuard::of_all_rooms(limit)
    };
    let planned = looked.plan(Some(guard), &reader);
    let report = apply_plan(client, &rooms, &planned, saved.id(), &Cancel::default()).await;
    (planned, report)
}

fn check(case: &Case, moves: &[Vec<Move>], wants_approval: &[bool]) {
    let desired = desired_of(case);
    let rooms = case.rooms.iter().enumerate();
    let service = case.shown_by(Service::new(state(
        rooms.map(|(n, room)| (room_id(n), room.live())),
    )));
    let batch = BatchLimits {
        add: case.add_batch,
        remove: case.remove_batch,
    };
    let limit = Limit::parse(&format!("{}%", case.total_percent)).unwrap();

    let mut then: Vec<_> = case
        .rooms
        .iter()
        .map(|room| (expect(room), room))
        .map(|(live, room)| {
            let held = guards(room, &live.wanted, &live);
            let removals = live.wanted[1].len();
            (live, held, removals)
        })
        .collect();
    total(case.total_percent, &mut then);
    let moved: Vec<RoomCase> = case
        .rooms
        .iter()
        .zip(moves)
        .map(|(room, moves)| moved(room, moves))
        .collect();
    let is_approved: Vec<bool> = wants_approval
        .iter()
        .zip(&then)
        .map(|(wants, (_, held, _))| *wants && !held.is_empty())
        .collect();
    let approved: Vec<RoomId> = (0..moved.len())
        .filter(|n| is_approved[*n])
        .map(room_id)
        .collect();

    virtually(async {
        let all: Vec<_> = desired.rooms.iter().collect();
        let guard = Some(FleetGuard::of_all_rooms(limit));
        let planned = reconcile::plan(&service.read_only(batch).reader(), &all, guard, &|| {}).await;
        for (number, (_, held, _)) in then.iter().enumerate() {
            let plan = planned
                .plan
                .rooms
                .iter()
                .find(|room| room.id == room_id(number))
                .unwrap();
            let said: BTreeSet<&str> = plan.blocked.iter().map(|block| block.guard.as_str()).collect();
            assert_eq!(said, *held, "{plan:?}");
        }
        let saved = read(&written(&planned.plan, &desired), &desired).unwrap();

        service.emulator.edit(|state| {
            for (number, room) in moved.iter().enumerate() {
                state.rooms.insert(room_id(number), room.live());
            }
        });
        service.take_sent();
        let (planned, report) = apply(&service.client(batch), &desired, &saved, &approved, limit).await;
        let sent = service.take_sent();
        assert!(
            sent.iter().all(|call| is_known_call(call) && call.3 == 200),
            "{sent:?}"
        );
        assert_eq!(
            writes(&sent),
            planned.plan.summary().calls,
            "the calls made are those that were planned"
        );

        let now: Vec<Expected> = moved.iter().map(expect).collect();
        let fates: Vec<Fate> = (0..moved.len())
            .map(|n| fate([&case.rooms[n], &moved[n]], &then[n].0, &now[n]))
            .collect();
        let mut judged: Vec<_> = now
            .into_iter()
            .enumerate()
            .map(|(n, live)| {
                let (planned, held, _) = &then[n];
                if fates[n] != Fate::Applied {
                    return (live, BTreeSet::new(), 0);
                }
                let mut on_new_look = guards(&moved[n], &planned.wanted, &live);
                let removals = planned.wanted[1].len();
                if is_approved[n] {
                    on_new_look.retain(|guard| !held.contains(guard));
                    (live, on_new_look, 0)
                } else {
                    (live, on_new_look.union(held).copied().collect(), removals)
                }
            })
            .collect();
        total(case.total_percent, &mut judged);

        let after = service.emulator.state();
        for (n, (live, held, _)) in judged.iter().enumerate() {
            let id = room_id(n);
            let before = people(&moved[n].live());
            let after = people(&after.rooms[&id]);
            let outcome = report.rooms.iter().find(|room| room.id == id).unwrap();
            let context = || {
                format!(
                    "room {n}, {:?}, held by {held:?}: {outcome:?}\n{planned:?}",
                    fates[n]
                )
            };
            assert_eq!(
                outcome.status == Outcome::Stale,
                fates[n] == Fate::Stale,
                "{}",
                context()
            );
            if fates[n] != Fate::Applied {
                assert_eq!(after, before, "{}", context());
                continue;
            }
            let [add, remove, promote, demote] = &then[n].0.wanted;
            let absent: Set = live.wanted[0].difference(add).cloned().collect();
            let mut expected = [add.clone(), remove.clone(), promote - &absent, demote.clone()];
            if !held.is_empty() {
                expected[1].clear();
                expected[3].clear();
            }
            if held.contains("max_additions") {
                expected[2] = &expected[2] - add;
                expected[0].clear();
            }
            let done = [
                &after.members - &before.members,
                &before.members - &after.members,
                &after.admins - &before.admins,
                &before.admins - &after.admins,
            ];
            // Whether a demotion may go where a promotion cannot is for the gate to say.
            let gated = !promote.is_disjoint(&absent) && !expected[3].is_empty();
            if gated {
                assert!(
                    done.iter()
                        .zip(&expected)
                        .all(|(done, expected)| done.is_subset(expected)),
                    "{}",
                    context()
                );
            } else {
                assert_eq!(done, expected, "{}", context());
            }
        }
        // What was applied cannot be applied again.
        if sent.iter().any(|(method, ..)| *method != http::Method::GET) {
            let (again, report) = apply(&service.client(batch), &desired, &saved, &approved, limit).await;
            for (room, before) in report.rooms.iter().zip(&planned.plan.rooms) {
                let stale = room.status == Outcome::Stale;
                assert!(before.steps().is_empty() || stale, "{room:?} {again:?}");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn exactly_the_plan_is_applied_to_the_rooms_that_have_not_moved((case, moves, approved) in saved_case()) {
        check(&case, &moves, &approved);
    }
}
