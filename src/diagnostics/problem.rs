//! A problem as the reading code records it: what, and where in the document. [`super::diagnostic`] turns the where
//! into a line and a column.

use super::diagnostic::Severity;
use crate::secrets;

/// A place in one of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's index in the set.
    pub(crate) file: usize,
    /// Where in it.
    pub(crate) at: Target,
}

/// Where in a file.
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
    /// The way down.
    pub(crate) steps: Vec<u32>,
    /// Which half of the last step's entry is meant.
    pub(crate) part: EntryPart,
}

/// The half of a map's entry that is meant; an item of a list is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EntryPart {
    /// What stands before the colon.
    Key,
    /// What stands after it.
    Value,
}

/// What is wrong, without the where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawDiagnostic {
    /// Stable and in kebab case.
    pub(crate) code: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// What to do now.
    pub(crate) help: Option<String>,
    /// Whether the line may hold a secret, and so is not shown.
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

    /// A part of the interface that is not built: refused by name, never taken and ignored.
    pub(crate) fn not_yet(what: &str) -> Self {
        Self::new("not-supported", format!("{what} is not supported yet")).help("leave it out until it is")
    }
}

/// A problem of a file.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    pub(crate) raw: RawDiagnostic,
    pub(crate) place: Place,
    /// The other place, where a problem has two, and what it is.
    pub(crate) also: Option<(Place, &'static str)>,
}

impl Problem {
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

/// A text of a file as it can stand in a message: between backticks, control characters escaped, cut
/// where it is long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    // Before it is cut and escaped: then it could not be told any more.
    let text = &secrets::redact(text);
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    let cut = text.char_indices().nth(MOST).map_or(text.len(), |(at, _)| at);
    let dots = if cut < text.len() { "…" } else { "" };
    format!("`{}{dots}`", text.get(..cut).unwrap_or(text).escape_debug())
}

/// The candidate that was probably meant.
pub(crate) fn closest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Past this length no name of ours is near, and the distance costs the square of it.
    const LONGEST: usize = 80;
    if text.len() > LONGEST {
        return None;
    }
    let text = text.to_lowercase();
    let most = (text.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&text, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or all that is allowed.
pub(crate) fn suggest(text: &str, candidates: &[&str], what: &str) -> String {
    match closest(text, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("{what}: {}", candidates.join(", ")),
    }
}
