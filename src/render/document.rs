//! The plan as versioned JSON.

use crate::desired::Source;
use crate::model::{MemberSet, RoomId};
use crate::plan::checksum::{Canonical, DIGEST, VERSION, canonical, checksum_with};
use crate::plan::{FleetPlan, GuardTripped, LiveSummary, Note, Rates, RoomPlan, Status, Summary};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt::Write as _;

/// The schema's description of a plan.
const ABOUT_PLANS: &str = "What an apply would do in every room, as `roomsync plan --format json` prints it. Where a room is \
    blocked or only observed, `add`, `remove`, `promote`, `demote`, `allow` and `disallow` say what is wanted; `calls` and the \
    summary say what is sent.";

/// Origin of a plan, as its document gives it.
#[derive(Debug, Clone)]
pub struct Meta {
    /// When, as RFC 3339.
    pub created: String,
    /// `org#app`, or the app id.
    pub app: String,
    /// Of which files.
    pub source: Source,
    /// Rate limits of the calls.
    pub rates: Rates,
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
    /// The error that ended the run before every room was looked at; only then is it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Note>,
    /// Every room of the files, or those of `--room`, by id.
    #[serde(serialize_with = "each_room")]
    #[schemars(with = "Vec<RoomJson<'a>>")]
    rooms: &'a [RoomPlan],
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Source")]
struct SourceJson<'a> {
    /// Number of files.
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
    /// The room as it was seen; `null` if it could not be.
    live: Option<&'a LiveSummary>,
    /// People who should come in.
    add: &'a MemberSet,
    /// People who should go.
    remove: &'a MemberSet,
    /// People who should become an admin.
    promote: &'a MemberSet,
    /// Which admins should become plain members; those who go are among them.
    demote: &'a MemberSet,
    /// Members who should be on the room's allow list, those who come in among them (`absent: keep`).
    allow: &'a MemberSet,
    /// People who should be taken off the allow list, because they go.
    disallow: &'a MemberSet,
    /// The write calls that an apply would make in this room.
    calls: usize,
    /// The guards that hold something back here.
    blocked: &'a [GuardTripped],
    /// Remarks on the room, and on people in it.
    notes: &'a [Note],
    /// Reason why nothing can be done here; `null` if something can.
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
            allow,
            disallow,
            blocked,
            notes,
            error,
            ..
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
            allow,
            disallow,
            calls: room.steps().len(),
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
            error: plan.error(),
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

/// Writes a room of a plan, whose lists of people can be long, without holding it as a whole.
fn room_canonical(room: &RoomPlan, out: &mut Canonical) -> Result<(), serde_json::Error> {
    let none = MemberSet::default();
    let whole = RoomJson::from(room);
    let lists = [
        ("add", whole.add),
        ("remove", whole.remove),
        ("promote", whole.promote),
        ("demote", whole.demote),
        ("allow", whole.allow),
        ("disallow", whole.disallow),
    ];
    let rest = serde_json::to_value(RoomJson {
        add: &none,
        remove: &none,
        promote: &none,
        demote: &none,
        allow: &none,
        disallow: &none,
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
