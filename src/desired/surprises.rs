//! Lints of what can be written without an error and does not mean what it looks like.

use super::entry::{Entry, GROUP_PREFIX};
use super::group_index::{Group, GroupIndex};
use super::names::pattern_instead;
use super::place::{ListAt, Specs, rooms};
use super::spec::GuardsSpec;
use crate::diagnostics::{Place, Problem, RawDiagnostic, shown};
use crate::model::{Glob, UserId};
use crate::yaml::{Field, Items};
use std::collections::{HashMap, HashSet, hash_map};

/// Lints of everything that the files say together. `lists` are all lists of people.
pub(super) fn surprises<'s>(
    specs: &'s Specs,
    index: &GroupIndex,
    lists: impl Iterator<Item = (ListAt, &'s Items<Entry>)>,
) -> Vec<Problem> {
    let mut problems = patterns(specs);
    problems.extend(names(index, lists));
    problems.extend(same_names(specs));
    problems.extend(unused_defaults(specs));
    problems
}

/// Lint of a pattern under `ignore` or `protect`.
pub(crate) fn doubtful_pattern(glob: &Glob) -> Option<RawDiagnostic> {
    let text = glob.as_str();
    if !text.contains(".*") && !text.contains(".?") {
        return None;
    }
    let message = format!(
        "{} is a pattern, not a regular expression: its dot stands for a dot",
        shown(text)
    );
    Some(RawDiagnostic::new("regex-like-pattern", message).help(format!(
        "{}; keep it only if the names have that dot",
        pattern_instead(text)
    )))
}

/// Lint of a pattern under `protect`.
pub(crate) fn protects_everybody(glob: &Glob) -> Option<RawDiagnostic> {
    if glob.as_str().bytes().any(|byte| byte != b'*') {
        return None;
    }
    let message = format!(
        "{} protects everybody: nobody is ever removed or demoted",
        shown(glob.as_str())
    );
    Some(
        RawDiagnostic::new("protects-everybody", message)
            .help("name those who are to be protected; if nobody is to go, write `mode: additive`"),
    )
}

fn patterns(specs: &Specs) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut judge = |at: ListAt, list: &Field<Items<Glob>>, is_protect: bool| {
        for (item, glob) in list.value.iter().flatten().enumerate() {
            let Some(glob) = glob else { continue };
            let everybody = is_protect.then(|| protects_everybody(glob)).flatten();
            let found = doubtful_pattern(glob).into_iter().chain(everybody);
            problems.extend(found.map(|raw| Problem::warning(at.item(item), raw)));
        }
    };
    let mut protected = |file: usize, steps: &[u32], guards: &Field<GuardsSpec>| {
        if let Some(spec) = &guards.value {
            let steps = steps
                .iter()
                .copied()
                .chain(guards.entry)
                .chain(spec.protect.entry);
            judge(ListAt::new(file, steps), &spec.protect, true);
        }
    };
    for (file, spec) in specs {
        if let (Some(defaults), Some(entry)) = (&spec.defaults.value, spec.defaults.entry) {
            protected(*file, &[entry], &defaults.guards);
        }
    }
    for (at, _, room) in rooms(specs) {
        protected(at.file, &at.steps, &room.own.guards);
    }
    for (file, spec) in specs {
        if let (Some(defaults), Some(entry)) = (&spec.defaults.value, spec.defaults.entry) {
            let steps = [entry].into_iter().chain(defaults.ignore.entry);
            judge(ListAt::new(*file, steps), &defaults.ignore, false);
        }
    }
    for (at, _, room) in rooms(specs) {
        judge(at.list(&room.own.ignore), &room.own.ignore, false);
    }
    problems
}

/// Lints of names in lists, each name once.
fn names<'s>(index: &GroupIndex, lists: impl Iterator<Item = (ListAt, &'s Items<Entry>)>) -> Vec<Problem> {
    let mut reported: HashSet<&UserId> = HashSet::new();
    let mut problems = Vec::new();
    for (at, items) in lists {
        for (item, entry) in items.iter().enumerate() {
            let Some(user) = entry.as_ref().and_then(Entry::user) else {
                continue;
            };
            let Some((raw, group)) = doubtful_name(user, index) else {
                continue;
            };
            if reported.insert(user) {
                let problem = Problem::warning(at.item(item), raw);
                problems.push(match group {
                    Some(group) => problem.also(group.at.key(), "the group is here"),
                    None => problem,
                });
            }
        }
    }
    problems
}

/// A user's name that is probably not meant, and the group that is.
fn doubtful_name<'g>(user: &UserId, index: &'g GroupIndex) -> Option<(RawDiagnostic, Option<&'g Group>)> {
    if let Some(raw) = leading_dash(user) {
        return Some((raw, None));
    }
    let group = group_meant(user, index)?;
    let message = format!(
        "{} stands for the user of that name, not for the group",
        shown(user.as_str())
    );
    let help = format!("write `{GROUP_PREFIX}{}` if the group is meant", group.name);
    Some((
        RawDiagnostic::new("group-as-user", message).help(help),
        Some(group),
    ))
}

/// A name that begins with a dash: a blank is missing after the dash of an item.
fn leading_dash(user: &UserId) -> Option<RawDiagnostic> {
    let rest = user.as_str().strip_prefix('-')?;
    let raw = RawDiagnostic::new(
        "leading-dash",
        format!("the name {} begins with a dash", shown(user.as_str())),
    );
    Some(match UserId::parse(rest) {
        Ok(meant) => raw.help(format!(
            "if the user {meant} is meant, write `- {meant}`, with a blank after the dash, or `{meant}` between brackets"
        )),
        Err(_) => raw.help("see whether a user has this name"),
    })
}

/// The group `mods` for the name `mods` or `group-mods`.
fn group_meant<'g>(user: &UserId, index: &'g GroupIndex) -> Option<&'g Group> {
    if index.groups().is_empty() {
        return None;
    }
    let named = index.named(user).or_else(|| {
        let rest = user.as_str().strip_prefix(GROUP_PREFIX.trim_end_matches(':'))?;
        index.named(&UserId::parse(rest.strip_prefix(['-', '_', '.'])?).ok()?)
    });
    index.get(named?)
}

/// Rooms with the label of another room, or nearly so: a person cannot tell which of them is meant.
fn same_names(specs: &Specs) -> Vec<Problem> {
    let mut first: HashMap<String, (&str, Place)> = HashMap::new();
    let mut problems = Vec::new();
    for (at, _, room) in rooms(specs) {
        let Some(name) = &room.name.value else { continue };
        let place = at.value(&room.name);
        match first.entry(name.trim().to_lowercase()) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert((name, place));
            }
            hash_map::Entry::Occupied(occupied) => {
                let (other, first) = occupied.get();
                let (message, why) = match other == name {
                    true => (
                        format!("two rooms have the name {}", shown(name)),
                        "reports, and commands that take a name, cannot tell the two apart",
                    ),
                    false => (
                        format!(
                            "the names {} and {} of two rooms differ only in capitals or outer spaces",
                            shown(other),
                            shown(name)
                        ),
                        "whoever reads a report can hardly tell the two apart",
                    ),
                };
                let raw = RawDiagnostic::new("same-name", message);
                let raw = raw.help(format!("give each room a name of its own: {why}"));
                problems.push(Problem::warning(place, raw).also(first.clone(), "the other room"));
            }
        }
    }
    problems
}

/// `defaults` in a file without a room: they hold for the rooms of their own file.
fn unused_defaults(specs: &Specs) -> Vec<Problem> {
    let unused = specs.iter().filter_map(|(file, spec)| {
        let entry = spec.defaults.entry?;
        if spec.rooms.value.iter().flatten().next().is_some() {
            return None;
        }
        let message = "these `defaults` hold for no room: they are those of the rooms of this file, and it has none";
        let raw = RawDiagnostic::new("unused-defaults", message)
            .help("write them into each file whose rooms they are for; what holds for all rooms goes into roomsync.yaml");
        Some(Problem::warning(ListAt::new(*file, [entry]).key(), raw))
    });
    unused.collect()
}
