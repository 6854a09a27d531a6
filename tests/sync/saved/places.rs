//! People without a place when the plan was saved.

use super::super::service::{BATCH, Service, desired, failed, people, room_id, room_of, state, virtually};
use super::{apply, read, written};
use roomsync::apply::{Outcome, Report};
use roomsync::desired::DesiredRoom;
use roomsync::model::{Limit, Op, ReasonCode};
use roomsync::reconcile::{self, Planned};
use std::collections::BTreeSet;

/// Saves a plan that has a place for n1 and none for n2, and applies it. `leaves`: m2 has left meanwhile. Gives who is in the room then.
fn applied(known: &[&str], leaves: bool) -> (Planned, Report, BTreeSet<String>) {
    let mut room = room_of("boss", &["mia"], &["m1", "m2"]);
    room.maxusers = 5;
    let mut live = state([(room_id(0), room)]);
    live.users = Some(known.iter().copied().collect());
    let service = Service::new(live);
    let desired = desired(&[&format!(
        "rooms: [{{id: {}, members: [mia, m1, m2, n1, n2]}}]",
        room_id(0)
    )]);
    let limit = Limit::parse("100%").unwrap();
    let (planned, report) = virtually(async {
        let client = service.client(BATCH);
        let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
        let planned = reconcile::plan(&client.reader(), &rooms, None, &|| {}).await;
        let saved = read(&written(&planned.plan, &desired), &desired).unwrap();
        if leaves {
            service.emulator.edit(|state| {
                state.rooms.get_mut(&room_id(0)).unwrap().leave("m2");
            });
        }
        apply(&client, &desired, &saved, &[], limit).await
    });
    let now = people(&service.emulator.state().rooms[&room_id(0)]).members;
    (planned, report, now)
}

#[test]
fn who_had_no_place_in_the_plan_is_not_forgotten() {
    // Somebody leaves, and still nobody but n1 is added, as the plan says.
    let (planned, report, _) = applied(&["boss", "mia", "m1", "m2", "n1", "n2"], true);
    assert_eq!(report.rooms[0].status, Outcome::Partial, "{report:?}");
    assert_eq!(failed(&report), [("n2".to_owned(), Op::Add, "room_full")]);
    let codes: Vec<ReasonCode> = planned.plan.rooms[0].notes.iter().map(|note| note.code).collect();
    assert!(codes.contains(&ReasonCode::NotPlanned), "{codes:?}");
}

#[test]
fn who_had_no_place_in_the_plan_has_that_of_somebody_who_cannot_come() {
    for leaves in [false, true] {
        let (_, report, now) = applied(&["boss", "mia", "m1", "m2", "n2"], leaves);
        assert_eq!(
            failed(&report),
            [("n1".to_owned(), Op::Add, "no_such_user")],
            "{leaves}"
        );
        assert!(now.contains("n2"), "{leaves}: {now:?}");
    }
}
