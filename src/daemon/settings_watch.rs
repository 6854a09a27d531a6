//! Settings and secret files that the daemon could not start with: those in force stay, and somebody is told before the next start.

use crate::diagnostics::{Diagnostic, Invalid, Severity};
use crate::disk::{DiskJob, DiskWorker};
use crate::model::{counted, log_code};
use crate::settings::Settings;
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Time between two checks of the secret files.
const EVERY: Duration = Duration::from_secs(30);

/// What goes on, and what would not.
const SO_FAR: &str = "so the ones before stay in force, but roomsync would not start again";

/// What is known of the settings and the secret files on the disk.
#[derive(Debug)]
pub(super) struct SettingsWatch {
    secrets: DiskWorker<SecretFiles>,
    /// The last request for a check.
    asked: Option<Instant>,
    refused: Option<Trouble>,
    bad_secret: Option<Trouble>,
}

/// Something that a start would fail for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    message: String,
    since: Timestamp,
}

/// Checks secret files off the loop: their disk may not answer.
#[derive(Debug, Default)]
struct SecretFiles;

impl DiskJob for SecretFiles {
    type Request = Option<Box<Settings>>;
    /// The error in words.
    type Outcome = Result<(), String>;

    fn run(&mut self, settings: Self::Request) -> Self::Outcome {
        let checked = settings.map_or(Ok(()), |settings| settings.check_secrets());
        checked.map_err(|invalid| in_words("a secret's file cannot be used", &invalid))
    }
}

impl SettingsWatch {
    /// `changed` is notified when a check of the secret files ends otherwise than the one before.
    pub(super) fn new(changed: &Arc<Notify>) -> Self {
        Self {
            secrets: DiskWorker::new(SecretFiles, Ok(()), Arc::clone(changed)),
            asked: None,
            refused: None,
            bad_secret: None,
        }
    }

    /// Records that the settings were read again and taken, with their secrets.
    pub(super) fn taken(&mut self) {
        self.refused = None;
    }

    /// Records that the settings were read again and are not valid.
    pub(super) fn refuse(&mut self, invalid: &Invalid, now: Timestamp) {
        let message = in_words("the settings were read again and are not valid", invalid);
        self.refuse_with(&message, now);
    }

    /// Records that the settings were read again, and that the service cannot be reached by them.
    pub(super) fn refuse_for(&mut self, error: &impl fmt::Display, now: Timestamp) {
        let message = format!("the settings were read again and cannot be used, {SO_FAR}: {error}");
        self.refuse_with(&message, now);
    }

    fn refuse_with(&mut self, message: &str, now: Timestamp) {
        let since = self.refused.take().map_or(now, |before| before.since);
        // Nothing else looks at them again, also if it was a secret's file.
        let message = format!("{message}; once that is right, reload");
        self.refused = Some(Trouble { message, since });
    }

    /// Has the secret files of these settings checked if that is due, and takes in what the last check has found.
    pub(super) fn look(&mut self, settings: &Settings, now: Timestamp) {
        let found = self.secrets.last().err();
        let before = self.bad_secret.take();
        match (&before, &found) {
            (None, Some(message)) => tracing::warn!(code = log_code::SECRET_BAD, "{message}"),
            (Some(_), None) => tracing::info!(
                code = log_code::SECRETS_WELL,
                "every secret's file can be used again"
            ),
            _ => {}
        }
        self.bad_secret = found.map(|message| Trouble {
            message,
            since: before.map_or(now, |before| before.since),
        });
        if self.asked.is_none_or(|asked| asked.elapsed() >= EVERY) {
            self.asked = Some(Instant::now());
            let settings = Box::new(settings.clone());
            self.secrets.ask(|request| *request = Some(settings));
        }
    }

    /// True if nothing is known that a start would fail for.
    pub(super) fn are_valid(&self) -> bool {
        self.trouble().is_none()
    }

    /// Task for a person, and its beginning. `None`: there is none.
    pub(super) fn trouble(&self) -> Option<(String, Timestamp)> {
        let Trouble { message, since } = self.refused.as_ref().or(self.bad_secret.as_ref())?;
        Some((message.clone(), *since))
    }
}

/// The first problem, and how many there are.
fn in_words(what: &str, Invalid { diagnostics }: &Invalid) -> String {
    let errors = || diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let first = errors().next().map(
        |Diagnostic {
             message,
             location,
             help,
             ..
         }| {
            let place = location.as_ref().map(|place| format!("{place}: "));
            let help = help.as_ref().map(|help| format!("; {help}"));
            format!(
                ": {}{message}{}",
                place.unwrap_or_default(),
                help.unwrap_or_default()
            )
        },
    );
    let more = match errors().count() {
        0 | 1 => String::new(),
        count => format!(" ({} in all)", counted(count, "problem")),
    };
    format!("{what}, {SO_FAR}{}{more}", first.unwrap_or_default())
}
