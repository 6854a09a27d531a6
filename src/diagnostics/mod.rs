//! Problems of files and settings: the place, the problem, and what to do about it.

mod diagnostic;
pub(crate) mod line_index;
pub(crate) mod node_spans;
pub(crate) mod problem;
mod text;

pub use diagnostic::{Diagnostic, Location, Position, Severity};
pub(crate) use diagnostic::{Text, diagnose};
pub use text::render;

/// Files that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the files are not valid")]
pub struct Invalid {
    /// Every error and warning that can be seen, in the order of the files. What only a set without an error can be judged
    /// for is not among them.
    pub diagnostics: Vec<Diagnostic>,
}
