//! Lints of what can be written without an error and does not mean what it looks like.

use super::entry::{Entry, GROUP_PREFIX};
use super::group_index::GroupIndex;
use super::names::pattern_instead;
use super::place::{ListAt, Specs, rooms};
use super::spec::GuardsSpec;
use crate::diagnostics::{Place, Problem, RawDiagnostic, shown};
use crate::model::{Glob, UserId};
use crate::yaml::{Field, Items};
use std::collections::{HashMap, HashSet};

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
            let found = leading_dash(user).or_else(|| group_meant(user, index));
            if let Some(raw) = found
                && reported.insert(user)
            {
                problems.push(Problem::warning(at.item(item), raw));
            }
        }
    }
    problems
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

/// A name such as `group-mods`, where there is a group of the name `mods`.
fn group_meant(user: &UserId, index: &GroupIndex) -> Option<RawDiagnostic> {
    let group = GROUP_PREFIX.trim_end_matches(':');
    let rest = user.as_str().strip_prefix(group)?.strip_prefix(['-', '_', '.'])?;
    let name = UserId::parse(rest).ok()?;
    index.named(&name)?;
    let message = format!(
        "{} stands for the user of that name, not for a group",
        shown(user.as_str())
    );
    let help = format!("write `{GROUP_PREFIX}{name}` if the group is meant");
    Some(RawDiagnostic::new("group-as-user", message).help(help))
}

/// Rooms with the label of another room: a person cannot tell which of them is meant.
fn same_names(specs: &Specs) -> Vec<Problem> {
    let mut first: HashMap<String, Place> = HashMap::new();
    let mut problems = Vec::new();
    for (at, _, room) in rooms(specs) {
        let Some(name) = &room.name.value else { continue };
        let place = at.value(&room.name);
        match first.get(&name.trim().to_lowercase()) {
            None => {
                first.insert(name.trim().to_lowercase(), place);
            }
            Some(first) => {
                let raw = RawDiagnostic::new("same-name", format!("two rooms have the name {}", shown(name)))
                    .help("give each room a name of its own: reports, and commands that take a name, cannot tell the two apart");
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
