//! Rooms that keep their members by the allow list (`absent: keep`), through the real client and the daemon.

use crate::applying::apply_plan;
use crate::house::{House, house, minutes, names, refs, writes};
use crate::saved;
use crate::service::{
    BATCH, Reply, Sent, Service, assert_foretold, desired, failed, is_known_call, pass, people, room_id,
    room_of, set, state, virtually, written,
};
use http::Method as Http;
use roomsync::apply::{Cancel, Outcome};
use roomsync::desired::{Desired, DesiredRoom};
use roomsync::emulator::{Emulator, Environment, Fault, Options, State};
use roomsync::model::{Limit, Op};
use roomsync::plan::Status;
use roomsync::reconcile::{self, Planned};
use roomsync::status::RoomState;
use serde_json::json;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::{Instant, sleep};

fn file(members: &[String], more: &str) -> String {
    format!(
        "rooms: [{{id: {}, members: [{}], admins: [mia], absent: keep{more}}}]\n",
        room_id(1).as_str(),
        members.join(", ")
    )
}

fn scene(members: &[String], on_list: &[&str]) -> State {
    let mut room = room_of("boss", &["mia"], &refs(members));
    on_list
        .iter()
        .for_each(|user| assert!(room.allow(user), "{user}"));
    state([(room_id(1), room)])
}

/// Everyone on the list who is not on it by themselves.
fn listed(service: &Service) -> BTreeSet<String> {
    let state = service.emulator.state();
    let list = state.rooms[&room_id(1)].allow_list();
    let own = ["boss", "mia"];
    list.iter()
        .filter(|user| !own.contains(user))
        .map(ToOwned::to_owned)
        .collect()
}

fn here(service: &Service) -> BTreeSet<String> {
    people(&service.emulator.state().rooms[&room_id(1)]).members
}

fn fault(service: &Service, text: &str) {
    service.emulator.add_fault(Fault::parse(text).unwrap());
}

/// Calls about the allow list, in their order.
fn of_the_list(sent: &[Sent]) -> Vec<&str> {
    let calls = sent.iter().filter(|(_, path, ..)| path.contains("/white/users"));
    calls.map(|(method, ..)| method.as_str()).collect()
}

fn once(service: &Service, desired: &Desired) -> (Planned, roomsync::apply::Report) {
    virtually(pass(&service.client(BATCH), desired, None))
}

#[test]
fn a_room_converges_with_the_calls_that_were_foretold() {
    let mut old = names(100..140);
    old.push("zoe".to_owned());
    let service = Service::new(scene(&old, &["u100", "u101", "zoe"]));
    let desired = desired(&[&file(
        &names(0..130),
        ", guards: {max_removals: 100%}, ignore: [zoe]",
    )]);
    let before = written(&service);
    let (planned, report) = once(&service, &desired);
    let summary = planned.plan.summary();
    // u100 and u101 have their places, and nobody who goes has one.
    assert_eq!(
        (summary.adds, summary.removes, summary.allows, summary.disallows),
        (100, 10, 128, 0)
    );
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    assert_foretold(&planned.plan, &before, &service);
    let mut wanted: BTreeSet<String> = names(0..130).into_iter().collect();
    wanted.insert("zoe".to_owned());
    assert_eq!(
        listed(&service),
        wanted,
        "whom the files do not name keeps the place"
    );
    assert!(service.take_sent().iter().all(is_known_call));

    // As wanted: no write at all, and one read of the list.
    let (planned, report) = once(&service, &desired);
    assert_eq!(planned.plan.rooms[0].status, Status::InSync);
    assert_eq!(report.rooms[0].status, Outcome::Unchanged);
    assert_eq!(of_the_list(&service.take_sent()), ["GET"]);
}

#[test]
fn who_is_removed_is_taken_off_the_list_after_it() {
    let service = Service::new(scene(&names(0..6), &["u0", "u4", "u5"]));
    let desired = desired(&[&file(&names(0..4), ", guards: {max_removals: 100%}")]);
    let (planned, report) = once(&service, &desired);
    assert_eq!(planned.plan.rooms[0].disallow.to_string(), "u4, u5");
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    assert_eq!(listed(&service), set(&["u0", "u1", "u2", "u3"]));
    let sent = service.take_sent();
    let write = |(method, path, ..): &&Sent| *method != Http::GET && path.contains("/users");
    let writes: Vec<String> = sent
        .iter()
        .filter(write)
        .map(|(method, path, ..)| {
            format!(
                "{method} {}",
                path.split('/').skip(5).collect::<Vec<_>>().join("/")
            )
        })
        .collect();
    assert_eq!(
        writes,
        [
            "POST white/users",
            "DELETE users/u4%2Cu5",
            "DELETE white/users/u4%2Cu5"
        ]
    );
}

#[test]
fn who_stays_in_the_room_stays_on_its_list() {
    // The service refuses one of the two removals.
    let service = Service::new(scene(&names(0..6), &["u4", "u5"]));
    fault(&service, "remove_many,poison=u4:403=forbidden_op");
    fault(&service, "remove_one,poison=u4:403=forbidden_op");
    let desired = desired(&[&file(&names(0..4), ", guards: {max_removals: 100%}")]);
    let (_, report) = once(&service, &desired);
    assert_eq!(
        failed(&report),
        [
            ("u4".to_owned(), Op::Remove, "refused"),
            ("u4".to_owned(), Op::Disallow, "refused")
        ]
    );
    assert!(here(&service).contains("u4") && listed(&service).contains("u4"));
    assert!(!listed(&service).contains("u5"));
}

#[test]
fn whose_removal_no_answer_names_stays_on_the_list_until_it_is_known() {
    // The service answers for one of the two only, and has removed neither.
    let service = Service::new(scene(&names(0..6), &["u4", "u5"]));
    let odd = service.clone().with_fault(|_, request, _| {
        let is_removal = request.method == Http::DELETE && request.url.path().ends_with("/users/u4%2Cu5");
        let is_removal = is_removal && !request.url.path().contains("/white/");
        let answer = json!({"data": [{"result": true, "action": "remove_member", "user": "U9", "id": "1"},
            {"result": true, "action": "remove_member", "user": "u4", "id": "1"}]});
        is_removal.then(|| Reply::Answer(200, answer.to_string()))
    });
    let desired = desired(&[&file(&names(0..4), ", guards: {max_removals: 100%}")]);
    let (_, report) = once(&odd, &desired);
    assert!(listed(&service).contains("u5"), "nobody said that they are gone");
    let failures = failed(&report);
    let expected = [
        ("u5".to_owned(), Op::Remove, "not_confirmed"),
        ("u5".to_owned(), Op::Disallow, "not_confirmed"),
    ];
    assert!(
        expected.iter().all(|failure| failures.contains(failure)),
        "{failures:?}"
    );
}

#[test]
fn a_list_that_is_never_answered_keeps_nobody_in_the_room() {
    let service = Service::new(scene(&names(0..6), &["u4", "u5"]));
    fault(&service, "list_allowed:timeout");
    let desired = desired(&[&file(&names(0..4), ", guards: {max_removals: 100%}")]);
    let (_, report) = once(&service, &desired);
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    assert_eq!(here(&service).len(), 5);
}

#[test]
fn a_list_that_is_over_its_rate_is_not_waited_for() {
    let service = Service::new(scene(&names(0..3), &[])).with_fault(|_, request, _| {
        let is_list = request.method == Http::GET && request.url.path().ends_with("/white/users");
        let slower = json!({"error": "reach_limit", "error_description": "slow down"});
        is_list.then(|| Reply::Answer(429, slower.to_string()))
    });
    let desired = desired(&[&file(&names(0..4), "")]);
    let (took, report) = virtually(async {
        let begun = Instant::now();
        let (_, report) = pass(&service.client(BATCH), &desired, None).await;
        (begun.elapsed(), report)
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    assert_eq!(here(&service).len(), 5);
}

#[test]
fn who_could_not_be_added_is_not_put_on_the_list() {
    let mut of_room = scene(&names(0..2), &[]);
    of_room.users = Some(["boss", "mia", "u0", "u1", "u2"].into_iter().collect());
    let service = Service::new(of_room);
    let desired = desired(&[&file(&names(0..4), "")]);
    let (_, report) = once(&service, &desired);
    let failures = failed(&report);
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(
        failures
            .iter()
            .all(|(user, _, code)| user == "u3" && *code == "no_such_user")
    );
    assert_eq!(listed(&service), set(&["u0", "u1", "u2"]));
}

#[test]
fn a_list_that_is_full_or_refused_or_fails_leaves_the_rest_of_the_room_to_be_done() {
    for (what, code) in [
        ("allow_many:403=exceed_limit", "allow_list_full"),
        ("allow_many:401=group_authorization", "allow_list_unusable"),
        ("allow_many:404=service_resource_not_found", "allow_list_unusable"),
        ("allow_many:reset", "allow_list_unusable"),
        ("allow_many:500", "allow_list_unusable"),
    ] {
        let service = Service::new(scene(&names(0..3), &[]));
        fault(&service, what);
        let desired = desired(&[&format!(
            "rooms: [{{id: {}, members: [u0, u1, u4], admins: [mia, u1], absent: keep, guards: {{max_removals: 100%}}}}]\n",
            room_id(1)
        )]);
        let (_, report) = once(&service, &desired);
        assert_eq!(here(&service), set(&["mia", "u0", "u1", "u4"]), "{what}");
        let state = service.emulator.state();
        assert!(state.rooms[&room_id(1)].admins().contains("u1"), "{what}");
        let failures = failed(&report);
        let expected = ["u0", "u4"].map(|user| (user.to_owned(), Op::Allow, code));
        assert_eq!(failures, expected, "{what}");
        assert_eq!(report.rooms[0].status, Outcome::Partial, "{what}");
        let sent = service.take_sent();
        assert_eq!(
            of_the_list(&sent),
            ["GET", "POST", "GET"],
            "{what}: it is tried once"
        );
    }
}

#[test]
fn a_call_whose_answer_is_lost_is_found_done_by_a_look() {
    let service = Service::new(scene(&names(0..3), &[]));
    fault(&service, "allow_many:reset:after");
    let desired = desired(&[&file(&names(0..3), "")]);
    let (_, report) = once(&service, &desired);
    assert_eq!(
        (report.rooms[0].status, failed(&report).len()),
        (Outcome::Converged, 0)
    );
    assert_eq!(listed(&service).len(), 3);
}

#[test]
fn one_person_whom_the_list_does_not_take_keeps_no_other_from_it() {
    let service = Service::new(scene(&names(0..70), &[]));
    fault(&service, "allow_many,poison=u7:403=forbidden_op");
    let desired = desired(&[&file(&names(0..70), "")]);
    let (_, report) = once(&service, &desired);
    assert_eq!(failed(&report), [("u7".to_owned(), Op::Allow, "refused")]);
    assert_eq!(listed(&service).len(), 69);
}

#[test]
fn a_smaller_batch_that_the_service_teaches_is_kept_to() {
    let service = Service::new(scene(&names(0..60), &[])).with_fault(|_, request, _| {
        let body = request.body.clone().unwrap_or_default();
        let many = String::from_utf8_lossy(&body).matches('u').count() > 21;
        let is_list = request.url.path().ends_with("/white/users") && request.method == Http::POST;
        let text = "usernames size is more than max limit : 20";
        (is_list && many).then(|| Reply::Answer(400, crate::service::error("invalid_parameter", text)))
    });
    let client = service.client(BATCH);
    let desired = desired(&[&file(&names(0..60), "")]);
    let (_, report) = virtually(pass(&client, &desired, None));
    assert_eq!(
        (report.rooms[0].status, listed(&service).len()),
        (Outcome::Converged, 60)
    );
    assert_eq!(
        of_the_list(&service.take_sent()),
        ["GET", "POST", "POST", "POST", "POST", "GET"]
    );
}

#[test]
fn a_list_that_cannot_be_read_or_contradicts_itself_is_a_note() {
    for what in [
        "list_allowed:403=forbidden_op",
        "list_allowed:404=service_resource_not_found",
        "list_allowed:html",
        "list_allowed:200",
    ] {
        let service = Service::new(scene(&names(0..3), &["u2"]));
        if what.ends_with("200") {
            let body = r#"{"data": ["boss", "mia"], "count": 3}"#;
            let service = service.clone().with_fault(move |_, request, _| {
                let is_list = request.url.path().ends_with("/white/users");
                is_list.then(|| Reply::Answer(200, body.to_owned()))
            });
            check_note(&service, what);
        } else {
            fault(&service, what);
            check_note(&service, what);
        }
    }
}

fn check_note(service: &Service, what: &str) {
    let desired = desired(&[&file(&names(0..5), ", guards: {max_removals: 100%}")]);
    let (planned, report) = once(service, &desired);
    let room = &planned.plan.rooms[0];
    let codes: Vec<&str> = room.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(codes, ["allow_list_unusable"], "{what}");
    assert_eq!((room.add.len(), room.allow.len()), (2, 0), "{what}");
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{what}: {report:?}");
    assert_eq!(here(service).len(), 6, "{what}");
}

#[test]
fn the_list_is_read_only_for_rooms_that_use_it() {
    let others = ["readd", "ignore"].map(|absent| {
        format!(
            "rooms: [{{id: {}, members: [u0], admins: [mia], absent: {absent}}}]\n",
            room_id(1)
        )
    });
    let no_members = format!("rooms: [{{id: {}, admins: [mia], absent: keep}}]\n", room_id(1));
    for text in others.iter().chain([&no_members]) {
        let service = Service::new(scene(&names(0..1), &[]));
        let _ = once(&service, &desired(&[text]));
        assert!(of_the_list(&service.take_sent()).is_empty(), "{text}");
    }
}

#[test]
fn odd_answers_about_the_list_harm_nobody() {
    let rows = |rows: serde_json::Value| json!({"data": rows}).to_string();
    let row =
        |user: &str, result: serde_json::Value| json!({"user": user, "result": result, "chatroomid": "1"});
    let odd_lists = [
        r#"{"data": null}"#.to_owned(),
        r#"{"count": 2}"#.to_owned(),
        r#"{"data": {"users": []}}"#.to_owned(),
        rows(json!([null, {"user": "u0"}, 7])),
        rows(json!(["u0", "U0", "boss", "é", ".."])),
        rows(json!([])),
        "{".to_owned(),
        String::new(),
    ];
    let odd_answers = [
        rows(json!([])),
        rows(json!(null)),
        rows(json!([row("zoe", json!(true)), row("boss", json!(true))])),
        rows(json!([row("u0", json!(false)), row("u0", json!(true))])),
        rows(json!([row("u0", json!(null)), row("U1", json!("success"))])),
        rows(json!({"result": true})),
        "<html>".to_owned(),
    ];
    let cases = odd_lists.iter().map(|body| (Http::GET, body));
    for (method, body) in cases.chain(odd_answers.iter().map(|body| (Http::POST, body))) {
        let before = set(&["u5", "zoe"]);
        let mut everybody = names(0..6);
        everybody.push("zoe".to_owned());
        let service = Service::new(scene(&everybody, &["u5", "zoe"]));
        let (of, answer) = (method.clone(), body.clone());
        let odd = service.clone().with_fault(move |_, request, _| {
            let is_list = request.url.path().ends_with("/white/users") && request.method == of;
            is_list.then(|| Reply::Answer(200, answer.clone()))
        });
        let desired = desired(&[&file(&names(0..7), ", guards: {protect: [zoe]}")]);
        let (planned, report) = once(&odd, &desired);
        let context = format!("{method} {body}: {planned:?}\n{report:?}");
        assert!(report.stopped.is_none(), "{context}");
        let mut wanted: BTreeSet<String> = names(0..7).into_iter().collect();
        wanted.extend(["mia".to_owned(), "zoe".to_owned()]);
        assert_eq!(here(&service), wanted, "{context}");
        assert!(listed(&service).is_superset(&before), "{context}");
        // What is said to be done is done.
        let undone: BTreeSet<String> = failed(&report).into_iter().map(|(user, ..)| user).collect();
        let lacking = planned.plan.rooms[0].allow.iter().map(ToString::to_string);
        let lacking: BTreeSet<String> = lacking.filter(|user| !listed(&service).contains(user)).collect();
        assert!(
            method == Http::GET || lacking.is_subset(&undone),
            "{lacking:?} of {context}"
        );
    }
}

#[test]
fn a_saved_plan_does_what_is_still_to_be_done() {
    let text = file(&names(0..6), ", guards: {max_removals: 100%}");
    let desired = desired(&[&text]);
    let service = Service::new(scene(&names(2..9), &["u2", "u7", "u8"]));
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    virtually(async {
        let client = service.client(BATCH);
        let planned = reconcile::plan(&client.reader(), &rooms, None, &|| {}).await;
        let saved = saved::read(&saved::written(&planned.plan, &desired), &desired).unwrap();
        let room = &saved.json()["rooms"][0];
        assert_eq!(room["allow"], json!(["u0", "u1", "u3", "u4", "u5"]));
        assert_eq!(
            (&room["disallow"], &room["calls"]),
            (&json!(["u7", "u8"]), &4.into())
        );
        // Meanwhile somebody else puts two on the list and takes one off, whom the plan does not name.
        service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            assert!(room.allow("u3") && room.allow("u6") && room.disallow("u2"));
        });
        let (_, report) = saved::apply(&client, &desired, &saved, &[], Limit::ALL).await;
        assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    });
    assert_eq!(listed(&service), set(&["u0", "u1", "u3", "u4", "u5"]));
}

#[test]
fn a_crash_in_between_harms_nobody_whom_the_files_want() {
    let text = file(&names(0..70), ", guards: {max_removals: 100%}");
    let desired = desired(&[&text]);
    let mut crashes = 0;
    for calls in 0..12 {
        let on_list: Vec<String> = names(0..3).into_iter().chain(names(80..83)).collect();
        let service = Service::new(scene(&names(40..90), &[]));
        service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            on_list.iter().for_each(|user| {
                room.join(user);
                room.allow(user);
            });
        });
        let made = std::sync::atomic::AtomicUsize::new(0);
        let dying = service.clone().with_fault(move |_, request, _| {
            let order = std::sync::atomic::Ordering::Relaxed;
            let is_late = request.method != Http::GET && made.fetch_add(1, order) >= calls;
            is_late.then_some(Reply::Unreachable)
        });
        let (_, report) = once(&dying, &desired);
        crashes += usize::from(report.stopped.is_some());
        // Nobody wanted has lost a place, and whoever is still in the room is still on the list.
        let (list, there) = (listed(&service), here(&service));
        assert!(names(0..3).iter().all(|user| list.contains(user)), "{calls}");
        assert!(
            names(80..83)
                .iter()
                .all(|user| !there.contains(user) || list.contains(user)),
            "{calls}"
        );
        // The next run ends what was begun.
        let (_, report) = once(&service, &desired);
        assert!(report.stopped.is_none());
        assert_eq!(listed(&service), names(0..70).into_iter().collect(), "{calls}");
    }
    assert!((4..12).contains(&crashes), "{crashes}");
}

#[test]
fn a_demoted_member_is_kept_in_one_pass() {
    let service = Service::new(state([(room_id(1), room_of("boss", &["mia", "u1"], &["u0"]))]));
    let desired = desired(&[&file(&names(0..2), ", guards: {max_demotions: 100%}")]);
    let (_, report) = once(&service, &desired);
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{report:?}");
    assert_eq!(listed(&service), set(&["u0", "u1"]));
    let (planned, _) = once(&service, &desired);
    assert_eq!(planned.plan.rooms[0].status, Status::InSync);
}

/// A service that drops whoever is offline for two minutes.
fn dropping(state: State) -> Service {
    let environment = Environment {
        offline_after: Some(Duration::from_secs(120)),
        ..Environment::default()
    };
    let options = Options {
        calls_per_second: NonZeroU32::new(100),
        ..Options::default()
    };
    Service::of(Emulator::in_environment(state, options, environment))
}

#[test]
fn members_who_go_offline_stay_and_nothing_is_written() {
    house(dropping(scene(&names(0..50), &[])), "", async |house: House| {
        house.rooms(&file(&names(0..90), ""));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        assert_eq!(listed(&house.service).len(), 90);
        writes(&house.service);
        for hour in 0..6 {
            let third: Vec<String> = names(0..90).into_iter().skip(hour % 3).step_by(3).collect();
            house.service.emulator.offline(&third);
            sleep(minutes(60)).await;
            house.service.emulator.online(&third);
            assert_eq!(here(&house.service).len(), 91, "hour {hour}");
        }
        assert_eq!(writes(&house.service), 0, "no write after the first");
        assert_eq!(daemon.status().rooms[0].state, RoomState::InSync);
        assert!(daemon.status().attention.is_empty());

        // Who leaves the files leaves the list.
        house.rooms(&file(
            &names(0..80),
            ", guards: {max_removals: 100%, removal_budget: off}",
        ));
        daemon
            .until(minutes(2), |_| here(&house.service).len() == 81)
            .await;
        daemon.until_well(minutes(2)).await;
        assert_eq!(listed(&house.service).len(), 80);
        daemon.stop().await;
    });
}

#[test]
fn a_full_list_is_a_note_in_the_daemon_and_absent_members_come_back() {
    let service = dropping(scene(&names(0..10), &[]));
    fault(&service, "allow_many@1-2:403=exceed_limit");
    house(service, "", async |house: House| {
        house.rooms(&file(&names(0..10), ""));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                !status.rooms.is_empty() && status.rooms[0].notes > 0
            })
            .await;
        let room = |status: &roomsync::status::Status| (status.rooms[0].state, status.rooms[0].allow);
        assert_eq!(room(&daemon.status()), (RoomState::InSync, 0));
        assert!(
            daemon.status().attention.is_empty(),
            "{:?}",
            daemon.status().attention
        );
        // Nobody is tried for an hour; whoever drops out is added again.
        let calls = |house: &House| {
            of_the_list(&house.service.take_sent())
                .iter()
                .filter(|call| **call == "POST")
                .count()
        };
        assert_eq!(calls(&house), 1);
        house.service.emulator.offline(&names(0..1));
        sleep(minutes(3)).await;
        house.service.emulator.online(&names(0..1));
        daemon
            .until(minutes(6), |_| here(&house.service).len() == 11)
            .await;
        sleep(minutes(40)).await;
        assert_eq!(
            (calls(&house), room(&daemon.status())),
            (0, (RoomState::InSync, 0))
        );
        // Then it is tried again, in vain, and once more an hour later.
        sleep(minutes(30)).await;
        assert_eq!(calls(&house), 1);
        sleep(minutes(70)).await;
        assert_eq!(listed(&house.service).len(), 10);
        let detail = daemon.status();
        assert_eq!(
            (detail.rooms[0].notes, detail.rooms[0].state),
            (0, RoomState::InSync)
        );
        daemon.stop().await;
    });
}

#[test]
fn the_page_the_log_and_the_metrics_say_what_is_done() {
    house(
        Service::new(scene(&names(0..3), &["u2"])),
        "audit_log: audit.jsonl",
        async |house: House| {
            house.rooms(&file(
                &names(0..2),
                ", guards: {max_removals: 100%, removal_budget: off}",
            ));
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            let lines = house.audit();
            let told: BTreeSet<(String, String)> = lines
                .iter()
                .map(|line| {
                    (
                        line["op"].as_str().unwrap().to_owned(),
                        line["user"].as_str().unwrap().to_owned(),
                    )
                })
                .collect();
            let expected = [
                ("allow", "u0"),
                ("allow", "u1"),
                ("remove", "u2"),
                ("disallow", "u2"),
            ];
            assert_eq!(
                told,
                expected.map(|(op, user)| (op.to_owned(), user.to_owned())).into()
            );
            assert!(
                lines
                    .iter()
                    .all(|line| line["result"] == "done" && line["line"].is_number()),
                "{lines:?}"
            );
            let metrics = daemon.metrics.encode(&daemon.source.gauges()).unwrap();
            for line in [
                "roomsync_changes_total{op=\"allow\",result=\"done\"} 2",
                "roomsync_changes_total{op=\"disallow\",result=\"done\"} 1",
            ] {
                assert!(metrics.contains(line), "{line} is not in\n{metrics}");
            }
            daemon.stop().await;
        },
    );
}

#[test]
fn a_room_that_is_only_observed_says_what_is_wanted_and_writes_nothing() {
    let service = Service::new(scene(&names(0..3), &["u2"]));
    let desired = desired(&[&file(&names(0..2), ", mode: observe")]);
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    virtually(async {
        let client = service.read_only(BATCH);
        let planned = reconcile::plan(&client.reader(), &rooms, None, &|| {}).await;
        let room = &planned.plan.rooms[0];
        assert_eq!(
            (room.status, room.allow.len(), room.disallow.len()),
            (Status::Observed, 2, 1)
        );
        let report = apply_plan(&client, &rooms, &planned, "test", &Cancel::default()).await;
        assert_eq!(report.rooms[0].status, Outcome::Observed);
    });
}
