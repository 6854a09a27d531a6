//! What is wrong with the files, for people and for programs.

use super::files::File;
use super::locate;
use super::problem::{At, Complaint, Node, Part, Place, Problem};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The set cannot be used.
    Error,
    /// The set can be used, but something in it is probably not meant.
    Warning,
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
    pub spot: Option<Spot>,
    /// The other place, where there are two, and what it is.
    pub also: Option<(Spot, &'static str)>,
    /// What to do now.
    pub help: Option<String>,
}

/// A file, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file's name as the user wrote it, control characters escaped.
    pub file: String,
    /// `None`: the file as a whole.
    pub position: Option<Position>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line itself; empty where it is too long to be shown.
    pub text: String,
    /// The bytes of `text` that are meant.
    pub span: Range<usize>,
}

impl Diagnostic {
    /// An error that no file's text can be shown for.
    pub(crate) fn without_file(complaint: Complaint) -> Self {
        Self::new(Severity::Error, complaint, None, None)
    }

    fn new(
        severity: Severity,
        complaint: Complaint,
        spot: Option<Spot>,
        also: Option<(Spot, &'static str)>,
    ) -> Self {
        let Complaint { code, message, help } = complaint;
        Self {
            code,
            severity,
            message,
            spot,
            also,
            help,
        }
    }
}

/// Finds the lines and columns of problems. The result is in the order of the files, and of the lines in each.
pub(crate) fn diagnose(files: &[File], problems: Vec<Problem>) -> Vec<Diagnostic> {
    let mut nodes: BTreeMap<usize, BTreeSet<Node>> = BTreeMap::new();
    let places = problems.iter().flat_map(|problem| {
        let Problem { place, also, .. } = problem;
        std::iter::once(place).chain(also.as_ref().map(|(place, _)| place))
    });
    for place in places {
        if let At::Node(node) = &place.at {
            nodes.entry(place.file).or_default().insert(node.clone());
        }
    }
    let found: BTreeMap<usize, BTreeMap<Node, usize>> = nodes
        .into_iter()
        .filter_map(|(file, nodes)| Some((file, locate_all(&files.get(file)?.text, nodes))))
        .collect();
    let byte_of = |place: &Place| match &place.at {
        At::File => None,
        At::Byte(byte) => Some(*byte),
        At::Node(node) => found.get(&place.file)?.get(node).copied(),
    };
    let spot_of = |place: &Place| {
        let file = files.get(place.file)?;
        Some(Spot {
            file: file.name.clone(),
            position: byte_of(place).map(|byte| position(&file.text, byte)),
        })
    };
    let mut problems = problems;
    problems.sort_by_cached_key(|problem| (problem.place.file, byte_of(&problem.place)));
    problems
        .into_iter()
        .map(|problem| {
            let spot = spot_of(&problem.place);
            let also = problem
                .also
                .and_then(|(place, label)| Some((spot_of(&place)?, label)));
            Diagnostic::new(problem.severity, problem.complaint, spot, also)
        })
        .collect()
}

/// Every node's byte; for a node that is not in the document (the first key of an empty map) its parent's.
fn locate_all(text: &str, nodes: BTreeSet<Node>) -> BTreeMap<Node, usize> {
    let mut found = locate::bytes_of(text, nodes.iter().cloned());
    let missing: Vec<(Node, Node)> = nodes
        .into_iter()
        .filter(|node| !found.contains_key(node))
        .filter_map(|node| {
            let (_, steps) = node.steps.split_last()?;
            let parent = Node {
                steps: steps.to_vec(),
                part: Part::Value,
            };
            Some((node, parent))
        })
        .collect();
    let parents = locate::bytes_of(text, missing.iter().map(|(_, parent)| parent.clone()));
    for (node, parent) in missing {
        if let Some(byte) = parents.get(&parent) {
            found.insert(node, *byte);
        }
    }
    found
}

/// The line and column of a byte.
fn position(text: &str, byte: usize) -> Position {
    // Nobody reads a longer line, and one can be as long as the file.
    const LONGEST_LINE: usize = 2_000;
    let byte = text.floor_char_boundary(byte);
    let (before, after) = text.split_at(byte);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = after
        .find(['\n', '\r'])
        .map_or(text.len(), |length| byte + length);
    let line = text.get(start..end).unwrap_or_default();
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    let (text, span) = if line.len() > LONGEST_LINE {
        (String::new(), 0..0)
    } else {
        let from = byte - start;
        (
            line.to_owned(),
            from..from + token(line.get(from..).unwrap_or_default()),
        )
    };
    Position {
        line: before.bytes().filter(|b| *b == b'\n').count() + 1,
        column,
        text,
        span,
    }
}

/// The length of the scalar or sign that a piece of a line begins with.
fn token(rest: &str) -> usize {
    let mut characters = rest.char_indices();
    match characters.next() {
        Some((_, quote @ ('"' | '\''))) => characters
            .find(|(_, c)| *c == quote)
            .map_or(rest.len(), |(at, _)| at + 1),
        Some((_, c @ ('[' | '{' | ',' | ']' | '}' | ':'))) => c.len_utf8(),
        _ => {
            let ends = [": ", " #", ",", "]", "}"];
            let end = ends
                .iter()
                .filter_map(|end| rest.find(end))
                .min()
                .unwrap_or(rest.len());
            let token = rest.get(..end).unwrap_or(rest).trim_end();
            token.strip_suffix(':').unwrap_or(token).len()
        }
    }
}

/// Shows diagnostics to people: each with its file, line and column, the line itself, and what to do.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    diagnostics
        .iter()
        .map(|diagnostic| format!("{}\n\n", renderer.render(&[group(diagnostic)])))
        .collect()
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
    let mut group = Group::with_title(title);
    if let Some(spot) = &diagnostic.spot {
        group = group.element(element(spot, AnnotationKind::Primary, None));
    }
    if let Some((spot, label)) = &diagnostic.also {
        group = group.element(element(spot, AnnotationKind::Context, Some(label)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

fn element<'a>(spot: &'a Spot, kind: AnnotationKind, label: Option<&'a str>) -> Element<'a> {
    match &spot.position {
        None => Origin::path(&spot.file).into(),
        Some(at) if at.text.is_empty() => Origin::path(&spot.file)
            .line(at.line)
            .char_column(at.column)
            .into(),
        Some(at) => Snippet::source(&at.text)
            .path(&spot.file)
            .line_start(at.line)
            .annotation(kind.span(at.span.clone()).label(label))
            .into(),
    }
}
