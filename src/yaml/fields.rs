//! Maps whose keys are described in one place.

use super::scalar::Nullable;
use super::{
    FieldsOf, Items, ListOf, NamedLists, NamedListsOf, Parse, ReadContext, Scalar, Seed, Seeded, Shape,
    Shaped,
};
use crate::diagnostics::{RawDiagnostic, shown};
use serde::de::{IgnoredAny, MapAccess};

/// The value of a key, and the place of its entry.
#[derive(Debug)]
pub(crate) struct Field<T> {
    /// The entry's index in the map; `None`: the key is not there.
    pub(crate) entry: Option<u32>,
    /// `None`: the key is not there, or a problem was recorded.
    pub(crate) value: Option<T>,
}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self {
            entry: None,
            value: None,
        }
    }
}

/// Part of a map that may be a secret in the wrong place: it is neither shown nor kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Secrecy {
    None,
    /// Keys that are not known, with their values.
    Unknown,
    /// Everything.
    All,
}

/// A map with a fixed set of keys.
pub(crate) trait Fields: Default {
    /// Its name, as in "unknown key in …".
    const WHAT: &'static str;
    /// Its keys.
    const KEYS: &'static [&'static str];
    /// What of it may be a secret in the wrong place.
    const SECRECY: Secrecy = Secrecy::None;

    /// Reads the value of one of [`Self::KEYS`].
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Unread<'_, A>) -> Result<(), A::Error>;

    /// Checks the map as a whole; `cx` is at it. A map with an unknown key is not checked: what it seems to lack may be there.
    fn finish(&mut self, _cx: &mut ReadContext) {}
}

/// The value of a key, still to be read.
pub(crate) struct Unread<'v, A> {
    pub(super) map: &'v mut A,
    pub(super) cx: &'v mut ReadContext,
    pub(super) entry: u32,
}

impl<'de, A: MapAccess<'de>> Unread<'_, A> {
    fn read<S: Seed<'de>>(self, seed: &S) -> Result<Field<S::Value>, A::Error> {
        let Self { map, cx, entry } = self;
        let value = cx.within(entry, |cx| map.next_value_seed(Seeded { cx, seed }))?;
        Ok(Field {
            entry: Some(entry),
            value,
        })
    }

    /// Reads a scalar.
    pub(crate) fn scalar<T>(self, wants: &'static str, parse: Parse<T>) -> Result<Field<T>, A::Error> {
        self.one(&Scalar::new(wants, parse))
    }

    /// Reads this scalar.
    pub(crate) fn one<T>(self, scalar: &Scalar<T>) -> Result<Field<T>, A::Error> {
        self.read(scalar)
    }

    /// Reads a scalar or `null`.
    pub(crate) fn nullable<T>(
        self,
        wants: &'static str,
        parse: Parse<T>,
    ) -> Result<Field<Option<T>>, A::Error> {
        self.read(&Nullable(Scalar::new(wants, parse)))
    }

    /// Reads a list of what the seed reads.
    pub(crate) fn list<S: Seed<'de>>(
        self,
        wants: &'static str,
        item: S,
    ) -> Result<Field<Items<S::Value>>, A::Error> {
        self.read(&Shaped(ListOf { wants, item }))
    }

    /// Reads a map.
    pub(crate) fn map<F: Fields>(self) -> Result<Field<F>, A::Error> {
        self.read(&Shaped(FieldsOf::new()))
    }

    /// Reads a list of maps.
    pub(crate) fn maps<F: Fields>(self, wants: &'static str) -> Result<Field<Items<F>>, A::Error> {
        self.read(&Shaped(ListOf {
            wants,
            item: Shaped(FieldsOf::<F>::new()),
        }))
    }

    /// Reads a map whose keys are names and whose values are lists.
    pub(crate) fn named_lists<K, S>(
        self,
        of: NamedListsOf<K, S>,
    ) -> Result<Field<NamedLists<K, S::Value>>, A::Error>
    where
        K: Clone + Eq + std::hash::Hash,
        S: Seed<'de> + Copy,
    {
        self.read(&Shaped(of))
    }

    /// Reads what the shape takes.
    pub(crate) fn shape<S: Shape<'de>>(self, shape: S) -> Result<Field<S::Value>, A::Error> {
        self.read(&Shaped(shape))
    }

    /// Refuses the key, whatever its value.
    pub(crate) fn refuse(self, raw: RawDiagnostic) -> Result<(), A::Error> {
        let Self { map, cx, entry } = self;
        cx.within(entry, |cx| cx.error_at_key(raw));
        map.next_value::<IgnoredAny>().map(|_| ())
    }

    /// Refuses a key that nothing reads.
    pub(crate) fn unknown(self, key: &str) -> Result<(), A::Error> {
        self.refuse(RawDiagnostic::new(
            "unknown-key",
            format!("unknown key {}", shown(key)),
        ))
    }
}

/// Declares a map: each key with its doc comment (which goes into the schema), the type of its value, and how it is read.
macro_rules! fields {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident($what:literal $(, secrecy: $secrecy:ident)? $(, finish: $finish:path)?) {
            $($(#[$key_meta:meta])* $key:ident: $type:ty = |$value:ident| $read:expr,)*
        }
    ) => {
        #[derive(Debug, Default, schemars::JsonSchema)]
        $(#[$meta])*
        $vis struct $name {
            $($(#[$key_meta])* pub(super) $key: $crate::yaml::Field<$type>,)*
        }

        impl $crate::yaml::Fields for $name {
            const WHAT: &'static str = $what;
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
            $(const SECRECY: $crate::yaml::Secrecy = $crate::yaml::Secrecy::$secrecy;)?

            fn field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                value: $crate::yaml::Unread<'_, A>,
            ) -> Result<(), A::Error> {
                match key {
                    $(stringify!($key) => {
                        let $value = value;
                        self.$key = $read?;
                    })*
                    _ => value.unknown(key)?,
                }
                Ok(())
            }

            $(fn finish(&mut self, cx: &mut $crate::yaml::ReadContext) {
                $finish(self, cx);
            })?
        }
    };
}
pub(crate) use fields;
