//! Reports of rooms that a run did not come to.

use super::plans::{fleet, room, sent, users};
use roomsync::apply::{Reason, Report};
use roomsync::model::ReasonCode;

#[test]
fn a_room_that_was_not_begun_refers_to_the_error_of_the_run_only_if_that_says_why() {
    let mut wanted = room(1);
    wanted.add = users(&["bob"]);
    let plan = fleet(vec![sent(wanted)]);
    let not_begun = |stopped: Option<Reason>, why: &Reason| {
        let mut report = Report {
            rooms: Vec::new(),
            stopped,
        };
        report.count_not_begun(&plan.rooms, why);
        report.rooms[0].failed[0].reason.clone()
    };
    let quota = Reason::new(ReasonCode::Quota, "the quota is used up");
    let said = not_begun(None, &quota);
    assert_eq!(
        (said.code, said.message.as_str()),
        (ReasonCode::Quota, "not sent: the quota is used up")
    );
    let said = not_begun(Some(Reason::interrupted()), &quota);
    assert_eq!(said.message, "not sent: the quota is used up");
    let said = not_begun(Some(quota.clone()), &quota);
    assert_eq!(said.message, "not sent: see the error of the run");
}
