//! Calls that fail, and what must come of it.

use crate::service::{
    BATCH, Reply, Service, desired, error, failed, members, one_room, pass, people, room, room_id, room_of,
    set, state, virtually, writes,
};
use http::Method as Http;
use proptest::prelude::*;
use roomsync::apply::Outcome;
use roomsync::emulator::{Emulator, Options, Profile, Side};
use roomsync::model::Op;
use serde_json::{Value, json};

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
fn some_who_are_refused_alike_are_not_the_whole_room() {
    let refused = ["u5", "u65", "u125", "u185", "u245"];
    let service = Service::new(room(&[], &[])).with_fault(move |_, request, _| {
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        let is_alone = |user: &&str| request.url.path().ends_with(&format!("/users/{user}"));
        let is_in_it = |user: &&str| body.contains(&format!("\"{user}\"")) || is_alone(user);
        (request.method == Http::POST && refused.iter().any(is_in_it))
            .then(|| Reply::Answer(403, error("forbidden_op", "refused by policy")))
    });
    let names: Vec<String> = (0..600).map(|n| format!("u{n}")).collect();
    let (_, report) = one_room(&service, &format!("members: [{}]", names.join(", ")));
    let mut failed: Vec<String> = failed(&report).into_iter().map(|(user, ..)| user).collect();
    failed.sort_by_key(|user| refused.iter().position(|refused| refused == user));
    assert_eq!(failed, refused);
    assert_eq!(members(&service).len(), 595);
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
fn a_batch_limit_that_cannot_be_is_not_learned() {
    // The server takes 20, and says something else.
    for said in ["0", "500", "60", "-1", "99999999999999999999", "a few"] {
        let text = format!("addMembers: addMembers number more than maxSize : {said}");
        let service = Service::new(room(&[], &[])).with_fault(move |_, request, _| {
            let body: Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
            (body["usernames"].as_array()?.len() > 20)
                .then(|| Reply::Answer(400, error("invalid_parameter", &text)))
        });
        let names: Vec<String> = (0..60).map(|n| format!("u{n}")).collect();
        let client = service.client(BATCH);
        let desired = desired(&[&format!(
            "rooms: [{{id: {}, members: [{}]}}]",
            room_id(0),
            names.join(", ")
        )]);
        let (_, report) = virtually(pass(&client, &desired, None));
        assert_eq!(report.rooms[0].status, Outcome::Converged, "{said}");
        assert_eq!(client.reader().batch_limits(), BATCH, "{said}");
        // Halved until it is taken.
        assert_eq!(writes(&service.take_sent()), 7, "{said}");
    }
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
    let why = &report.rooms[0].failed[1].reason.message;
    assert_eq!(
        why,
        "old stays an admin: new could not be promoted, and the room would have no admin left"
    );
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
        let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
        assert_eq!(report.stopped.as_ref().unwrap().code.as_str(), expected);
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
    let (planned, report) = virtually(pass(&service.client(BATCH), &desired, None));
    assert_eq!(
        planned.plan.rooms[1].error.as_ref().unwrap().code.as_str(),
        "no_such_room"
    );
    let outcomes: Vec<Outcome> = report.rooms.iter().map(|room| room.status).collect();
    assert_eq!(
        outcomes,
        [Outcome::Converged, Outcome::Failed, Outcome::Converged]
    );
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
        let (planned, report) = virtually(pass(&service.client(BATCH), &desired, None));
        let silent = report.rooms[0].failed.is_empty()
            && report.stopped.is_none()
            && planned.plan.stopped.is_none()
            && !planned.plan.rooms[0].falls_short();
        if silent {
            prop_assert_eq!(members(&service), wanted.clone(), "reported as done");
        }
        // The faults count requests since the start, and the start is past.
        let quiet = Service::new(service.emulator.state());
        for _ in 0..2 {
            let _ = virtually(pass(&quiet.client(BATCH), &desired, None));
        }
        prop_assert_eq!(members(&quiet), wanted);
    }
}

#[test]
fn a_taught_batch_size_keeps_to_the_floor_of_removals_too() {
    let names: Vec<String> = (0..301).map(|n| format!("u{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = Options {
        profile: Profile::all(Side::Newer),
        ..Options::default()
    };
    let service = Service::with(room(&[], &all), options);
    let (_, report) = one_room(&service, "members: [u0], guards: {max_removals: 100%}");
    assert_eq!(report.rooms[0].status, Outcome::Converged);
    assert_eq!(
        writes(&service.take_sent()),
        5 + 1,
        "five of 60, and the one that taught it"
    );
}

#[test]
fn users_who_are_there_already_without_being_named_are_no_refusal() {
    let service = Service::new(room(&[], &["new"])).with_fault(|emulator, request, _| {
        request.url.path().ends_with("/users").then_some(())?;
        (request.method == Http::POST).then(|| {
            emulator.edit(|state| {
                let room = state.rooms.get_mut(&room_id(0)).unwrap();
                (0..12).for_each(|n| {
                    room.join(&format!("u{n}"));
                });
            });
            Reply::Answer(403, error("forbidden_op", "somebody is already in group"))
        })
    });
    let names: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
    let (_, report) = one_room(
        &service,
        &format!("admins: [new], members: [{}]", names.join(", ")),
    );
    assert_eq!(failed(&report), []);
    assert_eq!(
        people(&service.emulator.state().rooms[&room_id(0)]).admins,
        set(&["new"])
    );
}
