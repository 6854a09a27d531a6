//! Reasons for which nothing is written to the service: a dry run, a pause, a state that cannot be saved, an audit log that cannot be
//! written, a quota that is used up.

use super::quota::Quota;
use super::state_dir::Pause;
use crate::model::{ReasonCode, RoomId, log_code};
use crate::status::WritesSuspended;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// Every reason for which nothing is written.
const CODES: [ReasonCode; 5] = [
    ReasonCode::AuditLog,
    ReasonCode::DryRun,
    ReasonCode::Paused,
    ReasonCode::Quota,
    ReasonCode::StateDir,
];

/// Lets writes through, or says why it does not.
#[derive(Debug)]
pub(super) struct WriteGate {
    dry_run: bool,
    /// Time at which `sync.paused` was read.
    paused_by_settings: Option<Timestamp>,
    /// The file `pause`, if it was in `state_dir` when somebody could tell.
    pause: Option<Pause>,
    pause_file: PathBuf,
    out_of_reach: Option<Lasting>,
    unsaved: Option<Lasting>,
    unaudited: Option<Lasting>,
    quota: Quota,
    /// The reason last reported.
    reported: Option<WritesSuspended>,
}

/// Last report of the disk.
#[derive(Debug)]
pub(super) struct DiskReport {
    /// The pause, if the file is there that pauses the daemon. The error: `state_dir` is out of reach.
    pub(super) paused: Result<Option<Pause>, String>,
    /// Error of the last attempt to save the state.
    pub(super) unsaved: Option<String>,
    /// Error of the last attempt to write the audit log.
    pub(super) unaudited: Option<String>,
}

/// A trouble that lasts.
#[derive(Debug)]
struct Lasting {
    error: String,
    since: Timestamp,
}

/// A reason for which nothing is written, apart from the quota.
#[derive(Debug)]
pub(super) struct Closure {
    pub(super) code: ReasonCode,
    /// In words, with what to do about it.
    pub(super) message: String,
    /// Its beginning. `None`: the start of the daemon.
    pub(super) since: Option<Timestamp>,
    /// The pause, if a file makes it.
    pub(super) pause: Option<Pause>,
}

/// Turn of the gate since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum GateTurn {
    None,
    /// It is closed, perhaps for another reason than before.
    Closed,
    Opened,
}

impl WriteGate {
    /// `pause_file` is the file that pauses the daemon, and `paused` says whether it is there. If nobody can tell, nothing is written.
    pub(super) fn new(
        dry_run: bool,
        paused_by_settings: bool,
        pause_file: &Path,
        paused: Result<Option<Pause>, String>,
        now: Timestamp,
    ) -> Self {
        let (pause, out_of_reach) = match paused {
            Ok(pause) => (pause, None),
            Err(error) => (None, Some(error)),
        };
        Self {
            dry_run,
            paused_by_settings: paused_by_settings.then_some(now),
            pause,
            pause_file: pause_file.to_owned(),
            out_of_reach: Lasting::go_on(None, out_of_reach, now),
            unsaved: None,
            unaudited: None,
            quota: Quota::default(),
            reported: None,
        }
    }

    pub(super) fn pause_by_settings(&mut self, paused: bool, now: Timestamp) {
        let since = self.paused_by_settings.unwrap_or(now);
        self.paused_by_settings = paused.then_some(since);
    }

    /// Takes in what the disk says. While `state_dir` is out of reach, the last answer about the pause counts. `is_over`: the end of its
    /// pause has come.
    pub(super) fn see_disk(&mut self, disk: DiskReport, is_over: bool, now: Timestamp) {
        let DiskReport {
            paused,
            unsaved,
            unaudited,
        } = disk;
        let out_of_reach = match paused {
            Ok(pause) => {
                self.pause = pause.filter(|_| !is_over);
                None
            }
            Err(error) => Some(error),
        };
        let unsaved_before = self.unsaved.as_ref().map(|before| &before.error);
        match (unsaved_before, &unsaved) {
            (Some(_), None) => tracing::info!(code = log_code::STATE_WRITTEN, "the state can be saved again"),
            (before, Some(error)) if before != Some(error) => tracing::error!(
                code = log_code::STATE_NOT_WRITTEN,
                error,
                "cannot save the state in `state_dir`, so nothing is written to the service"
            ),
            _ => {}
        }
        self.out_of_reach = Lasting::go_on(self.out_of_reach.take(), out_of_reach, now);
        self.unsaved = Lasting::go_on(self.unsaved.take(), unsaved, now);
        self.unaudited = Lasting::go_on(self.unaudited.take(), unaudited, now);
    }

    pub(super) fn quota(&self) -> &Quota {
        &self.quota
    }

    pub(super) fn quota_mut(&mut self) -> &mut Quota {
        &mut self.quota
    }

    /// True if only the quota keeps anything from being written. It alone lets a call through now and then.
    pub(super) fn waits_for_quota(&self) -> bool {
        self.suspended().is_some_and(|why| why.code == ReasonCode::Quota)
    }

    /// True if this room may be written to.
    pub(super) fn lets_through(&self, id: &RoomId) -> bool {
        self.suspended()
            .is_none_or(|why| why.code == ReasonCode::Quota && self.quota.is_probe(id))
    }

    /// The reason for which nothing is written to the service. `None` if there is none.
    pub(super) fn suspended(&self) -> Option<WritesSuspended> {
        let because = |code, message| WritesSuspended { code, message };
        let first = self.closures().into_iter().next();
        let closed = first.map(|Closure { code, message, .. }| because(code, message));
        // The quota comes last, because it alone lets a call through now and then.
        closed.or_else(|| Some(because(ReasonCode::Quota, self.quota.lasting_message()?)))
    }

    /// All reasons for which nothing is written to the service, apart from the quota. The first one counts.
    pub(super) fn closures(&self) -> Vec<Closure> {
        let because = |code, message, since| Closure {
            code,
            message,
            since,
            pause: None,
        };
        let lasting = |code, lasting: &Option<Lasting>, words: fn(&str) -> String| {
            let Lasting { error, since } = lasting.as_ref()?;
            Some(because(code, words(error), Some(*since)))
        };
        let dry_run = self.dry_run.then(|| {
            let message = "this is a dry run; start without --dry-run to write";
            because(ReasonCode::DryRun, message.to_owned(), None)
        });
        let by_settings = self.paused_by_settings.map(|since| {
            let message = "`sync.paused` is true; set it to false and reload (SIGHUP) to go on";
            because(ReasonCode::Paused, message.to_owned(), Some(since))
        });
        let by_file = self.pause.as_ref().map(|pause| Closure {
            code: ReasonCode::Paused,
            message: self.paused_by_file(pause),
            since: Some(pause.since),
            pause: Some(pause.clone()),
        });
        let (state_dir, audit_log) = (ReasonCode::StateDir, ReasonCode::AuditLog);
        let all = [
            dry_run,
            by_settings,
            lasting(state_dir, &self.out_of_reach, |error| {
                format!("`state_dir` is out of reach: {error}")
            }),
            by_file.filter(|_| self.out_of_reach.is_none()),
            lasting(state_dir, &self.unsaved, |error| {
                format!("the state cannot be saved: {error}")
            }),
            lasting(audit_log, &self.unaudited, str::to_owned),
        ];
        all.into_iter().flatten().collect()
    }

    fn paused_by_file(&self, pause: &Pause) -> String {
        let file = self.pause_file.display();
        match pause.until {
            Some(until) => format!("until {until}; to go on before, run `roomsync resume`, or remove {file}"),
            None => format!("there is a file {file}; to go on, run `roomsync resume`, or remove it"),
        }
    }

    /// Every reason for which nothing may be written, each with whether it is one now.
    pub(super) fn reasons(&self) -> Vec<(ReasonCode, bool)> {
        let closures = self.closures();
        let is_one = |code: ReasonCode| match code {
            ReasonCode::Quota => self.quota.lasting_message().is_some(),
            _ => closures.iter().any(|why| why.code == code),
        };
        CODES.into_iter().map(|code| (code, is_one(code))).collect()
    }

    /// Reports once that nothing is written any more, or that rooms are written again.
    pub(super) fn turn(&mut self) -> GateTurn {
        let now = self.suspended();
        if now == self.reported {
            return GateTurn::None;
        }
        self.reported.clone_from(&now);
        match now {
            Some(WritesSuspended { code, message }) => {
                tracing::warn!(code = log_code::WRITING_WITHHELD, reason = %code, "nothing is written: {message}");
                GateTurn::Closed
            }
            None => {
                tracing::info!(code = log_code::WRITING_RESUMED, "rooms are written again");
                GateTurn::Opened
            }
        }
    }
}

impl Lasting {
    /// The trouble as it is now; it began with the first error in a row.
    fn go_on(before: Option<Self>, error: Option<String>, now: Timestamp) -> Option<Self> {
        let since = before.map_or(now, |before| before.since);
        error.map(|error| Self { error, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(paused: Result<bool, String>, unsaved: Option<&str>, unaudited: Option<&str>) -> DiskReport {
        DiskReport {
            paused: paused.map(|is_there| is_there.then(pause)),
            unsaved: unsaved.map(Into::into),
            unaudited: unaudited.map(Into::into),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pause() -> Pause {
        Pause {
            since: at(-100),
            by: "alice".to_owned(),
            why: Some("a deploy".to_owned()),
            until: None,
        }
    }

    #[test]
    fn every_reason_is_named_with_its_beginning() {
        let mut gate = WriteGate::new(false, true, Path::new("/state/pause"), Ok(None), at(1));
        gate.see_disk(disk(Ok(true), Some("full"), Some("full")), false, at(2));
        gate.see_disk(disk(Ok(true), Some("still full"), Some("full")), false, at(3));
        gate.pause_by_settings(true, at(4));
        let named = |gate: &WriteGate| -> Vec<(ReasonCode, Option<Timestamp>)> {
            let closures = gate.closures();
            closures.iter().map(|why| (why.code, why.since)).collect()
        };
        let expected = [
            (ReasonCode::Paused, Some(at(1))),
            (ReasonCode::Paused, Some(at(-100))),
            (ReasonCode::StateDir, Some(at(2))),
            (ReasonCode::AuditLog, Some(at(2))),
        ];
        assert_eq!(named(&gate), expected);
        let reasons = |gate: &WriteGate| -> Vec<ReasonCode> {
            let reasons = gate.reasons().into_iter();
            reasons
                .filter(|(_, is_one)| *is_one)
                .map(|(code, _)| code)
                .collect()
        };
        assert_eq!(
            reasons(&gate),
            [ReasonCode::AuditLog, ReasonCode::Paused, ReasonCode::StateDir]
        );
        assert_eq!(gate.closures()[1].pause, Some(pause()));
        assert_eq!(gate.suspended().unwrap().code, ReasonCode::Paused);
        gate.pause_by_settings(false, at(5));
        gate.see_disk(disk(Err("gone".into()), None, Some("full")), false, at(6));
        let expected = [
            (ReasonCode::StateDir, Some(at(6))),
            (ReasonCode::AuditLog, Some(at(2))),
        ];
        assert_eq!(named(&gate), expected);
    }

    #[test]
    fn a_pause_that_is_over_closes_nothing() {
        let mut gate = WriteGate::new(false, false, Path::new("/state/pause"), Ok(None), at(0));
        gate.see_disk(disk(Ok(true), None, None), false, at(1));
        assert!(gate.suspended().is_some());
        gate.see_disk(disk(Ok(true), None, None), true, at(2));
        assert!(gate.suspended().is_none());
    }

    #[test]
    fn each_reason_closes_it_and_is_reported_once() {
        let mut gate = WriteGate::new(false, false, Path::new("/state/pause"), Ok(Some(pause())), at(0));
        let code = |gate: &WriteGate| gate.suspended().map(|why| why.code);
        assert_eq!(code(&gate), Some(ReasonCode::Paused), "there is such a file");
        assert_eq!((gate.turn(), gate.turn()), (GateTurn::Closed, GateTurn::None));
        gate.see_disk(disk(Ok(false), None, None), false, at(1));
        assert_eq!((code(&gate), gate.turn()), (None, GateTurn::Opened));
        gate.see_disk(disk(Ok(false), None, Some("full")), false, at(1));
        assert_eq!(code(&gate), Some(ReasonCode::AuditLog));
        assert_eq!(
            gate.suspended().unwrap().message,
            "full",
            "whoever shows it says that nothing is written"
        );
        gate.see_disk(disk(Ok(false), Some("full"), Some("full")), false, at(1));
        assert_eq!(code(&gate), Some(ReasonCode::StateDir));
        gate.see_disk(disk(Ok(true), None, None), false, at(1));
        gate.see_disk(disk(Err("gone".into()), None, None), false, at(1));
        assert_eq!(code(&gate), Some(ReasonCode::StateDir));
        gate.pause_by_settings(true, at(1));
        assert_eq!(
            (code(&gate), gate.turn()),
            (Some(ReasonCode::Paused), GateTurn::Closed)
        );
        gate.pause_by_settings(false, at(1));
        gate.see_disk(disk(Ok(false), None, None), false, at(1));
        assert_eq!((code(&gate), gate.turn()), (None, GateTurn::Opened));
    }
}
