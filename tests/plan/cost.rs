//! Cost of a plan, in numbers. That the numbers are right is shown by the random fleets of `tests/sync`.

use super::plans::{RATES, fleet, many, room, sent, users};
use roomsync::chat::wire::Method;
use roomsync::plan::{Calls, Rates};
use roomsync::render::text;

#[test]
fn methods_are_named_as_in_the_settings() {
    let methods = [
        Method::AddMany,
        Method::Promote,
        Method::Demote,
        Method::RemoveOne,
        Method::RemoveMany,
        Method::AllowMany,
        Method::DisallowMany,
    ];
    let names = Calls::default().by_method().map(|(name, _)| name);
    assert_eq!(names, methods.map(Method::as_str));
}

#[test]
fn calls_are_told_by_method_and_the_busiest_one_takes_the_time() {
    let mut lobby = room(1);
    lobby.add = many('a', 61);
    lobby.remove = many('r', 101);
    lobby.promote = users(&["p0", "p1", "p2"]);
    lobby.demote = users(&["r0"]);
    let plan = fleet(vec![sent(lobby), room(2)]);
    let calls = Calls::of(&plan);
    assert_eq!(
        calls.to_string(),
        "8 calls (2 add_many, 3 promote, 1 demote, 1 remove_one, 1 remove_many)"
    );
    assert_eq!(calls.total(), plan.summary().calls);
    assert_eq!(calls.seconds(&RATES), 0.06);
    let slow_removals = Rates {
        remove_one: 2,
        ..RATES
    };
    assert_eq!(slow_removals.seconds(&plan), 0.5);
    let mut shown = String::new();
    text(&mut shown, &plan, 0.5).unwrap();
    assert!(shown.ends_with("1 remove_many), at least 0.5 s\n"), "{shown}");
}

#[test]
fn nothing_costs_nothing() {
    let plan = fleet(vec![room(1)]);
    assert_eq!(Calls::of(&plan).to_string(), "0 calls");
    assert_eq!(Calls::of(&plan).seconds(&RATES), 0.0);
}
