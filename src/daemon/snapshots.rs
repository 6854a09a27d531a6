//! Snapshots of what must outlive the process.

use super::files_in_force::FilesInForce;
use super::learned_limits::LearnedLimits;
use super::safeguards::Safeguards;
use super::state_dir::{FilesSnapshot, Snapshot};

/// Everything.
pub(super) fn whole(
    files: &FilesInForce,
    safeguards: &Safeguards,
    learned: Option<LearnedLimits>,
) -> Snapshot {
    let of_files = files.set().map(|set| FilesSnapshot {
        provenance: set.provenance.clone(),
        settled: files.settled(),
    });
    Snapshot {
        rosters: Some(safeguards.exclusions().rosters().clone()),
        files: of_files,
        ..state(safeguards, learned)
    }
}

/// What changes with every pass.
pub(super) fn state(safeguards: &Safeguards, learned: Option<LearnedLimits>) -> Snapshot {
    Snapshot {
        state: Some(safeguards.state(learned)),
        ..Snapshot::default()
    }
}
