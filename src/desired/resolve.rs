//! Room files together → [`DesiredRoom`]s: groups, defaults and guards filled in, and the rules that need more than one place.

use super::ends::{Ends, RoomEnds};
use super::entry::{Entry, Who};
use super::exclude::{Exclude, Excluded};
use super::groups::{Listed, People, ResolvedGroups};
use super::place::{ListAt, RoomAt, Specs, place};
use super::room::DesiredRoom;
use super::spec::{Defaults, FileSpec, GuardsSpec, RoomSpec};
use super::until_lints;
use crate::diagnostics::{EntryPart, Place, Problem, RawDiagnostic, shown};
use crate::model::{Glob, MAX_ADMINS, MemberSet, RoomDefaults, RoomId, UserId};
use crate::yaml::{Field, Items};
use std::collections::{HashMap, hash_map};

/// The rooms of each file, taken out of its document.
pub(super) type Rooms = Vec<Field<Items<RoomSpec>>>;

/// Resolves the rooms of all files, and hands over each. Without `keep`, each is dropped once it is resolved.
pub(super) fn rooms(
    (specs, rooms): (&Specs, &mut Rooms),
    groups: &ResolvedGroups<'_>,
    defaults: &RoomDefaults,
    keep: bool,
    problems: &mut Vec<Problem>,
    mut take: impl FnMut(DesiredRoom),
) {
    let mut ids = Ids::new();
    for ((file, spec), rooms) in specs.iter().zip(rooms) {
        let context = Context::new(groups, spec, defaults);
        for (index, slot) in (0u32..).zip(rooms.value.iter_mut().flatten()) {
            let (Some(room), Some(entry)) = (&slot, rooms.entry) else {
                continue;
            };
            let steps = [entry, index];
            let at = RoomAt { file: *file, steps };
            problems.extend(twice(&mut ids, at, room));
            context.room(at, room, problems).map(&mut take);
            if !keep {
                *slot = None;
            }
        }
    }
}

/// Place of the first room of each id.
type Ids = HashMap<RoomId, (usize, [u32; 3])>;

/// Error about a room that is in another place, too.
fn twice(ids: &mut Ids, at: RoomAt, room: &RoomSpec) -> Option<Problem> {
    let (id, entry) = (room.id.value.as_ref()?, room.id.entry?);
    let [list, index] = at.steps;
    match ids.entry(id.clone()) {
        hash_map::Entry::Vacant(vacant) => {
            vacant.insert((at.file, [list, index, entry]));
            None
        }
        hash_map::Entry::Occupied(first) => {
            let (file, steps) = first.get();
            let raw = RawDiagnostic::new("room-twice", format!("the room {id} is in two places"))
                .help("put all that is said of a room into one place");
            let problem = Problem::error(at.value(&room.id), raw);
            Some(problem.also(place(*file, steps, EntryPart::Value), "also here"))
        }
    }
}

/// Shared input of all rooms of a file: groups, the defaults of the file, and those of the settings.
struct Context<'s> {
    groups: &'s ResolvedGroups<'s>,
    defaults: Option<&'s Defaults>,
    defaults_entry: Option<u32>,
    settings: &'s RoomDefaults,
}

fn listed(at: RoomAt, field: &Field<Items<Entry>>) -> Option<Listed<'_>> {
    let items = field.value.as_ref()?;
    Some(Listed {
        at: at.list(field),
        items,
    })
}

fn too_many_admins(
    admins: &MemberSet,
    owner: Option<&UserId>,
    listed: &Listed<'_>,
    groups: &ResolvedGroups<'_>,
) -> Option<Problem> {
    let count = admins.iter().filter(|user| Some(*user) != owner).count();
    if count <= MAX_ADMINS {
        return None;
    }
    let message = format!("a room has at most {MAX_ADMINS} admins besides its owner, here are {count}");
    let raw =
        RawDiagnostic::new("too-many-admins", message).help("take some of them out, or out of the groups");
    let problem = Problem::error(listed.at.key(), raw);
    Some(match groups.largest(listed.items) {
        Some(group) => problem.also(group, "the largest group among them"),
        None => problem,
    })
}

impl<'s> Context<'s> {
    fn new(groups: &'s ResolvedGroups<'s>, spec: &'s FileSpec, settings: &'s RoomDefaults) -> Self {
        Self {
            groups,
            defaults: spec.defaults.value.as_ref(),
            defaults_entry: spec.defaults.entry,
            settings,
        }
    }

    /// Resolves a room. `None`: it has no id, which was recorded.
    fn room(&self, at: RoomAt, spec: &RoomSpec, problems: &mut Vec<Problem>) -> Option<DesiredRoom> {
        let RoomSpec {
            id,
            name,
            owner,
            admins,
            members,
            exclude,
            allow_empty,
            own,
        } = spec;
        let may_be_empty = allow_empty.value.unwrap_or_default();
        let owner_name = owner.value.as_ref();
        let lists = [listed(at, admins), listed(at, members)];
        let [admin_list, member_list] = &lists;
        let exclude = listed(at, exclude).map(|listed| Exclude::new(listed, self.groups, problems));
        let mut excluded = Excluded::default();
        let mut people = |list: &Option<Listed<'_>>, taken: &mut MemberSet, key| {
            let listed = list.as_ref()?;
            let mut people = self.groups.people_of(listed, problems);
            if let Some(exclude) = &exclude {
                let contradictions = exclude.contradictions(listed, self.groups);
                people.open |= !contradictions.is_empty();
                problems.extend(contradictions);
                *taken = exclude.take_from(&mut people);
            }
            let excluded_at = exclude.as_ref().filter(|_| !taken.is_empty()).map(Exclude::at);
            problems.extend(self.nobody(listed, &people, owner_name, key, excluded_at));
            Some(people)
        };
        let admins = people(admin_list, &mut excluded.admins, ("admins", may_be_empty.admins));
        let members = people(
            member_list,
            &mut excluded.members,
            ("members", may_be_empty.members),
        );
        if let Some(exclude) = &exclude
            && ![&admins, &members]
                .into_iter()
                .flatten()
                .any(|people| people.open)
        {
            self.groups
                .lint(exclude.without_effect(&excluded.people(), self.groups));
        }
        if let (Some(admins), Some(listed)) = (&admins, admin_list) {
            problems.extend(too_many_admins(&admins.set, owner_name, listed, self.groups));
        }
        if let (Some(admins), Some(members), Some(listed)) = (&admins, &members, member_list) {
            self.groups
                .lint(until_lints::of_room(self.groups, listed, members, admins));
        }
        let ends = [&admins, &members].map(|people| Ends::new(people.iter().flat_map(|people| &people.ends)));
        let [admins, members] = [admins, members].map(|people| people.map(|people| people.set));
        let (ignore, ignore_at) = self.ignore(at, own);
        if !ignore.is_empty() {
            let wanted = MemberSet::of_all([&admins, &members].into_iter().flatten());
            for (index, glob) in ignore.iter().enumerate() {
                let Some(glob) = glob else { continue };
                problems
                    .extend(self.conflict(&wanted, glob, lists.iter().flatten(), || ignore_at.item(index)));
            }
        }
        let mut guards = self.settings.guards.clone();
        let default_guards = self.defaults.and_then(|defaults| defaults.guards.value.as_ref());
        match (default_guards, &own.guards.value) {
            (Some(defaults), None) => defaults.over(&mut guards),
            (Some(defaults), Some(own)) => {
                defaults.protect_too(&mut guards);
                own.over(&mut guards);
            }
            (None, Some(own)) => own.over(&mut guards),
            (None, None) => {}
        }
        let own_guards = own.guards.value.as_ref();
        let default_mode = self.defaults.and_then(|defaults| defaults.mode.value);
        let default_absent = self.defaults.and_then(|defaults| defaults.absent.value);
        let [of_admins, of_members] = ends;
        let ends = RoomEnds {
            admins: of_admins,
            members: of_members,
        };
        let room = DesiredRoom {
            id: id.value.clone()?,
            name: name.value.clone(),
            owner: owner.value.clone(),
            admins,
            members,
            ends: (ends != RoomEnds::default()).then(|| Box::new(ends)),
            excluded: (excluded != Excluded::default()).then(|| Box::new(excluded)),
            allow_empty: may_be_empty,
            ignore: ignore.iter().flatten().cloned().collect(),
            mode: own.mode.value.or(default_mode).unwrap_or_default(),
            absent: own
                .absent
                .value
                .or(default_absent)
                .unwrap_or(self.settings.absent),
            guards,
            own_guards: own_guards.map(GuardsSpec::own).unwrap_or_default(),
        };
        let lists = [admin_list, member_list];
        self.groups
            .lint(until_lints::of_guards(&room, lists, self.groups.now()));
        Some(room)
    }

    /// Error about a key that comes to nobody.
    fn nobody(
        &self,
        listed: &Listed<'_>,
        people: &People,
        owner: Option<&UserId>,
        (key, may_be_empty): (&str, bool),
        excluded_at: Option<Place>,
    ) -> Option<Problem> {
        let nobody = people.set.iter().all(|user| Some(user) == owner);
        if !nobody || people.open || may_be_empty {
            return None;
        }
        let raw = RawDiagnostic::new(
            "nobody",
            format!("`{key}` comes to nobody, so everybody would lose their place"),
        )
        .help(format!(
            "write `allow_empty: {key}` if that is meant, or `true` for both lists; remove the key if it is not to be managed"
        ));
        let problem = Problem::error(listed.at.key(), raw);
        let also = match excluded_at {
            Some(at) => Some((at, "this takes people out of it")),
            None => self
                .groups
                .largest(listed.items)
                .map(|group| (group, "nobody is in this group, or only the owner")),
        };
        Some(match also {
            Some((place, label)) => problem.also(place, label),
            None => problem,
        })
    }

    /// Patterns that a room ignores, and the place of their list. A room's own list replaces that of the defaults.
    fn ignore<'r>(&'r self, at: RoomAt, own: &'r Defaults) -> (&'r [Option<Glob>], ListAt) {
        let (field, at) = match self.defaults {
            Some(defaults) if own.ignore.entry.is_none() => {
                let steps = self.defaults_entry.into_iter().chain(defaults.ignore.entry);
                (&defaults.ignore, ListAt::new(at.file, steps))
            }
            _ => (&own.ignore, at.list(&own.ignore)),
        };
        (field.value.as_deref().unwrap_or_default(), at)
    }

    /// People who are both wanted and ignored: one problem for a pattern, at the first of them.
    fn conflict<'l>(
        &self,
        wanted: &MemberSet,
        glob: &Glob,
        mut lists: impl Iterator<Item = &'l Listed<'l>>,
        ignored_at: impl FnOnce() -> Place,
    ) -> Option<Problem> {
        let mut caught = wanted.iter().filter(|user| glob.matches(user.as_str()));
        let first = caught.next()?;
        let others = match caught.count() {
            0 => String::new(),
            1 => " (and one more)".to_owned(),
            more => format!(" (and {more} more)"),
        };
        let place = lists.find_map(|listed| {
            let index = listed
                .items
                .iter()
                .position(|item| match item.as_ref().map(Entry::who) {
                    Some(Who::User(user)) => user == first,
                    Some(Who::Group(name)) => self
                        .groups
                        .get(name)
                        .is_some_and(|people| people.set.contains(first)),
                    None => false,
                })?;
            Some(listed.at.item(index))
        })?;
        let message = format!("{} is both wanted and ignored{others}", shown(first.as_str()));
        let raw = RawDiagnostic::new("wanted-and-ignored", message)
            .help("take the name out of the list, or change the pattern under `ignore`");
        Some(Problem::error(place, raw).also(ignored_at(), "ignored here"))
    }
}
