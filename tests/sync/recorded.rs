//! The results that a run hands to its journal, and those that it reports.

use super::service::{BATCH, Reply, Service, desired, error, failed, members, room, room_id, set, virtually};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use http::Method as Http;
use roomsync::apply::{
    ApplyOptions, CallEvidence, CallNumber, Cancel, Journal, Outcome, Reason, Report, UserResults,
};
use roomsync::desired::DesiredRoom;
use roomsync::emulator::Emulator;
use roomsync::model::{Op, RoomId};
use roomsync::plan::Step;
use roomsync::reconcile::{self, ServiceRecheck};
use serde_json::json;
use std::sync::Mutex;

/// A record of the journal: operation, people, and the code of a failure or `done`.
type Record = (Op, Vec<String>, &'static str);

/// Keeps what it is told.
#[derive(Default)]
struct Records(Mutex<(u64, Vec<Record>)>);

impl Journal for Records {
    fn sends(&self, _: &RoomId, _: &Step) -> CallNumber {
        let calls = &mut self.0.lock().unwrap().0;
        *calls += 1;
        CallNumber(*calls)
    }

    fn not_sent(&self, _: CallNumber, _: &Reason) {}

    fn record(&self, _: &RoomId, results: UserResults<'_>) {
        let users = results.users.iter().map(ToString::to_string).collect();
        let code = results
            .result
            .map_or_else(|reason| reason.code.as_str(), |()| "done");
        self.0.lock().unwrap().1.push((results.op, users, code));
    }

    fn written(&self) -> LocalBoxFuture<'_, Result<(), Reason>> {
        async { Ok(()) }.boxed_local()
    }
}

/// A pass over one room with these keys, until `stop`, and what it recorded.
fn recorded(service: &Service, keys: &str, stop: &Cancel) -> (Report, Vec<Record>) {
    let limits = "guards: {max_removals: 100%, max_demotions: 100%}";
    let desired = desired(&[&format!("rooms: [{{id: {}, {keys}, {limits}}}]", room_id(0))]);
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    let client = service.client(BATCH);
    let records = Records::default();
    let report = virtually(async {
        let planned = reconcile::plan(&client.reader(), &rooms, None, &|| {}).await;
        let options = ApplyOptions {
            at_once: 64,
            cancel: stop,
            progress: &|_| {},
            journal: Some(&records),
            hooks: None,
            evidence: &CallEvidence::default(),
            recheck: &ServiceRecheck::new(client.reader()),
        };
        reconcile::apply(&client, &rooms, &planned, ("test", None), options).await
    });
    (report, records.0.into_inner().unwrap().1)
}

/// Somebody is made the owner as this kind of call comes in, and it is answered like this if `answer` says so.
fn owned(
    people: (&[&str], &[&str]),
    method: Http,
    answer: impl Fn(&Emulator) -> Option<Reply> + Send + Sync + 'static,
) -> Service {
    Service::new(room(people.0, people.1)).with_fault(move |emulator, request, _| {
        if request.method != method {
            return None;
        }
        emulator.edit(|state| state.rooms.get_mut(&room_id(0)).unwrap().set_owner("next"));
        answer(emulator)
    })
}

fn none_named(stop: Option<Cancel>) -> impl Fn(&Emulator) -> Option<Reply> + Send + Sync + 'static {
    move |_| {
        stop.iter().for_each(Cancel::interrupt);
        let body = json!({"data": {"newmembers": [], "action": "add_member"}});
        Some(Reply::Answer(200, body.to_string()))
    }
}

#[test]
fn people_for_whom_the_same_came_of_a_call_are_recorded_together() {
    let listed = (0..60).map(|n| format!("u{n:02}")).collect::<Vec<_>>();
    let keys = format!("members: [{}]", listed.join(", "));
    // Every other one comes in, and the answer names nobody: a look tells.
    let joins = |user: &str| user.ends_with(['0', '2', '4', '6', '8']);
    let service = Service::new(room(&[], &[])).with_fault(move |emulator, request, _| {
        (request.method == Http::POST).then(|| {
            emulator.edit(|state| {
                let room = state.rooms.get_mut(&room_id(0)).unwrap();
                listed.iter().filter(|user| joins(user)).for_each(|user| {
                    room.join(user);
                });
            });
            none_named(None)(emulator).unwrap()
        })
    });
    let (report, records) = recorded(&service, &keys, &Cancel::default());
    let short: Vec<_> = records
        .iter()
        .map(|(op, users, code)| (*op, users.len(), *code))
        .collect();
    assert_eq!(short, [(Op::Add, 30, "done"), (Op::Add, 30, "not_confirmed")]);
    assert_eq!(failed(&report).len(), 30);
    // Without a look nobody knows of anybody.
    let stop = Cancel::default();
    let answer = none_named(Some(stop.clone()));
    let service = Service::new(room(&[], &[])).with_fault(move |emulator, request, _| {
        (request.method == Http::POST).then(|| answer(emulator).unwrap())
    });
    let (report, records) = recorded(&service, &keys, &stop);
    let short: Vec<_> = records
        .iter()
        .map(|(op, users, code)| (*op, users.len(), *code))
        .collect();
    assert_eq!(short, [(Op::Add, 60, "not_confirmed")]);
    let message = &report.rooms[0].failed[0].reason.message;
    assert_eq!(
        message,
        "the answer does not say that it is done, and no look at the room after the call shows it done"
    );
}

#[test]
fn whoever_owns_the_room_by_now_did_not_fail_to_come_in() {
    let service = owned((&[], &[]), Http::POST, none_named(None));
    let (report, records) = recorded(&service, "members: [next]", &Cancel::default());
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    assert_eq!(records, [(Op::Add, vec!["next".to_owned()], "not_confirmed")]);
    // Nor did they fail to become an admin, and a lost answer leaves nothing open.
    let service = owned((&["lead"], &["next"]), Http::POST, |_| Some(Reply::LoseCall));
    let (report, records) = recorded(&service, "admins: [lead, next]", &Cancel::default());
    assert_eq!(failed(&report), [], "{report:?}");
    assert!(records.iter().all(|(_, _, code)| *code != "done"), "{records:?}");
}

#[test]
fn an_owner_whom_the_service_did_not_touch_is_no_error_of_the_room() {
    let not_admin = || error("forbidden_op", "user:next is not admin of group:66213271000000");
    let not_member = || error("forbidden_op", "users [next] are not members of this group!");
    type Answer = fn(String) -> Reply;
    let refused: Answer = |body| Reply::Answer(403, body);
    for (people, keys, op, body) in [
        (
            (&["lead", "next"][..], &[][..]),
            "admins: [lead]",
            Op::Demote,
            not_admin(),
        ),
        (
            (&["lead"], &["next"]),
            "members: [lead]",
            Op::Remove,
            not_member(),
        ),
    ] {
        let service = owned(people, Http::DELETE, move |_| Some(refused(body.clone())));
        let (report, records) = recorded(&service, keys, &Cancel::default());
        assert_eq!(report.rooms[0].error, None, "{report:?}");
        assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
        assert_eq!(records, [(op, vec!["next".to_owned()], "not_confirmed")]);
        assert!(members(&service).is_superset(&set(&["lead"])));
    }
    // One who is refused for another reason is reported as that.
    let service = owned((&["lead"], &["next"]), Http::DELETE, |_| {
        Some(Reply::Answer(403, error("forbidden_op", "not now")))
    });
    let (report, _) = recorded(&service, "members: [lead]", &Cancel::default());
    assert_eq!(report.rooms[0].error, None, "{report:?}");
    assert_eq!(failed(&report), [("next".to_owned(), Op::Remove, "refused")]);
    // Of one whose answer is lost nobody knows.
    let service = owned((&["lead"], &["next"]), Http::DELETE, |_| Some(Reply::LoseAnswer));
    let (report, _) = recorded(&service, "members: [lead]", &Cancel::default());
    let code = report.rooms[0].error.as_ref().map(|error| error.code.as_str());
    assert_eq!(code, Some("owner_removed"), "{report:?}");
}

/// Nobody reads such an answer, and the service may have done what was asked.
#[test]
fn a_write_whose_answer_is_too_large_may_be_done() {
    let service = Service::new(room(&[], &[])).with_fault(move |emulator, request, _| {
        (request.method == Http::POST).then(|| {
            emulator.edit(|state| state.rooms.get_mut(&room_id(0)).unwrap().join("next"));
            Reply::TooLarge
        })
    });
    let (report, records) = recorded(&service, "members: [next]", &Cancel::default());
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    let next = || vec!["next".to_owned()];
    assert_eq!(
        records,
        [(Op::Add, next(), "no_clear_answer"), (Op::Add, next(), "done")]
    );
}
