//! The chat service itself, over HTTP, in memory: its rules and its limits.
//!
//! It plays the service as the seed ("Manage chat room members") describes it and, where the seed is silent, as
//! recorded answers show it (`[P]`); what nobody says is marked as an assumption (`[?]`). Where documents disagree, a
//! [`Profile`] says which it follows. It shares [`crate::chat::wire`] with the client and nothing else, so that a
//! mistake in one is not hidden by the same mistake in the other.

mod access_token;
mod allow_list;
mod answer;
mod caller;
mod limiter;
mod names;
mod pages;
mod profile;
mod refusal;
mod room;
mod routes;
mod rules;
mod scene;
mod state;
mod state_file;
mod tokens;

pub use names::Names;
pub use profile::{BadSwitch, Point, Profile, Side, Switch};
pub use room::Room;
pub use state::{AppKey, State};
pub use state_file::StateError;

use crate::chat::wire::CALLS_PER_SECOND;
use answer::Answer;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use limiter::Limiter;
use refusal::Refusal;
use routes::Call;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokens::Tokens;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Most bytes of a request's body: far more than the largest batch needs.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How the service behaves, beside what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Calls that each method takes in any 1,000 ms; `None` takes every call.
    pub calls_per_second: Option<NonZeroU32>,
    /// What it follows where the documents disagree.
    pub profile: Profile,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            calls_per_second: NonZeroU32::new(CALLS_PER_SECOND),
            profile: Profile::default(),
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
    tokens: Mutex<Tokens>,
    profile: Profile,
}

impl Emulator {
    /// Starts the service from a state.
    #[must_use]
    pub fn new(state: State, options: Options) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            limiter: Mutex::new(Limiter::new(options.calls_per_second)),
            tokens: Mutex::default(),
            profile: options.profile,
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
    fn call(&self, head: &Parts, body: &[u8]) -> Result<Answer, Refusal> {
        let (app, call) = routes::find(&head.method, head.uri.path())?;
        let mut state = lock(&self.0.state);
        app.check(&state)?;
        let mut tokens = lock(&self.0.tokens);
        // The clock is tokio's, so that a paused one drives limits and tokens; it is read under the lock, so that it
        // never goes back for the limiter.
        let now = Instant::now();
        let caller = match call {
            Call::Token => return answer::grant(&mut tokens, &state, body, now),
            _ => tokens.caller(&state, &head.headers, now)?,
        };
        if let Some(budget) = call.budget()
            && !lock(&self.0.limiter).admit(budget, now)
        {
            return Err(Refusal::OverRate);
        }
        caller.check(&state, &call)?;
        answer::perform(&mut state, self.0.profile, &call, head, body)
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
