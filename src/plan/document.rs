//! The plan as versioned JSON.

use super::digest::sha256_text;
use super::guard::Blocked;
use super::{Calls, FleetPlan, LiveSummary, Note, RoomPlan, Status, Summary};
use crate::desired::Source;
use crate::model::{MemberSet, RoomId};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::fmt::Write as _;

/// The version of the document's shape.
pub(super) const VERSION: u32 = 1;

/// What the schema says of a plan.
const ABOUT_PLANS: &str = "What an apply would do in every room, as `roomsync plan --format json` prints it. Where a room is \
    blocked or only observed, `add`, `remove`, `promote` and `demote` say what is wanted; `calls` and the summary say what is sent.";

/// How digests are written.
pub(super) const DIGEST: &str = "^sha256:[0-9a-f]{64}$";

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
// The comments on the keys are what `roomsync schema plan` says of them.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "A plan of roomsync", description = ABOUT_PLANS)]
pub struct Document<'a> {
    /// The version of this shape.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// A checksum: `sha256:` and, in hex, the digest of the plan's canonical JSON without `id` and `created`.
    #[schemars(regex(pattern = DIGEST))]
    pub id: String,
    /// When the plan was made, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    created: &'a str,
    /// Whose rooms: `org#app`, or the app's id.
    app: &'a str,
    /// The room files that the plan was made from.
    source: SourceJson<'a>,
    /// The plan in numbers.
    summary: SummaryJson,
    /// Every room of the files, or those of `--room`, by id.
    #[serde(serialize_with = "each_room")]
    #[schemars(with = "Vec<RoomJson<'a>>")]
    rooms: &'a [RoomPlan],
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Source")]
struct SourceJson<'a> {
    /// How many files.
    files: usize,
    /// `sha256:` and, in hex, the digest of the files' names and contents.
    #[schemars(regex(pattern = DIGEST))]
    digest: &'a str,
    /// The commit that the files are of; `null` where it is not known.
    revision: Option<&'a str>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Summary")]
struct SummaryJson {
    #[serde(flatten)]
    counts: Summary,
    /// Seconds that the calls take at the least: those of the busiest method at its rate.
    #[schemars(range(min = 0))]
    seconds: f64,
}

/// Writes one room after the other: a plan can be long, and all of it need not be in memory twice.
fn each_room<S: Serializer>(rooms: &&[RoomPlan], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rooms.iter().map(RoomJson::from))
}

/// The plan for one room.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Room")]
struct RoomJson<'a> {
    id: &'a RoomId,
    /// The files' label; `null` where they give none.
    name: Option<&'a str>,
    status: Status,
    /// What was seen; `null` where nothing could be.
    live: Option<&'a LiveSummary>,
    /// Who should come in.
    add: &'a MemberSet,
    /// Who should go.
    remove: &'a MemberSet,
    /// Who should become an admin.
    promote: &'a MemberSet,
    /// Which admins should become plain members; those who go are among them.
    demote: &'a MemberSet,
    /// The write calls that an apply would make in this room.
    calls: usize,
    /// The guards that hold something back here.
    blocked: &'a [Blocked],
    /// Remarks on the room, and on people in it.
    notes: &'a [Note],
    /// Why nothing can be done here; `null` where something can.
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
            reserves: _,
            last: _,
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
            rooms: &[],
        };
        let head = serde_json::to_value(&document)?;
        document.id = checksum_with(&head, plan.rooms.iter(), room_canonical)?;
        document.rooms = &plan.rooms;
        Ok(document)
    }
}

/// So much text is hashed at a time.
const FLUSH_BYTES: usize = 1 << 14;

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
struct Canonical {
    text: String,
    hash: Sha256,
}

impl Canonical {
    /// Lets go of the text so far.
    fn flush(&mut self) {
        self.hash.update(&self.text);
        self.text.clear();
    }
}

/// The id of a plan's JSON with these for its rooms, of which one at a time is written.
fn checksum_with<R, E>(
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

/// Writes a room of a plan, whose lists of people can be long, without holding it as a whole.
fn room_canonical(room: &RoomPlan, out: &mut Canonical) -> Result<(), serde_json::Error> {
    let none = MemberSet::default();
    let whole = RoomJson::from(room);
    let lists = [
        ("add", whole.add),
        ("remove", whole.remove),
        ("promote", whole.promote),
        ("demote", whole.demote),
    ];
    let rest = serde_json::to_value(RoomJson {
        add: &none,
        remove: &none,
        promote: &none,
        demote: &none,
        ..whole
    })?;
    let mut fields: Vec<_> = rest.as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(key, _)| *key);
    let mut before = '{';
    for (key, field) in fields {
        let _ = write!(out.text, "{before}{}:", Value::from(key.as_str()));
        before = ',';
        match lists.iter().find(|(list, _)| list == key) {
            None => canonical(field, out),
            Some((_, users)) => {
                out.text.push('[');
                for (index, user) in users.iter().enumerate() {
                    // A name has no character that JSON would write otherwise.
                    let _ = write!(out.text, "{}\"{user}\"", if index > 0 { "," } else { "" });
                    if out.text.len() > FLUSH_BYTES {
                        out.flush();
                    }
                }
                out.text.push(']');
            }
        }
    }
    out.text.push('}');
    Ok(())
}

/// Writes JSON with its keys sorted and no white space, however the library keeps its maps.
fn canonical(value: &Value, out: &mut Canonical) {
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
