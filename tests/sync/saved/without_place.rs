//! Saved plans of rooms without a place.

use super::*;

/// Where nothing has moved, a saved plan does what an apply does that plans for itself.
fn check_without_place(case: &shortage::Case) {
    let desired = desired(&[&case.file()]);
    let limit = Limit::parse("100%").unwrap();
    let fresh = || Service::new(state([(room_id(0), case.live())]));
    let (service, twin) = (fresh(), fresh());
    virtually(async {
        let (planned, direct) = service::pass(&twin.client(BATCH), &desired, Some(limit)).await;
        let saved = read(&written(&planned.plan, &desired), &desired).unwrap();
        let (again, report) = apply(&service.client(BATCH), &desired, &saved, &[], limit).await;
        assert_eq!(again.plan, planned.plan);
        assert_eq!(report.rooms, direct.rooms);
        let there = |service: &Service| -> Vec<People> {
            service.emulator.state().rooms.values().map(people).collect()
        };
        assert_eq!(there(&service), there(&twin));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_room_without_place_has_not_moved_for_that(case in shortage::case()) {
        check_without_place(&case);
    }
}

#[test]
fn members_of_a_room_that_has_moved_still_count_for_the_guard_over_all_rooms() {
    let names = |prefix: &str, n: usize| -> Vec<String> { (0..n).map(|i| format!("{prefix}{i}")).collect() };
    let [many, few] = [names("m", 90), names("f", 10)];
    let room = |members: &[String]| {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        room_of("boss", &[], &members)
    };
    let service = Service::new(state([(room_id(0), room(&many)), (room_id(1), room(&few))]));
    // 3 of 100 go, and 5 may; of the second room's 10 alone only 1 might.
    let list = |members: &[String]| members.join(", ");
    let desired = desired(&[&format!(
        "rooms: [{{id: {}, members: [{}]}}, {{id: {}, members: [{}], guards: {{max_removals: 3}}}}]",
        room_id(0),
        list(&many),
        room_id(1),
        list(&few[3..])
    )]);
    let limit = Limit::parse("5%").unwrap();
    virtually(async {
        let client = service.client(BATCH);
        let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
        let guard = Some(FleetGuard::of_all_rooms(limit));
        let planned = reconcile::plan(&client.reader(), &rooms, guard, &|| {}).await;
        let saved = read(&written(&planned.plan, &desired), &desired).unwrap();
        service.emulator.edit(|state| {
            let moved = state.rooms.get_mut(&room_id(0)).unwrap();
            moved.join("stranger");
        });
        let (_, report) = apply(&client, &desired, &saved, &[], limit).await;
        let outcomes: Vec<Outcome> = report.rooms.iter().map(|room| room.status).collect();
        assert_eq!(outcomes, [Outcome::Stale, Outcome::Converged], "{report:?}");
    });
}
