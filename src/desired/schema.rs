//! Room files as a JSON Schema: what the shapes of [`super::spec`] cannot say of themselves.

use super::spec::{Defaults, Entry, GroupName, MOST_AT_LEAST, RemovalBudgetSpec};
use crate::model::UserId;
use crate::model::schema::{NAME, SCALAR};
use crate::yaml::{Field, Fields};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A key's value is described as what it comes to.
impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "PersonOrGroup".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A person's username, or `group:NAME` for everybody in a group.",
            "anyOf": [generator.subschema_for::<UserId>(), generator.subschema_for::<GroupName>()],
        })
    }
}

impl JsonSchema for GroupName {
    fn schema_name() -> Cow<'static, str> {
        "GroupReference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        const PREFIX: &str = "group:";
        json_schema!({
            "description": "Everybody in the group of this name.",
            "type": "string",
            "pattern": NAME.replacen('^', &format!("^{PREFIX}"), 1),
            "maxLength": PREFIX.len() + UserId::MAX_LEN,
            "examples": ["group:moderators"],
        })
    }
}

/// The groups of a file.
pub(super) fn groups(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": NAME, "maxLength": UserId::MAX_LEN},
        "additionalProperties": generator.subschema_for::<Vec<Entry>>(),
        "examples": [{"moderators": ["mia", "omar"], "staff": ["group:moderators", "frank"]}],
    })
}

/// A room's label.
pub(super) fn label(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": SCALAR,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
        "maxLength": super::names::MAX_LABEL,
        "examples": ["lobby"],
    })
}

/// A budget, or `off`.
pub(super) fn removal_budget(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"const": "off"}, generator.subschema_for::<RemovalBudgetSpec>()]})
}

/// A number of people.
pub(super) fn at_least(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "string"], "minimum": 0, "maximum": MOST_AT_LEAST, "pattern": "^[0-9]+$"})
}

/// Lists that may be empty. A quoted `true` or `false` is accepted too, and not offered.
pub(super) fn allow_empty(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            {"enum": ["admins", "members", true, false]},
            {"type": "string", "pattern": "^(true|false)$"},
        ],
    })
}

/// Adds the rules between a room's keys: there is an id and a list, and an empty list is confirmed.
pub(super) fn room(room: &mut Schema) {
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

#[cfg(test)]
pub(crate) mod tests {
    use super::super::spec::{FileSpec, GuardsSpec, RemovalBudgetSpec, RoomSpec};
    use super::*;
    use crate::yaml;
    use std::collections::BTreeSet;

    /// Asserts that the keys that the schema of a map knows are exactly those that are read, so that a key that is refused, be it
    /// unknown, not there yet or out of place, is not in the schema.
    pub(crate) fn assert_keys<F: Fields + JsonSchema>() {
        let schema = F::json_schema(&mut SchemaGenerator::default());
        let described: BTreeSet<&str> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        assert!(!described.is_empty(), "{schema:?}");
        for key in described.iter().chain(F::KEYS) {
            let problems = yaml::read::<F>(0, &format!("{key}: x\n")).problems;
            let refused = problems.iter().any(|problem| {
                let code = problem.raw.code;
                matches!(code, "unknown-key" | "not-supported" | "fleet-guard")
            });
            let what = F::WHAT;
            assert_eq!(
                described.contains(key),
                !refused,
                "`{key}` in {what}: {problems:?}"
            );
        }
    }

    #[test]
    fn the_schema_knows_the_keys_that_are_read() {
        assert_keys::<FileSpec>();
        assert_keys::<Defaults>();
        assert_keys::<RoomSpec>();
        assert_keys::<GuardsSpec>();
        assert_keys::<RemovalBudgetSpec>();
    }
}
