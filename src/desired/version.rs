//! `version`, which room files and settings may have.

use super::names::bad_value;
use crate::diagnostics::{EntryPart, NodePath, Place, Problem, RawDiagnostic, Target};
use crate::yaml::{Document, Field};

/// Kind of the values of `version`.
pub(crate) const VERSION: &str = "a version";
/// The only version that is read.
const OURS: u32 = 1;

/// Reads a version, which may be one of the future.
pub(crate) fn version(text: &str) -> Result<u32, RawDiagnostic> {
    let number = text.parse().ok().filter(|number: &u32| *number > 0);
    // Neither `01` nor `+1`.
    let number = number.filter(|number| number.to_string() == text);
    number.ok_or_else(|| bad_value(text, VERSION, format!("write `version: {OURS}`, or leave it out")))
}

/// Leaves one error of a document that was written for another roomsync: what else seems wrong with it comes of that.
pub(crate) fn judge_version<F>(file: usize, document: &mut Document<F>, version: fn(&F) -> &Field<u32>) {
    let Some(Field {
        entry: Some(entry),
        value: Some(number),
    }) = document.fields.as_ref().map(version)
    else {
        return;
    };
    if *number == OURS {
        return;
    }
    let own = env!("CARGO_PKG_VERSION");
    let message = format!("version {number} needs a newer roomsync: this one, {own}, reads version {OURS}");
    let help = format!(
        "install a roomsync that reads version {number}; if the file was written for this one, write `version: {OURS}`"
    );
    let at = Target::Node(NodePath {
        steps: vec![*entry],
        part: EntryPart::Value,
    });
    let raw = RawDiagnostic::new("newer-version", message).help(help);
    *document = Document::broken(vec![Problem::error(Place { file, at }, raw)]);
}
