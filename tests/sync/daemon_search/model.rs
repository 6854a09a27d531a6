//! The model: what the test wrote into the room files, and which names an edit put on hold.

use crate::service::room_id;
use roomsync::model::Mode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub(super) type Names = BTreeSet<String>;

/// A set of room files: one entry per managed room, by the room's number.
pub(super) type Spec = BTreeMap<usize, RoomSpec>;

/// Number of managed rooms at first.
pub(super) const ROOMS: usize = 3;
/// A room that is only observed. Its label names the version of the set in force.
pub(super) const MARKER: usize = 9;
pub(super) const OWNER: &str = "boss";
/// Somebody whom the service does not know.
pub(super) const UNKNOWN: &str = "zed";

/// Default guard on removals, in percent.
const MAX_REMOVALS: u64 = 25;
/// Default guard on demotions, in percent.
const MAX_DEMOTIONS: u64 = 50;

/// A room's entry in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoomSpec {
    pub(super) admins: Option<Names>,
    pub(super) members: Option<Names>,
    pub(super) mode: Mode,
    /// `g*` is ignored.
    pub(super) ignores: bool,
    /// `p*` is protected.
    pub(super) protects: bool,
    pub(super) max_removals: Option<u64>,
    pub(super) max_demotions: Option<u64>,
    /// The members are written as a group.
    pub(super) through_group: bool,
}

impl RoomSpec {
    /// Everyone wanted, if members are managed.
    pub(super) fn people(&self) -> Option<Names> {
        self.members.as_ref().map(|_| self.wanted())
    }

    /// Everyone on either list.
    pub(super) fn wanted(&self) -> Names {
        let lists = [&self.members, &self.admins];
        lists.into_iter().flatten().flatten().cloned().collect()
    }

    /// True if this entry lets nobody remove or demote `user`.
    pub(super) fn spares(&self, user: &str) -> bool {
        self.mode != Mode::Authoritative
            || user == OWNER
            || self.is_ignored(user)
            || self.protects && user.starts_with('p')
    }

    fn is_ignored(&self, user: &str) -> bool {
        self.ignores && user.starts_with('g')
    }

    /// Number of `users` that are not ignored.
    pub(super) fn count_visible(&self, users: &Names) -> usize {
        users.iter().filter(|user| !self.is_ignored(user)).count()
    }

    /// The guard on removals in force, in percent.
    pub(super) fn removal_guard(&self) -> u64 {
        self.max_removals.unwrap_or(MAX_REMOVALS)
    }

    /// The guard on demotions in force, in percent.
    pub(super) fn demotion_guard(&self) -> u64 {
        self.max_demotions.unwrap_or(MAX_DEMOTIONS)
    }
}

/// The room file of a set, with its version in the marker's label.
pub(super) fn yaml(spec: &Spec, version: usize) -> String {
    let list = |names: &Names| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut out = format!(
        "rooms:\n  - {{id: {}, name: v{version}, mode: observe, members: [u0]}}\n",
        room_id(MARKER)
    );
    let mut groups = String::new();
    for (number, room) in spec {
        let _ = writeln!(
            out,
            "  - id: {}\n    mode: {}",
            room_id(*number),
            room.mode.as_str()
        );
        if let Some(admins) = &room.admins {
            let _ = writeln!(out, "    admins: [{}]", list(admins));
        }
        if let Some(members) = &room.members {
            if room.through_group {
                let _ = writeln!(out, "    members: [\"group:m{number}\"]");
                let _ = writeln!(groups, "  m{number}: [{}]", list(members));
            } else {
                let _ = writeln!(out, "    members: [{}]", list(members));
            }
        }
        if room.ignores {
            out.push_str("    ignore: [\"g*\"]\n");
        }
        let guards = [
            room.max_removals
                .map(|percent| format!("max_removals: {percent}%")),
            room.max_demotions
                .map(|percent| format!("max_demotions: {percent}%")),
            room.protects.then(|| "protect: [\"p*\"]".to_owned()),
        ];
        let guards: Vec<String> = guards.into_iter().flatten().collect();
        if !guards.is_empty() {
            let _ = writeln!(out, "    guards: {{{}}}", guards.join(", "));
        }
    }
    if !groups.is_empty() {
        let _ = write!(out, "groups:\n{groups}");
    }
    out
}

/// So many percent of `count`, rounded up.
pub(super) fn percent_of(percent: u64, count: usize) -> usize {
    usize::try_from((count as u64 * percent).div_ceil(100)).unwrap()
}

/// A list of names through the sets in force one after another, and the names on hold.
#[derive(Debug, Default)]
pub(super) struct HeldList {
    last: Option<Names>,
    pub(super) held: Names,
    dropped: usize,
    /// Most names that the list had before an edit that was held.
    of: usize,
}

impl HeldList {
    /// Follows the list of a new set. `guard` is the guard in force, `own` the one that the room itself sets.
    pub(super) fn accept(&mut self, new: Option<Names>, guard: u64, own: Option<u64>) {
        let Some(new) = new else { return };
        self.held = &self.held - &new;
        if self.held.is_empty() || own.is_some_and(|own| percent_of(own, self.of) >= self.dropped) {
            (self.held, self.dropped, self.of) = (Names::new(), 0, 0);
        }
        if let Some(last) = &self.last {
            let gone = last - &new;
            if gone.len() > percent_of(guard, last.len()) {
                self.dropped += gone.len();
                self.of = self.of.max(last.len());
                self.held.extend(gone);
            }
        }
        self.last = Some(new);
    }
}
