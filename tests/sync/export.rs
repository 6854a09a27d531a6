//! Live rooms → a room file → a plan, over random fleets: what was exported wants nothing.

use crate::service::{BATCH, Reply, Service, is_known_call, people, room_id, room_of, state, virtually};
use proptest::prelude::*;
use roomsync::chat::{CallError, Reader};
use roomsync::desired::{self, Desired, DesiredRoom, Loaded, Retain};
use roomsync::diagnostics;
use roomsync::emulator::{Options as Emulated, Profile, Room, Side};
use roomsync::export::{Earlier, Options, RoomFile, SeenBefore, room_file};
use roomsync::live::{self, Observed, ReadRequest, RoomListError};
use roomsync::model::{Guards, Limit, Mode, RoomDefaults, RoomId, UserId};
use roomsync::plan::{FleetGuard, FleetPlan, Status};
use roomsync::reconcile;
use serde_json::json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

type Set = BTreeSet<String>;

/// Names that a YAML reader may take for something else.
const TRICKY: [&str; 26] = [
    "on",
    "OFF",
    "y",
    "N",
    "yes",
    "no",
    "null",
    "NULL",
    "true",
    "False",
    "1e3",
    "0x1F",
    "0o7",
    "007",
    "42",
    "1_000",
    "2024-01-01",
    "-",
    "--",
    "---",
    "-a",
    ".5",
    ".inf",
    ".nan",
    "1.",
    "_",
];

/// Names that old data on the service may hold and that are never sent.
const ODD: [&str; 8] = [
    "a,b",
    "..",
    "ü",
    "two words",
    "a\u{1b}[31m",
    "x\ny: z",
    "# no",
    "\u{202e}evil",
];

fn user() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "u[0-9]",
        2 => prop::sample::select(&TRICKY[..]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9_.-]{1,64}",
        1 => prop::sample::select(&ODD[..]).prop_map(str::to_owned),
    ]
}

prop_compose! {
    fn live_room()(
        owner in prop_oneof![3 => Just("boss".to_owned()), 2 => user()],
        owner_left in prop::bool::weighted(0.2),
        members in prop_oneof![1 => Just(Set::new()), 6 => prop::collection::btree_set(user(), 0..14)],
        admins in prop_oneof![1 => Just(Set::new()), 2 => prop::collection::btree_set(user(), 0..6)],
        name in prop::option::of(prop_oneof![Just("Team \"lounge\"".to_owned()), any::<String>(), "[a-z\u{202e}\u{2028}\u{feff}: #'-]{0,120}"]),
        full in any::<bool>(),
    ) -> Room {
        let mut room = Room::new(&owner);
        for user in members.iter().chain(&admins) {
            room.join(user);
        }
        for user in &admins {
            room.promote(user);
        }
        if owner_left {
            room.leave(&owner);
        }
        room.name = name;
        if full {
            room.maxusers = room.members().len() as u64;
        }
        room
    }
}

/// Looks at rooms and writes them down, as `roomsync export` does.
async fn export(reader: &Reader, options: Options) -> RoomFile {
    export_with(reader, &SeenBefore::new(), options).await
}

/// The same, with people who were seen before.
async fn export_with(reader: &Reader, seen_before: &SeenBefore, options: Options) -> RoomFile {
    let ids = live::list_rooms(reader).await.unwrap().rooms;
    let requests: Vec<ReadRequest<'_>> = ids.keys().map(ReadRequest::of_all).collect();
    let looks = RefCell::new(Vec::new());
    let take = |at: usize, look: Result<Observed, CallError>| {
        let id: &RoomId = requests[at].room;
        looks
            .borrow_mut()
            .push((id.clone(), look.map_err(|error| error.kind.to_string())));
    };
    live::read_rooms(reader, &requests, &take).await.unwrap();
    room_file("acme#demo", looks.into_inner(), seen_before, options)
}

/// Codes of the warnings that a file of these rooms may have: about odd names and rooms of the same name.
fn expected_warnings(rooms: &[Room]) -> Set {
    let mut names = BTreeSet::new();
    let names = rooms
        .iter()
        .filter_map(|room| room.name.as_ref())
        .filter(|name| !names.insert(*name))
        .count();
    let mut people = rooms
        .iter()
        .flat_map(|room| room.members().iter().chain(room.admins().iter()));
    let dash = people.any(|user| user.starts_with('-') && sendable(user));
    let codes = [(dash, "leading-dash"), (names > 0, "same-name")];
    codes
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, code)| code.to_owned())
        .collect()
}

/// Rooms of a file, which must be without any warning but those. The guards allow everything.
fn parsed(text: &str, expected: &Set) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exported.yaml");
    std::fs::write(&path, text).unwrap();
    let guards = Guards {
        max_removals: Limit::Share(10_000),
        max_demotions: Limit::Share(10_000),
        ..Guards::default()
    };
    let defaults = RoomDefaults {
        guards,
        ..RoomDefaults::default()
    };
    match desired::load(&[path], None, &defaults, Retain::Provenance) {
        Ok(loaded)
            if loaded
                .warnings
                .iter()
                .all(|warning| expected.contains(warning.code)) =>
        {
            loaded
        }
        Ok(loaded) => panic!("{}\n{text}", diagnostics::render(&loaded.warnings, false)),
        Err(invalid) => panic!("{}\n{text}", diagnostics::render(&invalid.diagnostics, false)),
    }
}

async fn plan(reader: &Reader, desired: &Desired) -> FleetPlan {
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    let guard = FleetGuard::of_all_rooms(Limit::Count(u64::MAX));
    reconcile::plan(reader, &rooms, Some(guard), &|| {}).await.plan
}

fn all_options() -> impl Iterator<Item = Options> {
    [Mode::Additive, Mode::Authoritative]
        .into_iter()
        .flat_map(|mode| {
            [false, true].map(|group_by_common| Options {
                mode,
                group_by_common,
                are_kept: false,
            })
        })
}

fn service_of(rooms: &[Room], side: Side) -> Service {
    let options = Emulated {
        profile: Profile::all(side),
        ..Emulated::default()
    };
    let rooms = rooms.iter().cloned().enumerate();
    Service::with(state(rooms.map(|(n, room)| (room_id(n), room))), options)
}

fn sendable(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    name.chars().all(good) && name.chars().any(|c| c != '.') && name.len() <= 64
}

fn is_nothing(plan: &FleetPlan) -> bool {
    let rooms = &plan.rooms;
    rooms.iter().all(|room| {
        let quiet = room.notes.iter().all(|note| note.code.as_str() == "foreign_name");
        room.status == Status::InSync && room.steps().is_empty() && quiet
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn planning_an_export_straight_after_is_empty(rooms in prop::collection::vec(live_room(), 1..6)) {
        for side in [Side::Seed, Side::Newer] {
            let service = service_of(&rooms, side);
            let reader = service.read_only(BATCH).reader();
            virtually(async {
                let mut plain = Vec::new();
                for options in all_options() {
                    let RoomFile { text, left_out } = export(&reader, options).await;
                    let text = text.unwrap();
                    assert_eq!(left_out, []);
                    let loaded = parsed(&text, &expected_warnings(&rooms));
                    assert_eq!(loaded.desired.rooms.len(), rooms.len());
                    let planned = plan(&reader, &loaded.desired).await;
                    assert!(is_nothing(&planned), "{options:?}\n{text}\n{planned:?}");
                    // Groups change how it is said, not what.
                    if options.group_by_common {
                        assert_eq!(loaded.desired.rooms, plain);
                    } else {
                        assert_eq!(loaded.groups, 0);
                        plain = loaded.desired.rooms;
                    }
                }
                assert!(service.take_sent().iter().all(is_known_call));
            });
        }
    }

    #[test]
    fn an_authoritative_export_wants_back_exactly_what_changed_since(
        rooms in prop::collection::vec((live_room(), live_room()), 1..4),
        group_by_common in any::<bool>(),
    ) {
        let before: Vec<Room> = rooms.iter().map(|(room, _)| room.clone()).collect();
        let service = service_of(&before, Side::Seed);
        let reader = service.read_only(BATCH).reader();
        let options = Options { mode: Mode::Authoritative, group_by_common, are_kept: false };
        virtually(async {
            let text = export(&reader, options).await.text.unwrap();
            service.emulator.edit(|state| {
                for (number, (old, new)) in rooms.iter().enumerate() {
                    let mut room = Room::new(old.owner());
                    new.members().iter().for_each(|user| { room.join(user); });
                    new.admins().iter().for_each(|user| { room.promote(user); });
                    state.rooms.insert(room_id(number), room);
                }
            });
            let planned = plan(&reader, &parsed(&text, &expected_warnings(&before)).desired).await;
            let now = service.emulator.state();
            for (number, (old, _)) in rooms.iter().enumerate() {
                let id = room_id(number);
                let (old, new) = (people(old), people(&now.rooms[&id]));
                let room = planned.rooms.iter().find(|room| room.id == id).unwrap();
                for (planned, from, to) in [
                    (&room.add, &new.members, &old.members),
                    (&room.remove, &old.members, &new.members),
                    (&room.promote, &new.admins, &old.admins),
                    (&room.demote, &old.admins, &new.admins),
                ] {
                    let planned: Set = planned.iter().map(ToString::to_string).collect();
                    let wanted: Set = to.difference(from).filter(|name| sendable(name)).cloned().collect();
                    assert_eq!(planned, wanted, "{text}\n{room:?}");
                }
            }
        });
    }

    #[test]
    fn who_was_there_before_is_a_comment_and_can_be_taken_out_of_it(
        rooms in prop::collection::vec((live_room(), prop::collection::btree_map(user(), any::<bool>(), 0..8)), 1..4),
    ) {
        let live: Vec<Room> = rooms.iter().map(|(room, _)| room.clone()).collect();
        let service = service_of(&live, Side::Seed);
        let reader = service.read_only(BATCH).reader();
        let earlier = |people: &BTreeMap<String, bool>| {
            let people = people.iter().filter_map(|(name, by_event)| Some((UserId::parse(name).ok()?, *by_event)));
            people.map(|(user, by_event)| Earlier { user, day: "2026-11-23".to_owned(), by_event }).collect()
        };
        let seen_before: SeenBefore =
            (0..).zip(&rooms).map(|(n, (_, people))| (room_id(n), earlier(people))).collect();
        let expected = expected_warnings(&live);
        let mut with_dash = expected.clone();
        if rooms.iter().any(|(_, people)| people.keys().any(|name| name.starts_with('-') && sendable(name))) {
            with_dash.insert("leading-dash".to_owned());
        }
        virtually(async {
            for options in all_options() {
                let plain = export(&reader, options).await.text.unwrap();
                let text = export_with(&reader, &seen_before, options).await.text.unwrap();
                assert_eq!(parsed(&text, &expected).desired.rooms, parsed(&plain, &expected).desired.rooms, "{text}");
                let all_in = text
                    .replace("      # - ", "      - ")
                    .replace("    members: []\n    # seen", "    # seen")
                    .replace("    # members:\n", "    members:\n")
                    .replace("    #   - ", "      - ");
                let listed = parsed(&all_in, &with_dash).desired.rooms;
                for (number, (room, _)) in rooms.iter().enumerate() {
                    let live = people(room);
                    let is_new = |earlier: &&Earlier| {
                        let name = earlier.user.as_str();
                        let is_admin = room.admins().iter().any(|admin| admin == name);
                        !live.members.contains(name) && name != room.owner() && !is_admin
                    };
                    let before = seen_before[&room_id(number)].iter().filter(is_new);
                    let mut wanted: Set = before.map(|earlier| earlier.user.as_str().to_owned()).collect();
                    let listed = listed.iter().find(|listed| listed.id == room_id(number)).unwrap();
                    let names = |room: &DesiredRoom| -> Set {
                        room.members.iter().flatten().map(ToString::to_string).collect()
                    };
                    let plain = parsed(&plain, &expected).desired.rooms;
                    wanted.extend(names(plain.iter().find(|room| room.id == room_id(number)).unwrap()));
                    assert_eq!(names(listed), wanted, "{text}");
                }
            }
        });
    }

    #[test]
    fn every_name_comes_back(names in prop::collection::btree_set("[a-zA-Z0-9_.-]{1,64}", 1..40)) {
        let names: Set = names.into_iter().filter(|name| sendable(name)).map(|name| name.to_lowercase()).collect();
        let members: Vec<&str> = names.iter().map(String::as_str).collect();
        let rooms = [room_of("the-boss", &[], &members)];
        let service = service_of(&rooms, Side::Seed);
        let options = Options { mode: Mode::Additive, group_by_common: false, are_kept: false };
        let text = virtually(export(&service.read_only(BATCH).reader(), options)).text.unwrap();
        let back = parsed(&text, &expected_warnings(&rooms)).desired.rooms[0].members.clone().unwrap_or_default();
        let back: Set = back.iter().map(ToString::to_string).collect();
        prop_assert_eq!(back, names);
    }
}

#[test]
fn what_no_file_can_want_is_left_out() {
    let mut ghost = room_of("boss", &["mia"], &["bob"]);
    ghost.leave_with_role("mia");
    let mut many = room_of("boss", &[], &[]);
    for number in 0..=roomsync::model::MAX_ADMINS {
        many.join(&format!("a{number}"));
        many.promote(&format!("a{number}"));
    }
    let service = service_of(&[ghost, many, room_of("boss", &[], &["bob"])], Side::Newer);
    let reader = service.read_only(BATCH).reader();
    virtually(async {
        for options in all_options() {
            let RoomFile { text, left_out } = export(&reader, options).await;
            let text = text.unwrap();
            let told: Vec<&RoomId> = left_out.iter().map(|left_out| &left_out.room).collect();
            let ghost_too = options.mode == Mode::Authoritative;
            assert_eq!(told, [&room_id(0), &room_id(1)][usize::from(!ghost_too)..]);
            assert_eq!(
                text.contains("an admin who was not in the room: \"mia\""),
                !ghost_too
            );
            let planned = plan(&reader, &parsed(&text, &Set::new()).desired).await;
            assert!(is_nothing(&planned), "{text}\n{planned:?}");
        }
    });
}

#[test]
fn an_incomplete_look_is_not_exported() {
    let torn = |_: &roomsync::emulator::Emulator, request: &roomsync::chat::Request, _: usize| {
        let list = request.url.path().ends_with(&format!("/{}/users", room_id(1)));
        list.then(|| Reply::Answer(200, json!({"data": [{"owner": "boss"}], "count": 7}).to_string()))
    };
    let rooms = [room_of("boss", &[], &["a"]), room_of("boss", &[], &["b"])];
    let service = service_of(&rooms, Side::Seed).showing(0).with_fault(torn);
    let options = all_options().next().unwrap();
    let RoomFile { text, left_out } = virtually(export(&service.read_only(BATCH).reader(), options));
    assert_eq!(left_out[0].room, room_id(1));
    assert!(
        left_out[0].why.contains("has 1 row and says it has 7"),
        "{left_out:?}"
    );
    let text = text.unwrap();
    assert!(
        text.contains(&format!("# Room {} is missing: ", room_id(1))),
        "{text}"
    );
    assert_eq!(parsed(&text, &Set::new()).desired.rooms.len(), 1);
}

/// Answers the list of rooms by the page that its cursor asks for.
fn listing(page: impl Fn(Option<u32>) -> serde_json::Value + Send + Sync + 'static) -> Service {
    service_of(&[], Side::Seed).with_fault(move |_, request, _| {
        let mut query = request.url.query_pairs();
        let cursor = query
            .find(|(key, _)| key == "cursor")
            .map(|(_, value)| value.parse().unwrap());
        Some(Reply::Answer(200, page(cursor).to_string()))
    })
}

fn rows(ids: &[&str]) -> serde_json::Value {
    ids.iter().map(|id| json!({"id": id, "name": null})).collect()
}

#[test]
fn the_list_of_rooms_is_read_to_its_end() {
    for rooms in [0, 1, 100, 101, 250] {
        let service = service_of(&vec![Room::new("boss"); rooms], Side::Seed);
        let list = virtually(live::list_rooms(&service.read_only(BATCH).reader())).unwrap();
        assert_eq!((list.rooms.len(), list.foreign.len()), (rooms, 0));
        let calls = service.take_sent();
        assert_eq!(calls.len(), rooms.div_ceil(100).max(1));
        assert!(calls.iter().all(is_known_call), "{calls:?}");
    }
    // Rooms may come twice, pages may be empty at the end, and ids may be anything.
    let service = listing(|cursor| match cursor {
        None => json!({"data": rows(&["1", "2"]), "cursor": "2"}),
        Some(2) => json!({"data": rows(&["2", "3", "../4", "x"]), "cursor": "3"}),
        Some(_) => json!({"data": [], "count": 0, "cursor": "3"}),
    });
    let list = virtually(live::list_rooms(&service.client(BATCH).reader())).unwrap();
    let ids: Vec<&str> = list.rooms.keys().map(RoomId::as_str).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(list.foreign.into_iter().collect::<Vec<_>>(), ["../4", "x"]);
    assert_eq!(service.take_sent().len(), 3);
}

#[test]
fn a_list_of_rooms_without_an_end_is_none() {
    let same = listing(|_| json!({"data": rows(&["1", "2"]), "cursor": "7"}));
    let round = listing(|cursor| {
        let next = (cursor.unwrap_or_default() + 1) % 3;
        json!({"data": rows(&[["1", "2", "3"][next as usize]]), "cursor": next.to_string()})
    });
    // Each page shows another room, but leads to itself.
    let calls = std::sync::atomic::AtomicU32::new(1);
    let stuck = listing(move |_| {
        let id = calls
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
            .to_string();
        json!({"data": rows(&[&id]), "cursor": "7"})
    });
    for (service, most) in [(same, 2), (round, 4), (stuck, 2)] {
        let error = virtually(live::list_rooms(&service.client(BATCH).reader())).unwrap_err();
        assert!(matches!(error, RoomListError::GoesInCircles(_)), "{error}");
        assert!(service.take_sent().len() <= most);
    }
}
