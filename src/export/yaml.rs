//! Texts as YAML has them: what is read back is what was written, by our reader and by any other.

use std::fmt::{self, Write};

/// Most items of a list that stand on one line; of longer ones each has its own, so that a later edit is a line's.
const MOST_ON_A_LINE: usize = 5;
/// Longest line that a list is put on.
const LINE: usize = 100;

/// Words that begin with a letter and that some YAML reader does not read as a text.
const WORDS: [&str; 10] = [
    "false", "inf", "n", "nan", "no", "null", "off", "on", "true", "yes",
];

/// Writes a name: between quotes where a reader could take it for a number, a date or a sign.
pub(super) fn name(text: &str) -> String {
    let letter = text.starts_with(|first: char| first.is_ascii_lowercase());
    if letter && text != "y" && !WORDS.contains(&text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Writes a text between double quotes and on one line. What cannot be seen, or turns the text around, is escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_seen(c) => out.push(c),
            // Writing to a string cannot fail.
            c if u32::from(c) <= 0xffff => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Writes a text of the service for people, cut where it is long.
pub(super) fn told(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => quoted(&format!("{}…", text.get(..at).unwrap_or_default())),
        None => quoted(text),
    }
}

/// True if a character can stand as it is: Rust's own idea of what can be printed, which leaves out controls, formats
/// and all blanks but the plain one.
fn is_seen(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // Behind a letter, because marks that combine with one are escaped only at a text's beginning.
    let text = String::from_iter(['a', c]);
    text.escape_debug().eq(text.chars())
}

/// Writes a key with a list, on one line if it is short.
pub(super) fn write_list(out: &mut String, indent: usize, key: &str, items: &[String]) -> fmt::Result {
    let line = format!("{:indent$}{key}: [{}]", "", items.join(", "));
    if items.len() <= MOST_ON_A_LINE && line.len() <= LINE {
        return writeln!(out, "{line}");
    }
    write_lines(out, indent, key, items)
}

/// Writes a key with a list that has a line for each item.
pub(super) fn write_lines(out: &mut String, indent: usize, key: &str, items: &[String]) -> fmt::Result {
    writeln!(out, "{:indent$}{key}:", "")?;
    items
        .iter()
        .try_for_each(|item| writeln!(out, "{:indent$}  - {item}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_be_something_else_is_quoted() {
        for plain in ["ann", "a1", "x-y.z_", "nobody", "yesterday", "truex", "nan1"] {
            assert_eq!(name(plain), plain);
        }
        for other in [
            "on",
            "y",
            "no",
            "null",
            "true",
            "1e3",
            "0x1f",
            "2024-01-01",
            "-",
            "-a",
            ".5",
            "007",
            "42",
            "_1",
            ".inf",
            "nan",
        ] {
            assert_eq!(name(other), format!("\"{other}\""));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(quoted("a \"b\" \\ é ü 中 '"), "\"a \\\"b\\\" \\\\ é ü 中 '\"");
        assert_eq!(quoted("e\u{301}"), "\"e\u{301}\"");
        assert_eq!(
            quoted("\n\u{7}\u{85}\u{a0}\u{202e}\u{2028}\u{feff}\u{ffff}\u{e0001}"),
            "\"\\u000a\\u0007\\u0085\\u00a0\\u202e\\u2028\\ufeff\\uffff\\U000e0001\""
        );
    }

    #[test]
    fn what_is_told_is_never_long() {
        assert_eq!(told("é"), "\"é\"");
        let long = told(&"é".repeat(100_000));
        assert_eq!((long.chars().count(), long.ends_with("é…\"")), (303, true));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let written = quoted(&text);
            prop_assert!(!written.contains(|c: char| c.is_control()));
            prop_assert_eq!(serde_yaml::from_str::<String>(&written).unwrap(), text);
        }

        /// As a reader takes it that knows nothing of names.
        #[test]
        fn a_name_is_a_text_to_any_reader(text in "[a-z0-9_.-]{1,8}") {
            let value: serde_yaml::Value = serde_yaml::from_str(&format!("[{}]", name(&text))).unwrap();
            prop_assert_eq!(value[0].as_str(), Some(text.as_str()));
        }
    }
}
