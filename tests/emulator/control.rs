//! The control endpoint, the journal and the counters.

use super::support::{ROOM, STATE, emulator, room, send};
use roomsync::emulator::{Emulator, Fault, State, serve, serve_control};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{advance, timeout};

/// Sends one request on a connection of its own and gives everything that comes back.
async fn exchange(address: &str, call: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{call} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer secret\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that breaks has still said what it has said.
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn control(address: &str, call: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = exchange(address, call, &body).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn calls_are_written_down_and_counted() {
    let emulator = emulator();
    let users = format!("/chatrooms/{ROOM}/users");
    emulator.add_fault(Fault::parse("add_one@2:502:after").unwrap());
    advance(Duration::from_millis(1500)).await;
    send(&emulator, &format!("POST {users}/dave"), "").await;
    advance(Duration::from_millis(999)).await;
    send(&emulator, &format!("DELETE {users}/dave"), "").await;
    send(&emulator, &format!("POST {users}/erin?a=b"), "").await;
    advance(Duration::from_millis(1)).await;
    send(&emulator, "GET /nowhere", "").await;

    let journal = emulator.journal();
    assert_eq!((journal.size, journal.dropped), (100_000, 0));
    let path = |rest: &str| format!("/acme/demo{rest}");
    assert_eq!(
        serde_json::to_value(&journal.calls).unwrap(),
        json!([
            {"at_ms": 1500, "call": "add_one", "method": "POST", "path": path(&format!("{users}/dave")), "status": 200, "effect": true, "fault": null},
            {"at_ms": 2499, "call": "remove_one", "method": "DELETE", "path": path(&format!("{users}/dave")), "status": 200, "effect": true, "fault": null},
            {"at_ms": 2499, "call": "add_one", "method": "POST", "path": path(&format!("{users}/erin?a=b")), "status": 502, "effect": true, "fault": "add_one@2:502:after"},
            {"at_ms": 2500, "call": null, "method": "GET", "path": path("/nowhere"), "status": 404, "effect": false, "fault": null}
        ])
    );
    let counters = json!({
        "calls": 4,
        "busiest_second": 3,
        "token_requests": 0,
        "statuses": {"200": 2, "404": 1, "502": 1},
        "methods": {
            "add_one": {"calls": 2, "busiest_second": 2},
            "remove_one": {"calls": 1, "busiest_second": 1}
        }
    });
    emulator.clear_journal();
    assert!(emulator.journal().calls.is_empty());
    assert_eq!(serde_json::to_value(emulator.counters()).unwrap(), counters);
}

/// The service and its control endpoint on sockets, until the test says so.
struct Running {
    service: String,
    control: String,
    emulator: Emulator,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        let emulator = emulator();
        let (service, control) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let (stop, stopped) = oneshot::channel();
        Self {
            service: service.local_addr().unwrap().to_string(),
            control: control.local_addr().unwrap().to_string(),
            emulator: emulator.clone(),
            stop,
            server: tokio::spawn(async {
                tokio::select! {
                    served = serve(service, emulator.clone(), async { drop(stopped.await) }) => served,
                    served = serve_control(control, emulator, std::future::pending()) => served,
                }
            }),
        }
    }
}

#[tokio::test]
async fn the_endpoint_arranges_and_shows() {
    let running = Running::start().await;
    let ask = async |call: &str, body: Value| control(&running.control, call, &body).await;
    let fault = json!({"id": 1, "fault": "any%1,seed=1:502:before", "counted": 0, "struck": 0});
    assert_eq!(
        ask("POST /faults", json!({"fault": "any%1:502"})).await,
        (201, fault.clone())
    );
    assert_eq!(ask("GET /faults", Value::Null).await, (200, json!([fault])));
    let call = format!("GET /acme/demo/chatrooms/{ROOM}/users");
    assert!(
        exchange(&running.service, &call, "")
            .await
            .starts_with("HTTP/1.1 502 ")
    );
    assert_eq!(ask("GET /faults", Value::Null).await.1[0]["struck"], 1);
    assert_eq!(ask("DELETE /faults/1", Value::Null).await, (200, json!({})));
    assert_eq!(ask("DELETE /faults/1", Value::Null).await.0, 404);
    assert!(
        exchange(&running.service, &call, "")
            .await
            .starts_with("HTTP/1.1 200 ")
    );

    let (_, journal) = ask("GET /journal", Value::Null).await;
    assert_eq!(journal["calls"][0]["fault"], "any%1,seed=1:502:before");
    assert_eq!(
        ask("GET /counters", Value::Null).await.1["statuses"],
        json!({"200": 1, "502": 1})
    );
    assert_eq!(ask("DELETE /journal", Value::Null).await.0, 200);
    assert_eq!(ask("GET /journal", Value::Null).await.1["calls"], json!([]));

    let (_, state) = ask("GET /state", Value::Null).await;
    assert_eq!(
        State::parse(&state.to_string()).unwrap(),
        State::parse(STATE).unwrap()
    );
    let carol = json!({"users": ["carol"]});
    assert_eq!(
        ask("POST /offline", carol.clone()).await,
        (200, json!({"offline": ["carol"]}))
    );
    assert_eq!(ask("POST /online", carol).await, (200, json!({"offline": []})));

    let of_room = |room: &str, users: &[&str]| json!({"room": room, "users": users});
    assert_eq!(
        ask("POST /join", of_room(ROOM, &["carol", "dave"])).await,
        (200, json!({"joined": ["dave"]}))
    );
    assert_eq!(
        ask("POST /leave", of_room(ROOM, &["dave", "erin"])).await,
        (200, json!({"left": ["dave"]}))
    );

    for (call, body, status) in [
        ("POST /join", of_room("8", &["dave"]), 404),
        ("POST /leave", of_room("no room", &["dave"]), 404),
        ("POST /join", json!({"users": ["dave"]}), 400),
        ("GET /join", Value::Null, 405),
        ("POST /faults", json!({"fault": "any:explode"}), 400),
        ("POST /faults", json!({"fault": "any:reset", "when": "now"}), 400),
        // There is no webhook.
        ("POST /faults", json!({"fault": "events:lost"}), 400),
        ("POST /offline", json!(["carol"]), 400),
        ("POST /journal", Value::Null, 405),
        ("GET /nowhere", Value::Null, 404),
    ] {
        let (got, answer) = ask(call, body).await;
        assert_eq!(got, status, "{call}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(ask("DELETE /faults", Value::Null).await.0, 200);
}

/// A reset sends nothing at all, and a call that is never answered does not keep the emulator from ending.
#[tokio::test]
async fn broken_and_silent_on_a_socket() {
    let running = Running::start().await;
    for fault in ["add_one@1:reset:after", "add_one@2:timeout"] {
        running.emulator.add_fault(Fault::parse(fault).unwrap());
    }
    let add = |user: &str| format!("POST /acme/demo/chatrooms/{ROOM}/users/{user}");
    assert_eq!(exchange(&running.service, &add("dave"), "").await, "");
    assert_eq!(room(&running.emulator).2.len(), 4);

    let (service, call) = (running.service.clone(), add("erin"));
    let silent = tokio::spawn(async move { exchange(&service, &call, "").await });
    let both = async {
        while running.emulator.counters().calls < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), both).await.unwrap();
    assert!(!silent.is_finished());
    running.stop.send(()).unwrap();
    timeout(Duration::from_secs(5), running.server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(silent.await.unwrap(), "");
}
