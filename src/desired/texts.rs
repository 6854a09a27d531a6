//! The files as they were read, before anything in them is understood: they can be compared without being parsed.

use super::load::{Loaded, Reading, Retain};
use crate::diagnostics::{Invalid, Problem, RawDiagnostic};
use crate::disk::TimeLimit;
use crate::model::RoomDefaults;
use crate::source::{self, FileSet, SourceFile};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The texts of room files, all read at once.
#[derive(Debug, Clone)]
pub struct Texts {
    files: Arc<[SourceFile]>,
    /// Those of files that could not be read, in the order of the files.
    problems: Vec<Problem>,
    digest: String,
    /// As in [`Source`](super::Source).
    revision: Option<String>,
}

/// Reads room files, and those in directories, and understands nothing of them yet. `settings_file` is never taken for a room file.
#[must_use]
pub fn read(paths: &[PathBuf], settings_file: Option<&Path>) -> Texts {
    let time_limit = TimeLimit::default();
    let set = source::snapshot(time_limit, paths, settings_file, |listing| {
        let mut set = FileSet::default();
        set.digest = listing
            .found_files
            .each(time_limit, |file, problem| set.add(file, problem))?;
        Ok(set)
    });
    Texts::of(set.map_or_else(FileSet::of_error, |(set, _)| set))
}

impl Texts {
    pub(crate) fn of(set: FileSet) -> Self {
        let FileSet {
            files,
            problems,
            digest,
        } = set;
        Self {
            files: files.into(),
            problems,
            digest,
            revision: None,
        }
    }

    /// Finds out which commit the files are of, as [`Loaded::with_revision`] does.
    #[must_use]
    pub fn with_revision(mut self) -> Self {
        if !self.is_whole() {
            return self;
        }
        let paths = self.files.iter().map(|file| file.path.clone()).collect();
        self.revision = source::revision(paths);
        if !source::are_unchanged(&self.files) {
            tracing::debug!("the room files changed while their commit was looked up");
            self.revision = None;
        }
        self
    }

    /// As in [`Source`](super::Source).
    pub(crate) fn revision(&self) -> Option<&String> {
        self.revision.as_ref()
    }

    /// The same texts, known to be of this commit.
    pub(crate) fn of_revision(mut self, revision: Option<String>) -> Self {
        self.revision = revision;
        self
    }

    /// As in [`Source`](super::Source).
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// True if every file could be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// True if this would resolve to the same: the same contents, and the same that could not be read, for the same reasons.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.digest == other.digest && self.unread().eq(other.unread())
    }

    /// Names of the files that could not be read, with the reasons.
    fn unread(&self) -> impl Iterator<Item = (Option<&str>, &RawDiagnostic)> {
        self.problems.iter().map(|problem| {
            let file = self.files.get(problem.place.file);
            (file.map(|file| file.name.as_str()), &problem.raw)
        })
    }

    /// Every file, those that could not be read too.
    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Resolves the files: one bad file makes the set invalid. `defaults` are those of the settings.
    pub fn resolve(&self, defaults: &RoomDefaults) -> Result<Loaded, Invalid> {
        let mut reading = Reading::default();
        let mut problems = self.problems.iter().peekable();
        for (index, file) in self.files.iter().enumerate() {
            match problems.next_if(|problem| problem.place.file == index) {
                None => reading.document(file),
                Some(problem) => reading.unread(file, problem.clone()),
            }
        }
        let (files, digest) = (Arc::clone(&self.files), self.digest.clone());
        let resolved = reading.resolve(defaults, Retain::Provenance, Timestamp::now());
        resolved.loaded(files, digest, self.revision.clone(), Retain::Provenance)
    }
}
