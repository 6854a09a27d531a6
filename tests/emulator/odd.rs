//! Servers that are not like the one in the documents.

mod limits;

use super::support::{ROOM, STATE, send};
use axum::body::{Body, to_bytes};
use http::Request;
use roomsync::emulator::{Emulator, Environment, Fault, Options, Room, State};
use roomsync::model::RoomId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

/// A second room beside the one of [`STATE`].
const OTHER: &str = "66213271109634";

fn with(faults: &[&str]) -> Emulator {
    let mut state = State::parse(STATE).unwrap();
    state.users = None;
    state
        .rooms
        .insert(RoomId::parse(OTHER).unwrap(), Room::new("olga"));
    struck_by(state, 1, faults)
}

fn struck_by(state: State, seed: u64, faults: &[&str]) -> Emulator {
    let environment = Environment {
        seed,
        ..Environment::default()
    };
    let emulator = Emulator::in_environment(state, Options::default(), environment);
    for fault in faults {
        emulator.add_fault(Fault::parse(fault).unwrap());
    }
    emulator
}

/// A room of an owner and this many others.
fn crowd(others: usize, seed: u64, faults: &[&str]) -> Emulator {
    let mut room = Room::new("owner");
    for n in 0..others {
        room.join(&format!("u{n}"));
    }
    let mut state = State::parse("{tokens: [secret]}").unwrap();
    state.rooms.insert(RoomId::parse(ROOM).unwrap(), room);
    struck_by(state, seed, faults)
}

/// Status, type and text of an answer as it comes.
async fn raw(emulator: &Emulator, call: &str, body: &str) -> (u16, String, String) {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(format!("/acme/demo{path}"));
    let request = request.header("authorization", "Bearer secret");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let answer = emulator.router().oneshot(request).await.unwrap();
    let kind = answer
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await;
    let text = body.map_or_else(
        |_| "reset".to_owned(),
        |body| String::from_utf8(body.to_vec()).unwrap(),
    );
    (status, kind.unwrap_or_default(), text)
}

fn names(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row.get("member").or(row.get("owner")).unwrap().as_str().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn room_detail_is_refused_for_ever_and_for_one_room_as_for_two() {
    for (what, status, said) in [
        ("403", 403, r#""error":"forbidden_op""#),
        (
            "404=service_resource_not_found",
            404,
            r#""error_description":"Service resource not found""#,
        ),
        ("405", 405, r#""error":"method_not_allowed""#),
        ("500", 500, r#""error":"internal_server_error""#),
        ("501", 501, r#""error":"internal_server_error""#),
        ("html=502", 502, "<h1>502 Bad Gateway</h1>"),
    ] {
        let emulator = with(&[&format!("room_detail:{what}")]);
        for _ in 0..20 {
            for rooms in [ROOM.to_owned(), format!("{ROOM}%2C{OTHER}")] {
                let (answered, kind, text) = raw(&emulator, &format!("GET /chatrooms/{rooms}"), "").await;
                assert_eq!(answered, status, "{what}");
                assert_eq!(kind.contains("html"), what.contains("html"));
                assert!(text.contains(said), "{text}");
            }
        }
        assert_eq!(
            send(&emulator, &format!("GET /chatrooms/{ROOM}/users"), "")
                .await
                .0,
            200
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_room_is_known_and_several_are_not() {
    for status in [404, 400] {
        let emulator = with(&[&format!("room_detail,several:{status}")]);
        let detail = async |rooms: &str| send(&emulator, &format!("GET /chatrooms/{rooms}"), "").await.0;
        assert_eq!(detail(ROOM).await, 200);
        assert_eq!(detail(&format!("{ROOM}%2C{OTHER}")).await, status);
        assert_eq!(detail(OTHER).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_one_room() {
    let emulator = with(&[&format!("reads,room={OTHER}:500")]);
    for (path, status) in [
        (ROOM.to_owned(), 200),
        (OTHER.to_owned(), 500),
        (format!("{ROOM}%2C{OTHER}"), 500),
        (format!("{ROOM}/admin"), 200),
        (format!("{OTHER}/admin"), 500),
    ] {
        assert_eq!(
            send(&emulator, &format!("GET /chatrooms/{path}"), "").await.0,
            status,
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn room_detail_of_other_shapes() {
    let one = format!("GET /chatrooms/{ROOM}");
    let two = format!("GET /chatrooms/{ROOM}%2C{OTHER}");
    let data = async |faults: &[&str], call: &str| {
        let (status, answer) = send(&with(faults), call, "").await;
        assert_eq!(status, 200);
        answer["data"].clone()
    };
    let whole = data(&[], &one).await;
    assert_eq!(data(&["room_detail:object"], &one).await, whole[0]);
    assert_eq!(
        data(&["room_detail:object"], &two)
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        data(&["room_detail:fields=id"], &two).await,
        json!([{"id": ROOM}, {"id": OTHER}])
    );
    assert_eq!(
        data(&["room_detail:object", "room_detail:fields=id+owner"], &one).await,
        json!({"id": ROOM, "owner": "alice"})
    );
    let mut bare = whole.clone();
    bare[0].as_object_mut().unwrap().remove("affiliations");
    assert_eq!(data(&["room_detail:without=affiliations"], &one).await, bare);
    let last = data(&["room_detail:owner=9"], &one).await;
    assert_eq!(names(&last[0]["affiliations"]), ["bob", "carol", "alice"]);
}

#[tokio::test(start_paused = true)]
async fn the_owner_stands_anywhere() {
    for (number, page, at) in [(1, 1, 0), (2, 1, 1), (1000, 1, 999), (1001, 2, 0), (9999, 3, 9)] {
        let emulator = crowd(2009, 1, &[&format!("list_members:owner={number}")]);
        let path = format!("GET /chatrooms/{ROOM}/users?pagenum={page}");
        let (_, answer) = send(&emulator, &path, "").await;
        assert_eq!(answer["data"][at], json!({"owner": "owner"}), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_of_rows_come_from_the_seed() {
    let read = async |seed: u64, fault: &str| {
        let emulator = crowd(29, seed, &[fault]);
        let mut pages = Vec::new();
        for _ in 0..2 {
            let mut names_of_pages = Vec::new();
            for page in 1..=3 {
                let path = format!("GET /chatrooms/{ROOM}/users?pagesize=10&pagenum={page}");
                let answer = send(&emulator, &path, "").await.1;
                names_of_pages.extend(names(&answer["data"]).into_iter().map(str::to_owned));
            }
            pages.push(names_of_pages);
        }
        pages
    };
    let everyone = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == 30;
    let sorted = read(1, "list_admins:unsorted").await;
    let unsorted = read(1, "list_members:unsorted").await;
    assert_ne!(unsorted[0], sorted[0]);
    assert_eq!(unsorted[0], unsorted[1], "one order for all reads");
    assert!(everyone(&unsorted[0]));
    let shuffled = read(1, "list_members:shuffled").await;
    assert_ne!(shuffled[0], shuffled[1]);
    assert!(
        !everyone(&shuffled[0]),
        "an order of its own for each page skips some and repeats others"
    );
    for fault in ["list_members:unsorted", "list_members:shuffled"] {
        assert_eq!(read(1, fault).await, read(1, fault).await);
        assert_ne!(read(1, fault).await, read(2, fault).await);
    }
    // The text of the fault in place is enough to play it again.
    let emulator = crowd(29, 1, &["list_members:shuffled"]);
    assert_eq!(read(77, &emulator.faults()[0].fault).await, shuffled);
}

#[tokio::test(start_paused = true)]
async fn smaller_pages_than_asked_for_told_or_not() {
    let path = format!("GET /chatrooms/{ROOM}/users?pagenum=2&pagesize=1000");
    let asked = json!({"pagenum": ["2"], "pagesize": ["1000"]});
    for rows in [50, 100, 999] {
        let read = async |faults: &[&str]| {
            let page = format!("list_members:page={rows}");
            let faults = [&[page.as_str()], faults].concat();
            send(&crowd(2500, 1, &faults), &path, "").await.1
        };
        let silent = read(&[]).await;
        assert_eq!(names(&silent["data"])[0], format!("u{}", rows - 1));
        assert_eq!((&silent["count"], &silent["params"]), (&json!(rows), &asked));
        let told = read(&[&format!("list_members:page={rows}+told")]).await;
        assert_eq!(
            told["params"],
            json!({"pagenum": ["2"], "pagesize": [rows.to_string()]})
        );
        assert_eq!(told["data"], silent["data"]);
        let mute = read(&["list_members:without=params+count"]).await;
        assert_eq!((mute.get("params"), mute.get("count")), (None, None));
        assert_eq!(mute["data"], silent["data"]);
    }
    // More than is asked for is never served.
    let emulator = crowd(30, 1, &["list_members:page=50"]);
    let few = send(&emulator, &format!("GET /chatrooms/{ROOM}/users?pagesize=10"), "")
        .await
        .1;
    assert_eq!(few["count"], 10);
}

#[tokio::test(start_paused = true)]
async fn a_page_past_the_end() {
    let page = async |faults: &[&str], people: usize, page: usize| {
        let path = format!("GET /chatrooms/{ROOM}/users?pagesize=10&pagenum={page}");
        send(&crowd(people - 1, 1, faults), &path, "").await.0
    };
    for (fault, status) in [
        ("list_members:past_end=400", 400),
        ("list_members:past_end=404", 404),
    ] {
        let statuses = [
            page(&[fault], 20, 2).await,
            page(&[fault], 20, 3).await,
            page(&[fault], 21, 3).await,
        ];
        assert_eq!(statuses, [200, status, 200]);
        assert_eq!(page(&[fault, "list_members:page=5"], 20, 5).await, status);
        // A room of nobody has a first page.
        let emulator = crowd(1, 1, &[fault]);
        emulator.edit(|state| {
            state.rooms.values_mut().for_each(|room| {
                room.leave("owner");
                room.leave("u0");
            });
        });
        assert_eq!(
            send(&emulator, &format!("GET /chatrooms/{ROOM}/users"), "")
                .await
                .0,
            200
        );
    }
    assert_eq!(page(&[], 20, 3).await, 200);
}
