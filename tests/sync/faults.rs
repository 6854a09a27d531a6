//! A service that fails, and what must come of it.

use crate::service::{Reply, Service, desired, pass, people, room_id, room_of, state, virtually, writes};
use http::Method as Http;
use proptest::prelude::*;
use roomsync::apply::{Outcome, Report};
use roomsync::chat::BatchSizes;
use roomsync::cli::pass::Planned;
use roomsync::emulator::{Emulator, State};
use roomsync::plan::{Op, Status};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const BATCH: BatchSizes = BatchSizes { add: 60, remove: 100 };

fn error(error: &str, text: &str) -> String {
    json!({"error": error, "exception": "X", "timestamp": 1, "duration": 0, "error_description": text})
        .to_string()
}

/// One room of `boss` and a pass over it.
fn one_room(service: &Service, keys: &str) -> (Planned, Report) {
    let desired = desired(&[&format!("rooms: [{{id: {}, {keys}}}]", room_id(0))]);
    virtually(pass(&service.connection(BATCH), &desired, None))
}

fn room(admins: &[&str], members: &[&str]) -> State {
    state([(room_id(0), room_of("boss", admins, members))])
}

fn failed(report: &Report) -> Vec<(String, Op, &'static str)> {
    let failures = report.rooms.iter().flat_map(|room| &room.failed);
    failures
        .map(|failure| (failure.user.clone(), failure.op, failure.reason.code))
        .collect()
}

fn members(service: &Service) -> BTreeSet<String> {
    people(&service.emulator.state().rooms[&room_id(0)]).members
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn unknown_users_are_left_out_and_the_others_come_in() {
    let mut state = room(&[], &["a"]);
    let mut users = roomsync::emulator::Names::default();
    ["boss", "a", "b", "c", "d", "e"].iter().for_each(|user| {
        users.insert(user);
    });
    state.users = Some(users);
    let service = Service::new(state);
    let (_, report) = one_room(&service, "admins: [x], members: [a, b, ghost, c, d, wraith, e]");
    assert_eq!(members(&service), set(&["a", "b", "c", "d", "e"]));
    let expected = ["ghost", "wraith", "x"].map(|user| (user.to_owned(), Op::Add, "no_such_user"));
    let mut wanted = expected.to_vec();
    wanted.push(("x".into(), Op::Promote, "no_such_user"));
    assert_eq!(failed(&report), wanted);
    assert_eq!(report.rooms[0].status, Outcome::Partial);
    // The batch, once for every user it names, and no promotion of somebody who is not there.
    assert_eq!(writes(&service.take_sent()), 4);
}

#[test]
fn a_batch_that_fails_without_naming_anyone_is_halved() {
    let service = Service::new(room(&[], &[])).with_fault(|_, request, _| {
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        (request.method == Http::POST && body.contains("\"bad\""))
            .then(|| Reply::Answer(400, error("illegal_argument", "something is wrong")))
    });
    let names: Vec<String> = (0..40).map(|n| format!("u{n}")).collect();
    let (_, report) = one_room(&service, &format!("members: [bad, {}]", names.join(", ")));
    assert_eq!(members(&service).len(), 40);
    assert_eq!(failed(&report), [("bad".to_owned(), Op::Add, "refused")]);
    let calls = writes(&service.take_sent());
    assert!(calls <= 2 * 7, "{calls} calls to find one of 41");
}

#[test]
fn a_room_that_refuses_everyone_is_not_asked_for_each() {
    let service = Service::new(room(&[], &[])).with_fault(|_, request, _| {
        (request.method == Http::POST).then(|| Reply::Answer(403, error("forbidden_op", "no more")))
    });
    let names: Vec<String> = (0..2_000).map(|n| format!("u{n}")).collect();
    let (_, report) = one_room(&service, &format!("members: [{}]", names.join(", ")));
    assert_eq!(report.rooms[0].failed.len(), 2_000);
    assert_eq!(report.rooms[0].status, Outcome::Failed);
    let calls = writes(&service.take_sent());
    assert!(calls < 40, "{calls} calls");
}

#[test]
fn a_smaller_batch_size_is_learned_and_kept() {
    let service = Service::new(room(&[], &[])).with_fault(|_, request, _| {
        let body: Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
        (body["usernames"].as_array()?.len() > 20).then(|| {
            Reply::Answer(
                400,
                error(
                    "invalid_parameter",
                    "addMembers: addMembers number more than maxSize : 20",
                ),
            )
        })
    });
    let names: Vec<String> = (0..180).map(|n| format!("u{n}")).collect();
    let (_, report) = one_room(&service, &format!("members: [{}]", names.join(", ")));
    assert_eq!(report.rooms[0].status, Outcome::Converged);
    // Nine of 20, and the one that taught it.
    assert_eq!(writes(&service.take_sent()), 10);
}

#[test]
fn removals_say_who_could_not_be_and_who_was_gone() {
    let service = Service::new(room(&[], &["a", "b", "c"])).with_fault(|emulator, request, _| {
        (request.method == Http::DELETE).then(|| {
            emulator.edit(|state| {
                let room = state.rooms.get_mut(&room_id(0)).unwrap();
                ["a", "b"].iter().for_each(|user| {
                    room.leave(user);
                });
            });
            let row =
                |user, result: bool, reason: &str| json!({"user": user, "result": result, "reason": reason});
            let gone = "user: b doesn't exist in group: 1";
            Reply::Answer(
                200,
                json!({"data": [row("a", true, ""), row("b", false, gone), row("c", false, "busy")]})
                    .to_string(),
            )
        })
    });
    let (_, report) = one_room(
        &service,
        "members: [], allow_empty: members, guards: {max_removals: 100%}",
    );
    assert_eq!(failed(&report), [("c".to_owned(), Op::Remove, "refused")]);
    assert_eq!(report.rooms[0].status, Outcome::Partial);
}

#[test]
fn a_service_that_says_done_and_does_nothing_is_found_out() {
    let service = Service::new(room(&["x"], &["a"])).with_fault(|_, request, _| {
        let done = match request.method.as_str() {
            "POST" => json!({"newmembers": ["b"], "result": "success"}),
            "DELETE" => json!([{"user": "a", "result": true}]),
            _ => return None,
        };
        Some(Reply::Answer(200, json!({"data": done}).to_string()))
    });
    let (_, report) = one_room(&service, "members: [b], guards: {max_removals: 100%}");
    let expected = [
        ("b".to_owned(), Op::Add, "not_confirmed"),
        ("a".to_owned(), Op::Remove, "not_confirmed"),
    ];
    assert_eq!(failed(&report), expected);
}

#[test]
fn an_admin_stays_while_nobody_takes_over() {
    let refuse_promotions = |_: &Emulator, request: &roomsync::chat::Request, _| {
        let admin = request.url.path().ends_with("/admin") && request.method == Http::POST;
        admin.then(|| Reply::Answer(403, error("forbidden_op", "not today")))
    };
    let service = Service::new(room(&["old"], &["new"])).with_fault(refuse_promotions);
    let keys = "admins: [new], members: [new], guards: {max_removals: 100%, max_demotions: 100%}";
    let (_, report) = one_room(&service, keys);
    let expected = [
        ("new".to_owned(), Op::Promote, "refused"),
        ("old".to_owned(), Op::Demote, "no_other_admin"),
        ("old".to_owned(), Op::Remove, "no_other_admin"),
    ];
    assert_eq!(failed(&report), expected);
    assert_eq!(
        people(&service.emulator.state().rooms[&room_id(0)]).admins,
        set(&["old"])
    );

    // Another wanted admin stands: then one may go although a promotion failed.
    let service = Service::new(room(&["old", "kept"], &["new"])).with_fault(refuse_promotions);
    let keys = "admins: [new, kept], members: [new], guards: {max_removals: 100%, max_demotions: 100%}";
    let (_, report) = one_room(&service, keys);
    assert_eq!(failed(&report), [("new".to_owned(), Op::Promote, "refused")]);
    assert_eq!(
        people(&service.emulator.state().rooms[&room_id(0)]).admins,
        set(&["kept"])
    );
}

#[test]
fn already_so_is_as_good_as_done() {
    // Between the look and the calls somebody did by hand what the plan was to do.
    let service = Service::new(room(&["old"], &["new", "out"])).with_fault(|emulator, request, _| {
        if request.method != Http::GET {
            emulator.edit(|state| {
                let room = state.rooms.get_mut(&room_id(0)).unwrap();
                room.join("in");
                room.promote("new");
                room.demote("old");
                room.leave("out");
            });
        }
        None
    });
    let keys = "admins: [new], members: [new, old, in], guards: {max_removals: 100%, max_demotions: 100%}";
    let (_, report) = one_room(&service, keys);
    assert_eq!(failed(&report), []);
    assert_eq!(report.rooms[0].status, Outcome::Converged);
}

#[test]
fn the_run_ends_where_every_call_would_end_the_same() {
    for (status, code, expected) in [
        (401, "unauthorized", "credentials_refused"),
        (429, "resource_limited", "quota"),
    ] {
        let fleet = state((0..200).map(|n| (room_id(n), room_of("boss", &[], &[]))));
        let service = Service::new(fleet).with_fault(move |_, request, _| {
            (request.method == Http::POST).then(|| Reply::Answer(status, error(code, "no")))
        });
        let files: String = (0..200)
            .map(|n| format!("  - {{id: {}, members: [a]}}\n", room_id(n)))
            .collect();
        let desired = desired(&[&format!("rooms:\n{files}")]);
        let (_, report) = virtually(pass(&service.connection(BATCH), &desired, None));
        assert_eq!(report.stopped.as_ref().unwrap().fault.code(), expected);
        assert_eq!(failed(&report).len(), 200, "everyone who was not added is named");
        let calls = writes(&service.take_sent());
        assert!(calls <= 64, "{calls} calls after the first that said so");
    }
}

#[test]
fn one_room_that_fails_stops_no_other() {
    let fleet = state([0, 2].map(|n| (room_id(n), room_of("boss", &[], &[]))));
    let service = Service::new(fleet);
    let files: String = (0..3)
        .map(|n| format!("  - {{id: {}, members: [a]}}\n", room_id(n)))
        .collect();
    let desired = desired(&[&format!("rooms:\n{files}")]);
    let (planned, report) = virtually(pass(&service.connection(BATCH), &desired, None));
    assert_eq!(planned.plan.rooms[1].error.as_ref().unwrap().code, "no_such_room");
    let outcomes: Vec<Outcome> = report.rooms.iter().map(|room| room.status).collect();
    assert_eq!(
        outcomes,
        [Outcome::Converged, Outcome::Failed, Outcome::Converged]
    );
}

#[test]
fn nothing_is_removed_on_an_old_look() {
    // The add has to wait for 31 s. By then `a` has left, and the removal of both stands on a look that is too old.
    let refused = AtomicBool::new(false);
    let service = Service::new(room(&[], &["a", "b"])).with_fault(move |emulator, request, _| {
        if request.method == Http::POST && !refused.swap(true, Ordering::Relaxed) {
            emulator.edit(|state| state.rooms.get_mut(&room_id(0)).unwrap().leave("a"));
            return Some(Reply::SlowDown(Duration::from_secs(31)));
        }
        None
    });
    let (planned, report) = one_room(&service, "members: [c], guards: {max_removals: 100%}");
    assert_eq!(planned.plan.rooms[0].remove.len(), 2);
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    let sent = service.take_sent();
    let removals: Vec<&str> = sent
        .iter()
        .filter(|(method, ..)| method == Http::DELETE)
        .map(|(_, path, ..)| path.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(removals, ["b"], "what no longer holds is dropped");
}

fn list_fault(body: &'static str) -> impl Fn(&Emulator, &roomsync::chat::Request, usize) -> Option<Reply> {
    move |_, request, _| {
        let list = request.url.path().ends_with("/users") && request.method == Http::GET;
        list.then(|| Reply::Answer(200, body.into()))
    }
}

#[test]
fn a_read_that_contradicts_itself_removes_nobody() {
    for body in [
        // Fewer rows than it says.
        r#"{"data": [{"owner": "boss"}, {"member": "a"}], "count": 3}"#,
        // Nobody, in a room that is said to hold twelve.
        r#"{"data": [], "count": 0}"#,
        // Far fewer than room detail says.
        r#"{"data": [{"owner": "boss"}, {"member": "a"}], "count": 2}"#,
        // Another owner than room detail says.
        r#"{"data": [{"owner": "usurper"}, {"member": "a"},{"member": "b"},{"member": "c"},{"member": "d"},{"member": "e"},
            {"member": "f"},{"member": "g"},{"member": "h"},{"member": "i"},{"member": "j"}], "count": 11}"#,
    ] {
        let members: Vec<String> = ('a'..='k').map(String::from).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let service = Service::new(room(&[], &members)).with_fault(list_fault(body));
        let (planned, report) = one_room(&service, "members: [b, z], guards: {max_removals: 100%}");
        let plan = &planned.plan.rooms[0];
        assert!(plan.falls_short() && plan.remove.is_empty(), "{body}: {plan:?}");
        assert!(
            plan.notes.iter().any(|note| note.code == "incomplete_read"),
            "{body}"
        );
        assert!(
            matches!(report.rooms[0].status, Outcome::Partial | Outcome::Failed),
            "{body}"
        );
        let sent = service.take_sent();
        assert!(!sent.iter().any(|(method, ..)| method == Http::DELETE), "{body}");
        assert!(
            sent.iter()
                .any(|(method, _, body, _)| method == Http::POST && body.contains("\"z\"")),
            "adds go on"
        );
    }
}

#[test]
fn a_page_that_repeats_is_noticed() {
    let rows: Vec<Value> = (0..1_000).map(|n| json!({"member": format!("u{n}")})).collect();
    let body = json!({"data": rows, "count": 1_000}).to_string();
    let service = Service::new(room(&[], &[])).with_fault(move |_, request, _| {
        let list = request.url.path().ends_with("/users") && request.method == Http::GET;
        list.then(|| Reply::Answer(200, body.clone()))
    });
    let (planned, _) = one_room(&service, "members: [a], mode: observe");
    assert_eq!(planned.plan.rooms[0].status, Status::Observed);
    let note = &planned.plan.rooms[0].notes[0];
    assert!(
        note.message.contains("page 2") && note.message.contains("repeats"),
        "{note:?}"
    );
}

#[test]
fn admins_that_are_not_managed_are_spared_only_on_two_equal_lists() {
    // Every list of admins shows another one.
    let lists = Mutex::new(0);
    let service = Service::new(room(&["x"], &["a"])).with_fault(move |_, request, _| {
        let list = request.url.path().ends_with("/admin") && request.method == Http::GET;
        list.then(|| {
            let mut lists = lists.lock().unwrap();
            *lists += 1;
            Reply::Answer(
                200,
                json!({"data": if *lists % 2 == 0 { vec!["x"] } else { vec![] }}).to_string(),
            )
        })
    });
    let (planned, _) = one_room(&service, "members: [b], guards: {max_removals: 100%}");
    assert!(planned.plan.rooms[0].remove.is_empty());
    assert!(planned.plan.rooms[0].falls_short());

    let service = Service::new(room(&["x"], &["a"]));
    let (planned, _) = one_room(&service, "members: [b], guards: {max_removals: 100%}");
    let remove: Vec<String> = planned.plan.rooms[0]
        .remove
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(remove, ["a"]);
    assert_eq!(planned.plan.rooms[0].notes[0].code, "admin_kept");
    let lists = service
        .take_sent()
        .iter()
        .filter(|(method, path, ..)| method == Http::GET && path.ends_with("/admin"))
        .count();
    assert_eq!(lists, 2 + 1, "two for the plan, one for the second look");
}

/// Which requests of a run fail, and how.
fn plan_of_faults() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0usize..40, 0u8..5), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever is lost on the way: nobody goes who should stay, nobody is left unsaid, and two quiet passes later all is
    /// as wanted.
    #[test]
    fn lost_calls_and_answers_harm_nobody(faults in plan_of_faults(), admins in any::<bool>()) {
        let live = room(&["old", "kept"], &["a", "b", "c", "d", "e"]);
        let keys = if admins {
            "admins: [kept, new], members: [a, b, f, g], guards: {max_removals: 100%, max_demotions: 100%}"
        } else {
            "members: [a, b, f, g, new], guards: {max_removals: 100%}"
        };
        let stays = if admins { set(&["a", "b", "kept"]) } else { set(&["a", "b", "kept", "old"]) };
        let service = Service::new(live).with_fault(move |emulator, _, number| {
            let room = people(&emulator.state().rooms[&room_id(0)]);
            assert!(room.members.is_superset(&stays), "{room:?}");
            let (_, kind) = faults.iter().find(|(at, _)| *at == number)?;
            Some(match kind {
                0 => Reply::LoseAnswer,
                1 => Reply::LoseCall,
                2 => Reply::Unreachable,
                3 => Reply::Answer(502, "<html>bad gateway</html>".into()),
                _ => Reply::Answer(429, error("reach_limit", "slow down")),
            })
        });
        let desired = desired(&[&format!("rooms: [{{id: {}, {keys}}}]", room_id(0))]);
        let wanted = if admins { set(&["a", "b", "f", "g", "kept", "new"]) } else { set(&["a", "b", "f", "g", "kept", "new", "old"]) };
        let (planned, report) = virtually(pass(&service.connection(BATCH), &desired, None));
        let silent = report.rooms[0].failed.is_empty()
            && report.stopped.is_none()
            && planned.stopped.is_none()
            && !planned.plan.rooms[0].falls_short();
        if silent {
            prop_assert_eq!(members(&service), wanted.clone(), "reported as done");
        }
        // The faults count requests since the start, and the start is past.
        let quiet = Service::new(service.emulator.state());
        for _ in 0..2 {
            let _ = virtually(pass(&quiet.connection(BATCH), &desired, None));
        }
        prop_assert_eq!(members(&quiet), wanted);
    }
}

#[test]
fn a_room_of_many_pages_is_read_to_its_end() {
    let names: Vec<String> = (0..2_500).map(|n| format!("m{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut many = room_of("nobody-yet", &["m1200"], &all);
    many.maxusers = 10_000;
    // Whoever owns the room can stand on any page.
    many.join("boss");
    many.leave("nobody-yet");
    many.set_owner("boss");
    let service = Service::new(state([(room_id(0), many)]));
    let wanted: Vec<&str> = all.iter().copied().filter(|name| *name != "m2499").collect();
    let (planned, report) = one_room(&service, &format!("members: [{}]", wanted.join(", ")));
    let plan = &planned.plan.rooms[0];
    assert_eq!(plan.live.as_ref().unwrap().members, 2_500);
    let remove: Vec<String> = plan.remove.iter().map(ToString::to_string).collect();
    assert_eq!(remove, ["m2499"]);
    assert_eq!(report.rooms[0].status, Outcome::Converged);
}

#[test]
fn who_was_promoted_in_between_is_not_removed() {
    // The add waits until the look is too old; by then somebody has made `b`, who is to go, an admin.
    let refused = AtomicBool::new(false);
    let service = Service::new(room(&["kept"], &["a", "b"])).with_fault(move |emulator, request, _| {
        if request.method == Http::POST && !refused.swap(true, Ordering::Relaxed) {
            emulator.edit(|state| state.rooms.get_mut(&room_id(0)).unwrap().promote("b"));
            return Some(Reply::SlowDown(Duration::from_secs(31)));
        }
        None
    });
    let keys = "admins: [kept], members: [c], guards: {max_removals: 100%, max_demotions: 100%}";
    let (_, report) = one_room(&service, keys);
    assert_eq!(failed(&report), [("b".to_owned(), Op::Remove, "not_confirmed")]);
    assert_eq!(members(&service), set(&["b", "c", "kept"]));
}
