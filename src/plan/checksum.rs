//! The id of a plan: a checksum over its canonical JSON.

use super::live_digest::sha256_text;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::fmt::Write as _;

/// The version of the document's shape.
pub(crate) const VERSION: u32 = 1;

/// Pattern of a written digest.
pub(crate) const DIGEST: &str = "^sha256:[0-9a-f]{64}$";

/// The id of a plan's JSON.
pub(super) fn checksum(document: &Value) -> String {
    let rooms = document.get("rooms").and_then(Value::as_array);
    let as_it_is = |room, out: &mut Canonical| {
        canonical(room, out);
        Ok(())
    };
    let id: Result<String, Infallible> = checksum_with(document, rooms.into_iter().flatten(), as_it_is);
    let Ok(id) = id;
    id
}

/// JSON with its keys sorted and no white space, on its way into its digest.
#[derive(Default)]
pub(crate) struct Canonical {
    pub(crate) text: String,
    hash: Sha256,
}

impl Canonical {
    /// Lets go of the text so far.
    pub(crate) fn flush(&mut self) {
        self.hash.update(&self.text);
        self.text.clear();
    }
}

/// The id of a plan's JSON with these for its rooms, of which one at a time is written.
pub(crate) fn checksum_with<R, E>(
    head: &Value,
    mut rooms: impl Iterator<Item = R>,
    write_room: impl Fn(R, &mut Canonical) -> Result<(), E>,
) -> Result<String, E> {
    let fields = head.as_object().into_iter().flatten();
    let mut fields: Vec<_> = fields
        .filter(|(key, _)| !["id", "created"].contains(&key.as_str()))
        .collect();
    fields.sort_by_key(|(key, _)| *key);
    let mut out = Canonical::default();
    out.text.push('{');
    for (index, (key, field)) in fields.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(out.text, "{comma}{}:", Value::from(key.as_str()));
        if key == "rooms" && field.is_array() {
            let mut before = "[";
            for room in rooms.by_ref() {
                out.text.push_str(before);
                write_room(room, &mut out)?;
                out.flush();
                before = ",";
            }
            out.text.push_str(if before == "[" { "[]" } else { "]" });
        } else {
            canonical(field, &mut out);
        }
    }
    out.text.push('}');
    out.flush();
    Ok(sha256_text(out.hash))
}

/// Writes JSON with its keys sorted and no white space, however the library keeps its maps.
pub(crate) fn canonical(value: &Value, out: &mut Canonical) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            out.text.push('{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let _ = write!(out.text, "{comma}{}:", Value::from(key.as_str()));
                canonical(field, out);
            }
            out.text.push('}');
        }
        Value::Array(items) => {
            out.text.push('[');
            for (index, item) in items.iter().enumerate() {
                out.text.push_str(if index > 0 { "," } else { "" });
                canonical(item, out);
            }
            out.text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out.text, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_sorted_and_tight() {
        let value = serde_json::json!({"b": [1, 0.5, null], "a": {"d": "ü\n\"", "c": true}});
        let mut out = Canonical::default();
        canonical(&value, &mut out);
        assert_eq!(out.text, r#"{"a":{"c":true,"d":"ü\n\""},"b":[1,0.5,null]}"#);
    }

    #[test]
    fn the_id_is_the_digest_of_the_canonical_form_without_id_and_date() {
        let rooms = [
            serde_json::json!([]),
            serde_json::json!([{"b": 1, "a": []}, {}]),
            Value::Null,
        ];
        for rooms in rooms {
            let value =
                serde_json::json!({"id": "x", "version": 1, "rooms": rooms, "created": 1, "app": "a"});
            let mut out = Canonical::default();
            canonical(
                &serde_json::json!({"version": 1, "rooms": rooms, "app": "a"}),
                &mut out,
            );
            assert_eq!(checksum(&value), sha256_text(Sha256::new_with_prefix(out.text)));
        }
    }
}
