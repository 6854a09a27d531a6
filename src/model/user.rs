use super::named_char;
use compact_str::CompactString;
use std::fmt;

/// A username as the service takes it: 1 to 64 of `a-z 0-9 _ - .`, in lower case, not of dots only.
///
/// The service compares names without case (seed, "Common parameters"), so capitals are folded here, once. Names of
/// dots only match the service's rule too, but URL libraries resolve them as path segments, which would turn the
/// removal of a user into another call; they can never become a `UserId`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(CompactString);

/// Error of a text that is not a username.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUserId {
    /// Nothing between the quotes.
    #[error("a name cannot be empty")]
    Empty,
    /// More than [`UserId::MAX_LEN`] characters.
    #[error("a name has at most 64 characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the service's set.
    #[error("a name consists of a-z, A-Z, 0-9, `_`, `-` and `.`, and this one holds {name}", name = named_char(*.0))]
    BadChar(char),
    /// `.`, `..` and so on.
    #[error("a name cannot consist of dots only: in a request's path it would mean another path")]
    DotsOnly,
}

const PLAIN: u8 = 1;
const CAPITAL: u8 = 2;
const DOT: u8 = 4;
const OTHER: u8 = 8;

/// Class of a byte in a name.
fn kind(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => PLAIN,
        b'A'..=b'Z' => CAPITAL,
        b'.' => DOT,
        _ => OTHER,
    }
}

impl UserId {
    /// Most characters of a name (seed, "Common parameters").
    pub const MAX_LEN: usize = 64;

    /// Reads a name, folding capitals.
    pub fn parse(text: &str) -> Result<Self, BadUserId> {
        if text.is_empty() {
            return Err(BadUserId::Empty);
        }
        // By bytes: each is a whole character, or a part of one that no name has.
        let kinds = text.bytes().fold(0, |kinds, byte| kinds | kind(byte));
        if kinds & OTHER != 0 {
            let bad = text
                .chars()
                .find(|c| !u8::try_from(*c).is_ok_and(|byte| kind(byte) != OTHER));
            return Err(BadUserId::BadChar(bad.unwrap_or_default()));
        }
        if text.len() > Self::MAX_LEN {
            return Err(BadUserId::TooLong(text.len()));
        }
        if kinds == DOT {
            return Err(BadUserId::DotsOnly);
        }
        let mut name = CompactString::new(text);
        if kinds & CAPITAL != 0 {
            name.make_ascii_lowercase();
        }
        Ok(Self(name))
    }

    /// The name as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl serde::Serialize for UserId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for UserId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_checked() {
        assert_eq!(UserId::parse("Ann.B-c_9").unwrap().as_str(), "ann.b-c_9");
        assert_eq!(UserId::parse(""), Err(BadUserId::Empty));
        assert_eq!(UserId::parse(&"x".repeat(65)), Err(BadUserId::TooLong(65)));
        UserId::parse(&"x".repeat(64)).unwrap();
        assert_eq!(UserId::parse("a b"), Err(BadUserId::BadChar(' ')));
        assert_eq!(UserId::parse("é"), Err(BadUserId::BadChar('é')));
        for dots in [".", "..", "..."] {
            assert_eq!(UserId::parse(dots), Err(BadUserId::DotsOnly));
        }
        for bad in ["a,b", "a%2fb", "a/b", "a\u{0}"] {
            assert!(
                matches!(UserId::parse(bad), Err(BadUserId::BadChar(_))),
                "{bad:?}"
            );
        }
        assert!(UserId::parse("a..").is_ok());
    }
}
