//! Reads lists and maps.

use super::scalar::{Key, Scalar};
use super::{Fields, Kind, ReadContext, Secrecy, Seed, Seeded, Unread};
use crate::diagnostics::{EntryPart, Place, Problem, RawDiagnostic, closest, shown, suggest};
use compact_str::CompactString;
use serde::de::{Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

/// Items in the order of the file; `None` where a problem was recorded, so that an item keeps its index.
pub(crate) type Items<T> = Vec<Option<T>>;

/// Reads a node by its kind. A node of a kind that the shape does not accept is skipped and recorded.
pub(crate) trait Shape<'de> {
    type Value;
    /// The expected kind, as in "expected …".
    fn wants(&self) -> &'static str;

    fn seq<A: SeqAccess<'de>>(
        &self,
        cx: &mut ReadContext,
        mut seq: A,
    ) -> Result<Option<Self::Value>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other(cx, Kind::List))
    }

    fn map<A: MapAccess<'de>>(
        &self,
        cx: &mut ReadContext,
        mut map: A,
    ) -> Result<Option<Self::Value>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other(cx, Kind::Map))
    }

    /// A scalar that reads as text.
    fn text(&self, cx: &mut ReadContext, _text: &str) -> Option<Self::Value> {
        self.other(cx, Kind::Scalar)
    }

    /// A scalar that reads as a whole number.
    fn number(&self, cx: &mut ReadContext, _number: u64) -> Option<Self::Value> {
        self.other(cx, Kind::Scalar)
    }

    fn other(&self, cx: &mut ReadContext, kind: Kind) -> Option<Self::Value> {
        cx.wrong_kind(self.wants(), kind, kind.help().or(Some(self.instead())));
        None
    }

    /// Advice if the value is of another kind.
    fn instead(&self) -> &'static str {
        "write what is expected"
    }
}

/// Reads a [`Shape`].
pub(crate) struct Shaped<S>(pub(crate) S);

impl<'de, S: Shape<'de>> Seed<'de> for Shaped<S> {
    type Value = S::Value;
    fn read<D: Deserializer<'de>>(&self, cx: &mut ReadContext, de: D) -> Result<Option<S::Value>, D::Error> {
        de.deserialize_any(ShapeVisitor { cx, shape: &self.0 })
    }
}

struct ShapeVisitor<'c, S> {
    cx: &'c mut ReadContext,
    shape: &'c S,
}

impl<'de, S: Shape<'de>> Visitor<'de> for ShapeVisitor<'_, S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shape.wants())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        self.shape.seq(self.cx, seq)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.shape.map(self.cx, map)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.shape.text(self.cx, text))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.shape.number(self.cx, number))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Scalar))
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Scalar))
    }
    fn visit_i128<E: Error>(self, _: i128) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Scalar))
    }
    fn visit_u128<E: Error>(self, _: u128) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Scalar))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Scalar))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Null))
    }
    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.shape.other(self.cx, Kind::Null))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Self::Value, A::Error> {
        let (_, content) = tagged.variant::<IgnoredAny>()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(self.shape.other(self.cx, Kind::Tagged))
    }
}

/// Reads a list.
pub(crate) struct ListOf<S> {
    pub(crate) wants: &'static str,
    pub(crate) item: S,
}

impl<'de, S: Seed<'de>> Shape<'de> for ListOf<S> {
    type Value = Items<S::Value>;

    fn wants(&self) -> &'static str {
        self.wants
    }

    fn seq<A: SeqAccess<'de>>(
        &self,
        cx: &mut ReadContext,
        mut seq: A,
    ) -> Result<Option<Self::Value>, A::Error> {
        let mut items = Vec::new();
        for index in 0.. {
            let item = cx.within(index, |cx| seq.next_element_seed(Seeded { cx, seed: &self.item }))?;
            match item {
                Some(item) => items.push(item),
                None => break,
            }
        }
        // Most of what is kept of the files is in lists.
        items.shrink_to_fit();
        Ok(Some(items))
    }

    fn other(&self, cx: &mut ReadContext, kind: Kind) -> Option<Self::Value> {
        let help = match kind {
            // The parser itself would take a blank for an empty list.
            Kind::Null => Some("write `[]` for an empty list, or remove the key"),
            Kind::Scalar => {
                Some("write `[ann, bob]`, or an item `- ann` on each line, with a blank after the dash")
            }
            Kind::Map => Some("begin each item with `- `, or put all of them between `[` and `]`"),
            Kind::List | Kind::Tagged => kind.help(),
        };
        cx.wrong_kind(self.wants, kind, help);
        None
    }
}

/// Reads a map with a fixed set of keys.
pub(crate) struct FieldsOf<F> {
    /// True for the document as a whole, which may be empty.
    is_root: bool,
    fields: PhantomData<fn() -> F>,
}

impl<F> FieldsOf<F> {
    pub(crate) fn new() -> Self {
        Self {
            is_root: false,
            fields: PhantomData,
        }
    }

    pub(super) fn root() -> Self {
        Self {
            is_root: true,
            ..Self::new()
        }
    }
}

impl<'de, F: Fields> Shape<'de> for FieldsOf<F> {
    type Value = F;

    fn wants(&self) -> &'static str {
        "a map of keys and values"
    }

    fn other(&self, cx: &mut ReadContext, kind: Kind) -> Option<F> {
        if self.is_root && kind == Kind::Null {
            return None;
        }
        let how = match kind {
            Kind::List if self.is_root => "begin with a key such as `rooms:`, and put the list below it",
            _ => "write it as `key: value`, with a blank after the colon",
        };
        let keys = format!("{how}; the keys are: {}", F::KEYS.join(", "));
        cx.wrong_kind(self.wants(), kind, kind.help().or(Some(&keys)));
        if let Some(problem) = cx.problems.last_mut() {
            // A file that is one word may be anything, a token too.
            problem.raw.is_secret |= if self.is_root {
                kind == Kind::Scalar
            } else {
                may_be_secret::<F>()
            };
        }
        None
    }

    fn map<A: MapAccess<'de>>(&self, cx: &mut ReadContext, mut map: A) -> Result<Option<F>, A::Error> {
        let mut fields = F::default();
        let mut seen: HashMap<&str, Place> = HashMap::new();
        let mut has_unknown = false;
        let before = cx.problems.len();
        for entry in 0.. {
            let Some((place, text)) = next_key(cx, &mut map, entry, "the name of a key")? else {
                break;
            };
            if F::SECRECY == Secrecy::All {
                cx.hide(entry);
            }
            let Some(text) = text else {
                has_unknown = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let map = &mut map;
            match F::KEYS.iter().find(|known| text == **known) {
                Some(known) => match seen.get(known) {
                    None => {
                        seen.insert(known, place);
                        fields.field(known, Unread { map, cx, entry })?;
                    }
                    Some(first) => {
                        let mut problem = duplicate(place, known, first);
                        problem.raw.is_secret |= may_be_secret::<F>();
                        cx.problems.push(problem);
                        map.next_value::<IgnoredAny>()?;
                    }
                },
                None if F::NOT_YET.contains(&text.as_str()) => {
                    let mut raw = RawDiagnostic::not_yet(&text);
                    raw.is_secret = may_be_secret::<F>();
                    Unread { map, cx, entry }.refuse(raw)?;
                }
                None => {
                    if self.is_root {
                        cx.unknown_keys.push((text.clone(), place.clone()));
                    }
                    let raw = match text == MERGE {
                        true => merge_key(),
                        false => unknown_key::<F>(&text),
                    };
                    cx.problems.push(Problem::error(place, raw));
                    let meant = closest(&text, F::KEYS.iter().copied());
                    let meant = meant.filter(|meant| !seen.contains_key(meant));
                    has_unknown |= may_be_secret::<F>() || meant.is_none();
                    match meant {
                        None => map.next_value::<IgnoredAny>().map(|_| ())?,
                        // What stands there may be the secret itself: it is checked, and not kept.
                        Some(meant) if may_be_secret::<F>() => {
                            read_as_meant(&mut F::default(), meant, Unread { map, cx, entry })?;
                        }
                        Some(meant) => read_as_meant(&mut fields, meant, Unread { map, cx, entry })?,
                    }
                }
            }
        }
        let of_entries = cx.problems.len();
        if !has_unknown {
            fields.finish(cx);
        }
        cx.of_last_map = of_entries..cx.problems.len();
        let is_dropped = match F::SECRECY {
            Secrecy::None => false,
            // What it seems to lack may be under an unknown key.
            Secrecy::Unknown => has_unknown && !self.is_root,
            Secrecy::All => cx.problems.len() > before,
        };
        Ok((!is_dropped).then_some(fields))
    }
}

/// Reads the value of a misspelled key as that of the key that is probably meant, so that nothing more is reported of the same
/// mistake.
fn read_as_meant<'de, F: Fields, A: MapAccess<'de>>(
    fields: &mut F,
    meant: &str,
    value: Unread<'_, A>,
) -> Result<(), A::Error> {
    let Unread { map, cx, entry } = value;
    let before = cx.problems.len();
    fields.field(meant, Unread { map, cx, entry })?;
    let here = cx.within(entry, |cx| {
        [EntryPart::Key, EntryPart::Value].map(|part| cx.place(part))
    });
    let of_value = cx.problems.split_off(before);
    let deeper = of_value
        .into_iter()
        .filter(|problem| !here.contains(&problem.place));
    cx.problems.extend(deeper);
    Ok(())
}

/// The place and the text of a map's next key: no text if a problem was recorded. `None` at the end of the map.
pub(super) fn next_key<'de, A: MapAccess<'de>>(
    cx: &mut ReadContext,
    map: &mut A,
    entry: u32,
    wants: &'static str,
) -> Result<Option<(Place, Option<CompactString>)>, A::Error> {
    let key = Key(Scalar::new(wants, |text| Ok(CompactString::new(text))));
    cx.within(entry, |cx| {
        let text = map.next_key_seed(Seeded { cx, seed: &key })?;
        Ok(text.map(|text| (cx.place(EntryPart::Key), text)))
    })
}

/// No key of ours is longer. A longer one, where secrets are named, may be one.
const LONGEST_KEY: usize = 24;

/// The key of YAML that takes over the entries of another map.
pub(super) const MERGE: &str = "<<";

pub(super) fn merge_key() -> RawDiagnostic {
    let message = "`<<` is a merge key, which takes over the keys of another map: these files have none";
    RawDiagnostic::new("merge-key", message).help(
        "write the keys out; what the rooms of a file share can stand under `defaults`, and a list of people can be a group",
    )
}

/// True if what is not understood may be a secret.
fn may_be_secret<F: Fields>() -> bool {
    F::SECRECY > Secrecy::None
}

fn unknown_key<F: Fields>(key: &str) -> RawDiagnostic {
    let help = suggest(key, F::KEYS, "the keys are");
    let is_word =
        key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    // `{s3cret}` is a map with a key.
    let message = match may_be_secret::<F>() && !is_word {
        true => format!("unknown key in {}", F::WHAT),
        false => format!("unknown key {} in {}", shown(key), F::WHAT),
    };
    let raw = RawDiagnostic::new("unknown-key", message).help(help);
    if may_be_secret::<F>() { raw.secret() } else { raw }
}

pub(super) fn duplicate(place: Place, key: &str, first: &Place) -> Problem {
    let raw = RawDiagnostic::new("duplicate-key", format!("the key {} is here twice", shown(key)))
        .help("keep one of the two; YAML readers differ in which of them counts");
    Problem::error(place, raw).also(first.clone(), "first here")
}
