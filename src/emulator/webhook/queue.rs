//! The events that wait to be posted.

use super::address::{Webhook, WebhookStyle};
use super::changes::{Author, RoomEvent, gone_offline};
use super::poster::WebhookPoster;
use super::{Before, new_style, old_style};
use crate::emulator::fault::Faults;
use crate::emulator::sweeper::Sweeper;
use crate::emulator::uuid::uuid;
use crate::emulator::{FaultEffect, Names, Profile, Room, State, lock};
use crate::model::{RoomId, hex, log_code};
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Most events that wait to be posted; more are lost, as they may be with the service.
const MAX_WAITING: usize = 10_000;
/// The first message id of the older form: as long as those of the service.
const FIRST_MESSAGE: u64 = 976_428_411_540_998_500;

/// An event to be posted: its body, and whom and what it is about.
#[derive(Debug)]
pub(in crate::emulator) struct Outgoing {
    room: RoomId,
    people: Vec<String>,
    body: String,
}

/// The end at which events go in.
#[derive(Debug)]
pub(in crate::emulator) struct WebhookQueue {
    secret: String,
    style: WebhookStyle,
    profile: Profile,
    messages: u64,
    line: Arc<Line>,
}

/// Queue between the emulator and its poster.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By when each is to be posted, and then in the order in which they came.
    events: BTreeMap<(Instant, u64), String>,
    added: u64,
    closed: bool,
}

pub(in crate::emulator) fn channel(
    webhook: Webhook,
    profile: Profile,
    sweeper: Sweeper,
) -> (WebhookQueue, WebhookPoster) {
    let line = Arc::<Line>::default();
    let queue = WebhookQueue {
        secret: webhook.secret.clone(),
        style: webhook.style,
        profile,
        messages: FIRST_MESSAGE,
        line: Arc::clone(&line),
    };
    (queue, WebhookPoster::new(webhook, line, sweeper))
}

impl WebhookQueue {
    /// The events of what `author` has done since `before`.
    pub(in crate::emulator) fn changed(
        &mut self,
        before: &Before,
        after: &State,
        author: Author<'_>,
        now_ms: u64,
    ) -> Vec<Outgoing> {
        self.outgoing(before.events(after, author), after, now_ms)
    }

    /// The events of people who have left a room because they were offline.
    pub(in crate::emulator) fn gone_offline(
        &mut self,
        state: &State,
        (id, room): (&RoomId, &Room),
        users: &Names,
        now_ms: u64,
    ) -> Vec<Outgoing> {
        self.outgoing(gone_offline(id, room, users), state, now_ms)
    }

    /// Lines events up to be posted, but for what faults do to them.
    pub(in crate::emulator) fn push(&self, faults: &mut Faults, events: &[Outgoing]) {
        let now = Instant::now();
        // As good as for ever, and no clock runs over.
        let after = |time: Duration| now + time.min(Duration::from_secs(1 << 30));
        for event in events {
            match faults.decide_event(&event.room, &event.people) {
                Some(FaultEffect::Lost) => {}
                Some(FaultEffect::Late(time)) => self.push_one(event, after(time)),
                Some(FaultEffect::Repeated(time)) => {
                    self.push_one(event, now);
                    self.push_one(event, after(time));
                }
                _ => self.push_one(event, now),
            }
        }
    }

    fn push_one(&self, event: &Outgoing, due: Instant) {
        let waiting = &mut lock(&self.line.waiting);
        if waiting.events.len() >= MAX_WAITING {
            tracing::warn!(
                code = log_code::EMULATOR_EVENT_LOST,
                "an event was lost: too many wait to be posted"
            );
            return;
        }
        waiting.added += 1;
        let key = (due, waiting.added);
        waiting.events.insert(key, event.body.clone());
        self.line.changed.notify_one();
    }

    fn outgoing(&mut self, events: Vec<RoomEvent<'_>>, state: &State, now_ms: u64) -> Vec<Outgoing> {
        let app_key = state.app_key.to_string();
        let mut outgoing = Vec::new();
        let mut add = |event: &RoomEvent<'_>, people, body: serde_json::Result<String>| match body {
            Ok(body) => outgoing.push(Outgoing {
                room: event.id.clone(),
                people,
                body,
            }),
            Err(error) => tracing::warn!(code = log_code::EMULATOR_EVENT_LOST, "an event was lost: {error}"),
        };
        for event in events {
            let event = &event.spelled(self.profile);
            match self.style {
                WebhookStyle::New => {
                    let call_id = format!("{app_key}_{}", uuid(fastrand::u128(..)));
                    let security = security(&call_id, &self.secret, now_ms);
                    let body = new_style::body(event, self.profile, &app_key, (&call_id, &security), now_ms);
                    add(event, event.people.clone(), body);
                }
                WebhookStyle::Old => {
                    for notice in old_style::notices(event, &app_key) {
                        self.messages += 1;
                        let message = self.messages.to_string();
                        let call_id = format!("{app_key}_{message}");
                        let security = security(&call_id, &self.secret, now_ms);
                        let ids = (&*message, &*call_id, &*security);
                        let body = old_style::body(event, &notice, &app_key, ids, now_ms);
                        add(event, vec![notice.person], body);
                    }
                }
            }
        }
        outgoing
    }
}

/// The poster ends once nothing is due any more.
impl Drop for WebhookQueue {
    fn drop(&mut self) {
        lock(&self.line.waiting).closed = true;
        self.line.changed.notify_one();
    }
}

impl Line {
    /// Body of the next event once it is due; `None` once the emulator is gone and nothing is due.
    pub(super) async fn next(&self) -> Option<String> {
        loop {
            let first = {
                let waiting = &mut *lock(&self.waiting);
                match waiting.events.first_entry() {
                    Some(first) if first.key().0 <= Instant::now() => return Some(first.remove()),
                    _ if waiting.closed => return None,
                    first => first.map(|first| first.key().0),
                }
            };
            let changed = self.changed.notified();
            match first {
                // Another event may be due before it.
                Some(due) => drop(tokio::time::timeout_at(due, changed).await),
                None => changed.await,
            }
        }
    }
}

/// "The hex MD5 of callId + secret + timestamp" (`[P]`).
fn security(call_id: &str, secret: &str, timestamp: u64) -> String {
    let digest = Md5::digest(format!("{call_id}{secret}{timestamp}"));
    hex(&digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_its_three_parts() {
        let digest = security("acme#demo_1", "secret", 1_600_060_847_294);
        assert_eq!(digest, "6baa83f679eb9c5fe25e2b1f977abe5c");
    }
}
