//! Output of `roomsync validate --format json`: one object, for programs.

use super::Found;
use crate::diagnostics::{Diagnostic, Location, Position, Severity};
use serde::Serialize;

/// The version of the shape; a field may be added without a new one.
const VERSION: u32 = 1;

/// All that was found.
#[derive(Serialize)]
pub(super) struct Report<'f> {
    version: u32,
    /// True if the files can be used: there is no error.
    valid: bool,
    summary: Summary,
    /// In the order of the files and of the lines in each, notes after the rest; what no file is at fault for has no place.
    diagnostics: Vec<One<'f>>,
}

/// Numbers. Those of the files' contents are known of a valid set only, and `null` otherwise.
#[derive(Serialize)]
struct Summary {
    files: Option<usize>,
    rooms: Option<usize>,
    groups: Option<usize>,
    /// Everybody who is named, by a group or by themselves, each once.
    people: Option<usize>,
    errors: usize,
    warnings: usize,
    notes: usize,
}

/// One of the things found. What does not apply is `null`.
#[derive(Serialize)]
struct One<'f> {
    /// Stable, in kebab case.
    code: &'static str,
    /// `error`, `warning` or `note`.
    severity: &'static str,
    message: &'f str,
    /// As it was named or found, control characters escaped.
    file: Option<&'f str>,
    /// From 1; `null`: the file as a whole.
    line: Option<usize>,
    /// In characters (Unicode scalar values), from 1.
    column: Option<usize>,
    /// The column after the last character that is meant, in the same line; `null` where that line may hold a secret, or is
    /// too long to be shown.
    end_column: Option<usize>,
    /// Advice.
    help: Option<&'f str>,
    /// The other places that have to do with it.
    also: Vec<Other<'f>>,
}

#[derive(Serialize)]
struct Other<'f> {
    file: &'f str,
    line: Option<usize>,
    column: Option<usize>,
    end_column: Option<usize>,
    /// The finding.
    message: &'f str,
}

impl<'f> Report<'f> {
    pub(super) fn new(found: &'f Found) -> Self {
        let sizes = found.sizes.as_ref();
        Self {
            version: VERSION,
            valid: found.is_valid,
            summary: Summary {
                files: sizes.map(|sizes| sizes.files),
                rooms: sizes.map(|sizes| sizes.rooms),
                groups: sizes.map(|sizes| sizes.groups),
                people: sizes.map(|sizes| sizes.people),
                errors: found.count(Severity::Error),
                warnings: found.count(Severity::Warning),
                notes: found.count(Severity::Note),
            },
            diagnostics: found.diagnostics.iter().map(One::new).collect(),
        }
    }
}

impl<'f> One<'f> {
    fn new(diagnostic: &'f Diagnostic) -> Self {
        let Diagnostic {
            code,
            severity,
            message,
            location,
            also,
            help,
        } = diagnostic;
        let (line, column, end_column) = position(location.as_ref());
        Self {
            code,
            severity: match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            },
            message,
            file: location.as_ref().map(|location| location.file.as_str()),
            line,
            column,
            end_column,
            help: help.as_deref(),
            also: also
                .iter()
                .map(|(location, message)| Other::new(location, message))
                .collect(),
        }
    }
}

impl<'f> Other<'f> {
    fn new(location: &'f Location, message: &'f str) -> Self {
        let (line, column, end_column) = position(Some(location));
        Self {
            file: &location.file,
            line,
            column,
            end_column,
            message,
        }
    }
}

/// Line, column and the column after the end.
fn position(location: Option<&Location>) -> (Option<usize>, Option<usize>, Option<usize>) {
    let position = location.and_then(|location| location.position.as_ref());
    (
        position.map(|at| at.line),
        position.map(|at| at.column),
        position.and_then(Position::end_column),
    )
}
