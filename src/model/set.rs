use super::UserId;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Names, sorted and each once. Shape: a view of a sorted vector, so that two sets are compared in one walk (a merge join),
/// and a copy, a part or what comes of two sets is no second list of names where it is a piece of one of them.
#[derive(Clone, Default)]
pub struct MemberSet {
    /// Shared with every set that views the same list; `None` where there is no name.
    names: Option<Arc<Vec<UserId>>>,
    view: Range<usize>,
}

/// A view of less than this part of a list is copied: a few names must not keep a long list that nobody else has.
const WORTH_KEEPING: usize = 2;

impl MemberSet {
    /// The names in order.
    #[must_use]
    pub fn as_slice(&self) -> &[UserId] {
        self.names
            .as_deref()
            .and_then(|names| names.get(self.view.clone()))
            .unwrap_or_default()
    }

    /// The names in order.
    pub fn iter(&self) -> std::slice::Iter<'_, UserId> {
        self.as_slice().iter()
    }

    /// Number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// True if there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// True if the name is in the set, in O(log n).
    #[must_use]
    pub fn contains(&self, user: &UserId) -> bool {
        self.as_slice().binary_search(user).is_ok()
    }

    /// Names that are here and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.join(other, |here, there| here && !there)
    }

    /// Names that are only here, and names that are only in `other`, in one walk.
    #[must_use]
    pub fn differences(&self, other: &Self) -> (Self, Self) {
        let sets = [self, other];
        let (mut here, mut there) = (Picked::new(sets), Picked::new(sets));
        self.walk(other, |user, places| match places {
            [Some(_), None] => here.push(user, places),
            [None, Some(_)] => there.push(user, places),
            _ => {}
        });
        (here.into_set(), there.into_set())
    }

    /// Names that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return Self::default();
        }
        self.join(other, |here, there| here && there)
    }

    /// Names that are in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.join(other, |_, _| true)
    }

    /// Those for whom `keep` says so.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&UserId) -> bool) -> Self {
        let mut picked = Picked::new([self, self]);
        for (index, user) in self.iter().enumerate() {
            if keep(user) {
                picked.push(user, [Some(index), None]);
            }
        }
        picked.into_set()
    }

    /// The set in parts of so many names, the last of which may be smaller. They view the same list.
    pub fn chunks(&self, size: usize) -> impl Iterator<Item = Self> + '_ {
        self.view.clone().step_by(size.max(1)).map(move |from| Self {
            names: self.names.clone(),
            view: from..self.view.end.min(from.saturating_add(size.max(1))),
        })
    }

    /// Names that are in any of these. Parts of one list that follow each other are put together without a copy.
    #[must_use]
    pub fn of_all<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let sets: Vec<&Self> = sets.into_iter().filter(|set| !set.is_empty()).collect();
        match sets.as_slice() {
            [first, .., last] if sets.is_sorted_by(|set, next| set.is_followed_by(next)) => Self {
                names: first.names.clone(),
                view: first.view.start..last.view.end,
            },
            [only] => Self::clone(only),
            _ => sets.into_iter().flatten().cloned().collect(),
        }
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        match (&self.names, &next.names) {
            (Some(these), Some(those)) => Arc::ptr_eq(these, those) && self.view.end == next.view.start,
            _ => false,
        }
    }

    fn join(&self, other: &Self, keep: impl Fn(bool, bool) -> bool) -> Self {
        let mut picked = Picked::new([self, other]);
        self.walk(other, |user, places| {
            let [here, there] = places;
            if keep(here.is_some(), there.is_some()) {
                picked.push(user, places);
            }
        });
        picked.into_set()
    }

    /// Shows every name of either set in order, with its place in each.
    fn walk(&self, other: &Self, mut show: impl FnMut(&UserId, [Option<usize>; 2])) {
        let (left, right) = (self.as_slice(), other.as_slice());
        let (mut l, mut r) = (0, 0);
        loop {
            let (user, order) = match (left.get(l), right.get(r)) {
                (None, None) => return,
                (Some(user), None) => (user, Ordering::Less),
                (None, Some(user)) => (user, Ordering::Greater),
                (Some(here), Some(there)) => match here.cmp(there) {
                    Ordering::Greater => (there, Ordering::Greater),
                    order => (here, order),
                },
            };
            let (here, there) = (order.is_le(), order.is_ge());
            show(user, [here.then_some(l), there.then_some(r)]);
            l += usize::from(here);
            r += usize::from(there);
        }
    }

    /// These names of the set, without a copy where that keeps little else.
    fn part(&self, part: Range<usize>) -> Self {
        let list = self.names.as_ref().map_or(0, |names| names.len());
        if part.len() * WORTH_KEEPING < list {
            return Self::from_sorted(self.as_slice().get(part).unwrap_or_default().to_vec());
        }
        Self {
            names: self.names.clone(),
            view: self.view.start + part.start..self.view.start + part.end,
        }
    }

    fn from_sorted(mut names: Vec<UserId>) -> Self {
        names.shrink_to_fit();
        Self {
            view: 0..names.len(),
            names: (!names.is_empty()).then(|| Arc::new(names)),
        }
    }
}

/// Names picked out of two sets, in order: only a start and an end as long as they are one piece of either set.
struct Picked<'a> {
    sets: [&'a MemberSet; 2],
    len: usize,
    /// Where the piece begins in each of the two; in neither where it is in `names`.
    begins: [Option<usize>; 2],
    names: Vec<UserId>,
}

impl<'a> Picked<'a> {
    fn new(sets: [&'a MemberSet; 2]) -> Self {
        Self {
            sets,
            len: 0,
            begins: [None, None],
            names: Vec::new(),
        }
    }

    /// Picks a name, which is at these places of the two sets.
    fn push(&mut self, user: &UserId, places: [Option<usize>; 2]) {
        if self.len == 0 {
            self.begins = places;
        } else if self.names.is_empty() {
            let follows = |begin: Option<usize>, place| begin.filter(|begin| place == Some(begin + self.len));
            let ([left, right], [here, there]) = (self.begins, places);
            let begins = [follows(left, here), follows(right, there)];
            if begins == [None, None] {
                self.names = self.piece().as_slice().to_vec();
                self.names.push(user.clone());
            }
            self.begins = begins;
        } else {
            self.names.push(user.clone());
        }
        self.len += 1;
    }

    fn piece(&self) -> MemberSet {
        match (self.sets, self.begins) {
            ([left, _], [Some(begin), _]) => left.part(begin..begin + self.len),
            ([_, right], [None, Some(begin)]) => right.part(begin..begin + self.len),
            (_, [None, None]) => MemberSet::default(),
        }
    }

    fn into_set(self) -> MemberSet {
        if self.names.is_empty() {
            self.piece()
        } else {
            MemberSet::from_sorted(self.names)
        }
    }
}

/// The names with commas between them.
impl fmt::Display for MemberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, user) in self.iter().enumerate() {
            write!(f, "{}{user}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl PartialEq for MemberSet {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for MemberSet {}

impl fmt::Debug for MemberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl FromIterator<UserId> for MemberSet {
    fn from_iter<I: IntoIterator<Item = UserId>>(names: I) -> Self {
        let mut names: Vec<UserId> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self::from_sorted(names)
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
        serializer.collect_seq(self)
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

    /// True if the two view the same list.
    fn shared(one: &MemberSet, other: &MemberSet) -> bool {
        match (&one.names, &other.names) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn numbered(numbers: impl IntoIterator<Item = u32>) -> MemberSet {
        let names = numbers
            .into_iter()
            .map(|n| UserId::parse(&format!("user-{n:03}")));
        names.map(Result::unwrap).collect()
    }

    #[test]
    fn what_is_a_piece_of_one_of_them_is_shared() {
        let (low, high, all) = (numbered(0..60), numbered(60..100), numbered(0..100));
        let odd = numbered((0..100).filter(|n| n % 2 == 1));
        for (shares, set) in [
            (&low, low.minus(&high)),
            (&low, low.and(&all)),
            (&all, low.or(&all)),
            (&all, all.or(&low)),
            (&all, all.filter(|_| true)),
            (&all, all.minus(&high)),
            (&odd, all.and(&odd)),
        ] {
            assert!(shared(shares, &set), "{set}");
        }
        assert_eq!(all.minus(&high), low);
        assert_eq!(low.or(&high), all);
        assert_eq!(all.minus(&odd).or(&odd), all);
        assert!(all.minus(&all).names.is_none() && low.and(&high).names.is_none());
    }

    #[test]
    fn a_small_piece_keeps_no_long_list() {
        let all = numbered(0..100);
        let few = all.filter(|user| user.as_str() >= "user-090");
        assert_eq!(few, numbered(90..100));
        assert!(!shared(&all, &few));
        let most = all.minus(&few);
        assert!(shared(&all, &most));
        assert!(!shared(&all, &most.and(&numbered(0..40))));
    }

    #[test]
    fn parts_are_put_together_again() {
        let all = numbered(0..100);
        let parts: Vec<MemberSet> = all.chunks(30).collect();
        assert_eq!(
            parts.iter().map(MemberSet::len).collect::<Vec<_>>(),
            [30, 30, 30, 10]
        );
        assert!(parts.iter().all(|part| shared(&all, part)));
        let whole = MemberSet::of_all(&parts);
        assert!(shared(&all, &whole) && whole == all);
        let others = MemberSet::of_all(parts.iter().rev());
        assert!(!shared(&all, &others) && others == all);
        assert_eq!(MemberSet::of_all(&parts[1..3]), numbered(30..90));
        assert_eq!(MemberSet::of_all([&parts[0], &parts[2]]).len(), 60);
        assert!(MemberSet::default().chunks(3).next().is_none());
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_sets(
            a in prop::collection::btree_set("[a-d]{1,2}", 0..12),
            b in prop::collection::btree_set("[a-d]{1,2}", 0..12),
        ) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(names(&x.minus(&y)), &a - &b);
            prop_assert_eq!(x.differences(&y), (x.minus(&y), y.minus(&x)));
            prop_assert_eq!(names(&x.and(&y)), &a & &b);
            prop_assert_eq!(names(&x.or(&y)), &a | &b);
            let early = |user: &UserId| user.as_str() < "b";
            prop_assert_eq!(names(&x.filter(early)), a.iter().filter(|name| name.as_str() < "b").cloned().collect());
            // Pieces of what was pieced together.
            let all = x.or(&y);
            prop_assert_eq!(names(&all.minus(&y).or(&all.and(&y)).minus(&x)), &b - &a);
            prop_assert_eq!(MemberSet::of_all(all.chunks(3).collect::<Vec<_>>().iter()), all);
            for name in a.iter().chain(&b) {
                prop_assert_eq!(x.contains(&UserId::parse(name).unwrap()), a.contains(name));
            }
        }
    }
}
