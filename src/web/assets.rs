//! The page: plain files, built in.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use std::hash::{DefaultHasher, Hasher as _};

pub(super) async fn index(headers: HeaderMap) -> Response {
    asset(
        &headers,
        "text/html; charset=utf-8",
        include_str!("page/index.html"),
    )
}

pub(super) async fn style(headers: HeaderMap) -> Response {
    asset(&headers, "text/css; charset=utf-8", include_str!("page/app.css"))
}

pub(super) async fn script(headers: HeaderMap) -> Response {
    asset(
        &headers,
        "text/javascript; charset=utf-8",
        concat!(
            include_str!("page/kit.js"),
            include_str!("page/words.js"),
            include_str!("page/rooms.js"),
            include_str!("page/app.js"),
            include_str!("page/poll.js")
        ),
    )
}

pub(super) async fn icon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", include_str!("page/icon.svg"))
}

/// A browser may keep these, but asks each time whether they are still the same: another version may have been started.
fn asset(headers: &HeaderMap, kind: &'static str, text: &'static str) -> Response {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    let tag = format!("\"{:016x}\"", hasher.finish());
    let keep = [(CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag.clone())];
    if is_known(headers, &tag) {
        (StatusCode::NOT_MODIFIED, keep).into_response()
    } else {
        (keep, [(CONTENT_TYPE, kind)], text).into_response()
    }
}

/// True if the client has the content with this tag.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let known = known.filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}
