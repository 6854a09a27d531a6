//! Scenes of rooms that nobody sees, of people who are not there, and of very much at once.

use super::{change, number, room, twelve};
use crate::web::fixture::{Fixture, ago, attention, detail, id, user};
use roomsync::model::{Guard, Limit, Op, ReasonCode};
use roomsync::plan::{GuardTripped, Note};
use roomsync::status::{
    Absence, AbsenceReason, Attention, AttentionSeverity, Hold, Missing, RoomDetail, RoomState, Trouble,
};
use std::sync::Arc;

/// Everything is done, and some of the people wanted are not there.
pub(crate) fn incomplete() -> Arc<Fixture> {
    let mut status = twelve();
    let going: Vec<_> = ["bob", "carol", "dave", "erin", "fay", "gus"].map(user).into();
    let lobby = room(&mut status, "lobby");
    lobby.state = RoomState::Incomplete;
    lobby.missing.coming_and_going = going.iter().take(2).cloned().collect();
    let music = room(&mut status, "music");
    music.state = RoomState::Incomplete;
    music.missing = Missing {
        set_aside: [user("frank")].into_iter().collect(),
        coming_and_going: going.iter().cloned().collect(),
        contested: [user("judy")].into_iter().collect(),
    };
    Fixture::new(status)
}

/// A room in sync of which many are not there, each for another reason.
pub(crate) fn absent() -> Arc<Fixture> {
    let mut status = twelve();
    let said = [
        (
            "ann",
            AbsenceReason::Removed,
            "an event said: was removed by alice; last seen here on 2026-11-23",
        ),
        (
            "bob",
            AbsenceReason::Offline,
            "an event said: was offline for two minutes",
        ),
        ("carol", AbsenceReason::Blocked, "an event said: was blocked"),
        ("dave", AbsenceReason::Left, "an event said: left"),
        (
            "erin",
            AbsenceReason::LeftOrOffline,
            "an event said: left, or was offline for two minutes",
        ),
        (
            "fay",
            AbsenceReason::RemovedOrOffline,
            "an event said: was removed, or was offline for two minutes",
        ),
        (
            "gus",
            AbsenceReason::NeverSeen,
            "not seen here since 2026-11-23T00:00:00Z",
        ),
        ("hal", AbsenceReason::Gone, "last seen here on 2026-11-20"),
    ];
    let absences = said.map(|(name, reason, message)| Absence {
        user: user(name),
        reason,
        by: None,
        event: message.starts_with("an event").then(|| ago(125)),
        last_seen: None,
        message: message.to_owned(),
    });
    let lobby = room(&mut status, "lobby");
    lobby.not_here = absences.len();
    for absence in &absences {
        *lobby.absent.entry(absence.reason).or_default() += 1;
    }
    let lobby = RoomDetail {
        absences: absences.into(),
        ..detail(lobby.clone())
    };
    let fixture = Fixture::new(status);
    fixture.set(|said| {
        said.rooms.insert(lobby.line.id.clone(), lobby);
    });
    fixture
}

/// The service has been away for two intervals.
pub(crate) fn away() -> Arc<Fixture> {
    let mut status = twelve();
    let message = "cannot reach https://a61.chat.example (connection refused)";
    let at_large = format!("nothing can be done in any room: {message}");
    status.attention = vec![attention(
        AttentionSeverity::Red,
        "service_unreachable",
        &at_large,
        720,
    )];
    status.service.trouble = Some(Trouble {
        code: ReasonCode::ServiceUnreachable,
        message: message.to_owned(),
        since: ago(720),
        times: 9,
        next_try: Some(ago(-42)),
    });
    status.passes.last_ended = Some(ago(905));
    status.passes.last_tried = Some(ago(7));
    for room in &mut status.rooms {
        room.state = RoomState::Unknown;
        room.looked = Some(ago(905));
        room.since = ago(905);
    }
    Fixture::new(status)
}

/// A hundred changes, rooms that left the files, and a room that failed as well as being held.
pub(crate) fn busy_day() -> Arc<Fixture> {
    let mut status = twelve();
    let changes = (0..100).map(|n| change(&format!("member-{n:02}"), "lobby", Op::Add, 60 + n, "done"));
    status.changes = changes.collect();
    let amber = AttentionSeverity::Amber;
    let left = "25 rooms (lobby-1, lobby-2, lobby-3 and 22 more) no longer managed: left as is";
    status.attention = vec![
        attention(amber, "failed", "room support failed: no clear answer", 240),
        attention(
            amber,
            "held",
            "80 names held, because too many left the files at once",
            400,
        ),
        Attention {
            count: 25,
            ..attention(amber, "not_managed", left, 185)
        },
    ];
    let hold = |room: &str| Hold {
        room: id(&number(room)),
        guard: Guard::MaxRemovals,
        limit: "25%".to_owned(),
        dropped: 40,
        of: 62,
        users: (0..40).map(|n| user(&format!("member-{n:03}"))).collect(),
        held: 40,
        since: ago(400),
    };
    status.holds = vec![hold("lobby"), hold("support")];
    let blocked = |guard, wanted| GuardTripped {
        guard,
        limit: Limit::parse("25%").unwrap(),
        wanted,
        of: 62,
    };
    let lobby = room(&mut status, "lobby");
    lobby.state = RoomState::Blocked;
    lobby.blocked = vec![blocked(Guard::MaxRemovals, 40), blocked(Guard::MaxDemotions, 3)];
    let support = room(&mut status, "support");
    support.state = RoomState::Failed;
    support.error = Some(Note::new(ReasonCode::NoClearAnswer, "no clear answer: 500"));
    support.next_try = Some(ago(-95));
    Fixture::new(status)
}
