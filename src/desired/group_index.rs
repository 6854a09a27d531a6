//! The groups of a set of files, and which of them hold which: found once, and used by all that asks about groups.

use super::entry::{Entry, GroupName};
use super::place::{ListAt, Specs};
use crate::diagnostics::{Problem, RawDiagnostic, shown};
use crate::model::UserId;
use crate::yaml::Items;
use std::collections::{HashMap, hash_map};

/// The groups of all files, each once.
#[derive(Default)]
pub(super) struct GroupIndex {
    groups: Vec<Group>,
    by_name: HashMap<UserId, usize>,
}

/// A group.
pub(super) struct Group {
    pub(super) name: UserId,
    pub(super) at: ListAt,
    /// The groups that its list names.
    pub(super) held: Vec<Held>,
    /// Index of its file's document, and its own index there.
    entry: (usize, usize),
}

/// An item that names a group.
pub(super) struct Held {
    pub(super) item: usize,
    pub(super) group: usize,
}

impl GroupIndex {
    /// Indexes the groups, and records those that are in two places.
    pub(super) fn new(specs: &Specs, problems: &mut Vec<Problem>) -> Self {
        let mut index = Self::default();
        for (document, (file, spec)) in specs.iter().enumerate() {
            for (number, group) in spec.groups.value.iter().flatten().enumerate() {
                let at = ListAt::new(*file, spec.groups.entry.into_iter().chain([group.entry]));
                index.add(&group.key, at, (document, number), problems);
            }
        }
        let held: Vec<Vec<Held>> = index
            .groups
            .iter()
            .map(|group| index.held_by(group.items(specs)).collect())
            .collect();
        for (group, held) in index.groups.iter_mut().zip(held) {
            group.held = held;
        }
        index
    }

    fn add(&mut self, name: &GroupName, at: ListAt, entry: (usize, usize), problems: &mut Vec<Problem>) {
        let name = &*name.0;
        match self.by_name.entry(name.clone()) {
            hash_map::Entry::Occupied(first) => {
                let message = format!("the group {} is in two places", shown(name.as_str()));
                let raw =
                    RawDiagnostic::new("group-twice", message).help("keep one of the two, or rename one");
                let first = self.groups.get(*first.get()).map(|first| first.at.key());
                let problem = Problem::error(at.key(), raw);
                problems.push(match first {
                    Some(first) => problem.also(first, "also here"),
                    None => problem,
                });
            }
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(self.groups.len());
                self.groups.push(Group {
                    name: name.clone(),
                    at,
                    held: Vec::new(),
                    entry,
                });
            }
        }
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(super) fn get(&self, index: usize) -> Option<&Group> {
        self.groups.get(index)
    }

    /// Index of the group of this name.
    pub(super) fn named(&self, name: &UserId) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The groups that a list names itself.
    pub(super) fn held_by<'a>(
        &'a self,
        items: &'a Items<Entry>,
    ) -> impl DoubleEndedIterator<Item = Held> + 'a {
        items.iter().enumerate().filter_map(|(item, entry)| {
            let name = entry.as_ref()?.group()?;
            let group = self.named(&name.0)?;
            Some(Held { item, group })
        })
    }

    /// Adds the groups that a list comes to, numbered in the order in which they are met, depth first.
    pub(super) fn reach(&self, items: &Items<Entry>, reached: &mut HashMap<usize, usize>) {
        // With a stack of its own, because files decide how deep groups nest.
        let mut stack: Vec<usize> = self.held_by(items).rev().map(|held| held.group).collect();
        while let Some(group) = stack.pop() {
            let next = reached.len();
            if let hash_map::Entry::Vacant(vacant) = reached.entry(group) {
                vacant.insert(next);
                let held = self.get(group).into_iter().flat_map(|group| &group.held);
                stack.extend(held.rev().map(|held| held.group));
            }
        }
    }
}

impl Group {
    /// Its items, in the documents that were indexed.
    pub(super) fn items<'s>(&self, specs: &'s Specs) -> &'s Items<Entry> {
        const NOBODY: &Items<Entry> = &Vec::new();
        let (document, number) = self.entry;
        let groups = specs
            .get(document)
            .and_then(|(_, spec)| spec.groups.value.as_ref());
        let group = groups.and_then(|groups| groups.get(number));
        group.map_or(NOBODY, |group| &group.items)
    }
}
