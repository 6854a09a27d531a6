//! The service's health: whether anything can be done at all, and when that is tried again.

use super::quota::QUOTA_BACKOFF;
use super::room_table::ROOM_BACKOFF;
use crate::model::{ReasonCode, log_code};
use crate::status::Trouble;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Codes of the troubles that keep every call from succeeding.
const CODES: [ReasonCode; 7] = [
    ReasonCode::CredentialsRefused,
    ReasonCode::NoClearAnswer,
    ReasonCode::NoSuchApp,
    ReasonCode::Quota,
    ReasonCode::Redirected,
    ReasonCode::ServiceUnreachable,
    ReasonCode::UnknownCall,
];

/// Health of the service, by what became of the last passes.
#[derive(Debug, Default)]
pub(super) struct ServiceHealth {
    trouble: Option<Trouble>,
    /// Passes in a row whose reads met the end of the quota.
    quota_reads: u32,
}

impl ServiceHealth {
    /// The trouble that keeps every call from succeeding, if there is one.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Every trouble that there can be, each with whether it is there.
    pub(super) fn troubles(&self) -> Vec<(ReasonCode, bool)> {
        let met = self.trouble.as_ref().map(|trouble| trouble.code);
        let unforeseen = met.filter(|code| !CODES.contains(code));
        let codes = CODES.into_iter().chain(unforeseen);
        codes.map(|code| (code, met == Some(code))).collect()
    }

    /// Records that every call fails. Gives the wait until the next try.
    pub(super) fn down(
        &mut self,
        code: ReasonCode,
        message: &str,
        now: Timestamp,
        random: &mut fastrand::Rng,
    ) -> Duration {
        let before = self.trouble.take();
        if before.as_ref().is_none_or(|before| before.code != code) {
            tracing::error!(code = log_code::SERVICE_TROUBLE, reason = %code, "nothing can be done in any room: {message}");
        }
        let (since, times) = before.map_or((now, 0), |before| (before.since, before.times));
        let times = times + 1;
        let wait = if code == ReasonCode::Quota {
            self.quota_reads += 1;
            QUOTA_BACKOFF.delay(self.quota_reads)
        } else {
            self.quota_reads = 0;
            ROOM_BACKOFF.jittered(u32::try_from(times).unwrap_or(u32::MAX), random)
        };
        let next_try = SignedDuration::try_from(wait).ok();
        self.trouble = Some(Trouble {
            code,
            message: message.to_owned(),
            since,
            times,
            next_try: next_try.and_then(|wait| now.checked_add(wait).ok()),
        });
        wait
    }

    /// Records that a pass came through.
    pub(super) fn up(&mut self) {
        self.quota_reads = 0;
        if let Some(Trouble { since, times, .. }) = self.trouble.take() {
            tracing::info!(code = log_code::SERVICE_WELL, %since, times, "the service does what it is asked again");
        }
    }

    /// The next refusal for the quota is the first in a row.
    pub(super) fn forget_quota(&mut self) {
        self.quota_reads = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::CallErrorKind;

    #[test]
    fn every_error_that_may_be_the_services_is_a_trouble_that_is_shown_before_it_is_met() {
        let text = || "why".to_owned();
        let kinds = [
            CallErrorKind::ServiceUnreachable(text()),
            CallErrorKind::Misconfigured(text()),
            CallErrorKind::NoClearAnswer(text()),
            CallErrorKind::ForeignAnswer(502),
            CallErrorKind::Quota(text()),
            CallErrorKind::CredentialsRefused(text()),
            CallErrorKind::NoToken(text()),
            CallErrorKind::NoSuchApp(text()),
            CallErrorKind::UnknownCall(text()),
            CallErrorKind::Redirected(302),
        ];
        let mut random = fastrand::Rng::with_seed(1);
        for kind in kinds {
            assert!(kind.stops_the_run() || kind.may_be_the_service(), "{kind:?}");
            let mut health = ServiceHealth::default();
            let before = health.troubles();
            assert!(before.iter().all(|(_, is_so)| !is_so));
            health.down(kind.code(), "why", Timestamp::UNIX_EPOCH, &mut random);
            let now = health.troubles();
            assert_eq!(before.len(), now.len(), "{kind:?} is not foreseen");
            let met: Vec<_> = now.into_iter().filter(|(_, is_so)| *is_so).collect();
            assert_eq!(met, [(kind.code(), true)]);
            health.up();
            assert_eq!(health.troubles(), before);
        }
        // One that nobody foresaw is shown all the same.
        let mut health = ServiceHealth::default();
        health.down(ReasonCode::RateLimited, "why", Timestamp::UNIX_EPOCH, &mut random);
        assert!(health.troubles().contains(&(ReasonCode::RateLimited, true)));
    }

    #[test]
    fn a_trouble_counts_its_times_and_begins_once() {
        let mut health = ServiceHealth::default();
        let mut random = fastrand::Rng::with_seed(1);
        let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
        let first = health.down(ReasonCode::ServiceUnreachable, "503", at(1), &mut random);
        assert!(first <= Duration::from_secs(1), "{first:?}");
        health.down(ReasonCode::ServiceUnreachable, "502", at(2), &mut random);
        let trouble = health.trouble().unwrap();
        assert_eq!(
            (trouble.message.as_str(), trouble.since, trouble.times),
            ("502", at(1), 2)
        );
        for minutes in [15, 30, 60, 120, 240, 240] {
            let wait = health.down(ReasonCode::Quota, "used up", at(3), &mut random);
            assert_eq!(wait, Duration::from_secs(minutes * 60));
        }
        health.up();
        assert!(health.trouble().is_none());
        let again = health.down(ReasonCode::Quota, "used up", at(4), &mut random);
        assert_eq!(again, Duration::from_secs(15 * 60));
    }
}
