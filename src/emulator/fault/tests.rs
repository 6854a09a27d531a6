//! Calls that are struck, and their faults.

use super::*;
use crate::emulator::routes;

const ADD: &str = "POST /acme/demo/chatrooms/1/users";
const NOWHERE: &str = "GET /acme/demo/nowhere";

fn decide(faults: &mut Faults, call: &str) -> Decided {
    let (method, path) = call.split_once(' ').unwrap();
    let request = http::Request::builder().method(method).uri(path);
    let (head, ()) = request.body(()).unwrap().into_parts();
    let call = routes::find(&head.method, path).ok().map(|(_, call)| call);
    faults.decide(&CallFacts::new(call.as_ref(), &head, b""))
}

fn faults(specs: &[&str]) -> Faults {
    let mut faults = Faults::new(7);
    for spec in specs {
        faults.add(Fault::parse(spec).unwrap());
    }
    faults
}

/// The numbers of the calls that are struck, of a hundred such calls.
fn struck(spec: &str, call: &str) -> Vec<usize> {
    let mut faults = faults(&[spec]);
    (1..=100)
        .filter(|_| decide(&mut faults, call).fault.is_some())
        .collect()
}

#[test]
fn the_nth_every_nth_and_all() {
    assert_eq!(struck("add_many@3:reset", ADD), [3]);
    assert_eq!(struck("writes@3-5:reset", ADD), [3, 4, 5]);
    assert_eq!(struck("any/30:reset", ADD), [30, 60, 90]);
    assert_eq!(struck("add_many:reset", ADD).len(), 100);
    for other in ["add_one:reset", "reads:reset"] {
        assert_eq!(struck(other, ADD), [0; 0]);
    }
    assert_eq!(struck("any@1:reset", NOWHERE), [1]);
    assert_eq!(struck("writes:reset", NOWHERE), [0; 0]);
}

#[test]
fn chance_is_played_again_from_its_seed() {
    let method = "GET /acme/demo/chatrooms/1/admin";
    let first = struck("any%0.3,seed=11:502", method);
    assert!((15..=45).contains(&first.len()), "{first:?}");
    assert_eq!(struck("any%0.3,seed=11:502", method), first);
    assert_ne!(struck("any%0.3,seed=12:502", method), first);
    assert_eq!(struck("any%0:502", method), [0; 0]);
    assert_eq!(struck("any%1:502", method).len(), 100);

    // Without a seed the emulator's decides, and the fault in place names what it was given.
    let mut faults = faults(&["any%0.3:502"]);
    let named = faults.active()[0].fault.to_string();
    assert_eq!(named, "any%0.3,seed=8:502:before");
    let by_default: Vec<usize> = (1..=100)
        .filter(|_| decide(&mut faults, method).fault.is_some())
        .collect();
    assert_eq!(struck(&named, method), by_default);
}

#[test]
fn the_first_that_strikes_is_the_one_and_all_count() {
    let mut faults = faults(&["any@2:reset", "any/2:timeout"]);
    let mut decided = || decide(&mut faults, NOWHERE).fault.map(|fault| fault.what);
    assert_eq!(
        [decided(), decided(), decided(), decided()],
        [None, Some(FaultEffect::Reset), None, Some(FaultEffect::Timeout)]
    );
    let seen: Vec<_> = faults
        .active()
        .iter()
        .map(|a| (a.id, a.counted, a.struck))
        .collect();
    assert_eq!(seen, [(1, 4, 1), (2, 4, 1)]);
    assert!(faults.remove(1) && !faults.remove(1));
    assert_eq!(faults.active().len(), 1);
}

#[test]
fn looks_hold_together_and_beside_a_fault() {
    let mut faults = faults(&[
        "any:page=50",
        "any:shuffled",
        "any:reset",
        "any:timeout",
        "any:page=20+told",
    ]);
    let decided = decide(&mut faults, ADD);
    assert_eq!(decided.fault.map(|fault| fault.what), Some(FaultEffect::Reset));
    assert_eq!(decided.looks.page_size(1000), 20);
    assert!(decided.looks.reorder());
    assert_eq!(
        decided.struck,
        [
            "any:page=50",
            "any:shuffled=9",
            "any:reset:before",
            "any:page=20+told"
        ]
    );
}

#[test]
fn tokens_expire_for_some_calls_or_for_ever() {
    let mut faults = Faults::new(0);
    faults.expire("a", Some(2));
    faults.expire("b", None);
    assert_eq!([(); 3].map(|()| faults.has_expired("a")), [true, true, false]);
    assert_eq!([(); 3].map(|()| faults.has_expired("b")), [true; 3]);
    assert!(!faults.has_expired("c"));
}
