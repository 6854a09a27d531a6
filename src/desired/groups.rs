//! Groups, and the people that lists come to.

use super::entry::{Entry, GroupName, Who};
use super::group_index::GroupIndex;
use super::place::{ListAt, Specs};
use super::until_lints;
use crate::diagnostics::{Place, Problem, RawDiagnostic, closest, shown};
use crate::model::{MemberSet, Until, UserId};
use crate::yaml::Items;
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// A list of people, and its place.
pub(super) struct Listed<'s> {
    pub(super) at: ListAt,
    pub(super) items: &'s Items<Entry>,
}

/// The people that a list comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    pub(super) set: MemberSet,
    /// True if the list names something that is missing or wrong, so that people outside `set` may still be meant.
    pub(super) open: bool,
    /// Those of `set` whose place ends, by name. Along one path of groups the sooner end counts, of several paths the latest, and
    /// none beats any.
    pub(super) ends: Vec<(UserId, Until)>,
}

impl People {
    /// The end of somebody's place. `None`: they have none, or no place.
    pub(super) fn until(&self, user: &UserId) -> Option<Until> {
        let at = self.ends.binary_search_by(|(other, _)| other.cmp(user)).ok()?;
        self.ends.get(at).map(|(_, until)| *until)
    }
}

/// The groups of all files, each with the people it comes to.
pub(super) struct ResolvedGroups<'s> {
    index: &'s GroupIndex,
    /// By the group's index; `None`: not resolved yet, or the group holds itself.
    people: Vec<Option<People>>,
    /// True if every file was read, so that a group which is not here does not exist.
    whole: bool,
    /// The time by which ends are called over or near.
    now: Timestamp,
    /// Lints of ends; only a set without errors gets them.
    until_lints: RefCell<Vec<Problem>>,
    /// Names that may still be compared to find the one that was meant.
    comparisons_left: Cell<usize>,
}

/// Records what is twice in a list.
fn repeats(listed: &Listed<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<Who<'_>, usize> = HashMap::with_capacity(listed.items.len());
    for (index, item) in listed.items.iter().enumerate() {
        let Some(who) = item.as_ref().map(Entry::who) else {
            continue;
        };
        let Some(first) = seen.insert(who, index) else {
            continue;
        };
        let text = match who {
            Who::User(user) => shown(user.as_str()),
            Who::Group(name) => shown(&format!("group:{}", name.0)),
        };
        let raw = RawDiagnostic::new("repeated", format!("{text} is twice in this list"))
            .help("remove one of the two");
        problems.push(Problem::warning(listed.at.item(index), raw).also(listed.at.item(first), "first here"));
    }
}

/// Enough for any file that a person reads the errors of, and few enough that many mistakes and many groups take no time.
const MOST_COMPARISONS: usize = 100_000;

impl<'s> ResolvedGroups<'s> {
    pub(super) fn new(
        index: &'s GroupIndex,
        specs: &Specs,
        whole: bool,
        now: Timestamp,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut groups = Self {
            index,
            people: vec![None; index.groups().len()],
            whole,
            now,
            until_lints: RefCell::default(),
            comparisons_left: Cell::new(MOST_COMPARISONS),
        };
        for start in 0..groups.people.len() {
            groups.resolve(start, specs, problems);
        }
        groups
    }

    /// Resolves a group and those it holds. With a stack of its own, because files decide how deep groups nest.
    fn resolve(&mut self, start: usize, specs: &Specs, problems: &mut Vec<Problem>) {
        if self.people.get(start).is_none_or(Option::is_some) {
            return;
        }
        // The groups being resolved, each held by the one before it, and how many of its own have been visited.
        let mut stack = vec![(start, 0)];
        while let Some((index, visited)) = stack.pop() {
            let Some(group) = self.index.get(index) else {
                continue;
            };
            let mut held = group.held.iter().enumerate().skip(visited);
            match held.find(|(_, held)| matches!(self.people.get(held.group), Some(None))) {
                None => {
                    let listed = Listed {
                        at: group.at.clone(),
                        items: group.items(specs),
                    };
                    let people = self.people_of(&listed, problems);
                    if let Some(slot) = self.people.get_mut(index) {
                        *slot = Some(people);
                    }
                }
                Some((at, held)) => {
                    stack.push((index, at + 1));
                    match stack.iter().position(|(open, _)| *open == held.group) {
                        None => stack.push((held.group, 0)),
                        Some(from) => problems.push(
                            self.cycle(stack.get(from..).unwrap_or_default(), group.at.item(held.item)),
                        ),
                    }
                }
            }
        }
    }

    fn cycle(&self, chain: &[(usize, usize)], place: Place) -> Problem {
        let groups = chain.iter().chain(chain.first());
        let names: Vec<&str> = groups
            .filter_map(|(index, _)| Some(self.index.get(*index)?.name.as_str()))
            .collect();
        let message = format!("a group holds itself: {}", names.join(" → "));
        let raw =
            RawDiagnostic::new("group-cycle", message).help("take one of these out of the one that holds it");
        let problem = Problem::error(place, raw);
        match chain.first().and_then(|(index, _)| self.index.get(*index)) {
            Some(first) => problem.also(first.at.key(), "the group is here"),
            None => problem,
        }
    }

    /// The people that a list comes to. Records groups that are missing, repeats, and lints of ends.
    pub(super) fn people_of(&self, listed: &Listed<'_>, problems: &mut Vec<Problem>) -> People {
        let mut names: Vec<UserId> = Vec::with_capacity(listed.items.len());
        let mut groups: Vec<&GroupName> = Vec::new();
        let mut sets: Vec<&MemberSet> = Vec::new();
        let (mut open, mut ends) = (false, false);
        for (index, item) in listed.items.iter().enumerate() {
            let Some(entry) = item else {
                open = true;
                continue;
            };
            ends |= entry.until().is_some();
            match entry.who() {
                Who::User(user) => names.push(user.clone()),
                Who::Group(name) => {
                    groups.push(name);
                    match self.get(name) {
                        Some(people) => {
                            sets.push(&people.set);
                            open |= people.open;
                            ends |= !people.ends.is_empty();
                        }
                        None => {
                            open = true;
                            if self.whole && self.index.named(&name.0).is_none() {
                                problems.push(self.missing(name, listed.at.item(index)));
                            }
                        }
                    }
                }
            }
        }
        let listed_names = names.len();
        let own: MemberSet = names.into_iter().collect();
        groups.sort_unstable();
        if own.len() < listed_names
            || groups
                .windows(2)
                .any(|pair| matches!(pair, [one, next] if one == next))
        {
            repeats(listed, problems);
        }
        let set = match sets.as_slice() {
            [] => own,
            [only] => own.or(only),
            _ => MemberSet::of_all(sets.into_iter().chain([&own])),
        };
        let mut people = People {
            set,
            open,
            ends: Vec::new(),
        };
        if ends {
            people.ends = self.ends_in(listed);
            self.lint(until_lints::of_list(self, listed, &people, self.now));
        }
        people
    }

    /// Ends of the places that a list gives, by name.
    fn ends_in(&self, listed: &Listed<'_>) -> Vec<(UserId, Until)> {
        let mut latest: BTreeMap<&UserId, Until> = BTreeMap::new();
        let mut end = |user, until: Until| {
            let latest = latest.entry(user).or_insert(until);
            *latest = until.max(*latest);
        };
        // Who is in one of these and has no end there stays.
        let mut for_good: Vec<&People> = Vec::new();
        let mut named: Vec<&UserId> = Vec::new();
        for entry in listed.items.iter().flatten() {
            match (entry.who(), entry.until()) {
                (Who::User(user), Some(until)) => end(user, until),
                (Who::User(user), None) => named.push(user),
                (Who::Group(name), until) => {
                    let Some(people) = self.get(name) else { continue };
                    for (user, own) in &people.ends {
                        end(user, until.map_or(*own, |until| until.min(*own)));
                    }
                    match until {
                        None => for_good.push(people),
                        Some(until) => {
                            let others = people.set.iter().filter(|user| people.until(user).is_none());
                            others.for_each(|user| end(user, until));
                        }
                    }
                }
            }
        }
        named.sort_unstable();
        let stays = |user: &UserId| {
            named.binary_search(&user).is_ok()
                || for_good
                    .iter()
                    .any(|people| people.set.contains(user) && people.until(user).is_none())
        };
        let ends = latest.into_iter().filter(|(user, _)| !stays(user));
        ends.map(|(user, until)| (user.clone(), until)).collect()
    }

    /// The people that a group comes to; `None`: it is missing, or holds itself.
    pub(super) fn get(&self, name: &GroupName) -> Option<&People> {
        self.people.get(self.index.named(&name.0)?)?.as_ref()
    }

    /// The time by which ends are called over or near.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Records lints of ends.
    pub(super) fn lint(&self, lints: Vec<Problem>) {
        self.until_lints.borrow_mut().extend(lints);
    }

    /// The lints of ends.
    pub(super) fn into_until_lints(self) -> Vec<Problem> {
        self.until_lints.into_inner()
    }

    /// Place of the largest of the groups that a list holds itself.
    pub(super) fn largest(&self, items: &Items<Entry>) -> Option<Place> {
        // Of several that are as large, the first.
        let largest = self.index.held_by(items).rev().max_by_key(|held| {
            let people = self.people.get(held.group).and_then(Option::as_ref);
            people.map_or(0, |people| people.set.len())
        })?;
        Some(self.index.get(largest.group)?.at.key())
    }

    fn missing(&self, name: &GroupName, place: Place) -> Problem {
        let (name, groups) = (name.0.as_str(), self.index.groups());
        let raw = RawDiagnostic::new("no-such-group", format!("there is no group {}", shown(name)));
        let known = self
            .comparisons_left
            .get()
            .checked_sub(groups.len())
            .and_then(|left| {
                self.comparisons_left.set(left);
                let closest = closest(name, groups.iter().map(|group| group.name.as_str()))?;
                groups.iter().find(|group| group.name.as_str() == closest)
            });
        match known {
            Some(known) => {
                let raw = raw.help(format!("did you mean `group:{}`?", known.name));
                Problem::error(place, raw).also(known.at.key(), "there is this one")
            }
            None => Problem::error(place, raw.help("write it under `groups` in any of the files")),
        }
    }
}
