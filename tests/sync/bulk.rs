//! Rooms whose detail shows everyone, and rooms whose pages have to be read: with how few calls, and how soon.

mod pacing;

use crate::service::{
    BATCH, Reply, Sent, Service, config, error, one_room, people, room, room_id, room_of, set, state,
    virtually,
};
use http::Method as Http;
use roomsync::chat::{CallError, Client, ClientConfig, Request};
use roomsync::live::{self, Inconsistency, MemberList, Observed, ReadRequest};
use roomsync::model::{MemberSet, RoomId};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The calls that read: details, pages of members, lists of admins.
fn reads(sent: &[Sent]) -> [usize; 3] {
    let mut reads = [0; 3];
    for (method, path, ..) in sent {
        assert_eq!(method, Http::GET, "{path}");
        let path = path.split('?').next().unwrap();
        reads[match path {
            path if path.ends_with("/users") => 1,
            path if path.ends_with("/admin") => 2,
            _ => 0,
        }] += 1;
    }
    reads
}

fn is_detail(request: &Request) -> bool {
    request.url.path().split('/').count() == 5
}

/// The rooms that a call for details asks for.
fn asked(request: &Request) -> Option<usize> {
    is_detail(request).then(|| request.url.path().split("%2C").count())
}

fn client(service: &Service, change: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = config(BATCH, 64);
    config.rates.default = 100;
    change(&mut config);
    Client::new(Box::new(service.clone()), config)
}

fn ids(rooms: usize) -> Vec<RoomId> {
    (0..rooms).map(room_id).collect()
}

fn fleet_of(rooms: usize) -> Service {
    Service::new(state((0..rooms).map(|n| {
        let member = format!("m{n}");
        (room_id(n), room_of("boss", &["mia"], &["a", &member]))
    })))
}

/// A look at all of these rooms.
async fn look(client: &Client, rooms: &[RoomId]) -> Vec<Observed> {
    let requests: Vec<ReadRequest<'_>> = rooms.iter().map(ReadRequest::of_all).collect();
    let seen = RefCell::new(vec![None; rooms.len()]);
    let take = |at: usize, observed: Result<Observed, CallError>| {
        let twice = seen.borrow_mut()[at].replace(observed.unwrap());
        assert!(twice.is_none(), "a room is handed over once");
    };
    live::read_rooms(&client.reader(), &requests, &take)
        .await
        .unwrap();
    seen.into_inner().into_iter().map(Option::unwrap).collect()
}

#[track_caller]
fn assert_complete(service: &Service, rooms: &[RoomId], seen: &[Observed]) {
    let live = service.emulator.state();
    for (id, observed) in rooms.iter().zip(seen) {
        let (there, room) = (people(&live.rooms[id]), observed.complete().unwrap());
        let names = |names: &MemberSet| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!((&room.id, room.owner.as_deref()), (id, Some("boss")));
        assert_eq!(
            [names(&room.members), names(room.admins.as_ref().unwrap())],
            [there.members, there.admins]
        );
    }
}

#[test]
fn one_call_tells_the_members_of_a_hundred_rooms() {
    let rooms = ids(250);
    for (shown, bulk_reads, expected) in [
        (None, true, [3, 0, 250]),
        (Some(0), true, [3, 250, 250]),
        (Some(3), true, [3, 250, 250]),
        (Some(4), true, [3, 0, 250]),
        (None, false, [3, 250, 250]),
    ] {
        let service = shown.into_iter().fold(fleet_of(250), Service::showing);
        let client = client(&service, |config| config.bulk_reads = bulk_reads);
        let seen = virtually(look(&client, &rooms));
        assert_complete(&service, &rooms, &seen);
        assert_eq!(reads(&service.take_sent()), expected, "{shown:?} {bulk_reads}");
    }
}

/// Of a room of `boss`, `a` and `b`.
#[test]
fn rows_are_taken_only_where_they_are_everyone() {
    let (owner, a, b) = (
        json!({"owner": "boss"}),
        json!({"member": "a"}),
        json!({"member": "b"}),
    );
    let detail = |count: Value, owner: Value, rows: Value| json!([{"id": room_id(0).as_str(), "owner": owner, "affiliations_count": count, "affiliations": rows}]);
    let of = |rows: Value| detail(json!(3), json!("boss"), rows);
    let everyone = of(json!([owner, a, b]));
    let twice = Value::from(
        [
            everyone.as_array().unwrap().clone(),
            everyone.as_array().unwrap().clone(),
        ]
        .concat(),
    );
    for (data, pages) in [
        (everyone, 0),
        (of(json!([b, owner, {"member": "A"}])), 0),
        // No row names the owner, but the detail does, and nobody else is counted.
        (detail(json!(2), json!("Boss"), json!([a, b])), 0),
        (detail(json!(3), json!(null), json!([owner, a, b])), 0),
        (of(json!(null)), 1),
        (of(json!([])), 1),
        (of(json!([owner, a])), 1),
        (of(json!([owner, a, b, {"member": "c"}])), 1),
        (detail(json!(null), json!("boss"), json!([owner, a, b])), 1),
        // Somebody stands there twice, in whatever spelling.
        (of(json!([owner, a, a])), 1),
        (of(json!([owner, a, b, {"member": "B"}])), 1),
        (of(json!([owner, a, {"member": "boss"}])), 1),
        (of(json!([owner, owner, a])), 1),
        // The owner is counted and not listed.
        (of(json!([a, b])), 1),
        (detail(json!(2), json!(null), json!([a, b])), 1),
        (detail(json!(0), json!("boss"), json!([])), 1),
        // Two owners.
        (of(json!([owner, a, {"owner": "b"}])), 1),
        (of(json!([{"owner": "a"}, {"member": "boss"}, b])), 1),
        // Somebody who is shown as something else.
        (of(json!([owner, a, {"admin": "b"}])), 1),
        (twice, 1),
    ] {
        let body = json!({"data": data}).to_string();
        let service = Service::new(room(&[], &["a", "b"])).with_fault({
            let body = body.clone();
            move |_, request, _| is_detail(request).then(|| Reply::Answer(200, body.clone()))
        });
        let client = client(&service, |_| {});
        let id = room_id(0);
        let seen = virtually(live::read_room(&client.reader(), ReadRequest::of_all(&id))).unwrap();
        let sent = reads(&service.take_sent());
        assert_eq!(sent[1].min(1), pages, "{body}: {sent:?}");
        let names: BTreeSet<String> = seen.room().members.iter().map(ToString::to_string).collect();
        assert_eq!(names, set(&["a", "b"]), "{body}");
    }
}

#[test]
fn after_a_contradiction_the_pages_are_read() {
    let lists = AtomicUsize::new(0);
    let service = Service::new(room(&["a"], &["b"])).with_fault(move |_, request, _| {
        let first = request.url.path().ends_with("/admin") && lists.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| Reply::Answer(200, json!({"data": [], "count": 1}).to_string()))
    });
    let client = client(&service, |_| {});
    let seen = virtually(look(&client, &ids(1)));
    assert_complete(&service, &ids(1), &seen);
    assert_eq!(reads(&service.take_sent()), [2, 1, 2]);
}

/// A removal stands on a read younger than 30 s, so it must not look younger than it is.
#[test]
fn a_read_is_as_old_as_the_call_that_told_the_members() {
    let second = Duration::from_secs(1);
    for (shown, began) in [(None, Duration::ZERO), (Some(0), second)] {
        let service = shown
            .into_iter()
            .fold(fleet_of(1), Service::showing)
            .taking(second);
        virtually(async {
            let client = client(&service, |_| {});
            let begun = Instant::now();
            let seen = look(&client, &ids(1)).await;
            assert_eq!(seen[0].room().read_at - begun, began, "{shown:?}");
            // The lists of members and of admins are read at once.
            assert_eq!(begun.elapsed(), second * 2);
        });
    }
    // The time in which the call waits for its turn counts, too.
    let service = fleet_of(1);
    virtually(async {
        let client = client(&service, |config| config.rates.default = 1);
        look(&client, &ids(1)).await;
        let begun = Instant::now();
        let seen = look(&client, &ids(1)).await;
        assert!(
            begun.elapsed() > Duration::from_millis(900),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(seen[0].room().read_at, begun);
    });
}

/// One of two lists that agree is read after the members, so that nobody is removed who has just been made an admin.
#[test]
fn a_list_of_admins_is_read_after_the_members() {
    for shown in [None, Some(0)] {
        let service = Service::new(room(&["x"], &["a"])).taking(Duration::from_millis(100));
        let service = shown.into_iter().fold(service, Service::showing);
        let (planned, _) = one_room(&service, "members: [b], mode: observe");
        assert_eq!(planned.plan.rooms[0].remove.to_string(), "a");
        let sent = service.take_sent();
        let last = |end: &str| sent.iter().rposition(|(_, path, ..)| path.contains(end));
        assert_eq!(reads(&sent)[2], 2, "{sent:?}");
        assert!(last("/admin") > last("/users?"), "{sent:?}");
        assert!(last("/admin") > Some(1), "{sent:?}");
    }
}

#[test]
fn members_are_read_without_the_admins() {
    let rooms = ids(150);
    let rooms: Vec<&RoomId> = rooms.iter().collect();
    let read = |service: &Service| -> Vec<MemberList> {
        let client = client(service, |_| {});
        let lists = RefCell::new(vec![None; rooms.len()]);
        let take =
            |at: usize, list: Result<MemberList, CallError>| lists.borrow_mut()[at] = Some(list.unwrap());
        virtually(live::read_members(&client.reader(), &rooms, &take)).unwrap();
        lists.into_inner().into_iter().map(Option::unwrap).collect()
    };
    for (shown, expected) in [(None, [2, 0, 0]), (Some(3), [2, 150, 0])] {
        let service = shown.into_iter().fold(fleet_of(150), Service::showing);
        for (number, list) in read(&service).iter().enumerate() {
            assert_eq!(list.names.to_string(), format!("a, m{number}, mia"));
            assert_eq!(list.inconsistency, None);
        }
        assert_eq!(reads(&service.take_sent()), expected);
    }

    // One room whose pages never agree with its detail.
    let torn = |_: &roomsync::emulator::Emulator, request: &Request, _: usize| {
        let page = request.url.path().ends_with(&format!("/{}/users", room_id(7)));
        page.then(|| Reply::Answer(200, json!({"data": [{"member": "a"}], "count": 2}).to_string()))
    };
    let service = fleet_of(150).showing(0).with_fault(torn);
    let lists = read(&service);
    assert!(matches!(
        lists[7].inconsistency,
        Some(Inconsistency::Count { count: 2, .. })
    ));
    assert_eq!(lists[7].names.to_string(), "a");
    assert!(lists.iter().filter(|list| list.inconsistency.is_some()).count() == 1);
    assert_eq!(reads(&service.take_sent()), [4, 152, 0], "three tries");
}

#[test]
fn a_room_that_is_unknown_or_never_answers_keeps_no_other_waiting() {
    let service = fleet_of(1_000)
        .taking(Duration::from_millis(20))
        .with_fault(|_, request, _| {
            let path = request.url.path();
            let gone = is_detail(request) && path.contains(room_id(305).as_str());
            if gone {
                return Some(Reply::Answer(
                    404,
                    error("resource_not_found", "grpID does not exist!"),
                ));
            }
            let stuck = [3, 150, 151, 850].map(|n| format!("/{}/admin", room_id(n)));
            stuck
                .iter()
                .any(|end| path.ends_with(end))
                .then_some(Reply::LoseCall)
        });
    virtually(async {
        let client = client(&service, |_| {});
        let rooms = ids(1_000);
        let requests: Vec<ReadRequest<'_>> = rooms.iter().map(ReadRequest::of_all).collect();
        let begun = Instant::now();
        let (failed, last) = (RefCell::new(Vec::new()), Cell::new(Duration::ZERO));
        let take = |at: usize, observed: Result<Observed, CallError>| match observed {
            Ok(_) => last.set(begun.elapsed()),
            Err(error) => failed.borrow_mut().push((at, error.kind.code().as_str())),
        };
        live::read_rooms(&client.reader(), &requests, &take)
            .await
            .unwrap();
        let mut failed = failed.into_inner();
        failed.sort_unstable();
        let stuck = |at| (at, "no_clear_answer");
        assert_eq!(
            failed,
            [
                stuck(3),
                stuck(150),
                stuck(151),
                (305, "no_such_room"),
                stuck(850)
            ]
        );
        assert!(last.get() < Duration::from_millis(11_500), "{:?}", last.get());
    });
}
