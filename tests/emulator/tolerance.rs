//! Habits of the service that real clients rely on, beside the calls as they are written down.

use super::support::{ROOM, STATE, emulator, refusal, room, send, send_raw, switched};
use http::Request;
use roomsync::emulator::{Emulator, Environment, Fault, Options, Point, Side, State, serve};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Every call as it is written down and with everything about it that may differ.
#[tokio::test(start_paused = true)]
async fn the_same_call_in_other_words() {
    for (plain, other, body) in [
        ("GET /chatrooms/1/users", "GET /chatrooms/1/users/", "{}"),
        (
            "GET /chatrooms/1/users?cursor=",
            "GET /chatrooms/1/users?cursor=undefined",
            "{}",
        ),
        (
            "GET /chatrooms/1/admin",
            "GET /chatrooms/1/admin?version=v3",
            "{}",
        ),
        ("GET /chatrooms/1", "GET /chatrooms/1?_=1", "{}"),
        ("GET /chatrooms", "GET /chatrooms?cursor=undefined&shield=", "{}"),
        (
            "DELETE /chatrooms/1/users/carol",
            "DELETE /chatrooms/1/users/carol?x",
            "{}",
        ),
        (
            "DELETE /chatrooms/1/users/bob%2Ccarol",
            "DELETE /chatrooms/1/users/bob,carol",
            "{}",
        ),
        (
            "DELETE /chatrooms/1/users/bob%2Ccarol",
            "DELETE /chatrooms/1/users/bob%2ccarol",
            "null",
        ),
        (
            "DELETE /chatrooms/1/admin/bob",
            "DELETE /chatrooms/1/admin/%62ob",
            "not even JSON",
        ),
        ("DELETE /chatrooms/1", "DELETE /chatrooms/1?", "{}"),
        (
            "POST /chatrooms/1/users/dave",
            "POST /chatrooms/1/users/dave?x=y",
            "{}",
        ),
    ] {
        let (plain, other) = (
            plain.replace("/1", &format!("/{ROOM}")),
            other.replace("/1", &format!("/{ROOM}")),
        );
        let answers = [(emulator(), plain, ""), (emulator(), other, body)];
        let mut seen = Vec::new();
        for (emulator, call, body) in &answers {
            let (status, mut answer) = send(emulator, call, body).await;
            // What is echoed of the request differs with it.
            for echo in ["uri", "params"] {
                answer.as_object_mut().unwrap().remove(echo);
            }
            seen.push((status, answer, emulator.state()));
        }
        assert_eq!(seen[0].0, 200, "{}", answers[1].1);
        assert!(
            seen[0] == seen[1],
            "{}: {:?} and {:?}",
            answers[1].1,
            seen[0].1,
            seen[1].1
        );
    }
}

/// No Content-Type or that of JSON, and more fields than there are. Another type is 415 (`[P]`), or not looked at.
#[tokio::test(start_paused = true)]
async fn bodies_of_all_kinds() {
    for (content_type, side, expected) in [
        (None, Side::Seed, 200),
        (Some("application/json; charset=utf-8"), Side::Seed, 200),
        (Some("Application/JSON"), Side::Seed, 200),
        (Some("text/plain"), Side::Seed, 415),
        (Some("text/plain"), Side::Newer, 200),
    ] {
        let emulator = switched(STATE, Point::MediaType, side);
        let mut request = Request::post(format!("/acme/demo/chatrooms/{ROOM}/users"))
            .header("host", "chat.example")
            .header("authorization", "Bearer secret");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let body = r#" {"usernames": ["dave"], "reason": null} "#;
        let answer = send_raw(&emulator, request.body(body.to_owned().into()).unwrap()).await;
        assert_eq!(answer.0, expected, "{content_type:?}");
        if expected == 200 {
            assert_eq!(answer.1["data"]["newmembers"], json!(["dave"]));
        } else {
            let text = "Unsupported Media Type.";
            let refused = refusal(415, "web_application", "WebApplicationException", text);
            assert_eq!(answer, refused);
        }
    }
}

/// What is longer than any batch is 413 (`[P]`); the words are an assumption. [?]
#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large() {
    let body = r#"{"usernames": ["dave"]}"#.to_owned() + &" ".repeat(1 << 20);
    let answer = send(&emulator(), &format!("POST /chatrooms/{ROOM}/users"), &body).await;
    let text = "the body is too large";
    let refused = refusal(
        413,
        "request_entity_too_large",
        "RequestEntityTooLargeException",
        text,
    );
    assert_eq!(answer, refused);
}

/// `duration`: as long as the service took, and not the way to it and back.
#[tokio::test(start_paused = true)]
async fn the_duration_of_a_call() {
    let environment = Environment {
        latency: Duration::from_millis(80),
        ..Environment::default()
    };
    let emulator = Emulator::in_environment(State::parse(STATE).unwrap(), Options::default(), environment);
    emulator.add_fault(Fault::parse("any/2:slow=1500ms").unwrap());
    for (call, status) in [
        (format!("GET /chatrooms/{ROOM}/admin"), 200),
        ("GET /chatrooms/8".to_owned(), 404),
    ] {
        for duration in [0, 1500] {
            let (answered, body) = send(&emulator, &call, "").await;
            assert_eq!(
                (answered, &body["duration"]),
                (status, &json!(duration)),
                "{call}"
            );
        }
    }
}

/// Capitals in names mean the same people.
#[tokio::test(start_paused = true)]
async fn capitals() {
    let emulator = emulator();
    for call in [
        "DELETE /chatrooms/1/admin/BOB",
        "DELETE /chatrooms/1/users/Bob,cAROL",
    ] {
        let call = call.replace("/1", &format!("/{ROOM}"));
        assert_eq!(send(&emulator, &call, "").await.0, 200);
    }
    assert_eq!(room(&emulator).2, ["alice"]);
}

/// One answer off the wire: its status line and its body.
async fn answer(connection: &mut TcpStream) -> (String, Value) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap();
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, serde_json::from_slice(&body).unwrap())
}

/// HTTP/1.1 over one connection: call after call, and several sent before the first is answered.
#[tokio::test]
async fn keep_alive_and_pipelining() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, emulator(), std::future::pending()));
    let request = |method: &str, user: &str| {
        format!(
            "{method} /acme/demo/chatrooms/{ROOM}/users/{user} HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer secret\r\nContent-Length: 2\r\n\r\n{{}}"
        )
    };
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection
        .write_all(request("POST", "dave").as_bytes())
        .await
        .unwrap();
    assert_eq!(answer(&mut connection).await.1["data"]["user"], "dave");

    let calls = [
        ("DELETE", "dave"),
        ("DELETE", "dave"),
        ("POST", "erin"),
        ("DELETE", "carol"),
    ];
    let all: String = calls.iter().map(|(method, user)| request(method, user)).collect();
    connection.write_all(all.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    for _ in calls {
        let (status, body) = answer(&mut connection).await;
        seen.push((status, body["data"]["user"].clone()));
    }
    let ok = |user: &str| ("HTTP/1.1 200 OK".to_owned(), json!(user));
    let refused = ("HTTP/1.1 400 Bad Request".to_owned(), Value::Null);
    assert_eq!(seen, [ok("dave"), refused, ok("erin"), ok("carol")]);
    server.abort();
}
