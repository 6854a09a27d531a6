//! Connections that do not behave.

use super::scenes;
use roomsync::web::{Limits, Options, serve};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = scenes::thousands().router(Options {
        page: true,
        loopback: true,
        admin_token: None,
    });
    let server = tokio::spawn(serve(listener, router, Limits::STATUS, async {
        let _ = stopped.await;
    }));
    (address, stop, server)
}

async fn say(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Bytes that come until the other side is done with us.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection may be reset, too: what came before is what counts.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn nobody_keeps_the_daemon_from_ending() {
    let (address, stop, server) = start().await;
    let _silent = say(address, "").await;
    let _slow = say(address, "GET /livez HTTP/1.1\r\nHo").await;
    let mut idle = say(address, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    // This one asks for megabytes and takes none of them.
    let _deaf = say(address, "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begun = Instant::now();
    stop.send(()).unwrap();
    timeout(Duration::from_secs(10), server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any longer"
    );
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let (address, _stop, _server) = start().await;
    let slow = say(address, "GET /livez HTTP/1.1\r\nHo").await;
    let begun = Instant::now();
    rest(slow).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let (address, _stop, _server) = start().await;
    let long = "x".repeat(64 << 10);
    let head = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n");
    let answer = rest(say(address, &head).await).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );

    // The body is announced, and not waited for.
    let body =
        "POST /-/reconcile HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nsome of it";
    let answer = rest(say(address, body).await).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}
