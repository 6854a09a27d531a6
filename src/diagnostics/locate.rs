//! Places of problems → lines and columns.

use super::diagnostic::{Diagnostic, Location};
use super::line_index::LineIndex;
use super::node_spans::bytes_of;
use super::problem::{EntryPart, NodePath, Place, Problem, Target};
use std::collections::{BTreeMap, BTreeSet};

/// A text that problems are about.
pub(crate) trait Text {
    /// The name of its file in messages.
    fn name(&self) -> &str;
    /// The text itself.
    fn text(&self) -> &str;
}

/// Finds the lines and columns of problems. The result is in the order of the files, and of the lines in each. No line is shown
/// that has one of the `hidden` places, or a place of a problem with a secret.
pub(crate) fn diagnose<F: Text>(
    files: &[F],
    mut problems: Vec<Problem>,
    hidden: &[Place],
) -> Vec<Diagnostic> {
    let mut targets: BTreeMap<usize, Vec<&Target>> = BTreeMap::new();
    // Without a problem nothing is shown, and nothing need be found.
    let hidden = if problems.is_empty() { &[] } else { hidden };
    for place in problems.iter().flat_map(Problem::places).chain(hidden) {
        targets.entry(place.file).or_default().push(&place.at);
    }
    let mut locators: BTreeMap<usize, Locator<'_>> = targets
        .into_iter()
        .filter_map(|(file, targets)| Some((file, Locator::new(files.get(file)?, &targets))))
        .collect();
    let secret = problems.iter().filter(|problem| problem.raw.is_secret);
    for place in secret.flat_map(Problem::places).chain(hidden) {
        if let Some(locator) = locators.get_mut(&place.file) {
            locator.hide_line(&place.at);
        }
    }
    let location = |place: &Place| Some(locators.get(&place.file)?.location(&place.at));
    problems.sort_by_cached_key(|Problem { place, raw, .. }| {
        let byte = locators.get(&place.file).and_then(|file| file.byte(&place.at));
        (place.file, byte, raw.code)
    });
    let mut diagnostics: Vec<Diagnostic> = problems
        .into_iter()
        .map(|problem| {
            let also = problem.also;
            let also = also.and_then(|(place, label)| Some((location(&place)?, label)));
            Diagnostic::new(problem.severity, problem.raw, location(&problem.place), also)
        })
        .collect();
    // What is wrong with a node is wrong with each alias of it.
    diagnostics.dedup();
    diagnostics
}

/// The places of one file.
struct Locator<'t> {
    name: &'t str,
    lines: LineIndex<'t>,
    nodes: BTreeMap<NodePath, usize>,
    /// Lines that are not shown with any problem, because one of them says that they may hold a secret.
    hidden_lines: BTreeSet<usize>,
}

impl<'t> Locator<'t> {
    fn new(file: &'t impl Text, targets: &[&Target]) -> Self {
        let wanted = targets.iter().filter_map(|target| match target {
            Target::Node(node) => Some(node.clone()),
            Target::File | Target::Byte(_) => None,
        });
        let mut nodes = bytes_of(file.text(), wanted.clone());
        // A node that is not in the document, such as the first key of an empty map, has the place of its parent.
        let orphans: Vec<(NodePath, NodePath)> = wanted
            .filter(|node| !nodes.contains_key(node))
            .filter_map(|node| {
                let (_, steps) = node.steps.split_last()?;
                let (steps, part) = (steps.to_vec(), EntryPart::Value);
                Some((node, NodePath { steps, part }))
            })
            .collect();
        let parents = bytes_of(file.text(), orphans.iter().map(|(_, parent)| parent.clone()));
        let at_parents = orphans
            .into_iter()
            .filter_map(|(node, parent)| Some((node, *parents.get(&parent)?)));
        nodes.extend(at_parents);
        Self {
            name: file.name(),
            lines: LineIndex::new(file.text()),
            nodes,
            hidden_lines: BTreeSet::new(),
        }
    }

    fn byte(&self, target: &Target) -> Option<usize> {
        match target {
            Target::File => None,
            Target::Byte(byte) => Some(*byte),
            Target::Node(node) => self.nodes.get(node).copied(),
        }
    }

    fn hide_line(&mut self, target: &Target) {
        let line = self.byte(target).map(|byte| self.lines.position(byte).line);
        self.hidden_lines.extend(line);
    }

    fn location(&self, target: &Target) -> Location {
        let position = self.byte(target).map(|byte| self.lines.position(byte));
        Location {
            file: self.name.to_owned(),
            position: position.map(|position| match self.hidden_lines.contains(&position.line) {
                true => position.without_text(),
                false => position,
            }),
        }
    }
}
