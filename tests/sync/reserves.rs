//! Rooms with less place than they need, and people who cannot come: no place stays empty for whom somebody else could have had it.

use super::service::{
    BATCH, Reply, Service, desired, error, failed, members, one_room, pass, people, room_id, room_of, set,
    state, virtually, writes,
};
use http::Method as Http;
use proptest::prelude::*;
use roomsync::apply::Outcome;
use roomsync::chat::BatchLimits;
use roomsync::cli::Exit;
use roomsync::emulator::{Options, Profile, Room, Side, State};
use roomsync::model::Op;
use std::collections::BTreeSet;

/// A room of so many places in an app that knows these people.
fn live(mut room: Room, maxusers: u64, known: &[&str]) -> State {
    room.maxusers = maxusers;
    let mut state = state([(room_id(0), room)]);
    state.users = Some(known.iter().copied().collect());
    state
}

#[test]
fn who_is_refused_gives_their_place_to_the_next() {
    let room = room_of("boss", &[], &["a"]);
    let service = Service::new(live(room, 3, &["boss", "a", "z"]));
    let (planned, report) = one_room(&service, "members: [a, ghost, z]");
    assert_eq!(planned.plan.rooms[0].reserves.len(), 1);
    assert_eq!(members(&service), set(&["a", "z"]));
    assert_eq!(failed(&report), [("ghost".to_owned(), Op::Add, "no_such_user")]);
    assert_eq!(
        (report.rooms[0].status, report.tally().calls),
        (Outcome::Partial, 2)
    );
    assert_eq!(Exit::of_report(&report), Exit::Partly);
}

#[test]
fn a_wanted_admin_in_the_place_of_another_is_promoted_in_the_same_run() {
    let room = room_of("boss", &[], &["a"]);
    let service = Service::new(live(room, 3, &["boss", "a", "zoe"]));
    let (_, report) = one_room(&service, "admins: [ghost, zoe], members: [a, b]");
    let now = people(&service.emulator.state().rooms[&room_id(0)]);
    assert_eq!((now.members, now.admins), (set(&["a", "zoe"]), set(&["zoe"])));
    let left = [
        ("b", Op::Add, "room_full"),
        ("ghost", Op::Add, "no_such_user"),
        ("ghost", Op::Promote, "no_such_user"),
    ];
    let mut failed = failed(&report);
    failed.sort();
    let left = left.map(|(user, op, code)| (user.to_owned(), op, code));
    assert_eq!(failed, left);
}

/// The owner has left: whether the service keeps their place nobody knows, so it is tried.
#[test]
fn a_full_room_whose_owner_has_left_is_tried_once() {
    for is_kept in [false, true] {
        for (keys, first) in [
            ("members: [a, b, y, z]", None),
            ("members: [a, x, y, z]", Some("x")),
        ] {
            // Two are in, and one is where the owner may be counted; `x` has a place for certain once `b` is gone.
            let mut room = room_of("boss", &[], &["a", "b"]);
            room.leave("boss");
            let everyone = ["boss", "a", "b", "x", "y", "z"];
            let service = Service::new(live(room, if is_kept { 2 } else { 3 }, &everyone));
            // A service that keeps the owner's place: its room says 3 and takes 2.
            let service = service.with_fault(move |emulator, request, _| {
                let is_detail =
                    request.method == Http::GET && request.url.path().ends_with(room_id(0).as_str());
                (is_kept && is_detail).then(|| {
                    let state = emulator.state();
                    let members = state.rooms[&room_id(0)].members();
                    let rows: Vec<_> = members
                        .iter()
                        .map(|user| serde_json::json!({"member": user}))
                        .collect();
                    let body = serde_json::json!({"data": [{
                        "id": room_id(0).as_str(), "owner": "boss", "maxusers": 3,
                        "affiliations_count": rows.len(), "affiliations": rows,
                    }]});
                    Reply::Answer(200, body.to_string())
                })
            });
            let (_, report) = one_room(&service, &format!("{keys}, guards: {{max_removals: 100%}}"));
            let mut wanted = set(&["a"]);
            wanted.insert(first.unwrap_or("b").to_owned());
            let tried = "y";
            if !is_kept {
                wanted.insert(tried.to_owned());
            }
            assert_eq!(members(&service), wanted, "{keys}, {is_kept}: {report:?}");
            let mut full: Vec<(String, Op, &str)> = vec![("z".to_owned(), Op::Add, "room_full")];
            if is_kept {
                full.insert(0, (tried.to_owned(), Op::Add, "room_full"));
            }
            assert_eq!(failed(&report), full, "{keys}, {is_kept}");
        }
    }
}

#[derive(Debug, Clone)]
struct Case {
    /// In the room already, by number; the odd ones are wanted.
    here: BTreeSet<usize>,
    /// Wanted beside them.
    more: BTreeSet<usize>,
    /// Of all, who should be an admin.
    admins: BTreeSet<usize>,
    /// Whom the app does not know.
    unknown: BTreeSet<usize>,
    /// People who are in too many rooms.
    blocked: BTreeSet<usize>,
    /// Places beside those that are taken.
    places: u64,
    owner_left: bool,
    add_batch: usize,
    newer: bool,
}

prop_compose! {
    fn case()(
        here in prop::collection::btree_set(0usize..12, 0..6),
        more in prop::collection::btree_set(12usize..40, 1..14),
        admins in prop::collection::btree_set(0usize..40, 0..4),
        unknown in prop::collection::btree_set(12usize..40, 0..10),
        blocked in prop::collection::btree_set(12usize..40, 0..6),
        places in 0u64..8,
        owner_left in prop::bool::weighted(0.3),
        add_batch in 1usize..8,
        newer: bool,
    ) -> Case {
        Case { here, more, admins, unknown, blocked, places, owner_left, add_batch, newer }
    }
}

fn name(number: usize) -> String {
    format!("u{number:02}")
}

fn check(case: &Case) {
    let here: Vec<String> = case.here.iter().copied().map(name).collect();
    let refs: Vec<&str> = here.iter().map(String::as_str).collect();
    let mut room = room_of("boss", &[], &refs);
    if case.owner_left {
        room.leave("boss");
    }
    let maxusers = room.members().len() as u64 + case.places;
    let known: Vec<String> = (0..40).filter(|n| !case.unknown.contains(n)).map(name).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(["boss"]).collect();
    let options = Options {
        profile: Profile::all(if case.newer { Side::Newer } else { Side::Seed }),
        ..Options::default()
    };
    let blocked: BTreeSet<String> = case
        .blocked
        .difference(&case.unknown)
        .copied()
        .map(name)
        .collect();
    let refused = blocked.clone();
    let service =
        Service::with(live(room, maxusers, &known), options).with_fault(move |emulator, request, _| {
            let path = request.url.path();
            if request.method != Http::POST || !path.contains("/users") {
                return None;
            }
            let body = String::from_utf8(request.body.clone().unwrap_or_default().to_vec()).unwrap();
            let names =
                |user: &&String| body.contains(&format!("\"{user}\"")) || path.ends_with(&format!("/{user}"));
            // An unknown user is named first.
            let state = emulator.state();
            let is_unknown = (0..40)
                .map(name)
                .any(|user| names(&&user) && !state.users.as_ref().unwrap().contains(&user));
            let user = refused.iter().find(names).filter(|_| !is_unknown)?;
            let text = format!("user {user} has joined too many groups/chatroom!");
            Some(Reply::Answer(403, error("forbidden_op", &text)))
        });
    let wanted: BTreeSet<usize> = case
        .here
        .iter()
        .filter(|n| *n % 2 == 1)
        .chain(&case.more)
        .copied()
        .collect();
    let list = |set: &BTreeSet<usize>| set.iter().copied().map(name).collect::<Vec<_>>().join(", ");
    let desired = desired(&[&format!(
        "rooms: [{{id: {}, admins: [{}], members: [{}], allow_empty: true, guards: {{max_removals: 100%}}}}]",
        room_id(0),
        list(&case.admins),
        list(&wanted)
    )]);
    let batch = BatchLimits {
        add: case.add_batch,
        ..BATCH
    };
    let (_, report) = virtually(pass(&service.client(batch), &desired, None));
    let room = service.emulator.state().rooms[&room_id(0)].clone();
    let now = people(&room);
    let failed = failed(&report);
    let says = |user: &str, op| failed.iter().any(|(who, what, _)| who == user && *what == op);
    let is_full = room.members().len() as u64 >= maxusers;
    for number in wanted.union(&case.admins).copied() {
        let user = name(number);
        let can_come = !case.unknown.contains(&number) && !blocked.contains(&user);
        let is_in = now.members.contains(&user);
        assert!(
            is_in || !can_come || is_full,
            "{user} could have come: {report:?}"
        );
        assert_ne!(is_in, says(&user, Op::Add), "{user}: {report:?}");
        if case.admins.contains(&number) {
            let is_admin = now.admins.contains(&user);
            assert_eq!(is_admin, is_in, "{user}: {report:?}");
            assert_ne!(is_admin, says(&user, Op::Promote), "{user}: {report:?}");
        }
    }
    assert_eq!(report.tally().calls, writes(&service.take_sent()), "{report:?}");
    let is_whole = failed.is_empty();
    let exit = if is_whole { Exit::Done } else { Exit::Partly };
    assert_eq!(Exit::of_report(&report), exit, "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// In the end of one run the room is full, or everyone is in who can come.
    #[test]
    fn no_place_stays_empty(case in case()) {
        check(&case);
    }
}
