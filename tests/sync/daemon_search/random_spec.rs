//! Random sets of room files, and random edits of them.

use super::model::{Names, ROOMS, RoomSpec, Spec, UNKNOWN};
use fastrand::Rng;
use roomsync::model::Mode;

/// The first set, and the members of each room at first: close to each other, so that not everything is blocked at once.
pub(super) fn first_spec(random: &mut Rng) -> (Spec, Vec<(usize, Names)>) {
    let mut spec = Spec::new();
    let mut live = Vec::new();
    for number in 1..=ROOMS {
        let room = random_room(random);
        let mut members = room.people().unwrap_or_default();
        members.remove(UNKNOWN);
        for _ in 0..random.usize(0..3) {
            members.insert(["s0", "s1", "u3", "g0", "p1"][random.usize(0..5)].to_owned());
        }
        live.push((number, members));
        spec.insert(number, room);
    }
    (spec, live)
}

fn random_names(random: &mut Rng, count: usize) -> Names {
    (0..count).map(|_| format!("u{}", random.usize(0..20))).collect()
}

fn random_room(random: &mut Rng) -> RoomSpec {
    let count = random.usize(3..18);
    let mut members = random_names(random, count);
    if random.u8(0..4) == 0 {
        members.insert("p0".into());
    }
    if random.u8(0..8) == 0 {
        members.insert(UNKNOWN.into());
    }
    let admins = random.bool().then(|| random_names(random, 3));
    RoomSpec {
        admins,
        members: Some(members),
        mode: Mode::Authoritative,
        ignores: random.bool(),
        protects: random.bool(),
        max_removals: None,
        max_demotions: None,
        through_group: random.u8(0..4) == 0,
    }
}

/// A copy of `old` with one to three random changes.
pub(super) fn edited(random: &mut Rng, old: &Spec) -> Spec {
    let mut spec = old.clone();
    for _ in 0..random.usize(1..4) {
        let number = random.usize(1..=ROOMS);
        let Some(room) = spec.get_mut(&number) else {
            spec.insert(number, random_room(random));
            continue;
        };
        let user = format!("u{}", random.u8(0..20));
        match random.u8(0..24) {
            0..=4 => {
                room.members.get_or_insert_default().insert(user);
            }
            5..=9 => drop_members(room, |name| *name == user),
            10 | 11 => {
                let keep = random.u8(0..10);
                let mut random = random.fork();
                drop_members(room, |_| random.u8(0..10) >= keep);
            }
            12 => {
                let modes = [
                    Mode::Authoritative,
                    Mode::Authoritative,
                    Mode::Additive,
                    Mode::Observe,
                ];
                room.mode = modes[random.usize(0..4)];
            }
            13 => room.ignores = !room.ignores,
            14 => room.protects = !room.protects,
            15 => room.max_removals = [None, Some(10), Some(60), Some(100)][random.usize(0..4)],
            16 => room.max_demotions = [None, Some(0), Some(100)][random.usize(0..3)],
            17 => room.through_group = !room.through_group,
            18 => {
                let admins = room.admins.get_or_insert_default();
                if !admins.remove(&user) || admins.is_empty() {
                    admins.insert(user);
                }
            }
            19 => room.admins = Some(random_names(random, 3)),
            20 if room.members.is_some() => room.admins = None,
            21 if room.admins.is_some() => room.members = None,
            22 => {
                spec.remove(&number);
            }
            _ => *room = random_room(random),
        }
    }
    spec
}

/// Drops some members, but never all: a room without any wanted member is an error.
fn drop_members(room: &mut RoomSpec, mut goes: impl FnMut(&String) -> bool) {
    if let Some(members) = &mut room.members {
        let first = members.first().cloned();
        members.retain(|name| !goes(name));
        if members.is_empty() {
            members.extend(first);
        }
    }
}
