//! Diagnostics of files and settings, for people and for programs. None holds a secret.

use crate::model::printable;
use crate::secrets;
use std::fmt;
use std::ops::Range;

/// Severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The set cannot be used.
    Error,
    /// The set can be used, but something in it is probably not meant.
    Warning,
    /// Nothing is wrong, but whoever reviews the files should know.
    Note,
}

/// A thing that is wrong with the files or the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable name of the problem in kebab case.
    pub code: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// Its message.
    pub message: String,
    /// The place in a file. `None` if no file is at fault.
    pub location: Option<Location>,
    /// A related place, and its label.
    pub also: Option<(Location, &'static str)>,
    /// Advice on how to solve it.
    pub help: Option<String>,
}

/// A file, and a position in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Name of the file as the user wrote it, control characters escaped.
    pub file: String,
    /// `None`: the file as a whole.
    pub position: Option<Position>,
}

impl Location {
    /// Hides a line that holds a secret.
    fn without_secrets(self) -> Self {
        let hides = |position: &Position| secrets::occur_in(&position.text);
        Self {
            file: cleaned(&self.file),
            position: match self.position {
                Some(position) if hides(&position) => Some(position.without_text()),
                other => other,
            },
        }
    }
}

/// `file:line:column`, or the file.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position } = self;
        f.write_str(file)?;
        match position {
            None => Ok(()),
            Some(Position { line, column, .. }) => write!(f, ":{line}:{column}"),
        }
    }
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line, with a sign in the place of each character that would do something to a terminal. Empty if it is too long to be shown,
    /// or may hold a secret.
    pub text: String,
    /// The bytes of `text` that the diagnostic is about.
    pub span: Range<usize>,
}

impl Position {
    /// The column after the last character of the span. `None` if the line is not shown.
    #[must_use]
    pub fn end_column(&self) -> Option<usize> {
        let meant = self.text.get(self.span.clone())?;
        (!meant.is_empty()).then(|| self.column + meant.chars().count())
    }

    pub(super) fn without_text(self) -> Self {
        Self {
            text: String::new(),
            span: 0..0,
            ..self
        }
    }
}

impl Diagnostic {
    /// An error without a place in a file.
    pub(crate) fn without_file(raw: RawDiagnostic) -> Self {
        Self::new(Severity::Error, raw, None, None)
    }

    /// A warning without a place in a file.
    pub(crate) fn warning_without_file(raw: RawDiagnostic) -> Self {
        Self::new(Severity::Warning, raw, None, None)
    }

    /// An error about a file as a whole.
    pub(crate) fn of_file(file: String, raw: RawDiagnostic) -> Self {
        let location = Location { file, position: None };
        Self::new(Severity::Error, raw, Some(location), None)
    }

    /// A note about a file as a whole.
    pub(crate) fn note_of_file(file: String, raw: RawDiagnostic) -> Self {
        let location = Location { file, position: None };
        Self::new(Severity::Note, raw, Some(location), None)
    }

    /// The only constructor, so that no diagnostic holds a secret or harms a terminal, whatever its format.
    pub(super) fn new(
        severity: Severity,
        raw: RawDiagnostic,
        location: Option<Location>,
        also: Option<(Location, &'static str)>,
    ) -> Self {
        let RawDiagnostic {
            code,
            message,
            help,
            is_secret: _,
        } = raw;
        Self {
            code,
            severity,
            message: cleaned(&message),
            location: location.map(Location::without_secrets),
            also: also.map(|(location, label)| (location.without_secrets(), label)),
            help: help.as_deref().map(cleaned),
        }
    }
}

/// A diagnostic without its severity and place, as the reading code makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawDiagnostic {
    /// Stable name of the problem in kebab case.
    pub(crate) code: &'static str,
    /// Its message.
    pub(crate) message: String,
    /// Advice on how to solve it.
    pub(crate) help: Option<String>,
    /// True if the line may hold a secret, and so is not shown.
    pub(crate) is_secret: bool,
}

impl RawDiagnostic {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            is_secret: false,
        }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Keeps the line from being shown.
    pub(crate) fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }

    /// Refuses by name a key that is not built yet.
    pub(crate) fn not_yet(key: &str) -> Self {
        Self::new("not-supported", format!("`{key}` is not supported yet")).help("leave it out until it is")
    }
}

/// The text without secrets, and without what would move a cursor or turn the text around: it may quote any file.
fn cleaned(text: &str) -> String {
    printable(&secrets::redact(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_diagnostic_quotes_harms_no_terminal(text in "(\\PC|\\pC|[a-z\n]){0,40}") {
            let raw = RawDiagnostic::new("bad-value", text.clone()).help(text.clone());
            let shown = Diagnostic::of_file("a.yaml".to_owned(), raw);
            for shown in [Some(shown.message), shown.help].into_iter().flatten() {
                prop_assert_eq!(printable(&shown), shown.as_str());
            }
        }
    }
}
