//! The words as JSON Schemas: as files say them, and as plans do.

use super::{Absent, Glob, Limit, MemberSet, Mode, RoomId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// JSON types that a plain scalar of YAML can have. In our files it is the text that stands there: `007`, `1.10` and `true` are
/// names, and an editor that has made a number of them must not underline them.
pub(crate) const SCALAR: [&str; 3] = ["string", "number", "boolean"];

/// A user's or a group's name, as `UserId::parse` takes it. Names of dots only do not match, which takes no look-ahead here.
pub(crate) const NAME: &str = "^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$";

/// A length of time. How long it may be is for the description of the key to say.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$", "examples": ["500ms", "10s", "5m", "1h"]})
}

/// The version of a file's form, between quotes, too.
pub(crate) fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": [1, "1"]})
}

impl JsonSchema for UserId {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        if generator.contract().is_serialize() {
            return json_schema!({
                "description": "A person's username, in lower case.",
                "type": "string",
                "pattern": "^[a-z0-9_.-]*[a-z0-9_-][a-z0-9_.-]*$",
                "maxLength": Self::MAX_LEN,
            });
        }
        json_schema!({
            "description": "A person's username: 1 to 64 of a-z, A-Z, 0-9, `_`, `-` and `.`, not of dots only. Capitals make no difference.",
            "type": SCALAR,
            "pattern": NAME,
            "maxLength": Self::MAX_LEN,
        })
    }
}

impl JsonSchema for MemberSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": generator.subschema_for::<UserId>(),
            "uniqueItems": true,
        })
    }
}

impl JsonSchema for RoomId {
    fn schema_name() -> Cow<'static, str> {
        "RoomId".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        const DESCRIPTION: &str = "The service's id of a room: a whole number without sign or leading zero.";
        const PATTERN: &str = "^[1-9][0-9]{0,31}$";
        if generator.contract().is_serialize() {
            return json_schema!({"description": DESCRIPTION, "type": "string", "pattern": PATTERN});
        }
        json_schema!({
            "description": DESCRIPTION,
            "type": ["string", "integer"],
            "pattern": PATTERN,
            "minimum": 1,
            "examples": ["66213271109633"],
        })
    }
}

impl JsonSchema for Glob {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A username, or a pattern of them: `*` stands for any run of characters, `?` for one. Capitals make no difference.",
            "type": SCALAR,
            "pattern": "^[A-Za-z0-9_.*?-]+$",
            "examples": ["guest-*"],
        })
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        const DESCRIPTION: &str = "A guard's bound: a number of people, or a percentage from 0% to 100% with at most two decimals, rounded up to whole people.";
        const PATTERN: &str = r"^([0-9]+|(100(\.0{1,2})?|0?[0-9]{1,2}(\.[0-9]{1,2})?)%)$";
        if generator.contract().is_serialize() {
            return json_schema!({"description": DESCRIPTION, "type": "string", "pattern": PATTERN});
        }
        json_schema!({
            "description": DESCRIPTION,
            "type": ["string", "integer"],
            "pattern": PATTERN,
            "minimum": 0,
            "examples": ["25%", 20],
        })
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                {"const": "authoritative", "description": "The lists are the whole truth: who is missing is added, who is not listed is removed."},
                {"const": "additive", "description": "Who is missing is added; nobody is ever removed or demoted."},
                {"const": "observe", "description": "What differs is reported; nothing is ever written."},
            ],
        })
    }
}

impl JsonSchema for Absent {
    fn schema_name() -> Cow<'static, str> {
        "Absent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                {"const": "readd", "description": "They are added again."},
                {"const": "ignore", "description": "They are invited once, and left alone after that."},
                {"const": "keep", "description": "They are added again, and put on the room's allow list: who is on it stays when they go offline."},
            ],
        })
    }
}
