//! The chat service itself, over HTTP, in memory: its rules and its limits.
//!
//! It plays the service as the seed ("Manage chat room members") describes it and, where the seed is silent, as
//! recorded answers show it (`[P]`); what nobody says is marked as an assumption (`[?]`). Where documents disagree, a
//! [`Profile`] says which it follows. It shares [`crate::chat::wire`] with the client and nothing else, so that a
//! mistake in one is not hidden by the same mistake in the other.
//!
//! Around the service stands what can be arranged for a test: faults, delay, who is online, webhooks; and a journal and
//! counters of what was called. The library gives it as methods of [`Emulator`], the network through [`serve_control`].

mod access_token;
mod admin_api;
mod allow_list;
mod answer;
mod block_list;
mod caller;
mod condition;
mod control;
mod delay;
mod dispatch;
mod environment;
mod fault;
mod fault_answer;
mod fault_spec;
mod journal;
mod limiter;
mod looks;
mod names;
mod pages;
mod pipeline;
mod presence;
mod profile;
mod refusal;
mod room;
mod routes;
mod rules;
mod serve;
mod state;
mod state_file;
mod state_save;
mod sweeper;
mod time_of_day;
mod tokens;
mod uuid;
mod webhook;

pub use condition::Condition;
pub use control::serve_control;
pub use environment::{Environment, FaultStatus};
pub use fault::{CallFilter, Fault, FaultBody, FaultEffect, Phase, Trigger};
pub use fault_spec::{BadFault, FAULT_HELP};
pub use journal::{Counters, Journal, JournalEntry, MethodCounters};
pub use looks::Look;
pub use names::Names;
pub use profile::{BadSwitch, Point, Profile, Side, Switch};
pub use room::Room;
pub use serve::serve;
pub use state::{AppKey, State};
pub use state_file::StateError;
pub use state_save::save;
pub use webhook::{BadWebhook, NoWebhook, Webhook, WebhookAnswer, WebhookPoster, WebhookStyle};

use crate::chat::wire::CALLS_PER_SECOND;
use crate::model::RoomId;
use axum::Router;
use axum::extract::Request;
use environment::EnvironmentState;
use limiter::Limiter;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use sweeper::Sweeper;
use time_of_day::{Stamp, TimeOfDay};
use tokens::{RequestTime, TokenStore};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use webhook::{Author, Before, Scope, WebhookQueue};

/// Most bytes of a request's body: far more than the largest batch needs.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Behaviour of the service, beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Calls that each method takes in any 1,000 ms; `None` takes every call.
    pub calls_per_second: Option<NonZeroU32>,
    /// Behaviour where the documents disagree.
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
    // Where several are locked, they are in this order.
    state: Mutex<State>,
    hooks: Mutex<Option<WebhookQueue>>,
    environment: Mutex<EnvironmentState>,
    tokens: Mutex<TokenStore>,
    limiter: Mutex<Limiter>,
    clock: Mutex<TimeOfDay>,
    profile: Profile,
    presence_changed: Arc<Notify>,
    closing: watch::Sender<bool>,
}

impl Emulator {
    /// Starts the service from a state.
    #[must_use]
    pub fn new(state: State, options: Options) -> Self {
        Self::in_environment(state, options, Environment::default())
    }

    /// Starts the service from a state, in this environment.
    #[must_use]
    pub fn in_environment(state: State, options: Options, environment: Environment) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            hooks: Mutex::new(None),
            environment: Mutex::new(EnvironmentState::new(environment)),
            limiter: Mutex::new(Limiter::new(options.calls_per_second)),
            tokens: Mutex::new(TokenStore::new(environment.token_ttl)),
            clock: Mutex::default(),
            profile: options.profile,
            presence_changed: Arc::default(),
            closing: watch::Sender::new(false),
        }))
    }

    /// The service as a router, to be served on a socket or called in-process.
    pub fn router(&self) -> Router {
        let emulator = self.clone();
        // One handler for every path, because axum's own routes would decide which paths mean the same.
        Router::new().fallback(move |request: Request| {
            let emulator = emulator.clone();
            async move { pipeline::handle(&emulator, request).await }
        })
    }

    /// State of the service now.
    #[must_use]
    pub fn state(&self) -> State {
        self.current_state().clone()
    }

    /// Changes what the service knows, between two calls.
    pub fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.change(&mut self.current_state(), None, change)
    }

    /// Sets the clock of the time in its answers, in milliseconds since 1970.
    pub fn set_clock(&self, clock: impl Fn() -> u64 + Send + Sync + 'static) {
        *lock(&self.0.clock) = TimeOfDay::new(clock);
    }

    /// Puts a fault in place.
    pub fn add_fault(&self, fault: Fault) -> FaultStatus {
        lock(&self.0.environment).faults.add(fault).into()
    }

    /// Refuses a fault of events while none are posted.
    pub fn check_fault(&self, fault: &Fault) -> Result<(), NoWebhook> {
        let strikes = fault.calls != CallFilter::Events || lock(&self.0.hooks).is_some();
        strikes.then_some(()).ok_or(NoWebhook)
    }

    /// The faults in place, in the order in which they are asked.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultStatus> {
        lock(&self.0.environment)
            .faults
            .active()
            .iter()
            .map(Into::into)
            .collect()
    }

    /// Takes a fault away; `false` if there is none of this number.
    pub fn remove_fault(&self, id: u64) -> bool {
        lock(&self.0.environment).faults.remove(id)
    }

    /// Takes all faults away; tokens that had expired are good again.
    pub fn clear_faults(&self) {
        let environment = &mut lock(&self.0.environment);
        environment.faults.clear();
        environment.past.clear();
    }

    /// The last calls.
    #[must_use]
    pub fn journal(&self) -> Journal {
        lock(&self.0.environment).recorder.journal().clone()
    }

    /// Forgets the calls so far, not the counts of them.
    pub fn clear_journal(&self) {
        lock(&self.0.environment).recorder.clear_journal();
    }

    /// The counts since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        lock(&self.0.environment).recorder.counters().clone()
    }

    /// Says that these users are online, as everybody is at the start; gives who is offline now.
    pub fn online(&self, users: &[String]) -> Vec<String> {
        // Those whose time has come leave first.
        drop(self.current_state());
        let presence = &mut lock(&self.0.environment).presence;
        presence.online(users);
        presence.who_is_offline()
    }

    /// Says that these users have gone offline; gives who is offline now.
    pub fn offline(&self, users: &[String]) -> Vec<String> {
        let presence = &mut lock(&self.0.environment).presence;
        presence.offline(users, Instant::now());
        self.0.presence_changed.notify_one();
        presence.who_is_offline()
    }

    /// Lets these users come into a room by themselves, as their own client would; gives who came. Who is in the room,
    /// blocked or unknown does not, nor does anybody if the room is full or not there.
    pub fn join(&self, id: &RoomId, users: &[String]) -> Vec<String> {
        self.by_themselves(id, users, |state, user| {
            let known = state.knows(user);
            let room = state
                .rooms
                .get_mut(id)
                .filter(|room| known && room.has_place_for(1));
            room.is_some_and(|room| room.join(user))
        })
    }

    /// Lets these users leave a room by themselves; gives who left.
    pub fn leave(&self, id: &RoomId, users: &[String]) -> Vec<String> {
        self.by_themselves(id, users, |state, user| {
            state.rooms.get_mut(id).is_some_and(|room| room.leave(user))
        })
    }

    /// Makes one change, which is each of these users' own; gives those for whom it was one.
    fn by_themselves(
        &self,
        id: &RoomId,
        users: &[String],
        change: impl Fn(&mut State, &str) -> bool,
    ) -> Vec<String> {
        let told = Some((Scope::Room(id), Author::Themselves));
        self.change(&mut self.current_state(), told, |state| {
            let mut changed = users.to_vec();
            changed.retain(|user| change(state, user));
            changed
        })
    }

    /// Sends membership events from now on, as far as the poster is run. There can be one poster. While it runs, people who
    /// are offline leave in time, and not only at the next call.
    pub fn webhook(&self, webhook: Webhook) -> WebhookPoster {
        let (hooks, poster) = webhook::channel(webhook, self.0.profile, Sweeper::new(self));
        *lock(&self.0.hooks) = Some(hooks);
        poster
    }

    /// Lets those leave whose time has come; gives when the next do.
    fn sweep(&self) -> Option<Instant> {
        drop(self.current_state());
        lock(&self.0.environment).presence.next()
    }

    /// State of the service, after those have left whose time has come.
    fn current_state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.0.state);
        let left = lock(&self.0.environment)
            .presence
            .sweep(&mut state, Instant::now());
        if let Some(hooks) = &mut *lock(&self.0.hooks) {
            for (id, users) in &left {
                if let Some(room) = state.rooms.get(id) {
                    let events = hooks.gone_offline(&state, (id, room), users, self.now_ms());
                    hooks.push(&mut lock(&self.0.environment).faults, &events);
                }
            }
        }
        state
    }

    /// Makes a change, and remembers what was before it if a fault asks for that. Given the rooms that it may touch and
    /// its author, it has events.
    fn change<T>(
        &self,
        state: &mut State,
        told: Option<(Scope<'_>, Author<'_>)>,
        change: impl FnOnce(&mut State) -> T,
    ) -> T {
        let memory = lock(&self.0.environment).faults.memory();
        let past = (memory > 0).then(|| state.clone());
        // Held until the events are in the queue, so that they are there in the order of the changes.
        let mut hooks = lock(&self.0.hooks);
        let watched = hooks
            .as_mut()
            .zip(told)
            .map(|(hooks, (scope, author))| (hooks, Before::new(state, scope), author));
        let result = change(state);
        if let Some(past) = past.filter(|past| past != state) {
            let environment = &mut lock(&self.0.environment);
            environment.past.push_back(past);
            while environment.past.len() > memory {
                environment.past.pop_front();
            }
        }
        if let Some((hooks, before, author)) = watched {
            let events = hooks.changed(&before, state, author, self.now_ms());
            hooks.push(&mut lock(&self.0.environment).faults, &events);
        }
        result
    }

    fn request_time(&self, now: Instant) -> RequestTime {
        let now_ms = self.now_ms();
        RequestTime { now, now_ms }
    }

    /// Times of an answer that is made now to a call that the service took then.
    fn stamp(&self, taken: Instant) -> Stamp {
        Stamp {
            now_ms: self.now_ms(),
            duration_ms: u64::try_from(taken.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The time of day in milliseconds since 1970.
    fn now_ms(&self) -> u64 {
        let clock = lock(&self.0.clock).clone();
        clock.now_ms()
    }
}

/// A test that panics in [`Emulator::edit`] is to fail by its own message, not by every later call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
