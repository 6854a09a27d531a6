//! Environment of the service: faults, delay, who is online; and what can be seen of it.

use super::State;
use super::delay::Delay;
use super::fault::{ActiveFault, Faults};
use super::journal::Recorder;
use super::presence::Presence;
use serde::Serialize;
use std::collections::VecDeque;
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
    /// The longest life of a token that the service grants, in whole seconds; `None`: as long as is asked for.
    pub token_ttl: Option<Duration>,
}

/// A fault in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultStatus {
    /// Its number, from 1.
    pub id: u64,
    /// As [`super::Fault::parse`] reads it, its seed included.
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
    pub(super) presence: Presence,
    /// States of the service before its last changes, oldest first; as many as a fault asks for.
    pub(super) past: VecDeque<State>,
}

impl EnvironmentState {
    pub(super) fn new(environment: Environment) -> Self {
        let Environment {
            seed,
            latency,
            jitter,
            offline_after,
            token_ttl: _,
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
