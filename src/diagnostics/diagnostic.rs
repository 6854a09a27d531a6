//! What is wrong with the files, for people and for programs.

use super::line_index::LineIndex;
use super::node_spans;
use super::problem::{EntryPart, NodePath, Place, Problem, RawDiagnostic, Target};
use crate::secrets;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

/// How bad it is.
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
    /// What kind of thing; stable, in kebab case.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub message: String,
    /// Where; `None` where no file is at fault.
    pub location: Option<Location>,
    /// The other place, where there are two, and what it is.
    pub also: Option<(Location, &'static str)>,
    /// What to do now.
    pub help: Option<String>,
}

/// A file, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file's name as the user wrote it, control characters escaped.
    pub file: String,
    /// `None`: the file as a whole.
    pub position: Option<Position>,
}

impl Location {
    /// A line that holds a secret is not shown.
    fn without_secrets(self) -> Self {
        let hides = |position: &Position| secrets::occur_in(&position.text);
        Self {
            file: shown(self.file),
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
    /// The line as it is in the file; empty where it is too long to be shown, or may hold a secret.
    pub text: String,
    /// The bytes of `text` that are meant.
    pub span: Range<usize>,
}

impl Position {
    /// The column after the last character that is meant; `None` where the line is not shown.
    #[must_use]
    pub fn end_column(&self) -> Option<usize> {
        let meant = self.text.get(self.span.clone())?;
        (!meant.is_empty()).then(|| self.column + meant.chars().count())
    }

    fn without_text(self) -> Self {
        Self {
            text: String::new(),
            span: 0..0,
            ..self
        }
    }
}

impl Diagnostic {
    /// An error that no file's text can be shown for.
    pub(crate) fn without_file(raw: RawDiagnostic) -> Self {
        Self::new(Severity::Error, raw, None, None)
    }

    /// An error about a file as a whole.
    pub(crate) fn of_file(file: String, raw: RawDiagnostic) -> Self {
        let location = Location { file, position: None };
        Self::new(Severity::Error, raw, Some(location), None)
    }

    /// The only way to one: no secret gets through here, in whatever format it is shown later.
    fn new(
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
            message: shown(message),
            location: location.map(Location::without_secrets),
            also: also.map(|(location, label)| (location.without_secrets(), label)),
            help: help.map(shown),
        }
    }
}

/// The text without secrets.
fn shown(text: String) -> String {
    match secrets::redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

/// A text that problems are about.
pub(crate) trait Text {
    /// The name of its file in messages.
    fn name(&self) -> &str;
    /// The text itself.
    fn text(&self) -> &str;
}

/// Finds the lines and columns of problems. The result is in the order of the files, and of the lines in each.
pub(crate) fn diagnose<F: Text>(files: &[F], problems: Vec<Problem>) -> Vec<Diagnostic> {
    let mut nodes: BTreeMap<usize, BTreeSet<NodePath>> = BTreeMap::new();
    for place in problems.iter().flat_map(places_of) {
        if let Target::Node(node) = &place.at {
            nodes.entry(place.file).or_default().insert(node.clone());
        }
    }
    let found: BTreeMap<usize, BTreeMap<NodePath, usize>> = nodes
        .into_iter()
        .filter_map(|(file, nodes)| Some((file, locate_all(files.get(file)?.text(), nodes))))
        .collect();
    let byte_of = |place: &Place| match &place.at {
        Target::File => None,
        Target::Byte(byte) => Some(*byte),
        Target::Node(node) => found.get(&place.file)?.get(node).copied(),
    };
    let lines: BTreeMap<usize, LineIndex<'_>> = problems
        .iter()
        .flat_map(places_of)
        .filter_map(|place| Some((place.file, files.get(place.file)?.text())))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .map(|(file, text)| (file, LineIndex::new(text)))
        .collect();
    let position_of = |place: &Place| Some(lines.get(&place.file)?.position(byte_of(place)?));
    // No problem may show a line that another one hides.
    let secret: BTreeSet<(usize, usize)> = problems
        .iter()
        .filter(|problem| problem.raw.is_secret)
        .filter_map(|problem| Some((problem.place.file, position_of(&problem.place)?.line)))
        .collect();
    let location_of = |place: &Place| {
        let position =
            position_of(place).map(|position| match secret.contains(&(place.file, position.line)) {
                true => position.without_text(),
                false => position,
            });
        Some(Location {
            file: files.get(place.file)?.name().to_owned(),
            position,
        })
    };
    let mut problems = problems;
    problems.sort_by_cached_key(|problem| {
        let Place { file, .. } = problem.place;
        (file, byte_of(&problem.place), problem.raw.code)
    });
    let mut diagnostics: Vec<Diagnostic> = problems
        .into_iter()
        .map(|problem| {
            let location = location_of(&problem.place);
            let also = problem
                .also
                .and_then(|(place, label)| Some((location_of(&place)?, label)));
            Diagnostic::new(problem.severity, problem.raw, location, also)
        })
        .collect();
    // What is wrong with a node is wrong with each alias of it.
    diagnostics.dedup();
    diagnostics
}

fn places_of(problem: &Problem) -> impl Iterator<Item = &Place> {
    let also = problem.also.as_ref().map(|(place, _)| place);
    std::iter::once(&problem.place).chain(also)
}

/// Every node's byte; for a node that is not in the document (the first key of an empty map) its parent's.
fn locate_all(text: &str, nodes: BTreeSet<NodePath>) -> BTreeMap<NodePath, usize> {
    let mut found = node_spans::bytes_of(text, nodes.iter().cloned());
    let missing: Vec<(NodePath, NodePath)> = nodes
        .into_iter()
        .filter(|node| !found.contains_key(node))
        .filter_map(|node| {
            let (_, steps) = node.steps.split_last()?;
            let parent = NodePath {
                steps: steps.to_vec(),
                part: EntryPart::Value,
            };
            Some((node, parent))
        })
        .collect();
    let parents = node_spans::bytes_of(text, missing.iter().map(|(_, parent)| parent.clone()));
    for (node, parent) in missing {
        if let Some(byte) = parents.get(&parent) {
            found.insert(node, *byte);
        }
    }
    found
}
