//! The check before removals and demotions, case by case.

use super::super::service::{
    BATCH, Reply, Service, config, desired, failed, pass, room_id, room_of, state, virtually,
};
use super::Role;
use http::Method as Http;
use roomsync::apply::Outcome;
use roomsync::chat::wire::Method;
use roomsync::chat::{BatchLimits, Client};
use roomsync::cli::Exit;
use roomsync::model::Op;
use std::time::Duration;

/// 202 go at 12 calls a second; after the 20th somebody who is to go is made owner, or admin where admins are not managed.
#[test]
fn who_becomes_owner_or_admin_in_the_midst_stays_and_is_reported() {
    for (role, admins, code) in [
        (Role::Owner, "", "became_owner"),
        (Role::Owner, "admins: [lead], ", "became_owner"),
        (Role::Admin, "", "became_admin"),
        (Role::Admin, "admins: [lead], ", "moved"),
    ] {
        let names: Vec<String> = (0..202).map(|n| format!("g{n:03}")).collect();
        let mut everyone: Vec<&str> = names.iter().map(String::as_str).collect();
        everyone.push("stay");
        let room = room_of("boss", &["lead"], &everyone);
        let service = Service::new(state([(room_id(0), room)]));
        let changed = std::sync::Mutex::new(0);
        let service = service.with_fault(move |emulator, request, _| {
            let mut removals = changed.lock().unwrap();
            *removals += usize::from(request.method == Http::DELETE);
            if *removals == 20 {
                *removals += 1;
                emulator.edit(|state| {
                    let room = state.rooms.get_mut(&room_id(0)).unwrap();
                    match role {
                        Role::Owner => room.set_owner("g201"),
                        Role::Admin => assert!(room.promote("g201")),
                    }
                });
            }
            None
        });
        let mut config = config(BatchLimits { remove: 1, ..BATCH }, 64);
        config.rates.own = [Method::RemoveOne, Method::RemoveMany]
            .map(|method| (method, 12))
            .into();
        let client = Client::new(Box::new(service.clone()), config);
        let desired = desired(&[&format!(
            "rooms: [{{id: {}, {admins}members: [lead, stay], guards: {{max_removals: 100%}}}}]",
            room_id(0)
        )]);
        let (_, report) = virtually(pass(&client, &desired, None));
        assert_eq!(
            failed(&report),
            [("g201".to_owned(), Op::Remove, code)],
            "{report:?}"
        );
        assert_eq!(Exit::of_report(&report), Exit::Partly);
        let now = service.emulator.state().rooms[&room_id(0)].clone();
        assert!(now.members().contains("g201"));
        assert_eq!(now.members().len(), 4, "{now:?}");
        let sent = service.take_sent();
        let lists = |end: &str| {
            sent.iter()
                .filter(|(method, path, ..)| method == Http::GET && path.ends_with(end))
                .count()
        };
        // 17 s of removals: a check before the first and at least every five seconds, beside the looks before and after.
        assert!((5..=8).contains(&lists("/admin")), "{}", lists("/admin"));
    }
}

/// Somebody becomes the owner as the call that removes them is on its way: that can only be found out.
#[test]
fn an_owner_among_the_removed_is_an_error_of_the_room() {
    for (keys, method) in [
        ("members: [lead]", Http::DELETE),
        ("admins: [lead]", Http::DELETE),
    ] {
        let room = if keys.starts_with("members") {
            room_of("boss", &["lead"], &["next"])
        } else {
            room_of("boss", &["lead", "next"], &[])
        };
        let service = Service::new(state([(room_id(0), room)])).with_fault(move |emulator, request, _| {
            if request.method == method {
                emulator.edit(|state| state.rooms.get_mut(&room_id(0)).unwrap().set_owner("next"));
            }
            None
        });
        let desired = desired(&[&format!(
            "rooms: [{{id: {}, {keys}, guards: {{max_removals: 100%, max_demotions: 100%}}}}]",
            room_id(0)
        )]);
        let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
        let room = &report.rooms[0];
        assert_eq!(room.status, Outcome::Partial, "{report:?}");
        assert_eq!(
            room.error.as_ref().unwrap().code.as_str(),
            "owner_removed",
            "{report:?}"
        );
        assert_eq!(Exit::of_report(&report), Exit::Partly);
    }
}

/// A check that fails or contradicts itself removes nobody.
#[test]
fn nobody_is_removed_on_a_check_that_fails() {
    for (answer, code, exit) in [
        (
            r#"{"data": ["lead"], "count": 2}"#,
            "incomplete_read",
            Exit::Partly,
        ),
        ("<html>", "no_clear_answer", Exit::Partly),
    ] {
        let lists = std::sync::Mutex::new(0);
        let service = Service::new(state([(room_id(0), room_of("boss", &["lead"], &["b"]))]));
        let service = service.with_fault(move |_, request, _| {
            let is_list = request.method == Http::GET && request.url.path().ends_with("/admin");
            let mut lists = lists.lock().unwrap();
            *lists += usize::from(is_list);
            // Two for the plan.
            (is_list && *lists > 2).then(|| Reply::Answer(200, answer.to_owned()))
        });
        let desired = desired(&[&format!(
            "rooms: [{{id: {}, members: [lead], guards: {{max_removals: 100%}}}}]",
            room_id(0)
        )]);
        let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
        let sent = service.take_sent();
        assert!(sent.iter().all(|(method, ..)| method == Http::GET), "{sent:?}");
        assert_eq!(
            failed(&report),
            [("b".to_owned(), Op::Remove, code)],
            "{report:?}"
        );
        assert_eq!(Exit::of_report(&report), exit);
    }
}

/// Rooms that need a check at about the same time share one call for their owners.
#[test]
fn rooms_share_the_call_that_tells_their_owners() {
    let rooms = 60;
    let live = (0..rooms).map(|n| (room_id(n), room_of("boss", &["lead"], &["a", "b"])));
    let service = Service::new(state(live)).taking(Duration::from_millis(30));
    let files = (0..rooms).map(|n| {
        format!(
            "  - {{id: {}, members: [lead, a], guards: {{max_removals: 100%}}}}\n",
            room_id(n)
        )
    });
    let desired = desired(&[&format!("rooms:\n{}", files.collect::<String>())]);
    let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
    assert_eq!(report.tally().converged, rooms, "{report:?}");
    let sent = service.take_sent();
    let details = sent.iter().filter(|(method, path, ..)| {
        method == Http::GET && !path.ends_with("/admin") && !path.contains("/users?")
    });
    // One to plan, one afterwards, and the checks: the rooms come to them at 50 calls a second.
    assert!((3..=25).contains(&details.clone().count()), "{}", details.count());
}

/// At one call in three to six seconds every check but that of the first in the line grows old: rooms go on as long as any does.
#[test]
fn no_room_starves_where_calls_take_long() {
    for latency in [1_900, 3_000, 4_800] {
        slow_rooms_are_done(Duration::from_millis(latency));
    }
}

fn slow_rooms_are_done(latency: Duration) {
    let rooms = 12;
    let live = (0..rooms).map(|n| (room_id(n), room_of("boss", &["lead"], &["a", "b", "c", "d", "e"])));
    let service = Service::new(state(live)).taking(latency);
    let files = (0..rooms).map(|n| {
        format!(
            "  - {{id: {}, members: [lead, a], guards: {{max_removals: 100%}}}}\n",
            room_id(n)
        )
    });
    let desired = desired(&[&format!("rooms:\n{}", files.collect::<String>())]);
    let mut config = config(BatchLimits { remove: 1, ..BATCH }, 64);
    config.rates.own = [Method::RemoveOne, Method::RemoveMany]
        .map(|method| (method, 1))
        .into();
    let client = Client::new(Box::new(service), config);
    let (_, report) = virtually(pass(&client, &desired, None));
    assert_eq!(report.tally().converged, rooms, "{latency:?}: {report:?}");
}

/// A room in which nobody names the owner gets adds only.
#[test]
fn nobody_is_promoted_where_nobody_names_the_owner() {
    let service = Service::new(state([(room_id(0), room_of("boss", &[], &["a", "b"]))]));
    let service = service.with_fault(|emulator, request, _| {
        let path = request.url.path();
        let is_detail = request.method == Http::GET && path.ends_with(room_id(0).as_str());
        let is_list = request.method == Http::GET && path.ends_with("/users");
        let state = emulator.state();
        let members: Vec<serde_json::Value> = state.rooms[&room_id(0)]
            .members()
            .iter()
            .filter(|user| *user != "boss")
            .map(|user| serde_json::json!({"member": user}))
            .collect();
        if is_list {
            let count = members.len();
            let body = serde_json::json!({"data": members, "count": count});
            return Some(Reply::Answer(200, body.to_string()));
        }
        is_detail.then(|| {
            let body = serde_json::json!({"data": [{"id": room_id(0).as_str(), "maxusers": 200, "affiliations_count": members.len()}]});
            Reply::Answer(200, body.to_string())
        })
    });
    let desired = desired(&[&format!(
        "rooms: [{{id: {}, admins: [a], members: [a, new], guards: {{max_removals: 100%}}}}]",
        room_id(0)
    )]);
    let (planned, report) = virtually(pass(&service.client(BATCH), &desired, None));
    let room = service.emulator.state().rooms[&room_id(0)].clone();
    assert!(room.members().contains("new") && room.members().contains("b"));
    assert!(room.admins().is_empty(), "{report:?}");
    let plan = &planned.plan.rooms[0];
    assert!(plan.falls_short() && plan.promote.is_empty(), "{plan:?}");
    assert_eq!(
        failed(&report),
        [("a".to_owned(), Op::Promote, "incomplete_read")]
    );
}
