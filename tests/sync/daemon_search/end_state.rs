//! Rooms after the calm: as the files say, except for what guards, holds and refusals leave.

use super::model::{Names, RoomSpec, Spec, UNKNOWN, percent_of};
use super::world::World;
use crate::service::{People, people, room_id};
use roomsync::emulator::State;
use roomsync::model::Mode;
use std::time::Duration;

/// Differences between rooms and files that nothing in the model explains.
pub(super) fn unexplained(world: &World, state: &State, spec: &Spec) -> Vec<String> {
    let mut texts = Vec::new();
    let mut due = Vec::new();
    let (mut removals, mut members) = (0, 0);
    for (number, room) in spec {
        if room.mode == Mode::Observe {
            continue;
        }
        let live = people(&state.rooms[&room_id(*number)]);
        members += room.count_visible(&live.members);
        texts.extend(missing(world, *number, room, &live));
        let leaving = Leaving::of(world, *number, room, &live);
        if !leaving.is_blocked(room, &live) {
            removals += leaving.removed.len();
            due.push((number, &leaving.removed | &leaving.demoted));
        }
    }
    if removals <= percent_of(world.setup.total, members) {
        for (number, users) in due.iter().filter(|(_, users)| !users.is_empty()) {
            texts.push(format!("room {number}: {users:?} are to go, or to be no admins"));
        }
    }
    texts
}

/// Wanted people and admins who are not there, though nothing keeps them away.
fn missing(world: &World, number: usize, room: &RoomSpec, live: &People) -> Vec<String> {
    let absent = |wanted: &Names, live: &Names| -> Names {
        let mut absent = wanted - live;
        absent.retain(|user| !may_be_absent(world, number, user));
        absent
    };
    let members = absent(&room.wanted(), &live.members);
    let admins = absent(&room.admins.clone().unwrap_or_default(), &live.admins);
    let lists = [(members, "missing"), (admins, "no admins")];
    lists
        .into_iter()
        .filter(|(users, _)| !users.is_empty())
        .map(|(users, lack)| format!("room {number}: {users:?} are {lack}"))
        .collect()
}

/// True if the service refuses the user, or if they left again and again within the last hour.
fn may_be_absent(world: &World, number: usize, user: &str) -> bool {
    let hour = Duration::from_secs(3600);
    let added = world.added.get(&(number, user.to_owned()));
    let recent = added.into_iter().flatten().filter(|at| at.elapsed() < hour);
    user == UNKNOWN || recent.count() >= 3
}

/// People whom the files alone would remove or demote.
struct Leaving {
    removed: Names,
    demoted: Names,
    /// A hold on one of them, which stops all.
    held: bool,
}

impl Leaving {
    fn of(world: &World, number: usize, room: &RoomSpec, live: &People) -> Self {
        let unwanted = |wanted: Option<Names>, live: &Names| {
            let mut users = wanted.map_or_else(Names::new, |wanted| live - &wanted);
            users.retain(|user| !room.spares(user));
            users
        };
        let mut demoted = unwanted(room.admins.clone(), &live.admins);
        let mut removed = unwanted(room.people(), &live.members);
        removed.retain(|user| room.admins.is_some() || !live.admins.contains(user));
        let held = world.held.get(&number).is_some_and(|held| {
            !removed.is_disjoint(&held.people.held) || !demoted.is_disjoint(&held.admins.held)
        });
        // Nobody is demoted until one wanted admin is there.
        let wanted_admin_there = room
            .admins
            .as_ref()
            .is_none_or(|admins| !admins.is_disjoint(&live.admins));
        if !wanted_admin_there {
            removed.retain(|user| !demoted.contains(user));
            demoted.clear();
        }
        Self {
            removed,
            demoted,
            held,
        }
    }

    /// True if a hold or a guard of the room stops all of them.
    fn is_blocked(&self, room: &RoomSpec, live: &People) -> bool {
        self.held
            || self.removed.len() > percent_of(room.removal_guard(), room.count_visible(&live.members))
            || self.demoted.len() > percent_of(room.demotion_guard(), room.count_visible(&live.admins))
    }
}
