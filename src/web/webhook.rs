//! Receiver of the service's events. It faces the internet, so it has a listener of its own, and believes nothing: an event that
//! passes is a reason to look at its room, no more.
//!
//! A request costs little before its digest is found right, and is answered at once: what it says is left to the daemon in a line
//! that is bounded.

mod event;
mod forms;
mod intake;
mod judge;
mod listener;

pub use event::{Actor, EventKind, Leave, RoomEvent};
pub use intake::{Intake, IntakeTrouble};
pub use listener::WebhookListener;

use super::secrets::FollowedSecrets;
use crate::status::EventResult;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use judge::Judge;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Largest body in bytes: an event that names 10,000 people by the longest names, as that of a full room that is deleted.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Largest body that every connection may hold at a time. Nearly all events have fewer than 1,000 bytes.
const SMALL_BODY_BYTES: usize = 64 << 10;
/// Most larger bodies that are held at a time.
const LARGE_BODIES: usize = 8;
/// Time limit for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of the receiver.
#[derive(Debug)]
pub struct WebhookOptions {
    /// Path of the requests.
    pub path: String,
    /// Secrets that sign events.
    pub secrets: FollowedSecrets,
    /// App Key, `org#app`. `None`: the settings have none, and events of every app are taken.
    pub app_key: Option<String>,
}

struct Receiver {
    judge: Judge,
    secrets: FollowedSecrets,
    intake: Arc<Intake>,
    large_bodies: Semaphore,
}

/// Everything that the webhook answers.
pub fn webhook_router(options: WebhookOptions, intake: Arc<Intake>) -> Router {
    let WebhookOptions {
        path,
        secrets,
        app_key,
    } = options;
    let receiver = Receiver {
        judge: Judge::new(app_key),
        secrets,
        intake,
        large_bodies: Semaphore::new(LARGE_BODIES),
    };
    Router::new()
        .route(&path, post(receive))
        .method_not_allowed_fallback(async || answer(StatusCode::METHOD_NOT_ALLOWED, "405: use POST\n"))
        .fallback(async || answer(StatusCode::NOT_FOUND, "nothing is here\n"))
        .with_state(Arc::new(receiver))
}

/// The service counts everything but 200 as a failure, tries it once more, and pauses the webhook after 90 within 30 s. So
/// an event that is signed is answered with 200, even if it is of no use.
async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match receiver.body(&head.headers, body).await {
        Ok(body) => body,
        Err((result, refusal)) => {
            receiver.intake.refuse(result);
            return refusal;
        }
    };
    let secrets = receiver.secrets.current().await;
    match receiver.judge.judge(&body, &secrets, receiver.intake.now()) {
        Ok(event) => receiver.intake.accept(event),
        Err(result) => {
            receiver.intake.refuse(result);
            match result {
                EventResult::Malformed => return answer(StatusCode::BAD_REQUEST, "this is no event\n"),
                EventResult::Forged => {
                    return answer(StatusCode::UNAUTHORIZED, "the digest is not right\n");
                }
                _ => {}
            }
        }
    }
    answer(StatusCode::OK, "ok\n")
}

fn answer(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}

impl Receiver {
    /// The whole body of a request. The error: it is too large or too slow, or there is no place for it; with the answer.
    async fn body(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, (EventResult, Response)> {
        let malformed = |status, text| (EventResult::Malformed, answer(status, text));
        let too_large = || malformed(StatusCode::PAYLOAD_TOO_LARGE, "this is larger than any event\n");
        let length = headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let is_small = length.is_some_and(|length| length <= SMALL_BODY_BYTES);
        if length.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_large());
        }
        let _place = match is_small {
            true => None,
            false => match self.large_bodies.try_acquire() {
                Ok(place) => Some(place),
                Err(_) => {
                    let busy = answer(StatusCode::SERVICE_UNAVAILABLE, "busy; try again\n");
                    return Err((EventResult::Lost, busy));
                }
            },
        };
        match timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err(too_large()),
            Err(_) => Err(malformed(StatusCode::REQUEST_TIMEOUT, "the body took too long\n")),
        }
    }
}

#[cfg(test)]
mod tests;
