//! The same over a real socket.

use super::support::{ROOM, emulator, room};
use roomsync::emulator::{Fault, serve};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

#[tokio::test]
async fn serves_until_it_is_told_to_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let emulator = emulator();
    let server = tokio::spawn(serve(listener, emulator.clone(), async {
        let _ = stopped.await;
    }));

    let mut connection = TcpStream::connect(address).await.unwrap();
    let body = r#"{"usernames": ["dave"]}"#;
    let request = format!(
        "POST /acme/demo/chatrooms/{ROOM}/users HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer secret\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!(
        r#""uri":"http://{address}/acme/demo/chatrooms/{ROOM}/users""#
    )));
    assert!(answer.contains(r#""newmembers":["dave"]"#), "{answer}");
    assert_eq!(room(&emulator).2, ["alice", "bob", "carol", "dave"]);

    // A connection that stays open keeps nobody waiting.
    let _idle = TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    timeout(Duration::from_secs(5), server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_call_that_tells_no_length_of_its_body() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let emulator = emulator();
    emulator.add_fault(Fault::parse("writes,no_length:411").unwrap());
    let server = tokio::spawn(serve(listener, emulator.clone(), std::future::pending()));
    for (length, status) in [("", "411 Length Required"), ("Content-Length: 0\r\n", "200 OK")] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /acme/demo/chatrooms/{ROOM}/users/dave HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer secret\r\n\
             {length}Connection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    }
    assert_eq!(room(&emulator).2, ["alice", "bob", "carol", "dave"]);
    server.abort();
}
