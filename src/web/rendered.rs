//! JSON with a tag of its content.

use super::assets::is_known;
use super::router::{JSON, text};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, ETAG};
use jiff::Timestamp;
use serde::Serialize;
use std::hash::{DefaultHasher, Hasher as _};

/// JSON with a tag of its content. The bytes are shared by all who are sent them.
#[derive(Debug)]
pub(super) struct Rendered {
    tag: String,
    body: Bytes,
}

impl Rendered {
    pub(super) fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        let body = serde_json::to_vec(value)?;
        Ok(Self::new(tag_of(&body), body))
    }

    /// Puts a time before the fields of a value. It differs every time and tells nothing new, so the tag is of the rest.
    pub(super) fn at(now: Timestamp, value: &impl Serialize) -> serde_json::Result<Self> {
        let mut body = br#"{"now":"#.to_vec();
        serde_json::to_writer(&mut body, &now)?;
        let rest = body.len();
        serde_json::to_writer(&mut body, value)?;
        let tag = tag_of(body.get(rest..).unwrap_or_default());
        if let Some(brace) = body.get_mut(rest) {
            *brace = b',';
        }
        Ok(Self::new(tag, body))
    }

    fn new(tag: String, mut body: Vec<u8>) -> Self {
        // Whoever is slow to take it keeps it for a while.
        body.shrink_to_fit();
        let body = body.into();
        Self { tag, body }
    }

    /// Answers with it, or that the asker has it already.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = (ETAG, self.tag.clone());
        if is_known(headers, &self.tag) {
            return (StatusCode::NOT_MODIFIED, [tag]).into_response();
        }
        let kind = (CONTENT_TYPE, JSON.to_owned());
        ([kind, tag], self.body.clone()).into_response()
    }
}

/// Answers with what was rendered.
pub(super) fn answer(rendered: &serde_json::Result<Rendered>, headers: &HeaderMap) -> Response {
    match rendered {
        Ok(rendered) => rendered.answer(headers),
        Err(error) => {
            let why = format!("this cannot be written as JSON: {error}\n");
            text(StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    }
}

fn tag_of(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("\"{:016x}\"", hasher.finish())
}
