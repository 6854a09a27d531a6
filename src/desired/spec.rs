//! The shape of a room file.

use super::ending::EndingSpec;
use super::entry::{Entry, GroupName};
use super::names;
use super::room::{AllowEmpty, OwnGuards};
use super::schema;
use super::version::{VERSION, version};
use crate::diagnostics::RawDiagnostic;
use crate::model::schema::version as version_schema;
use crate::model::{Absent, Glob, Guards, Limit, Mode, RoomId, UserId};
use crate::yaml::{
    Field, Fields, FieldsOf, Items, NamedLists, NamedListsOf, ReadContext, Scalar, ScalarOrMap, Shape,
    Unread, fields,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::MapAccess;
use serde_json::{Value, json};
use std::time::Duration;

const PEOPLE: &str = "a list of names";
const NAME_OR_GROUP: Scalar<Entry> = Scalar {
    wants: "a name or `group:NAME`",
    parse: names::entry,
    // A group's name is never sent.
    folds: |entry| matches!(entry, Entry::User(_)),
};
const PERSON: ScalarOrMap<Entry, EndingSpec> = ScalarOrMap {
    scalar: NAME_OR_GROUP,
    of_map: EndingSpec::entry,
};
const PATTERNS: &str = "a list of names and patterns";
const PATTERN: Scalar<Glob> = Scalar {
    wants: "a name or a pattern",
    parse: names::glob,
    folds: |_| false,
};

// The comments on the keys below are what editors show: they go into the schema.

fields! {
    /// The desired state: who belongs in which chat room. All files of a folder are read as one set.
    #[schemars(title = "A room file of roomsync", default, deny_unknown_fields)]
    pub(crate) struct FileSpec("a room file") {
        /// Lists of people under a name of their own. Every file can use them, in any list of people, as `group:NAME`.
        #[schemars(schema_with = "schema::groups")]
        groups: NamedLists<GroupName, Entry> = |value| value.named_lists(NamedListsOf {
                        wants: "a map of groups, each with a list of names",
                        key: names::group_name,
                        list: PEOPLE,
                        item: PERSON,
                    }),
        /// Defaults for the rooms of this file that do not say otherwise.
        defaults: Defaults = |value| value.map(),
        /// The rooms, each in one place only.
        #[schemars(with = "Vec<RoomSpec>")]
        rooms: Items<RoomSpec> = |value| value.maps("a list of rooms"),
        /// Version of this form of room files, so that an older roomsync says that it is too old for a later one.
        #[schemars(schema_with = "version_schema", extend("default" = 1))]
        version: u32 = |value| value.scalar(VERSION, version),
    }
}

fields! {
    /// Defaults for the rooms of a file that do not say otherwise.
    #[schemars(default, deny_unknown_fields)]
    pub(super) struct Defaults("`defaults`") {
        /// Extent of changes: how far roomsync may go.
        #[schemars(extend("default" = "authoritative"))]
        mode: Mode = |value| value.scalar("a mode", names::mode),
        /// Treatment of a wanted member who is not there. Without it, as in the settings.
        absent: Absent = |value| value.scalar(names::ABSENT, names::absent),
        /// People who are invisible here: they are never touched, and counted nowhere. A room's own list replaces that of `defaults`.
        #[schemars(with = "Vec<Glob>", extend("default" = []))]
        ignore: Items<Glob> = |value| value.list(PATTERNS, PATTERN),
        /// Limits on changes at once. A limit that is left out is as in the settings.
        guards: GuardsSpec = |value| value.map(),
    }
}

/// A room, and who belongs in it.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename = "Room", default, deny_unknown_fields, transform = room_schema)]
pub(super) struct RoomSpec {
    /// The service's id of the room.
    pub(super) id: Field<RoomId>,
    /// A label for people. It is never sent.
    #[schemars(schema_with = "schema::label")]
    pub(super) name: Field<String>,
    /// Owner of the room. Only checked: if somebody else owns it, nothing in the room is touched. An owner is never changed.
    pub(super) owner: Field<UserId>,
    /// People who should be an admin; wanted admins are wanted members, too. Without this key nobody is promoted or demoted.
    #[schemars(with = "Vec<Entry>")]
    pub(super) admins: Field<Items<Entry>>,
    /// People who should be a member. Without this key nobody is removed, and nobody but wanted admins is added.
    #[schemars(with = "Vec<Entry>")]
    pub(super) members: Field<Items<Entry>>,
    /// People who are taken out of what `admins` and `members` come to: names, and groups with all whom they name.
    #[schemars(schema_with = "schema::exclude", extend("default" = []))]
    pub(super) exclude: Field<Items<Entry>>,
    /// Which of the lists may come to nobody; otherwise an empty list is an error.
    #[schemars(schema_with = "schema::allow_empty", extend("default" = false))]
    pub(super) allow_empty: Field<AllowEmpty>,
    // What a room can say as well as the file's `defaults`.
    #[schemars(flatten)]
    pub(super) own: Defaults,
}

impl Fields for RoomSpec {
    const WHAT: &'static str = "a room";
    const KEYS: &'static [&'static str] = &[
        "id",
        "name",
        "owner",
        "admins",
        "members",
        "exclude",
        "ignore",
        "mode",
        "absent",
        "allow_empty",
        "guards",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Unread<'_, A>) -> Result<(), A::Error> {
        match key {
            "id" => self.id = value.scalar("a room id", names::room_id)?,
            "name" => self.name = value.scalar("a label", names::label)?,
            "owner" => self.owner = value.one(&names::USER)?,
            "admins" => self.admins = value.list(PEOPLE, PERSON)?,
            "members" => self.members = value.list(PEOPLE, PERSON)?,
            "exclude" => self.exclude = value.list("a list of names and groups", NAME_OR_GROUP)?,
            "allow_empty" => self.allow_empty = value.scalar("a key or a truth value", names::allow_empty)?,
            _ => self.own.field(key, value)?,
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut ReadContext) {
        if self.id.entry.is_none() {
            let raw =
                RawDiagnostic::new("no-id", "this room has no `id`").help("give it the service's room id");
            cx.error_in_map(raw);
        }
        if self.admins.entry.is_none() && self.members.entry.is_none() {
            let raw = RawDiagnostic::new("nothing-managed", "this room has neither `admins` nor `members`")
                .help("list who should be there, or remove the room");
            cx.error_in_map(raw);
        }
    }
}

/// Adds the rules between a room's keys: there is an id and a list, and an empty list is confirmed.
fn room_schema(room: &mut Schema) {
    let meant = |list: &str| {
        json!({
            "if": {"required": [list], "properties": {list: {"type": "array", "maxItems": 0}}},
            "then": {"required": ["allow_empty"], "properties": {"allow_empty": {"enum": [list, true, "true"]}}},
        })
    };
    room.insert("required".to_owned(), json!(["id"]));
    room.insert(
        "anyOf".to_owned(),
        json!([{"required": ["admins"]}, {"required": ["members"]}]),
    );
    room.insert("allOf".to_owned(), json!([meant("admins"), meant("members")]));
    // What a room leaves out is as in the file's `defaults`, whatever these say.
    for key in Defaults::KEYS {
        if let Some(key) = room
            .pointer_mut(&format!("/properties/{key}"))
            .and_then(Value::as_object_mut)
        {
            key.remove("default");
        }
    }
}

/// Limits on changes in a room at once. A room that wants more is blocked until a person allows it here.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename = "Guards", default, deny_unknown_fields)]
pub(crate) struct GuardsSpec {
    /// Most people removed from a room at once, against its members.
    pub(super) max_removals: Field<Limit>,
    /// Most admins demoted in a room at once, against its admins; those who are removed count.
    pub(super) max_demotions: Field<Limit>,
    /// Most people added to a room at once, against its members; `null` is no bound.
    pub(super) max_additions: Field<Option<Limit>>,
    /// Most people of the lists who may go within a length of time, however many edits it takes; or `off`. The daemon alone has it.
    #[schemars(schema_with = "removal_budget_schema")]
    pub(super) removal_budget: Field<RemovalBudgetSpec>,
    /// People who are never removed or demoted. A room's own list adds to that of the settings.
    #[schemars(with = "Vec<Glob>")]
    pub(crate) protect: Field<Items<Glob>>,
}

impl Fields for GuardsSpec {
    const WHAT: &'static str = "`guards`";
    const KEYS: &'static [&'static str] = &[
        "max_removals",
        "max_demotions",
        "max_additions",
        "max_removals_total",
        "removal_budget",
        "protect",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Unread<'_, A>) -> Result<(), A::Error> {
        const BOUND: &str = "a number or a percentage";
        match key {
            "max_removals" => self.max_removals = value.scalar(BOUND, names::limit)?,
            "max_demotions" => self.max_demotions = value.scalar(BOUND, names::limit)?,
            "max_additions" => self.max_additions = value.nullable(BOUND, names::limit)?,
            "removal_budget" => self.removal_budget = value.shape(BudgetOrOff)?,
            "protect" => self.protect = value.list(PATTERNS, PATTERN)?,
            "max_removals_total" => {
                let message =
                    "`max_removals_total` bounds all rooms together: it can stand only in the settings";
                value.refuse(
                    RawDiagnostic::new("fleet-guard", message).help("move it to `guards` in roomsync.yaml"),
                )?;
            }
            _ => value.unknown(key)?,
        }
        Ok(())
    }
}

impl GuardsSpec {
    /// Lays what is said here over what holds otherwise; who is protected adds up.
    pub(crate) fn over(&self, base: &mut Guards) {
        let Self {
            max_removals,
            max_demotions,
            max_additions,
            removal_budget,
            protect: _,
        } = self;
        if let Some(RemovalBudgetSpec {
            limit,
            at_least,
            window,
        }) = &removal_budget.value
        {
            let base = &mut base.removal_budget;
            base.limit = limit.value.unwrap_or(base.limit);
            base.at_least = at_least.value.unwrap_or(base.at_least);
            base.window = window.value.unwrap_or(base.window);
        }
        base.max_removals = max_removals.value.unwrap_or(base.max_removals);
        base.max_demotions = max_demotions.value.unwrap_or(base.max_demotions);
        base.max_additions = max_additions.value.unwrap_or(base.max_additions);
        self.protect_too(base);
    }

    /// The bounds that are said here.
    pub(super) fn own(&self) -> OwnGuards {
        OwnGuards {
            max_removals: self.max_removals.value,
            max_demotions: self.max_demotions.value,
        }
    }

    /// Takes over only who is protected.
    pub(crate) fn protect_too(&self, base: &mut Guards) {
        base.protect
            .extend(self.protect.value.iter().flatten().flatten().cloned());
    }
}

/// Most people of a room's lists who may go within a length of time. Who goes beyond stays until the window has room for them.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename = "RemovalBudget", default, deny_unknown_fields)]
pub(crate) struct RemovalBudgetSpec {
    /// Against the largest list of the window; `100%` is the same as `off`.
    pub(super) limit: Field<Limit>,
    /// People who may always go, however small the list; of admins never more than 2.
    #[schemars(schema_with = "at_least_schema")]
    pub(super) at_least: Field<u64>,
    /// The length of the window, from 1m to 720h.
    #[schemars(schema_with = "crate::model::schema::duration")]
    pub(super) window: Field<Duration>,
}

impl Fields for RemovalBudgetSpec {
    const WHAT: &'static str = "`removal_budget`";
    const KEYS: &'static [&'static str] = &["limit", "at_least", "window"];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Unread<'_, A>) -> Result<(), A::Error> {
        match key {
            "limit" => self.limit = value.scalar("a number or a percentage", names::limit)?,
            "at_least" => {
                self.at_least =
                    value.scalar("a whole number", |text| names::whole(text, 0..=MOST_AT_LEAST))?;
            }
            "window" => {
                let window = |text: &str| names::duration(text, "1m", "720h");
                self.window = value.scalar("a length of time such as 24h", window)?;
            }
            _ => value.unknown(key)?,
        }
        Ok(())
    }
}

/// More people than any room holds.
const MOST_AT_LEAST: u64 = 1_000_000;

fn at_least_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "string"], "minimum": 0, "maximum": MOST_AT_LEAST, "pattern": "^[0-9]+$"})
}

fn removal_budget_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"const": "off"}, generator.subschema_for::<RemovalBudgetSpec>()]})
}

/// A budget, or `off`.
struct BudgetOrOff;

impl<'de> Shape<'de> for BudgetOrOff {
    type Value = RemovalBudgetSpec;

    fn wants(&self) -> &'static str {
        "a budget or `off`"
    }
    fn instead(&self) -> &'static str {
        "write `off`, or a budget such as `{limit: 50%, at_least: 5, window: 24h}`"
    }
    fn text(&self, cx: &mut ReadContext, text: &str) -> Option<RemovalBudgetSpec> {
        if text != "off" {
            cx.error(names::bad_value(text, self.wants(), self.instead()));
            return None;
        }
        let limit = Field {
            entry: None,
            value: Some(Limit::ALL),
        };
        Some(RemovalBudgetSpec {
            limit,
            ..RemovalBudgetSpec::default()
        })
    }
    fn map<A: MapAccess<'de>>(
        &self,
        cx: &mut ReadContext,
        map: A,
    ) -> Result<Option<RemovalBudgetSpec>, A::Error> {
        FieldsOf::new().map(cx, map)
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::tests::assert_keys;
    use super::*;

    #[test]
    fn the_schema_knows_the_keys_that_are_read() {
        assert_keys::<FileSpec>();
        assert_keys::<Defaults>();
        assert_keys::<RoomSpec>();
        assert_keys::<GuardsSpec>();
        assert_keys::<RemovalBudgetSpec>();
    }
}
