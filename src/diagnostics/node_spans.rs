//! Nodes of a document → bytes of its text.
//!
//! Only files with a problem need positions: their text is parsed again, down to the nodes. A scalar that is a piece of the
//! text has its place in it. For any other node an error is raised, which carries the parser's mark and ends the walk; the
//! remaining nodes need another walk.

mod first;

use super::problem::{EntryPart, NodePath};
use first::First;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Most walks of one text. Only nodes that are not plain pieces of it need one each. If there may be more of them, a first walk
/// finds maps and lists by the first text in them.
const MOST_WALKS: usize = 100;

/// Finds the byte that each node begins at. A node that is not in the document is not in the result.
pub(crate) fn bytes_of(text: &str, nodes: impl IntoIterator<Item = NodePath>) -> BTreeMap<NodePath, usize> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<NodePath> = nodes.into_iter().collect();
    pending.sort_unstable();
    pending.dedup();
    let are_many = pending.len() > MOST_WALKS;
    for number in 0..=MOST_WALKS {
        let by_content = are_many && number == 0;
        let mut walk = Walk {
            text,
            found: Vec::new(),
            raised_at: None,
            by_content,
        };
        let Some(document) = serde_yaml::Deserializer::from_str(text).next() else {
            break;
        };
        let targets: Vec<&NodePath> = pending.iter().collect();
        let end = Descent {
            walk: &mut walk,
            targets: &targets,
            depth: 0,
        }
        .deserialize(document);
        if let (Some(node), Err(error)) = (walk.raised_at, end)
            && let Some(location) = error.location()
        {
            walk.found.push((node, location.index()));
        }
        if walk.found.is_empty() && !by_content {
            break;
        }
        found.extend(walk.found);
        pending.retain(|node| !found.contains_key(node));
        if pending.is_empty() {
            break;
        }
    }
    found
}

/// The byte where a document's content begins.
pub(crate) fn start_of(document: serde_yaml::Deserializer<'_>) -> Option<usize> {
    let error = document.deserialize_any(Piece { text: "" }).err()?;
    error.location().map(|location| location.index())
}

struct Walk<'t> {
    text: &'t str,
    found: Vec<(NodePath, usize)>,
    /// The node that the error in flight is about.
    raised_at: Option<NodePath>,
    /// True if a map or a list is found by the first text in it.
    by_content: bool,
}

/// Goes down to `targets`, which all lie at or below the present node and are sorted.
struct Descent<'w, 't, 'n> {
    walk: &'w mut Walk<'t>,
    targets: &'w [&'n NodePath],
    depth: usize,
}

/// The targets at or below a child: its key where that is one, and the rest.
fn of_child<'w, 'n>(
    targets: &'w [&'n NodePath],
    depth: usize,
    step: u32,
) -> (Option<&'n NodePath>, &'w [&'n NodePath]) {
    let step_of = |node: &&NodePath| node.steps.get(depth).copied();
    let from = targets.partition_point(|node| step_of(node) < Some(step));
    let to = targets.partition_point(|node| step_of(node) <= Some(step));
    let targets = targets.get(from..to).unwrap_or_default();
    match targets.split_first() {
        Some((key, rest)) if key.steps.len() == depth + 1 && key.part == EntryPart::Key => (Some(key), rest),
        _ => (None, targets),
    }
}

impl<'de> DeserializeSeed<'de> for Descent<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        match self.targets.first() {
            None => de.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            Some(node) if node.steps.len() == self.depth => Here {
                walk: self.walk,
                node,
            }
            .deserialize(de),
            Some(_) => de.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Descent<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the way to a node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        for step in 0.. {
            let (key, below) = of_child(self.targets, self.depth, step);
            let more = match key {
                Some(node) => map.next_key_seed(Here {
                    walk: &mut *self.walk,
                    node,
                })?,
                None => map.next_key::<IgnoredAny>()?.map(|_| ()),
            };
            if more.is_none() {
                break;
            }
            map.next_value_seed(Descent {
                walk: &mut *self.walk,
                targets: below,
                depth: self.depth + 1,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for step in 0.. {
            let (item, below) = of_child(self.targets, self.depth, step);
            let more = match item {
                Some(node) => seq.next_element_seed(Here {
                    walk: &mut *self.walk,
                    node,
                })?,
                None => seq.next_element_seed(Descent {
                    walk: &mut *self.walk,
                    targets: below,
                    depth: self.depth + 1,
                })?,
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// A target that has been reached.
struct Here<'w, 't, 'n> {
    walk: &'w mut Walk<'t>,
    node: &'n NodePath,
}

impl<'de> DeserializeSeed<'de> for Here<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        if self.walk.by_content {
            let first = First { text: self.walk.text };
            let byte = de.deserialize_any(first)?;
            self.walk.found.extend(byte.map(|byte| (self.node.clone(), byte)));
            return Ok(());
        }
        self.walk.raised_at = Some(self.node.clone());
        let byte = de.deserialize_str(Piece { text: self.walk.text })?;
        self.walk.found.push((self.node.clone(), byte));
        self.walk.raised_at = None;
        Ok(())
    }
}

/// Finds the byte of a scalar that is a piece of the text. For any other node serde raises an error, and the parser marks it
/// with the node's place.
struct Piece<'t> {
    text: &'t str,
}

impl<'de> Visitor<'de> for Piece<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a piece of the text")
    }

    fn visit_borrowed_str<E: Error>(self, piece: &'de str) -> Result<usize, E> {
        let byte = piece.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        let before = self
            .text
            .get(..byte)
            .ok_or_else(|| E::custom("not of this text"))?;
        Ok(if before.ends_with(['"', '\'']) {
            byte - 1
        } else {
            byte
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Tree {
        Scalar(&'static str),
        List {
            is_flow: bool,
            items: Vec<Tree>,
        },
        Map {
            is_flow: bool,
            entries: Vec<(&'static str, Tree)>,
        },
    }

    fn scalar() -> impl Strategy<Value = &'static str> {
        // Pieces of the text, and texts that the parser makes anew: escapes and a doubled quote.
        prop::sample::select(vec![
            "a",
            "1.10",
            "~",
            "é",
            "\"é b\"",
            "'c'",
            "\"\\u00e9\\n\"",
            "'it''s'",
            "\"\"",
        ])
    }

    fn tree() -> impl Strategy<Value = Tree> {
        scalar().prop_map(Tree::Scalar).prop_recursive(4, 24, 4, |inner| {
            let items = prop::collection::vec(inner.clone(), 0..4);
            let entries = prop::collection::vec((scalar(), inner), 0..4);
            prop_oneof![
                (any::<bool>(), items).prop_map(|(is_flow, items)| Tree::List { is_flow, items }),
                (any::<bool>(), entries).prop_map(|(is_flow, entries)| Tree::Map { is_flow, entries }),
            ]
        })
    }

    /// Writes a document, and notes where it puts each node.
    #[derive(Default)]
    struct Writer {
        text: String,
        steps: Vec<u32>,
        places: BTreeMap<NodePath, usize>,
    }

    impl Writer {
        fn note(&mut self, part: EntryPart) {
            let steps = self.steps.clone();
            self.places.insert(NodePath { steps, part }, self.text.len());
        }

        /// Writes a node; in a block its lines begin with `indent` spaces, but for the first, which is begun.
        fn write(&mut self, tree: &Tree, indent: usize, in_flow: bool) {
            self.note(EntryPart::Value);
            let (length, is_flow, brackets) = match tree {
                Tree::Scalar(text) => return self.text += text,
                Tree::List { is_flow, items } => (items.len(), *is_flow, ["[", "]"]),
                Tree::Map { is_flow, entries } => (entries.len(), *is_flow, ["{", "}"]),
            };
            let is_flow = is_flow || in_flow || length == 0;
            if is_flow {
                self.text += brackets[0];
            }
            for step in 0..length {
                match (step, is_flow) {
                    (0, _) => {}
                    (_, true) => self.text += ",  ",
                    (_, false) => self.text += &format!("\n# {{é\n{}", " ".repeat(indent)),
                }
                self.steps.push(u32::try_from(step).unwrap());
                match tree {
                    Tree::Scalar(_) => {}
                    Tree::List { items, .. } => {
                        self.text += if is_flow { "" } else { "- " };
                        self.write(&items[step], indent + 2, is_flow);
                    }
                    Tree::Map { entries, .. } => {
                        self.note(EntryPart::Key);
                        self.text += entries[step].0;
                        self.text += ": ";
                        let value = &entries[step].1;
                        let is_block = match value {
                            Tree::Scalar(_) => false,
                            Tree::List { is_flow, items } => !is_flow && !items.is_empty(),
                            Tree::Map { is_flow, entries } => !is_flow && !entries.is_empty(),
                        };
                        if is_block && !is_flow {
                            self.text += &format!("\n{}", " ".repeat(indent + 2));
                        }
                        self.write(value, indent + 2, is_flow);
                    }
                }
                self.steps.pop();
            }
            if is_flow {
                self.text += brackets[1];
            }
        }
    }

    proptest! {
        #[test]
        fn finds_every_node_where_it_was_put(tree in tree()) {
            let mut writer = Writer::default();
            writer.write(&tree, 0, false);
            let found = bytes_of(&writer.text, writer.places.keys().cloned());
            prop_assert_eq!(found, writer.places, "{}", writer.text);
        }
    }

    #[test]
    fn maps_and_lists_are_found_however_many() {
        let items = ["{a: b}", "[c]", "{ d: e}"];
        let mut text = "-\n".to_owned();
        let mut places = BTreeMap::new();
        for number in 0..1_000_u32 {
            text += "  - ";
            let steps = vec![0, number];
            let part = EntryPart::Value;
            places.insert(NodePath { steps, part }, text.len());
            text += items[number as usize % 3];
            text += "\n";
        }
        assert_eq!(bytes_of(&text, places.keys().cloned()), places);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let node = |steps: &[u32]| NodePath {
            steps: steps.to_vec(),
            part: EntryPart::Value,
        };
        let nodes = [node(&[0, 7]), node(&[3]), node(&[0, 0, 0]), node(&[0])];
        let found = bytes_of("a: [b]\nc: d\n", nodes.clone());
        assert_eq!(found, BTreeMap::from([(node(&[0]), 3)]));
        assert_eq!(bytes_of("", nodes), BTreeMap::new());
    }
}
