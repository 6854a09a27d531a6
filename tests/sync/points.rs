//! Every point where the documents about the service disagree, on either side: the client gets there all the same.

use crate::service::{
    BATCH, Service, desired, failed, members, pass, people, room, room_id, room_of, set, state, virtually,
    writes,
};
use http::Method as Http;
use roomsync::emulator::{Names, Options, Point, Profile, Room, Side};
use roomsync::live;
use roomsync::model::Op;
use std::collections::BTreeSet;

/// Every point alone on either side, in both profiles.
fn profiles() -> Vec<(Profile, String)> {
    let mut profiles = Vec::new();
    for base in [Side::Seed, Side::Newer] {
        for point in Point::ALL {
            for side in [Side::Seed, Side::Newer] {
                let mut profile = Profile::all(base);
                profile.set(*point, side);
                profiles.push((profile, format!("{}={side:?} in {base:?}", point.name())));
            }
        }
    }
    profiles
}

/// Others change the room, and the app's users, once its plan is made.
fn interfere(emulator: &roomsync::emulator::Emulator) {
    emulator.edit(|state| {
        let users = state.users.as_mut().unwrap();
        users.remove("x0");
        users.remove("ann");
        let room: &mut Room = state.rooms.get_mut(&room_id(0)).unwrap();
        // Somebody to be removed and somebody to be demoted are no more, and others have gone, come and changed roles.
        room.leave("x0");
        room.leave("ann");
        room.leave("x1");
        room.demote("old");
        room.promote("mia");
        room.join("n0");
        // The owner is in no list.
        room.leave("boss");
    });
}

#[test]
fn a_room_converges_whatever_the_service_does_at_any_of_them() {
    let names = |prefix: &str, count| (0..count).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let (leavers, newcomers) = (names("x", 150), names("n", 150));
    for (profile, point) in profiles() {
        let mut live = room(&["ann", "old", "head"], &["mia", "kept"]);
        let people_of_room = live.rooms.get_mut(&room_id(0)).unwrap();
        leavers.iter().for_each(|user| {
            people_of_room.join(user);
        });
        let known = ["boss", "ann", "old", "head", "mia", "kept", "omar"].map(str::to_owned);
        let known = known.into_iter().chain(leavers.clone()).chain(newcomers.clone());
        live.users = Some(known.collect::<Names>());
        let options = Options {
            profile,
            ..Options::default()
        };
        let interfered = std::sync::Once::new();
        let service = Service::with(live, options).with_fault(move |emulator, request, _| {
            if request.method != Http::GET {
                interfered.call_once(|| interfere(emulator));
            }
            None
        });
        let desired = desired(&[&format!(
            "rooms: [{{id: {}, admins: [head, mia, omar, ghost], members: [kept, old, wraith, {}],
              guards: {{max_removals: 100%, max_demotions: 100%}}}}]",
            room_id(0),
            newcomers.join(", ")
        )]);
        let _ = virtually(pass(&service.client(BATCH), &desired, None));
        let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
        let mut wanted: BTreeSet<String> = set(&["head", "mia", "omar", "kept", "old"]);
        wanted.extend(newcomers.clone());
        assert_eq!(members(&service), wanted, "{point}");
        let state = service.emulator.state();
        let room = &state.rooms[&room_id(0)];
        assert_eq!(people(room).admins, set(&["head", "mia", "omar"]), "{point}");
        assert_eq!(room.owner(), "boss");
        let unknown = ["ghost", "wraith"].map(|user| (user.to_owned(), Op::Add, "no_such_user"));
        let mut unknown = unknown.to_vec();
        unknown.push(("ghost".to_owned(), Op::Promote, "no_such_user"));
        assert_eq!(failed(&report), unknown, "{point}");

        // What can be done is done: the third pass tries the unknown people alone.
        service.take_sent();
        let _ = virtually(pass(&service.client(BATCH), &desired, None));
        assert!(writes(&service.take_sent()) <= 3, "{point}");
    }
}

#[test]
fn the_app_s_rooms_are_listed_whole_and_those_that_are_gone_are_told() {
    for (profile, point) in profiles() {
        let rooms = (0..250).map(|n| (room_id(n), room_of("boss", &[], &["a"])));
        let options = Options {
            profile,
            ..Options::default()
        };
        let service = Service::with(state(rooms), options);
        let list = virtually(live::list_rooms(&service.read_only(BATCH).reader())).unwrap();
        assert!(list.rooms.keys().cloned().eq((0..250).map(room_id)), "{point}");

        let desired = desired(&[&format!(
            "rooms: [{{id: {}, members: [a]}}, {{id: 7, members: [a]}}]",
            room_id(1)
        )]);
        let (planned, _) = virtually(pass(&service.client(BATCH), &desired, None));
        let errors: Vec<_> = planned
            .plan
            .rooms
            .iter()
            .map(|room| room.error.as_ref().map(|error| error.code.as_str()))
            .collect();
        assert_eq!(errors, [None, Some("no_such_room")], "{point}");
    }
}
