//! The plan as versioned JSON.

use super::digest::sha256_text;
use super::guard::Blocked;
use super::{Calls, FleetPlan, LiveSummary, Note, RoomPlan, Status, Summary};
use crate::desired::Source;
use crate::model::{MemberSet, RoomId};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The version of the document's shape.
pub(super) const VERSION: u32 = 1;

/// What a plan's document says of its making.
#[derive(Debug, Clone)]
pub struct Meta {
    /// When, as RFC 3339.
    pub created: String,
    /// `org#app`, or the app id.
    pub app: String,
    /// Of which files.
    pub source: Source,
    /// How fast the calls may go.
    pub rates: Rates,
}

/// Calls a second, by what the call does.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Of `add_many`.
    pub add: u32,
    /// Of `promote`.
    pub promote: u32,
    /// Of `demote`.
    pub demote: u32,
    /// Of `remove_one`, by which a single name goes.
    pub remove_one: u32,
    /// Of `remove_many`.
    pub remove_many: u32,
}

impl Rates {
    /// Seconds that the plan's calls take at the least: those of the busiest method, to two decimals.
    #[must_use]
    pub fn seconds(&self, plan: &FleetPlan) -> f64 {
        Calls::of(plan).seconds(self)
    }
}

/// The plan's JSON. `id` is the SHA-256 of the canonical form (keys sorted, no white space) without `id` and `created`: a
/// checksum, by which a plan that was cut or edited is known.
#[derive(Debug, Clone, Serialize)]
pub struct Document<'a> {
    version: u32,
    /// `sha256:` and the digest in hex.
    pub id: String,
    created: &'a str,
    app: &'a str,
    source: SourceJson<'a>,
    summary: SummaryJson,
    rooms: Vec<RoomJson<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct SourceJson<'a> {
    files: usize,
    digest: &'a str,
    revision: Option<&'a str>,
}

#[derive(Debug, Clone, Serialize)]
struct SummaryJson {
    #[serde(flatten)]
    counts: Summary,
    seconds: f64,
}

#[derive(Debug, Clone, Serialize)]
struct RoomJson<'a> {
    id: &'a RoomId,
    name: Option<&'a str>,
    status: Status,
    live: Option<&'a LiveSummary>,
    add: &'a MemberSet,
    remove: &'a MemberSet,
    promote: &'a MemberSet,
    demote: &'a MemberSet,
    calls: usize,
    blocked: &'a [Blocked],
    notes: &'a [Note],
    error: Option<&'a Note>,
}

impl<'a> From<&'a RoomPlan> for RoomJson<'a> {
    fn from(room: &'a RoomPlan) -> Self {
        let RoomPlan {
            id,
            name,
            status,
            live,
            add,
            remove,
            promote,
            demote,
            steps,
            standing: _,
            unmet_promotes: _,
            blocked,
            notes,
            error,
        } = room;
        Self {
            id,
            name: name.as_deref(),
            status: *status,
            live: live.as_ref(),
            add,
            remove,
            promote,
            demote,
            calls: steps.len(),
            blocked,
            notes,
            error: error.as_ref(),
        }
    }
}

impl<'a> Document<'a> {
    /// Writes the plan down.
    pub fn new(plan: &'a FleetPlan, meta: &'a Meta) -> Result<Self, serde_json::Error> {
        let Meta {
            created,
            app,
            source:
                Source {
                    files,
                    digest,
                    revision,
                },
            rates,
        } = meta;
        let mut document = Self {
            version: VERSION,
            id: String::new(),
            created,
            app,
            source: SourceJson {
                files: *files,
                digest,
                revision: revision.as_deref(),
            },
            summary: SummaryJson {
                counts: plan.summary(),
                seconds: rates.seconds(plan),
            },
            rooms: plan.rooms.iter().map(RoomJson::from).collect(),
        };
        document.id = checksum(&serde_json::to_value(&document)?);
        Ok(document)
    }
}

/// The id of a plan's JSON.
pub(super) fn checksum(document: &Value) -> String {
    let mut text = String::new();
    canonical(document, &["id", "created"], &mut text);
    sha256_text(Sha256::new_with_prefix(text))
}

/// Writes JSON with its keys sorted and no white space, however the library keeps its maps, without these keys of the
/// outermost map.
fn canonical(value: &Value, without: &[&str], out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .filter(|(key, _)| !without.contains(&key.as_str()))
                .collect();
            fields.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let _ = write!(out, "{comma}{}:", Value::from(key.as_str()));
                canonical(field, &[], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                canonical(item, &[], out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_sorted_and_tight() {
        let value = serde_json::json!({"b": [1, 0.5, null], "a": {"d": "ü\n\"", "c": true}, "e": 1});
        let mut text = String::new();
        canonical(&value, &["e"], &mut text);
        assert_eq!(text, r#"{"a":{"c":true,"d":"ü\n\""},"b":[1,0.5,null]}"#);
    }
}
