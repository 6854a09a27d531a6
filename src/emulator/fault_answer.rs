//! Answers that a fault gives, or breaks.

use super::dispatch;
use super::fault::{FaultBody, documented, text_of};
use super::time_of_day::Stamp;
use crate::chat::wire::ErrorBody;
use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{StatusCode, header};
use std::{io, iter};

/// An oversized body's length in bytes: several times what any page of the service has.
const OVERSIZED_BYTES: usize = 32 << 20;

/// An answer that a fault gives.
pub(super) fn answered(status: StatusCode, said: &FaultBody, stamp: Stamp) -> Response {
    let (error, description) = match said {
        FaultBody::Body(text) => {
            return (status, [(header::CONTENT_TYPE, "application/json")], text.clone()).into_response();
        }
        FaultBody::Error(kind) => (kind.as_str(), text_of(kind)),
        FaultBody::Documented => {
            let (kind, text) = documented(status);
            (kind, text.to_owned())
        }
    };
    let body = ErrorBody {
        error: error.to_owned(),
        exception: exception(error),
        timestamp: stamp.now_ms,
        duration: stamp.duration_ms,
        error_description: description,
    };
    dispatch::json(status, &body)
}

/// The server's own class of an error, which is its kind in capitals.
fn exception(kind: &str) -> String {
    let mut name = "com.easemob.group.exception.".to_owned();
    for word in kind.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name + "Exception"
}

/// The page of a proxy.
pub(super) fn page(status: StatusCode) -> Response {
    let html = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
    (status, [(header::CONTENT_TYPE, "text/html")], html).into_response()
}

/// An answer whose body breaks before its first byte: then the server sends nothing at all and hangs up.
pub(super) fn reset() -> Response {
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(broken)])))
}

pub(super) async fn truncated(answer: Response) -> Response {
    let (head, mut body) = whole(answer).await;
    body.truncate(body.len() / 2);
    Response::from_parts(head, body.into())
}

/// The answer with blanks behind it, which are good JSON.
pub(super) async fn oversized(answer: Response) -> Response {
    const BLANKS: &[u8] = &[b' '; 1 << 16];
    let (head, body) = whole(answer).await;
    let blanks = iter::repeat_n(Bytes::from_static(BLANKS), OVERSIZED_BYTES / BLANKS.len());
    let chunks = iter::once(body).chain(blanks).map(Ok::<_, io::Error>);
    Response::from_parts(head, Body::from_stream(stream::iter(chunks)))
}

async fn whole(answer: Response) -> (http::response::Parts, Bytes) {
    let (head, body) = answer.into_parts();
    // The answer is the emulator's own and in memory: it can be read.
    (head, to_bytes(body, usize::MAX).await.unwrap_or_default())
}
