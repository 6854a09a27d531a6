//! Faults of the service and of the network.

use crate::service::Reply;
use fastrand::Rng;
use http::Method as Http;
use roomsync::chat::Request;
use std::time::Duration;

/// The state of service and network. A number is the share of calls that it hits, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    Unreachable,
    /// A server error. If true, the call takes effect all the same.
    Broken(u8, bool),
    /// No answer. If true, the call takes effect all the same.
    Lost(u8, bool),
    TooFast(u8),
    Truncated(u8),
    EmptyPage(u8),
}

impl Weather {
    pub(super) fn random(random: &mut Rng) -> Self {
        let share = random.u8(1..100);
        let effect = random.bool();
        match random.u8(0..10) {
            0..=2 => Self::Fine,
            3 => Self::Unreachable,
            4 => Self::Broken(share, effect),
            5 => Self::Lost(share, effect),
            6 | 7 => Self::TooFast(share),
            8 => Self::Truncated(share),
            _ => Self::EmptyPage(share),
        }
    }

    /// The answer to a call that is hit.
    pub(super) fn reply(self, random: &mut Rng, request: &Request) -> Option<Reply> {
        let hit = |random: &mut Rng, share: u8| random.u8(0..100) < share;
        let reading = request.method == Http::GET;
        match self {
            Self::Fine => None,
            Self::Unreachable => Some(Reply::Unreachable),
            Self::Broken(share, false) => hit(random, share).then(|| Reply::Answer(500, "<html>".into())),
            Self::Lost(share, true) | Self::Broken(share, true) => {
                hit(random, share).then_some(Reply::LoseAnswer)
            }
            Self::Lost(share, false) => hit(random, share).then_some(Reply::LoseCall),
            Self::TooFast(share) => {
                hit(random, share).then(|| Reply::SlowDown(Duration::from_millis(random.u64(0..8000))))
            }
            Self::Truncated(share) => (reading && hit(random, share))
                .then(|| Reply::Answer(200, "{\"data\": [{\"owner\": \"boss\"}, {\"mem".into())),
            Self::EmptyPage(share) => {
                let list = reading && request.url.path().ends_with("/users");
                (list && hit(random, share)).then(|| {
                    Reply::Answer(
                        200,
                        "{\"data\": [], \"count\": 0, \"params\": {\"pagesize\": [\"1000\"]}}".into(),
                    )
                })
            }
        }
    }
}
