//! Judges room files without keeping them.

use super::texts::{Specs, Texts, groups_of};
use super::{once, remarks, resolve};
use crate::diagnostics::{Diagnostic, Invalid};
use crate::disk::{Patience, Slow};
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
    let patience = Patience::default();
    let (checked, _) = source::steady(patience, paths, settings_file, |listing| {
        Ok(match spotless(patience, listing, guards)? {
            Some(checked) => Ok(checked),
            // Lines can only be shown of texts that are kept.
            None => Texts::read(patience, listing)?.check(guards),
        })
    })?;
    checked
}

/// Reads one file after the other and keeps the text of none. `None`: there is something to say.
fn spotless(patience: Patience, listing: &Listing, guards: &Guards) -> Result<Option<Checked>, Slow> {
    let specs = once::specs(patience, listing)?;
    Ok(specs.and_then(|(specs, _)| without_problems(&specs, guards)))
}

fn without_problems(specs: &Specs, guards: &Guards) -> Option<Checked> {
    let mut problems = Vec::new();
    let mut rooms = 0;
    resolve::rooms(specs, guards, true, &mut problems, |_| rooms += 1);
    problems.extend(remarks::remarks(specs, guards));
    if rooms == 0 || !problems.is_empty() {
        return None;
    }
    Some(Checked {
        files: specs.len(),
        rooms,
        groups: groups_of(specs),
        people: remarks::people(specs),
        warnings: Vec::new(),
        notes: Vec::new(),
    })
}
