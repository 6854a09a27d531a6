//! The end of the token's life, and warnings ahead of it where nobody but a person replaces the token.

use crate::chat::TokenExpiry;
use crate::model::{counted, log_code};
use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Watches the token in use.
#[derive(Debug, Default)]
pub(super) struct TokenWatch {
    expiry: Option<TokenExpiry>,
    /// The last warning about this token.
    warned: Option<Stage>,
}

/// Nearness of a token's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Day,
    Hour,
    Ended,
}

impl TokenWatch {
    /// Takes in the end of the token in use, and warns once a day ahead of it, once an hour ahead, and once at the end.
    pub(super) fn see(&mut self, expiry: Option<TokenExpiry>, now: Timestamp) {
        if self.expiry != expiry {
            *self = Self { expiry, warned: None };
        }
        let stage = self.stage(now);
        if stage > self.warned {
            self.warned = stage;
            if let Some(trouble) = self.trouble(now) {
                tracing::warn!(code = log_code::TOKEN_ENDS, "{trouble}");
            }
        }
    }

    /// End of the token's life, if it is known.
    pub(super) fn expiry(&self) -> Option<TokenExpiry> {
        self.expiry
    }

    /// Task for a person, soon. `None`: there is none.
    pub(super) fn trouble(&self, now: Timestamp) -> Option<String> {
        let at = self.expiry?.at;
        let left = at.duration_since(now);
        let help = "put a new one where `service.auth` names it, or into ROOMSYNC_TOKEN";
        Some(match self.stage(now)? {
            Stage::Ended => format!("the token has ended ({at}); {help}"),
            Stage::Day | Stage::Hour => {
                let (number, unit) = match left.as_hours() {
                    0 => (left.as_mins(), "minute"),
                    hours => (hours, "hour"),
                };
                let left = counted(usize::try_from(number).unwrap_or_default(), unit);
                format!("the token ends in {left} ({at}); {help}")
            }
        })
    }

    /// True if it has ended and nobody but a person replaces it.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.stage(now) == Some(Stage::Ended)
    }

    /// Beginning of the task.
    pub(super) fn trouble_since(&self, now: Timestamp) -> Option<Timestamp> {
        let at = self.expiry?.at;
        match self.stage(now)? {
            Stage::Ended => Some(at),
            Stage::Day | Stage::Hour => at.checked_sub(DAY).ok(),
        }
    }

    fn stage(&self, now: Timestamp) -> Option<Stage> {
        let expiry = self.expiry.filter(|expiry| !expiry.renewed)?;
        let left = expiry.at.duration_since(now);
        if left <= SignedDuration::ZERO {
            Some(Stage::Ended)
        } else if left < HOUR {
            Some(Stage::Hour)
        } else {
            (left < DAY).then_some(Stage::Day)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(at: i64, renewed: bool) -> Option<TokenExpiry> {
        let at = Timestamp::from_second(at).unwrap();
        Some(TokenExpiry { at, renewed })
    }

    #[test]
    fn each_token_is_warned_of_once_a_day_once_an_hour_ahead_and_at_its_end() {
        const END: i64 = 1_000_000;
        let mut watch = TokenWatch::default();
        let mut warnings = Vec::new();
        for left in [86_401, 86_400, 86_399, 80_000, 3_600, 3_599, 100, 0, -1] {
            let before = watch.warned;
            let now = Timestamp::from_second(END - left).unwrap();
            watch.see(expiry(END, false), now);
            if watch.warned != before {
                warnings.push((left, watch.trouble(now).unwrap()));
            }
        }
        let words: Vec<&str> = warnings
            .iter()
            .map(|(_, words)| words.split(" (").next().unwrap())
            .collect();
        assert_eq!(
            words,
            [
                "the token ends in 23 hours",
                "the token ends in 59 minutes",
                "the token has ended"
            ]
        );
        assert_eq!(
            warnings.iter().map(|(left, _)| *left).collect::<Vec<_>>(),
            [86_399, 3_599, 0]
        );
        // Another token, and one that is renewed here.
        let now = Timestamp::from_second(END).unwrap();
        for (other, trouble) in [
            (expiry(END + 90_000, false), false),
            (expiry(END + 90, false), true),
            (expiry(END + 5, true), false),
            (None, false),
        ] {
            watch.see(other, now);
            assert_eq!(
                (watch.trouble(now).is_some(), watch.warned.is_some()),
                (trouble, trouble),
                "{other:?}"
            );
        }
    }
}
