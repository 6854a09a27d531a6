//! Whom and how much such a server cannot stand, and the words it has for it.

use super::super::support::{ROOM, STATE, refusal, room, send, switched};
use super::{crowd, raw, with};
use roomsync::emulator::{Emulator, Options, Point, Profile, Side, State};
use serde_json::json;
use std::num::NonZeroU32;

#[tokio::test(start_paused = true)]
async fn poisoned_people_spoil_every_call_that_names_them() {
    let add = format!("POST /chatrooms/{ROOM}/users");
    let batch = |names: &[&str]| json!({ "usernames": names }).to_string();
    for (what, status) in [("500", 500), ("html=403", 403), ("reset", 200)] {
        let emulator = with(&[&format!("writes,poison=dave+Erin:{what}")]);
        let statuses = async |call: &str, body: &str| {
            let (status, _, text) = raw(&emulator, call, body).await;
            (status, text == "reset")
        };
        let struck = (status, what == "reset");
        for _ in 0..3 {
            assert_eq!(statuses(&add, &batch(&["zoe", "ERIN"])).await, struck, "{what}");
            assert_eq!(statuses(&format!("{add}/dave"), "").await, struck);
        }
        assert_eq!(room(&emulator).2, ["alice", "bob", "carol"], "nobody came in");
        assert_eq!(statuses(&add, &batch(&["zoe"])).await, (200, false));
    }
}

#[tokio::test(start_paused = true)]
async fn the_poison_of_one_method_alone() {
    let users = format!("/chatrooms/{ROOM}/users");
    let admin = format!("/chatrooms/{ROOM}/admin");
    for (fault, struck) in [
        ("promote,poison=carol:500", [500, 200, 200]),
        ("remove_many,poison=carol:500", [200, 500, 200]),
        ("demote,poison=bob:500", [200, 200, 500]),
    ] {
        let emulator = with(&[fault]);
        let statuses = [
            send(&emulator, &format!("POST {admin}"), r#"{"newadmin": "Carol"}"#)
                .await
                .0,
            send(&emulator, &format!("DELETE {users}/carol%2Czoe"), "")
                .await
                .0,
            send(&emulator, &format!("DELETE {admin}/bob"), "").await.0,
        ];
        assert_eq!(statuses, struck, "{fault}");
    }
    // Only such calls are counted.
    let emulator = with(&["remove_one,poison=dave@2:500"]);
    let mut statuses = Vec::new();
    for user in ["bob", "dave", "carol", "dave", "dave"] {
        statuses.push(send(&emulator, &format!("DELETE {users}/{user}"), "").await.0);
    }
    assert_eq!(statuses, [200, 400, 200, 500, 400]);
}

#[tokio::test(start_paused = true)]
async fn limits_of_path_and_body() {
    let path = |bytes: usize| {
        let path = format!("/chatrooms/{ROOM}/users/carol%2C");
        let prefix = "/acme/demo".len();
        format!("{path}{}", "x".repeat(bytes - prefix - path.len()))
    };
    for (what, status, html) in [
        ("414", 414, false),
        ("html=400", 400, true),
        ("html=502", 502, true),
    ] {
        let emulator = with(&[&format!("any,max_path=2048:{what}")]);
        let (answered, kind, _) = raw(&emulator, &format!("DELETE {}", path(2049)), "").await;
        assert_eq!((answered, kind.contains("html")), (status, html));
        assert!(room(&emulator).2.contains(&"carol".to_owned()));
        assert_eq!(raw(&emulator, &format!("DELETE {}", path(2048)), "").await.0, 200);
    }
    let emulator = with(&["any,max_body=100:413"]);
    let add = format!("POST /chatrooms/{ROOM}/users");
    let body = |bytes: usize| format!("{:<bytes$}", r#"{"usernames": ["zoe"]}"#);
    let refused = send(&emulator, &add, &body(101)).await;
    assert_eq!(
        (refused.0, &refused.1["error"]),
        (413, &json!("request_entity_too_large"))
    );
    assert_eq!(send(&emulator, &add, &body(100)).await.0, 200);
}

/// At most five calls a second, and one point switched.
fn few_calls(point: Point, side: Side) -> Emulator {
    let mut profile = Profile::default();
    profile.set(point, side);
    let options = Options {
        profile,
        calls_per_second: NonZeroU32::new(5),
    };
    Emulator::new(State::parse(STATE).unwrap(), options)
}

#[tokio::test(start_paused = true)]
async fn the_ninety_ninth_admin_is_the_last() {
    let emulator = crowd(100, 1, &[]);
    let mut statuses = Vec::new();
    for n in 0..100 {
        let body = format!(r#"{{"newadmin": "u{n}"}}"#);
        statuses.push(send(&emulator, &format!("POST /chatrooms/{ROOM}/admin"), &body).await);
    }
    assert!(statuses[..99].iter().all(|answer| answer.0 == 200));
    let text = "admin size is greater than max admin size : 99";
    assert_eq!(
        statuses[99],
        refusal(403, "exceed_limit", "ExceedLimitException", text)
    );
}

#[tokio::test(start_paused = true)]
async fn somebody_whom_the_app_does_not_know() {
    let text = "username mallory doesn't exist!";
    let unknown = refusal(404, "resource_not_found", "ResourceNotFoundException", text);
    let (alone, many) = (Point::UnknownUser, Point::UnknownAmongMany);
    for (call, body, point, refused, otherwise) in [
        // As recorded.
        ("POST admin", r#"{"newadmin": "mallory"}"#, alone, Side::Seed, 403),
        ("DELETE users/mallory", "", alone, Side::Seed, 400),
        ("DELETE admin/mallory", "", many, Side::Newer, 403),
        ("DELETE users/mallory%2Ccarol", "", many, Side::Newer, 200),
        // Whoever is known and not there is no such case.
        ("DELETE users/dave", "", alone, Side::Seed, 400),
        ("DELETE users/dave%2Cerin", "", many, Side::Newer, 200),
    ] {
        let call = call.replace(' ', &format!(" /chatrooms/{ROOM}/"));
        for side in [Side::Seed, Side::Newer] {
            let answer = send(&switched(STATE, point, side), &call, body).await;
            let is_unknown = format!("{call} {body}").contains("mallory");
            if side == refused && is_unknown {
                assert_eq!(answer, unknown, "{call} as {side:?}");
            } else {
                assert_eq!(answer.0, otherwise, "{call} as {side:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn words_of_limits() {
    let parameter = |text: &str| refusal(400, "invalid_parameter", "InvalidParameterException", text);
    let emulator = switched(STATE, Point::BatchWords, Side::Newer);
    let usernames = json!({ "usernames": vec!["dave"; 61] }).to_string();
    assert_eq!(
        send(&emulator, &format!("POST /chatrooms/{ROOM}/users"), &usernames).await,
        parameter("addMembers: addMembers list size more than max limit : 60")
    );
    let many = vec!["dave"; 101].join("%2C");
    assert_eq!(
        send(&emulator, &format!("DELETE /chatrooms/{ROOM}/users/{many}"), "").await,
        parameter("kickMember: kickMembers list size more than max limit : 100")
    );

    let emulator = few_calls(Point::OverRate, Side::Newer);
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(send(&emulator, &format!("GET /chatrooms/{ROOM}/admin"), "").await);
    }
    assert!(answers[..5].iter().all(|answer| answer.0 == 200));
    let text = "The request has reached the maximum limit";
    assert_eq!(
        answers[5],
        refusal(403, "forbidden_op", "ForbiddenOpException", text)
    );
}
