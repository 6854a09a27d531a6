//! Shows diagnostics to people.

use super::diagnostic::{Diagnostic, Location, Severity};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use std::collections::BTreeSet;

/// Nobody reads more of them at once; what is left out is counted.
const MOST_SHOWN: usize = 200;

/// Shows diagnostics to people: each with its file, line and column, the line itself, and what to do. Of very many, the
/// first of the worst ones are shown.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut worst: Vec<usize> = (0..diagnostics.len()).collect();
    worst.sort_by_key(|at| diagnostics.get(*at).map(|diagnostic| diagnostic.severity));
    let worst: BTreeSet<usize> = worst.into_iter().take(MOST_SHOWN).collect();
    let mut text = String::new();
    for diagnostic in worst.iter().filter_map(|at| diagnostics.get(*at)) {
        let lines: Vec<String> = groups(diagnostic)
            .into_iter()
            .map(|group| renderer.render(&[group]))
            .collect();
        text += &lines.join("\n");
        text += "\n\n";
    }
    if let more @ 1.. = diagnostics.len() - worst.len() {
        text += &format!("… and {more} more: `roomsync validate --format json` tells all of them\n\n");
    }
    text
}

/// Groups that are rendered one after the other. The help of a diagnostic without a place is one of its own, or it would get a
/// stray gutter.
fn groups(diagnostic: &Diagnostic) -> Vec<Group<'_>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
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
