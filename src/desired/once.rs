//! Room files for a run that needs only what they say: no text of them is kept, nor where in them each thing stands.

use super::texts::{Specs, Texts};
use super::{Desired, DesiredRoom, Source, lints, resolve};
use crate::diagnostics::{Diagnostic, Invalid};
use crate::disk::{DiskTimeout, TimeLimit};
use crate::model::Guards;
use crate::source::{self, Listing};
use crate::yaml;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a valid set of room files says.
#[derive(Debug)]
pub struct LoadedOnce {
    /// What it says.
    pub desired: Desired,
    /// As in [`Loaded`](super::Loaded).
    pub warnings: Vec<Diagnostic>,
    listing: Listing,
}

/// Reads room files as [`super::load`] does, for a run that asks for nothing but this.
pub fn load_once(
    paths: &[PathBuf],
    settings_file: Option<&Path>,
    guards: &Guards,
) -> Result<LoadedOnce, Invalid> {
    let time_limit = TimeLimit::default();
    let (loaded, listing) = source::snapshot(time_limit, paths, settings_file, |listing| {
        Ok(match spotless(time_limit, listing, guards)? {
            Some(desired) => Ok((desired, Vec::new())),
            // Lines can only be shown of texts that are kept.
            None => {
                let loaded = Texts::read(time_limit, listing)?.resolve(guards);
                loaded.map(|loaded| (loaded.desired, loaded.warnings))
            }
        })
    })?;
    let (desired, warnings) = loaded?;
    Ok(LoadedOnce {
        desired,
        warnings,
        listing,
    })
}

impl LoadedOnce {
    /// Time of the last change of one of the files, in content or not.
    #[must_use]
    pub fn changed(&self) -> Option<SystemTime> {
        self.listing.fingerprint.newest()
    }

    /// Where every file was found.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.listing.found_files.paths()
    }

    /// Finds out which commit the files are of, as [`Texts::with_revision`] does.
    #[must_use]
    pub fn with_revision(mut self) -> Self {
        let source = &mut self.desired.source;
        source.revision = source::revision(self.listing.found_files.paths().map(Path::to_owned).collect());
        if source.revision.is_some() {
            let now = self
                .listing
                .found_files
                .each_text(TimeLimit::default(), |_, _| Some(()));
            if now.ok().flatten().as_ref() != Some(&source.digest) {
                tracing::debug!("the room files changed while their commit was looked up");
                source.revision = None;
            }
        }
        self
    }
}

/// What the files say. `None`: there is something to say of them.
fn spotless(
    time_limit: TimeLimit,
    listing: &Listing,
    guards: &Guards,
) -> Result<Option<Desired>, DiskTimeout> {
    let specs = specs(time_limit, listing)?;
    Ok(specs.and_then(|(specs, digest)| without_problems(specs, digest, guards)))
}

fn without_problems(specs: Specs, digest: String, guards: &Guards) -> Option<Desired> {
    let files = specs.len();
    if !lints::lints(&specs, guards).is_empty() {
        return None;
    }
    let mut problems = Vec::new();
    let mut rooms: Vec<DesiredRoom> = Vec::new();
    resolve::into_rooms(specs, guards, &mut problems, |room| rooms.push(room));
    if rooms.is_empty() || !problems.is_empty() {
        return None;
    }
    rooms.sort_by(|a, b| a.id.cmp(&b.id));
    let source = Source {
        files,
        digest,
        revision: None,
    };
    Some(Desired { rooms, source })
}

/// The documents of all files, and the digest of these. Reads one after the other and keeps the text of none. `None`: there
/// is something to say of one of them.
pub(super) fn specs(
    time_limit: TimeLimit,
    listing: &Listing,
) -> Result<Option<(Specs, String)>, DiskTimeout> {
    let mut specs = Specs::new();
    let digest = listing.found_files.each_text(time_limit, |file, text| {
        if !text.ends_with('\n') {
            return None;
        }
        let document = yaml::read(file, text);
        specs.push((file, document.fields.filter(|_| document.problems.is_empty())?));
        Some(())
    })?;
    Ok(digest.map(|digest| (specs, digest)))
}
