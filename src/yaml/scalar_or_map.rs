//! Reads a scalar, or a map that says more than the scalar could.

use super::{Fields, FieldsOf, Kind, Pass, ReadContext, Scalar, Seed, Shape, Shaped};
use crate::diagnostics::EntryPart;
use serde::de::{Deserializer, MapAccess};
use std::marker::PhantomData;

/// Reads a scalar or a map. `of_map` gives nothing only where the map's fields recorded a problem.
pub(crate) struct ScalarOrMap<T, F> {
    pub(crate) scalar: Scalar<T>,
    pub(crate) of_map: fn(F) -> Option<T>,
}

// Not derived: that would ask the same of `T` and `F`.
impl<T, F> Clone for ScalarOrMap<T, F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, F> Copy for ScalarOrMap<T, F> {}

impl<'de, T, F: Fields> Seed<'de> for ScalarOrMap<T, F> {
    type Value = T;
    fn read<D: Deserializer<'de>>(&self, cx: &mut ReadContext, de: D) -> Result<Option<T>, D::Error> {
        match &cx.pass {
            Pass::Probe(_) => Shaped(Probe::<T, F>(PhantomData)).read(cx, de),
            Pass::Read(others) if others.is_empty() => self.scalar.read(cx, de),
            Pass::Read(others) if others.get(&cx.node(EntryPart::Value)) == Some(&Kind::Map) => {
                let fields = Shaped(FieldsOf::<F>::new()).read(cx, de)?;
                Ok(fields.and_then(self.of_map))
            }
            Pass::Read(_) => self.scalar.read(cx, de),
        }
    }
}

/// Notes where no scalar stands, in the map too.
struct Probe<T, F>(PhantomData<fn(F) -> T>);

impl<'de, T, F: Fields> Shape<'de> for Probe<T, F> {
    type Value = T;

    fn wants(&self) -> &'static str {
        "a single value or a map"
    }
    fn map<A: MapAccess<'de>>(&self, cx: &mut ReadContext, map: A) -> Result<Option<T>, A::Error> {
        cx.met(EntryPart::Value, Kind::Map);
        FieldsOf::<F>::new().map(cx, map)?;
        Ok(None)
    }
    fn text(&self, _cx: &mut ReadContext, _text: &str) -> Option<T> {
        None
    }
    fn other(&self, cx: &mut ReadContext, kind: Kind) -> Option<T> {
        cx.met(EntryPart::Value, kind);
        None
    }
}
