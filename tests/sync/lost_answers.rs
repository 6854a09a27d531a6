//! Calls without an answer, and the messages about them.

use crate::service::{Reply, Service, one_room, room};
use http::Method as Http;
use roomsync::model::Op;
use std::sync::atomic::{AtomicBool, Ordering};

/// Failures where every add is lost on its way, and with `blind` every look after it as well.
fn lost(blind: bool) -> Vec<(Op, String)> {
    let writing = AtomicBool::new(false);
    let service = Service::new(room(&[], &[])).with_fault(move |_, request, _| {
        if request.method == Http::POST {
            writing.store(true, Ordering::Relaxed);
        }
        let is_lost = request.method == Http::POST || blind && writing.load(Ordering::Relaxed);
        is_lost.then_some(Reply::LoseCall)
    });
    let (_, report) = one_room(&service, "members: [a, b], admins: [b]");
    let failed = report.rooms[0].failed.iter();
    failed
        .map(|failure| (failure.op, failure.reason.message.clone()))
        .collect()
}

#[test]
fn of_a_call_without_an_answer_it_is_said_what_a_look_shows_or_that_nobody_knows() {
    let of = |seen: &[(Op, String)], op: Op| -> Vec<String> {
        let of_op = seen.iter().filter(|(of, _)| *of == op);
        of_op.map(|(_, message)| message.clone()).collect()
    };
    let seen = lost(false);
    let adds = of(&seen, Op::Add);
    assert_eq!(adds.len(), 2, "{seen:?}");
    for message in adds {
        assert!(
            message.ends_with("; a look at the room shows that it is not done"),
            "{message}"
        );
    }
    let promotions = of(&seen, Op::Promote);
    assert!(promotions[0].starts_with("b was not promoted, because adding b failed: "));
    let blind = lost(true);
    let adds = of(&blind, Op::Add);
    assert_eq!(adds.len(), 2, "{blind:?}");
    for message in adds {
        assert!(
            message.ends_with("; a and b may or may not have been added. Run it again to check"),
            "{message}"
        );
    }
}
