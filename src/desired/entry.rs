//! An item of a list of people: a user or a group, for good or until a time.

use crate::model::schema::NAME;
use crate::model::{Until, UserId};
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
    /// Boxed like a group's name.
    Ending(Box<Ending>),
}

/// A user or a group until a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ending {
    pub(super) who: Entry,
    pub(super) until: Until,
}

/// The one whom an item names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who<'a> {
    User(&'a UserId),
    Group(&'a GroupName),
}

impl Entry {
    pub(super) fn who(&self) -> Who<'_> {
        match self {
            Self::User(user) => Who::User(user),
            Self::Group(name) => Who::Group(name),
            Self::Ending(ending) => ending.who.who(),
        }
    }

    pub(super) fn until(&self) -> Option<Until> {
        match self {
            Self::User(_) | Self::Group(_) => None,
            Self::Ending(ending) => Some(ending.until),
        }
    }

    pub(super) fn user(&self) -> Option<&UserId> {
        match self.who() {
            Who::User(user) => Some(user),
            Who::Group(_) => None,
        }
    }

    pub(super) fn group(&self) -> Option<&GroupName> {
        match self.who() {
            Who::User(_) => None,
            Who::Group(name) => Some(name),
        }
    }
}

const _: () = assert!(size_of::<Option<Entry>>() == size_of::<UserId>());

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
