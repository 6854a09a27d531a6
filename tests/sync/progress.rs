//! Progress of a daemon's passes, as those who look at it see it.

use super::house::{House, house, minutes, names};
use super::service::{Reply, Service, room_id, room_of, state};
use http::Method as Http;
use roomsync::status::{Progress, RoomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;

const ROOMS: usize = 60;
const PEOPLE: usize = 20;
/// A call for each person.
const SETTINGS: &str = "limits: {calls_per_second: 20, add_batch: 2}";

fn service() -> Service {
    let rooms = (1..=ROOMS).map(|number| (room_id(number), room_of("boss", &["mia"], &[])));
    Service::new(state(rooms)).taking(Duration::from_millis(50))
}

fn files(house: &House) {
    let people = names(0..2 * PEOPLE).join(", ");
    let line = |number| {
        format!(
            "  - {{id: {}, members: [{people}], admins: [mia]}}\n",
            room_id(number)
        )
    };
    let lines: String = (1..=ROOMS).map(line).collect();
    house.rooms(&format!("rooms:\n{lines}"));
}

/// Progress of the first pass, every 250 ms.
async fn told(house: &House) -> Vec<Progress> {
    files(house);
    let daemon = house.start();
    let mut told = Vec::new();
    loop {
        sleep(Duration::from_millis(250)).await;
        let status = daemon.status();
        assert_eq!(
            status.progress.is_some(),
            daemon.source.gauges().progress.is_some()
        );
        told.extend(status.progress);
        let done = |room: &roomsync::status::RoomLine| room.state == RoomState::InSync;
        if !status.rooms.is_empty() && status.rooms.iter().all(done) {
            break;
        }
        assert!(told.len() < 4 * 600, "{:?}", told.last());
    }
    daemon.until_well(minutes(1)).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(daemon.status().progress, None, "nothing is under way");
    daemon.stop().await;
    told
}

#[test]
fn a_pass_is_told_from_its_first_room_to_its_last_call() {
    house(service(), SETTINGS, async |house: House| {
        let told = told(&house).await;
        let (looking, applying): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.doing == "looking");
        assert!(looking.len() > 4 && applying.len() > 100, "{looking:?}");
        for told in looking {
            assert_eq!((told.rooms, told.calls, told.made), (ROOMS, 0, 0));
            let method = told.budget.unwrap().method;
            assert!(["list_admins", "list_members"].contains(&method), "{told:?}");
        }
        let calls = ROOMS * PEOPLE;
        for (before, after) in applying.iter().zip(&applying[1..]) {
            assert_eq!((after.rooms, after.looked, after.calls), (ROOMS, ROOMS, calls));
            assert!(before.made <= after.made, "{before:?} {after:?}");
            let Some(left) = after.seconds_left else {
                assert_eq!(after.made, calls, "{after:?}");
                continue;
            };
            let budget = after.budget.unwrap();
            assert_eq!(
                (budget.method, budget.limit, budget.configured),
                ("add_many", 20, 20)
            );
            let expected = ((calls - after.made) as f64 / 20.0).ceil();
            assert!((left - expected).abs() < f64::EPSILON, "{after:?}");
        }
        // In its middle it goes at its rate, with all of its budget.
        let middle = applying[applying.len() / 2];
        assert!((18.0..=20.5).contains(&middle.per_second), "{middle:?}");
        assert!(middle.budget.unwrap().used >= 19, "{middle:?}");
    });
}

#[test]
fn a_service_that_slows_us_down_is_told_with_what_is_configured() {
    let writes = AtomicUsize::new(0);
    let service = service().with_fault(move |_, request, _| {
        let write = request.method != Http::GET;
        (write && writes.fetch_add(1, Ordering::Relaxed) == 200)
            .then_some(Reply::SlowDown(Duration::from_secs(1)))
    });
    house(service, SETTINGS, async |house: House| {
        let told = told(&house).await;
        let budgets = told.iter().filter_map(|told| told.budget);
        let slowed: Vec<usize> = budgets
            .filter(|budget| budget.limit < budget.configured)
            .map(|budget| budget.limit)
            .collect();
        assert!(!slowed.is_empty(), "it is told");
        assert!(
            slowed.last() >= slowed.first(),
            "step by step it comes back: {slowed:?}"
        );
    });
}
