//! The checks of an event: form, digest, time, app, and whether it came before.

use super::event::RoomEvent;
use super::forms::{Envelope, room_event};
use crate::model::hex;
use crate::status::EventResult;
use crate::web::gate::same_bytes;
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Farthest that the time of an event may be from ours.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// Most ids that are remembered: those of 10 minutes, within which an event can be posted again, at 100 a second. An event whose
/// id was forgotten is one look more.
const MAX_REPEATS: usize = 60_000;

/// Judges what is posted.
#[derive(Debug)]
pub(super) struct Judge {
    app_key: Option<String>,
    seen: Mutex<Seen>,
}

/// Ids of the last events, as the first bytes of their SHA-256.
#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Judge {
    pub(super) fn new(app_key: Option<String>) -> Self {
        Self {
            app_key,
            seen: Mutex::default(),
        }
    }

    /// The event of this body. `None`: it is sound, and of something else than a room.
    pub(super) fn judge(
        &self,
        body: &[u8],
        secrets: &[SecretString],
        now: Timestamp,
    ) -> Result<Option<RoomEvent>, EventResult> {
        let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| EventResult::Malformed)?;
        if !is_signed(&envelope, secrets) {
            return Err(EventResult::Forged);
        }
        let ms = envelope.timestamp.ms().ok_or(EventResult::Malformed)?;
        let time = Timestamp::from_millisecond(ms).map_err(|_| EventResult::Stale)?;
        if now.duration_since(time).abs() > MAX_AGE {
            return Err(EventResult::Stale);
        }
        if !self.is_of_our_app(&envelope) {
            return Err(EventResult::OtherApp);
        }
        if !self.is_new(&envelope.call_id) {
            return Err(EventResult::Repeated);
        }
        Ok(room_event(body, self.app_key.as_deref()))
    }

    /// Some events name no app but in their id, which the digest covers.
    fn is_of_our_app(&self, envelope: &Envelope<'_>) -> bool {
        let Some(ours) = self.app_key.as_deref() else {
            return true;
        };
        match &envelope.appkey {
            Some(named) => named.eq_ignore_ascii_case(ours),
            None => {
                // As in `APPKEY_UUID`.
                let parts = envelope.call_id.split_at_checked(ours.len());
                parts.is_some_and(|(begin, rest)| begin.eq_ignore_ascii_case(ours) && rest.starts_with('_'))
            }
        }
    }

    fn is_new(&self, call_id: &str) -> bool {
        let digest = Sha256::digest(call_id.as_bytes());
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.ids.insert(id) {
            return false;
        }
        seen.order.push_back(id);
        if seen.order.len() > MAX_REPEATS
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.ids.remove(&oldest);
        }
        true
    }
}

/// True if the digest is the MD5 of id, secret and time (`[P]`), with one of these secrets. All are tried, and whole digests
/// compared, so that the time it takes reveals nothing.
fn is_signed(envelope: &Envelope<'_>, secrets: &[SecretString]) -> bool {
    let given = envelope.security.to_ascii_lowercase();
    let time = envelope.timestamp.text();
    let is_made_with = |secret: &SecretString| {
        let mut md5 = Md5::new();
        for part in [&envelope.call_id, secret.expose_secret(), &time] {
            md5.update(part.as_bytes());
        }
        same_bytes(given.as_bytes(), hex(&md5.finalize()).as_bytes())
    };
    secrets
        .iter()
        .fold(false, |found, secret| is_made_with(secret) | found)
}
