//! Small builders and assertions that many tests share.

use super::*;

/// Holds the calls that were made since `before` against those that the plan has foretold. A single name that is added goes by
/// the call for one where the other one's budget is in use.
#[track_caller]
pub(crate) fn assert_foretold(plan: &FleetPlan, before: &BTreeMap<&'static str, usize>, service: &Service) {
    let calls = Calls::of(plan);
    let mut foretold = before.clone();
    for (method, calls) in calls.by_method() {
        *foretold.get_mut(method).unwrap() += calls;
    }
    let adds_together = |mut calls: BTreeMap<&'static str, usize>| {
        let alone = calls.remove("add_one").unwrap();
        *calls.get_mut("add_many").unwrap() += alone;
        calls
    };
    assert_eq!(
        adds_together(written(service)),
        adds_together(foretold),
        "the calls that were made, and the plan's"
    );
    assert_eq!(calls.total(), plan.summary().calls);
}

pub(crate) const BATCH: BatchLimits = BatchLimits { add: 60, remove: 100 };

pub(crate) fn error(error: &str, text: &str) -> String {
    json!({"error": error, "exception": "X", "timestamp": 1, "duration": 0, "error_description": text})
        .to_string()
}

/// One room of `boss` and a pass over it.
pub(crate) fn one_room(service: &Service, keys: &str) -> (Planned, Report) {
    let desired = desired(&[&format!("rooms: [{{id: {}, {keys}}}]", room_id(0))]);
    virtually(pass(&service.client(BATCH), &desired, None))
}

pub(crate) fn room(admins: &[&str], members: &[&str]) -> State {
    state([(room_id(0), room_of("boss", admins, members))])
}

pub(crate) fn failed(report: &Report) -> Vec<(String, Op, &'static str)> {
    let failures = report.rooms.iter().flat_map(|room| &room.failed);
    failures
        .map(|failure| (failure.user.clone(), failure.op, failure.reason.code.as_str()))
        .collect()
}

pub(crate) fn members(service: &Service) -> BTreeSet<String> {
    people(&service.emulator.state().rooms[&room_id(0)]).members
}

pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}
