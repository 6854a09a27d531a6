//! Causes of problems that the parser notices elsewhere or takes for something else: characters that only look like YAML's own,
//! and a marker that is left of a conflict.

use super::lookalikes::{self, lookalikes};
use super::{Fields, Secrecy};
use crate::diagnostics::line_index::LineStarts;
use crate::diagnostics::node_spans::bytes_of;
use crate::diagnostics::{EntryPart, NodePath, Place, Problem, Severity, Target};
use crate::model::named_char;
use std::collections::{BTreeMap, BTreeSet};

/// Codes of problems about the shape of what stands at a place, whatever it is.
const SHAPES: [&str; 5] = [
    "wrong-kind",
    "no-id",
    "nothing-managed",
    "no-app",
    "two-documents",
];

/// Puts the causes in the place of the errors that come of them. `left` are the markers that are causes if the file is no YAML, which
/// `is_broken` says. True if there are such causes.
///
/// A character is a cause only on a line with an error or right below such a cause, since it may be meant. In a file that is no YAML
/// all of them are reported: the parser may notice each of them lines later.
pub(super) fn find_causes<F: Fields>(
    text: &str,
    file: usize,
    is_broken: bool,
    left: Vec<Problem>,
    problems: &mut Vec<Problem>,
) -> bool {
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    if !problems.iter().any(is_error) {
        return false;
    }
    let mut found = lookalikes(text);
    let left = if is_broken { left } else { Vec::new() };
    if found.is_empty() && left.is_empty() {
        return false;
    }
    let lines = Lines::new(text, problems);
    if !is_broken {
        let with_error = problems.iter().filter(|problem| is_error(problem));
        let with_error: BTreeSet<usize> = with_error
            .flat_map(|problem| lines.of(&problem.place.at))
            .collect();
        // What is no list is read on over the next lines.
        let mut last = None;
        found.retain(|(byte, _)| {
            let line = lines.starts.line(*byte);
            let goes_on = last.is_some_and(|last| line <= last + 1);
            let is_kept = goes_on || with_error.contains(&line);
            if is_kept {
                last = Some(line);
            }
            is_kept
        });
    }
    let mut causes: BTreeMap<usize, Vec<char>> = BTreeMap::new();
    for (byte, lookalike) in &found {
        causes
            .entry(lines.starts.line(*byte))
            .or_default()
            .push(lookalike.c);
    }
    for marker in &left {
        for line in lines.of(&marker.place.at) {
            causes.entry(line).or_default();
        }
    }
    problems.retain(|problem| !comes_of::<F>(problem, &lines, &causes));
    problems.extend(left);
    let is_open = F::SECRECY == Secrecy::None;
    problems.extend(found.iter().map(|(byte, lookalike)| {
        let at = Target::Byte(*byte);
        Problem::error(
            Place { file, at },
            lookalikes::error(text, *byte, lookalike, is_open),
        )
    }));
    !causes.is_empty()
}

/// True if the problem comes of a cause on its line, or, if the parser broke off there, on the line before.
fn comes_of<F: Fields>(problem: &Problem, lines: &Lines<'_>, causes: &BTreeMap<usize, Vec<char>>) -> bool {
    let code = problem.raw.code;
    let message = &problem.raw.message;
    let names = |c: &char| {
        message.contains(*c)
            || message.contains(&c.escape_debug().to_string())
            || message.contains(&named_char(*c))
    };
    let is_shape = SHAPES.contains(&code);
    // Where it may be a secret, an unknown key is not named.
    let is_unnamed = F::SECRECY > Secrecy::None && code == "unknown-key";
    lines.of(&problem.place.at).into_iter().any(|line| {
        if code == "yaml" {
            return causes.contains_key(&line) || causes.contains_key(&lines.above(line));
        }
        let chars = causes.get(&line);
        chars.is_some_and(|chars| is_shape || is_unnamed || chars.iter().any(names))
    })
}

/// The lines of problems, from 1.
struct Lines<'t> {
    text: &'t str,
    starts: LineStarts<'t>,
    nodes: BTreeMap<NodePath, usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str, problems: &[Problem]) -> Self {
        let nodes = problems.iter().flat_map(|problem| halves(&problem.place.at));
        Self {
            text,
            starts: LineStarts::new(text),
            nodes: bytes_of(text, nodes),
        }
    }

    /// The lines of a place: of a key, also that of its value.
    fn of(&self, at: &Target) -> BTreeSet<usize> {
        let byte = match at {
            Target::Byte(byte) => Some(*byte),
            Target::File | Target::Node(_) => None,
        };
        let nodes = halves(at);
        let nodes = nodes.iter().filter_map(|node| self.nodes.get(node).copied());
        byte.into_iter()
            .chain(nodes)
            .map(|byte| self.starts.line(byte))
            .collect()
    }

    /// The line with something on it before this one.
    fn above(&self, line: usize) -> usize {
        let start = self.starts.start(line);
        let before = self.text.get(..start).unwrap_or_default().trim_end();
        self.starts.line(before.len())
    }
}

/// The node, and of a key its value.
fn halves(at: &Target) -> Vec<NodePath> {
    let Target::Node(node) = at else {
        return Vec::new();
    };
    let value = NodePath {
        steps: node.steps.clone(),
        part: EntryPart::Value,
    };
    vec![node.clone(), value]
}
