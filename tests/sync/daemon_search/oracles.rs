//! The oracles: each call as it is sent, and its effect as the service has it.

use super::model::{Names, RoomSpec, UNKNOWN, percent_of};
use super::world::{World, lock};
use crate::service::{Sent, Service, is_known_call, people, room_id};
use http::Method as Http;
use roomsync::chat::{BoxFuture, Request, Response, Transport, TransportError};
use roomsync::emulator::{Emulator, State};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Longest time in which a process that ends may still send a call.
const ENDING: Duration = Duration::from_millis(20);

/// The transport of a process, which checks each call before it goes out.
pub(super) struct CheckedTransport {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) process: u32,
    pub(super) service: Service,
}

impl std::fmt::Debug for CheckedTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CheckedTransport")
    }
}

impl Transport for CheckedTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let path = request.url.as_str().strip_prefix("http://127.0.0.1:1").unwrap();
        let body = request.body.clone().unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let call = (request.method.clone(), path.to_owned(), body, 0);
        check_sent(&mut lock(&self.world), self.process, &call);
        self.service.send(request)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Users,
    Admins,
}

/// A call on a list of a room.
struct ListCall {
    room: usize,
    list: List,
    users: Vec<String>,
}

impl ListCall {
    fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/acme/demo/chatrooms/66213271")?;
        let (room, rest) = rest.split_once('/')?;
        let (list, users) = rest.split_once('/').unwrap_or((rest, ""));
        let list = match list.split('?').next()? {
            "users" => List::Users,
            "admin" => List::Admins,
            _ => return None,
        };
        let users = users.split("%2C").filter(|user| !user.is_empty());
        Some(Self {
            room: room.parse().ok()?,
            list,
            users: users.map(str::to_owned).collect(),
        })
    }
}

/// Checks a call before it goes out.
fn check_sent(world: &mut World, process: u32, call: &Sent) {
    world.sample();
    world.window.refresh(world.process);
    let now = Instant::now();
    let text = format!("{} {} {}", call.0, call.1, call.2);
    if !is_known_call(call) {
        world.fault(format!("an unknown call: {text}"));
    }
    if process != world.process || world.ended {
        world.fault(format!("a call of a process that has ended: {text}"));
    }
    if world.ending_since.is_some_and(|since| now > since + ENDING) {
        world.fault(format!("a new call while ending: {text}"));
    }
    if call.0 == Http::GET {
        return;
    }
    world.log(&text);
    world.writes.push(text.clone());
    if world.setup.dry_run {
        world.fault(format!("written in a dry run: {text}"));
    }
    if world.paused.is_some_and(|(since, grace)| now > since + grace) {
        world.fault(format!("written while paused: {text}"));
    }
    if call.2.contains(UNKNOWN)
        && let (Some((then, at)), Some(version)) = (world.aside, world.version)
        && then == version
        // Not by the pass that ran when they were set aside.
        && (120..3590).contains(&now.duration_since(at).as_secs())
    {
        world.fault(format!("{UNKNOWN} is set aside and tried: {text}"));
    }
    if call.0 == Http::DELETE
        && let Some(deletion) = ListCall::parse(&call.1)
    {
        for fault in deletion_faults(world, &deletion) {
            world.fault(format!("{fault}: {text}"));
        }
    }
}

/// Faults of a removal or demotion by the set in force and its holds.
fn deletion_faults(world: &World, call: &ListCall) -> Vec<String> {
    let Some((version, spec)) = world.in_force() else {
        return vec!["no set in force".into()];
    };
    let Some(room) = spec.get(&call.room) else {
        return vec!["a room that is not managed".into()];
    };
    let wanted = match call.list {
        List::Users => room.people(),
        List::Admins => room.admins.clone(),
    };
    let held = world.held.get(&call.room).map(|held| match call.list {
        List::Users => &held.people.held,
        List::Admins => &held.admins.held,
    });
    let mut faults = Vec::new();
    for user in &call.users {
        if room.spares(user) {
            faults.push(format!("{user} is not to be touched by v{version}"));
        }
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(user)) {
            faults.push(format!("{user} is wanted or not managed by v{version}"));
        }
        if held.is_some_and(|held| held.contains(user)) {
            faults.push(format!("{user} is held"));
        }
    }
    faults
}

/// Checks and records the effect of a call at the instant it has it.
pub(super) fn check_effect(world: &mut World, emulator: &Emulator, request: &Request) {
    let path = request.url.path();
    let state = emulator.state();
    if let Some(rooms) = path.strip_prefix("/acme/demo/chatrooms/")
        && !rooms.contains('/')
    {
        return record_details(world, rooms, &state);
    }
    let Some(call) = ListCall::parse(path) else { return };
    let Some(room) = state.rooms.get(&room_id(call.room)) else {
        return;
    };
    let live = people(room);
    let listed = match call.list {
        List::Users => &live.members,
        List::Admins => &live.admins,
    };
    if request.method == Http::GET {
        match call.list {
            List::Users => record_members(world, call.room, listed.len(), &state),
            List::Admins => {
                let read = world.reads.entry(call.room).or_default();
                (read.admins, read.demoted) = (listed.len(), 0);
            }
        }
    } else if request.method == Http::POST && call.list == List::Users {
        record_additions(world, &call, request, listed);
    } else if request.method == Http::DELETE {
        let gone = call.users.iter().filter(|user| listed.contains(*user)).count();
        check_deletion(world, &call, gone, path);
    }
}

/// Records a read of the rooms whose detail shows everyone.
fn record_details(world: &mut World, rooms: &str, state: &State) {
    let numbers = rooms.split("%2C").filter_map(|id| id.strip_prefix("66213271"));
    for number in numbers.filter_map(|number| number.parse().ok()) {
        let room = &state.rooms[&room_id(number)];
        if world.setup.shown.is_none_or(|rows| rows >= room.members().len()) {
            record_members(world, number, people(room).members.len(), state);
        }
    }
}

fn record_members(world: &mut World, number: usize, members: usize, state: &State) {
    let read = world.reads.entry(number).or_default();
    (read.members, read.removed) = (members, 0);
    let all = state.rooms.values().map(|room| people(room).members.len()).sum();
    world.most_members = world.most_members.max(all);
}

fn record_additions(world: &mut World, call: &ListCall, request: &Request, members: &Names) {
    // The path holds the user of a call for one, the body those of a call for many.
    let body = request.body.as_deref().unwrap_or(b"{}");
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    let listed = body["usernames"].as_array().into_iter().flatten();
    let listed = listed.map(|user| user.as_str().unwrap().to_owned());
    for user in call.users.iter().cloned().chain(listed) {
        if !members.contains(&user) {
            world
                .added
                .entry((call.room, user))
                .or_default()
                .push(Instant::now());
        }
    }
}

/// Counts people that go, and checks them against the guards of the room and of all rooms.
fn check_deletion(world: &mut World, call: &ListCall, gone: usize, path: &str) {
    let room = world.in_force().and_then(|(_, spec)| spec.get(&call.room));
    let guards = |room: &RoomSpec| (room.removal_guard(), room.demotion_guard());
    let Some((removals, demotions)) = room.map(guards) else {
        return;
    };
    let read = world.reads.entry(call.room).or_default();
    match call.list {
        List::Users => read.removed += gone,
        List::Admins => read.demoted += gone,
    }
    let read = *read;
    if read.removed > percent_of(removals, read.members) || read.demoted > percent_of(demotions, read.admins)
    {
        world.fault(format!(
            "more than the guards allow after one read ({read:?}): {path}"
        ));
    }
    if call.list == List::Users {
        let removals = world.window.add(gone);
        let most = percent_of(world.setup.total, world.most_members);
        if removals > most {
            world.fault(format!(
                "{removals} removals since a look at all rooms, at most {most}"
            ));
        }
    }
}
