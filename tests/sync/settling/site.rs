//! Random room files in three files, and random edits of them.

use super::room_id;
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Names = BTreeSet<String>;

/// A room's entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) members: Option<Names>,
    pub(super) admins: Option<Names>,
    /// Everybody in the group of this number is a member, too.
    pub(super) group: Option<usize>,
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
            if let Some(admins) = &entry.admins {
                text += &format!("    admins: [{}]\n", list(admins));
            }
            if let Some(members) = &entry.members {
                // An item a line, so that a writer can stop between two.
                text += "    members:\n";
                let group = entry.group.map(|group| format!("group:g{group}"));
                for name in members.iter().cloned().chain(group) {
                    text += &format!("      - {name}\n");
                }
            }
        }
        // A new text that the old one begins with would be held as a file cut short.
        text += &format!("# end of file {file}\n");
        text
    }

    /// People who are wanted in a room; `None`: nobody is said to be unwanted.
    pub(super) fn people(&self, room: usize) -> Option<Names> {
        let entry = self.rooms.get(&room)?;
        let mut people = entry.members.clone()?;
        people.extend(entry.admins.iter().flatten().cloned());
        people.extend(
            entry
                .group
                .and_then(|group| self.groups.get(&group))
                .into_iter()
                .flatten()
                .cloned(),
        );
        Some(people)
    }

    pub(super) fn admins(&self, room: usize) -> Option<Names> {
        self.rooms.get(&room)?.admins.clone()
    }
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
    Entry {
        members: random.u8(0..8).ne(&0).then_some(members),
        admins: Some(admins),
        group: None,
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
        match random.u8(0..12) {
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
            _ => entry_now.allow_empty = !entry_now.allow_empty,
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
