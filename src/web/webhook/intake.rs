//! The way of events into the daemon, and how it goes.

use super::event::RoomEvent;
use crate::clock::Clock;
use crate::model::counted;
use crate::status::EventResult;
use crate::web::Metrics;
use jiff::{SignedDuration, Timestamp};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Most events that wait for the daemon, which takes hundreds at a time.
const MAX_WAITING: usize = 4_096;
/// Events refused in a row from which on something is wrong. One or two may be somebody's try.
const MANY: usize = 3;
/// Time after which refusals are forgotten.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

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
        self.health().refused = None;
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
            EventResult::Repeated => self.health().refused = None,
            EventResult::Forged | EventResult::Stale | EventResult::OtherApp => {
                let now = self.now();
                let mut health = self.health();
                let refused = health.refused.get_or_insert(Refused {
                    times: 0,
                    since: now,
                    last: now,
                    why,
                });
                refused.times += 1;
                refused.last = now;
                refused.why = why;
                if refused.times == MANY {
                    let (times, why) = (refused.times, refused.why);
                    drop(health);
                    tracing::warn!("{}", refusal(times, why));
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
                    tracing::error!(%error, "the webhook cannot take connections");
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
        let refused = health.refused.as_ref()?;
        let lasts = refused.times >= MANY && now.duration_since(refused.last) < MEMORY;
        lasts.then(|| IntakeTrouble {
            message: refusal(refused.times, refused.why),
            since: refused.since,
        })
    }
}

fn refusal(times: usize, why: EventResult) -> String {
    let what = counted(times, "event");
    let why = match why {
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
    format!("the webhook takes no event, and has refused {what}: {why}")
}
