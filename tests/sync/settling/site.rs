//! Random room files in three files, and random edits of them.

use super::room_id;
use crate::house::START;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Names = BTreeSet<String>;
/// Ends of places, by name.
type Ends = BTreeMap<String, Timestamp>;

/// A room's entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) members: Option<Names>,
    pub(super) admins: Option<Names>,
    /// Everybody in the group of this number is a member, too.
    pub(super) group: Option<usize>,
    /// People of that group who are taken out of it, but for those whom a list names.
    pub(super) exclude: Names,
    /// The end of their places.
    pub(super) group_ends: Option<Timestamp>,
    pub(super) member_ends: Ends,
    pub(super) admin_ends: Ends,
    pub(super) mode: &'static str,
    pub(super) guards: &'static str,
    pub(super) allow_empty: bool,
    pub(super) file: usize,
}

/// Statement of the files together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Site {
    pub(super) rooms: BTreeMap<usize, Entry>,
    pub(super) groups: BTreeMap<usize, Names>,
}

impl Site {
    pub(super) fn text(&self, file: usize) -> String {
        let list = |names: &Names| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut text = format!("# file {file}\n");
        let groups = self.groups.iter().filter(|(group, _)| **group % 3 == file);
        let groups: Vec<String> = groups
            .map(|(group, names)| format!("  g{group}: [{}]\n", list(names)))
            .collect();
        if !groups.is_empty() {
            text += "groups:\n";
            text += &groups.concat();
        }
        let rooms: Vec<_> = self
            .rooms
            .iter()
            .filter(|(_, entry)| entry.file == file)
            .collect();
        if !rooms.is_empty() {
            text += "rooms:\n";
        }
        for (room, entry) in rooms {
            text += &format!("  - id: {}\n    mode: {}\n", room_id(*room), entry.mode);
            if !entry.guards.is_empty() {
                text += &format!("    guards: {}\n", entry.guards);
            }
            if entry.allow_empty {
                text += "    allow_empty: true\n";
            }
            let exclude = entry.excluded();
            if !exclude.is_empty() {
                text += &format!("    exclude: [{}]\n", list(&exclude));
            }
            if let Some(admins) = &entry.admins {
                let items = admins.iter().map(|name| match entry.admin_ends.get(name) {
                    None => name.clone(),
                    Some(until) => format!("{{user: {name}, until: {until}}}"),
                });
                text += &format!("    admins: [{}]\n", items.collect::<Vec<_>>().join(", "));
            }
            if let Some(members) = &entry.members {
                // An item a line, so that a writer can stop between two.
                text += "    members:\n";
                let mut item = |who: String, name: String, until: Option<&Timestamp>| match until {
                    None => text += &format!("      - {name}\n"),
                    Some(until) => text += &format!("      - {who}\n        until: {until}\n"),
                };
                for name in members {
                    item(format!("user: {name}"), name.clone(), entry.member_ends.get(name));
                }
                if let Some(group) = entry.group {
                    let (who, name) = (format!("group: g{group}"), format!("group:g{group}"));
                    item(who, name, entry.group_ends.as_ref());
                }
            }
        }
        // A new text that the old one begins with would be held as a file cut short.
        text += &format!("# end of file {file}\n");
        text
    }

    /// People who are wanted in a room at this time; `None`: nobody is said to be unwanted.
    pub(super) fn people(&self, room: usize, now: Timestamp) -> Option<Names> {
        let entry = self.rooms.get(&room)?;
        let mut people = lasting(entry.members.as_ref()?, &entry.member_ends, now);
        people.extend(self.admins(room, now).unwrap_or_default());
        if entry.group_ends.is_none_or(|end| end > now) {
            people.extend(self.of_group(entry).difference(&entry.excluded()).cloned());
        }
        Some(people)
    }

    pub(super) fn admins(&self, room: usize, now: Timestamp) -> Option<Names> {
        let entry = self.rooms.get(&room)?;
        Some(lasting(entry.admins.as_ref()?, &entry.admin_ends, now))
    }

    /// True if one of somebody's places in a room has an end.
    pub(super) fn has_end(&self, room: usize, name: &str) -> bool {
        self.rooms.get(&room).is_some_and(|entry| {
            let of_group = || self.of_group(entry).contains(name);
            entry.member_ends.contains_key(name)
                || entry.admin_ends.contains_key(name)
                || (entry.group_ends.is_some() && of_group())
        })
    }

    fn of_group(&self, entry: &Entry) -> Names {
        let group = entry.group.and_then(|group| self.groups.get(&group));
        group.cloned().unwrap_or_default()
    }

    /// People who are named for a room, and whose place there has ended by this time.
    pub(super) fn ended(&self, room: usize, now: Timestamp) -> Names {
        let Some(entry) = self.rooms.get(&room) else {
            return Names::new();
        };
        let mut named = self.of_group(entry);
        named.extend(entry.members.iter().chain(&entry.admins).flatten().cloned());
        let wanted = self.people(room, now).or_else(|| self.admins(room, now));
        named.difference(&wanted.unwrap_or_default()).cloned().collect()
    }
}

impl Entry {
    fn excluded(&self) -> Names {
        let mut exclude = self.exclude.clone();
        for name in self.members.iter().chain(&self.admins).flatten() {
            exclude.remove(name);
        }
        exclude
    }
}

fn lasting(names: &Names, ends: &Ends, now: Timestamp) -> Names {
    let stays = |name: &&String| ends.get(*name).is_none_or(|end| *end > now);
    names.iter().filter(stays).cloned().collect()
}

/// Long over, soon or far away.
fn end(random: &mut fastrand::Rng) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    let seconds = match random.u8(0..4) {
        0 | 1 => -100_000,
        2 => random.i64(0..60),
        _ => 10_000_000,
    };
    start + SignedDuration::from_secs(seconds)
}

fn some_ends(names: Option<&Names>, but: &str, random: &mut fastrand::Rng) -> Ends {
    let names = names.into_iter().flatten().filter(|name| *name != but);
    let mut ends = Ends::new();
    for name in names {
        if random.u8(0..5) == 0 {
            ends.insert(name.clone(), end(random));
        }
    }
    ends
}

fn some(random: &mut fastrand::Rng, most: usize, share: f64) -> Names {
    (0..most)
        .filter(|_| random.f64() < share)
        .map(|n| format!("u{n}"))
        .collect()
}

fn entry(random: &mut fastrand::Rng) -> Entry {
    let names = random.usize(4..40);
    let mut members = some(random, names, 0.8);
    members.insert("u0".to_owned());
    let mut admins = some(random, 8, 0.6);
    admins.insert("u1".to_owned());
    let member_ends = some_ends(Some(&members), "u0", random);
    let admin_ends = some_ends(Some(&admins), "u1", random);
    Entry {
        group_ends: None,
        member_ends,
        admin_ends,
        members: random.u8(0..8).ne(&0).then_some(members),
        admins: Some(admins),
        group: None,
        exclude: Names::new(),
        mode: [
            "authoritative",
            "authoritative",
            "authoritative",
            "additive",
            "observe",
        ][random.usize(0..5)],
        guards: "",
        allow_empty: false,
        file: random.usize(0..3),
    }
}

pub(super) fn site(random: &mut fastrand::Rng) -> Site {
    let mut site = Site::default();
    for group in 0..3 {
        site.groups.insert(group, some(random, 30, 0.3));
    }
    for room in 1..=random.usize(1..4) {
        let mut entry = entry(random);
        entry.group = (entry.members.is_some() && random.bool()).then(|| random.usize(0..3));
        entry.group_ends = random.bool().then(|| end(random));
        entry.exclude = some(random, 30, 0.2);
        site.rooms.insert(room, entry);
    }
    site
}

/// Another version of the files, that differs in a way that takes people away, or adds some, or both.
pub(super) fn edited(site: &Site, random: &mut fastrand::Rng) -> Site {
    let mut site = site.clone();
    for _ in 0..random.usize(1..4) {
        let rooms: Vec<usize> = site.rooms.keys().copied().collect();
        let room = rooms[random.usize(0..rooms.len())];
        let entry_now = site.rooms.get_mut(&room).unwrap();
        match random.u8(0..18) {
            0..=3 => {
                if let Some(members) = &mut entry_now.members {
                    let keep = 0.7 + 0.3 * random.f64();
                    members.retain(|_| random.f64() < keep);
                    members.extend(some(random, 45, 0.1));
                    members.insert("u0".to_owned());
                }
            }
            4 => {
                if let Some(admins) = &mut entry_now.admins {
                    admins.retain(|_| random.f64() < 0.8);
                    admins.insert(format!("u{}", random.usize(0..8)));
                }
            }
            5 => {
                entry_now.members = if entry_now.members.is_some() {
                    None
                } else {
                    Some(some(random, 30, 0.9))
                }
            }
            6 => entry_now.mode = ["authoritative", "additive", "observe"][random.usize(0..3)],
            7 => {
                entry_now.guards = [
                    "",
                    "{max_removals: 100%, max_demotions: 100%, removal_budget: off}",
                    "{max_removals: 0}",
                ][random.usize(0..3)];
            }
            8 => {
                site.rooms.insert(random.usize(1..5), entry(random));
            }
            9 => {
                // People move from a group to the room's own list, in another file.
                if let (Some(members), Some(group)) = (&mut entry_now.members, entry_now.group) {
                    let moved = std::mem::take(site.groups.get_mut(&group).unwrap());
                    members.extend(moved);
                }
            }
            10 => {
                let group = random.usize(0..3);
                site.groups.insert(group, some(random, 30, 0.4));
            }
            11 => entry_now.allow_empty = !entry_now.allow_empty,
            12 => entry_now.member_ends = some_ends(entry_now.members.as_ref(), "u0", random),
            13 => entry_now.admin_ends = some_ends(entry_now.admins.as_ref(), "u1", random),
            14 => entry_now.group_ends = random.bool().then(|| end(random)),
            15 | 16 => entry_now.exclude = some(random, 30, 0.4),
            _ => {
                // Who is wanted for good, in one of the files, is wanted until a time long over in another.
                if let (Some(members), Some(group)) = (&entry_now.members, entry_now.group) {
                    let group = site.groups.get_mut(&group).unwrap();
                    group.extend(members.iter().filter(|_| random.bool()).cloned());
                    entry_now.member_ends.retain(|_, _| random.bool());
                }
            }
        }
        if let Some(entry) = site.rooms.get_mut(&room) {
            if entry.members.is_none() {
                entry.group = None;
                entry.admins.get_or_insert_with(|| ["u1".to_owned()].into());
            }
            if entry.members.as_ref().is_some_and(BTreeSet::is_empty) && !entry.allow_empty {
                entry.members = Some(["u0".to_owned()].into());
            }
        }
    }
    site
}
