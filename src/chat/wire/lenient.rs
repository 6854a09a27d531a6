//! Readers of fields of any type. A field that cannot be read counts as missing, and never spoils the answer around it.

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A value in JSON, as far as it is a scalar.
pub(super) enum AnyScalar<'a> {
    Text(&'a str),
    /// A whole number that is not negative.
    Number(u64),
    Bool(bool),
    /// `null`, another number, or what a reader did not expect.
    Other,
}

/// Reads a value of any type.
pub(super) trait ReadAny: Sized {
    type Value;

    fn scalar(self, scalar: AnyScalar<'_>) -> Self::Value;

    fn list<'de, A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.scalar(AnyScalar::Other))
    }

    fn object<'de, A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.scalar(AnyScalar::Other))
    }
}

/// Hands whatever comes to a reader.
pub(super) struct Any<R>(pub(super) R);

impl<'de, R: ReadAny> Visitor<'de> for Any<R> {
    type Value = R::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<R::Value, E> {
        Ok(self.0.scalar(AnyScalar::Text(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<R::Value, E> {
        Ok(self.0.scalar(AnyScalar::Number(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<R::Value, E> {
        let number = u64::try_from(number).map_or(AnyScalar::Other, AnyScalar::Number);
        Ok(self.0.scalar(number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<R::Value, E> {
        Ok(self.0.scalar(AnyScalar::Other))
    }

    fn visit_bool<E>(self, value: bool) -> Result<R::Value, E> {
        Ok(self.0.scalar(AnyScalar::Bool(value)))
    }

    fn visit_unit<E>(self) -> Result<R::Value, E> {
        Ok(self.0.scalar(AnyScalar::Other))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<R::Value, A::Error> {
        self.0.list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<R::Value, A::Error> {
        self.0.object(fields)
    }
}

/// Reads whatever a function makes of a scalar.
struct Scalar<F>(F);

impl<T, F: Fn(AnyScalar<'_>) -> Option<T>> ReadAny for Scalar<F> {
    type Value = Option<T>;

    fn scalar(self, scalar: AnyScalar<'_>) -> Option<T> {
        self.0(scalar)
    }
}

/// Reads what `read` makes of a scalar; anything else is missing.
pub(super) fn scalar<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl Fn(AnyScalar<'_>) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(Any(Scalar(read)))
}

/// Reads a text. A whole number counts as its digits; anything else is missing.
pub(super) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> From<&'a str>,
{
    scalar(deserializer, |scalar| match scalar {
        AnyScalar::Text(text) => Some(T::from(text)),
        AnyScalar::Number(number) => Some(T::from(number.to_string().as_str())),
        AnyScalar::Bool(_) | AnyScalar::Other => None,
    })
}

/// Reads a text like [`text`], an empty one where it is missing.
pub(super) fn text_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(text(deserializer)?.unwrap_or_default())
}

/// Reads a whole number that is not negative. Digits in a text count as one; anything else is missing.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    scalar(deserializer, |scalar| match scalar {
        AnyScalar::Text(text) => text.trim().parse().ok(),
        AnyScalar::Number(number) => Some(number),
        AnyScalar::Bool(_) | AnyScalar::Other => None,
    })
}

/// Reads a number like [`number`], 0 where it is missing.
pub(super) fn number_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(number(deserializer)?.unwrap_or_default())
}

/// Passes a field over.
pub(super) fn ignored<'de, D: Deserializer<'de>, T: Default>(deserializer: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| T::default())
}

/// Fields that say who is there or what was done. One that is written twice spoils its answer.
const ABOUT_PEOPLE: [&str; 9] = [
    "data",
    "owner",
    "member",
    "count",
    "affiliations",
    "affiliations_count",
    "id",
    "user",
    "result",
];

/// Decodes an answer: a byte order mark, half a character or a key written twice does not spoil the rest.
pub(in crate::chat) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).or_else(|error| {
        // Two answers to who is there are none.
        let error_text = error.to_string();
        let is_twice = |field: &&str| error_text.contains(&format!("duplicate field `{field}`"));
        if ABOUT_PEOPLE.iter().any(is_twice) {
            return Err(error);
        }
        // Slow, but such answers are rare. Of another key that is there twice the last one counts.
        let text = without_half_characters(&String::from_utf8_lossy(body));
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| error)?;
        T::deserialize(value)
    })
}

/// Puts the replacement character in the place of `\ud83c` and its like that stand alone, as in a text that was cut.
fn without_half_characters(text: &str) -> String {
    const INSTEAD: &str = "\\ufffd";
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        whole.push_str(before);
        let unit = utf16_unit(from);
        let pair = unit.filter(|unit| (0xd800..0xdc00).contains(unit)).and_then(|_| {
            let low = utf16_unit(from.get(6..)?)?;
            (0xdc00..0xe000).contains(&low).then_some(12)
        });
        let length = match (unit, pair) {
            (_, Some(length)) => length,
            (Some(0xd800..0xe000), None) => {
                whole.push_str(INSTEAD);
                rest = from.get(6..).unwrap_or_default();
                continue;
            }
            // With the backslash goes what it escapes, which may be another one.
            _ => from.chars().take(2).map(char::len_utf8).sum(),
        };
        let (kept, after) = from.split_at(length.min(from.len()));
        whole.push_str(kept);
        rest = after;
    }
    whole.push_str(rest);
    whole
}

/// The number in `\u1234` at the beginning of a text.
fn utf16_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Envelope, MemberRow, Rows};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn half_characters_are_replaced_and_whole_ones_stay() {
        for (body, read) in [
            (r#""a\ud83cb""#, "a\u{fffd}b"),
            (r#""\ud83c""#, "\u{fffd}"),
            (r#""\udf89\ud83c""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83c\udf89 \ud83c""#, "\u{1f389} \u{fffd}"),
            (r#""\\ud83c \ud83c""#, "\\ud83c \u{fffd}"),
            (r#""\ud83c\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(decode::<String>(body.as_bytes()).unwrap(), read, "{body}");
        }
        assert_eq!(decode::<String>(b"\"a\xffb\"").unwrap(), "a\u{fffd}b");
        assert_eq!(decode::<String>(b"\xef\xbb\xbf\"a\"").unwrap(), "a");
        for cut in [&b"\"a"[..], b"{\"a\":", b"", b"\"\\ud8", b"\"\\ud83c"] {
            assert!(decode::<Value>(cut).is_err(), "{cut:?}");
        }
    }

    #[test]
    fn what_is_said_twice_of_people_is_not_said() {
        for twice in [
            r#"{"data":["mia"],"data":[],"count":0}"#,
            r#"{"data":[{"member":"a","member":"b"}]}"#,
            r#"{"data":[{"owner":"a","owner":"b"}]}"#,
        ] {
            assert!(
                decode::<Envelope<Rows<MemberRow>>>(twice.as_bytes()).is_err(),
                "{twice}"
            );
        }
        let harmless = r#"{"action":"get","action":"post","data":[{"member":"a"}]}"#;
        assert!(decode::<Envelope<Rows<MemberRow>>>(harmless.as_bytes()).is_ok());
        let nobody = r#"{"data":[{"owner":""},{"member":""},{"member":"a"}]}"#;
        let list: Envelope<Rows<MemberRow>> = decode(nobody.as_bytes()).unwrap();
        assert_eq!((list.data.rows.len(), list.data.unreadable), (1, 2));
    }

    #[test]
    fn scalars_are_read_by_what_they_say() {
        let read = |value: &Value| {
            (
                text::<_, String>(value.clone()).unwrap(),
                number(value.clone()).unwrap(),
            )
        };
        for (value, as_text, as_number) in [
            (json!("a"), Some("a"), None),
            (json!("12"), Some("12"), Some(12)),
            (json!(12), Some("12"), Some(12)),
            (json!(-1), None, None),
            (json!(1.5), None, None),
            (json!(true), None, None),
            (json!(null), None, None),
            (json!([1]), None, None),
            (json!({"a": 1}), None, None),
        ] {
            assert_eq!(read(&value), (as_text.map(String::from), as_number), "{value}");
        }
    }
}
