use super::Guards;
use compact_str::CompactString;
use std::fmt;

/// A room's id as the service gives it: `[1-9][0-9]*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(CompactString);

/// Error of a text that is not a room id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a room id is a whole number without sign or leading zero, at most 32 digits long")]
pub struct BadRoomId;

impl RoomId {
    /// No id seen comes near this; it keeps a path within what every server takes.
    const MAX_LEN: usize = 32;

    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, BadRoomId> {
        let bytes = text.as_bytes();
        let well_formed = matches!(bytes.first(), Some(b'1'..=b'9'))
            && bytes.iter().all(u8::is_ascii_digit)
            && bytes.len() <= Self::MAX_LEN;
        if well_formed {
            Ok(Self(CompactString::new(text)))
        } else {
            Err(BadRoomId)
        }
    }

    /// The id as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<'de> serde::Deserialize<'de> for RoomId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for RoomId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Limit of the changes that roomsync may make in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Mode {
    /// The files are the whole truth: add, remove, promote, demote.
    #[default]
    Authoritative,
    /// Never remove or demote.
    Additive,
    /// Report, never write.
    Observe,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Authoritative, Self::Additive, Self::Observe];

    /// As files write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authoritative => "authoritative",
            Self::Additive => "additive",
            Self::Observe => "observe",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Treatment of a wanted member who is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Absent {
    /// Add them again.
    #[default]
    Readd,
    /// Invite them once, and leave them alone after that: they come and go as they like.
    Ignore,
    /// Add them again, and put them on the room's allow list, so that they stay when they go offline.
    Keep,
}

impl Absent {
    /// Every treatment.
    pub const ALL: [Self; 3] = [Self::Readd, Self::Ignore, Self::Keep];

    /// As files write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Readd => "readd",
            Self::Ignore => "ignore",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Values that hold in a room for which no room file says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomDefaults {
    /// The guards. Each that a room file leaves out is as here.
    pub guards: Guards,
    /// Treatment of a wanted member who is not there.
    pub absent: Absent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_in_one_spelling() {
        assert_eq!(
            RoomId::parse("66213271109633").unwrap().as_str(),
            "66213271109633"
        );
        for bad in [
            "", "0", "01", "+1", "-1", "1e3", "0x10", "1_0", " 1", "..", ".", "1/2", "١",
        ] {
            assert_eq!(RoomId::parse(bad), Err(BadRoomId), "{bad:?}");
        }
        RoomId::parse(&"9".repeat(32)).unwrap();
        RoomId::parse(&"9".repeat(33)).unwrap_err();
    }
}
