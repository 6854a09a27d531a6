//! Judges room files without keeping them.

use super::texts::{Specs, Texts, groups_of};
use super::{lints, once, resolve};
use crate::diagnostics::{Diagnostic, Invalid};
use crate::disk::{DiskTimeout, TimeLimit};
use crate::model::Guards;
use crate::source::{self, Listing};
use std::path::{Path, PathBuf};

/// A valid set of room files, as far as it can be told without keeping it.
#[derive(Debug, Clone)]
pub struct Checked {
    /// How many files.
    pub files: usize,
    /// How many rooms.
    pub rooms: usize,
    /// How many groups.
    pub groups: usize,
    /// How many people are to be in a room, each counted once.
    pub people: usize,
    /// As in [`Loaded`](super::Loaded).
    pub warnings: Vec<Diagnostic>,
    /// As in [`Loaded`](super::Loaded).
    pub notes: Vec<Diagnostic>,
}

/// Reads room files, and those in directories, to say what there is to say of them. Parameters as of [`super::load`].
pub fn check(paths: &[PathBuf], settings_file: Option<&Path>, guards: &Guards) -> Result<Checked, Invalid> {
    let time_limit = TimeLimit::default();
    let (checked, _) = source::snapshot(time_limit, paths, settings_file, |listing| {
        Ok(match spotless(time_limit, listing, guards)? {
            Some(checked) => Ok(checked),
            // Lines can only be shown of texts that are kept.
            None => Texts::read(time_limit, listing)?.check(guards),
        })
    })?;
    checked
}

/// Reads one file after the other and keeps the text of none. `None`: there is something to say.
fn spotless(
    time_limit: TimeLimit,
    listing: &Listing,
    guards: &Guards,
) -> Result<Option<Checked>, DiskTimeout> {
    let specs = once::specs(time_limit, listing)?;
    Ok(specs.and_then(|(specs, _)| without_problems(&specs, guards)))
}

fn without_problems(specs: &Specs, guards: &Guards) -> Option<Checked> {
    let mut problems = Vec::new();
    let mut rooms = 0;
    resolve::rooms(specs, guards, true, &mut problems, |_| rooms += 1);
    problems.extend(lints::lints(specs, guards));
    if rooms == 0 || !problems.is_empty() {
        return None;
    }
    Some(Checked {
        files: specs.len(),
        rooms,
        groups: groups_of(specs),
        people: lints::people(specs),
        warnings: Vec::new(),
        notes: Vec::new(),
    })
}
