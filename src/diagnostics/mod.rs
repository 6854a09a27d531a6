//! Problems of files and settings: the place, the problem, and what to do about it.

mod diagnostic;
pub(crate) mod line_index;
mod locate;
pub(crate) mod node_spans;
mod problem;
mod text;
mod wording;

pub(crate) use diagnostic::RawDiagnostic;
pub use diagnostic::{Diagnostic, Location, Position, Severity};
pub(crate) use locate::{Text, diagnose};
pub(crate) use problem::{EntryPart, NodePath, Place, Problem, Target};
pub use text::{Alike, fold, render};
pub(crate) use wording::{closest, near_misses, shown, suggest};

/// Files that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the files are not valid")]
pub struct Invalid {
    /// Errors and warnings in the order of the files, and notes after them. Lints that need a set without errors are not among them.
    pub diagnostics: Vec<Diagnostic>,
}

impl Invalid {
    /// The error of these, if there are any.
    pub(crate) fn unless_empty(diagnostics: Vec<Diagnostic>) -> Result<(), Self> {
        if diagnostics.is_empty() {
            Ok(())
        } else {
            Err(Self { diagnostics })
        }
    }
}
