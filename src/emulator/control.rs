//! The control endpoint: JSON over HTTP, on a port of its own.

use super::dispatch::json;
use super::state_save::StateDocument;
use super::{Emulator, Fault};
use crate::model::RoomId;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json as value;
use tokio::net::TcpListener;

/// Most bytes of a request's body: the names of all users of a large app.
const MAX_BODY_BYTES: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    users: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersOfRoom {
    room: String,
    users: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    fault: String,
}

/// Refusal of the control endpoint: a status, and the reason.
type Refused = (StatusCode, String);

/// Serves the control endpoint of an emulator until `shutdown` completes.
///
/// `GET /journal`, `DELETE /journal`, `GET /counters`, `GET /state`; `POST /online` and `POST /offline` with
/// `{"users": […]}`; `POST /join` and `POST /leave` with `{"room": "…", "users": […]}`; `GET /faults`, `POST /faults` with `{"fault": "add_many@3:reset"}`, `DELETE /faults` and
/// `DELETE /faults/{id}`.
pub async fn serve_control(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new().fallback(move |request: Request| {
        let emulator = emulator.clone();
        async move {
            answer(&emulator, request)
                .await
                .unwrap_or_else(|(status, why)| json(status, &value!({ "error": why })))
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn answer(emulator: &Emulator, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|why| bad_request(&why))?;
    let path = head.uri.path();
    let done = |answer: serde_json::Value| json(StatusCode::OK, &answer);
    Ok(match (head.method.as_str(), path) {
        ("GET", "/journal") => json(StatusCode::OK, &emulator.journal()),
        ("DELETE", "/journal") => {
            emulator.clear_journal();
            done(value!({}))
        }
        ("GET", "/counters") => json(StatusCode::OK, &emulator.counters()),
        ("GET", "/state") => json(StatusCode::OK, &StateDocument::of(&emulator.state())),
        ("POST", "/online") => {
            let Users { users } = decode(&body)?;
            done(value!({ "offline": emulator.online(&users) }))
        }
        ("POST", "/offline") => {
            let Users { users } = decode(&body)?;
            done(value!({ "offline": emulator.offline(&users) }))
        }
        ("POST", "/join") => {
            let (room, users) = users_of_room(emulator, &body)?;
            done(value!({ "joined": emulator.join(&room, &users) }))
        }
        ("POST", "/leave") => {
            let (room, users) = users_of_room(emulator, &body)?;
            done(value!({ "left": emulator.leave(&room, &users) }))
        }
        ("GET", "/faults") => json(StatusCode::OK, &emulator.faults()),
        ("POST", "/faults") => {
            let NewFault { fault } = decode(&body)?;
            let fault = Fault::parse(&fault).map_err(|why| bad_request(&why))?;
            emulator.check_fault(&fault).map_err(|why| bad_request(&why))?;
            json(StatusCode::CREATED, &emulator.add_fault(fault))
        }
        ("DELETE", "/faults") => {
            emulator.clear_faults();
            done(value!({}))
        }
        ("DELETE", path) if path.starts_with("/faults/") => {
            let id = path.trim_start_matches("/faults/");
            match id.parse() {
                Ok(id) if emulator.remove_fault(id) => done(value!({})),
                _ => return Err((StatusCode::NOT_FOUND, format!("there is no fault {id}"))),
            }
        }
        (
            _,
            "/journal" | "/counters" | "/state" | "/online" | "/offline" | "/join" | "/leave" | "/faults",
        ) => {
            let why = format!("{path} does not know {}", head.method);
            return Err((StatusCode::METHOD_NOT_ALLOWED, why));
        }
        _ => return Err((StatusCode::NOT_FOUND, format!("there is no {path}"))),
    })
}

fn users_of_room(emulator: &Emulator, body: &[u8]) -> Result<(RoomId, Vec<String>), Refused> {
    let UsersOfRoom { room, users } = decode(body)?;
    match RoomId::parse(&room) {
        Ok(id) if emulator.current_state().rooms.contains_key(&id) => Ok((id, users)),
        _ => Err((StatusCode::NOT_FOUND, format!("there is no room {room}"))),
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|why| bad_request(&why))
}

fn bad_request(why: &impl ToString) -> Refused {
    (StatusCode::BAD_REQUEST, why.to_string())
}
