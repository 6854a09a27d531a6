//! Plans made without the planner, so that they can be as odd and as large as they like.

use roomsync::desired::{AllowEmpty, DesiredRoom, OwnGuards, Source};
use roomsync::model::{Absent, Guards, MemberSet, Mode, ReasonCode, RoomId, UserId};
use roomsync::plan::{FleetPlan, LiveSummary, Note, Rates, RoomPlan, Status, Step};
use roomsync::render::Meta;

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn users(names: &[&str]) -> MemberSet {
    names.iter().map(|name| user(name)).collect()
}

/// `a0`, `a1`…
pub(crate) fn many(letter: char, count: usize) -> MemberSet {
    (0..count).map(|n| user(&format!("{letter}{n}"))).collect()
}

pub(crate) fn id(number: usize) -> RoomId {
    RoomId::parse(&format!("66213271{number:06}")).unwrap()
}

/// A room that was looked at, in which nothing is to be done.
pub(crate) fn room(number: usize) -> RoomPlan {
    let error = Note::new(ReasonCode::Empty, "");
    let mut room = RoomPlan::failed(id(number), None, error);
    room.error = None;
    room.status = Status::InSync;
    room.live = Some(LiveSummary {
        members: 100,
        admins: 4,
        digest: "sha256:00".into(),
    });
    room
}

/// Puts everything that the room wants into calls.
pub(crate) fn sent(mut room: RoomPlan) -> RoomPlan {
    let names = |users: &MemberSet| users.iter().cloned().collect::<Vec<_>>();
    let adds = names(&room.add);
    room.steps.extend(
        adds.chunks(60)
            .map(|users| Step::Add(users.iter().cloned().collect())),
    );
    room.steps
        .extend(names(&room.promote).into_iter().map(Step::Promote));
    room.steps
        .extend(names(&room.demote).into_iter().map(Step::Demote));
    let removes = names(&room.remove);
    room.steps.extend(
        removes
            .chunks(100)
            .map(|users| Step::Remove(users.iter().cloned().collect())),
    );
    room.status = if room.steps.is_empty() {
        Status::InSync
    } else {
        Status::Changed
    };
    room
}

pub(crate) fn fleet(rooms: Vec<RoomPlan>) -> FleetPlan {
    let members = rooms
        .iter()
        .filter_map(|room| room.live.as_ref())
        .map(|live| live.members)
        .sum();
    FleetPlan { rooms, members }
}

pub(crate) const RATES: Rates = Rates {
    add: 50,
    promote: 50,
    demote: 50,
    remove_one: 50,
    remove_many: 50,
};

pub(crate) fn meta() -> Meta {
    Meta {
        created: "2026-11-22T21:00:00Z".into(),
        app: "acme#demo".into(),
        source: Source {
            files: 3,
            digest: "sha256:5f2c".into(),
            revision: Some("1f0c2d9".into()),
        },
        rates: RATES,
    }
}

/// A room of the files with the default guards.
pub(crate) fn desired(number: usize, admins: &[&str], members: &[&str]) -> DesiredRoom {
    DesiredRoom {
        id: id(number),
        name: None,
        owner: None,
        admins: (!admins.is_empty()).then(|| users(admins)),
        members: (!members.is_empty()).then(|| users(members)),
        allow_empty: AllowEmpty::default(),
        ignore: Vec::new(),
        mode: Mode::Authoritative,
        absent: Absent::Readd,
        guards: Guards::default(),
        own_guards: OwnGuards::default(),
    }
}
