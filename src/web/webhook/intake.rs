//! The way of events into the daemon, and how it goes.

use super::event::RoomEvent;
use crate::clock::Clock;
use crate::model::{counted, log_code};
use crate::status::EventResult;
use crate::web::Metrics;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};
use tokio::sync::mpsc;

/// Most events that wait for the daemon, which takes hundreds at a time.
const MAX_WAITING: usize = 4_096;
/// Events refused in a row from which on something is wrong. One or two may be somebody's try.
const MANY: usize = 3;
/// Time after which refusals are forgotten.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);
/// Time for which one event that was accepted shows that refusals beside it are of somebody else's making.
const ACCEPTS: SignedDuration = SignedDuration::from_mins(10);
/// Least time between two warnings of refusals.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// Takes events in. Nothing here waits.
#[derive(Debug)]
pub struct Intake {
    clock: Clock,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<RoomEvent>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// Events refused since the last one that was accepted.
    refused: Option<Refused>,
    accepted: Option<Timestamp>,
    warned: Option<Timestamp>,
    /// Failure to accept connections, since when.
    deaf: Option<(String, Timestamp)>,
}

#[derive(Debug)]
struct Refused {
    times: usize,
    since: Timestamp,
    last: Timestamp,
    why: EventResult,
}

/// Something that is wrong with the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeTrouble {
    /// In words, with what to do about it.
    pub message: String,
    /// Its beginning.
    pub since: Timestamp,
}

impl Intake {
    /// The end at which events go in, and the one at which the daemon takes them out.
    #[must_use]
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> (Arc<Self>, mpsc::Receiver<RoomEvent>) {
        let (events, taken) = mpsc::channel(MAX_WAITING);
        let intake = Self {
            clock,
            metrics,
            events,
            health: Mutex::default(),
        };
        (Arc::new(intake), taken)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a sound event, which is of a room or of something else.
    pub(super) fn accept(&self, event: Option<RoomEvent>) {
        self.health().accepts(self.now());
        match event {
            None => self.metrics.event(EventResult::Irrelevant),
            // What is lost is found at the next interval.
            Some(event) => {
                if self.events.try_send(event).is_err() {
                    self.metrics.event(EventResult::Lost);
                }
            }
        }
    }

    /// Counts an event that was refused.
    pub(super) fn refuse(&self, why: EventResult) {
        self.metrics.event(why);
        match why {
            EventResult::Repeated => self.health().accepts(self.now()),
            EventResult::Forged | EventResult::Stale | EventResult::OtherApp => {
                let warning = self.health().refuses(why, self.now());
                if let Some(warning) = warning {
                    tracing::warn!(code = log_code::WEBHOOK_TROUBLE, "{warning}");
                }
            }
            _ => {}
        }
    }

    /// Records whether connections are accepted.
    pub(super) fn listens(&self, error: Option<&io::Error>) {
        let now = self.now();
        let deaf = &mut self.health().deaf;
        match error {
            None => *deaf = None,
            Some(error) => {
                if deaf.is_none() {
                    tracing::error!(code = log_code::WEBHOOK_TROUBLE, %error, "the webhook cannot take connections");
                }
                deaf.get_or_insert_with(|| (error.to_string(), now));
            }
        }
    }

    /// Something that is wrong with it, if something is.
    #[must_use]
    pub fn trouble(&self) -> Option<IntakeTrouble> {
        let now = self.now();
        let health = self.health();
        if let Some((error, since)) = &health.deaf {
            return Some(IntakeTrouble {
                message: format!("the webhook cannot take connections: {error}"),
                since: *since,
            });
        }
        let refused = health.refusal(now)?;
        Some(IntakeTrouble {
            message: refused.to_string(),
            since: refused.since,
        })
    }
}

impl Health {
    fn accepts(&mut self, now: Timestamp) {
        self.refused = None;
        self.accepted = Some(now);
    }

    /// Counts an event that was refused for this reason. Gives a warning if it is time for one.
    fn refuses(&mut self, why: EventResult, now: Timestamp) -> Option<String> {
        let before = self.refused.take();
        let refused = self.refused.insert(Refused {
            times: before.as_ref().map_or(0, |before| before.times) + 1,
            since: before.map_or(now, |before| before.since),
            last: now,
            why,
        });
        let warning = refused.to_string();
        self.refusal(now)?;
        let is_quiet = self
            .warned
            .is_some_and(|warned| now.duration_since(warned) < QUIET);
        if is_quiet {
            return None;
        }
        self.warned = Some(now);
        Some(warning)
    }

    /// The refusals, if nothing is accepted beside them.
    fn refusal(&self, now: Timestamp) -> Option<&Refused> {
        let within = |time: Timestamp, least: SignedDuration| now.duration_since(time) < least;
        let accepts = self.accepted.is_some_and(|accepted| within(accepted, ACCEPTS));
        let refused = self.refused.as_ref()?;
        (refused.times >= MANY && within(refused.last, MEMORY) && !accepts).then_some(refused)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = counted(self.times, "event");
        let why = match self.why {
            EventResult::Stale => {
                "the last one was made more than 5 minutes before or after its arrival by this machine's clock; check the clock"
            }
            EventResult::OtherApp => {
                "the last one is of another app than `service.app_key`; check which app posts here"
            }
            _ => {
                "the last one is not signed with `webhook.secret_file`; put the secret there that the service's console shows"
            }
        };
        write!(f, "the webhook takes no event, and has refused {what}: {why}")
    }
}
