//! Room files → [`Desired`]: what should be.

pub(crate) mod diagnostic;
pub(crate) mod document;
pub(crate) mod files;
mod groups;
mod locate;
pub(crate) mod names;
pub(crate) mod problem;
mod resolve;
mod spec;
pub(crate) mod strict;

pub use diagnostic::{Diagnostic, Position, Severity, Spot, render};
pub(crate) use spec::GuardsSpec;

use crate::model::{Absent, Glob, Guards, MemberSet, Mode, RoomId, UserId};
use problem::{At, Complaint, Place, Problem};
use std::path::{Path, PathBuf};

/// A valid set of room files.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub desired: Desired,
    /// What in it is probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// How many groups the files hold.
    pub groups: usize,
}

/// Files that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the files are not valid")]
pub struct Invalid {
    /// Every error and warning that can be seen, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads room files, and those in directories, all at once: one bad file makes the set invalid.
///
/// `settings_file` is never taken for a room file; `guards` are those of the settings.
pub fn load(paths: &[PathBuf], settings_file: Option<&Path>, guards: &Guards) -> Result<Loaded, Invalid> {
    let files::Set {
        files,
        good,
        mut problems,
        digest,
    } = files::read_set(paths, settings_file);
    // Whether every group is known, so that one which is not does not exist.
    let mut whole = problems.is_empty();
    let mut specs = Vec::new();
    for file in good {
        let Some(source) = files.get(file) else { continue };
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
    let rooms = resolve::rooms(&specs, guards, whole, &mut problems);
    let mut diagnostics = diagnostic::diagnose(&files, problems);
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
        files: files.len(),
        digest,
        revision: None,
    };
    Ok(Loaded {
        desired: Desired { rooms, source },
        warnings: diagnostics,
        groups,
    })
}

/// What a valid set of room files says, with groups, defaults and guards filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// By id, each once.
    pub rooms: Vec<DesiredRoom>,
    /// Where this comes from.
    pub source: Source,
}

/// The files that a [`Desired`] was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How many files.
    pub files: usize,
    /// `sha256:` and the hex digest of every file's name (relative, `/` between) and content, in the names' order.
    pub digest: String,
    /// The commit the files are of, where that is known.
    pub revision: Option<String>,
}

/// What one room should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoom {
    /// The service's id.
    pub id: RoomId,
    /// A label for people; never sent.
    pub name: Option<String>,
    /// Who must own the room; never made so.
    pub owner: Option<UserId>,
    /// Who should be an admin; `None`: not managed.
    pub admins: Option<MemberSet>,
    /// Who should be a member beside the wanted admins; `None`: not managed.
    pub members: Option<MemberSet>,
    /// Which of the two keys may come to nobody.
    pub allow_empty: AllowEmpty,
    /// Who is invisible.
    pub ignore: Vec<Glob>,
    /// How far to go.
    pub mode: Mode,
    /// What to do with a wanted member who is not there.
    pub absent: Absent,
    /// The room's own guards over the settings'.
    pub guards: Guards,
}

/// Which of a room's keys may come to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllowEmpty {
    /// `admins`
    pub admins: bool,
    /// `members`
    pub members: bool,
}
