//! The files as they were read, before anything in them is understood: what can be compared without being parsed.

use super::check::Checked;
use super::provenance::FilesRead;
use super::{Desired, DesiredRoom, Loaded, Provenance, Source, lints, resolve, spec};
use crate::diagnostics::{self, Diagnostic, Invalid, Place, Problem, RawDiagnostic, Severity, Target};
use crate::disk::{self, DiskTimeout, Progress, TimeLimit};
use crate::model::Guards;
use crate::source::{self, Listing, SnapshotError, SourceFile};
use crate::yaml;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The texts of room files, all read at once.
#[derive(Debug, Clone)]
pub struct Texts {
    files: Arc<[SourceFile]>,
    /// Those of `files` whose text is what is on the disk.
    good: Vec<usize>,
    /// What is wrong with the others.
    problems: Vec<Problem>,
    digest: String,
    /// As in [`Source`]; `None` also where nobody has asked.
    revision: Option<String>,
}

/// The documents of files, by their indexes.
pub(super) type Specs = Vec<(usize, spec::FileSpec)>;

pub(super) fn groups_of(specs: &Specs) -> usize {
    let groups = specs.iter().flat_map(|(_, spec)| &spec.groups.value);
    groups.map(Vec::len).sum()
}

/// The notes, and the rest.
fn parted(diagnostics: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    diagnostics
        .into_iter()
        .partition(|diagnostic| diagnostic.severity == Severity::Note)
}

/// Reads room files, and those in directories, and understands nothing of them yet.
///
/// `settings_file` is never taken for a room file.
#[must_use]
pub fn read(paths: &[PathBuf], settings_file: Option<&Path>) -> Texts {
    let time_limit = TimeLimit::default();
    let texts = source::snapshot(time_limit, paths, settings_file, |listing| {
        Texts::read(time_limit, listing)
    });
    texts.map_or_else(Texts::of_no_look, |(texts, _)| texts)
}

impl Texts {
    /// Reads the files that were found.
    pub(super) fn read(time_limit: TimeLimit, listing: &Listing) -> Result<Self, DiskTimeout> {
        let found_files = Arc::clone(&listing.found_files);
        let read = move |progress: &Progress| Self::of(found_files.read(progress));
        disk::with_limit(time_limit, Path::new("the room files"), read)
    }

    fn of_no_look(no_look: SnapshotError) -> Self {
        let mut set = source::FileSet::default();
        set.fail(&no_look.path, no_look.raw);
        Self::of(set)
    }

    pub(crate) fn of(set: source::FileSet) -> Self {
        let source::FileSet {
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
        self.revision = source::revision(paths);
        if !source::are_unchanged(&self.files) {
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

    /// Understands the files: one bad file makes the set invalid. `guards` are those of the settings.
    pub fn resolve(&self, guards: &Guards) -> Result<Loaded, Invalid> {
        let mut rooms = Vec::new();
        let (specs, diagnostics) = self.understand(guards, |room| rooms.push(room))?;
        rooms.sort_by(|a, b| a.id.cmp(&b.id));
        let (notes, warnings) = parted(diagnostics);
        let source = Source {
            files: self.files.len(),
            digest: self.digest.clone(),
            revision: self.revision.clone(),
        };
        Ok(Loaded {
            desired: Desired { rooms, source },
            warnings,
            notes,
            groups: groups_of(&specs),
            provenance: Provenance::new(FilesRead {
                files: Arc::clone(&self.files),
                specs,
            }),
        })
    }

    /// Understands the files as [`Self::resolve`] does, and keeps nothing but what there is to say of them.
    pub(super) fn check(&self, guards: &Guards) -> Result<Checked, Invalid> {
        let mut rooms = 0;
        let (specs, diagnostics) = self.understand(guards, |_| rooms += 1)?;
        let (notes, warnings) = parted(diagnostics);
        Ok(Checked {
            files: self.files.len(),
            rooms,
            groups: groups_of(&specs),
            people: lints::people(&specs),
            warnings,
            notes,
        })
    }

    /// What the files say, and what is to be said of them: no error is among it.
    fn understand(
        &self,
        guards: &Guards,
        mut take: impl FnMut(DesiredRoom),
    ) -> Result<(Specs, Vec<Diagnostic>), Invalid> {
        let mut problems = self.problems.clone();
        let (specs, whole) = self.specs(&mut problems);
        let mut any_room = false;
        resolve::rooms(&specs, guards, whole, &mut problems, |room| {
            any_room = true;
            take(room);
        });
        let any_error = problems.iter().any(|problem| problem.severity == Severity::Error);
        if any_room && !any_error {
            problems.extend(lints::lints(&specs, guards));
        }
        let mut diagnostics = diagnostics::diagnose(&self.files, problems);
        if !any_room && !any_error {
            let raw = RawDiagnostic::new("no-rooms", "these files name no room at all")
                .help("write a room under `rooms` in one of them");
            diagnostics.push(Diagnostic::without_file(raw));
        }
        if any_error || !any_room {
            return Err(Invalid { diagnostics });
        }
        Ok((specs, diagnostics))
    }

    /// The documents of the good files, and whether every group is known, so that one which is not does not exist.
    fn specs(&self, problems: &mut Vec<Problem>) -> (Specs, bool) {
        let mut whole = problems.is_empty();
        let mut specs = Vec::new();
        for file in self.good.iter().copied() {
            let Some(source) = self.files.get(file) else {
                continue;
            };
            let document = yaml::read::<spec::FileSpec>(file, &source.text);
            if !source.text.is_empty() && !source.text.ends_with('\n') {
                let place = Place {
                    file,
                    at: Target::Byte(source.text.len()),
                };
                let message = "this file does not end in a newline: it may have been cut short";
                let raw = RawDiagnostic::new("no-final-newline", message)
                    .help("see whether its end is missing, and end the last line with a newline");
                problems.push(Problem::warning(place, raw));
            }
            whole &= document.whole;
            match document.fields {
                Some(spec) => {
                    whole &= spec.groups.entry.is_none() || spec.groups.value.is_some();
                    specs.push((file, spec));
                }
                None if document.problems.is_empty() => {
                    let place = Place {
                        file,
                        at: Target::File,
                    };
                    let raw = RawDiagnostic::new("empty-file", "this file names nothing")
                        .help("remove it, or write rooms into it");
                    problems.push(Problem::warning(place, raw));
                }
                None => whole = false,
            }
            problems.extend(document.problems);
        }
        (specs, whole)
    }
}
