//! The audit log of a command that writes and ends: the same lines as the daemon's.

use super::context::{Context, resolved};
use super::exit::Usage;
use super::flag_values::Takes;
use crate::apply::{CallNumber, Journal, Reason, UserResults};
use crate::audit_log::{AuditLog, LogWriter, Outcomes, PassLine};
use crate::disk::Fsync;
use crate::model::{ReasonCode, RoomId};
use crate::plan::Step;
use crate::reconcile::RunRecord;
use anyhow::anyhow;
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// Value of `--audit-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AuditTarget {
    /// No log is kept.
    Off,
    /// This file in place of the one of the settings.
    File(PathBuf),
}

impl FromStr for AuditTarget {
    type Err = Takes;

    fn from_str(text: &str) -> Result<Self, Takes> {
        match text {
            "" => Err(Takes("a file, or off".to_owned())),
            "off" => Ok(Self::Off),
            file => Ok(Self::File(file.into())),
        }
    }
}

/// An audit log that can be written.
#[derive(Debug)]
pub(super) struct Audit {
    log: Mutex<AuditLog>,
    writer: LogWriter,
}

impl Audit {
    /// Opens the log, before anything is sent. `None`: none is kept.
    pub(super) async fn open(
        target: Option<&AuditTarget>,
        context: &Context,
    ) -> anyhow::Result<Option<Self>> {
        let path = match target {
            None => context.settings.audit_log.clone(),
            Some(AuditTarget::Off) => None,
            Some(AuditTarget::File(path)) => Some(allowed(path, context)?),
        };
        let Some(path) = path else { return Ok(None) };
        let now = Timestamp::now();
        let log = AuditLog::new(Some(path), Fsync::default(), now, &Arc::default());
        let writer = log.writer();
        writer.check(now);
        writer
            .written()
            .await
            .map_err(|error| nothing_was_changed(&error))?;
        Ok(Some(Self {
            log: Mutex::new(log),
            writer,
        }))
    }

    /// Has the disk take the line of the pass, before its first call.
    pub(super) async fn begin(&self, pass: PassLine) -> anyhow::Result<()> {
        let proved = self.writer.prove(Timestamp::now(), pass).await;
        proved.map_err(|error| nothing_was_changed(&error))
    }

    /// Waits until every line is written. The error: some are not.
    pub(super) async fn end(&self) -> Result<(), String> {
        self.writer.written().await
    }

    fn with_log<T>(&self, work: impl FnOnce(&mut AuditLog) -> T) -> T {
        work(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The file of the flag, unless it is one that roomsync reads or keeps for something else.
fn allowed(path: &Path, context: &Context) -> anyhow::Result<PathBuf> {
    let of_settings = context.settings.audit_log.as_deref().map(resolved);
    // What a link points at is meant, also if it is not there yet.
    let file = resolved(path);
    if context.owns(&file) && of_settings.as_ref() != Some(&file) {
        let shown = path.display();
        let why =
            format!("--audit-log {shown}: this is a file of roomsync's own, or would be one; choose another");
        return Err(Usage(why).into());
    }
    Ok(path.to_owned())
}

fn nothing_was_changed(error: &str) -> anyhow::Error {
    anyhow!(
        "{error}; nothing was changed. --audit-log FILE writes it to another file, and --audit-log off writes none"
    )
}

/// Records a run's calls in the log.
pub(super) struct AuditJournal<'a> {
    pub(super) audit: &'a Audit,
    pub(super) record: RunRecord,
}

impl Journal for AuditJournal<'_> {
    fn sends(&self, room: &RoomId, step: &Step) -> CallNumber {
        let line = self.record.sent(Timestamp::now(), room, step);
        CallNumber(self.audit.with_log(|log| log.sends(line)))
    }

    fn not_sent(&self, CallNumber(call): CallNumber, Reason { code, message, .. }: &Reason) {
        self.audit
            .with_log(|log| log.not_sent(Timestamp::now(), call, *code, message));
    }

    fn record(&self, room: &RoomId, results: UserResults<'_>) {
        let changes = self.record.changes(Timestamp::now(), room, &results);
        self.audit.with_log(|log| {
            log.record(Outcomes {
                call: results.call.0,
                changes,
                message: results.result.err().map(|reason| reason.message.as_str()),
            });
        });
    }

    fn written(&self) -> LocalBoxFuture<'_, Result<(), Reason>> {
        async {
            let written = self.audit.end().await;
            written.map_err(|error| Reason::new(ReasonCode::AuditLog, error))
        }
        .boxed_local()
    }
}
