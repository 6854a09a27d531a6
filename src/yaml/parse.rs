//! A file's text → its document, with every problem that can be seen.

use super::causes::find_causes;
use super::conflicts::{Conflicts, conflicts};
use super::lookalikes;
use super::syntax::broken;
use super::{Fields, FieldsOf, ReadContext, Secrecy, Seed, Shaped};
use crate::diagnostics::node_spans;
use crate::diagnostics::{Place, Problem, RawDiagnostic, Target};
use crate::model::Lookalike;
use compact_str::CompactString;
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
    /// The unknown keys of the map that the document is, and their places.
    pub(crate) unknown_keys: Vec<(CompactString, Place)>,
    /// Places on lines that are not shown.
    pub(crate) hidden: Vec<Place>,
}

impl<F> Document<F> {
    /// A document of which nothing can be read.
    pub(crate) fn broken(problems: Vec<Problem>) -> Self {
        Self {
            fields: None,
            problems,
            whole: false,
            unknown_keys: Vec::new(),
            hidden: Vec::new(),
        }
    }
}

/// Brackets open at once. Nobody writes as many, and the parser takes time by the square of them.
const MOST_OPEN_BRACKETS: usize = 1_000;

/// Reads the document of a file.
pub(crate) fn read<F: Fields>(file: usize, text: &str) -> Document<F> {
    let mut document = read_shown(file, text);
    if F::SECRECY > Secrecy::None {
        let is_broken = document.fields.is_none();
        // What the parser stumbles over may be a secret, and where it broke off, nobody knows which lines have one.
        for problem in &mut document.problems {
            problem.raw.is_secret |= is_broken || matches!(problem.place.at, Target::Byte(_));
        }
    }
    document
}

fn read_shown<F: Fields>(file: usize, text: &str) -> Document<F> {
    let at_byte = |byte| Place {
        file,
        at: Target::Byte(byte),
    };
    let left = match conflicts(file, text) {
        Conflicts::Certain(problems) => return Document::broken(problems),
        Conflicts::Doubtful(left) => left,
    };
    if let Err((byte, raw)) = parseable(text) {
        return Document::broken(vec![Problem::error(at_byte(byte), raw)]);
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
    if result.is_err() && cx.of_last_map.end <= problems.len() {
        problems.drain(cx.of_last_map);
    }
    problems.extend(capitals);
    let is_broken = result.is_err();
    let fields = result.unwrap_or_else(|error| {
        let (at, raw) = broken(text, &error, cx.too_many_aliases);
        problems.retain(|problem| !comes_of(problem, text, &at, &raw));
        problems.push(Problem::error(Place { file, at }, raw));
        None
    });
    // What seems to be missing may be there.
    let whole = !find_causes::<F>(text, file, is_broken, left, &mut problems) && !is_broken;
    Document {
        fields,
        problems,
        whole,
        unknown_keys: cx.unknown_keys,
        hidden: cx.hidden,
    }
}

/// True if the problem comes of the syntax error: its value was read on into what stands at the error.
fn comes_of(problem: &Problem, text: &str, at: &Target, error: &RawDiagnostic) -> bool {
    let Target::Byte(byte) = at else { return false };
    let before = text.get(..*byte).unwrap_or_default();
    let word = before.split_whitespace().next_back().unwrap_or_default();
    let RawDiagnostic { code, message, .. } = &problem.raw;
    match error.code {
        "regular-expression" => *code == "wrong-kind",
        "yaml" if !word.is_empty() => {
            message.contains(&format!(" {word}` is not"))
                || (*code == "wrong-kind"
                    && message.ends_with("found a single value")
                    && error.message.contains("`key: value` cannot stand here"))
        }
        _ => false,
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
            let raw = match Lookalike::of(c) {
                Some(lookalike) => lookalikes::error(text, byte, &lookalike, false),
                None => RawDiagnostic::new(
                    "control-character",
                    format!("a text file cannot hold the character {c:?}"),
                )
                .help("remove it, or write it as an escape between double quotes"),
            };
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

/// True if YAML allows the character unescaped (YAML 1.1, "Character Set").
fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}
