//! An item of a list of people: a user or a group.

use crate::model::UserId;
use crate::model::schema::NAME;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Prefix of a group's name where the group is listed.
pub(super) const GROUP_PREFIX: &str = "group:";

/// A group's name: of the same characters as a user's, and compared without case too.
///
/// In a box, so that an item of a list is no larger than the user that it nearly always is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupName(pub(super) Box<UserId>);

/// An item of a list of people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    User(UserId),
    Group(GroupName),
}

const _: () = assert!(size_of::<Option<Entry>>() == size_of::<UserId>());

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
        json_schema!({
            "description": "Everybody in the group of this name.",
            "type": "string",
            "pattern": NAME.replacen('^', &format!("^{GROUP_PREFIX}"), 1),
            "maxLength": GROUP_PREFIX.len() + UserId::MAX_LEN,
            "examples": ["group:moderators"],
        })
    }
}
