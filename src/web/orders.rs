//! Orders over HTTP: a look at all rooms, a pause, its end. Each needs the admin token.

use super::gate::is_admin;
use super::router::{Web, misdirected, no_answer, text};
use crate::model::printable;
use crate::status::{PauseOrder, Reply};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// Most bytes of an order.
const MOST_BYTES: usize = 16 << 10;
/// Most characters of a name and of a reason.
const MOST_BY: usize = 64;
const MOST_WHY: usize = 200;
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(366 * 24 * 3600);
/// Longest wait for what an order has on the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// An order as it is sent. An empty body is one without any of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Order {
    /// App of the daemon that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Whoever asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The reason, for `/-/pause`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Digest of what was shown, for `/-/approve/ROOM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Length in seconds, for `/-/pause`. `None`: until somebody ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// `POST /-/reconcile`.
pub(super) async fn reconcile(State(web): State<Web>, request: Request) -> Response {
    let order = match read(&web, request).await {
        Ok(order) => order,
        Err(refusal) => return refusal,
    };
    let checked = tokio::task::spawn_blocking(move || web.control.check(order.by.as_deref()));
    match timeout(PATIENCE, checked).await {
        Ok(Ok(())) => text(StatusCode::ACCEPTED, "checking all rooms now\n"),
        _ => no_answer(),
    }
}

/// `POST /-/pause`.
pub(super) async fn pause(State(web): State<Web>, request: Request) -> Response {
    let Order {
        app: _,
        by,
        why,
        seconds,
        digest: _,
    } = match read(&web, request).await {
        Ok(order) => order,
        Err(refusal) => return refusal,
    };
    let length = seconds.map(Duration::from_secs);
    if length.is_some_and(|length| length.is_zero() || length > LONGEST_PAUSE) {
        return bad(
            "seconds: a pause is 1 s to 366 days long; without `seconds` it goes on until somebody ends it",
        );
    }
    carried_out(&web, |web| async move {
        web.control.pause(PauseOrder { by, why, length }).await
    })
    .await
}

/// `POST /-/resume`.
pub(super) async fn resume(State(web): State<Web>, request: Request) -> Response {
    let order = match read(&web, request).await {
        Ok(order) => order,
        Err(refusal) => return refusal,
    };
    carried_out(&web, |web| async move { web.control.resume(order.by).await }).await
}

/// Carries an order out in a task of its own: whoever asked may hang up, and it is done all the same.
async fn carried_out<F>(web: &Web, order: impl FnOnce(Web) -> F) -> Response
where
    F: Future<Output = Reply> + Send + 'static,
{
    carried_out_within(PATIENCE, web, order).await
}

/// The same, with another wait for it.
pub(super) async fn carried_out_within<F>(
    patience: Duration,
    web: &Web,
    order: impl FnOnce(Web) -> F,
) -> Response
where
    F: Future<Output = Reply> + Send + 'static,
{
    let done = tokio::spawn(order(web.clone()));
    match timeout(patience, done).await {
        Ok(Ok(reply)) => answer(reply),
        _ => no_answer(),
    }
}

pub(super) fn answer(reply: Reply) -> Response {
    let (status, said) = match reply {
        Reply::Done(said) => (StatusCode::OK, said),
        Reply::Refused(why) => (StatusCode::CONFLICT, why),
        Reply::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    text(status, said + "\n")
}

/// The answer to somebody who may give no order here.
pub(super) async fn refusal(web: &Web, head: &Parts) -> Option<Response> {
    match misdirected(web, head) {
        Some(refusal) => Some(refusal),
        None => not_admin(web, head).await,
    }
}

/// Reads an order of somebody who may give one. The error is the answer to everybody else.
pub(super) async fn read(web: &Web, request: Request) -> Result<Order, Response> {
    let (head, body) = request.into_parts();
    if let Some(refusal) = refusal(web, &head).await {
        return Err(refusal);
    }
    let body = timeout(PATIENCE, to_bytes(body, MOST_BYTES)).await;
    let Ok(Ok(body)) = body else {
        return Err(bad("an order is at most 16 KiB of JSON, sent within 5 s"));
    };
    let order = if body.is_empty() {
        Ok(Order::default())
    } else {
        serde_json::from_slice(&body)
    };
    let order: Order = order.map_err(|_| {
        bad(r#"an order is JSON such as {"app": "org#app", "by": "alice", "why": "a deploy", "seconds": 7200}; every key may be left out"#)
    })?;
    let app = web.control.app();
    if order.app.as_ref().is_some_and(|meant| *meant != app) {
        let why = format!("this daemon is for the app {app}, and another one is meant; nothing was done\n");
        return Err(text(StatusCode::PRECONDITION_FAILED, why));
    }
    let line = |text: Option<String>, most: usize| {
        let line: String = printable(text?.trim()).chars().take(most).collect();
        (!line.is_empty()).then_some(line)
    };
    Ok(Order {
        by: line(order.by, MOST_BY),
        why: line(order.why, MOST_WHY),
        ..order
    })
}

pub(super) fn bad(why: &str) -> Response {
    text(StatusCode::BAD_REQUEST, format!("400: {why}\n"))
}

/// The answer to somebody without the admin token.
async fn not_admin(web: &Web, head: &Parts) -> Option<Response> {
    let Some(tokens) = &web.options.admin_token else {
        let why = "this daemon takes no orders: name a file with a token in its settings, `admin_token_file: PATH`, or set ROOMSYNC_ADMIN_TOKEN in its environment, restart it, and send the token as `Authorization: Bearer …`\n";
        return Some(text(StatusCode::FORBIDDEN, why));
    };
    if is_admin(&head.headers, &tokens.current().await) {
        return None;
    }
    let why = "send the token of `admin_token_file` or ROOMSYNC_ADMIN_TOKEN as `Authorization: Bearer …`\n";
    let mut response = text(StatusCode::UNAUTHORIZED, why);
    let scheme = HeaderValue::from_static("Bearer realm=\"roomsync\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    Some(response)
}
