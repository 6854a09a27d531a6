//! Beginning of a node, without an error that ends the walk.

use super::Piece;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Finds where a map or a list begins by the first plain text in it.
#[derive(Clone, Copy)]
pub(super) struct First<'t> {
    pub(super) text: &'t str,
}

impl First<'_> {
    /// The sign that opens what holds the node at this byte, or else that node.
    fn opening(self, byte: usize) -> usize {
        let before = self.text.get(..byte).unwrap_or_default().trim_end();
        if before.ends_with(['{', '[', '-']) {
            before.len() - 1
        } else {
            byte
        }
    }
}

impl<'de> DeserializeSeed<'de> for First<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for First<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(first) = map.next_key_seed(self)? else {
            return Ok(None);
        };
        map.next_value::<IgnoredAny>()?;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(first.map(|byte| self.opening(byte)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let first = seq.next_element_seed(self)?.flatten();
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.map(|byte| self.opening(byte)))
    }
    fn visit_borrowed_str<E: Error>(self, piece: &'de str) -> Result<Self::Value, E> {
        let found = Piece { text: self.text }.visit_borrowed_str::<E>(piece);
        Ok(found.ok())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
