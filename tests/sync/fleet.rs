//! Random fleets, each brought to match in one apply, held against the model.

use crate::fleet_model::{Case, case, expect_fleet};
use crate::service::{
    Service, assert_foretold, desired, is_known_call, pages, pass, people, room_id, state, virtually, writes,
    written,
};
use proptest::prelude::*;
use roomsync::chat::BatchLimits;
use roomsync::emulator::{Fault, Options, Profile, Side};
use roomsync::model::{Limit, Op};
use roomsync::plan::{FleetGuard, Status};
use std::time::Duration;

/// With `faults`, the service is one of the odd ones.
fn check(case: &Case, side: Side, faults: &[&str]) {
    let files: Vec<String> = case
        .rooms
        .iter()
        .enumerate()
        .map(|(n, room)| room.file(n))
        .collect();
    let desired = desired(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let rooms = case.rooms.iter().enumerate();
    let options = Options {
        profile: Profile::all(side),
        ..Options::default()
    };
    let live = state(rooms.map(|(n, room)| (room_id(n), room.live())));
    let service = case.shown_by(Service::with(live, options).taking(case.latency));
    for fault in faults {
        service.emulator.add_fault(Fault::parse(fault).unwrap());
    }
    let batch = BatchLimits {
        add: case.add_batch,
        remove: case.remove_batch,
    };
    let total = Some(Limit::parse(&format!("{}%", case.total_percent)).unwrap());
    let expected = expect_fleet(case);
    let floor: usize = expected
        .iter()
        .map(|e| {
            e.add.len().div_ceil(case.add_batch)
                + e.remove.len().div_ceil(case.remove_batch)
                + e.promote.len()
                + e.demote.len()
        })
        .sum();

    let none_written = written(&service);
    virtually(async {
        let rooms: Vec<_> = desired.rooms.iter().collect();
        let looked = roomsync::reconcile::plan(
            &service.read_only(batch).reader(),
            &rooms,
            total.map(FleetGuard::of_all_rooms),
            &|| {},
        )
        .await;
        let sent = service.take_sent();
        assert!(writes(&sent) == 0);
        match case.shown {
            _ if !faults.is_empty() => {}
            None => {
                // A list of nobody is not believed.
                let deserted = case.rooms.iter().filter(|room| room.live().members().is_empty());
                assert_eq!(pages(&sent), deserted.count(), "room detail shows everyone");
            }
            Some(0) => assert!(pages(&sent) >= case.rooms.len(), "room detail shows nobody"),
            Some(_) => {}
        }

        let (planned, report) = pass(&service.client(batch), &desired, total).await;
        let sent = service.take_sent();
        assert_eq!(looked.plan, planned.plan, "planning twice gives two plans");
        for call in &sent {
            assert!(is_known_call(call), "{call:?}");
            let may_fail = !faults.is_empty() && call.0 == http::Method::GET;
            assert!(call.3 == 200 || may_fail, "{call:?}");
        }
        let after = service.emulator.state();
        for (number, expected) in expected.iter().enumerate() {
            let id = room_id(number);
            assert_eq!(
                people(&after.rooms[&id]),
                expected.after,
                "room {number} is not as the model says"
            );
            let plan = planned.plan.rooms.iter().find(|room| room.id == id).unwrap();
            assert_eq!(plan.status == Status::Failed, expected.failed, "{plan:?}");
            assert_eq!(plan.status == Status::Blocked, expected.blocked, "{plan:?}");
            for (op, users) in [
                (Op::Add, &expected.add),
                (Op::Remove, &expected.remove),
                (Op::Promote, &expected.promote),
                (Op::Demote, &expected.demote),
            ] {
                assert_eq!(plan.sent(op), users.len(), "{op} in {plan:?}");
            }
        }
        assert_eq!(writes(&sent), floor, "write calls and their floor");
        assert_eq!(planned.plan.summary().calls, floor);
        assert_foretold(&planned.plan, &none_written, &service);
        assert!(
            report.rooms.iter().all(|room| room.failed.is_empty()),
            "{report:?}"
        );

        // What a guard held may look different once others have come in; everything else is settled.
        let settled = !expected.iter().any(|room| room.blocked);
        let (_, again) = pass(&service.client(batch), &desired, total).await;
        if settled {
            assert_eq!(writes(&service.take_sent()), 0, "a second apply writes");
            assert_eq!(again.tally().calls, 0);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn one_apply_brings_a_random_fleet_to_match(case in case()) {
        for side in [Side::Seed, Side::Newer] {
            check(&case, side, &[]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn so_it_does_where_lists_are_unsorted_pages_small_and_detail_refused(
        mut case in case(),
        rows in 1_usize..9,
        owner in 1_usize..9,
        seed: u64,
        detail in prop::sample::select(&["object", "404=service_resource_not_found", "without=owner+affiliations"][..]),
    ) {
        // So many pages that a slow service has no read that is young enough.
        case.latency = Duration::ZERO;
        if detail != "object" {
            // Without a row and without room detail, nobody knows who the owner is, and nothing is written.
            case.rooms.iter_mut().for_each(|room| room.owner_left = false);
        }
        let faults = [
            format!("list_members:page={rows}"),
            format!("list_members:owner={owner}"),
            format!("reads:unsorted={seed}"),
            format!("room_detail:{detail}"),
        ];
        let faults = faults.each_ref().map(String::as_str);
        for side in [Side::Seed, Side::Newer] {
            check(&case, side, &faults);
        }
    }
}
