//! A file's text → its document, with every problem that can be seen.

use super::{Fields, FieldsOf, ReadContext, Seed, Shaped};
use crate::diagnostics::node_spans;
use crate::diagnostics::{Place, Problem, RawDiagnostic, Target};
use serde_yaml::Deserializer;

/// A document as it was read.
#[derive(Debug)]
pub(crate) struct Document<F> {
    /// `None`: the file holds nothing, or no map.
    pub(crate) fields: Option<F>,
    /// Its problems.
    pub(crate) problems: Vec<Problem>,
    /// True if the file was read to its end, so that `fields` holds all of it.
    pub(crate) whole: bool,
}

/// Brackets open at once. Nobody writes as many, and the parser takes time by the square of them.
const MOST_OPEN_BRACKETS: usize = 1_000;

/// Reads the document of a file.
pub(crate) fn read<F: Fields>(file: usize, text: &str) -> Document<F> {
    let at_byte = |byte| Place {
        file,
        at: Target::Byte(byte),
    };
    if let Err((byte, raw)) = parseable(text) {
        return Document {
            fields: None,
            problems: vec![Problem::error(at_byte(byte), raw)],
            whole: false,
        };
    }
    let mut cx = ReadContext::new(file, text);
    let result = cx.run(text, |cx| {
        let mut documents = Deserializer::from_str(text);
        // An empty text has a document too, one without a node.
        let Some(first) = documents.next() else {
            return Ok(None);
        };
        let fields = Shaped(FieldsOf::root()).read(cx, first)?;
        if let Some(second) = documents.next() {
            let byte = node_spans::start_of(second).unwrap_or(0);
            let raw = RawDiagnostic::new("two-documents", "a second YAML document begins here")
                .help("put it into a file of its own, or remove the `---` line");
            cx.problems.push(Problem::error(at_byte(byte), raw));
        }
        Ok(fields)
    });
    let capitals = cx.capitals();
    let mut problems = cx.problems;
    problems.extend(capitals);
    let whole = result.is_ok();
    let fields = result.unwrap_or_else(|error| {
        let (at, raw) = broken(text, &error, cx.too_many_aliases);
        problems.push(Problem::error(Place { file, at }, raw));
        None
    });
    Document {
        fields,
        problems,
        whole,
    }
}

/// Refuses, with its byte, what the parser cannot say well or fast enough.
fn parseable(text: &str) -> Result<(), (usize, RawDiagnostic)> {
    if is_plain(text.as_bytes()) {
        return Ok(());
    }
    let mut open = 0_usize;
    for (byte, c) in text.char_indices() {
        if !printable(c) {
            let raw = RawDiagnostic::new(
                "control-character",
                format!("a text file cannot hold the character {c:?}"),
            )
            .help("remove it, or write it as an escape between double quotes");
            return Err((byte, raw));
        }
        open = match c {
            '[' | '{' => open + 1,
            ']' | '}' => open.saturating_sub(1),
            _ => open,
        };
        if open > MOST_OPEN_BRACKETS {
            let raw = RawDiagnostic::new(
                "too-deep",
                format!("more than {MOST_OPEN_BRACKETS} brackets are open here"),
            )
            .help("close them: nothing in these files nests deeper than a few");
            return Err((byte, raw));
        }
    }
    Ok(())
}

/// True for nearly every file: only ASCII, and so few brackets that all may be open. Loops over bytes are fast.
fn is_plain(text: &[u8]) -> bool {
    let ascii = |block: &[u8]| {
        let is_good = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        block.iter().fold(true, |good, byte| good & is_good(byte))
    };
    let opens = text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    opens <= MOST_OPEN_BRACKETS && text.chunks(1 << 10).all(ascii)
}

/// The parser's error in words for people, and its place.
fn broken(text: &str, error: &serde_yaml::Error, too_many_aliases: bool) -> (Target, RawDiagnostic) {
    const HELP: &str = "look here and in the lines above for a bracket or a quote that is not closed, and for a wrong indentation";
    let said = error.to_string();
    if too_many_aliases || said.contains("repetition limit exceeded") {
        let message = "the aliases (`*…`) of this file come to too much when written out";
        let raw = RawDiagnostic::new("too-many-aliases", message)
            .help("write a list that many rooms share as a group");
        // It is about all of them, not about the one where it was noticed.
        return (Target::File, raw);
    }
    let Some(location) = error.location() else {
        return (
            Target::File,
            RawDiagnostic::new("yaml", format!("this is not valid YAML: {said}")).help(HELP),
        );
    };
    let byte = location.index();
    let line = text
        .get(..byte)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1);
    let indent = text.get(line..).unwrap_or_default();
    let indent = indent.chars().take_while(|c| matches!(c, ' ' | '\t'));
    if let Some(tab) = indent.into_iter().position(|c| c == '\t') {
        let raw = RawDiagnostic::new(
            "tab",
            "a tab cannot stand in an indentation: YAML takes spaces only",
        )
        .help("replace the tab with spaces");
        return (Target::Byte(line + tab), raw);
    }
    // The place is shown anyway.
    let at = format!(" at line {} column {}", location.line(), location.column());
    let said = said.replacen(&at, "", 1);
    let help = if said.contains("unknown anchor") {
        "name the list before, as `&name [ann, bob]`; a list that rooms share is better a group"
    } else {
        HELP
    };
    let raw = RawDiagnostic::new("yaml", format!("this is not valid YAML: {said}")).help(help);
    (Target::Byte(byte), raw)
}

/// True if YAML allows the character unescaped (YAML 1.1, "Character Set").
fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}
