use super::UserId;
use std::cmp::Ordering;
use std::fmt;

/// Names, sorted and each once. Shape: a sorted vector, so that two sets are compared in one walk (a merge join).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MemberSet(Vec<UserId>);

impl MemberSet {
    /// The names in order.
    #[must_use]
    pub fn as_slice(&self) -> &[UserId] {
        &self.0
    }

    /// The names in order.
    pub fn iter(&self) -> std::slice::Iter<'_, UserId> {
        self.0.iter()
    }

    /// How many names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the name is in the set, in O(log n).
    #[must_use]
    pub fn contains(&self, user: &UserId) -> bool {
        self.0.binary_search(user).is_ok()
    }

    /// Who is here and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.join(other, |here, there| here && !there)
    }

    /// Who is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.join(other, |here, there| here && there)
    }

    /// Who is in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.join(other, |_, _| true)
    }

    /// Those for whom `keep` says so.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&UserId) -> bool) -> Self {
        Self(self.0.iter().filter(|user| keep(user)).cloned().collect())
    }

    fn join(&self, other: &Self, keep: impl Fn(bool, bool) -> bool) -> Self {
        let mut out = Vec::new();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return Self(out),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(l), Some(r)) => l.cmp(r),
            };
            let here = if order.is_le() { left.next() } else { None };
            let there = if order.is_ge() { right.next() } else { None };
            if keep(here.is_some(), there.is_some()) {
                out.extend(here.or(there).cloned());
            }
        }
    }
}

/// The names with commas between them.
impl fmt::Display for MemberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, user) in self.0.iter().enumerate() {
            write!(f, "{}{user}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for MemberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl FromIterator<UserId> for MemberSet {
    fn from_iter<I: IntoIterator<Item = UserId>>(names: I) -> Self {
        let mut names: Vec<UserId> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        names.shrink_to_fit();
        Self(names)
    }
}

impl<'a> IntoIterator for &'a MemberSet {
    type Item = &'a UserId;
    type IntoIter = std::slice::Iter<'a, UserId>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl serde::Serialize for MemberSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(names: &BTreeSet<String>) -> MemberSet {
        names
            .iter()
            .rev()
            .map(|name| UserId::parse(name).unwrap())
            .collect()
    }

    fn names(set: &MemberSet) -> BTreeSet<String> {
        assert!(set.as_slice().is_sorted_by(|a, b| a < b));
        set.iter().map(ToString::to_string).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_sets(
            a in prop::collection::btree_set("[a-d]{1,2}", 0..12),
            b in prop::collection::btree_set("[a-d]{1,2}", 0..12),
        ) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(names(&x.minus(&y)), &a - &b);
            prop_assert_eq!(names(&x.and(&y)), &a & &b);
            prop_assert_eq!(names(&x.or(&y)), &a | &b);
            for name in a.iter().chain(&b) {
                prop_assert_eq!(x.contains(&UserId::parse(name).unwrap()), a.contains(name));
            }
        }
    }
}
