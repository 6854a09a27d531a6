//! Groups, and what lists of people come to.

use super::spec::{Entry, FileSpec, GroupName};
use crate::diagnostics::{EntryPart, NodePath, Place, Problem, RawDiagnostic, Target, closest, shown};
use crate::model::{MemberSet, UserId};
use crate::yaml::Items;
use std::cell::Cell;
use std::collections::HashMap;

/// A list of people as a file has it, and where.
#[derive(Clone)]
pub(super) struct Listed<'s> {
    pub(super) at: ListAt,
    pub(super) items: &'s Items<Entry>,
}

/// Where a list stands.
#[derive(Clone)]
pub(super) struct ListAt {
    pub(super) file: usize,
    pub(super) steps: Vec<u32>,
}

impl ListAt {
    /// The key before the list.
    pub(super) fn key(&self) -> Place {
        place(self.file, &self.steps, EntryPart::Key)
    }

    pub(super) fn item(&self, index: usize) -> Place {
        let mut steps = self.steps.clone();
        // A list of more items than that does not fit into a file.
        steps.push(u32::try_from(index).unwrap_or(u32::MAX));
        place(self.file, &steps, EntryPart::Value)
    }
}

pub(super) fn place(file: usize, steps: &[u32], part: EntryPart) -> Place {
    Place {
        file,
        at: Target::Node(NodePath {
            steps: steps.to_vec(),
            part,
        }),
    }
}

/// Who a list comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    pub(super) set: MemberSet,
    /// Whether the list names something that is missing or wrong, so that who is not in `set` may still be meant.
    pub(super) open: bool,
}

/// The groups of all files, each with the people it comes to.
pub(super) struct Groups<'s> {
    by_name: HashMap<&'s GroupName, usize>,
    lists: Vec<(&'s GroupName, Listed<'s>)>,
    /// By the index in `lists`; `None` until it is known.
    people: Vec<Option<People>>,
    /// Whether every file was read, so that a group which is not here does not exist.
    whole: bool,
    /// How many names may still be compared to find the one that was meant.
    comparisons_left: Cell<usize>,
}

/// Records what is twice in a list.
fn repeats(listed: &Listed<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&Entry, usize> = HashMap::with_capacity(listed.items.len());
    for (index, item) in listed.items.iter().enumerate() {
        let Some(entry) = item else { continue };
        let Some(first) = seen.insert(entry, index) else {
            continue;
        };
        let text = match entry {
            Entry::User(user) => shown(user.as_str()),
            Entry::Group(name) => shown(&format!("group:{}", name.0)),
        };
        let raw = RawDiagnostic::new("repeated", format!("{text} is twice in this list"))
            .help("remove one of the two");
        problems.push(Problem::warning(listed.at.item(index), raw).also(listed.at.item(first), "first here"));
    }
}

/// Enough for any file that a person reads the errors of, and few enough that many mistakes and many groups take no time.
const MOST_COMPARISONS: usize = 100_000;

impl<'s> Groups<'s> {
    pub(super) fn new(files: &'s [(usize, FileSpec)], whole: bool, problems: &mut Vec<Problem>) -> Self {
        let mut groups = Self {
            by_name: HashMap::new(),
            lists: Vec::new(),
            people: Vec::new(),
            whole,
            comparisons_left: Cell::new(MOST_COMPARISONS),
        };
        for (file, spec) in files {
            for group in spec.groups.value.iter().flatten() {
                let steps = spec.groups.entry.into_iter().chain([group.entry]).collect();
                let listed = Listed {
                    at: ListAt { file: *file, steps },
                    items: &group.items,
                };
                groups.add(&group.key, listed, problems);
            }
        }
        groups.people = vec![None; groups.lists.len()];
        for start in 0..groups.lists.len() {
            groups.resolve(start, problems);
        }
        groups
    }

    fn add(&mut self, name: &'s GroupName, listed: Listed<'s>, problems: &mut Vec<Problem>) {
        match self.by_name.get(name).and_then(|index| self.lists.get(*index)) {
            Some((_, first)) => {
                let raw = RawDiagnostic::new(
                    "group-twice",
                    format!("the group {} is in two places", shown(name.0.as_str())),
                )
                .help("keep one of the two, or rename one");
                problems.push(Problem::error(listed.at.key(), raw).also(first.at.key(), "also here"));
            }
            None => {
                self.by_name.insert(name, self.lists.len());
                self.lists.push((name, listed));
            }
        }
    }

    /// Resolves a group and those it holds. With a stack of its own, because files decide how deep groups nest.
    fn resolve(&mut self, start: usize, problems: &mut Vec<Problem>) {
        if self.people.get(start).is_none_or(Option::is_some) {
            return;
        }
        // The groups being resolved, each held by the one before it, and the item that each has come to.
        let mut stack = vec![(start, 0)];
        while let Some((index, next)) = stack.pop() {
            let Some((_, listed)) = self.lists.get(index).cloned() else {
                continue;
            };
            let held = listed
                .items
                .iter()
                .enumerate()
                .skip(next)
                .find_map(|(at, item)| match item {
                    Some(Entry::Group(name)) => {
                        let held = *self.by_name.get(name)?;
                        matches!(self.people.get(held), Some(None)).then_some((at, held))
                    }
                    _ => None,
                });
            match held {
                None => {
                    let people = self.people_of(&listed, problems);
                    if let Some(slot) = self.people.get_mut(index) {
                        *slot = Some(people);
                    }
                }
                Some((at, held)) => {
                    stack.push((index, at + 1));
                    match stack.iter().position(|(open, _)| *open == held) {
                        None => stack.push((held, 0)),
                        Some(from) => problems
                            .push(self.cycle(stack.get(from..).unwrap_or_default(), listed.at.item(at))),
                    }
                }
            }
        }
    }

    fn cycle(&self, chain: &[(usize, usize)], place: Place) -> Problem {
        let names = chain
            .iter()
            .chain(chain.first())
            .filter_map(|(index, _)| self.lists.get(*index));
        let names: Vec<&str> = names.map(|(name, _)| name.0.as_str()).collect();
        let first = chain.first().and_then(|(index, _)| self.lists.get(*index));
        let raw = RawDiagnostic::new(
            "group-cycle",
            format!("a group holds itself: {}", names.join(" → ")),
        )
        .help("take one of these out of the one that holds it");
        let problem = Problem::error(place, raw);
        match first {
            Some((_, listed)) => problem.also(listed.at.key(), "the group is here"),
            None => problem,
        }
    }

    /// Who a list comes to. Records groups that are missing, and repeats.
    pub(super) fn people_of(&self, listed: &Listed<'_>, problems: &mut Vec<Problem>) -> People {
        let mut names: Vec<UserId> = Vec::with_capacity(listed.items.len());
        let mut groups: Vec<&GroupName> = Vec::new();
        let mut sets: Vec<&MemberSet> = Vec::new();
        let mut open = false;
        for (index, item) in listed.items.iter().enumerate() {
            match item {
                None => open = true,
                Some(Entry::User(user)) => names.push(user.clone()),
                Some(Entry::Group(name)) => {
                    groups.push(name);
                    match self.get(name) {
                        Some(people) => {
                            sets.push(&people.set);
                            open |= people.open;
                        }
                        None => {
                            open = true;
                            if self.whole && !self.by_name.contains_key(name) {
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
        People { set, open }
    }

    /// Who a group comes to; `None`: it is missing, or holds itself.
    pub(super) fn get(&self, name: &GroupName) -> Option<&People> {
        self.people.get(*self.by_name.get(name)?)?.as_ref()
    }

    /// Where the largest of the groups is that a list holds itself.
    pub(super) fn largest(&self, items: &Items<Entry>) -> Option<Place> {
        let held = items.iter().filter_map(|item| match item {
            Some(Entry::Group(name)) => self.by_name.get(name),
            _ => None,
        });
        // Of several that are as large, the first.
        let largest = held.rev().max_by_key(|index| {
            let people = self.people.get(**index).and_then(Option::as_ref);
            people.map_or(0, |people| people.set.len())
        })?;
        Some(self.lists.get(*largest)?.1.at.key())
    }

    fn missing(&self, name: &GroupName, place: Place) -> Problem {
        let name = name.0.as_str();
        let raw = RawDiagnostic::new("no-such-group", format!("there is no group {}", shown(name)));
        let near = match self.comparisons_left.get().checked_sub(self.lists.len()) {
            None => None,
            Some(left) => {
                self.comparisons_left.set(left);
                closest(name, self.lists.iter().map(|(known, _)| known.0.as_str()))
            }
        };
        let near = near.and_then(|near| self.lists.iter().find(|(known, _)| known.0.as_str() == near));
        match near {
            Some((known, listed)) => {
                let raw = raw.help(format!("did you mean `group:{}`?", known.0));
                Problem::error(place, raw).also(listed.at.key(), "there is this one")
            }
            None => Problem::error(place, raw.help("write it under `groups` in any of the files")),
        }
    }
}
