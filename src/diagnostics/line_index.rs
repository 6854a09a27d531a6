//! Bytes of a text → lines and columns.

use super::Position;
use crate::model::is_harmful;

/// Nobody reads a longer line, and one can be as long as the file.
const LONGEST_LINE: usize = 2_000;
/// Bytes of a text that are counted at once, so that no column of a long line is counted from its beginning.
const BLOCK: usize = 1 << 10;

/// A text, and where its lines begin.
pub(crate) struct LineStarts<'t> {
    text: &'t str,
    /// The bytes.
    starts: Vec<usize>,
}

impl<'t> LineStarts<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// The byte at which a line, from 1, begins.
    pub(crate) fn start(&self, line: usize) -> usize {
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte)
    }
}

/// The same, and what each line holds.
pub(crate) struct LineIndex<'t> {
    lines: LineStarts<'t>,
    /// The characters before each block, and all of them: a text may end where a block does.
    characters: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut before = 0;
        let blocks = text.as_bytes().chunks(BLOCK).map(|block| {
            before += count(block);
            before
        });
        let characters = std::iter::once(0).chain(blocks).collect();
        Self {
            lines: LineStarts::new(text),
            characters,
        }
    }

    /// Number of characters before a byte.
    fn characters_before(&self, byte: usize) -> usize {
        let block = byte / BLOCK;
        let rest = self.lines.text.as_bytes().get(block * BLOCK..byte);
        self.characters.get(block).copied().unwrap_or(0) + count(rest.unwrap_or_default())
    }

    /// The line and column of a byte.
    pub(crate) fn position(&self, byte: usize) -> Position {
        let LineStarts { text, starts } = &self.lines;
        let byte = text.floor_char_boundary(byte);
        let line = self.lines.line(byte);
        let start = self.lines.start(line);
        let end = starts.get(line).map_or(text.len(), |next| next - 1);
        let column = self.characters_before(byte) - self.characters_before(start) + 1;
        let shown = text.get(start..end).filter(|line| line.len() <= LONGEST_LINE);
        let (text, span) = match shown.and_then(|line| line.split_at_checked(byte - start)) {
            None => (String::new(), 0..0),
            Some((before, after)) => {
                let after = after.split('\r').next().unwrap_or_default();
                let (meant, rest) = after.split_at_checked(token(after)).unwrap_or((after, ""));
                let [before, meant, rest] = [before, meant, rest].map(visible);
                let span = before.len()..before.len() + meant.len();
                (before + &meant + &rest, span)
            }
        };
        Position {
            line,
            column,
            text,
            span,
        }
    }
}

/// The piece of a line with a sign in the place of each character that would do something to a terminal or show as nothing.
fn visible(piece: &str) -> String {
    let sign = |c: char| match c {
        '\t' => c,
        // Unicode's pictures of control characters.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        c if is_harmful(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    piece.chars().map(sign).collect()
}

/// The characters that begin in these bytes.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !(0x80..0xc0).contains(*byte)).count()
}

/// The length of the scalar or sign that a piece of a line begins with.
fn token(rest: &str) -> usize {
    let mut characters = rest.char_indices();
    match characters.next() {
        Some((_, quote @ ('"' | '\''))) => characters
            .find(|(_, c)| *c == quote)
            .map_or(rest.len(), |(at, _)| at + 1),
        Some((_, c @ ('[' | '{' | ',' | ']' | '}' | ':' | '\t'))) => c.len_utf8(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_may_end_where_a_block_does() {
        for blocks in 1..=2 {
            let text = format!("{}\nab", "a".repeat(blocks * BLOCK - 3));
            let end = LineIndex::new(&text).position(text.len());
            assert_eq!((text.len(), end.line, end.column), (blocks * BLOCK, 2, 3));
        }
    }

    proptest! {
        #[test]
        fn a_column_is_the_characters_before_it_in_its_line(text in "[a\u{e9}\u{1f600}\n]{0,3000}", at in 0_usize..9_000) {
            let byte = text.floor_char_boundary(at.min(text.len()));
            let before = &text[..byte];
            let position = LineIndex::new(&text).position(byte);
            prop_assert_eq!(position.line, before.matches('\n').count() + 1);
            prop_assert_eq!(position.column, before.rsplit('\n').next().unwrap().chars().count() + 1);
        }
    }
}
