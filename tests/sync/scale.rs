//! Large fleets: an apply takes as long as its busiest method's calls, and no longer.

use crate::scale_model::{Fleet, run};
use crate::service::{BATCH, Service, config, desired, pass, room_id, room_of, state, virtually};
use roomsync::chat::Client;
use roomsync::chat::wire::Method;

#[test]
fn a_mixed_fleet_takes_as_long_as_its_busiest_method() {
    let figures = run(Fleet::mixed(1_000, 1).unwrap()).unwrap();
    assert!(figures.ratio() <= 1.05, "{figures:?}");
    assert_eq!(
        (figures.turned_away, figures.not_converged),
        (0, 0),
        "{figures:?}"
    );
}

#[test]
fn a_first_fill_takes_as_long_as_its_adds() {
    let figures = run(Fleet::to_fill(1_000, 1_000).unwrap()).unwrap();
    assert_eq!(figures.calls["add_many"], 17_000);
    assert!(figures.writing.as_secs_f64() <= 178.0, "{figures:?}");
    assert!(figures.whole.as_secs_f64() <= 195.0, "{figures:?}");
    assert_eq!(
        (figures.turned_away, figures.not_converged),
        (0, 0),
        "{figures:?}"
    );
}

#[test]
fn rooms_whose_removals_go_slowly_do_not_fail_for_that() {
    let rooms = 90;
    let live = (0..rooms).map(|n| (room_id(n), room_of("boss", &[], &["a", "b"])));
    let service = Service::new(state(live));
    let rooms: Vec<String> = (0..rooms)
        .map(|n| {
            format!(
                "{{id: {}, members: [a], guards: {{max_removals: 100%}}}}",
                room_id(n)
            )
        })
        .collect();
    let desired = desired(&[&format!("rooms: [{}]", rooms.join(", "))]);
    let mut config = config(BATCH, 64);
    config.rates.own.insert(Method::RemoveOne, 1);
    let client = Client::new(Box::new(service), config);
    let (_, report) = virtually(pass(&client, &desired, None));
    let tally = report.tally();
    assert_eq!((tally.converged, tally.failed), (90, 0), "{report:?}");
}
