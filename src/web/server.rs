//! Connections: none lives for ever, none keeps the daemon from ending.

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Lifetime of a connection. After that it ends with the response that is on its way.
const LIFE: Duration = Duration::from_secs(60);
/// Time limit for a response on its way when the connection or the daemon ends.
const GRACE: Duration = Duration::from_secs(2);

/// Limits of a listener's connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most connections at a time.
    pub connections: usize,
    /// Time limit for the head of a request, and for the wait of a connection for the next one.
    pub head: Duration,
}

impl Limits {
    /// For the status page. People, probes and scrapers need a few connections, and each may hold an answer of megabytes.
    pub const STATUS: Self = Self {
        connections: 64,
        head: Duration::from_secs(10),
    };
    /// For the webhook. A proxy keeps some connections, and each request takes milliseconds.
    pub const WEBHOOK: Self = Self {
        connections: 256,
        head: Duration::from_secs(5),
    };
}

/// Serves until `shutdown` completes, and then at most 2 s longer: for answers that are on their way.
pub async fn serve(
    mut listener: impl Listener<Io = TcpStream>,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut shutdown = pin!(shutdown);
    let places = Arc::new(Semaphore::new(limits.connections));
    let (ending, ends) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        // Waiting for a place comes first: who finds none stays in the system's queue.
        let next = async {
            let place = place.await;
            (listener.accept().await.0, place)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (stream, place) = next => {
                let (router, ends) = (router.clone(), ends.clone());
                connections.spawn(async move {
                    let _place = place;
                    connection(stream, router, limits.head, ends).await;
                });
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection broke");
                }
            }
        }
    }
    drop(listener);
    ending.send_replace(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, ended).await.is_err() {
        tracing::debug!("connections are cut that did not end");
        connections.shutdown().await;
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    router: Router,
    head_timeout: Duration,
    mut ends: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A client that breaks off is its own affair.
        _ = connection.as_mut() => return,
        _ = ends.wait_for(|ending| *ending) => {}
        () = sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, connection).await;
}
