//! Groups, and the people that lists come to.

use super::entry::{Entry, GroupName, Who};
use super::expansion;
use super::group_index::{Group, GroupIndex};
use super::place::{ListAt, Specs};
use super::until_lints;
use crate::diagnostics::{Place, Problem, RawDiagnostic, closest, shown};
use crate::model::{MemberSet, Until, UserId};
use crate::yaml::Items;
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

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

/// The groups of all files, and the people that they come to.
pub(super) struct ResolvedGroups<'s> {
    index: &'s GroupIndex,
    specs: &'s Specs,
    /// By the group's index; `None`: not resolved yet.
    natures: Vec<Option<Nature>>,
    /// People of the groups that were asked for.
    kept: RefCell<Kept>,
    /// True if every file was read, so that a group which is not here does not exist.
    whole: bool,
    /// The time by which ends are called over or near.
    now: Timestamp,
    /// Lints of ends; only a set without errors gets them.
    until_lints: RefCell<Vec<Problem>>,
    /// Names that may still be gathered out of groups for lints of ends.
    lint_names_left: Cell<usize>,
    /// Names that may still be compared to find the one that was meant.
    comparisons_left: Cell<usize>,
}

/// Traits that a list has of its own or by way of its groups, known without its people.
#[derive(Debug, Clone, Copy, Default)]
struct Nature {
    /// The same as in [`People`].
    open: bool,
    /// True if a place in it ends.
    ends: bool,
}

impl Nature {
    fn add(&mut self, other: Self) {
        self.open |= other.open;
        self.ends |= other.ends;
    }
}

/// People of groups, as long as they are few. The people of all groups together may be many more than the files have names: each
/// group of a chain comes to all that follow.
#[derive(Debug, Default)]
struct Kept {
    people: HashMap<usize, Rc<People>>,
    /// Names in all of them.
    names: usize,
    /// Most of these.
    most: usize,
}

impl Kept {
    fn keep(&mut self, group: usize, people: &Rc<People>) {
        self.names += people.set.len();
        if self.names > self.most {
            self.people.clear();
            self.names = people.set.len();
        }
        self.people.insert(group, Rc::clone(people));
    }
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
/// Enough for groups that people nest, and few enough that the lints of a long chain take no time.
const MOST_LINT_NAMES: usize = 2_000_000;
/// Names that are kept, as a multiple of the items that all groups have: groups nest about as deep.
const KEPT_FOR_EACH_ITEM: usize = 4;
/// Most names of a cycle that its error has.
const MOST_IN_CYCLE: usize = 10;

impl<'s> ResolvedGroups<'s> {
    pub(super) fn new(
        index: &'s GroupIndex,
        specs: &'s Specs,
        whole: bool,
        now: Timestamp,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let items: usize = index.groups().iter().map(|group| group.items(specs).len()).sum();
        let mut groups = Self {
            index,
            specs,
            natures: vec![None; index.groups().len()],
            kept: RefCell::new(Kept {
                most: KEPT_FOR_EACH_ITEM * items,
                ..Kept::default()
            }),
            whole,
            now,
            until_lints: RefCell::default(),
            lint_names_left: Cell::new(MOST_LINT_NAMES),
            comparisons_left: Cell::new(MOST_COMPARISONS),
        };
        // The depth of each group that is being resolved.
        let mut depths = vec![None; groups.natures.len()];
        for start in 0..groups.natures.len() {
            groups.resolve(start, &mut depths, problems);
        }
        groups
    }

    /// Resolves a group and those it holds. With a stack of its own, because files decide how deep groups nest.
    fn resolve(&mut self, start: usize, depths: &mut [Option<usize>], problems: &mut Vec<Problem>) {
        if self.natures.get(start).is_none_or(Option::is_some) {
            return;
        }
        // The groups being resolved, each held by the one before it, and how many of its own have been visited.
        let mut stack: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((index, visited)) = stack.pop() {
            let (Some(group), Some(depth)) = (self.index.get(index), depths.get_mut(index)) else {
                continue;
            };
            *depth = Some(stack.len());
            let mut held = group.held.iter().enumerate().skip(visited);
            match held.find(|(_, held)| matches!(self.natures.get(held.group), Some(None))) {
                None => {
                    *depth = None;
                    let nature = self.nature_of(group, problems);
                    if let Some(slot) = self.natures.get_mut(index) {
                        *slot = Some(nature);
                    }
                }
                Some((at, held)) => {
                    stack.push((index, at + 1));
                    match depths.get(held.group).copied().flatten() {
                        None => stack.push((held.group, 0)),
                        Some(from) => problems.push(
                            self.cycle(stack.get(from..).unwrap_or_default(), group.at.item(held.item)),
                        ),
                    }
                }
            }
        }
    }

    /// Checks the list of a group.
    fn nature_of(&self, group: &Group, problems: &mut Vec<Problem>) -> Nature {
        let listed = Listed {
            at: group.at.clone(),
            items: group.items(self.specs),
        };
        let (nature, own) = self.check(&listed, problems);
        let has_ends = listed.items.iter().flatten().any(|entry| entry.until().is_some());
        if has_ends && self.lint_names_left.get() > 0 {
            let people = self.expand(listed.items, nature);
            self.gathered(people.set.len().saturating_sub(own.len()));
            self.lint(until_lints::of_list(self, &listed, &people, self.now));
        }
        nature
    }

    fn cycle(&self, chain: &[(usize, usize)], place: Place) -> Problem {
        let name = |(index, _): &(usize, usize)| Some(self.index.get(*index)?.name.as_str().to_owned());
        let left_out = chain.len().saturating_sub(MOST_IN_CYCLE);
        let mut names: Vec<String> = chain.iter().take(MOST_IN_CYCLE).filter_map(name).collect();
        if left_out > 0 {
            names.push(format!("({left_out} more)"));
        }
        names.extend(chain.first().and_then(name));
        let message = format!("a group holds itself: {}", names.join(" → "));
        let raw =
            RawDiagnostic::new("group-cycle", message).help("take one of these out of the one that holds it");
        let problem = Problem::error(place, raw);
        match chain.first().and_then(|(index, _)| self.index.get(*index)) {
            Some(first) => problem.also(first.at.key(), "the group is here"),
            None => problem,
        }
    }

    /// The names that a list has itself, in order. Records groups that are missing, and repeats.
    fn check<'l>(&self, listed: &Listed<'l>, problems: &mut Vec<Problem>) -> (Nature, Vec<&'l UserId>) {
        let mut names: Vec<&UserId> = Vec::with_capacity(listed.items.len());
        let mut groups: Vec<&GroupName> = Vec::new();
        let mut nature = Nature::default();
        for (index, item) in listed.items.iter().enumerate() {
            let Some(entry) = item else {
                nature.open = true;
                continue;
            };
            nature.ends |= entry.until().is_some();
            match entry.who() {
                Who::User(user) => names.push(user),
                Who::Group(name) => {
                    groups.push(name);
                    let group = self.index.named(&name.0);
                    let known = group.and_then(|group| self.natures.get(group).copied().flatten());
                    match known {
                        Some(of_group) => nature.add(of_group),
                        // It is missing, or holds itself.
                        None => nature.open = true,
                    }
                    if self.whole && group.is_none() {
                        problems.push(self.missing(name, listed.at.item(index)));
                    }
                }
            }
        }
        let listed_names = names.len();
        names.sort_unstable();
        names.dedup();
        groups.sort_unstable();
        if names.len() < listed_names
            || groups
                .windows(2)
                .any(|pair| matches!(pair, [one, next] if one == next))
        {
            repeats(listed, problems);
        }
        (nature, names)
    }

    /// The people that a list comes to. Records groups that are missing, repeats, and lints of ends.
    pub(super) fn people_of(&self, listed: &Listed<'_>, problems: &mut Vec<Problem>) -> People {
        let (nature, own) = self.check(listed, problems);
        let mut held: Vec<usize> = self.index.held_by(listed.items).map(|held| held.group).collect();
        held.dedup();
        let of_own = |own: Vec<&UserId>| own.into_iter().cloned().collect::<MemberSet>();
        let people = People {
            set: match held.as_slice() {
                [] => of_own(own),
                // All lists with this group alone share its names.
                [only] => of_own(own).or(&self.people(*only).set),
                _ => expansion::names(self.index, self.specs, listed.items),
            },
            open: nature.open,
            ends: self.ends_in(listed.items, nature),
        };
        if nature.ends {
            self.lint(until_lints::of_list(self, listed, &people, self.now));
        }
        people
    }

    fn ends_in(&self, items: &Items<Entry>, nature: Nature) -> Vec<(UserId, Until)> {
        match nature.ends {
            true => expansion::ends(self.index, self.specs, items),
            false => Vec::new(),
        }
    }

    fn expand(&self, items: &Items<Entry>, nature: Nature) -> People {
        People {
            set: expansion::names(self.index, self.specs, items),
            open: nature.open,
            ends: self.ends_in(items, nature),
        }
    }

    /// The people that a group comes to; `None`: it is missing.
    pub(super) fn get(&self, name: &GroupName) -> Option<Rc<People>> {
        Some(self.people(self.index.named(&name.0)?))
    }

    fn people(&self, group: usize) -> Rc<People> {
        if let Some(kept) = self.kept.borrow().people.get(&group) {
            return Rc::clone(kept);
        }
        let nature = self.natures.get(group).copied().flatten().unwrap_or(Nature {
            open: true,
            ends: true,
        });
        let items = self.index.get(group).map(|group| group.items(self.specs));
        let people = items.map(|items| self.expand(items, nature));
        let people = Rc::new(people.unwrap_or_default());
        self.gathered(people.set.len());
        self.kept.borrow_mut().keep(group, &people);
        people
    }

    fn gathered(&self, names: usize) {
        let left = self.lint_names_left.get();
        self.lint_names_left.set(left.saturating_sub(names));
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
        let held = self.index.held_by(items).rev();
        let largest = held.max_by_key(|held| self.people(held.group).set.len())?;
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
