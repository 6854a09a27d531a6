//! Random fleets — live state, room files and modes — and a little model of them that knows nothing of the product.

use crate::service::{People, Service, people, room_id};
use proptest::prelude::*;
use roomsync::emulator::Room;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

pub(crate) type Set = BTreeSet<String>;

/// Names that old data on the service may hold and that must never be sent.
const ODD: [&str; 9] = [
    "a,b",
    "x%y",
    "p/q",
    "..",
    ".",
    "%2e%2e",
    "ü",
    "two words",
    "a\u{1b}[31m",
];

#[derive(Debug, Clone)]
pub(crate) struct RoomCase {
    pub(crate) owner: String,
    pub(crate) owner_left: bool,
    pub(crate) live_members: Set,
    pub(crate) live_admins: Set,
    pub(crate) mode: &'static str,
    pub(crate) owner_said: Option<String>,
    pub(crate) admins: Option<Set>,
    pub(crate) members: Option<Set>,
    pub(crate) through_group: bool,
    pub(crate) ignore: bool,
    pub(crate) protect: bool,
    pub(crate) max_removals: u8,
    pub(crate) max_demotions: u8,
    pub(crate) max_additions: Option<u8>,
    pub(crate) allow_empty: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) rooms: Vec<RoomCase>,
    pub(crate) add_batch: usize,
    pub(crate) remove_batch: usize,
    pub(crate) total_percent: u8,
    /// Of a call: a slow service makes looks grow too old in the midst of a room.
    pub(crate) latency: Duration,
    /// Most people of a room that its detail shows, if not all.
    pub(crate) shown: Option<usize>,
}

impl Case {
    /// The same service, but its room detail shows no more than it does here.
    pub(crate) fn shown_by(&self, service: Service) -> Service {
        match self.shown {
            None => service,
            Some(rows) => service.showing(rows),
        }
    }
}

/// `u0`… may be wanted, `g0`… are ignored where a file says so, `p0`… are protected where a file says so.
fn wanted_name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "u[0-9]", 1 => "p[0-2]", 1 => "U[0-9]", 1 => "[.][a-c]\\.\\.", 1 => "x{64}"]
}

pub(crate) fn live_name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => wanted_name(),
        1 => "g[0-2]",
        1 => "p[0-2]",
        1 => prop::sample::select(&ODD[..]).prop_map(str::to_owned),
    ]
}

fn lower(set: &Set) -> Set {
    set.iter().map(|name| name.to_lowercase()).collect()
}

prop_compose! {
    fn room_case()(
        owner in prop_oneof![3 => Just("boss".to_owned()), 1 => "u[0-9]"],
        owner_left in prop::bool::weighted(0.1),
        live_members in prop::collection::btree_set(live_name(), 0..14),
        live_admins in prop::collection::btree_set(live_name(), 0..6),
        mode in prop::sample::select(&["authoritative", "authoritative", "authoritative", "additive", "observe"][..]),
        owner_said in prop_oneof![4 => Just(None), 1 => Just(Some("boss".to_owned()))],
        admins in prop::option::of(prop::collection::btree_set(wanted_name(), 0..5)),
        members in prop::option::of(prop::collection::btree_set(wanted_name(), 0..14)),
        (through_group, ignore, protect, allow_empty) in any::<(bool, bool, bool, bool)>(),
        max_removals in 0u8..=100,
        max_demotions in 0u8..=100,
        max_additions in prop::option::weighted(0.2, 0u8..=100),
    ) -> RoomCase {
        // A file must manage something.
        let members = if admins.is_none() { Some(members.unwrap_or_default()) } else { members };
        RoomCase {
            owner, owner_left, live_members, live_admins, mode, owner_said, admins, members, through_group, ignore, protect,
            max_removals, max_demotions, max_additions, allow_empty,
        }
    }
}

prop_compose! {
    pub(crate) fn case()(
        rooms in prop::collection::vec(room_case(), 1..5),
        add_batch in 1usize..5,
        remove_batch in 1usize..5,
        total_percent in prop_oneof![Just(100u8), 0u8..=100],
        latency in prop_oneof![7 => Just(0), 1 => 0u64..4_500].prop_map(Duration::from_millis),
        shown in prop_oneof![Just(None), Just(Some(0)), (1usize..16).prop_map(Some)],
    ) -> Case {
        Case { rooms, add_batch, remove_batch, total_percent, latency, shown }
    }
}

impl RoomCase {
    /// True if a key that comes to nobody makes the file itself invalid.
    fn must_allow_empty(&self) -> bool {
        let said: Set = self.owner_said.iter().cloned().collect();
        let nobody = |set: &Set| lower(set).is_subset(&said);
        self.admins.as_ref().is_some_and(nobody) || self.members.as_ref().is_some_and(nobody)
    }

    fn allows_empty(&self) -> bool {
        self.allow_empty || self.must_allow_empty()
    }

    pub(crate) fn file(&self, number: usize) -> String {
        let list = |set: &Set| {
            set.iter()
                .map(|name| format!("\"{name}\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut out = String::new();
        if self.through_group
            && let Some(members) = &self.members
        {
            let _ = writeln!(
                out,
                "groups: {{inner{number}: [{}], g{number}: [\"group:inner{number}\"]}}",
                list(members)
            );
        }
        let _ = writeln!(
            out,
            "defaults: {{mode: {}}}\nrooms:\n  - id: {}",
            self.mode,
            room_id(number)
        );
        if let Some(owner) = &self.owner_said {
            let _ = writeln!(out, "    owner: {owner}");
        }
        if let Some(admins) = &self.admins {
            let _ = writeln!(out, "    admins: [{}]", list(admins));
        }
        match &self.members {
            Some(_) if self.through_group => out.push_str(&format!("    members: [\"group:g{number}\"]\n")),
            Some(members) => out.push_str(&format!("    members: [{}]\n", list(members))),
            None => {}
        }
        if self.ignore {
            out.push_str("    ignore: [\"g*\"]\n");
        }
        if self.allows_empty() {
            out.push_str("    allow_empty: true\n");
        }
        let additions = self
            .max_additions
            .map_or("null".to_owned(), |percent| format!("{percent}%"));
        let protect = if self.protect { ", protect: [\"p?\"]" } else { "" };
        let _ = writeln!(
            out,
            "    guards: {{max_removals: {}%, max_demotions: {}%, max_additions: {additions}{protect}}}",
            self.max_removals, self.max_demotions
        );
        out
    }

    pub(crate) fn live(&self) -> Room {
        let mut room = Room::new(&self.owner);
        for name in self.live_members.iter().chain(&self.live_admins) {
            room.join(name);
        }
        for name in self
            .live_admins
            .iter()
            .filter(|name| !name.eq_ignore_ascii_case(&self.owner))
        {
            room.promote(name);
        }
        if self.owner_left {
            room.leave(&self.owner);
        }
        room
    }
}

/// Statement of the model on a room.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) after: People,
    pub(crate) add: Set,
    pub(crate) remove: Set,
    pub(crate) promote: Set,
    pub(crate) demote: Set,
    pub(crate) visible: usize,
    /// Whom this adds, removes, promotes and demotes if no guard holds it.
    pub(crate) wanted: [Set; 4],
    pub(crate) visible_admins: usize,
    pub(crate) failed: bool,
    pub(crate) blocked: bool,
}

fn sendable(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    name.chars().all(good) && name.chars().any(|c| c != '.') && name.len() <= 64
}

pub(crate) fn over(percent: u8, wanted: usize, of: usize) -> bool {
    wanted > (of * usize::from(percent)).div_ceil(100)
}

/// One room on its own, without the guard over all rooms.
pub(crate) fn expect(case: &RoomCase) -> Expected {
    let live = people(&case.live());
    let owner = case.owner.to_lowercase();
    let unchanged = |failed| Expected {
        after: live.clone(),
        failed,
        ..Expected::default()
    };
    if case.owner_said.as_ref().is_some_and(|said| *said != owner) {
        return unchanged(true);
    }
    let without_owner = |set: &Set| {
        lower(set)
            .into_iter()
            .filter(|name| *name != owner)
            .collect::<Set>()
    };
    let admins = case.admins.as_ref().map(without_owner);
    let wanted: Set = case
        .members
        .iter()
        .map(without_owner)
        .chain(admins.clone())
        .flatten()
        .collect();
    let nobody = |key: &Option<Set>| key.as_ref().is_some_and(|set| without_owner(set).is_empty());
    if !case.allows_empty() && (nobody(&case.members) || nobody(&case.admins)) {
        return unchanged(true);
    }
    let ignored = |name: &str| case.ignore && name.starts_with('g');
    let protected = |name: &str| case.protect && name.starts_with('p') && name.len() == 2;
    let removable = |name: &&String| sendable(name) && !ignored(name) && !protected(name);
    let authoritative = case.mode != "additive";
    let mut expected = Expected {
        add: wanted.difference(&live.members).cloned().collect(),
        promote: admins
            .iter()
            .flat_map(|a| a.difference(&live.admins))
            .cloned()
            .collect(),
        visible: live.members.iter().filter(|name| !ignored(name)).count(),
        ..unchanged(false)
    };
    if authoritative && case.members.is_some() {
        expected.remove = live
            .members
            .difference(&wanted)
            .filter(removable)
            .cloned()
            .collect();
        if admins.is_none() {
            expected.remove.retain(|name| !live.admins.contains(name));
        }
    }
    if authoritative && let Some(admins) = &admins {
        expected.demote = live
            .admins
            .difference(admins)
            .filter(removable)
            .cloned()
            .collect();
    }
    if case.mode == "observe" {
        return unchanged(false);
    }
    let visible_admins = live
        .admins
        .iter()
        .filter(|name| sendable(name) && !ignored(name))
        .count();
    expected.visible_admins = visible_admins;
    expected.wanted = [
        &expected.add,
        &expected.remove,
        &expected.promote,
        &expected.demote,
    ]
    .map(Clone::clone);
    let additions = case
        .max_additions
        .is_some_and(|p| over(p, expected.add.len(), expected.visible));
    expected.blocked = additions
        || over(case.max_removals, expected.remove.len(), expected.visible)
        || over(case.max_demotions, expected.demote.len(), visible_admins);
    if additions {
        expected.promote = expected.promote.difference(&expected.add).cloned().collect();
        expected.add.clear();
    }
    expected
}

pub(crate) fn expect_fleet(case: &Case) -> Vec<Expected> {
    let mut rooms: Vec<Expected> = case.rooms.iter().map(expect).collect();
    let removals: usize = rooms
        .iter()
        .filter(|room| !room.blocked)
        .map(|room| room.remove.len())
        .sum();
    let all: usize = rooms.iter().map(|room| room.visible).sum();
    let tripped = over(case.total_percent, removals, all);
    for room in &mut rooms {
        room.blocked |= tripped && !room.remove.is_empty();
        if room.blocked {
            room.remove.clear();
            room.demote.clear();
        }
        let Expected {
            after,
            add,
            remove,
            promote,
            demote,
            ..
        } = room;
        after.members = after
            .members
            .union(add)
            .filter(|name| !remove.contains(*name))
            .cloned()
            .collect();
        after.admins = after
            .admins
            .union(promote)
            .filter(|name| !demote.contains(*name))
            .cloned()
            .collect();
    }
    rooms
}
