//! Environment of the service: faults, delay, who is online; and what can be seen of it.

use super::delay::Delay;
use super::fault::{ActiveFault, Fault, Faults};
use super::journal::{Counters, Journal, Recorder};
use super::presence::Presence;
use super::webhook::{self, Webhook, WebhookPoster};
use super::{Emulator, State, lock};
use crate::model::RoomId;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::MutexGuard;
use std::time::Duration;
use tokio::time::Instant;

/// The circumstances of a service, beside its rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Environment {
    /// RNG of everything at random, unless a fault names a seed of its own.
    pub seed: u64,
    /// Duration of a call, there and back alike.
    pub latency: Duration,
    /// Most by which it takes longer or less long.
    pub jitter: Duration,
    /// Time for which a member of a room can be offline before they leave it; `None` lets everybody stay.
    pub offline_after: Option<Duration>,
}

/// A fault in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultStatus {
    /// Its number, from 1.
    pub id: u64,
    /// As [`Fault::parse`] reads it, its seed included.
    pub fault: String,
    /// Number of calls it has counted.
    pub counted: u64,
    /// Number of calls it struck.
    pub struck: u64,
}

impl From<&ActiveFault> for FaultStatus {
    fn from(active: &ActiveFault) -> Self {
        Self {
            id: active.id,
            fault: active.fault.to_string(),
            counted: active.counted,
            struck: active.struck,
        }
    }
}

/// Everything around the service that changes as it runs.
#[derive(Debug)]
pub(super) struct EnvironmentState {
    pub(super) faults: Faults,
    pub(super) delay: Delay,
    pub(super) recorder: Recorder,
    presence: Presence,
    /// States of the service before its last changes, oldest first; as many as a fault asks for.
    past: VecDeque<State>,
}

impl EnvironmentState {
    pub(super) fn new(environment: Environment) -> Self {
        let Environment {
            seed,
            latency,
            jitter,
            offline_after,
        } = environment;
        Self {
            faults: Faults::new(seed),
            delay: Delay::new(latency, jitter, seed),
            recorder: Recorder::new(Instant::now()),
            presence: Presence::new(offline_after),
            past: VecDeque::new(),
        }
    }

    /// State of the service so many changes ago, or as long ago as is remembered.
    pub(super) fn past(&self, changes: usize) -> Option<&State> {
        self.past.get(self.past.len().saturating_sub(changes))
    }
}

impl Emulator {
    /// Puts a fault in place.
    pub fn add_fault(&self, fault: Fault) -> FaultStatus {
        lock(&self.0.environment).faults.add(fault).into()
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
        presence.who_is_offline()
    }

    /// Sends membership events from now on, as far as the poster is run. There can be one poster.
    pub fn webhook(&self, webhook: Webhook) -> WebhookPoster {
        let (hooks, poster) = webhook::channel(webhook);
        *lock(&self.0.hooks) = Some(hooks);
        poster
    }

    /// State of the service, after those have left whose time has come.
    pub(super) fn current_state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.0.state);
        let left = lock(&self.0.environment)
            .presence
            .sweep(&mut state, Instant::now());
        if let Some(hooks) = &*lock(&self.0.hooks) {
            for (room, users) in &left {
                hooks.gone_offline(&state, room, users);
            }
        }
        state
    }

    /// Makes a change, remembers what was before it if a fault asks for that, and tells the webhook about the room and
    /// who changed it.
    pub(super) fn change<T>(
        &self,
        state: &mut State,
        room: Option<(&RoomId, &str)>,
        change: impl FnOnce(&mut State) -> T,
    ) -> T {
        let memory = lock(&self.0.environment).faults.memory();
        let past = (memory > 0).then(|| state.clone());
        // Held until the events are in the queue, so that they are there in the order of the changes.
        let hooks = lock(&self.0.hooks);
        let watched = hooks.as_ref().zip(room);
        let before = watched.and_then(|(_, (id, _))| state.rooms.get(id).cloned());
        let result = change(state);
        if let Some(past) = past.filter(|past| past != state) {
            let environment = &mut lock(&self.0.environment);
            environment.past.push_back(past);
            while environment.past.len() > memory {
                environment.past.pop_front();
            }
        }
        if let (Some((hooks, (id, operator))), Some(before)) = (watched, before) {
            hooks.changed(state, id, &before, operator);
        }
        result
    }
}
