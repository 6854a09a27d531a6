//! Snapshots of what must outlive the process.

use super::controller::Controller;
use super::state_dir::{FilesSnapshot, Snapshot};

/// Everything but who was invited, whose changes are saved one by one.
fn whole(daemon: &Controller) -> Snapshot {
    let files = daemon.files.set().map(|set| FilesSnapshot {
        provenance: set.provenance.clone(),
        settled: daemon.files.settled(),
    });
    Snapshot {
        rosters: Some(daemon.safeguards.exclusions().rosters().clone()),
        files,
        ..state(daemon)
    }
}

/// The state that changes with every pass.
fn state(daemon: &Controller) -> Snapshot {
    Snapshot {
        state: Some(daemon.safeguards.state(daemon.learned.clone())),
        ..Snapshot::default()
    }
}

impl Controller {
    /// Has all saved that must outlive the process.
    pub(super) fn save_all(&self) {
        self.persister.save(whole(self));
    }

    /// Has saved what changes with every pass.
    pub(super) fn save_state(&self) {
        self.persister.save(state(self));
    }

    /// Has saved who was invited since the last time.
    pub(super) fn save_invitations(&mut self) {
        let changes = self.safeguards.invitations_mut().take_changes();
        self.persister.save_invitations(changes);
    }
}
