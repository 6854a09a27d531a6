//! The schemas that are kept beside the examples.

use super::judge::{Judge, Kind};
use roomsync::model::RoomDefaults;
use roomsync::settings::{Env, load, load_offline};
use serde_json::Value;
use std::fs;
use std::process::Command;

#[test]
fn they_are_what_the_command_prints() {
    for what in ["rooms", "settings", "plan"] {
        let printed = Command::new(env!("CARGO_BIN_EXE_roomsync"))
            .args(["schema", what])
            .output()
            .unwrap();
        assert!(
            printed.status.success() && printed.stderr.is_empty(),
            "{printed:?}"
        );
        let path = format!("examples/schema/{what}.json");
        assert!(
            fs::read(&path).unwrap_or_default() == printed.stdout,
            "{path} is not what `roomsync schema {what}` prints; make it anew with\n  \
             cargo run -- schema {what} > {path}"
        );
    }
}

/// Calls `look` with every schema in a schema, each with its place.
fn every_schema(schema: &Value, place: &str, look: &mut impl FnMut(&Value, &str)) {
    look(schema, place);
    for key in ["properties", "$defs", "patternProperties"] {
        for (name, inner) in schema[key].as_object().into_iter().flatten() {
            every_schema(inner, &format!("{place}/{key}/{name}"), look);
        }
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            every_schema(&schema[key], &format!("{place}/{key}"), look);
        }
    }
    for key in ["anyOf", "oneOf"] {
        for (index, inner) in schema[key].as_array().into_iter().flatten().enumerate() {
            every_schema(inner, &format!("{place}/{key}/{index}"), look);
        }
    }
}

#[test]
fn every_key_is_described_and_no_other_is_taken() {
    for (what, closed) in [("rooms", true), ("settings", true), ("plan", false)] {
        let text = fs::read_to_string(format!("examples/schema/{what}.json")).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
            "{what}"
        );
        let mut keys = 0;
        every_schema(&schema, "", &mut |inner, place| {
            for (name, key) in inner["properties"].as_object().into_iter().flatten() {
                // The methods of `calls_per_second` are named as the service's documents name them.
                let described = key["description"].as_str().or_else(|| {
                    let defined = key["$ref"].as_str()?.strip_prefix('#')?;
                    schema.pointer(defined)?["description"].as_str()
                });
                let is_method = place.contains("calls_per_second");
                assert!(
                    described.is_some() || is_method,
                    "{what}{place}: {name} has no description"
                );
                let text = described.unwrap_or_default();
                assert!(!text.contains(['\n', '[']), "{what}{place}: {name}: {text}");
                keys += 1;
            }
            if closed && inner["properties"].is_object() {
                assert_eq!(inner["additionalProperties"], Value::Bool(false), "{what}{place}");
            }
        });
        assert!(keys > 15, "{what}: {keys} keys");
    }
}

/// A settings file with this key below the others; `steps` is the way to it.
fn settings_with(steps: &[&str], value: &Value) -> String {
    let mut service = serde_json::json!({"url": "https://chat.example.com", "app_key": "org#app"});
    let mut entry = value.clone();
    for step in steps.iter().rev() {
        entry = serde_json::json!({*step: entry});
    }
    if let Some(own) = entry["service"].take().as_object() {
        service.as_object_mut().unwrap().extend(own.clone());
    }
    entry["service"] = service;
    // JSON is YAML.
    entry.to_string()
}

#[test]
fn what_the_settings_schema_gives_as_a_default_is_the_default() {
    let text = fs::read_to_string(Kind::Settings.schema()).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roomsync.yaml");
    let env = Env {
        token: Some("s3cret".into()),
        ..Env::default()
    };
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        let settings = load(&path, &env).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        format!("{settings:?}")
    };
    let of = |part: &Value| part["properties"].as_object().cloned().unwrap_or_default();
    let mut defaults = Vec::new();
    for (name, key) in of(&schema) {
        let inner = key["$ref"].as_str().and_then(|to| schema.pointer(&to[1..]));
        for (inner_name, inner_key) in inner.map(of).into_iter().flatten() {
            defaults.push((vec![name.clone(), inner_name], inner_key));
        }
        defaults.push((vec![name], key));
    }
    let without = read(&settings_with(&["service"], &serde_json::json!({})));
    let mut told = 0;
    for (steps, key) in &defaults {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        if let Some(default) = key.get("default") {
            assert_eq!(read(&settings_with(&steps, default)), without, "{steps:?}");
            told += 1;
        }
        for example in key["examples"].as_array().into_iter().flatten() {
            // Of two lengths of time that a key could have, one may be too long for it.
            if !key["pattern"].as_str().unwrap_or_default().contains("ms|s|m|h")
                && !matches!(steps.last(), Some(&("app_key" | "url")))
            {
                read(&settings_with(&steps, example));
            }
        }
    }
    assert_eq!(told, 32, "{defaults:?}");
}

#[test]
fn what_has_no_default_in_a_room_file_is_as_in_the_settings() {
    let text = fs::read_to_string(Kind::Rooms.schema()).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    for (name, key) in schema["$defs"]["Guards"]["properties"].as_object().unwrap() {
        assert!(key.get("default").is_none(), "{name}");
    }
    for key in ["mode", "ignore"] {
        let of = |shape: &str| schema["$defs"][shape]["properties"][key].get("default").is_some();
        assert_eq!([of("Defaults"), of("Room")], [true, false], "{key}");
    }
    for shape in ["Defaults", "Room"] {
        let absent = &schema["$defs"][shape]["properties"]["absent"];
        assert!(
            absent.is_object() && absent.get("default").is_none(),
            "{shape}: {absent}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roomsync.yaml");
    fs::write(&path, settings_with(&["service"], &serde_json::json!({}))).unwrap();
    assert_eq!(
        load_offline(&path, &Env::default()).unwrap().room_defaults,
        RoomDefaults::default()
    );
}

#[test]
fn the_judge_can_say_no() {
    use super::judge::Verdict;
    let judge = Judge::of(Kind::Rooms);
    let good = "rooms: [{id: 1, members: [ann]}]\n";
    assert_eq!(judge.judge(good), Verdict::Accepted);
    for bad in [
        "room: []\n",
        "rooms: [{id: 1}]\n",
        "rooms: [{members: [ann]}]\n",
        "rooms: [{id: 1, members: [a b]}]\n",
        "rooms: [{id: 1, members: [..]}]\n",
        "rooms: [{id: 1, members: []}]\n",
        "rooms: [{id: 1, members: [], allow_empty: admins}]\n",
        "rooms: [{id: 1, members: [ann], absent: kept}]\n",
        "rooms: [{id: 1, members: [ann], guards: {max_removals_total: 5}}]\n",
        "groups: {\"..\": [ann]}\n",
        "rooms: [1]\n",
    ] {
        assert!(matches!(judge.judge(bad), Verdict::Refused(_)), "{bad}");
    }
    assert!(matches!(judge.judge("rooms: [\n"), Verdict::NoYaml(_)));
}
