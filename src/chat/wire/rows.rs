//! Lists of an answer, read row by row.

use super::lenient::{Any, AnyScalar, ReadAny, text};
use compact_str::CompactString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize};
use std::marker::PhantomData;

/// Rows of a list: an array of them, or one alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// Those that were understood, in their order.
    pub rows: Vec<T>,
    /// Number of those that were not.
    pub unreadable: usize,
}

/// Row of a list.
pub trait Row: Sized {
    /// Fields of such a row, each of which may be missing.
    type Fields: DeserializeOwned;

    /// Makes a row of its fields; `None`: it says too little or too much.
    fn of_fields(fields: Self::Fields) -> Option<Self>;

    /// Makes a row of a text.
    fn of_text(_: &str) -> Option<Self> {
        None
    }
}

/// Reads a list, or `None` where it is none.
struct ReadRows<T>(PhantomData<T>);

impl<T: Row> ReadAny for ReadRows<T> {
    type Value = Option<Rows<T>>;

    fn scalar(self, _: AnyScalar<'_>) -> Option<Rows<T>> {
        None
    }

    fn list<'de, A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Rows<T>>, A::Error> {
        let (mut rows, mut unreadable) = (Vec::new(), 0);
        while let Some(MaybeRow(row)) = items.next_element()? {
            match row {
                Some(row) => rows.push(row),
                None => unreadable += 1,
            }
        }
        Ok(Some(Rows { rows, unreadable }))
    }

    fn object<'de, A: MapAccess<'de>>(self, fields: A) -> Result<Option<Rows<T>>, A::Error> {
        let row = ReadRow(PhantomData).object(fields)?;
        Ok(Some(Rows {
            unreadable: usize::from(row.is_none()),
            rows: Vec::from_iter(row),
        }))
    }
}

impl<'de, T: Row> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = deserializer.deserialize_any(Any(ReadRows(PhantomData)))?;
        rows.ok_or_else(|| D::Error::custom("`data` is no list"))
    }
}

/// Reads a row, or `None` where it is not understood.
struct ReadRow<T>(PhantomData<T>);

impl<T: Row> ReadAny for ReadRow<T> {
    type Value = Option<T>;

    fn scalar(self, scalar: AnyScalar<'_>) -> Option<T> {
        match scalar {
            AnyScalar::Text(text) => T::of_text(text),
            AnyScalar::Number(number) => T::of_text(&number.to_string()),
            AnyScalar::Bool(_) | AnyScalar::Other => None,
        }
    }

    fn object<'de, A: MapAccess<'de>>(self, fields: A) -> Result<Option<T>, A::Error> {
        Ok(T::of_fields(T::Fields::deserialize(MapAccessDeserializer::new(
            fields,
        ))?))
    }
}

/// A row, if it was understood.
struct MaybeRow<T>(Option<T>);

impl<'de, T: Row> Deserialize<'de> for MaybeRow<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(ReadRow(PhantomData))).map(Self)
    }
}

/// A plain name, as the list of the admins has them.
impl Row for String {
    type Fields = IgnoredAny;

    fn of_fields(_: IgnoredAny) -> Option<Self> {
        None
    }

    fn of_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// A row of a member list. Admins are shown as plain members. A look reads millions of them, so a name that is not long
/// stands in the row itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberRow {
    /// `{"owner": user}`
    Owner(CompactString),
    /// `{"member": user}`
    Member(CompactString),
}

/// Fields of a [`MemberRow`].
#[derive(Debug, Deserialize)]
pub struct MemberFields {
    #[serde(default, deserialize_with = "text")]
    owner: Option<CompactString>,
    #[serde(default, deserialize_with = "text")]
    member: Option<CompactString>,
}

impl Row for MemberRow {
    type Fields = MemberFields;

    fn of_fields(fields: MemberFields) -> Option<Self> {
        match fields {
            MemberFields {
                owner: Some(owner),
                member: None,
            } if !owner.is_empty() => Some(Self::Owner(owner)),
            MemberFields {
                owner: None,
                member: Some(member),
            } if !member.is_empty() => Some(Self::Member(member)),
            MemberFields { .. } => None,
        }
    }
}

impl<'de> Deserialize<'de> for MemberRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = Self::of_fields(MemberFields::deserialize(deserializer)?);
        row.ok_or_else(|| D::Error::custom("a row names either an `owner` or a `member`"))
    }
}

/// Takes the rows if every one is understood: a list with others in it shows not all who are there.
pub(super) fn all_rows<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<MemberRow>>, D::Error> {
    let rows = deserializer.deserialize_any(Any(ReadRows(PhantomData)))?;
    Ok(rows.filter(|list| list.unreadable == 0).map(|list| list.rows))
}

/// Takes the names of a list, as far as they are understood.
pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let rows = deserializer.deserialize_any(Any(ReadRows(PhantomData)))?;
    Ok(rows.map(|list| list.rows).unwrap_or_default())
}
