//! A file's text → its document, with every problem that can be seen.

use super::locate;
use super::problem::{At, Complaint, Place, Problem};
use super::strict::{Cx, Fields, FieldsOf, Kind, Seed, Shape, Shaped};
use serde::de::MapAccess;
use serde_yaml::Deserializer;

/// A document as it was read.
#[derive(Debug)]
pub(crate) struct Document<F> {
    /// `None`: the file holds nothing, or no map.
    pub(crate) fields: Option<F>,
    /// What is wrong with it.
    pub(crate) problems: Vec<Problem>,
    /// Whether the file was read to its end, so that what is not in `fields` is not in the file.
    pub(crate) whole: bool,
}

/// Reads the document of a file.
pub(crate) fn read<F: Fields>(file: usize, text: &str) -> Document<F> {
    let at_byte = |byte| Place {
        file,
        at: At::Byte(byte),
    };
    if let Some((byte, bad)) = text.char_indices().find(|(_, c)| !printable(*c)) {
        let complaint = Complaint::new(
            "control-character",
            format!("a text file cannot hold the character {bad:?}"),
        )
        .help("remove it, or write it as an escape between double quotes");
        return Document {
            fields: None,
            problems: vec![Problem::error(at_byte(byte), complaint)],
            whole: false,
        };
    }
    let mut cx = Cx::new(file, text);
    let result = cx.run(text, |cx| {
        let mut documents = Deserializer::from_str(text);
        // An empty text has a document too, one without a node.
        let Some(first) = documents.next() else {
            return Ok(None);
        };
        let fields = Shaped(Root(FieldsOf::new())).read(cx, first)?;
        if let Some(second) = documents.next() {
            let byte = locate::start_of(second).unwrap_or(0);
            let complaint = Complaint::new("two-documents", "a second YAML document begins here")
                .help("put it into a file of its own, or remove the `---` line");
            cx.problems.push(Problem::error(at_byte(byte), complaint));
        }
        Ok(fields)
    });
    let mut problems = cx.problems;
    let whole = result.is_ok();
    let fields = result.unwrap_or_else(|error| {
        let (byte, complaint) = broken(text, &error, cx.too_many_aliases);
        problems.push(Problem::error(at_byte(byte), complaint));
        None
    });
    Document {
        fields,
        problems,
        whole,
    }
}

/// The document as a whole: a map, or nothing at all.
struct Root<F>(FieldsOf<F>);

impl<'de, F: Fields> Shape<'de> for Root<F> {
    type Value = F;

    fn wants(&self) -> &'static str {
        "a map of keys and values"
    }
    fn map<A: MapAccess<'de>>(&self, cx: &mut Cx, map: A) -> Result<Option<F>, A::Error> {
        self.0.map(cx, map)
    }
    fn other(&self, cx: &mut Cx, kind: Kind) -> Option<F> {
        if kind != Kind::Null {
            cx.wrong_kind(self.wants(), kind);
        }
        None
    }
}

/// What the parser said, in words for people, and the byte it said it of.
fn broken(text: &str, error: &serde_yaml::Error, too_many_aliases: bool) -> (usize, Complaint) {
    let location = error.location();
    let byte = location.as_ref().map_or(0, serde_yaml::Location::index);
    let said = error.to_string();
    if too_many_aliases || said.contains("repetition limit exceeded") {
        let complaint = Complaint::new(
            "too-many-aliases",
            "the aliases (`*…`) of this file come to too much when written out",
        )
        .help("write a list that many rooms share as a group");
        return (byte, complaint);
    }
    let line = text.get(..byte).unwrap_or(text);
    let indent = line.rfind('\n').map_or(0, |end| end + 1);
    let blank = |c: &char| matches!(c, ' ' | '\t');
    if let Some(tab) = text
        .get(indent..)
        .and_then(|line| line.chars().take_while(blank).position(|c| c == '\t'))
    {
        let complaint = Complaint::new(
            "tab",
            "a tab cannot stand in an indentation: YAML takes spaces only",
        )
        .help("replace the tab with spaces");
        return (indent + tab, complaint);
    }
    // The place is shown anyway.
    let said = match location {
        Some(at) => said.replacen(&format!(" at line {} column {}", at.line(), at.column()), "", 1),
        None => said,
    };
    let complaint = Complaint::new("yaml", format!("this is not valid YAML: {said}"));
    (byte, complaint)
}

/// Whether YAML allows the character to stand for itself (YAML 1.1, "Character Set").
fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}
