//! An entry of a list with an end.

use super::entry::{Ending, Entry, GroupName};
use super::names;
use super::schema;
use crate::diagnostics::RawDiagnostic;
use crate::model::{Until, UserId};
use crate::yaml::{ReadContext, fields};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;
use std::borrow::Cow;

fields! {
    /// A person, or everybody in a group, until a time: after it they are no longer wanted here.
    #[schemars(rename = "Ending", default, deny_unknown_fields, transform = ending_schema)]
    pub(super) struct EndingSpec("an entry with an end", finish: EndingSpec::check) {
        /// The person.
        user: UserId = |value| value.one(&names::USER),
        /// The group, without `group:` before its name.
        #[schemars(schema_with = "schema::group_name")]
        group: GroupName = |value| value.scalar("a group's name", names::group_name),
        /// A date, which counts to its end in UTC, or a time with its offset.
        #[schemars(schema_with = "schema::until")]
        until: Until = |value| value.scalar("a date, or a time with its offset", names::until),
    }
}

impl EndingSpec {
    /// What a map without an end meant to say is said without a map. A file that is still being written may lack it, so it is
    /// no guess to make.
    fn check(&self, cx: &mut ReadContext) {
        let Self { user, group, until } = self;
        let raw = match (user.entry, group.entry, until.entry) {
            (Some(_), Some(_), _) => {
                RawDiagnostic::new("two-at-once", "here are both a `user` and a `group`")
                    .help("make two entries of them")
            }
            (None, None, _) => {
                RawDiagnostic::new("nobody-named", "this entry names neither a `user` nor a `group`")
                    .help("write it as `{user: NAME, until: 2026-12-31}`, or with `group` for `user`")
            }
            (_, Some(_), None) => RawDiagnostic::new("no-until", "this entry has no `until`")
                .help("write `group:NAME`, without a blank after the colon, or add `until: 2026-12-31`"),
            (Some(_), _, None) => RawDiagnostic::new("no-until", "this entry has no `until`")
                .help("write the name alone, or add `until: 2026-12-31`"),
            (_, _, Some(_)) => return,
        };
        cx.error_in_map(raw);
    }

    /// The entry. `None`: a problem was recorded.
    pub(super) fn entry(self) -> Option<Entry> {
        let Self { user, group, until } = self;
        let until = until.value?;
        let who = match (user.value, group.value) {
            (Some(user), None) if group.entry.is_none() => Entry::User(user),
            (None, Some(name)) if user.entry.is_none() => Entry::Group(name),
            _ => return None,
        };
        Some(Entry::Ending(Box::new(Ending { who, until })))
    }
}

/// Adds the rules between the keys: there is an end, of one person or one group.
fn ending_schema(ending: &mut Schema) {
    ending.insert("required".to_owned(), json!(["until"]));
    ending.insert(
        "oneOf".to_owned(),
        json!([{"required": ["user"]}, {"required": ["group"]}]),
    );
}

impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "PersonOrGroup".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A person's username, or `group:NAME` for everybody in a group; or one of both with an end.",
            "anyOf": [
                generator.subschema_for::<UserId>(),
                generator.subschema_for::<GroupName>(),
                generator.subschema_for::<EndingSpec>(),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::tests::assert_keys;
    use super::*;

    #[test]
    fn the_schema_knows_the_keys_that_are_read() {
        assert_keys::<EndingSpec>();
    }
}
