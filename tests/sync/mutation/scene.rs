//! Five rooms with something to do in each, one of them with odd answers, and what must hold all the same.

use crate::service::{People, Reply, Sent, Service, error, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::chat::Request;
use roomsync::chat::wire::Method;
use roomsync::emulator::{Options, Profile, Side, State};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const ROOMS: usize = 5;
/// The room whose answers are odd: neither the first nor the last.
pub(crate) const ODD: usize = 2;
pub(crate) static ODD_ID: LazyLock<String> = LazyLock::new(|| room_id(ODD).to_string());

/// Somebody whom the service does not know.
const GHOST: &str = "ghost";

/// What there is to do in each room, and what the service refuses about the odd one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    /// True: one add and one removal a room, each by the call for one, and room detail shows nobody.
    pub(crate) single: bool,
    pub(crate) refusal: Refusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Nothing,
    /// Somebody who is wanted in the odd room is unknown.
    Ghost,
    /// Every call of the method, without effect: status, kind and words.
    Always(Method, u16, &'static str, &'static str),
    /// The first call of the method, for its rate.
    Once(Method),
}

impl Scene {
    /// The scenes, and the methods whose answers are odd in each.
    pub(crate) fn all() -> Vec<(Self, Vec<Method>)> {
        use Method as M;
        let scene = |single, refusal| Self { single, refusal };
        let mut scenes = vec![
            (
                scene(false, Refusal::Nothing),
                vec![
                    M::RoomDetail,
                    M::ListAdmins,
                    M::AddMany,
                    M::RemoveMany,
                    M::Promote,
                    M::Demote,
                ],
            ),
            (
                scene(true, Refusal::Nothing),
                vec![M::RoomDetail, M::ListMembers, M::AddOne, M::RemoveOne],
            ),
            (scene(false, Refusal::Ghost), vec![M::AddMany]),
            (scene(true, Refusal::Ghost), vec![M::AddOne]),
        ];
        for (method, status, kind, words) in [
            (
                M::RoomDetail,
                404,
                "service_resource_not_found",
                "do not find this group:66213271000002",
            ),
            (
                M::ListMembers,
                404,
                "resource_not_found",
                "grpID 66213271000002 does not exist!",
            ),
            (
                M::ListAdmins,
                404,
                "resource_not_found",
                "grpID 66213271000002 does not exist!",
            ),
            (
                M::RemoveOne,
                400,
                "forbidden_op",
                "users [stan] are not members of this group!",
            ),
            (
                M::RemoveMany,
                403,
                "forbidden_op",
                "users [stan, xena, lea] are not members of this group!",
            ),
            (
                M::Promote,
                403,
                "forbidden_op",
                "user:rita is already admin of group:66213271000002",
            ),
            (
                M::Demote,
                403,
                "forbidden_op",
                "user:fay is not admin of group:66213271000002",
            ),
        ] {
            let refusal = Refusal::Always(method, status, kind, words);
            scenes.push((scene(is_of_single(method), refusal), vec![method]));
        }
        // Such a refusal is read in the same way whatever the call was.
        let methods = [M::RoomDetail, M::ListMembers, M::AddMany, M::Demote].into_iter();
        scenes
            .extend(methods.map(|method| (scene(is_of_single(method), Refusal::Once(method)), vec![method])));
        scenes
    }

    /// True if the answers that are odd are refusals.
    pub(crate) fn refuses(self) -> bool {
        self.refusal != Refusal::Nothing
    }

    pub(crate) fn service(self) -> Service {
        let mut live = state((0..ROOMS).map(|number| (room_id(number), self.live(number))));
        let known = [
            "chloe", "fay", "rita", "anna", "bert", "cora", "noah", "nell", "stan", "xena", "lea",
        ];
        let owners = (0..ROOMS).map(owner);
        live.users = Some(known.into_iter().map(str::to_owned).chain(owners).collect());
        let profile = Profile {
            rows_and_fields: Side::Newer,
            ..Profile::default()
        };
        let options = Options {
            profile,
            ..Options::default()
        };
        let service = Service::with(live, options);
        let service = if self.single { service.showing(0) } else { service };
        let is_first = AtomicBool::new(true);
        service.with_fault(move |_, request, _| {
            let method = odd_call(request)?;
            match self.refusal {
                Refusal::Always(refused, status, kind, words) if refused == method => {
                    Some(Reply::Answer(status, error(kind, words)))
                }
                Refusal::Once(refused) if refused == method && is_first.swap(false, Ordering::Relaxed) => {
                    let text = error("reach_limit", "This request has reached api limit");
                    Some(Reply::Answer(429, text))
                }
                _ => None,
            }
        })
    }

    fn live(self, number: usize) -> roomsync::emulator::Room {
        let strangers: &[&str] = if self.single { &["stan"] } else { &["stan", "xena"] };
        let admins: &[&str] = if self.single {
            &["chloe", "fay"]
        } else {
            &["chloe", "fay", "lea"]
        };
        let members = [&["rita", "anna", "bert", "cora"], strangers].concat();
        room_of(&owner(number), admins, &members)
    }

    pub(crate) fn wanted(self, number: usize) -> People {
        let new: &[&str] = match (self.single, number == ODD && self.refusal == Refusal::Ghost) {
            (true, true) => &[GHOST],
            (true, false) => &["noah"],
            (false, true) => &["noah", "nell", GHOST],
            (false, false) => &["noah", "nell"],
        };
        let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
        People {
            members: set(&[&["chloe", "rita", "fay", "anna", "bert", "cora"], new].concat()),
            admins: set(&["chloe", "rita"]),
        }
    }

    /// The room file.
    pub(crate) fn file(self) -> String {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let room = |number| {
            let People { members, admins } = self.wanted(number);
            format!(
                "  - {{id: {}, admins: [{}], members: [{}], guards: {{max_removals: 100%, max_demotions: 100%}}}}\n",
                room_id(number),
                list(&admins),
                list(&members)
            )
        };
        format!("rooms:\n{}", (0..ROOMS).map(room).collect::<String>())
    }

    /// True if the room is as the file wants it.
    pub(crate) fn is_done(self, number: usize, end: &State) -> bool {
        people(&end.rooms[&room_id(number)]) == self.wanted(number)
    }

    /// Whatever must not happen in any room, and has.
    pub(crate) fn misdeeds(self, sent: &[Sent], end: &State) -> Vec<String> {
        let mut misdeeds: BTreeSet<String> = sent.iter().filter_map(|sent| self.misdeed(sent)).collect();
        for number in 0..ROOMS {
            let room = &end.rooms[&room_id(number)];
            if room.owner() != owner(number) || !room.members().contains(&owner(number)) {
                misdeeds.insert(format!("the owner of {} is gone", which(number)));
            }
        }
        misdeeds.into_iter().collect()
    }

    fn misdeed(self, (method, path, body, _): &Sent) -> Option<String> {
        let mut parts = path.split('/').skip(4);
        let (room, list, names) = (parts.next()?, parts.next()?, parts.next());
        let number = (0..ROOMS).find(|number| *room == *room_id(*number).as_str())?;
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let in_body = [&body["newadmin"], &body["usernames"]].map(|names| match names {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => Vec::from_iter(name.as_str()),
        });
        let in_path = names.unwrap_or_default().split("%2C");
        let names: Vec<&str> = in_body.into_iter().flatten().chain(in_path).collect();
        let wanted = self.wanted(number);
        let any = |set: &BTreeSet<String>| names.iter().any(|name| set.contains(*name));
        let room = which(number);
        if names.contains(&owner(number).as_str()) {
            Some(format!("the owner of {room} is touched"))
        } else if *method != Http::DELETE {
            None
        } else if list == "users" && any(&wanted.members) {
            Some(format!("somebody who is wanted in {room} is removed"))
        } else if list == "admin" && any(&wanted.admins) {
            Some(format!("a wanted admin of {room} is demoted"))
        } else {
            None
        }
    }
}

/// True if the method is called where there is one to add or remove.
fn is_of_single(method: Method) -> bool {
    matches!(method, Method::ListMembers | Method::AddOne | Method::RemoveOne)
}

fn owner(number: usize) -> String {
    format!("owner{number}")
}

pub(crate) fn which(number: usize) -> &'static str {
    if number == ODD {
        "the odd room"
    } else {
        "another room"
    }
}

/// The method of a call that is about the odd room, alone or among others.
pub(crate) fn odd_call(request: &Request) -> Option<Method> {
    let path: Vec<&str> = request.url.path().split('/').skip(3).collect();
    let (_, rest) = path.split_first()?;
    let (rooms, rest) = rest.split_first()?;
    rooms.split("%2C").find(|room| **room == **ODD_ID)?;
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => Method::RoomDetail,
        ("GET", ["users"]) => Method::ListMembers,
        ("GET", ["admin"]) => Method::ListAdmins,
        ("POST", ["users"]) => Method::AddMany,
        ("POST", ["users", _]) => Method::AddOne,
        ("POST", ["admin"]) => Method::Promote,
        ("DELETE", ["admin", _]) => Method::Demote,
        ("DELETE", ["users", users]) if users.contains("%2C") => Method::RemoveMany,
        ("DELETE", ["users", _]) => Method::RemoveOne,
        _ => return None,
    })
}
