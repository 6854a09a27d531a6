//! Membership events as the service posts them. [P]

mod delivery;
mod new_style;
mod old_style;

use super::support::STATE;
use md5::{Digest as _, Md5};
use roomsync::emulator::{
    Emulator, Environment, Options, Profile, State, Webhook, WebhookAnswer, WebhookStyle,
};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The time on the service's clock, in milliseconds since 1970.
const NOW_MS: u64 = 1_700_000_000_000;

/// A receiver in the same process: it keeps what is posted, and answers with the next of these statuses, or 200.
#[derive(Clone, Default)]
struct Receiver {
    posted: Arc<Mutex<Vec<(Instant, Value)>>>,
    answers: Arc<Mutex<Vec<WebhookAnswer>>>,
}

impl Receiver {
    /// Has events of this style posted to it.
    fn of(emulator: &Emulator, style: WebhookStyle) -> Self {
        let receiver = Self::default();
        let mut webhook = Webhook::parse("http://127.0.0.1:9/", "s3cret").unwrap();
        webhook.style = style;
        let poster = emulator.webhook(webhook);
        let here = receiver.clone();
        let post = move |body: String| {
            let event = serde_json::from_str(&body).unwrap();
            here.posted.lock().unwrap().push((Instant::now(), event));
            let answer = here.answers.lock().unwrap().pop().unwrap_or(WebhookAnswer {
                status: 200,
                body_bytes: 0,
            });
            async move { Ok(answer) }
        };
        tokio::spawn(poster.run_with(post, std::future::pending()));
        receiver
    }

    /// Events posted since the last time, each with its time.
    async fn take(&self) -> Vec<(Instant, Value)> {
        // The clock is paused: it goes on only once the poster has nothing to do.
        sleep(Duration::from_millis(1)).await;
        std::mem::take(&mut *self.posted.lock().unwrap())
    }
}

/// The service with a clock that stands, and people who leave after 120 s offline.
fn service() -> Emulator {
    service_of(
        &STATE.replace("tokens: [secret]", "tokens: [secret]\nuser_tokens: {alice: hers}"),
        Profile::default(),
    )
}

/// The same with another state and another profile.
fn service_of(state: &str, profile: Profile) -> Emulator {
    let environment = Environment {
        offline_after: Some(Duration::from_secs(120)),
        ..Environment::default()
    };
    let options = Options {
        profile,
        ..Options::default()
    };
    let emulator = Emulator::in_environment(State::parse(state).unwrap(), options, environment);
    emulator.set_clock(|| NOW_MS);
    emulator
}

/// "MD5(callId + secret + timestamp)", in hex.
fn signed(event: &Value) -> bool {
    let (call_id, timestamp) = (event["callId"].as_str().unwrap(), &event["timestamp"]);
    let digest = Md5::digest(format!("{call_id}s3cret{timestamp}"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    event["security"] == *hex && *timestamp == NOW_MS
}
