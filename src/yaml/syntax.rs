//! The parser's errors in words for people, each at the place that is at fault.

use crate::diagnostics::{RawDiagnostic, Target};
use crate::model::looks_like_regex;

/// Advice where nothing better is known.
const HELP: &str = "look here and in the lines above for a bracket or a quote that is not closed, and for a wrong indentation";

/// Words for people in place of the parser's: the first that its message contains counts.
const SAID: [(&str, &str, &str); 11] = [
    (
        "could not find expected ':'",
        "this line is neither `key: value` nor an item `- value`",
        "write a colon and a blank after the key, and a dash and a blank before an item",
    ),
    (
        "mapping values are not allowed",
        "`key: value` cannot stand here",
        "indent it as the key above it; put a blank after each colon and each dash in the lines above",
    ),
    (
        "did not find expected ',' or ']'",
        "a list that was opened with `[` is not closed before this",
        "close it with `]`, and put a comma between its items",
    ),
    (
        "did not find expected ',' or '}'",
        "a map that was opened with `{` is not closed before this",
        "close it with `}`, and put a comma between its entries; a text that holds ` #` belongs between quotes",
    ),
    (
        "did not find expected '-' indicator",
        "this line belongs neither to the list above nor to what the list is in",
        "indent it as the lines that it belongs to; an item begins with a dash and a blank",
    ),
    (
        "did not find expected key",
        "this line belongs neither to the map above nor to what the map is in",
        "indent it as the keys that it belongs to",
    ),
    (
        "block sequence entries are not allowed",
        "an item `- value` cannot stand here",
        "begin the list on a line of its own, indented deeper than its key",
    ),
    (
        "found unexpected end of stream",
        "a quote that was opened is not closed before the end of the file",
        "close it on the line where it is opened",
    ),
    (
        "found unknown escape character",
        "this is no escape of YAML: between double quotes a backslash begins one",
        "write the text between single quotes, where a backslash is only a backslash",
    ),
    (
        "unknown anchor",
        "`*` begins an alias, and no anchor `&` of this name stands above",
        "put a pattern that begins with `*` between quotes; a list that rooms share is better a group",
    ),
    (
        "while scanning an alias",
        "`*` begins an alias, and no name follows it",
        "put a pattern that begins with `*` between quotes, as in `\"*\"`",
    ),
];

/// The parser's error in words for people, and its place.
pub(super) fn broken(
    text: &str,
    error: &serde_yaml::Error,
    too_many_aliases: bool,
) -> (Target, RawDiagnostic) {
    let said = error.to_string();
    if too_many_aliases || said.contains("repetition limit exceeded") {
        let message = "the aliases (`*…`) of this file come to too much when written out";
        let raw = RawDiagnostic::new("too-many-aliases", message)
            .help("write a list that many rooms share as a group");
        // It is about all of them, not about the one where it was noticed.
        return (Target::File, raw);
    }
    let Some(location) = error.location() else {
        let raw = RawDiagnostic::new("yaml", format!("this is not valid YAML: {said}")).help(HELP);
        return (Target::File, raw);
    };
    let byte = location.index();
    let line = text
        .get(..byte)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1);
    let line_text = text.get(line..).unwrap_or_default();
    let line_text = line_text.lines().next().unwrap_or_default();
    let indent = line_text.chars().take_while(|c| matches!(c, ' ' | '\t'));
    if let Some(tab) = indent.into_iter().position(|c| c == '\t') {
        let raw = RawDiagnostic::new(
            "tab",
            "a tab cannot stand in an indentation: YAML takes spaces only",
        )
        .help("replace the tab with spaces");
        return (Target::Byte(line + tab), raw);
    }
    // Brackets of its own end a list too soon, or go on where nothing more is expected.
    let is_about_brackets = said.contains("did not find expected");
    if let Some(at) = regex_in(line_text).filter(|_| is_about_brackets) {
        let raw = RawDiagnostic::new(
            "regular-expression",
            "this looks like a regular expression, whose brackets and backslashes mean something else in YAML",
        )
        .help("write a name, or a pattern with `*` for any characters and `?` for one, such as `guest-*`");
        return (Target::Byte(line + at), raw);
    }
    // The place is shown anyway.
    let at = format!(" at line {} column {}", location.line(), location.column());
    let said = said.replacen(&at, "", 1);
    // A key without its colon is noticed on a later line.
    let key = said.split_once("while scanning a simple key at line ");
    let byte = key.and_then(|(_, at)| byte_of(text, at)).unwrap_or(byte);
    let begins = text.get(byte..).and_then(|rest| rest.chars().next());
    let raw = match SAID.iter().find(|(part, _, _)| said.contains(part)) {
        Some((_, message, help)) => {
            RawDiagnostic::new("yaml", format!("this is not valid YAML: {message}")).help(*help)
        }
        None if said.contains("cannot start any token")
            && begins.is_some_and(|c| matches!(c, '@' | '`' | '%')) =>
        {
            let c = begins.unwrap_or_default();
            RawDiagnostic::new(
                "yaml",
                format!("this is not valid YAML: nothing can begin with {c:?}"),
            )
            .help("leave it out, or put the text between quotes")
        }
        None => RawDiagnostic::new("yaml", format!("this is not valid YAML: {said}")).help(HELP),
    };
    (Target::Byte(byte), raw)
}

/// The byte of `LINE column COLUMN`, both from 1, as the parser writes it.
fn byte_of(text: &str, at: &str) -> Option<usize> {
    let (line, column) = at.split_once(" column ")?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let start: usize = text
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let (column, _) = text.get(start..)?.char_indices().nth(column.checked_sub(1)?)?;
    Some(start + column)
}

/// The byte of the first regular expression in a line that is no YAML. Between quotes its brackets are those of a text.
fn regex_in(line: &str) -> Option<usize> {
    let line = without_quoted(line);
    let line = line.split(" #").next().unwrap_or_default();
    let word = line.split([' ', ',', '"', '\'']).find(|word| {
        // The brackets of a list are YAML's own.
        let word = word.trim_end_matches(']');
        looks_like_regex(word.strip_prefix('[').unwrap_or(word))
    })?;
    Some(word.as_ptr().addr() - line.as_ptr().addr())
}

/// The line with blanks in the place of its quoted pieces. A quote inside of a word begins none.
fn without_quoted(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut quote = None;
    let mut before = ' ';
    for c in line.chars() {
        let is_quoted = quote.is_some();
        match quote {
            Some(open) if open == c && before != '\\' => quote = None,
            None if matches!(c, '"' | '\'') && matches!(before, ' ' | '[' | '{' | ',') => quote = Some(c),
            _ => {}
        }
        before = c;
        match is_quoted || quote.is_some() {
            true => plain.extend(std::iter::repeat_n(' ', c.len_utf8())),
            false => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_are_found_in_a_line() {
        for (line, found) in [
            ("ignore: [guest-[0-9]+, bob]", Some("[guest")),
            ("- [a-z]+", Some("[a-z]+")),
            ("ignore: [\"guest\\d+\"]", None),
            ("ignore: ['[0-9]+', \"é\", [a-z]+]", Some("[a-z]+")),
            ("name: it's [0-9]+", Some("[0-9]+")),
            ("- ^[a-z]*$ x", Some("^[a-z]")),
            ("members: [a-b, c", None),
            ("members: [ann, bob]] # a.*b", None),
            ("- @ann", None),
        ] {
            let at = regex_in(line);
            assert_eq!(at.is_some(), found.is_some(), "{line}");
            if let (Some(at), Some(found)) = (at, found) {
                assert!(line[at..].starts_with(found), "{line}");
            }
        }
    }

    #[test]
    fn places_of_the_parser_are_bytes_of_the_text() {
        let text = "a: é\nb: ü c\n";
        assert_eq!(byte_of(text, "2 column 4"), text.find('ü'));
        assert_eq!(byte_of(text, "2 column 6"), text.find('c'));
        assert_eq!(byte_of(text, "9 column 1"), None);
    }
}
