//! Words of messages: texts of files as they are quoted, and suggestions of what was meant.

use crate::secrets;
use similar::get_close_matches;
use std::collections::BTreeMap;

/// Quotes a text of a file for a message: between backticks, control characters escaped, cut if it is long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    // Before it is cut and escaped: a secret could not be recognised after that.
    let text = &secrets::redact(text);
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    let cut = text.char_indices().nth(MOST).map_or(text.len(), |(at, _)| at);
    let dots = if cut < text.len() { "…" } else { "" };
    format!("`{}{dots}`", text.get(..cut).unwrap_or(text).escape_debug())
}

/// The candidate that the text is probably a misspelling of.
pub(crate) fn closest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    near_misses(text, candidates).into_iter().next()
}

/// The few candidates that the text is probably a misspelling of, the nearest first.
pub(crate) fn near_misses<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    const FEW: usize = 3;
    // Past this length no name of ours is near, and a comparison costs the square of it.
    const LONGEST: usize = 80;
    /// Twice the letters that two names have in common, of all letters of both, from which on they are near.
    const NEAR: f32 = 0.65;
    if text.len() > LONGEST {
        return Vec::new();
    }
    let mut by_lower: BTreeMap<String, &str> = BTreeMap::new();
    for candidate in candidates {
        by_lower.entry(candidate.to_lowercase()).or_insert(candidate);
    }
    let lower: Vec<&str> = by_lower.keys().map(String::as_str).collect();
    let near = get_close_matches(text.to_lowercase().as_str(), &lower, FEW, NEAR);
    near.into_iter()
        .filter_map(|lower| by_lower.get(lower).copied())
        .collect()
}

/// `did you mean …?`, or all that is allowed.
pub(crate) fn suggest(text: &str, candidates: &[&str], what: &str) -> String {
    match closest(text, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("{what}: {}", candidates.join(", ")),
    }
}
