//! Everything that the files say of one person in one room, with every place.

use super::super::entry::Entry;
use super::super::group_index::GroupIndex;
use super::super::place::{ListAt, RoomAt, Specs, place, rooms};
use super::super::spec::{Defaults, GuardsSpec, RoomSpec};
use super::{FilesRead, Origin, Provenance, users_in};
use crate::diagnostics::{EntryPart, NodePath, Place, Target};
use crate::model::{Glob, RoomId, Until, UserId};
use crate::yaml::{Field, Items};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// The key that takes people out of a room's lists.
const EXCLUDE: &str = "exclude";

/// All places in the files that concern one person in one room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Every item that names them and that a list of the room comes to.
    pub lists: Vec<Mention>,
    /// Every item that names them and that the room's `exclude` comes to.
    pub excluded: Vec<Mention>,
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
    /// Where its `absent` stands, be it its own or its file's; `None`: only the settings say it, or nothing does.
    pub absent: Option<Origin>,
}

/// An item that names somebody, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The room's key: `admins`, `members` or `exclude`.
    pub list: &'static str,
    /// The groups on the way, each held by the one before; the last one has the item. Where several ways lead to it, a
    /// shortest.
    pub groups: Vec<String>,
    /// The soonest end on that way. `None`: there is none.
    pub until: Option<Until>,
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

impl Mentions {
    /// Everything that the files say of this person in this room.
    pub(super) fn of(provenance: &Provenance, room: &RoomId, user: &UserId) -> Self {
        let read = &*provenance.0;
        let Some(entry) = RoomEntry::find(&read.specs, room) else {
            return Self::default();
        };
        let names = Names { read, user };
        let (ways, used) = entry.lists(&names);
        let (excluded, lists): (Vec<Way>, Vec<Way>) = ways.into_iter().partition(|way| way.list == EXCLUDE);
        let others = names.other_groups(&used);
        let ignored = entry.ignored(user);
        let protected = entry.protected(user);
        let keys = [
            entry.key(&entry.spec.admins),
            entry.key(&entry.spec.members),
            entry.spec.owner.entry.map(|_| entry.at.value(&entry.spec.owner)),
            entry.own_or_default(|keys| &keys.mode),
            entry.own_or_default(|keys| &keys.absent),
        ];
        let items = lists.iter().chain(&excluded).map(|way| &way.place);
        let items = items.chain(others.iter().map(|(_, place, _)| place));
        let globs = ignored.iter().chain(&protected).map(|(_, place)| place);
        let places = items.chain(globs).chain(keys.iter().flatten());
        let nodes: Vec<(usize, NodePath)> = places.filter_map(node).collect();
        let found = provenance.at(nodes.iter().cloned().map(Some).collect());
        let found: HashMap<(usize, NodePath), Option<Origin>> = nodes.into_iter().zip(found).collect();
        let origin = |place: &Place| found.get(&node(place)?)?.clone();
        let mention = |way: Way| {
            let at = origin(&way.place)?;
            let Way {
                list,
                groups,
                until,
                place: _,
            } = way;
            Some(Mention {
                list,
                groups,
                until,
                at,
            })
        };
        let other_group = |(name, place, rooms): (String, Place, Vec<RoomId>)| {
            let at = origin(&place)?;
            Some(OtherGroup { name, at, rooms })
        };
        let pattern = |(glob, place): (Glob, Place)| {
            let at = origin(&place)?;
            Some(Pattern { glob, at })
        };
        let [admins, members, owner, mode, absent] = keys.map(|place| origin(&place?));
        Self {
            lists: lists.into_iter().filter_map(mention).collect(),
            excluded: excluded.into_iter().filter_map(mention).collect(),
            other_groups: others.into_iter().filter_map(other_group).collect(),
            ignored: ignored.into_iter().filter_map(pattern).collect(),
            protected: protected.into_iter().filter_map(pattern).collect(),
            admins,
            members,
            owner,
            mode,
            absent,
        }
    }
}

fn node(place: &Place) -> Option<(usize, NodePath)> {
    match &place.at {
        Target::Node(node) => Some((place.file, node.clone())),
        Target::File | Target::Byte(_) => None,
    }
}

/// A room, and the defaults of its file.
struct RoomEntry<'s> {
    at: RoomAt,
    spec: &'s RoomSpec,
    defaults: Option<&'s Defaults>,
    defaults_entry: Option<u32>,
}

impl<'s> RoomEntry<'s> {
    fn find(specs: &'s Specs, id: &RoomId) -> Option<Self> {
        let (at, file, spec) = rooms(specs).find(|(_, _, room)| room.id.value.as_ref() == Some(id))?;
        Some(Self {
            at,
            spec,
            defaults: file.defaults.value.as_ref(),
            defaults_entry: file.defaults.entry,
        })
    }

    /// Place of the room's key.
    fn key<T>(&self, field: &Field<T>) -> Option<Place> {
        field.entry.map(|_| self.at.list(field).key())
    }

    /// Steps to a key of the file's `defaults`.
    fn default_steps<T>(&self, field: &Field<T>) -> Vec<u32> {
        self.defaults_entry.into_iter().chain(field.entry).collect()
    }

    /// Place of a value that the room says, or else the defaults of its file.
    fn own_or_default<T>(&self, field: impl Fn(&Defaults) -> &Field<T>) -> Option<Place> {
        let own = field(&self.spec.own);
        if own.entry.is_some() {
            return Some(self.at.value(own));
        }
        let default = field(self.defaults?);
        default
            .entry
            .map(|_| place(self.at.file, &self.default_steps(default), EntryPart::Value))
    }

    /// The items that the room's lists come to, with the way to each, and all groups on any way.
    fn lists(&self, names: &Names<'_>) -> (Vec<Way>, BTreeSet<usize>) {
        let mut found = Vec::new();
        let mut used = BTreeSet::new();
        let lists = [
            ("admins", &self.spec.admins),
            ("members", &self.spec.members),
            (EXCLUDE, &self.spec.exclude),
        ];
        for (key, field) in lists {
            let Some(items) = &field.value else { continue };
            let at = self.at.list(field);
            let way = |groups, place, before: Option<Until>, own: Option<Until>| Way {
                list: key,
                groups,
                until: before.into_iter().chain(own).min(),
                place,
            };
            let of_list = names.items(items);
            found.extend(of_list.map(|item| way(Vec::new(), at.item(item), None, until_of(items, item))));
            let reached = names.reached(items);
            let holders = reached.iter().copied().collect();
            // The soonest end on the way to each group; whoever holds it comes before it.
            let mut ends: HashMap<usize, Option<Until>> = HashMap::new();
            for (number, holder) in reached {
                used.insert(number);
                let Some(group) = names.groups().get(number) else {
                    continue;
                };
                let holder_items =
                    holder.and_then(|holder| Some(names.groups().get(holder)?.items(&names.read.specs)));
                let before = holder.and_then(|holder| ends.get(&holder).copied().flatten());
                let own = names.end_of_group(holder_items.unwrap_or(items), number);
                let end = before.into_iter().chain(own).min();
                ends.insert(number, end);
                let group_items = group.items(&names.read.specs);
                found.extend(names.items(group_items).map(|item| {
                    let groups = names.way(number, &holders);
                    way(groups, group.at.item(item), end, until_of(group_items, item))
                }));
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
            _ => self.matching(own, self.at.steps_to(own).collect(), user),
        }
    }

    fn protected(&self, user: &UserId) -> Vec<(Glob, Place)> {
        let own = &self.spec.own.guards;
        let mut all = Vec::new();
        let mut add = |field: &Field<GuardsSpec>, mut steps: Vec<u32>| {
            if let Some(guards) = &field.value {
                steps.extend(guards.protect.entry);
                all.extend(self.matching(&guards.protect, steps, user));
            }
        };
        add(own, self.at.steps_to(own).collect());
        if let Some(defaults) = self.defaults {
            add(&defaults.guards, self.default_steps(&defaults.guards));
        }
        all
    }

    fn matching(&self, field: &Field<Items<Glob>>, steps: Vec<u32>, user: &UserId) -> Vec<(Glob, Place)> {
        let at = ListAt::new(self.at.file, steps);
        let globs = field.value.iter().flatten().enumerate();
        globs
            .filter_map(|(item, glob)| Some((item, glob.as_ref()?)))
            .filter(|(_, glob)| glob.matches(user.as_str()))
            .map(|(item, glob)| (glob.clone(), at.item(item)))
            .collect()
    }
}

/// A list, the groups on the way with the soonest end on it, and the item it comes to.
struct Way {
    list: &'static str,
    groups: Vec<String>,
    until: Option<Until>,
    place: Place,
}

fn until_of(items: &Items<Entry>, item: usize) -> Option<Until> {
    items.get(item)?.as_ref()?.until()
}

/// The items that name one person.
struct Names<'s> {
    read: &'s FilesRead,
    user: &'s UserId,
}

impl<'s> Names<'s> {
    fn groups(&self) -> &'s GroupIndex {
        &self.read.groups
    }

    /// The items of a list that name the person themselves.
    fn items<'l>(&self, items: &'l Items<Entry>) -> impl Iterator<Item = usize> + use<'l, 's> {
        let user = self.user;
        users_in(items)
            .filter(move |(_, named)| *named == user)
            .map(|(item, _)| item)
    }

    /// The groups that a list comes to, the nearest first, each with the one that holds it on a shortest way.
    fn reached(&self, items: &Items<Entry>) -> Vec<(usize, Option<usize>)> {
        let mut seen = BTreeSet::new();
        let mut reached = Vec::new();
        let held = self.groups().held_by(items);
        let mut next: VecDeque<(usize, Option<usize>)> = held.map(|held| (held.group, None)).collect();
        while let Some((group, holder)) = next.pop_front() {
            if seen.insert(group) {
                let held = self.groups().get(group).into_iter().flat_map(|group| &group.held);
                next.extend(held.map(|held| (held.group, Some(group))));
                reached.push((group, holder));
            }
        }
        reached
    }

    /// The end that a list gives a group it names. Of several items the latest end counts, and none beats any.
    fn end_of_group(&self, items: &Items<Entry>, group: usize) -> Option<Until> {
        let held = self.groups().held_by(items).filter(|held| held.group == group);
        let ends: Option<Vec<Until>> = held.map(|held| until_of(items, held.item)).collect();
        ends?.into_iter().max()
    }

    /// The names of the groups on the way to one.
    fn way(&self, to: usize, holders: &HashMap<usize, Option<usize>>) -> Vec<String> {
        let mut way: Vec<String> = std::iter::successors(Some(to), |group| *holders.get(group)?)
            .filter_map(|group| Some(self.groups().get(group)?.name.to_string()))
            .collect();
        way.reverse();
        way
    }

    /// The groups that name the person and are not `used`, each with the rooms that come to it.
    fn other_groups(&self, used: &BTreeSet<usize>) -> Vec<(String, Place, Vec<RoomId>)> {
        let specs = &self.read.specs;
        let mut others: BTreeMap<usize, (String, Place, Vec<RoomId>)> = BTreeMap::new();
        for (number, group) in self.groups().groups().iter().enumerate() {
            if !used.contains(&number)
                && let Some(item) = self.items(group.items(specs)).next()
            {
                others.insert(number, (group.name.to_string(), group.at.item(item), Vec::new()));
            }
        }
        if others.is_empty() {
            return Vec::new();
        }
        for (_, _, room) in rooms(specs) {
            let mut reached = HashMap::new();
            for items in [&room.admins, &room.members, &room.exclude]
                .into_iter()
                .filter_map(|field| field.value.as_ref())
            {
                self.groups().reach(items, &mut reached);
            }
            for (number, (_, _, rooms)) in &mut others {
                rooms.extend(room.id.value.clone().filter(|_| reached.contains_key(number)));
            }
        }
        let sorted = others.into_values().map(|(name, place, mut rooms)| {
            rooms.sort();
            (name, place, rooms)
        });
        sorted.collect()
    }
}
