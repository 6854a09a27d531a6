//! Room files → [`Loaded`], in one pass over them.

use super::forecast::FleetDepartures;
use super::group_index::GroupIndex;
use super::groups::ResolvedGroups;
use super::place::Specs;
use super::provenance::Provenance;
use super::resolve::Rooms;
use super::room::{Desired, DesiredRoom, Source};
use super::spec::FileSpec;
use super::totals::Totals;
use super::version::judge_version;
use super::{lints, resolve};
use crate::diagnostics::{Diagnostic, Invalid, Place, Problem, RawDiagnostic, Severity, Target, diagnose};
use crate::disk::{DiskTimeout, TimeLimit};
use crate::model::RoomDefaults;
use crate::source::{self, Listing, SnapshotError, SourceFile};
use crate::yaml;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The parts of the files that [`load`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// Totals: the rooms are resolved, and dropped.
    Totals,
    /// The rooms.
    Rooms,
    /// The rooms, the texts, and the place of everything in them.
    Provenance,
}

/// A valid set of room files.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The rooms, unless only [`Retain::Totals`] was asked for.
    pub desired: Desired,
    /// Things that are probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// Things that are as they may be, but that a reviewer should know.
    pub notes: Vec<Diagnostic>,
    /// Number of rooms.
    pub rooms: usize,
    /// Number of groups.
    pub groups: usize,
    /// Number of people who are to be in a room, each counted once; not for [`Retain::Rooms`].
    pub people: Option<usize>,
    /// Departures from all rooms, where places end.
    pub departures: FleetDepartures,
    /// Place of everything that the files say; empty unless it was asked for.
    pub provenance: Provenance,
    listing: Arc<Listing>,
}

impl From<SnapshotError> for Invalid {
    fn from(error: SnapshotError) -> Self {
        let diagnostic = Diagnostic::of_file(source::name_of(&error.path), error.raw);
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

/// Reads room files, and those in directories, all at once: one bad file makes the set invalid.
///
/// `settings_file` is never taken for a room file; `defaults` are those of the settings.
pub fn load(
    paths: &[PathBuf],
    settings_file: Option<&Path>,
    defaults: &RoomDefaults,
    retain: Retain,
) -> Result<Loaded, Invalid> {
    let time_limit = TimeLimit::default();
    let (loaded, listing) = source::snapshot(time_limit, paths, settings_file, |listing| {
        read(time_limit, listing, defaults, retain)
    })?;
    let not_read = listing.not_read.iter().map(|path| not_read(path));
    match loaded {
        Ok(mut loaded) => {
            loaded.notes.extend(not_read);
            Ok(Loaded {
                listing: Arc::new(listing),
                ..loaded
            })
        }
        // What is missing may be in one of them.
        Err(mut invalid) => {
            invalid.diagnostics.extend(not_read);
            Err(invalid)
        }
    }
}

/// The note about a file whose name is nearly that of a room file.
fn not_read(path: &Path) -> Diagnostic {
    let raw = RawDiagnostic::new(
        "not-read",
        "this file is not read: its name does not end in .yaml or .yml, in lower case",
    )
    .help("rename it if its rooms are meant; otherwise remove it, or keep it elsewhere");
    Diagnostic::note_of_file(source::name_of(path), raw)
}

fn read(
    time_limit: TimeLimit,
    listing: &Listing,
    defaults: &RoomDefaults,
    retain: Retain,
) -> Result<Result<Loaded, Invalid>, DiskTimeout> {
    let found_files = &listing.found_files;
    let mut reading = Reading::default();
    let mut files = Vec::new();
    let digest = found_files.each(time_limit, |file, problem| {
        match problem {
            None => reading.document(&file),
            Some(problem) => reading.unread(&file, problem),
        }
        if retain == Retain::Provenance {
            files.push(file);
        }
    })?;
    let resolved = reading.resolve(defaults, retain, Timestamp::now());
    if files.is_empty() && !resolved.problems.is_empty() {
        // Lines can only be shown of texts; only of few sets must they be read again.
        let shown = resolved.files_with_problems();
        found_files.each(time_limit, |mut file, _| {
            if !shown.contains(&files.len()) {
                file.text = String::new();
            }
            files.push(file);
        })?;
    }
    Ok(resolved.loaded(files.into(), digest, None, retain))
}

impl Loaded {
    /// Time of the last change of one of the files, in content or not.
    #[must_use]
    pub fn changed(&self) -> Option<SystemTime> {
        self.listing.fingerprint.newest()
    }

    /// Path of every file.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.listing.found_files.paths()
    }

    /// Finds out which commit the files are of. That is not for every reading: git's index is read, and each tracked file is
    /// checked.
    #[must_use]
    pub fn with_revision(mut self) -> Self {
        let found_files = &self.listing.found_files;
        let source = &mut self.desired.source;
        source.revision = source::revision(found_files.paths().map(Path::to_owned).collect());
        if source.revision.is_some() {
            let now = found_files.each(TimeLimit::default(), |_, _| ());
            if now.ok().as_ref() != Some(&source.digest) {
                tracing::debug!("the room files changed while their commit was looked up");
                source.revision = None;
            }
        }
        self
    }
}

/// Codes of warnings about files that a daemon does not take.
pub const UNFINISHED: [&str; 2] = ["no-final-newline", "empty-file"];

/// Puts one error in the place of those that come of it that the file is something else than a room file, at the key that shows it.
fn judge_kind(document: &mut yaml::Document<FileSpec>) {
    let rooms = document.fields.as_ref().map(|fields| &fields.rooms.value);
    if rooms.is_none_or(|rooms| rooms.iter().flatten().any(Option::is_some)) {
        return;
    }
    let at_first = |keys: &[&str]| {
        let mut unknown = document.unknown_keys.iter();
        unknown.find(|(key, _)| keys.contains(&key.as_str()))
    };
    if let Some((_, place)) = at_first(&["service"]) {
        let message = "this looks like a settings file, not like a room file";
        let raw = RawDiagnostic::new("settings-file", message).help(
            "keep it outside of what `rooms` names, or name it with --config if its settings are meant",
        );
        document.problems = vec![Problem::error(place.clone(), raw)];
    } else if let Some((_, place)) = at_first(&["id", "admins", "members"]) {
        let message = "a room stands here by itself, and not in the list `rooms`";
        let raw = RawDiagnostic::new("room-outside-rooms", message)
            .help("begin the file with a line `rooms:`, put `  - ` before the room's first key, and indent the others alike");
        let error = Problem::error(place.clone(), raw);
        let is_key = |problem: &Problem| {
            document
                .unknown_keys
                .iter()
                .any(|(_, place)| *place == problem.place)
        };
        document.problems.retain(|problem| !is_key(problem));
        document.problems.push(error);
    }
}

/// The error about a file of another name that cannot be read as a room file. It may be any file, even one with secrets.
fn foreign_file() -> RawDiagnostic {
    let message = "this is no valid room file, and its name is not that of one: nothing of it is shown";
    RawDiagnostic::new("foreign-file", message)
        .help("check the path; if rooms are in it, rename it so that it ends in .yaml")
}

/// Room files, as one after the other is read.
#[derive(Default)]
pub(super) struct Reading {
    files: usize,
    specs: Specs,
    problems: Vec<Problem>,
    /// True if a group that is not known may be in a part that could not be read.
    partial: bool,
}

impl Reading {
    /// Adds a file that could not be read.
    pub(super) fn unread(&mut self, source: &SourceFile, mut problem: Problem) {
        self.files += 1;
        self.partial = true;
        problem.raw.is_secret |= !source::has_room_file_name(&source.path);
        self.problems.push(problem);
    }

    /// Adds a file's document.
    pub(super) fn document(&mut self, source: &SourceFile) {
        let file = self.files;
        let mut document = yaml::read::<FileSpec>(file, &source.text);
        let is_error = |problem: &Problem| problem.severity == Severity::Error;
        if !source::has_room_file_name(&source.path) && document.problems.iter().any(is_error) {
            let at = Target::File;
            return self.unread(source, Problem::error(Place { file, at }, foreign_file()));
        }
        self.files += 1;
        let text = source.text.as_str();
        let mut warn = |at, raw| self.problems.push(Problem::warning(Place { file, at }, raw));
        if !text.is_empty() && !text.ends_with('\n') {
            let message = "this file does not end in a newline: the daemon takes it for one that is still being written";
            let raw = RawDiagnostic::new("no-final-newline", message)
                .help("see whether its end is missing, and end the last line with a newline");
            warn(Target::Byte(text.len()), raw);
        }
        judge_version(file, &mut document, |spec| &spec.version);
        judge_kind(&mut document);
        let problems = document.problems;
        self.partial |= !document.whole;
        match document.fields {
            Some(spec) => {
                self.partial |= spec.groups.entry.is_some() && spec.groups.value.is_none();
                self.specs.push((file, spec));
            }
            None if text.is_empty() => {
                let message = "this file is empty: the daemon takes it for one that is still being written";
                let raw = RawDiagnostic::new("empty-file", message).help("write rooms into it, or remove it");
                warn(Target::File, raw);
            }
            None if problems.is_empty() => {
                let raw = RawDiagnostic::new("names-nothing", "this file names nothing")
                    .help("write rooms into it, or remove it");
                warn(Target::File, raw);
            }
            None => self.partial = true,
        }
        self.problems.extend(problems);
    }

    /// Resolves the documents together. What is over or near at `now` is only told of: nobody's place ends here.
    pub(super) fn resolve(self, defaults: &RoomDefaults, retain: Retain, now: Timestamp) -> Resolved {
        let Self {
            files,
            mut specs,
            mut problems,
            partial,
        } = self;
        let groups = GroupIndex::new(&specs, &mut problems);
        let lints = lints::lints(&specs, &groups, &defaults.guards);
        let mut rooms = Vec::new();
        let mut totals = Totals::new(&specs, retain != Retain::Rooms, now);
        let of_files = specs.iter_mut().map(|(_, spec)| std::mem::take(&mut spec.rooms));
        let mut of_files: Rooms = of_files.collect();
        let people_of_groups = ResolvedGroups::new(&groups, &specs, !partial, now, &mut problems);
        let keep = retain != Retain::Rooms;
        resolve::rooms(
            (&specs, &mut of_files),
            &people_of_groups,
            defaults,
            keep,
            &mut problems,
            |room| {
                totals.count(&room);
                if retain != Retain::Totals {
                    rooms.push(room);
                }
            },
        );
        let until_lints = people_of_groups.into_until_lints();
        if keep {
            for ((_, spec), rooms) in specs.iter_mut().zip(of_files) {
                spec.rooms = rooms;
            }
        }
        rooms.sort_by(|a: &DesiredRoom, b| a.id.cmp(&b.id));
        let any_error = problems.iter().any(|problem| problem.severity == Severity::Error);
        if totals.rooms > 0 && !any_error {
            problems.extend(lints.into_iter().chain(until_lints));
        }
        Resolved {
            files,
            specs,
            groups,
            rooms,
            totals,
            any_error,
            problems,
        }
    }
}

/// Resolved room files, and all that there is to say of them.
pub(super) struct Resolved {
    files: usize,
    specs: Specs,
    groups: GroupIndex,
    /// By id.
    rooms: Vec<DesiredRoom>,
    totals: Totals,
    any_error: bool,
    problems: Vec<Problem>,
}

impl Resolved {
    fn files_with_problems(&self) -> BTreeSet<usize> {
        let problems = self.problems.iter();
        let places = problems.flat_map(|problem| {
            let also = problem.also.as_ref().map(|(place, _)| place.file);
            [Some(problem.place.file), also]
        });
        places.flatten().collect()
    }

    /// The set, if it is valid. `files` are those that were read, with the texts of all that have problems.
    pub(super) fn loaded(
        self,
        files: Arc<[SourceFile]>,
        digest: String,
        revision: Option<String>,
        retain: Retain,
    ) -> Result<Loaded, Invalid> {
        let mut diagnostics = diagnose(&files, self.problems, &[]);
        if self.totals.rooms == 0 && !self.any_error {
            let raw = RawDiagnostic::new("no-rooms", "these files name no room at all")
                .help("write a room under `rooms` in one of them");
            diagnostics.push(Diagnostic::without_file(raw));
        }
        if self.totals.rooms == 0 || self.any_error {
            return Err(Invalid { diagnostics });
        }
        let is_note = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Note;
        let (notes, warnings) = diagnostics.into_iter().partition(is_note);
        let source = Source {
            files: self.files,
            digest,
            revision,
        };
        Ok(Loaded {
            desired: Desired {
                rooms: self.rooms,
                source,
            },
            warnings,
            notes,
            rooms: self.totals.rooms,
            groups: self.groups.groups().len(),
            people: (retain != Retain::Rooms).then(|| self.totals.people(&self.specs, &self.groups)),
            departures: self.totals.departures,
            provenance: match retain {
                Retain::Provenance => Provenance::new(files, self.specs, self.groups),
                Retain::Totals | Retain::Rooms => Provenance::default(),
            },
            listing: Arc::default(),
        })
    }
}
