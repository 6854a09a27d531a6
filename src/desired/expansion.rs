//! A list and the groups that it comes to → its people.
//!
//! Each group is visited once, by whatever paths a list comes to it: a walk takes as long as what it reads, however groups nest.

use super::entry::{Entry, Who};
use super::group_index::GroupIndex;
use super::place::Specs;
use crate::model::{MemberSet, Until, UserId};
use crate::yaml::Items;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// How long a place lasts. What is longer is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lasts {
    Until(Until),
    ForGood,
}

/// The people of a list.
pub(super) fn names(index: &GroupIndex, specs: &Specs, items: &Items<Entry>) -> MemberSet {
    let mut reached = HashMap::new();
    index.reach(items, &mut reached);
    let groups = reached.into_keys().filter_map(|group| index.get(group));
    let lists = groups.map(|group| group.items(specs)).chain([items]);
    let mut names: Vec<&UserId> = lists.flatten().flatten().filter_map(Entry::user).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().cloned().collect()
}

/// Ends of the places that a list gives, by name. Along one path of groups the sooner end counts, of several paths the latest, and
/// none beats any.
pub(super) fn ends(index: &GroupIndex, specs: &Specs, items: &Items<Entry>) -> Vec<(UserId, Until)> {
    let mut places: Vec<(&UserId, Lasts)> = Vec::new();
    // Whichever lasts longest is visited first, so that no later path to a group can last longer than the first.
    let mut ahead: BinaryHeap<(Lasts, usize)> = BinaryHeap::new();
    let mut visited = HashSet::new();
    let mut next = Some((Lasts::ForGood, items));
    while let Some((within, items)) = next {
        for entry in items.iter().flatten() {
            let lasts = entry.until().map_or(Lasts::ForGood, Lasts::Until).min(within);
            match entry.who() {
                Who::User(user) => places.push((user, lasts)),
                Who::Group(name) => ahead.extend(index.named(&name.0).map(|group| (lasts, group))),
            }
        }
        next = None;
        while next.is_none()
            && let Some((within, group)) = ahead.pop()
        {
            if visited.insert(group) {
                next = index.get(group).map(|group| (within, group.items(specs)));
            }
        }
    }
    places.sort_unstable();
    let of_each = places.chunk_by(|(one, _), (other, _)| one == other);
    let longest = of_each.filter_map(<[_]>::last);
    let ends = longest.filter_map(|(user, lasts)| match lasts {
        Lasts::Until(until) => Some(((*user).clone(), *until)),
        Lasts::ForGood => None,
    });
    ends.collect()
}
