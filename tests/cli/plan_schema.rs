//! `roomsync schema plan`: every plan is as it says, and what is no plan is not.

use super::service::{ROOM, STATE, Service, answer};
use super::site::{Run, Site, roomsync};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use std::path::Path;

/// The schema that the command prints, ready to judge.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// The schema, but so that keys are refused of which it says nothing: else a key could be missing in it.
    fn closed() -> Self {
        let mut schema = Run::of(roomsync(Path::new(".")).args(["schema", "plan"]))
            .ends_with(0)
            .json();
        close(&mut schema);
        let id = schema["$id"].as_str().unwrap().to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource(&id, schema).unwrap();
        let index = compiler
            .compile(&id, &mut schemas)
            .unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    #[track_caller]
    fn takes(&self, plan: &Value) {
        if let Err(error) = self.schemas.validate(plan, self.index) {
            panic!("{error:#}\n{plan:#}");
        }
    }

    #[track_caller]
    fn refuses(&self, plan: &Value, why: &str) {
        assert!(
            self.schemas.validate(plan, self.index).is_err(),
            "{why}: {plan:#}"
        );
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.get("properties").is_some_and(Value::is_object) {
                keys.insert("additionalProperties".to_owned(), false.into());
            }
            keys.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Plans with every status, every guard, notes and errors.
fn plans() -> Vec<Value> {
    let plan = |service: &Service, rooms: &str, settings: &str| {
        let site = Site::of(service)
            .with_rooms(rooms)
            .with_settings("rooms: rooms/\n", &format!("rooms: rooms/\n{settings}"));
        let run = site.run(&["plan", "--format", "json"]);
        assert!([0, 1, 3, 4].contains(&run.code), "{}: {}", run.code, run.stderr);
        run.json()
    };
    let state = format!("{STATE}  \"66213271109634\": {{owner: alice, admins: [eve], members: [bob]}}\n");
    let service = Service::start(&state);
    let broken = Service::answering(|| answer(500, "<html>"));
    vec![
        plan(&service, super::site::ROOMS, ""),
        plan(
            &service,
            &format!(
                "rooms:\n- {{id: {ROOM}, members: [bob, carol], admins: [mia]}}\n\
                 - {{id: 66213271109634, name: x, members: [dan], mode: observe}}\n\
                 - {{id: 66213271109699, members: [bob]}}\n"
            ),
            "guards: {max_additions: 0, max_removals: 0%}\n",
        ),
        plan(
            &service,
            &format!(
                "rooms: [{{id: {ROOM}, members: [bob, mia]}}, {{id: 66213271109634, members: [bob]}}]\n"
            ),
            "guards: {max_removals_total: 0}\n",
        ),
        plan(
            &service,
            "rooms: [{id: 66213271109634, owner: bob, members: [bob, dan]}]\n",
            "",
        ),
        plan(
            &service,
            "rooms: [{id: 66213271109634, admins: [mia], members: [bob, mia]}]\n",
            "guards: {max_demotions: 0}\n",
        ),
        plan(&broken, super::site::ROOMS, ""),
    ]
}

#[test]
fn every_plan_is_as_its_schema_says() {
    let schema = Schema::closed();
    let plans = plans();
    plans.iter().for_each(|plan| schema.takes(plan));

    // The plans show what there is to be shown.
    let rooms = || plans.iter().flat_map(|plan| plan["rooms"].as_array().unwrap());
    for status in ["changed", "blocked", "failed", "observed"] {
        assert!(rooms().any(|room| room["status"] == status), "{status}");
    }
    let blocked: Vec<&Value> = rooms()
        .flat_map(|room| room["blocked"].as_array().unwrap())
        .collect();
    for guard in [
        "max_removals",
        "max_demotions",
        "max_additions",
        "max_removals_total",
    ] {
        assert!(
            blocked.iter().any(|blocked| blocked["guard"] == guard),
            "{guard}: {blocked:?}"
        );
    }
    assert!(rooms().any(|room| {
        room["notes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|note| note["user"].is_string())
    }));
    assert!(rooms().any(|room| room["error"].is_object() && room["live"].is_null()));
}

/// The document with each of its keys taken out, and with each of its values replaced by one of a kind that is nowhere right.
fn damaged(document: &Value) -> Vec<(String, Value)> {
    fn visit(value: &Value, place: &str, whole: &Value, out: &mut Vec<(String, Value)>) {
        let mut other_kind = whole.clone();
        *other_kind.pointer_mut(place).unwrap() = true.into();
        out.push((format!("{place} of another kind"), other_kind));
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(keys) => keys.iter().map(|(key, inner)| (key.clone(), inner)).collect(),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(index, inner)| (index.to_string(), inner)).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        for (key, inner) in inner {
            // Only a note about a person names one.
            if value.is_object() && key != "user" {
                let mut without = whole.clone();
                without
                    .pointer_mut(place)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(&key);
                out.push((format!("{place} without {key}"), without));
            }
            visit(inner, &format!("{place}/{key}"), whole, out);
        }
    }
    let mut out = Vec::new();
    visit(document, "", document, &mut out);
    out
}

#[test]
fn what_is_no_plan_is_refused() {
    let schema = Schema::closed();
    let mut refused = 0;
    for plan in plans() {
        for (what, damaged) in damaged(&plan) {
            // Only a plan of a run that ended early has it.
            if what == " without error" {
                continue;
            }
            schema.refuses(&damaged, &what);
            refused += 1;
        }
    }
    assert!(refused > 300, "{refused}");

    let plan = &plans()[1];
    for (place, wrong) in [
        ("/version", json!(2)),
        ("/id", json!("sha256:ABC")),
        ("/created", json!("yesterday")),
        ("/summary/calls", json!(-1)),
        ("/summary/seconds", json!(-0.5)),
        ("/rooms/0/id", json!(66_213_271_109_633_u64)),
        ("/rooms/0/status", json!("pending")),
        ("/rooms/0/add", json!(["Carol"])),
        ("/rooms/0/add", json!(["carol", "carol"])),
        ("/rooms/0/blocked/0/guard", json!("max_everything")),
        ("/rooms/0/blocked/0/limit", json!("all")),
        ("/rooms/0/live/digest", json!("")),
    ] {
        let mut edited = plan.clone();
        *edited.pointer_mut(place).unwrap() = wrong;
        schema.refuses(&edited, place);
    }
}
