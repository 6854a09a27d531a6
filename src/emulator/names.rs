use compact_str::CompactString;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeBounds;
use std::time::{SystemTime, UNIX_EPOCH};

/// Names in joining order, each once: compared without case, kept as sent (seed, "Common parameters").
///
/// Any text can be a name here: a room of the real service may hold names that are older than its rules.
/// Inserting and removing cost O(log n).
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Turns only grow, so the order of the keys is the order of joining.
    by_turn: BTreeMap<u64, Joined>,
    /// Turn by folded name.
    turns: HashMap<CompactString, u64>,
    next_turn: u64,
}

/// A name as it was sent, and when, in milliseconds since 1970.
#[derive(Debug, Clone)]
struct Joined {
    name: String,
    since_ms: u64,
}

impl Names {
    /// Adds a name at the end; `false` if it is there already, in whatever spelling.
    pub fn insert(&mut self, name: &str) -> bool {
        let key = fold(name);
        if self.turns.contains_key(&key) {
            return false;
        }
        self.turns.insert(key, self.next_turn);
        let joined = Joined {
            name: name.to_owned(),
            since_ms: now_ms(),
        };
        self.by_turn.insert(self.next_turn, joined);
        self.next_turn += 1;
        true
    }

    /// Takes a name out; `false` if it is not there.
    pub fn remove(&mut self, name: &str) -> bool {
        match self.turns.remove(&fold(name)) {
            Some(turn) => self.by_turn.remove(&turn).is_some(),
            None => false,
        }
    }

    /// True if the name is there, in whatever spelling.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.turns.contains_key(&fold(name))
    }

    /// Number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_turn.len()
    }

    /// True if there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_turn.is_empty()
    }

    /// The names as they were sent, in joining order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.by_turn.values().map(|joined| joined.name.as_str())
    }

    /// The names of these turns: turn, name, and since when, in milliseconds since 1970.
    pub(super) fn joined(
        &self,
        turns: impl RangeBounds<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, &str, u64)> {
        let joined = self.by_turn.range(turns);
        joined.map(|(turn, joined)| (*turn, joined.name.as_str(), joined.since_ms))
    }
}

/// Same names, same spelling, same order.
impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Names {}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.insert(name.as_ref());
        }
        all
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn fold(name: &str) -> CompactString {
    let mut key = CompactString::new(name);
    key.make_ascii_lowercase();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_order_and_spelling_are_kept() {
        let mut names = Names::from_iter(["Zoe", "ann", "p/q", "ZOE"]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["Zoe", "ann", "p/q"]);
        assert!(names.contains("zoE") && !names.insert("zoe"));
        assert!(names.remove("ZOE") && !names.remove("zoe"));
        assert!(names.insert("zoe"));
        assert_eq!(names.iter().collect::<Vec<_>>(), ["ann", "p/q", "zoe"]);
        assert_eq!(names, Names::from_iter(["ann", "p/q", "zoe"]));
        assert_ne!(names, Names::from_iter(["zoe", "p/q", "ann"]));
    }
}
