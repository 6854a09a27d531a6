//! What guards keep back in a room, shown to people with the admin token and let through by them.

use super::orders::{self, Order, bad};
use super::router::{JSON, Web, no_answer, text};
use crate::model::RoomId;
use crate::status::ApproveOrder;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// Longest look at a room. Whoever asks waits a little longer.
const LOOK: Duration = Duration::from_secs(8);

/// The rooms of a daemon, by which somebody who names one finds its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedRooms {
    /// App of the daemon.
    pub app: String,
    /// Each room's id, and its label in the files.
    pub rooms: Vec<(String, Option<String>)>,
}

/// `GET /-/approve`.
pub(super) async fn rooms(State(web): State<Web>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Some(refusal) = orders::refusal(&web, &head).await {
        return refusal;
    }
    let listed = tokio::task::spawn_blocking(move || ManagedRooms {
        app: web.control.app(),
        rooms: web
            .control
            .rooms()
            .into_iter()
            .map(|(id, name)| (id.to_string(), name))
            .collect(),
    });
    match timeout(LOOK, listed).await {
        Ok(Ok(listed)) => json(&listed),
        _ => no_answer(),
    }
}

/// `GET /-/approve/ROOM`.
pub(super) async fn show(State(web): State<Web>, Path(room): Path<String>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Some(refusal) = orders::refusal(&web, &head).await {
        return refusal;
    }
    let Ok(room) = RoomId::parse(&room) else {
        return bad("a room is named by its id here");
    };
    let shown = tokio::spawn(async move { web.control.held_back(room).await });
    match timeout(LOOK, shown).await {
        Ok(Ok(Ok(held_back))) => json(&held_back),
        Ok(Ok(Err(reply))) => orders::answer(reply),
        _ => no_answer(),
    }
}

/// `POST /-/approve/ROOM`.
pub(super) async fn approve(State(web): State<Web>, Path(room): Path<String>, request: Request) -> Response {
    let Order { by, digest, .. } = match orders::read(&web, request).await {
        Ok(order) => order,
        Err(refusal) => return refusal,
    };
    let Ok(room) = RoomId::parse(&room) else {
        return bad("a room is named by its id here");
    };
    let Some(digest) = digest else {
        return bad("`digest`: send that of GET /-/approve/ROOM, which shows what would be let through");
    };
    let order = ApproveOrder { room, by, digest };
    orders::carried_out_within(LOOK, &web, |web| async move { web.control.approve(order).await }).await
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (StatusCode::OK, [(CONTENT_TYPE, JSON)], body).into_response(),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "500: this cannot be written as JSON\n",
        ),
    }
}
