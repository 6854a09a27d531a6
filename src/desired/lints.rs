//! Warnings about what is valid, and yet probably not meant. Only a set without errors gets them: what a mistake hides
//! cannot be judged.

use super::entry::Entry;
use super::group_index::{Group, GroupIndex};
use super::place::{ListAt, Specs, place, rooms};
use super::spec::{FileSpec, GuardsSpec};
use super::surprises::surprises;
use crate::diagnostics::{EntryPart, Place, Problem, RawDiagnostic, shown};
use crate::model::{Guards, Limit};
use crate::yaml::{Field, Items};
use std::collections::HashMap;
use std::fmt::Display;

/// A guard of the files that allows more than that of the settings.
pub const LOOSER_GUARD: &str = "looser-guard";

/// Lints of everything that the files say together. `guards` are those of the settings.
pub(super) fn lints(specs: &Specs, index: &GroupIndex, guards: &Guards) -> Vec<Problem> {
    let mut problems = unused_groups(specs, index);
    problems.extend(surprises(specs, index, lists(specs, index)));
    problems.extend(specs.iter().flat_map(|(file, spec)| looser(*file, spec, guards)));
    problems.extend(
        rooms(specs).flat_map(|(at, _, room)| looser_than(guards, at.file, &at.steps, &room.own.guards)),
    );
    problems
}

/// Groups that no room lists, by itself or by way of another group.
fn unused_groups(specs: &Specs, index: &GroupIndex) -> Vec<Problem> {
    let used = used_groups(index, room_lists(specs).chain(exclude_lists(specs)));
    let groups = index.groups().iter().enumerate();
    let unused = groups.filter(|(group, _)| !used.contains_key(group));
    unused
        .map(|(_, Group { name, at, .. })| {
            let message = format!(
                "no room lists the group {}, nor does a group in use",
                shown(name.as_str())
            );
            let raw = RawDiagnostic::new("unused-group", message)
                .help(format!("list it in a room as `group:{name}`, or remove it"));
            Problem::warning(at.key(), raw)
        })
        .collect()
}

/// The groups that these lists name, and those that these hold.
pub(super) fn used_groups<'s>(
    index: &GroupIndex,
    lists: impl Iterator<Item = (ListAt, &'s Items<Entry>)>,
) -> HashMap<usize, usize> {
    let mut used = HashMap::new();
    if !index.groups().is_empty() {
        for (_, items) in lists {
            index.reach(items, &mut used);
        }
    }
    used
}

/// The lists of people of all rooms and groups.
fn lists<'s>(specs: &'s Specs, index: &'s GroupIndex) -> impl Iterator<Item = (ListAt, &'s Items<Entry>)> {
    let groups = index.groups().iter();
    let of_rooms = room_lists(specs).chain(exclude_lists(specs));
    of_rooms.chain(groups.map(|group| (group.at.clone(), group.items(specs))))
}

/// The lists of people of all rooms.
pub(super) fn room_lists(specs: &Specs) -> impl Iterator<Item = (ListAt, &Items<Entry>)> {
    rooms(specs).flat_map(|(at, _, room)| {
        let lists = [&room.admins, &room.members].into_iter();
        lists.filter_map(move |list| Some((at.list(list), list.value.as_ref()?)))
    })
}

/// The lists of those whom rooms exclude.
fn exclude_lists(specs: &Specs) -> impl Iterator<Item = (ListAt, &Items<Entry>)> {
    rooms(specs).filter_map(|(at, _, room)| Some((at.list(&room.exclude), room.exclude.value.as_ref()?)))
}

/// Guards of a file's `defaults` that allow more than those of the settings, whose place they take.
fn looser(file: usize, spec: &FileSpec, settings: &Guards) -> Vec<Problem> {
    let mut rooms = spec.rooms.value.iter().flatten().flatten();
    // A room's own guards take the place of all those of `defaults`.
    match (&spec.defaults.value, spec.defaults.entry) {
        (Some(defaults), Some(entry)) if rooms.any(|room| room.own.guards.entry.is_none()) => {
            looser_than(settings, file, &[entry], &defaults.guards)
        }
        _ => Vec::new(),
    }
}

fn looser_than(settings: &Guards, file: usize, steps: &[u32], guards: &Field<GuardsSpec>) -> Vec<Problem> {
    let Some(spec) = &guards.value else {
        return Vec::new();
    };
    let steps: Vec<u32> = steps.iter().copied().chain(guards.entry).collect();
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

/// Describes the rooms in which `own` allows more than `base`; `None` if there are none. A number and a share can only be
/// compared for a room of a known size, so the text names the sizes.
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
