//! Characters that only look like YAML's own: the parser complains about them lines later, or takes them for a part of a name.

use crate::diagnostics::{RawDiagnostic, shown};
use crate::model::{Lookalike, LookalikeKind};

/// Keys whose values are free texts, in which every character may be meant.
const FREE: [&str; 7] = [
    "name",
    "ca_file",
    "token_file",
    "app_certificate_file",
    "client_secret_file",
    "state_dir",
    "audit_log",
];

/// Such characters outside of comments, quotes and free texts, with their bytes: the first of each on a line.
pub(super) fn lookalikes(text: &str) -> Vec<(usize, Lookalike)> {
    let mut scan = Scan::default();
    if text.is_ascii() {
        return scan.found;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        scan.line(start, line);
        start += line.len();
    }
    scan.found
}

/// The error about such a character; `shows`: the text before it may be shown.
pub(super) fn error(text: &str, byte: usize, lookalike: &Lookalike, shows: bool) -> RawDiagnostic {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let word = line.split_whitespace().next_back().filter(|_| shows);
    let place = match word {
        _ if line.trim().is_empty() => "at the beginning of this line".to_owned(),
        Some(word) if line.ends_with(word) => format!("right after {}", shown(word)),
        _ => "here".to_owned(),
    };
    let message = format!("there is {lookalike} {place}");
    let raw = match lookalike.kind {
        LookalikeKind::Space => RawDiagnostic::new("odd-space", message),
        LookalikeKind::Invisible => RawDiagnostic::new("invisible-character", message),
        LookalikeKind::Wide => RawDiagnostic::new("full-width-character", message),
        LookalikeKind::Typographic => RawDiagnostic::new("typographic-character", message),
    };
    raw.help(lookalike.help())
}

/// State of the scan: what is open at the end of a line.
#[derive(Default)]
struct Scan {
    found: Vec<(usize, Lookalike)>,
    quote: Option<char>,
    brackets: usize,
}

impl Scan {
    fn line(&mut self, start: usize, line: &str) {
        let mut on_line: Vec<char> = Vec::new();
        // A key or a value may begin here; a comment may, too.
        let (mut fresh, mut blank) = (true, true);
        let mut is_free = false;
        let mut word = 0;
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            if let Some(quote) = self.quote {
                let escapes =
                    (quote == '"' && c == '\\') || (quote == '\'' && c == '\'' && next == Some('\''));
                if escapes {
                    chars.next();
                } else if c == quote {
                    self.quote = None;
                }
                continue;
            }
            if c == '#' && blank {
                return;
            }
            blank = c.is_whitespace();
            if fresh && matches!(c, '"' | '\'') {
                self.quote = Some(c);
                fresh = false;
                continue;
            }
            if is_free && !(self.brackets > 0 && matches!(c, ',' | ']' | '}')) {
                fresh &= blank;
                continue;
            }
            let ends = next.is_none_or(char::is_whitespace);
            match c {
                '[' | '{' => (self.brackets, fresh) = (self.brackets + 1, true),
                ']' | '}' => (self.brackets, fresh) = (self.brackets.saturating_sub(1), false),
                ',' if self.brackets > 0 => (fresh, is_free) = (true, false),
                '-' if fresh && ends => {}
                ':' if ends => {
                    let key = line.get(word..at).unwrap_or_default();
                    is_free = FREE.contains(&key.trim()) || names_paths(key, line.get(at + 1..));
                    fresh = true;
                }
                _ => {
                    if let Some(lookalike) = Lookalike::of(c)
                        && !on_line.contains(&c)
                    {
                        on_line.push(c);
                        self.found.push((start + at, lookalike));
                    }
                    if fresh && !blank {
                        (word, fresh) = (at, false);
                    }
                }
            }
        }
    }
}

/// True for `rooms: PATH`, the key of the settings.
fn names_paths(key: &str, value: Option<&str>) -> bool {
    let value = value.unwrap_or_default().trim_start();
    key.trim() == "rooms" && !value.is_empty() && !value.starts_with(['[', '{', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_where_they_are_not_meant() {
        for (text, found) in [
            ("members:\u{a0}[ann]\n", vec![(8, '\u{a0}')]),
            ("a: [b，c，d]\nb：c\n", vec![(5, '，'), (16, '：')]),
            ("\u{3000}a: b\n  – ann\n", vec![(0, '\u{3000}'), (10, '–')]),
            // The plain comma ends the label.
            ("- {name: 大厅：一，二, members: [ann，bob]}\n", vec![(42, '，')]),
            ("a: “b”\n", vec![(3, '“'), (7, '”')]),
        ] {
            let chars: Vec<(usize, char)> = lookalikes(text).iter().map(|(at, one)| (*at, one.c)).collect();
            assert_eq!(chars, found, "{text}");
        }
        for meant in [
            "name: 大厅：一\n",
            "- name: “hall”\n",
            "a: b # 注：c\n# –\n",
            "a: \"b，c\"\nb: 'it''s，c'\n",
            "a: \"b \\\" ，c\n  ，d\"\n",
            "token_file: 秘密：a\nrooms: 房间，一/\n",
            "a: b\n",
        ] {
            assert_eq!(lookalikes(meant), [], "{meant}");
        }
    }
}
