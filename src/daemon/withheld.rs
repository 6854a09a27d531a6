//! When nothing is written to the service: a dry run, a pause, a state that cannot be saved, an audit log that cannot be written,
//! a quota that is used up.

use super::audit::Event;
use super::engine::Engine;
use crate::apply::Reason;
use crate::model::ReasonCode;
use crate::web::{Change, Withheld};

/// How many of the last changes are shown.
const CHANGES_SHOWN: usize = 100;

impl Engine {
    pub(super) fn save_all(&mut self) {
        self.ledger.clock = self.clock.anchor();
        let saved = self
            .store
            .save_rosters(&self.rosters)
            .and_then(|()| match &self.set {
                Some(set) => {
                    let settled = self.settling.since().is_none().then(|| set.source.digest.clone());
                    self.store.save_files(set.provenance.remember(), settled)
                }
                None => Ok(()),
            })
            .and_then(|()| self.store.save_state(&self.ledger));
        self.saved(saved);
    }

    /// Saves what changes with every pass.
    pub(super) fn save_ledger(&mut self) {
        if self.unsaved.is_some() {
            return self.save_all();
        }
        self.ledger.clock = self.clock.anchor();
        let saved = self.store.save_state(&self.ledger);
        self.saved(saved);
    }

    fn saved(&mut self, saved: std::io::Result<()>) {
        match saved {
            Ok(()) => {
                if self.unsaved.take().is_some() {
                    tracing::info!("the state can be saved again");
                }
            }
            Err(error) => {
                let error = error.to_string();
                if self.unsaved.as_ref() != Some(&error) {
                    tracing::error!(
                        error,
                        "cannot save the state in `state_dir`, so nothing is written to the service"
                    );
                }
                self.unsaved = Some(error);
            }
        }
    }

    /// Looks at what may have changed by itself: the file that pauses, a disk that was full.
    pub(super) fn tick(&mut self) {
        if self.unsaved.is_some() {
            self.save_all();
        }
        self.see_clock();
        self.advance_budgets();
        self.check();
    }

    /// Sees whether changes may be made now.
    pub(super) fn check(&mut self) {
        // A dry run leaves no trace, not even an empty log.
        let now = self.clock.now();
        let ready = if self.dry_run {
            Ok(())
        } else {
            self.audit.ready(now)
        };
        // Whoever asks `withheld` next sees what came of it.
        let _ = self.audited(ready);
    }

    /// Writes a line of a pass that begins to write, and has the disk take it. `false`: it cannot be, and nothing is to be done.
    pub(super) fn prove_audit(&mut self, pass: Event<'_>) -> bool {
        let proved = self.audit.prove(self.clock.now(), pass);
        self.audited(proved).is_ok()
    }

    /// Looks whether the daemon is paused. Says once that nothing is written any more, and ends what is under way; or that
    /// rooms are written again, and has what waited done.
    pub(super) fn see_withheld(&mut self) {
        match self.store.paused() {
            Ok(paused) => {
                self.paused = paused;
                self.out_of_reach = None;
            }
            Err(error) => self.out_of_reach = Some(error.to_string()),
        }
        let now = self.withheld();
        if now == self.said_withheld {
            return;
        }
        self.said_withheld.clone_from(&now);
        match now {
            Some(Withheld { code, message }) => {
                tracing::warn!(code = code.as_str(), "nothing is written: {message}");
                for stop in self.rooms.values().filter_map(|room| room.applying.as_ref()) {
                    stop.interrupt();
                }
            }
            None => {
                tracing::info!("rooms are written again");
                self.all_soon();
            }
        }
    }

    /// Why nothing is written to the service, if so.
    pub(super) fn withheld(&self) -> Option<Withheld> {
        let because = |code, message: String| Some(Withheld { code, message });
        if self.dry_run {
            because(
                ReasonCode::DryRun,
                "this is a dry run; start without --dry-run to write".into(),
            )
        } else if self.settings.sync.paused {
            because(
                ReasonCode::Paused,
                "`sync.paused` is true; set it to false and reload (SIGHUP) to go on".into(),
            )
        } else if let Some(error) = &self.out_of_reach {
            because(
                ReasonCode::StateDir,
                format!("`state_dir` is out of reach: {error}"),
            )
        } else if self.paused {
            let file = self.store.pause_file();
            because(
                ReasonCode::Paused,
                format!("there is a file {}; remove it to go on", file.display()),
            )
        } else if let Some(error) = &self.unsaved {
            because(
                ReasonCode::StateDir,
                format!("the state cannot be saved: {error}"),
            )
        } else if let Some(error) = self.audit.trouble() {
            because(
                ReasonCode::AuditLog,
                format!("the audit log cannot be written: {error}"),
            )
        } else {
            // The last, because it alone lets a call through now and then.
            because(ReasonCode::Quota, self.used_up.as_ref()?.message())
        }
    }

    /// Records whether the audit log took a line.
    fn audited(&mut self, written: std::io::Result<()>) -> Result<(), Reason> {
        let result = self.audit.took(written, self.clock.now());
        self.see_withheld();
        result.map_err(|error| {
            Reason::new(
                ReasonCode::AuditLog,
                format!("the audit log cannot be written: {error}"),
            )
        })
    }

    /// Takes down a change, for the log and for the page.
    pub(super) fn changed(&mut self, change: Change, message: Option<&str>) -> Result<(), Reason> {
        let written = self.audit.record(&change, message);
        self.changes.push_front(change);
        self.changes.truncate(CHANGES_SHOWN);
        self.audited(written)
    }
}
