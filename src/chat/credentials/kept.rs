//! Token of a client, and the requests for it that failed. Times are on the steady clock.

use super::grant::{Grant, NoToken};
use crate::backoff::Backoff;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Least time from a failed request to the next: who asks too often gets the app banned. No jitter: one process asks, once.
pub(super) const SPACING: Backoff = Backoff {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(60 * 60),
};
/// A tenth of a token's life, and at most so much, is left when the next one is asked for: long enough to try several times.
const EARLY: SignedDuration = SignedDuration::from_hours(1);
/// A twentieth of a token's life, and at most so much, is left when it is used no more: as long as a call is on its way.
const LAST: SignedDuration = SignedDuration::from_secs(30);

/// A client's token and failed requests, as they are kept on the disk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Time of the last change.
    changed: Timestamp,
    token: Option<Held>,
    failed: Option<Failed>,
}

/// A token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Held {
    #[serde(with = "exposed")]
    token: SecretString,
    granted: Timestamp,
    /// `None`: it never ends.
    end: Option<Timestamp>,
    /// True once the service took it.
    #[serde(skip)]
    worked: bool,
}

/// Requests in a row that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Failed {
    /// Time of the last one.
    at: Timestamp,
    times: u32,
    /// Digest of the client secret of the last one.
    secret: String,
    why: NoToken,
}

/// State of the token at some time.
#[derive(Debug)]
pub(super) enum Age {
    /// There is none, or it has ended.
    Ended,
    /// It works, and the next one is due.
    Old(SecretString),
    Fresh(SecretString),
}

impl Held {
    fn age(&self, now: Timestamp) -> Age {
        let Some(end) = self.end else {
            return Age::Fresh(self.token.clone());
        };
        let life = end.duration_since(self.granted);
        let left = end.duration_since(now);
        if left > EARLY.min(life / 10) {
            Age::Fresh(self.token.clone())
        } else if left > LAST.min(life / 20) {
            Age::Old(self.token.clone())
        } else {
            Age::Ended
        }
    }

    fn is(&self, token: &SecretString) -> bool {
        self.token.expose_secret() == token.expose_secret()
    }
}

impl Failed {
    /// Time that is left until the next request, with this client secret. Another secret has not failed so often.
    fn wait(&self, now: Timestamp, secret: Option<&str>) -> SignedDuration {
        let other_secret = secret.is_some_and(|secret| secret != self.secret);
        let wait = SPACING.delay(if other_secret { 1 } else { self.times });
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        wait.saturating_sub(now.duration_since(self.at))
    }
}

impl Kept {
    pub(super) fn age(&self, now: Timestamp) -> Age {
        self.token.as_ref().map_or(Age::Ended, |held| held.age(now))
    }

    /// A token that is far from its end and was not refused.
    pub(super) fn fresh(&self, now: Timestamp, refused: Option<&SecretString>) -> Option<SecretString> {
        let held = self.token.as_ref()?;
        let is_refused = refused.is_some_and(|refused| held.is(refused));
        match held.age(now) {
            Age::Fresh(token) if !is_refused => Some(token),
            _ => None,
        }
    }

    /// End of the token, if it has one.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.token.as_ref()?.end
    }

    /// The service took this token.
    pub(super) fn worked(&mut self, token: &SecretString) {
        if let Some(held) = &mut self.token
            && !held.worked
        {
            held.worked = held.is(token);
        }
    }

    /// True if a request may go out now, with whatever secret.
    pub(super) fn may_ask(&self, now: Timestamp) -> bool {
        let failed = self.failed.as_ref();
        failed.is_none_or(|failed| !failed.wait(now, None).is_positive())
    }

    /// Begins a request, unless the last one failed too short a time ago. Until it is answered it counts as failed, so that one
    /// that is cut off counts.
    pub(super) fn ask(
        &mut self,
        now: Timestamp,
        secret: &str,
        refused: Option<&SecretString>,
    ) -> Result<(), NoToken> {
        let is_refused = |held: &mut Held| refused.is_some_and(|refused| held.is(refused));
        if let Some(held) = self.token.take_if(is_refused) {
            self.changed = now;
            let young = now.duration_since(held.granted).unsigned_abs() < SPACING.first;
            let ended = held.end.is_some_and(|end| end <= now);
            if young && !held.worked && !ended {
                // Every further one would go the same way.
                let text = "the service does not take the token that it has just granted; check that `service.auth` names a \
                            client of this app";
                self.fail(now, secret, NoToken::refused(text.to_owned()));
            }
        }
        if let Some(failed) = &self.failed {
            let wait = failed.wait(now, Some(secret));
            if wait.is_positive() {
                let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
                let NoToken { refused, text } = &failed.why;
                return Err(NoToken {
                    refused: *refused,
                    text: format!("{text} (the next request may go out in {seconds} s)"),
                });
            }
        }
        let cut_off = NoToken {
            refused: false,
            text: "the last token request was cut off".to_owned(),
        };
        self.fail(now, secret, cut_off);
        Ok(())
    }

    fn fail(&mut self, now: Timestamp, secret: &str, why: NoToken) {
        let before = self.failed.take().filter(|failed| failed.secret == secret);
        self.changed = now;
        self.failed = Some(Failed {
            at: now,
            times: before.map_or(0, |failed| failed.times).saturating_add(1),
            secret: secret.to_owned(),
            why,
        });
    }

    /// Ends the request that was begun at `asked`. The life of a token counts from there, which is not after the service's own.
    pub(super) fn answered(&mut self, asked: Timestamp, now: Timestamp, answer: Result<Grant, NoToken>) {
        self.changed = now;
        match answer {
            Ok(Grant { token, life }) => {
                let life = life.and_then(|life| SignedDuration::try_from(life).ok());
                self.failed = None;
                self.token = Some(Held {
                    token,
                    granted: asked,
                    end: life.and_then(|life| asked.checked_add(life).ok()),
                    worked: false,
                });
            }
            Err(why) => {
                if let Some(failed) = &mut self.failed {
                    failed.at = now;
                    failed.why = why;
                }
            }
        }
    }

    /// Takes over what another process kept, if that is newer.
    pub(super) fn adopt(&mut self, other: Self, now: Timestamp) {
        let mut other = other.not_after(now);
        if other.changed <= self.changed {
            return;
        }
        if let (Some(ours), Some(theirs)) = (&self.token, &mut other.token) {
            theirs.worked = ours.worked && theirs.is(&ours.token);
        }
        *self = other;
    }

    /// The same, moved to now if it is from the future, because a clock was set back.
    fn not_after(mut self, now: Timestamp) -> Self {
        let ahead = self.changed.duration_since(now);
        if ahead.is_positive() {
            let back = |time: Timestamp| time.checked_sub(ahead).unwrap_or(time);
            self.changed = now;
            if let Some(held) = &mut self.token {
                held.granted = back(held.granted);
                held.end = held.end.map(back);
            }
            if let Some(failed) = &mut self.failed {
                failed.at = back(failed.at);
            }
        }
        self
    }
}

/// A secret in a file that nobody else can read.
mod exposed {
    use crate::secrets;
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        let secret = String::deserialize(deserializer)?;
        secrets::register(&secret);
        Ok(secret.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn grant(token: &str, life: u64) -> Result<Grant, NoToken> {
        Ok(Grant {
            token: token.into(),
            life: (life > 0).then(|| Duration::from_secs(life)),
        })
    }

    fn granted(life: u64) -> Kept {
        let mut kept = Kept::default();
        kept.ask(at(0), "s", None).unwrap();
        kept.answered(at(0), at(1), grant("first", life));
        kept
    }

    fn age(kept: &Kept, second: i64) -> &'static str {
        match kept.age(at(second)) {
            Age::Fresh(_) => "fresh",
            Age::Old(_) => "old",
            Age::Ended => "ended",
        }
    }

    #[test]
    fn a_token_is_renewed_before_its_end_whatever_its_life() {
        const DAY: i64 = 24 * 60 * 60;
        for (life, fresh, old, ended) in [
            (100, 89, 90, 95),
            (60 * DAY, 60 * DAY - 3601, 60 * DAY - 3600, 60 * DAY - 30),
        ] {
            let kept = granted(u64::try_from(life).unwrap());
            assert_eq!(
                [fresh, old, ended].map(|second| age(&kept, second)),
                ["fresh", "old", "ended"]
            );
        }
        assert_eq!(age(&granted(0), 1_000 * DAY), "fresh");
        assert_eq!(age(&granted(u64::MAX), 1_000 * DAY), "fresh");
        assert_eq!(age(&Kept::default(), 0), "ended");
    }

    #[test]
    fn failures_are_spaced_and_a_request_that_is_cut_off_is_one() {
        let mut kept = Kept::default();
        let mut now = 0;
        for wait in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            kept.ask(at(now), "s", None).unwrap();
            assert!(!kept.may_ask(at(now)));
            kept.answered(at(now), at(now + 5), Err(NoToken::refused("no".to_owned())));
            let said = kept.ask(at(now + 5 + wait - 1), "s", None).unwrap_err();
            assert!(
                said.text.ends_with("(the next request may go out in 1 s)"),
                "{}",
                said.text
            );
            now += 5 + wait;
            assert!(kept.may_ask(at(now)));
        }
        // Another secret has failed once at most.
        kept.ask(at(now), "s", None).unwrap();
        kept.ask(at(now + 59), "other", None).unwrap_err();
        kept.ask(at(now + 60), "other", None).unwrap();
        kept.ask(at(now + 119), "other", None).unwrap_err();
        kept.answered(at(now + 120), at(now + 120), grant("token", 100));
        assert!(kept.may_ask(at(now + 120)));
    }

    #[test]
    fn a_token_that_never_worked_is_not_asked_for_again_and_again() {
        let refused = SecretString::from("first");
        let ask = |mut kept: Kept, second| kept.ask(at(second), "s", Some(&refused)).is_ok();
        assert!(!ask(granted(1000), 2), "just granted");
        assert!(ask(granted(1000), 60), "granted a while ago");
        assert!(ask(granted(2), 2), "at its end");
        let mut kept = granted(1000);
        kept.worked(&refused);
        assert!(ask(kept, 2), "revoked");
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing() {
        let mut later = granted(100);
        later.ask(at(500), "s", None).unwrap();
        let mut now = Kept::default();
        now.adopt(later.clone(), at(-5_000));
        assert!(!now.may_ask(at(-4_941)) && now.may_ask(at(-4_940)));
        let mut newer = granted(0);
        newer.changed = at(1_000);
        newer.adopt(later, at(1_000));
        assert!(newer.may_ask(at(1_000)), "what is older is not taken over");
    }
}
