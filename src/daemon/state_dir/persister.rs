//! Saves the state off the loop. The newest snapshot of each file counts, and a write to the service awaits what it depends on.

use super::{Pause, PauseChange, PauseFile, PersistedState, SeenFile, StateDir, ToRecord};
use crate::desired::Provenance;
use crate::disk::{DiskJob, DiskWorker};
use crate::exclusions::{InvitationChange, Rosters};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// State to be saved. Files without a snapshot stay as they are.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Snapshot {
    pub(in crate::daemon) rosters: Option<Rosters>,
    pub(in crate::daemon) files: Option<FilesSnapshot>,
    pub(in crate::daemon) state: Option<PersistedState>,
    /// In order.
    pub(in crate::daemon) invitations: Vec<InvitationChange>,
}

/// Room files of the set in force.
#[derive(Debug)]
pub(in crate::daemon) struct FilesSnapshot {
    pub(in crate::daemon) provenance: Provenance,
    /// Digest of the set if it has settled.
    pub(in crate::daemon) settled: Option<String>,
}

/// Saves snapshots in the state folder, and finds its pause file. Clones share both.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Persister {
    saving: DiskWorker<Saving>,
    pausing: DiskWorker<PauseFile>,
    /// `None`: somebody else keeps it.
    recording: Option<DiskWorker<SeenFile>>,
    pause_file: PathBuf,
}

impl Persister {
    /// `changed` is notified when saving begins to fail or no longer fails, and when the pause file comes, goes or changes.
    pub(in crate::daemon) fn new(mut dir: StateDir, changed: &Arc<Notify>) -> Self {
        let mut pause = dir.pause();
        let pause_file = pause.path.clone();
        let paused = pause.run(None);
        let unsaved = Snapshot::default();
        let seen = dir.seen.take();
        Self {
            recording: seen.map(|seen| DiskWorker::new(seen, (), Arc::clone(changed))),
            saving: DiskWorker::new(Saving { dir, unsaved }, Ok(()), Arc::clone(changed)),
            pausing: DiskWorker::new(pause, paused, Arc::clone(changed)),
            pause_file,
        }
    }

    /// Has this saved, and with it whatever could not be saved before.
    pub(in crate::daemon) fn save(&self, snapshot: Snapshot) {
        self.saving.ask(|request| request.replace_by(snapshot));
    }

    /// Has these changes saved, in order.
    pub(in crate::daemon) fn save_invitations(&self, invitations: Vec<InvitationChange>) {
        if !invitations.is_empty() {
            self.save(Snapshot {
                invitations,
                ..Snapshot::default()
            });
        }
    }

    /// Has sightings recorded. Nobody waits for that but [`Persister::recorded`].
    pub(in crate::daemon) fn record(&self, sightings: ToRecord) {
        if let Some(recording) = &self.recording {
            recording.ask(|request| request.extend(sightings));
        }
    }

    /// Waits until all sightings given so far are on the disk, or cannot be recorded.
    pub(in crate::daemon) async fn recorded(&self) {
        if let Some(recording) = &self.recording {
            recording.done().await;
        }
    }

    /// Has saved again what could not be saved.
    pub(in crate::daemon) fn retry(&self) {
        if self.error().is_some() {
            self.save(Snapshot::default());
        }
    }

    /// Waits until everything given so far is on the disk. The error: it cannot be saved.
    pub(in crate::daemon) async fn on_disk(&self) -> Result<(), String> {
        self.saving.done().await
    }

    /// Reason why the state could not be saved the last time, if so.
    pub(in crate::daemon) fn error(&self) -> Option<String> {
        self.saving.last().err()
    }

    /// Has the pause file looked for. It does not wait for a save.
    pub(in crate::daemon) fn find_pause(&self) {
        self.pausing.ask(|_| ());
    }

    /// Has the pause begin or end. What time alone asks for gives way to what a person asks for.
    pub(in crate::daemon) fn change_pause(&self, change: PauseChange) {
        self.pausing.ask(|request| match change {
            PauseChange::Over(_) if request.is_some() => {}
            change => *request = Some(change),
        });
    }

    /// Waits until the last change to the pause is on the disk. The error: it could not be made.
    pub(in crate::daemon) async fn pause_changed(&self) -> Result<(), String> {
        self.pausing.done().await.changed
    }

    /// The pause, if its file was there the last time. The error: the folder is out of reach.
    pub(in crate::daemon) fn was_paused(&self) -> Result<Option<Pause>, String> {
        self.pausing.last().found
    }

    /// The pause, if its file is there now. The error: the folder is out of reach.
    pub(in crate::daemon) async fn paused(&self) -> Result<Option<Pause>, String> {
        self.find_pause();
        self.pausing.done().await.found
    }

    pub(in crate::daemon) fn pause_file(&self) -> &Path {
        &self.pause_file
    }
}

impl Snapshot {
    /// Replaces each file that the newer snapshot has.
    fn replace_by(&mut self, newer: Self) {
        let Self {
            rosters,
            files,
            state,
            invitations,
        } = newer;
        self.rosters = rosters.or(self.rosters.take());
        self.files = files.or(self.files.take());
        self.state = state.or(self.state.take());
        self.invitations.extend(invitations);
    }
}

#[derive(Debug)]
struct Saving {
    dir: StateDir,
    /// State that is not on the disk yet.
    unsaved: Snapshot,
}

impl DiskJob for Saving {
    type Request = Snapshot;
    type Outcome = Result<(), String>;

    fn run(&mut self, request: Snapshot) -> Self::Outcome {
        self.unsaved.replace_by(request);
        self.save().map_err(|error| error.to_string())
    }
}

impl Saving {
    fn save(&mut self) -> io::Result<()> {
        let Self { dir, unsaved } = self;
        let Snapshot {
            rosters,
            files,
            state,
            invitations,
        } = unsaved;
        unless_saved(rosters, |rosters| dir.save_rosters(rosters))?;
        unless_saved(files, |FilesSnapshot { provenance, settled }| {
            dir.save_files(provenance.remember(), settled.clone())
        })?;
        unless_saved(state, |state| dir.save_state(state))?;
        if !invitations.is_empty() {
            dir.save_invited(invitations)?;
            invitations.clear();
        }
        Ok(())
    }
}

/// Saves it and forgets it.
fn unless_saved<T>(unsaved: &mut Option<T>, save: impl FnOnce(&T) -> io::Result<()>) -> io::Result<()> {
    if let Some(data) = unsaved {
        save(data)?;
    }
    *unsaved = None;
    Ok(())
}

#[cfg(test)]
mod tests;
