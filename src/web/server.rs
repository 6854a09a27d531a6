//! Connections: none lives for ever, none keeps the daemon from ending, and none keeps others out for long.

use super::activity::Watched;
use super::places::{Line, Place, Places};
use crate::model::log_code;
use axum::Router;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Bytes of an answer that the system keeps for whoever is slow to take it. It takes twice as much memory for them.
const SEND_BUFFER: usize = 64 << 10;
/// Lifetime of a connection. After that it ends with the response that is on its way.
const LIFE: Duration = Duration::from_secs(60);
/// Time limit for a response on its way when the daemon ends.
const GRACE: Duration = Duration::from_secs(2);
/// Time between two checks that a connection is not overdue.
const CHECKED: Duration = Duration::from_millis(200);
/// Time between two tries of a connection for which there is no place.
const TRIED: Duration = Duration::from_millis(20);

/// Limits of a listener's connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most connections at a time, beside a few from this machine.
    pub connections: usize,
    /// Time limit for the head of a request.
    pub head: Duration,
}

impl Limits {
    /// For the status page. People, probes and scrapers need a few connections.
    pub const STATUS: Self = Self {
        connections: 64,
        head: Duration::from_secs(2),
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
    let places = Places::new(limits.connections);
    let (ending, ends) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut line = Line::new(limits.connections);
    loop {
        let is_waiting = !line.is_empty();
        tokio::select! {
            () = &mut shutdown => break,
            (stream, _) = listener.accept() => {
                // Without an address it is gone already.
                if let Ok(from) = stream.peer_addr() {
                    line.push(from.ip(), stream);
                }
            }
            () = sleep(TRIED), if is_waiting => {}
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(code = log_code::CONNECTION_BROKE, %error, "a connection broke");
                }
            }
        }
        while let Some((stream, place)) = line.next(&places) {
            connections.spawn(connection(stream, router.clone(), limits, place, ends.clone()));
            if places.are_short() {
                // A request that is there already has to be seen, before its connection may have to give way.
                yield_now().await;
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
    limits: Limits,
    place: Place,
    mut ends: watch::Receiver<bool>,
) {
    // With another size it works as well.
    let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER);
    let router = TowerToHyperService::new(router);
    let activity = &place.activity;
    let service = service_fn(|request: Request<Incoming>| {
        if request.is_end_stream() {
            activity.works();
        } else {
            activity.receives();
        }
        let answer = router.call(request);
        async move {
            let answer = answer.await;
            activity.answers();
            answer
        }
    });
    let stream = TokioIo::new(Watched {
        socket: stream,
        activity: Arc::clone(activity),
    });
    let mut builder = http1::Builder::new();
    // `Activity` knows a head from the wait for one.
    builder.header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut life = pin!(sleep(LIFE));
    let mut is_last = false;
    loop {
        tokio::select! {
            // A client that breaks off is its own affair.
            _ = connection.as_mut() => return,
            _ = ends.wait_for(|ending| *ending) => break,
            () = place.gives_way.notified() => return,
            () = life.as_mut(), if !is_last => {
                is_last = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep(CHECKED) => if activity.is_overdue(limits.head) {
                return;
            },
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, connection).await;
}
