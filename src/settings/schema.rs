//! The settings as a JSON Schema: what the shapes of [`super::file`] cannot say of themselves.

use super::MAX_REMOVALS_TOTAL;
use crate::model::schema::{NAME, SCALAR};
use crate::model::{Glob, Guards, Limit, RemovalBudget, show_duration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A path. A bare `7` is one, too.
pub(super) fn path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": SCALAR, "pattern": r"^[^\u0000]+$"})
}

pub(super) fn path_or_null(_: &mut SchemaGenerator) -> Schema {
    let [text, number, truth] = SCALAR;
    json_schema!({"type": [text, number, truth, "null"], "pattern": r"^[^\u0000]+$"})
}

pub(super) fn path_or_paths(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "array"],
        "pattern": r"^[^\u0000]+$",
        "items": path(generator),
        "minItems": 1,
    })
}

/// `true` or `false`, between quotes, too.
pub(super) fn truth(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["boolean", "string"], "pattern": "^(true|false)$"})
}

pub(super) fn listen(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": r"^(off|([0-9]{1,3}\.){3}[0-9]{1,3}:[0-9]+|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]:[0-9]+)$",
        "examples": ["127.0.0.1:9464", "[::1]:9464", "off"],
    })
}

/// The same without `off`.
pub(super) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": r"^(([0-9]{1,3}\.){3}[0-9]{1,3}:[0-9]+|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]:[0-9]+)$",
        "examples": ["127.0.0.1:9465", "[::1]:9465"],
    })
}

/// The path of a request.
pub(super) fn request_path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 256,
        "pattern": "^/[A-Za-z0-9/_.~-]*$",
        "not": {"pattern": r"//|/\.{1,2}(/|$)"},
        "examples": ["/hooks/agora"],
    })
}

pub(super) fn host_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": SCALAR,
            "maxLength": 253,
            "pattern": r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$",
        },
        "examples": [["roomsync.example.com"]],
    })
}

/// The service's address: scheme, host and port.
pub(super) fn url(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/\\?#@]+/?$",
        "examples": ["https://a61.chat.agora.io"],
    })
}

pub(super) fn app_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z0-9_.-]{1,64}#[A-Za-z0-9_.-]{1,64}$",
        // No part of dots only.
        "not": {"pattern": r"^\.+#|#\.+$"},
        "examples": ["61979408#1143303"],
    })
}

pub(super) fn app_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": SCALAR, "pattern": NAME, "maxLength": 64})
}

pub(super) fn hex_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[0-9A-Fa-f]{32}$"})
}

pub(super) fn client_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": SCALAR, "pattern": "^[!-~]{1,256}$"})
}

/// Credentials of one kind, no file without the id that it belongs to.
pub(super) fn one_kind(auth: &mut Schema) {
    let app = json!({"anyOf": [{"required": ["app_id"]}, {"required": ["app_certificate_file"]}]});
    let client = json!({"anyOf": [{"required": ["client_id"]}, {"required": ["client_secret_file"]}]});
    let token = json!({"required": ["token_file"]});
    let two = [[&token, &app], [&token, &client], [&app, &client]].map(|two| json!({"allOf": two}));
    auth.insert("not".to_owned(), json!({"anyOf": two}));
    let halves = json!({"app_certificate_file": ["app_id"], "client_secret_file": ["client_id"]});
    auth.insert("dependentRequired".to_owned(), halves);
}

/// A whole number from 1 to `MAX`, between quotes, too.
pub(super) struct Whole<const MAX: u32>;

impl<const MAX: u32> JsonSchema for Whole<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        whole(MAX)
    }
}

fn whole(max: u32) -> Schema {
    json_schema!({"type": ["integer", "string"], "minimum": 1, "maximum": max, "pattern": "^[0-9]+$"})
}

/// A percentage from 1% to 100%.
pub(super) fn share(_: &mut SchemaGenerator) -> Schema {
    const PATTERN: &str = r"^(100(\.0{1,2})?|(0{0,2}[1-9]|0?[1-9][0-9])(\.[0-9]{1,2})?)%$";
    json_schema!({"type": "string", "pattern": PATTERN, "examples": ["50%", "33.3%"]})
}

/// A rate for every method, or a map of methods and their rates.
pub(super) fn rates(methods: &[&str], max: u32) -> Schema {
    let of_methods: serde_json::Map<_, _> = methods
        .iter()
        .map(|method| ((*method).to_owned(), whole(max).to_value()))
        .collect();
    json_schema!({
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": max},
            {"type": "object", "properties": of_methods, "additionalProperties": false},
        ],
        "examples": [50, {"default": 50, "list_admins": 90}],
    })
}

/// The guards that hold where neither settings nor room files say otherwise. Not in the shape of a room's guards: what a room
/// leaves out is as in the settings.
pub(super) fn guards(guards: &mut Schema) {
    let Guards {
        max_removals,
        max_demotions,
        max_additions,
        removal_budget,
        protect,
    } = Guards::default();
    let RemovalBudget {
        limit,
        at_least,
        window,
    } = removal_budget;
    let text = |limit: Limit| limit.to_string();
    for (key, default) in [
        ("max_removals", json!(text(max_removals))),
        ("max_demotions", json!(text(max_demotions))),
        ("max_additions", json!(max_additions.map(text))),
        ("max_removals_total", json!(text(MAX_REMOVALS_TOTAL))),
        (
            "removal_budget",
            json!({"limit": text(limit), "at_least": at_least, "window": show_duration(window)}),
        ),
        (
            "protect",
            json!(protect.iter().map(Glob::as_str).collect::<Vec<_>>()),
        ),
    ] {
        if let Some(key) = guards
            .pointer_mut(&format!("/properties/{key}"))
            .and_then(Value::as_object_mut)
        {
            key.insert("default".to_owned(), default);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::{AuthSpec, FleetGuardsSpec, LimitsSpec, ServiceSpec, SettingsSpec, SyncSpec};
    use super::super::webhook::WebhookSpec;
    use crate::desired::schema::tests::assert_keys;

    #[test]
    fn the_schema_knows_the_keys_that_are_read() {
        assert_keys::<SettingsSpec>();
        assert_keys::<ServiceSpec>();
        assert_keys::<AuthSpec>();
        assert_keys::<LimitsSpec>();
        assert_keys::<FleetGuardsSpec>();
        assert_keys::<SyncSpec>();
        assert_keys::<WebhookSpec>();
    }
}
