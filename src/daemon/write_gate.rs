//! Reasons for which nothing is written to the service: a dry run, a pause, a state that cannot be saved, an audit log that cannot be
//! written, a quota that is used up.

use super::quota::Quota;
use crate::model::{ReasonCode, RoomId};
use crate::status::WritesSuspended;
use std::path::{Path, PathBuf};

/// Lets writes through, or says why it does not.
#[derive(Debug)]
pub(super) struct WriteGate {
    dry_run: bool,
    /// `sync.paused`.
    paused_by_settings: bool,
    /// True if the file `pause` was in `state_dir` when somebody could tell.
    paused: bool,
    pause_file: PathBuf,
    disk: DiskReport,
    quota: Quota,
    /// The reason last reported.
    reported: Option<WritesSuspended>,
}

/// Last report of the disk.
#[derive(Debug)]
pub(super) struct DiskReport {
    /// True if the file is there that pauses the daemon. The error: `state_dir` is out of reach.
    pub(super) paused: Result<bool, String>,
    /// Error of the last attempt to save the state.
    pub(super) unsaved: Option<String>,
    /// Error of the last attempt to write the audit log.
    pub(super) unaudited: Option<String>,
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
    /// `pause_file` is the file that pauses the daemon, and `paused` says whether it is there. If nobody can tell, the daemon is paused.
    pub(super) fn new(
        dry_run: bool,
        paused_by_settings: bool,
        pause_file: &Path,
        paused: Result<bool, String>,
    ) -> Self {
        Self {
            dry_run,
            paused_by_settings,
            paused: paused.as_ref().copied().unwrap_or(true),
            pause_file: pause_file.to_owned(),
            disk: DiskReport {
                paused,
                unsaved: None,
                unaudited: None,
            },
            quota: Quota::default(),
            reported: None,
        }
    }

    pub(super) fn pause_by_settings(&mut self, paused: bool) {
        self.paused_by_settings = paused;
    }

    /// Takes in what the disk says. While `state_dir` is out of reach, the last answer about the pause counts.
    pub(super) fn see_disk(&mut self, disk: DiskReport) {
        if let Ok(paused) = disk.paused {
            self.paused = paused;
        }
        match (&self.disk.unsaved, &disk.unsaved) {
            (Some(_), None) => tracing::info!("the state can be saved again"),
            (before, Some(error)) if before.as_ref() != Some(error) => tracing::error!(
                error,
                "cannot save the state in `state_dir`, so nothing is written to the service"
            ),
            _ => {}
        }
        self.disk = disk;
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
        let because = |code, message: String| Some(WritesSuspended { code, message });
        let DiskReport {
            paused,
            unsaved,
            unaudited,
        } = &self.disk;
        if self.dry_run {
            because(
                ReasonCode::DryRun,
                "this is a dry run; start without --dry-run to write".into(),
            )
        } else if self.paused_by_settings {
            because(
                ReasonCode::Paused,
                "`sync.paused` is true; set it to false and reload (SIGHUP) to go on".into(),
            )
        } else if let Err(error) = paused {
            because(
                ReasonCode::StateDir,
                format!("`state_dir` is out of reach: {error}"),
            )
        } else if self.paused {
            let file = self.pause_file.display();
            because(
                ReasonCode::Paused,
                format!("there is a file {file}; remove it to go on"),
            )
        } else if let Some(error) = unsaved {
            because(
                ReasonCode::StateDir,
                format!("the state cannot be saved: {error}"),
            )
        } else if let Some(error) = unaudited {
            because(
                ReasonCode::AuditLog,
                format!("{error}. Nothing is changed until it can be written"),
            )
        } else {
            // The last, because it alone lets a call through now and then.
            because(ReasonCode::Quota, self.quota.lasting_message()?)
        }
    }

    /// Reports once that nothing is written any more, or that rooms are written again.
    pub(super) fn turn(&mut self) -> GateTurn {
        let now = self.suspended();
        if now == self.reported {
            return GateTurn::None;
        }
        self.reported.clone_from(&now);
        match now {
            Some(WritesSuspended {
                code: code @ ReasonCode::AuditLog,
                message,
            }) => {
                tracing::warn!(%code, "{message}");
                GateTurn::Closed
            }
            Some(WritesSuspended { code, message }) => {
                tracing::warn!(%code, "nothing is written: {message}");
                GateTurn::Closed
            }
            None => {
                tracing::info!("rooms are written again");
                GateTurn::Opened
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(paused: Result<bool, String>, unsaved: Option<&str>, unaudited: Option<&str>) -> DiskReport {
        DiskReport {
            paused,
            unsaved: unsaved.map(Into::into),
            unaudited: unaudited.map(Into::into),
        }
    }

    #[test]
    fn each_reason_closes_it_and_is_reported_once() {
        let mut gate = WriteGate::new(false, false, Path::new("/state/pause"), Ok(true));
        let code = |gate: &WriteGate| gate.suspended().map(|why| why.code);
        assert_eq!(code(&gate), Some(ReasonCode::Paused), "there is such a file");
        assert_eq!((gate.turn(), gate.turn()), (GateTurn::Closed, GateTurn::None));
        gate.see_disk(disk(Ok(false), None, None));
        assert_eq!((code(&gate), gate.turn()), (None, GateTurn::Opened));
        gate.see_disk(disk(Ok(false), None, Some("full")));
        assert_eq!(code(&gate), Some(ReasonCode::AuditLog));
        gate.see_disk(disk(Ok(false), Some("full"), Some("full")));
        assert_eq!(code(&gate), Some(ReasonCode::StateDir));
        gate.see_disk(disk(Ok(true), None, None));
        gate.see_disk(disk(Err("gone".into()), None, None));
        assert_eq!(code(&gate), Some(ReasonCode::StateDir));
        gate.pause_by_settings(true);
        assert_eq!(
            (code(&gate), gate.turn()),
            (Some(ReasonCode::Paused), GateTurn::Closed)
        );
        gate.pause_by_settings(false);
        gate.see_disk(disk(Ok(false), None, None));
        assert_eq!((code(&gate), gate.turn()), (None, GateTurn::Opened));
    }
}
