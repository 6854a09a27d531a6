//! Routes, and their answers.

use super::approve;
use super::assets;
use super::gate::{guarded, is_for_us, may_see};
use super::metrics::Metrics;
use super::orders::{pause, reconcile, resume};
use super::rendered::{self, Rendered};
use super::secrets::FollowedSecrets;
use super::shared::Shared;
use crate::model::RoomId;
use crate::status::{Control, Gauges, RoomLine, Status, StatusSource};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::header::{ACCEPT, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::form_urlencoded;

/// Longest wait for a daemon that is busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most answers at a time that are made for one asker each, and the longest wait for the turn.
const OWN_ANSWERS: usize = 2;
const TURN: Duration = Duration::from_secs(1);

/// Orders.
const ORDERS: &str = "/-/";
/// The rooms, to find one by its name.
const APPROVE: &str = "/-/approve";
const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
const OPENMETRICS: &str = "application/openmetrics-text";

/// Access rules of a listener.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// True if the page and its API are served. They show the names of people.
    pub page: bool,
    /// Names beside IP addresses and `localhost` to which all that answers but probes and metrics. No page elsewhere can read it through
    /// a browser here by a name of its own.
    pub allowed_hosts: Vec<String>,
    /// Secrets of callers who may see the page and its API. `None`: everybody may.
    pub status_token: Option<Arc<FollowedSecrets>>,
    /// Secrets of callers who may give orders. `None`: nobody may.
    pub admin_token: Option<Arc<FollowedSecrets>>,
}

#[derive(Clone)]
pub(super) struct Web {
    source: Arc<dyn StatusSource>,
    pub(super) control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    pub(super) options: Arc<Options>,
    answers: Arc<Answers>,
}

/// Answers for which the daemon's state is walked through.
struct Answers {
    // However many ask, each of these is made once at a time.
    status: Shared<serde_json::Result<Rendered>>,
    gauges: Shared<Gauges>,
    ready: Shared<Result<(), Vec<String>>>,
    /// Turns of those that are made for one asker each. As long as they are made, their connections do not give way to a probe.
    own: Semaphore,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            status: Shared::default(),
            gauges: Shared::default(),
            ready: Shared::default(),
            own: Semaphore::new(OWN_ANSWERS),
        }
    }
}

/// Everything that the daemon answers over HTTP.
pub fn router(
    source: Arc<dyn StatusSource>,
    control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    options: Options,
) -> Router {
    let web = Web {
        source,
        control,
        metrics,
        options: Arc::new(options),
        answers: Arc::default(),
    };
    Router::new()
        .route("/", get(assets::index))
        .route("/app.css", get(assets::style))
        .route("/app.js", get(assets::script))
        .route("/icon.svg", get(assets::icon))
        .route("/api/status", get(status))
        .route("/api/rooms", get(rooms))
        .route("/api/rooms/{id}", get(room))
        .route_layer(from_fn_with_state(web.clone(), for_people))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .route("/-/reconcile", post(reconcile))
        .route("/-/pause", post(pause))
        .route("/-/resume", post(resume))
        .route("/-/approve", get(approve::rooms))
        .route("/-/approve/{room}", get(approve::show).post(approve::approve))
        .method_not_allowed_fallback(async |asked: Uri| {
            let path = asked.path();
            let method = if path.starts_with(ORDERS) && path != APPROVE {
                Method::POST
            } else {
                Method::GET
            };
            text(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("405: use {method} for {path}\n"),
            )
        })
        .fallback(async || {
            let known = "/, /api/status, /api/rooms, /api/rooms/ID, /livez, /readyz, /metrics, POST /-/reconcile, /-/pause, /-/resume, /-/approve/ID";
            text(
                StatusCode::NOT_FOUND,
                format!("nothing is here; there are: {known}\n"),
            )
        })
        .layer(map_response(guarded))
        .with_state(web)
}

pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], text.into()).into_response()
}

/// Keeps the page and its API to those who are meant to see them.
async fn for_people(State(web): State<Web>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match refused(&web, &head).await {
        Some(refusal) => refusal,
        None => next.run(Request::from_parts(head, body)).await,
    }
}

/// The answer to somebody who may not see the page and what it shows.
async fn refused(web: &Web, head: &Parts) -> Option<Response> {
    if !web.options.page {
        let why = "the status page is not served on an address that others can reach; to serve it all the same, set `status_page: true` in the settings\n";
        return Some(text(StatusCode::NOT_FOUND, why));
    }
    if let Some(refusal) = misdirected(web, head) {
        return Some(refusal);
    }
    let tokens = web.options.status_token.as_ref()?.current().await;
    if may_see(&head.headers, &tokens) {
        return None;
    }
    let why = "send the token of `status_token_file` as `Authorization: Bearer …`, or as the password, with any name\n";
    let mut response = text(StatusCode::UNAUTHORIZED, why);
    for scheme in [
        "Basic realm=\"roomsync\", charset=\"UTF-8\"",
        "Bearer realm=\"roomsync\"",
    ] {
        let scheme = HeaderValue::from_static(scheme);
        response.headers_mut().append(WWW_AUTHENTICATE, scheme);
    }
    Some(response)
}

/// The answer to a request for another host.
pub(super) fn misdirected(web: &Web, head: &Parts) -> Option<Response> {
    let why = "this answers to an IP address, `localhost` or a name of `allowed_hosts` in the Host header; a proxy in front of it has to send `Host: localhost`, or the settings have to name the host\n";
    let is_ours = is_for_us(head, &web.options.allowed_hosts);
    (!is_ours).then(|| text(StatusCode::MISDIRECTED_REQUEST, why))
}

/// Asks on a thread of its own what may have to wait: a daemon that is wedged keeps neither probes nor signals waiting.
async fn asked<T: Send + 'static>(
    web: &Web,
    question: impl FnOnce(&dyn StatusSource) -> T + Send + 'static,
) -> Option<T> {
    let source = Arc::clone(&web.source);
    let answer = spawn_blocking(move || question(&*source));
    timeout(PATIENCE, answer).await.ok()?.ok()
}

/// The same, for an answer that whoever asks meanwhile shares.
async fn asked_once<T: Send + 'static>(
    web: &Web,
    shared: &Shared<T>,
    question: impl FnOnce(&dyn StatusSource) -> T + Send + 'static,
) -> Option<Arc<T>> {
    let answer = shared.get(asked(web, question));
    timeout(PATIENCE, answer).await.ok()?
}

/// The same, for an answer that nobody shares.
async fn asked_in_turn<T: Send + 'static>(
    web: &Web,
    question: impl FnOnce(&dyn StatusSource) -> T + Send + 'static,
) -> Option<T> {
    let turn = timeout(TURN, web.answers.own.acquire()).await.ok()?.ok()?;
    let answer = asked(web, question).await;
    drop(turn);
    answer
}

pub(super) fn no_answer() -> Response {
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        "the daemon does not answer, or is too busy; ask again\n",
    )
}

async fn livez(State(web): State<Web>) -> Response {
    match web.source.alive() {
        Ok(()) => text(StatusCode::OK, "ok\n"),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn readyz(State(web): State<Web>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let ready = asked_once(&web, &web.answers.ready, StatusSource::ready).await;
    match ready.as_deref() {
        Some(Ok(())) => text(StatusCode::OK, "ok\n"),
        // The reasons name files and people.
        Some(Err(_)) if refused(&web, &head).await.is_some() => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the log says why, and so does the status page where it is served\n",
        ),
        Some(Err(missing)) => text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n", missing.join("\n")),
        ),
        None => no_answer(),
    }
}

async fn metrics_text(State(web): State<Web>, headers: HeaderMap) -> Response {
    let Some(gauges) = asked_once(&web, &web.answers.gauges, StatusSource::gauges).await else {
        return no_answer();
    };
    let (encoded, kind) = if takes_openmetrics(&headers) {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        (web.metrics.encode(&gauges), kind)
    } else {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        (web.metrics.encode_classic(&gauges), kind)
    };
    match encoded {
        Ok(encoded) => ([(CONTENT_TYPE, kind), (VARY, "accept")], encoded).into_response(),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written\n",
        ),
    }
}

/// Prometheus asks for OpenMetrics; what does not ask gets the format that everything reads.
fn takes_openmetrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        kind.eq_ignore_ascii_case(OPENMETRICS) && !parts.any(|part| part == "q=0")
    })
}

async fn status(State(web): State<Web>, headers: HeaderMap) -> Response {
    /// The status with its rooms.
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        status: &'a Status,
        rooms: Option<&'a [RoomLine]>,
    }
    let render = |source: &dyn StatusSource| {
        let status = &source.glance();
        let rooms = (!status.rooms_by_pages).then_some(status.rooms.as_slice());
        Rendered::at(status.now, &Whole { status, rooms })
    };
    match asked_once(&web, &web.answers.status, render).await {
        Some(rendered) => rendered::answer(&rendered, &headers),
        None => no_answer(),
    }
}

async fn rooms(State(web): State<Web>, asked_for: Uri, headers: HeaderMap) -> Response {
    let (mut since, mut after) = (None, None);
    for (name, value) in form_urlencoded::parse(asked_for.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "since" => since = Some(value.into_owned()),
            "after" => match RoomId::parse(&value) {
                Ok(id) => after = Some(id),
                Err(error) => return text(StatusCode::BAD_REQUEST, format!("400: after: {error}\n")),
            },
            _ => {
                return text(
                    StatusCode::BAD_REQUEST,
                    "400: there are the parameters since and after\n",
                );
            }
        }
    }
    let render =
        move |source: &dyn StatusSource| Rendered::of(&source.rooms(since.as_deref(), after.as_ref()));
    match asked_in_turn(&web, render).await {
        Some(rendered) => rendered::answer(&rendered, &headers),
        None => no_answer(),
    }
}

async fn room(State(web): State<Web>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let render = move |source: &dyn StatusSource| {
        let room = source.room(&RoomId::parse(&id).ok()?)?;
        Some(Rendered::of(&room))
    };
    match asked_in_turn(&web, render).await {
        Some(Some(rendered)) => rendered::answer(&rendered, &headers),
        Some(None) => {
            let body = r#"{"error":{"code":"not_managed","message":"no room file names this room"}}"#;
            (StatusCode::NOT_FOUND, [(CONTENT_TYPE, JSON)], body).into_response()
        }
        None => no_answer(),
    }
}
