//! Servers that refuse room detail, or serve smaller pages than they are asked for.

use crate::service::{BATCH, Reply, Service, desired, pass, people, room_id, room_of, state, virtually};
use http::Method as Http;
use roomsync::chat::Request;
use roomsync::emulator::{Emulator, Fault};
use roomsync::model::RoomId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An answer to room detail of so many rooms, or `None` to leave it to the emulator.
type Detail = fn(rooms: usize) -> Option<(u16, &'static str)>;

const REFUSALS: [(&str, Detail); 8] = [
    ("403", |_| {
        Some((403, r#"{"error":"forbidden_op","error_description":"no"}"#))
    }),
    ("404", |_| {
        Some((
            404,
            r#"{"error":"service_resource_not_found","error_description":"Service resource not found"}"#,
        ))
    }),
    ("405", |_| Some((405, ""))),
    ("500", |_| {
        Some((500, r#"{"error":"internal","error_description":"no"}"#))
    }),
    ("502", |_| Some((502, "<html>"))),
    ("no json", |_| Some((200, "ok"))),
    ("no data", |_| Some((200, r#"{"action":"get"}"#))),
    ("one alone", |rooms| {
        (rooms > 1).then_some((400, r#"{"error":"illegal_argument","error_description":"no"}"#))
    }),
];

/// Rooms of a call of room detail.
fn detail_rooms(request: &Request) -> Option<usize> {
    let path = request.url.path().strip_prefix("/acme/demo/chatrooms/")?;
    (request.method == Http::GET && !path.contains('/')).then(|| path.split("%2C").count())
}

/// Each room has an owner, an admin, somebody to go, and lacks somebody; the last room is large.
fn fleet(rooms: usize, large: usize) -> (Vec<(RoomId, roomsync::emulator::Room)>, String) {
    let many: Vec<String> = (0..large).map(|n| format!("m{n}")).collect();
    let live = (0..rooms).map(|n| {
        let mut members = vec!["ann", "bob", "cy", "dee", "gone"];
        if n + 1 == rooms {
            members.extend(many.iter().map(String::as_str));
        }
        (room_id(n), room_of("boss", &["ann"], &members))
    });
    let files = (0..rooms).map(|n| {
        let others = if n + 1 == rooms {
            many.join(", ")
        } else {
            String::new()
        };
        let others = if others.is_empty() {
            others
        } else {
            format!(", {others}")
        };
        format!(
            "  - {{id: {}, admins: [ann], members: [bob, cy, dee, new{others}]}}\n",
            room_id(n)
        )
    });
    let files = format!("rooms:\n{}", files.collect::<String>());
    (live.collect(), files)
}

/// Runs a pass and checks that every room is as wanted; gives the calls of room detail and all others.
fn converges(service: &Service, files: &str) -> (usize, usize) {
    let desired = desired(&[files]);
    let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
    let sent = service.take_sent();
    assert_eq!(report.tally().converged, desired.rooms.len(), "{report:?}");
    service.emulator.edit(|state| {
        for room in &desired.rooms {
            let live = people(&state.rooms[&room.id]);
            let wanted = room.members.iter().chain(&room.admins).flatten();
            let wanted: BTreeSet<String> = wanted.map(ToString::to_string).collect();
            assert_eq!(live.members, wanted);
            assert_eq!(state.rooms[&room.id].owner(), "boss");
        }
    });
    let details = |(method, path, ..): &&(Http, String, String, u16)| {
        method == Http::GET && !path.contains("/users") && !path.contains("/admin")
    };
    let details = sent.iter().filter(details).count();
    (details, sent.len() - details)
}

#[test]
fn rooms_are_read_by_their_lists_where_room_detail_is_refused() {
    for rooms in [1, 5, 120] {
        for (name, refuse) in REFUSALS {
            let (live, files) = fleet(rooms, 30);
            let service = Service::new(state(live)).with_fault(move |_, request, _| {
                let (status, body) = refuse(detail_rooms(request)?)?;
                Some(Reply::Answer(status, body.into()))
            });
            let (details, others) = converges(&service, &files);
            // Two ask at a time, and each read is tried four times.
            let most = if rooms > 100 { 24 } else { 12 };
            let most = if name == "one alone" { rooms * 3 + 12 } else { most };
            assert!(details <= most, "{name}: {details} calls for {rooms} rooms");
            assert!(others <= rooms * 12, "{name}: {others} calls for {rooms} rooms");
        }
    }
}

/// A page of a member list as a server gives it that serves at most `size` rows.
fn page(emulator: &Emulator, request: &Request, size: usize) -> Option<Vec<Value>> {
    let path = request.url.path().strip_prefix("/acme/demo/chatrooms/")?;
    let id = path
        .strip_suffix("/users")
        .filter(|_| request.method == Http::GET)?;
    let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
    let (number, asked): (usize, usize) = (query["pagenum"].parse().ok()?, query["pagesize"].parse().ok()?);
    let size = size.min(asked);
    let id = RoomId::parse(id).ok()?;
    Some(emulator.edit(|state| {
        let room = &state.rooms[&id];
        let is_owner = |name: &&str| *name == room.owner();
        let members = room.members().iter().filter(|name| !is_owner(name));
        let rows = members.map(|name| json!({"member": name}));
        let owner = json!({"owner": room.owner()});
        let rows: Vec<Value> = rows.chain([owner]).collect();
        rows.chunks(size).nth(number - 1).unwrap_or_default().to_vec()
    }))
}

#[test]
fn a_list_is_read_to_its_end_whatever_size_the_pages_have() {
    type Past = fn() -> Reply;
    let pasts: [(&str, Past); 3] = [
        ("an empty page", || {
            Reply::Answer(200, r#"{"data":[],"count":0}"#.into())
        }),
        ("400", || {
            Reply::Answer(
                400,
                r#"{"error":"invalid_parameter","error_description":"pagenum"}"#.into(),
            )
        }),
        ("404", || {
            Reply::Answer(
                404,
                r#"{"error":"resource_not_found","error_description":"no such page"}"#.into(),
            )
        }),
    ];
    for size in [50, 100, 999, 1_000] {
        for large in [50, 94, 95, 244, 2_494] {
            for detail in [true, false] {
                for (name, past) in pasts.iter().take(if large > 1_000 { 1 } else { 3 }) {
                    let past = *past;
                    let (live, files) = fleet(1, large);
                    let service =
                        Service::new(state(live))
                            .showing(0)
                            .with_fault(move |emulator, request, _| {
                                if detail_rooms(request).is_some() && !detail {
                                    return Some(Reply::Answer(405, String::new()));
                                }
                                let rows = page(emulator, request, size)?;
                                if rows.is_empty() {
                                    return Some(past());
                                }
                                let count = rows.len();
                                Some(Reply::Answer(
                                    200,
                                    json!({"data": rows, "count": count}).to_string(),
                                ))
                            });
                    let (_, others) = converges(&service, &files);
                    let pages = (large + 6).div_ceil(size);
                    // The add may push the owner, who stands last here, to another page: then all are read before the removal.
                    let most = 3 * (pages + 1) + 12;
                    assert!(
                        others <= most,
                        "{name}, {size}, {large}, {detail}: {others} calls"
                    );
                }
            }
        }
    }
}

#[test]
fn servers_of_every_kind_are_read_to_the_end() {
    let details = [
        "",
        "room_detail:object",
        "room_detail:fields=id",
        "room_detail:without=affiliations+owner",
        "room_detail:403",
        "room_detail:405",
        "room_detail:501",
        "room_detail:html",
        "room_detail:404=service_resource_not_found",
        "room_detail,several:404=service_resource_not_found",
    ];
    let lists = [
        "page=50",
        "page=50+told",
        "page=100",
        "page=100+told",
        "page=999",
        "owner=1",
        "owner=7",
        "owner=9999",
        "unsorted=3",
        "past_end=400",
        "past_end=404",
        "without=count",
        "without=count+params",
    ];
    let mut servers = 0;
    for large in [244, 2_494] {
        for detail in details.iter().take(if large > 1_000 { 5 } else { details.len() }) {
            for list in lists {
                for page in ["page=100", "page=1000"] {
                    let (live, files) = fleet(2, large);
                    let service = Service::new(state(live)).showing(0);
                    for fault in [
                        detail.to_string(),
                        format!("list_members:{page}"),
                        format!("list_members:{list}"),
                    ] {
                        if !fault.is_empty() {
                            service.emulator.add_fault(Fault::parse(&fault).unwrap());
                        }
                    }
                    println!("{large} members, {detail}, {list}, {page}");
                    converges(&service, &files);
                    servers += 1;
                }
            }
        }
    }
    println!("{servers} servers");
}

/// Where each page has another order, some people are on none of them.
/// The owner has left, and is no longer counted: the one person whom a full page leaves to the next is not the owner.
#[test]
fn the_last_page_is_read_though_the_owner_has_left() {
    for people in [50, 51, 52, 101] {
        let names: Vec<String> = (0..people).map(|n| format!("m{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut room = room_of("boss", &[], &names);
        room.leave("boss");
        let service = Service::new(state([(room_id(0), room)])).showing(0);
        let small = Fault::parse("list_members:page=50").unwrap();
        service.emulator.add_fault(small);
        // The last one is to go.
        let files = format!(
            "rooms: [{{id: {}, members: [{}]}}]",
            room_id(0),
            names[..people - 1].join(", ")
        );
        converges(&service, &files);
    }
}

#[test]
fn a_list_that_is_shuffled_between_pages_removes_nobody_who_is_wanted() {
    for (detail, seed) in ["", "room_detail:403"]
        .into_iter()
        .flat_map(|detail| (0..10).map(move |seed| (detail, seed)))
    {
        let (live, files) = fleet(2, 244);
        let before: Vec<_> = live.iter().map(|(id, room)| (id.clone(), people(room))).collect();
        let service = Service::new(state(live)).showing(0);
        let faults = [
            detail.to_owned(),
            "list_members:page=100".into(),
            format!("list_members:shuffled={seed}"),
        ];
        for fault in faults.iter().filter(|fault| !fault.is_empty()) {
            service.emulator.add_fault(Fault::parse(fault).unwrap());
        }
        let desired = desired(&[&files]);
        let _ = virtually(pass(&service.client(BATCH), &desired, None));
        service.emulator.edit(|state| {
            for (id, before) in &before {
                let room = &state.rooms[id];
                let mut wanted = before.members.clone();
                wanted.remove("gone");
                assert!(
                    people(room).members.is_superset(&wanted) && room.owner() == "boss",
                    "seed {seed}"
                );
            }
        });
    }
}
