//! Plans made without the planner, so that they can be as odd and as large as they like.

use roomsync::desired::{AllowEmpty, DesiredRoom, OwnGuards, Source};
use roomsync::live::{AllowList, LiveRoom, Observed};
use roomsync::model::{Absent, Guards, Limit, MemberSet, Mode, ReasonCode, RoomId, UserId};
use roomsync::plan::{self, BatchSizes, Constraints, FleetPlan, LiveSummary, Note, Rates, RoomPlan, Status};
use roomsync::render::Meta;
use std::collections::BTreeSet;
use tokio::time::Instant;

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
        admins: Some(4),
        digest: "sha256:00".into(),
        owner_page: None,
    });
    room
}

/// Puts everything that the room wants into calls, by a plan for a live room that makes just these of it.
pub(crate) fn sent(room: RoomPlan) -> RoomPlan {
    if [&room.add, &room.remove, &room.promote, &room.demote].map(MemberSet::len) == [0; 4] {
        return RoomPlan::without_steps(room);
    }
    let standing = users(&["standing"]);
    let admins = room.demote.or(&standing);
    let members = room.promote.minus(&room.add).or(&room.remove).or(&admins);
    let mut desired = desired(0, &[], &[]);
    desired.id = room.id.clone();
    desired.members = Some(members.minus(&room.remove).or(&room.add));
    desired.admins = Some(room.promote.or(&standing));
    desired.guards.max_removals = Limit::ALL;
    desired.guards.max_demotions = Limit::ALL;
    let live = Observed::Complete(LiveRoom {
        id: room.id.clone(),
        name: None,
        owner: Some("owner".to_owned()),
        owner_page: None,
        owner_is_in: true,
        admins: Some(admins),
        members,
        allow_list: AllowList::NotRead,
        foreign: BTreeSet::new(),
        foreign_admins: BTreeSet::new(),
        max_users: None,
        read_at: Instant::now(),
    });
    let sizes = BatchSizes {
        add_batch: 60,
        remove_batch: 100,
        allow_batch: 60,
        disallow_batch: 60,
    };
    let diff = plan::diff(&desired, &live, &Constraints::default()).unwrap();
    let mut sent = diff.into_plan(sizes);
    for (planned, wanted) in [
        (&sent.add, &room.add),
        (&sent.remove, &room.remove),
        (&sent.promote, &room.promote),
        (&sent.demote, &room.demote),
    ] {
        assert_eq!(planned, wanted);
    }
    (sent.name, sent.live, sent.notes) = (room.name, room.live, room.notes);
    sent
}

pub(crate) fn fleet(rooms: Vec<RoomPlan>) -> FleetPlan {
    let members = rooms
        .iter()
        .filter_map(|room| room.live.as_ref())
        .map(|live| live.members)
        .sum();
    FleetPlan {
        rooms,
        members,
        fleet: None,
        stopped: None,
    }
}

pub(crate) const RATES: Rates = Rates {
    add: 50,
    promote: 50,
    demote: 50,
    remove_one: 50,
    remove_many: 50,
    allow: 50,
    disallow: 50,
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
        ends: None,
        excluded: None,
        allow_empty: AllowEmpty::default(),
        ignore: Vec::new(),
        mode: Mode::Authoritative,
        absent: Absent::Readd,
        guards: Guards::default(),
        own_guards: OwnGuards::default(),
    }
}
