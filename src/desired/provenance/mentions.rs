//! Everything that the files say of one person in one room, with every place.

use super::super::groups::{ListAt, place};
use super::super::spec::{Defaults, Entry, FileSpec, GroupName, RoomSpec};
use super::{Origin, Provenance};
use crate::diagnostics::{EntryPart, NodePath, Place, Target};
use crate::model::{Glob, RoomId, UserId};
use crate::yaml::{Field, Items};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What the files say of a person in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Every item that names them and that a list of the room comes to.
    pub lists: Vec<Mention>,
    /// The groups that name them and that no list of the room comes to.
    pub other_groups: Vec<OtherGroup>,
    /// The patterns of the room's `ignore` that match.
    pub ignored: Vec<Pattern>,
    /// The patterns of `protect` that match, but for those of the settings.
    pub protected: Vec<Pattern>,
    /// Where the room's `admins` begin.
    pub admins: Option<Origin>,
    /// Where its `members` begin.
    pub members: Option<Origin>,
    /// Where its owner stands.
    pub owner: Option<Origin>,
    /// Where its mode stands, be it its own or its file's; `None`: nowhere.
    pub mode: Option<Origin>,
}

/// An item that names somebody, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The room's list, `admins` or `members`.
    pub list: &'static str,
    /// The groups on the way, each held by the one before; the last one has the item. Where several ways lead to it, a
    /// shortest.
    pub groups: Vec<String>,
    /// The item.
    pub at: Origin,
}

/// A group that names somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherGroup {
    /// Its name.
    pub name: String,
    /// The first item that does.
    pub at: Origin,
    /// The rooms with a list that comes to it, by id.
    pub rooms: Vec<RoomId>,
}

/// A pattern of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// As in the file, in lower case.
    pub glob: Glob,
    /// Where it stands.
    pub at: Origin,
}

impl Provenance {
    /// Everything that the files say of this person in this room.
    #[must_use]
    pub fn mentions(&self, room: &RoomId, user: &UserId) -> Mentions {
        let specs = &self.0.specs;
        let groups = Groups::new(specs, user);
        let Some(said) = RoomAt::find(specs, room) else {
            return Mentions::default();
        };
        let (lists, used) = said.lists(&groups);
        let others = groups.others(specs, &used);
        let ignored = said.ignored(user);
        let protected = said.protected(user);
        let keys = [
            said.key(&said.spec.admins, EntryPart::Key),
            said.key(&said.spec.members, EntryPart::Key),
            said.key(&said.spec.owner, EntryPart::Value),
            said.mode(),
        ];
        let items = lists.iter().map(|(_, _, place)| place);
        let items = items.chain(others.iter().map(|(_, place, _)| place));
        let globs = ignored.iter().chain(&protected).map(|(_, place)| place);
        let places = items.chain(globs).chain(keys.iter().flatten());
        let nodes: Vec<(usize, NodePath)> = places.filter_map(node).collect();
        let found = self.at(nodes.iter().cloned().map(Some).collect());
        let found: HashMap<(usize, NodePath), Option<Origin>> = nodes.into_iter().zip(found).collect();
        let origin = |place: &Place| found.get(&node(place)?)?.clone();
        let mention = |(list, groups, place): Way| {
            let at = origin(&place)?;
            Some(Mention { list, groups, at })
        };
        let other_group = |(name, place, rooms): (String, Place, Vec<RoomId>)| {
            let at = origin(&place)?;
            Some(OtherGroup { name, at, rooms })
        };
        let pattern = |(glob, place): (Glob, Place)| {
            let at = origin(&place)?;
            Some(Pattern { glob, at })
        };
        let [admins, members, owner, mode] = keys.map(|place| origin(&place?));
        Mentions {
            lists: lists.into_iter().filter_map(mention).collect(),
            other_groups: others.into_iter().filter_map(other_group).collect(),
            ignored: ignored.into_iter().filter_map(pattern).collect(),
            protected: protected.into_iter().filter_map(pattern).collect(),
            admins,
            members,
            owner,
            mode,
        }
    }
}

fn node(place: &Place) -> Option<(usize, NodePath)> {
    match &place.at {
        Target::Node(node) => Some((place.file, node.clone())),
        Target::File | Target::Byte(_) => None,
    }
}

/// A room and its file.
struct RoomAt<'s> {
    file: usize,
    steps: [u32; 2],
    spec: &'s RoomSpec,
    defaults: Option<&'s Defaults>,
    defaults_entry: Option<u32>,
}

impl<'s> RoomAt<'s> {
    fn all(specs: &'s [(usize, FileSpec)]) -> impl Iterator<Item = Self> {
        specs.iter().flat_map(|(file, spec)| {
            let rooms = (0u32..).zip(spec.rooms.value.iter().flatten());
            rooms.filter_map(|(number, room)| {
                Some(Self {
                    file: *file,
                    steps: [spec.rooms.entry?, number],
                    spec: room.as_ref()?,
                    defaults: spec.defaults.value.as_ref(),
                    defaults_entry: spec.defaults.entry,
                })
            })
        })
    }

    fn find(specs: &'s [(usize, FileSpec)], id: &RoomId) -> Option<Self> {
        Self::all(specs).find(|room| room.spec.id.value.as_ref() == Some(id))
    }

    fn steps_to<T>(&self, field: &Field<T>) -> Vec<u32> {
        self.steps.into_iter().chain(field.entry).collect()
    }

    /// Where a key of the room, or what stands at it, begins.
    fn key<T>(&self, field: &Field<T>, part: EntryPart) -> Option<Place> {
        field.entry.map(|_| place(self.file, &self.steps_to(field), part))
    }

    /// Where something of the file's `defaults` stands.
    fn default_steps<T>(&self, field: &Field<T>) -> Vec<u32> {
        self.defaults_entry.into_iter().chain(field.entry).collect()
    }

    fn mode(&self) -> Option<Place> {
        let default = || {
            let mode = &self.defaults?.mode;
            mode.entry
                .map(|_| place(self.file, &self.default_steps(mode), EntryPart::Value))
        };
        self.key(&self.spec.own.mode, EntryPart::Value).or_else(default)
    }

    fn people(&self) -> [(&'static str, &'s Field<Items<Entry>>); 2] {
        [("admins", &self.spec.admins), ("members", &self.spec.members)]
    }

    /// The items that the room's lists come to, with the way to each, and all groups on any way.
    fn lists(&self, groups: &Groups<'s>) -> (Vec<Way>, BTreeSet<usize>) {
        let mut found = Vec::new();
        let mut used = BTreeSet::new();
        for (key, field) in self.people() {
            let Some(items) = &field.value else { continue };
            let at = ListAt {
                file: self.file,
                steps: self.steps_to(field),
            };
            found.extend(groups.naming(items).map(|item| (key, Vec::new(), at.item(item))));
            let reached = groups.reached(items);
            let holders = reached.iter().copied().collect();
            for (index, _) in &reached {
                used.insert(*index);
                let Some(group) = groups.all.get(*index) else {
                    continue;
                };
                let items = groups.naming(group.items);
                found.extend(items.map(|item| (key, groups.way(*index, &holders), group.at.item(item))));
            }
        }
        (found, used)
    }

    fn ignored(&self, user: &UserId) -> Vec<(Glob, Place)> {
        let own = &self.spec.own.ignore;
        match self.defaults {
            // The room's own list replaces that of the defaults.
            Some(defaults) if own.entry.is_none() => {
                self.matching(&defaults.ignore, self.default_steps(&defaults.ignore), user)
            }
            _ => self.matching(own, self.steps_to(own), user),
        }
    }

    fn protected(&self, user: &UserId) -> Vec<(Glob, Place)> {
        let own = &self.spec.own.guards;
        let mut all = Vec::new();
        let mut add = |field: &Field<super::super::GuardsSpec>, mut steps: Vec<u32>| {
            if let Some(guards) = &field.value {
                steps.extend(guards.protect.entry);
                all.extend(self.matching(&guards.protect, steps, user));
            }
        };
        add(own, self.steps_to(own));
        if let Some(defaults) = self.defaults {
            add(&defaults.guards, self.default_steps(&defaults.guards));
        }
        all
    }

    fn matching(&self, field: &Field<Items<Glob>>, steps: Vec<u32>, user: &UserId) -> Vec<(Glob, Place)> {
        let at = ListAt {
            file: self.file,
            steps,
        };
        let globs = field.value.iter().flatten().enumerate();
        globs
            .filter_map(|(item, glob)| Some((item, glob.as_ref()?)))
            .filter(|(_, glob)| glob.matches(user.as_str()))
            .map(|(item, glob)| (glob.clone(), at.item(item)))
            .collect()
    }
}

/// A list, the groups on the way, and the item it comes to.
type Way = (&'static str, Vec<String>, Place);

/// The groups of all files.
struct Groups<'s> {
    all: Vec<Group<'s>>,
    by_name: HashMap<&'s GroupName, usize>,
    user: UserId,
}

struct Group<'s> {
    name: &'s GroupName,
    at: ListAt,
    items: &'s Items<Entry>,
}

impl<'s> Groups<'s> {
    fn new(specs: &'s [(usize, FileSpec)], user: &UserId) -> Self {
        let mut all = Vec::new();
        for (file, spec) in specs {
            let groups = spec.groups.value.iter().flatten();
            all.extend(groups.map(|group| Group {
                name: &group.key,
                at: ListAt {
                    file: *file,
                    steps: spec.groups.entry.into_iter().chain([group.entry]).collect(),
                },
                items: &group.items,
            }));
        }
        Self {
            by_name: all
                .iter()
                .enumerate()
                .map(|(at, group)| (group.name, at))
                .collect(),
            user: user.clone(),
            all,
        }
    }

    /// The items of a list that name the person themselves.
    fn naming(&self, items: &Items<Entry>) -> impl Iterator<Item = usize> {
        let names = |item: &Option<Entry>| matches!(item, Some(Entry::User(user)) if *user == self.user);
        items
            .iter()
            .enumerate()
            .filter(move |(_, item)| names(item))
            .map(|(at, _)| at)
    }

    fn held(&self, items: &'s Items<Entry>) -> impl Iterator<Item = usize> {
        items.iter().filter_map(|item| match item {
            Some(Entry::Group(name)) => self.by_name.get(name).copied(),
            _ => None,
        })
    }

    /// The groups that a list comes to, the nearest first, each with the one that holds it on a shortest way.
    fn reached(&self, items: &'s Items<Entry>) -> Vec<(usize, Option<usize>)> {
        let mut seen = BTreeSet::new();
        let mut reached = Vec::new();
        let mut next: VecDeque<(usize, Option<usize>)> =
            self.held(items).map(|group| (group, None)).collect();
        while let Some((group, holder)) = next.pop_front() {
            if seen.insert(group) {
                let held = self.all.get(group).into_iter();
                let held = held.flat_map(|group| self.held(group.items));
                next.extend(held.map(|held| (held, Some(group))));
                reached.push((group, holder));
            }
        }
        reached
    }

    /// The names of the groups on the way to one.
    fn way(&self, to: usize, holders: &HashMap<usize, Option<usize>>) -> Vec<String> {
        let mut way: Vec<String> = std::iter::successors(Some(to), |group| *holders.get(group)?)
            .filter_map(|group| Some(self.all.get(group)?.name.0.to_string()))
            .collect();
        way.reverse();
        way
    }

    /// The groups that name the person and are not `used`, each with the rooms that come to it.
    fn others(
        &self,
        specs: &'s [(usize, FileSpec)],
        used: &BTreeSet<usize>,
    ) -> Vec<(String, Place, Vec<RoomId>)> {
        let naming = self.all.iter().enumerate().filter(|(at, _)| !used.contains(at));
        let naming = naming.filter_map(|(at, group)| Some((at, group, self.naming(group.items).next()?)));
        let mut others: Vec<(usize, String, Place, Vec<RoomId>)> = naming
            .map(|(at, group, item)| (at, group.name.0.to_string(), group.at.item(item), Vec::new()))
            .collect();
        if others.is_empty() {
            return Vec::new();
        }
        for room in RoomAt::all(specs) {
            let lists = room
                .people()
                .into_iter()
                .filter_map(|(_, field)| field.value.as_ref());
            let reached: BTreeSet<usize> = lists
                .flat_map(|items| self.reached(items))
                .map(|(at, _)| at)
                .collect();
            for (at, _, _, rooms) in &mut others {
                rooms.extend(room.spec.id.value.clone().filter(|_| reached.contains(at)));
            }
        }
        let told = others.into_iter().map(|(_, name, place, mut rooms)| {
            rooms.sort();
            (name, place, rooms)
        });
        told.collect()
    }
}
