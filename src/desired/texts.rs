//! The files as they were read, before anything in them is understood: what can be compared without being parsed.

use super::files::{self, File};
use super::origins::Said;
use super::problem::{At, Complaint, Place, Problem};
use super::{
    Desired, Diagnostic, Invalid, Loaded, Origins, Severity, Source, diagnostic, document, resolve, spec,
};
use crate::model::Guards;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The texts of room files, all read at once.
#[derive(Debug, Clone)]
pub struct Texts {
    files: Arc<[File]>,
    /// Those of `files` whose text is what is on the disk.
    good: Vec<usize>,
    /// What is wrong with the others.
    problems: Vec<Problem>,
    digest: String,
    /// As in [`Source`]; `None` also where nobody has asked.
    revision: Option<String>,
}

/// Reads room files, and those in directories, and understands nothing of them yet.
///
/// `settings_file` is never taken for a room file.
#[must_use]
pub fn read(paths: &[PathBuf], settings_file: Option<&Path>) -> Texts {
    Texts::of(files::read_set(paths, settings_file))
}

impl Texts {
    pub(crate) fn of(set: files::Set) -> Self {
        let files::Set {
            files,
            good,
            problems,
            digest,
        } = set;
        Self {
            files: files.into(),
            good,
            problems,
            digest,
            revision: None,
        }
    }

    /// Finds out which commit the files are of, once they have been read. That is not for every reading: git's index is
    /// read, and each tracked file looked at.
    #[must_use]
    pub fn with_revision(mut self) -> Self {
        if !self.is_whole() {
            return self;
        }
        let paths = self.files.iter().map(|file| file.path.clone()).collect();
        self.revision = files::revision(paths);
        if !self.files.iter().all(files::is_as_read) {
            tracing::debug!("the room files changed while their commit was looked up");
            self.revision = None;
        }
        self
    }

    /// As in [`Source`].
    pub(crate) fn revision(&self) -> Option<&String> {
        self.revision.as_ref()
    }

    /// The same texts, known to be of this commit.
    pub(crate) fn of_revision(mut self, revision: Option<String>) -> Self {
        self.revision = revision;
        self
    }

    /// As in [`Source`].
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether every file could be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether this would resolve to the same: the same contents, and the same that could not be read, for the same reasons.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.digest == other.digest && self.unread().eq(other.unread())
    }

    /// What could not be read, and why.
    fn unread(&self) -> impl Iterator<Item = (Option<&str>, &Complaint)> {
        self.problems.iter().map(|problem| {
            let file = self.files.get(problem.place.file);
            (file.map(|file| file.name.as_str()), &problem.complaint)
        })
    }

    /// Every file, those that could not be read too.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Understands the files: one bad file makes the set invalid. `guards` are those of the settings.
    pub fn resolve(&self, guards: &Guards) -> Result<Loaded, Invalid> {
        let mut problems = self.problems.clone();
        let (specs, whole) = self.specs(&mut problems);
        let rooms = resolve::rooms(&specs, guards, whole, &mut problems);
        let mut diagnostics = diagnostic::diagnose(&self.files, problems);
        let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
        if rooms.is_empty() && !diagnostics.iter().any(is_error) {
            let complaint = Complaint::new("no-rooms", "these files name no room at all")
                .help("write a room under `rooms` in one of them");
            diagnostics.push(Diagnostic::without_file(complaint));
        }
        if diagnostics.iter().any(is_error) {
            return Err(Invalid { diagnostics });
        }
        let groups = specs
            .iter()
            .flat_map(|(_, spec)| &spec.groups.value)
            .map(Vec::len)
            .sum();
        let source = Source {
            files: self.files.len(),
            digest: self.digest.clone(),
            revision: self.revision.clone(),
        };
        Ok(Loaded {
            desired: Desired { rooms, source },
            warnings: diagnostics,
            groups,
            origins: Origins::new(Said {
                files: Arc::clone(&self.files),
                specs,
            }),
        })
    }

    /// The documents of the good files, and whether every group is known, so that one which is not does not exist.
    fn specs(&self, problems: &mut Vec<Problem>) -> (Vec<(usize, spec::FileSpec)>, bool) {
        let mut whole = problems.is_empty();
        let mut specs = Vec::new();
        for file in self.good.iter().copied() {
            let Some(source) = self.files.get(file) else {
                continue;
            };
            let document = document::read::<spec::FileSpec>(file, &source.text);
            if !source.text.is_empty() && !source.text.ends_with('\n') {
                let place = Place {
                    file,
                    at: At::Byte(source.text.len()),
                };
                let message = "this file does not end in a newline: it may have been cut short";
                let complaint = Complaint::new("no-final-newline", message)
                    .help("see whether its end is missing, and end the last line with a newline");
                problems.push(Problem::warning(place, complaint));
            }
            whole &= document.whole;
            match document.fields {
                Some(spec) => {
                    whole &= spec.groups.entry.is_none() || spec.groups.value.is_some();
                    specs.push((file, spec));
                }
                None if document.problems.is_empty() => {
                    let place = Place { file, at: At::File };
                    let complaint = Complaint::new("empty-file", "this file names nothing")
                        .help("remove it, or write rooms into it");
                    problems.push(Problem::warning(place, complaint));
                }
                None => whole = false,
            }
            problems.extend(document.problems);
        }
        (specs, whole)
    }
}
