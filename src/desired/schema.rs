//! Room files as a JSON Schema: what the shapes of a room file cannot say of themselves.

use super::entry::{Entry, GroupName};
use super::names::MAX_LABEL;
use crate::model::UserId;
use crate::model::schema::{NAME, SCALAR};
use crate::yaml::Field;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
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

/// The groups of a file.
pub(super) fn groups(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": NAME, "maxLength": UserId::MAX_LEN},
        "additionalProperties": generator.subschema_for::<Vec<Entry>>(),
        "examples": [{"moderators": ["mia", "omar"], "staff": ["group:moderators", {"user": "frank", "until": "2026-12-31"}]}],
    })
}

/// People who are excluded.
pub(super) fn exclude(generator: &mut SchemaGenerator) -> Schema {
    let (user, group) = (
        generator.subschema_for::<UserId>(),
        generator.subschema_for::<GroupName>(),
    );
    json_schema!({
        "type": "array",
        "items": {"anyOf": [user, group]},
        "examples": [["dan", "group:interns"]],
    })
}

/// A group's name, where nothing else can stand.
pub(super) fn group_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": SCALAR, "pattern": NAME, "maxLength": UserId::MAX_LEN})
}

/// The end of somebody's place.
pub(super) fn until(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$",
        "examples": ["2026-12-31", "2026-12-31T18:00:00+01:00"],
    })
}

/// A room's label.
pub(super) fn label(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": SCALAR,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
        "maxLength": MAX_LABEL,
        "examples": ["lobby"],
    })
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::yaml::{self, Fields};
    use serde_json::Value;
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
                matches!(code, "unknown-key" | "fleet-guard")
            });
            let what = F::WHAT;
            assert_eq!(
                described.contains(key),
                !refused,
                "`{key}` in {what}: {problems:?}"
            );
        }
    }
}
