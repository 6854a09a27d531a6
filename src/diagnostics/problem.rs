//! A problem as the reading code records it: what, and where in the document. [`super::locate`] turns the place into a line
//! and a column.

use super::diagnostic::{RawDiagnostic, Severity};

/// A place in one of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's index in the set.
    pub(crate) file: usize,
    /// The place in it.
    pub(crate) at: Target,
}

/// The part of a file that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The file as a whole.
    File,
    /// A byte of its text.
    Byte(usize),
    /// A node of the document.
    Node(NodePath),
}

/// A node of a YAML document: the index of the entry or item on each level down from the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodePath {
    /// Those indices.
    pub(crate) steps: Vec<u32>,
    /// The half of the last step's entry.
    pub(crate) part: EntryPart,
}

/// Half of a map's entry. An item of a list is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EntryPart {
    /// Before the colon.
    Key,
    /// After the colon.
    Value,
}

/// A problem of a file.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    pub(crate) raw: RawDiagnostic,
    pub(crate) place: Place,
    /// A related place, and its label.
    pub(crate) also: Option<(Place, &'static str)>,
}

impl Problem {
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.place).chain(self.also.iter().map(|(place, _)| place))
    }

    pub(crate) fn error(place: Place, raw: RawDiagnostic) -> Self {
        Self {
            severity: Severity::Error,
            raw,
            place,
            also: None,
        }
    }

    pub(crate) fn warning(place: Place, raw: RawDiagnostic) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, raw)
        }
    }

    pub(crate) fn note(place: Place, raw: RawDiagnostic) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(place, raw)
        }
    }

    pub(crate) fn also(self, place: Place, label: &'static str) -> Self {
        Self {
            also: Some((place, label)),
            ..self
        }
    }
}
