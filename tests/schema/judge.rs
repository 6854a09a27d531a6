//! Judges YAML by a published schema, as an editor does.

use boon::{Compiler, SchemaIndex, Schemas};
use serde::Deserialize;
use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// Which file is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rooms,
    Settings,
}

impl Kind {
    /// Where its schema is published.
    pub(crate) fn schema(self) -> PathBuf {
        PathBuf::from(match self {
            Self::Rooms => "examples/schema/rooms.json",
            Self::Settings => "examples/schema/settings.json",
        })
    }
}

/// A schema that is ready to judge. Compiling it holds it against the draft's own schema.
pub(crate) struct Judge {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Judge {
    pub(crate) fn of(kind: Kind) -> Self {
        let schema: Value = serde_json::from_slice(&fs::read(kind.schema()).unwrap()).unwrap();
        let id = schema["$id"].as_str().unwrap().to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(&id, schema).unwrap();
        let index = compiler
            .compile(&id, &mut schemas)
            .unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    /// Judges every document of a text. An editor judges none that holds nothing.
    pub(crate) fn judge(&self, text: &str) -> Verdict {
        let documents = match json(text) {
            Ok(documents) => documents,
            Err(error) => return Verdict::NoYaml(error.to_string()),
        };
        let judged = documents.iter().filter(|document| !document.is_null());
        let refused: Vec<String> = judged
            .filter_map(|document| self.schemas.validate(document, self.index).err())
            .map(|error| format!("{error:#}"))
            .collect();
        if refused.is_empty() {
            Verdict::Accepted
        } else {
            Verdict::Refused(refused.join("\n"))
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// By the schema, and why.
    Refused(String),
    /// It does not come so far: an editor's own parser refuses it.
    NoYaml(String),
}

/// The documents of a YAML text as JSON.
pub(crate) fn json(text: &str) -> Result<Vec<Value>, serde_yaml::Error> {
    let text = text.trim_start_matches('\u{feff}');
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Loose::deserialize(document).map(|Loose(value)| value))
        .collect()
}

/// A node as an editor tells it to its schema: of two equal keys the last counts, every key is a text, every number a number.
struct Loose(Value);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        de.deserialize_any(LooseVisitor).map(Self)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything without a tag")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    /// A document without a node.
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }
    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }
    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        // `.inf` and `.nan` are numbers in an editor, and cannot be told in JSON.
        Ok(if number.is_finite() { number } else { f64::MAX }.into())
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Loose(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((Loose(key), Loose(value))) = map.next_entry()? {
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("an unknown tag"))
    }
}
