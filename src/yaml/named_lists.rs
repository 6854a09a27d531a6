//! Reads maps whose keys are names.

use super::shape::{Items, MERGE, Shape, duplicate, merge_key, next_key};
use super::{Parse, ReadContext, Seed, Unread};
use crate::diagnostics::{Place, Problem, RawDiagnostic};
use serde::de::MapAccess;
use std::collections::HashMap;
use std::hash::Hash;

/// Named lists, in the order of the file.
pub(crate) type NamedLists<K, V> = Vec<NamedList<K, V>>;

/// Reads a map whose keys are free, each once, and whose values are lists.
pub(crate) struct NamedListsOf<K, S> {
    pub(crate) wants: &'static str,
    pub(crate) key: Parse<K>,
    pub(crate) list: &'static str,
    pub(crate) item: S,
}

/// An entry of such a map.
#[derive(Debug)]
pub(crate) struct NamedList<K, T> {
    pub(crate) key: K,
    /// The entry's index in the map.
    pub(crate) entry: u32,
    pub(crate) items: Items<T>,
}

impl<K, S> NamedListsOf<K, S> {
    fn key(&self, text: &str) -> Result<K, RawDiagnostic> {
        if text == MERGE {
            Err(merge_key())
        } else {
            (self.key)(text)
        }
    }
}

impl<'de, K: Clone + Eq + Hash, S: Seed<'de> + Copy> Shape<'de> for NamedListsOf<K, S> {
    type Value = Vec<NamedList<K, S::Value>>;

    fn wants(&self) -> &'static str {
        self.wants
    }

    fn instead(&self) -> &'static str {
        "write each as `name: [ann, bob]`"
    }

    fn map<A: MapAccess<'de>>(
        &self,
        cx: &mut ReadContext,
        mut map: A,
    ) -> Result<Option<Self::Value>, A::Error> {
        let mut entries = Vec::new();
        let mut seen: HashMap<K, Place> = HashMap::new();
        for entry in 0.. {
            let Some((place, text)) = next_key(cx, &mut map, entry, "a name")? else {
                break;
            };
            let value = Unread {
                map: &mut map,
                cx,
                entry,
            };
            // A list that cannot be read may hold anybody.
            let items = value
                .list(self.list, self.item)?
                .value
                .unwrap_or_else(|| vec![None]);
            match text.map(|text| self.key(&text).map(|key| (text, key))) {
                Some(Ok((text, key))) => match seen.get(&key) {
                    Some(first) => cx.problems.push(duplicate(place, &text, first)),
                    None => {
                        seen.insert(key.clone(), place);
                        entries.push(NamedList { key, entry, items });
                    }
                },
                Some(Err(raw)) => cx.problems.push(Problem::error(place, raw)),
                None => {}
            }
        }
        Ok(Some(entries))
    }
}
