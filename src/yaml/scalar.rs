//! Reads scalars as the text in the file.

use super::{Kind, Pass, ReadContext, Seed, Shape, Shaped};
use crate::diagnostics::{EntryPart, Problem, RawDiagnostic};
use compact_str::CompactString;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, VariantAccess, Visitor};
use std::fmt;

/// Reads a scalar's text.
pub(crate) type Parse<T> = fn(&str) -> Result<T, RawDiagnostic>;

/// Reads a scalar; `null` is an error.
pub(crate) struct Scalar<T> {
    pub(crate) wants: &'static str,
    pub(crate) parse: Parse<T>,
    /// True for a value whose capitals do not count.
    pub(crate) folds: fn(&T) -> bool,
}

impl<T> Scalar<T> {
    pub(crate) fn new(wants: &'static str, parse: Parse<T>) -> Self {
        Self {
            wants,
            parse,
            folds: |_| false,
        }
    }
}

// Not derived: that would ask the same of `T`.
impl<T> Clone for Scalar<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Scalar<T> {}

impl<'de, T> Seed<'de> for Scalar<T> {
    type Value = T;
    fn read<D: Deserializer<'de>>(&self, cx: &mut ReadContext, de: D) -> Result<Option<T>, D::Error> {
        let met = meet(cx, de, EntryPart::Value, *self)?;
        Ok(self.judge(cx, met, EntryPart::Value))
    }
}

impl<T> Scalar<T> {
    fn meet(&self, text: &str) -> Met<T> {
        match (self.parse)(text) {
            Ok(value) if (self.folds)(&value) && text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Met::Folded(value, text.into())
            }
            result => Met::Text(result),
        }
    }

    fn judge(&self, cx: &mut ReadContext, met: Met<T>, part: EntryPart) -> Option<T> {
        match met {
            Met::Text(Ok(value)) => return Some(value),
            Met::Folded(value, text) => {
                cx.folded(part, text);
                return Some(value);
            }
            Met::Text(Err(raw)) => {
                let place = cx.place(part);
                cx.problems.push(Problem::error(place, raw));
            }
            Met::Other(kind) => {
                let help = match kind {
                    Kind::List => Some(
                        "write a single value here: what stands between `[` and `]` is a list, and no part of a name",
                    ),
                    Kind::Map => Some("write a single value here: `a:b` is one, `a: b` is a map"),
                    Kind::Null | Kind::Scalar | Kind::Tagged => kind.help(),
                };
                cx.wrong_kind(self.wants, kind, help);
            }
        }
        None
    }
}

/// Reads a map's key.
pub(super) struct Key<T>(pub(super) Scalar<T>);

impl<'de, T> Seed<'de> for Key<T> {
    type Value = T;
    fn read<D: Deserializer<'de>>(&self, cx: &mut ReadContext, de: D) -> Result<Option<T>, D::Error> {
        let met = meet(cx, de, EntryPart::Key, self.0)?;
        Ok(self.0.judge(cx, met, EntryPart::Key))
    }
}

/// Reads a scalar or `null`.
pub(super) struct Nullable<T>(pub(super) Scalar<T>);

impl<'de, T> Seed<'de> for Nullable<T> {
    type Value = Option<T>;
    fn read<D: Deserializer<'de>>(&self, cx: &mut ReadContext, de: D) -> Result<Option<Option<T>>, D::Error> {
        match meet(cx, de, EntryPart::Value, self.0)? {
            Met::Other(Kind::Null) => Ok(Some(None)),
            met => Ok(self.0.judge(cx, met, EntryPart::Value).map(Some)),
        }
    }
}

/// The node in the place of a scalar.
enum Met<T> {
    Text(Result<T, RawDiagnostic>),
    /// A value, and its text with capitals that do not count.
    Folded(T, CompactString),
    Other(Kind),
}

fn meet<'de, D: Deserializer<'de>, T>(
    cx: &mut ReadContext,
    de: D,
    part: EntryPart,
    scalar: Scalar<T>,
) -> Result<Met<T>, D::Error> {
    cx.count_scalar()?;
    match &cx.pass {
        Pass::Probe(_) => {
            let met = Shaped(ProbeShape { part, scalar }).read(cx, de)?;
            return Ok(met.unwrap_or(Met::Other(Kind::Scalar)));
        }
        Pass::Read(others) if others.is_empty() => {}
        Pass::Read(others) => {
            if let Some(kind) = others.get(&cx.node(part)).copied() {
                de.deserialize_ignored_any(IgnoredAny)?;
                return Ok(Met::Other(kind));
            }
        }
    }
    // As an enum, because only so does the parser tell a tagged scalar from a plain one.
    let mut reached = false;
    let result = de.deserialize_enum(
        "",
        &[],
        ScalarVisitor {
            scalar,
            reached: &mut reached,
        },
    );
    if result.is_err() && !reached {
        cx.met_other_kind = true;
    }
    result
}

struct ScalarVisitor<'r, T> {
    scalar: Scalar<T>,
    reached: &'r mut bool,
}

impl<'de, T> Visitor<'de> for ScalarVisitor<'_, T> {
    type Value = Met<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Met<T>, A::Error> {
        *self.reached = true;
        let (met, variant) = access.variant_seed(TextVisitor(self.scalar))?;
        match met {
            Met::Other(Kind::Tagged) => variant.newtype_variant::<IgnoredAny>().map(|_| ())?,
            Met::Text(_) | Met::Folded(..) | Met::Other(_) => variant.unit_variant()?,
        }
        Ok(met)
    }
}

struct TextVisitor<T>(Scalar<T>);

impl<'de, T> DeserializeSeed<'de> for TextVisitor<T> {
    type Value = Met<T>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Met<T>, D::Error> {
        de.deserialize_option(self)
    }
}

impl<'de, T> Visitor<'de> for TextVisitor<T> {
    type Value = Met<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }
    fn visit_none<E: Error>(self) -> Result<Met<T>, E> {
        Ok(Met::Other(Kind::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, de: D) -> Result<Met<T>, D::Error> {
        de.deserialize_str(RawVisitor(self.0))
    }
    // A tag's name comes by way of serde's own deserializer of texts, which knows no option.
    fn visit_str<E: Error>(self, _tag: &str) -> Result<Met<T>, E> {
        Ok(Met::Other(Kind::Tagged))
    }
}

struct RawVisitor<T>(Scalar<T>);

impl<T> Visitor<'_> for RawVisitor<T> {
    type Value = Met<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Met<T>, E> {
        Ok(self.0.meet(text))
    }
}

/// Notes the nodes where no scalar stands.
struct ProbeShape<T> {
    part: EntryPart,
    scalar: Scalar<T>,
}

impl<'de, T> Shape<'de> for ProbeShape<T> {
    type Value = Met<T>;

    fn wants(&self) -> &'static str {
        "a single value"
    }
    fn text(&self, _cx: &mut ReadContext, text: &str) -> Option<Met<T>> {
        Some(self.scalar.meet(text))
    }
    fn other(&self, cx: &mut ReadContext, kind: Kind) -> Option<Met<T>> {
        cx.met(self.part, kind);
        None
    }
}
