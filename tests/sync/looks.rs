//! Looks that are old, cut short, contradictory or slow, and what must come of it.

use crate::service::{
    BATCH, Reply, Service, desired, error, failed, members, one_room, pass, pass_until, people, room,
    room_id, room_of, set, state, virtually, writes,
};
use http::Method as Http;
use roomsync::apply::{Cancel, Outcome};
use roomsync::emulator::Emulator;
use roomsync::model::Op;
use roomsync::plan::Status;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
        let service = Service::new(room(&[], &members))
            .showing(0)
            .with_fault(list_fault(body));
        let (planned, report) = one_room(&service, "members: [b, z], guards: {max_removals: 100%}");
        let plan = &planned.plan.rooms[0];
        assert!(plan.falls_short() && plan.remove.is_empty(), "{body}: {plan:?}");
        assert!(
            plan.notes
                .iter()
                .any(|note| note.code.as_str() == "incomplete_read"),
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
    let service = Service::new(room(&[], &[]))
        .showing(0)
        .with_fault(move |_, request, _| {
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
    assert_eq!(planned.plan.rooms[0].notes[0].code.as_str(), "admin_kept");
    let lists = service
        .take_sent()
        .iter()
        .filter(|(method, path, ..)| method == Http::GET && path.ends_with("/admin"))
        .count();
    assert_eq!(
        lists, 3,
        "two for the plan, one right before the removal; the second look is about members"
    );
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
    let service = Service::new(state([(room_id(0), many)])).showing(999);
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
    assert_eq!(failed(&report), [("b".to_owned(), Op::Remove, "moved")]);
    assert_eq!(members(&service), set(&["b", "c", "kept"]));
}

#[test]
fn nobody_is_demoted_when_the_admin_who_stood_is_gone() {
    // The look grows old while `mia`, the wanted admin, is demoted by somebody else. Making her one again was not planned.
    let refused = AtomicBool::new(false);
    let service = Service::new(room(&["mia", "eve"], &["a"])).with_fault(move |emulator, request, _| {
        if request.method == Http::POST && !refused.swap(true, Ordering::Relaxed) {
            emulator.edit(|state| state.rooms.get_mut(&room_id(0)).unwrap().demote("mia"));
            return Some(Reply::SlowDown(Duration::from_secs(31)));
        }
        None
    });
    let keys = "admins: [mia], members: [a, b], guards: {max_removals: 100%, max_demotions: 100%}";
    let (_, report) = one_room(&service, keys);
    let held = [
        ("eve".to_owned(), Op::Demote, "no_other_admin"),
        ("eve".to_owned(), Op::Remove, "no_other_admin"),
    ];
    assert_eq!(
        failed(&report).into_iter().collect::<BTreeSet<_>>(),
        held.into_iter().collect()
    );
    assert_eq!(
        people(&service.emulator.state().rooms[&room_id(0)]).admins,
        set(&["eve"])
    );
}

#[test]
fn an_admin_list_that_is_cut_short_demotes_and_removes_nobody() {
    let service = Service::new(room(&["mia", "eve"], &["a"])).with_fault(|_, request, _| {
        let list = request.url.path().ends_with("/admin") && request.method == Http::GET;
        list.then(|| Reply::Answer(200, json!({"data": ["mia"], "count": 2}).to_string()))
    });
    let (planned, _) = one_room(
        &service,
        "admins: [mia], members: [a], guards: {max_removals: 100%}",
    );
    assert!(planned.plan.rooms[0].falls_short());
    assert_eq!(members(&service), set(&["a", "eve", "mia"]));
}

#[test]
fn an_incomplete_second_look_confirms_no_removal() {
    let removing = AtomicBool::new(false);
    let service = Service::new(room(&[], &["a", "b"]))
        .showing(0)
        .with_fault(move |_, request, _| {
            if request.method == Http::DELETE {
                removing.store(true, Ordering::Relaxed);
                return Some(Reply::Answer(
                    200,
                    json!({"data": [{"result": true, "user": "b"}]}).to_string(),
                ));
            }
            let list = request.url.path().ends_with("/users") && removing.load(Ordering::Relaxed);
            list.then(|| {
                Reply::Answer(
                    200,
                    json!({"data": [{"owner": "boss"}, {"member": "a"}], "count": 7}).to_string(),
                )
            })
        });
    let (_, report) = one_room(&service, "members: [a], guards: {max_removals: 100%}");
    assert_eq!(failed(&report), [("b".to_owned(), Op::Remove, "not_confirmed")]);
}

#[test]
fn a_slower_service_is_not_run_into() {
    // A free plan allows ten calls a second, the settings say fifty.
    let fleet = state((0..300).map(|n| (room_id(n), room_of("boss", &[], &["a"]))));
    let service = Service::at_rate(fleet, 10);
    let files: String = (0..300)
        .map(|n| format!("  - {{id: {}, members: [a, b]}}\n", room_id(n)))
        .collect();
    let desired = desired(&[&format!("rooms:\n{files}")]);
    let (planned, report) = virtually(pass(&service.client(BATCH), &desired, None));
    assert!(
        planned.plan.rooms.iter().all(|room| room.error.is_none()),
        "{:?}",
        planned.plan.stopped
    );
    assert_eq!(report.tally().converged, 300);
    let sent = service.take_sent();
    let refused = sent.iter().filter(|(.., status)| *status == 429).count();
    assert!(
        refused * 5 < sent.len(),
        "{refused} of {} calls were turned away",
        sent.len()
    );
}

#[test]
fn few_calls_at_a_time_are_enough() {
    for concurrency in [1, 2, 3] {
        let fleet = state((0..1_000).map(|n| (room_id(n), room_of("boss", &[], &["a"]))));
        let service = Service::new(fleet);
        let files: String = (0..1_000)
            .map(|n| format!("  - {{id: {}, members: [a]}}\n", room_id(n)))
            .collect();
        let desired = desired(&[&format!("rooms:\n{files}")]);
        let client = service.slow_client(concurrency, Duration::from_millis(50));
        let (_, report) = virtually(async {
            tokio::time::timeout(Duration::from_secs(3_600), pass(&client, &desired, None))
                .await
                .unwrap()
        });
        assert_eq!(report.tally().unchanged, 1_000);
    }
}

#[test]
fn a_service_that_never_answers_is_given_up_soon() {
    let fleet = state((0..1_000).map(|n| (room_id(n), room_of("boss", &[], &["a"]))));
    let service = Service::new(fleet).with_fault(|_, _, _| Some(Reply::Answer(502, "<html>".into())));
    let files: String = (0..1_000)
        .map(|n| format!("  - {{id: {}, members: [a]}}\n", room_id(n)))
        .collect();
    let desired = desired(&[&format!("rooms:\n{files}")]);
    let (planned, _) = virtually(pass(&service.client(BATCH), &desired, None));
    assert_eq!(
        planned.plan.stopped.as_ref().unwrap().code.as_str(),
        "no_clear_answer"
    );
    assert_eq!(planned.plan.summary().failed, 1_000);
    assert!(service.take_sent().len() < 40);
}

#[test]
fn an_admin_who_is_not_in_the_room_is_nobody_to_rely_on() {
    // Some servers keep the role of somebody who was removed. Here `gone` is on the admin list, cannot be added again, and
    // `here` is the last admin who is in the room.
    let service = Service::new(room(&["here"], &["a"])).with_fault(|_, request, _| {
        let path = request.url.path();
        if path.ends_with("/admin") && request.method == Http::GET {
            return Some(Reply::Answer(
                200,
                json!({"data": ["gone", "here"], "count": 2}).to_string(),
            ));
        }
        let add = path.ends_with("/users") && request.method == Http::POST;
        add.then(|| Reply::Answer(404, error("resource_not_found", "username gone doesn't exist!")))
    });
    let keys = "admins: [gone], members: [a], guards: {max_removals: 100%, max_demotions: 100%}";
    let (_, report) = one_room(&service, keys);
    let reasons: Vec<&str> = failed(&report).iter().map(|(.., code)| *code).collect();
    assert_eq!(
        reasons,
        ["no_such_user", "no_other_admin", "no_other_admin"],
        "{report:?}"
    );
    assert_eq!(
        people(&service.emulator.state().rooms[&room_id(0)]).admins,
        set(&["here"])
    );
}

#[test]
fn an_interrupted_run_makes_no_new_call_and_says_what_is_undone() {
    let stop = Cancel::default();
    let service = Service::new(room(&["old"], &["a", "b"])).with_fault({
        let stop = stop.clone();
        move |_, request, _| {
            if request.method == Http::POST {
                stop.interrupt();
            }
            None
        }
    });
    let desired = desired(&[&format!(
        "rooms: [{{id: {}, admins: [new], members: [a], guards: {{max_removals: 100%, max_demotions: 100%}}}}]",
        room_id(0)
    )]);
    let (_, report) = virtually(pass_until(&service.client(BATCH), &desired, None, &stop));
    assert_eq!(report.stopped.as_ref().unwrap().code.as_str(), "interrupted");
    assert_eq!(
        writes(&service.take_sent()),
        1,
        "the call in flight ends, none follows"
    );
    assert_eq!(members(&service), set(&["a", "b", "new", "old"]));
    let undone: Vec<(String, Op)> = failed(&report)
        .into_iter()
        .map(|(user, op, _)| (user, op))
        .collect();
    let user = |name: &str, op| (name.to_owned(), op);
    let expected = [
        user("new", Op::Promote),
        user("old", Op::Demote),
        user("b", Op::Remove),
        user("old", Op::Remove),
    ];
    assert_eq!(undone, expected);
}
