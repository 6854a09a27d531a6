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

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
const STATUS: &str = "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = scenes::thousands().router(Options {
        page: true,
        allowed_hosts: Vec::new(),
        status_token: None,
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
    let mut idle = say(address, LIVEZ).await;
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    // This one asks for megabytes and takes none of them.
    let _deaf = say(address, STATUS).await;
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
async fn a_head_that_does_not_come_within_two_seconds_is_not_waited_for() {
    let (address, _stop, _server) = start().await;
    let silent = say(address, "").await;
    let begun = Instant::now();
    assert!(rest(silent).await.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let mut slow = say(address, LIVEZ).await;
    let mut some = [0; 12];
    slow.read_exact(&mut some).await.unwrap();
    // It may wait for its next request, but not dawdle over it.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let begun = Instant::now();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHo").await.unwrap();
    let answer = rest(slow).await;
    assert!(
        answer.ends_with("ok\n"),
        "the first answer, and no other: {answer}"
    );
    let took = begun.elapsed();
    assert!((1_900..10_000).contains(&took.as_millis()), "{took:?}");
}

/// Asks whether it lives, over a connection of its own; gives how long the answer took.
async fn livez(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut asked = say(address, LIVEZ).await;
    let mut some = [0; 15];
    let read = timeout(Duration::from_secs(20), asked.read_exact(&mut some)).await;
    read.unwrap().unwrap();
    assert_eq!(&some, b"HTTP/1.1 200 OK");
    begun.elapsed()
}

/// The quickest of five answers: of a busy machine one may be slow.
async fn quickest_livez(address: SocketAddr) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        quickest = quickest.min(livez(address).await);
    }
    quickest
}

/// Connections that ask for this and take nothing of the answer.
async fn many(address: SocketAddr, number: usize, text: &str) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..number {
        all.push(say(address, text).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_silence_a_probe() {
    let (address, _stop, _server) = start().await;
    let silent = many(address, 100, "").await;
    let begun = many(address, 100, "GET /livez HTTP/1.1\r\nHo").await;
    let idle = many(address, 100, LIVEZ).await;
    assert!(quickest_livez(address).await < Duration::from_secs(3));
    drop((silent, begun, idle));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_those_who_take_no_answer_and_they_are_cut_off() {
    let (address, _stop, _server) = start().await;
    let deaf = many(address, 100, STATUS).await;
    assert!(quickest_livez(address).await < Duration::from_secs(3));
    // Long enough for all that kept their places to be cut off as slow.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let mut begun = 0;
    for deaf in deaf {
        let answer = rest(deaf).await;
        assert!(answer.len() < 1_000_000, "{}", answer.len());
        begun += usize::from(answer.starts_with("HTTP/1.1 200"));
    }
    assert!(begun > 0, "nobody was answered at all");
    // Whoever takes it gets it all.
    let close = STATUS.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answer = rest(say(address, &close).await).await;
    assert!(
        answer.len() > 1_000_000 && answer.ends_with("]}"),
        "{}",
        answer.len()
    );
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
