//! Shows diagnostics to people.

use super::diagnostic::{Diagnostic, Location, Severity};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use std::collections::{BTreeMap, BTreeSet};

/// Nobody reads more of them at once; what is left out is counted.
const MOST_SHOWN: usize = 200;

/// Most warnings of one kind that are shown one by one.
const MOST_ALIKE: usize = 3;

/// A diagnostic, and the number of others of its kind that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike<'a> {
    /// The first of them.
    pub first: &'a Diagnostic,
    /// Number of the others.
    pub more: usize,
}

/// Folds warnings of one kind into one where there are many of them. Every error stays, and every note for reviewers.
#[must_use]
pub fn fold(diagnostics: &[Diagnostic]) -> Vec<Alike<'_>> {
    let kind = |one: &Diagnostic| (one.severity, one.code);
    let mut counts: BTreeMap<(Severity, &str), usize> = BTreeMap::new();
    for one in diagnostics {
        *counts.entry(kind(one)).or_default() += 1;
    }
    let mut folded = BTreeSet::new();
    let one_of = |first| {
        let count = counts.get(&kind(first)).copied().unwrap_or_default();
        if first.severity != Severity::Warning || count <= MOST_ALIKE {
            return Some(Alike { first, more: 0 });
        }
        folded.insert(kind(first)).then(|| Alike {
            first,
            more: count - 1,
        })
    };
    diagnostics.iter().filter_map(one_of).collect()
}

/// Shows diagnostics to people: each with its file, line and column, the line itself, and what to do. Many warnings
/// of one kind are one line. Of very many, the first of the worst ones are shown.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let alike = fold(diagnostics);
    let mut worst: Vec<usize> = (0..alike.len()).collect();
    worst.sort_by_key(|at| alike.get(*at).map(|alike| alike.first.severity));
    let worst: BTreeSet<usize> = worst.into_iter().take(MOST_SHOWN).collect();
    let mut text = String::new();
    for one in worst.iter().filter_map(|at| alike.get(*at)) {
        if one.more > 0 {
            text += &renderer.render(&[in_a_line(one)]);
            text += "\n";
            continue;
        }
        let lines: Vec<String> = groups(one.first)
            .into_iter()
            .map(|group| renderer.render(&[group]))
            .collect();
        text += &lines.join("\n");
        text += "\n\n";
    }
    if let more @ 1.. = alike.len() - worst.len() {
        text += &format!("… and {more} more: `roomsync validate --format json` tells all of them\n\n");
    }
    text
}

/// The line for many of one kind.
fn in_a_line<'a>(alike: &Alike<'_>) -> Group<'a> {
    let Alike { first, more } = alike;
    let place = first.location.as_ref().map(|place| format!("first: {place}"));
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    let message = format!(
        "{}{place}, and {more} more; `roomsync validate --format json` lists them",
        first.message
    );
    Group::with_title(level(first.severity).primary_title(message).id(first.code))
}

/// Groups that are rendered one after the other. The help of a diagnostic without a place is one of its own, or it would get a
/// stray gutter.
fn groups(diagnostic: &Diagnostic) -> Vec<Group<'_>> {
    let title = level(diagnostic.severity)
        .primary_title(&diagnostic.message)
        .id(diagnostic.code);
    let mut group = Group::with_title(title);
    if let Some(location) = &diagnostic.location {
        group = group.element(element(location, AnnotationKind::Primary, None));
    }
    if let Some((location, label)) = &diagnostic.also {
        group = group.element(element(location, AnnotationKind::Context, Some(label)));
    }
    match &diagnostic.help {
        None => vec![group],
        Some(help) if diagnostic.location.is_some() => vec![group.element(Level::HELP.message(help))],
        Some(help) => vec![group, Group::with_title(Level::HELP.secondary_title(help))],
    }
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

fn element<'a>(location: &'a Location, kind: AnnotationKind, label: Option<&'a str>) -> Element<'a> {
    match &location.position {
        None => Origin::path(&location.file).into(),
        Some(at) if at.text.is_empty() => Origin::path(&location.file)
            .line(at.line)
            .char_column(at.column)
            .into(),
        Some(at) => Snippet::source(&at.text)
            .path(&location.file)
            .line_start(at.line)
            .annotation(kind.span(at.span.clone()).label(label))
            .into(),
    }
}
