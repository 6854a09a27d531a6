//! Membership events as the service posts them. [P]

use super::support::{ROOM, STATE, send, send_raw};
use md5::{Digest as _, Md5};
use roomsync::emulator::{Emulator, Environment, Fault, Options, State, Webhook};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// Takes one event: the request's first line, and its body.
async fn take(listener: &TcpListener) -> (String, Value) {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        connection.read_buf(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if let Ok(body) = serde_json::from_str(body) {
            let first = head.lines().next().unwrap().to_owned();
            connection
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .await
                .unwrap();
            return (first, body);
        }
    }
}

#[tokio::test]
async fn every_change_is_posted_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let environment = Environment {
        offline_after: Some(Duration::from_millis(20)),
        ..Environment::default()
    };
    let emulator = Emulator::in_environment(State::parse(STATE).unwrap(), Options::default(), environment);
    let url = format!("http://{}/events?from=emulator", listener.local_addr().unwrap());
    let poster = emulator.webhook(Webhook::parse(&url, "s3cret").unwrap());
    let posting = tokio::spawn(poster.run(std::future::pending()));

    emulator.add_fault(Fault::parse("list_admins@1:join=erin").unwrap());
    let users = format!("/chatrooms/{ROOM}/users");
    send(
        &emulator,
        &format!("POST {users}"),
        r#"{"usernames": ["carol", "dave"]}"#,
    )
    .await;
    send(
        &emulator,
        &format!("POST /chatrooms/{ROOM}/admin"),
        r#"{"newadmin": "dave"}"#,
    )
    .await;
    send(&emulator, &format!("DELETE /chatrooms/{ROOM}/admin/dave"), "").await;
    send(&emulator, &format!("DELETE {users}/bob"), "").await;
    // Refused, and nothing changes.
    send(&emulator, &format!("DELETE {users}/bob"), "").await;
    send(&emulator, &format!("GET {users}"), "").await;
    send(&emulator, &format!("GET /chatrooms/{ROOM}/admin"), "").await;
    emulator.offline(&["carol".to_owned()]);
    sleep(Duration::from_millis(30)).await;
    drop(emulator.state());

    for (operation, kind, member, operator) in [
        ("JOIN", "join", "dave", "@ppAdmin"),
        ("ADMIN", "add_admin", "dave", "@ppAdmin"),
        ("ADMIN", "remove_admin", "dave", "@ppAdmin"),
        ("ADMIN", "remove_admin", "bob", "@ppAdmin"),
        ("LEAVE", "leave", "bob", "@ppAdmin"),
        ("JOIN", "join", "erin", "@ppAdmin"),
        ("LEAVE", "leave", "carol", "carol"),
    ] {
        let (first, mut event) = timeout(Duration::from_secs(5), take(&listener)).await.unwrap();
        assert_eq!(first, "POST /events?from=emulator HTTP/1.1");
        let (call_id, timestamp) = (event["callId"].take(), event["timestamp"].take());
        let call_id = call_id.as_str().unwrap();
        assert!(call_id.starts_with("acme#demo_"));
        let digest = Md5::digest(format!("{call_id}s3cret{timestamp}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = json!({
            "callId": null,
            "security": hex,
            "payload": {"member": [member], "type": kind},
            "appkey": "acme#demo",
            "id": ROOM,
            "type": "CHATROOM",
            "event": "group_op_event",
            "operation": operation,
            "operator": operator,
            "timestamp": null
        });
        assert_eq!(event, expected);
    }
    assert!(
        timeout(Duration::from_millis(100), listener.accept())
            .await
            .is_err()
    );

    // A receiver that is away costs the events and nothing else.
    drop(listener);
    assert_eq!(send(&emulator, &format!("POST {users}/bob"), "").await.0, 200);
    drop(emulator);
    timeout(Duration::from_secs(5), posting).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_event_names_the_user_whose_token_made_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let state = STATE.replace("tokens: [secret]", "tokens: [secret]\nuser_tokens: {alice: hers}");
    let emulator = Emulator::new(State::parse(&state).unwrap(), Options::default());
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let poster = emulator.webhook(Webhook::parse(&url, "s3cret").unwrap());
    let posting = tokio::spawn(poster.run(std::future::pending()));
    let request = http::Request::delete(format!("/acme/demo/chatrooms/{ROOM}/users/carol"))
        .header("host", "chat.example")
        .header("authorization", "Bearer hers");
    let body = axum::body::Body::empty();
    assert_eq!(send_raw(&emulator, request.body(body).unwrap()).await.0, 200);
    let (_, event) = timeout(Duration::from_secs(5), take(&listener)).await.unwrap();
    assert_eq!(event["operation"], "LEAVE");
    assert_eq!(event["operator"], "alice");
    drop(emulator);
    timeout(Duration::from_secs(5), posting).await.unwrap().unwrap();
}
