//! The chat service itself, over HTTP, in memory: its rules and its limits.
//!
//! It plays the service as the seed ("Manage chat room members") describes it and, where the seed is silent, as
//! recorded answers show it (`[P]`); what nobody says is marked as an assumption (`[?]`). It shares
//! [`crate::chat::wire`] with the client and nothing else, so that a mistake in one is not hidden by the same mistake
//! in the other.

mod answer;
mod limiter;
mod names;
mod refusal;
mod room;
mod routes;
mod rules;
mod state;
mod state_file;

pub use names::Names;
pub use room::Room;
pub use state::{AppKey, State};
pub use state_file::StateError;

use crate::chat::wire::{CALLS_PER_SECOND, Envelope};
use answer::Data;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, request::Parts};
use limiter::Limiter;
use refusal::Refusal;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Most bytes of a request's body: far more than the largest batch needs.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How the service behaves, beside what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Calls that each method takes in any 1,000 ms; `None` takes every call.
    pub calls_per_second: Option<NonZeroU32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            calls_per_second: NonZeroU32::new(CALLS_PER_SECOND),
        }
    }
}

/// The running service. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Emulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    limiter: Mutex<Limiter>,
}

impl Emulator {
    /// Starts the service from a state.
    #[must_use]
    pub fn new(state: State, options: Options) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            limiter: Mutex::new(Limiter::new(options.calls_per_second)),
        }))
    }

    /// The service as a router, to be served on a socket or called in-process.
    pub fn router(&self) -> Router {
        let emulator = self.clone();
        // One handler for every path, because axum's own routes would decide which paths mean the same.
        Router::new().fallback(move |request: Request| {
            let emulator = emulator.clone();
            async move { emulator.handle(request).await }
        })
    }

    /// What the service knows now.
    #[must_use]
    pub fn state(&self) -> State {
        lock(&self.0.state).clone()
    }

    /// Changes what the service knows, between two calls.
    pub fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.0.state))
    }

    async fn handle(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY_BYTES).await;
        answer::respond(match body {
            Ok(body) => self.call(&head, &body),
            Err(error) => Err(Refusal::BadArgument(error.to_string())),
        })
    }

    /// One call from beginning to end, without a pause: a caller who hangs up cannot leave half a call behind.
    fn call(&self, head: &Parts, body: &[u8]) -> Result<Envelope<Data>, Refusal> {
        let (app, call) = routes::find(&head.method, head.uri.path())?;
        let mut state = lock(&self.0.state);
        app.check(&state)?;
        check_token(&state, &head.headers)?;
        if let Some(method) = call.method() {
            let mut limiter = lock(&self.0.limiter);
            // The clock is tokio's, so that a paused one drives the limit; it is read under the lock, so that it never
            // goes back for the limiter.
            if !limiter.admit(method, Instant::now()) {
                return Err(Refusal::OverRate);
            }
        }
        answer::perform(&mut state, &call, head, body)
    }
}

/// "Bearer is a fixed character, followed by an English space, and then the obtained token value" (seed, "Request
/// header").
fn check_token(state: &State, headers: &HeaderMap) -> Result<(), Refusal> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .filter(|token| !token.is_empty())
        .ok_or(Refusal::NoToken)?;
    match &state.tokens {
        Some(tokens) if !tokens.contains(token) => Err(Refusal::BadToken),
        _ => Ok(()),
    }
}

/// A test that panics in [`Emulator::edit`] is to fail by its own message, not by every later call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves the emulator until `shutdown` completes and the calls in flight have ended.
pub async fn serve(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, emulator.router())
        .with_graceful_shutdown(shutdown)
        .await
}
