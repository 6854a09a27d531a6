//! The chat service itself, over HTTP, in memory: its rules and its limits.
//!
//! It plays the service as the seed ("Manage chat room members") describes it and, where the seed is silent, as
//! recorded answers show it (`[P]`); what nobody says is marked as an assumption (`[?]`). It shares
//! [`crate::chat::wire`] with the client and nothing else, so that a mistake in one is not hidden by the same mistake
//! in the other.
//!
//! Around the service stands what can be arranged for a test: faults, delay, who is online, webhooks; and a journal and
//! counters of what was called. The library gives it as methods of [`Emulator`], the network through [`serve_control`].

mod answer;
mod conditions;
mod control;
mod delay;
mod fault;
mod fault_spec;
mod gate;
mod journal;
mod limiter;
mod names;
mod presence;
mod refusal;
mod room;
mod routes;
mod rules;
mod saved;
mod state;
mod state_file;
mod webhook;

pub use conditions::{Conditions, FaultInPlace};
pub use control::serve_control;
pub use fault::{Calls, Fault, Phase, Said, What, When};
pub use fault_spec::{BadFault, FAULT_HELP};
pub use journal::{Counters, Entry, Journal, MethodCounters};
pub use names::Names;
pub use room::Room;
pub use saved::save;
pub use state::{AppKey, State};
pub use state_file::StateError;
pub use webhook::{BadWebhook, Poster, Webhook};

use crate::chat::wire::{CALLS_PER_SECOND, Envelope};
use answer::Data;
use axum::Router;
use axum::extract::Request;
use conditions::Around;
use http::header::AUTHORIZATION;
use http::{HeaderMap, request::Parts};
use limiter::Limiter;
use refusal::Refusal;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use webhook::Hooks;

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
    // Where several are locked, they are in this order.
    state: Mutex<State>,
    hooks: Mutex<Option<Hooks>>,
    around: Mutex<Around>,
    limiter: Mutex<Limiter>,
    closing: watch::Sender<bool>,
}

impl Emulator {
    /// Starts the service from a state.
    #[must_use]
    pub fn new(state: State, options: Options) -> Self {
        Self::under(state, options, Conditions::default())
    }

    /// Starts the service from a state, under other conditions than the best.
    #[must_use]
    pub fn under(state: State, options: Options, conditions: Conditions) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            hooks: Mutex::new(None),
            around: Mutex::new(Around::new(conditions)),
            limiter: Mutex::new(Limiter::new(options.calls_per_second)),
            closing: watch::Sender::new(false),
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
        self.settled().clone()
    }

    /// Changes what the service knows, between two calls.
    pub fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.change(&mut self.settled(), None, change)
    }

    /// One call from beginning to end, without a pause: a caller who hangs up cannot leave half a call behind. Others
    /// have `taken` so many calls of its method's budget.
    fn call(
        &self,
        state: &mut State,
        head: &Parts,
        body: &[u8],
        taken: u32,
    ) -> Result<Envelope<Data>, Refusal> {
        let (app, call) = routes::find(&head.method, head.uri.path())?;
        app.check(state)?;
        check_token(state, &head.headers)?;
        if let Some(method) = call.method() {
            let mut limiter = lock(&self.0.limiter);
            // The clock is tokio's, so that a paused one drives the limit; it is read under the lock, so that it never
            // goes back for the limiter.
            if !limiter.admit(method, taken, Instant::now()) {
                return Err(Refusal::OverRate);
            }
        }
        answer::perform(state, &call, head, body)
    }
}

/// "Bearer is a fixed character, followed by an English space, and then the obtained token value" (seed, "Request
/// header").
fn check_token(state: &State, headers: &HeaderMap) -> Result<(), Refusal> {
    let token = bearer(headers).ok_or(Refusal::NoToken)?;
    match &state.tokens {
        Some(tokens) if !tokens.contains(token) => Err(Refusal::BadToken),
        _ => Ok(()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").filter(|token| !token.is_empty())
}

/// A test that panics in [`Emulator::edit`] is to fail by its own message, not by every later call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves the emulator until `shutdown` completes and the calls in flight have ended; those that a fault or the latency
/// keeps waiting wait no longer.
pub async fn serve(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let closing = emulator.clone();
    axum::serve(listener, emulator.router())
        .with_graceful_shutdown(async move {
            shutdown.await;
            closing.0.closing.send_replace(true);
        })
        .await
}
