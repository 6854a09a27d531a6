//! What is not wrong, but not as most people would mean it. Said of a set without an error only: what a mistake hides
//! cannot be judged.

use super::groups::{ListAt, place};
use super::spec::{Entry, FileSpec, GroupName, GuardsSpec};
use crate::diagnostics::{EntryPart, Place, Problem, RawDiagnostic, shown};
use crate::model::{Guards, Limit, UserId};
use crate::yaml::{Field, Items};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;

/// A guard of the files that allows more than that of the settings.
pub const LOOSER_GUARD: &str = "looser-guard";

/// Looks at everything that the files say together. `guards` are those of the settings.
pub(super) fn lints(files: &[(usize, FileSpec)], guards: &Guards) -> Vec<Problem> {
    let groups = Groups::new(files);
    let mut problems = groups.unused(files);
    problems.extend(groups.taken_for_users(files));
    problems.extend(files.iter().flat_map(|(file, spec)| looser(*file, spec, guards)));
    problems
}

/// How many people are to be in a room, each counted once.
pub(super) fn people(files: &[(usize, FileSpec)]) -> usize {
    // A share of the names at a time, so that even all of them take next to no memory.
    const SHARES: u8 = 16;
    let groups = Groups::new(files);
    let used = groups.used(files);
    let of_groups = || {
        let used = groups
            .lists
            .iter()
            .enumerate()
            .filter(|(index, _)| used.contains(index));
        used.map(|(_, (_, _, items))| *items)
    };
    let of_rooms = || {
        files
            .iter()
            .flat_map(|(_, spec)| room_lists(spec))
            .map(|(_, items)| items)
    };
    let share_of = |user: &UserId| user.as_str().bytes().fold(0, u8::wrapping_add) % SHARES;
    let count = |share| {
        let items = of_groups().chain(of_rooms()).flatten();
        let mut users: Vec<&UserId> = items
            .filter_map(|item| match item {
                Some(Entry::User(user)) if share_of(user) == share => Some(user),
                _ => None,
            })
            .collect();
        users.sort_unstable();
        users.dedup();
        users.len()
    };
    (0..SHARES).map(count).sum()
}

/// The groups of all files, by their names.
struct Groups<'s> {
    lists: Vec<(&'s GroupName, ListAt, &'s Items<Entry>)>,
    by_name: HashMap<&'s UserId, usize>,
}

impl<'s> Groups<'s> {
    fn new(files: &'s [(usize, FileSpec)]) -> Self {
        let mut lists = Vec::new();
        for (file, spec) in files {
            for group in spec.groups.value.iter().flatten() {
                let steps = spec.groups.entry.into_iter().chain([group.entry]).collect();
                let at = ListAt { file: *file, steps };
                lists.push((&group.key, at, &group.items));
            }
        }
        let by_name = lists
            .iter()
            .enumerate()
            .map(|(index, (name, ..))| (&*name.0, index))
            .collect();
        Self { lists, by_name }
    }

    /// The groups that a list holds itself.
    fn held<'l>(&'l self, items: &'l Items<Entry>) -> impl Iterator<Item = usize> + 'l {
        items.iter().filter_map(|item| match item {
            Some(Entry::Group(name)) => self.by_name.get(&*name.0).copied(),
            _ => None,
        })
    }

    /// Groups that no room lists, by itself or by way of another group.
    fn unused(&self, files: &[(usize, FileSpec)]) -> Vec<Problem> {
        let used = self.used(files);
        let unused = self
            .lists
            .iter()
            .enumerate()
            .filter(|(index, _)| !used.contains(index));
        unused
            .map(|(_, (name, at, _))| {
                let name = name.0.as_str();
                let message = format!("no room lists the group {}, nor does a group in use", shown(name));
                let raw = RawDiagnostic::new("unused-group", message)
                    .help(format!("list it in a room as `group:{name}`, or remove it"));
                Problem::warning(at.key(), raw)
            })
            .collect()
    }

    /// The groups that rooms list, and those that these hold.
    fn used(&self, files: &[(usize, FileSpec)]) -> HashSet<usize> {
        if self.lists.is_empty() {
            return HashSet::new();
        }
        let mut used: HashSet<usize> = HashSet::new();
        let mut pending: Vec<usize> = files
            .iter()
            .flat_map(|(_, spec)| room_lists(spec))
            .flat_map(|(_, items)| self.held(items))
            .collect();
        while let Some(group) = pending.pop() {
            if used.insert(group)
                && let Some((_, _, items)) = self.lists.get(group)
            {
                pending.extend(self.held(items));
            }
        }
        used
    }

    /// Names in lists that are those of groups too, each once: `group:` may have been left out.
    fn taken_for_users(&self, files: &[(usize, FileSpec)]) -> Vec<Problem> {
        if self.lists.is_empty() {
            return Vec::new();
        }
        let mut told: HashSet<usize> = HashSet::new();
        let mut problems = Vec::new();
        let in_rooms = files
            .iter()
            .flat_map(|(file, spec)| room_lists(spec).map(|(steps, items)| (*file, steps, items)));
        let in_groups = self
            .lists
            .iter()
            .map(|(_, at, items)| (at.file, at.steps.clone(), *items));
        for (file, steps, items) in in_rooms.chain(in_groups) {
            for (index, item) in items.iter().enumerate() {
                let Some(Entry::User(user)) = item else { continue };
                let Some(group) = self.by_name.get(user) else {
                    continue;
                };
                if told.insert(*group)
                    && let Some((_, group, _)) = self.lists.get(*group)
                {
                    let at = ListAt {
                        file,
                        steps: steps.clone(),
                    };
                    let name = user.as_str();
                    let message = format!(
                        "{} stands for the user of that name, not for the group",
                        shown(name)
                    );
                    let raw = RawDiagnostic::new("group-as-user", message)
                        .help(format!("write `group:{name}` if the group is meant"));
                    problems.push(Problem::note(at.item(index), raw).also(group.key(), "the group is here"));
                }
            }
        }
        problems
    }
}

/// The lists of people of a file's rooms, each with its way down.
fn room_lists(spec: &FileSpec) -> impl Iterator<Item = (Vec<u32>, &Items<Entry>)> {
    let rooms = (0u32..).zip(spec.rooms.value.iter().flatten());
    rooms.flat_map(move |(index, room)| {
        let lists = room.iter().flat_map(|room| [&room.admins, &room.members]);
        lists.filter_map(move |list| {
            let steps = spec.rooms.entry.into_iter().chain([index]).chain(list.entry);
            Some((steps.collect(), list.value.as_ref()?))
        })
    })
}

/// Guards of a file that allow more than those of the settings, whose place they take.
fn looser(file: usize, spec: &FileSpec, settings: &Guards) -> Vec<Problem> {
    let mut problems = Vec::new();
    let rooms = || (0u32..).zip(spec.rooms.value.iter().flatten());
    let defaults = spec.defaults.value.as_ref().map(|defaults| &defaults.guards);
    // A room's own guards take the place of all those of `defaults`.
    let counts = rooms().any(|(_, room)| room.as_ref().is_some_and(|room| room.own.guards.entry.is_none()));
    if let Some(guards) = defaults.filter(|_| counts) {
        let steps = spec.defaults.entry.into_iter();
        problems.extend(looser_than(settings, file, steps.collect(), guards));
    }
    for (index, room) in rooms() {
        if let Some(room) = room {
            let steps = spec.rooms.entry.into_iter().chain([index]);
            problems.extend(looser_than(settings, file, steps.collect(), &room.own.guards));
        }
    }
    problems
}

fn looser_than(settings: &Guards, file: usize, steps: Vec<u32>, guards: &Field<GuardsSpec>) -> Vec<Problem> {
    let Some(spec) = &guards.value else {
        return Vec::new();
    };
    let steps: Vec<u32> = steps.into_iter().chain(guards.entry).collect();
    let at = |entry: Option<u32>| -> Place {
        let steps: Vec<u32> = steps.iter().copied().chain(entry).collect();
        place(file, &steps, EntryPart::Value)
    };
    let GuardsSpec {
        max_removals,
        max_demotions,
        max_additions,
        removal_budget,
        protect: _,
    } = spec;
    let removals = (max_removals, settings.max_removals);
    let demotions = (max_demotions, settings.max_demotions);
    let bounds = [
        ("max_removals", removals, "members", "remove more people"),
        ("max_demotions", demotions, "admins", "demote more admins"),
    ];
    let mut problems = Vec::new();
    for (name, (field, base), of, more) in bounds {
        if let Some(own) = field.value
            && let Some(when) = when_looser(own, base, of)
        {
            problems.push(note(at(field.entry), name, &own.to_string(), base, &when, more));
        }
    }
    if let (Some(own), Some(base)) = (max_additions.value, settings.max_additions) {
        let (own, when) = match own {
            Some(own) => (own.to_string(), when_looser(own, base, "members")),
            None => ("null".to_owned(), Some(String::new())),
        };
        if let Some(when) = when {
            let place = at(max_additions.entry);
            problems.push(note(place, "max_additions", &own, base, &when, "add more people"));
        }
    }
    let mut with_own = settings.clone();
    spec.over(&mut with_own);
    let (own, base) = (with_own.removal_budget, settings.removal_budget);
    if own.is_looser_than(&base) {
        let place = at(removal_budget.entry);
        let (own, base) = (own.to_string(), base.to_string());
        problems.push(note(
            place,
            "removal_budget",
            &own,
            base,
            "",
            "let more people go over time",
        ));
    }
    problems
}

fn note(place: Place, name: &str, own: &str, base: impl Display, when: &str, more: &str) -> Problem {
    let message = format!("`{name}: {own}` is looser than the {base} of the settings{when}");
    let raw = RawDiagnostic::new(LOOSER_GUARD, message).help(format!(
        "a pass may then {more} here than elsewhere: keep it only if that is meant"
    ));
    Problem::note(place, raw)
}

/// Whether `own` allows more than `base`, and of which rooms: a number and a share can only be compared for a room of
/// a known size, so the sizes are told.
fn when_looser(own: Limit, base: Limit, of: &str) -> Option<String> {
    const WHOLE: u128 = 10_000;
    match (own, base) {
        (Limit::Count(own), Limit::Count(base)) => (own > base).then(String::new),
        (Limit::Share(own), Limit::Share(base)) => (own > base).then(String::new),
        (Limit::Count(own), Limit::Share(0)) => (own > 0).then(String::new),
        (Limit::Count(own), Limit::Share(base)) => {
            // A share is rounded up, so up to here it comes to less.
            let most = u128::from(own.saturating_sub(1)) * WHOLE / u128::from(base);
            (most > 0).then(|| format!(" while the room has at most {most} {of}"))
        }
        (Limit::Share(0), Limit::Count(_)) => None,
        (Limit::Share(own), Limit::Count(base)) => {
            let most = u128::from(base) * WHOLE / u128::from(own);
            Some(format!(" where the room has more than {most} {of}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit() -> impl Strategy<Value = Limit> {
        prop_oneof![
            (0_u64..40).prop_map(Limit::Count),
            (0_u32..=100).prop_map(|percent| Limit::Share(percent * 100)),
        ]
    }

    proptest! {
        #[test]
        fn the_sizes_told_are_those_where_more_is_allowed(own in limit(), base in limit(), size in 1_u64..2_000) {
            let (more, fewer) = (own.of(size) > base.of(size), own.of(size) < base.of(size));
            match when_looser(own, base, "members") {
                None => prop_assert!(!more, "{} against {}", own, base),
                Some(when) => match when.split(' ').find_map(|word| word.parse::<u64>().ok()) {
                    // A share is rounded up, so of a few both may come to the same.
                    None => prop_assert!(!fewer && own.of(10_000) > base.of(10_000), "{} against {}", own, base),
                    Some(most) => {
                        let told = if when.starts_with(" while") { size <= most } else { size > most };
                        prop_assert_eq!(told, more, "{} against {}", own, base);
                    }
                },
            }
        }
    }
}
