//! Snapshots of what must outlive the process.

use super::controller::Controller;
use super::state_dir::{FilesSnapshot, Snapshot};

/// Everything but who was invited, whose changes are saved one by one.
pub(super) fn whole(daemon: &Controller) -> Snapshot {
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
pub(super) fn state(daemon: &Controller) -> Snapshot {
    Snapshot {
        state: Some(daemon.safeguards.state(daemon.learned.clone())),
        ..Snapshot::default()
    }
}
