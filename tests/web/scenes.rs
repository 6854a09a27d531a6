//! Nights on call: a fixture for each.

use super::fixture::{Fixture, ago, attention, detail, id, line, status, user};
use roomsync::diagnostics::{Diagnostic, Location, Position, Severity};
use roomsync::model::{Guard, Limit, Op, ReasonCode};
use roomsync::plan::{GuardTripped, LiveSummary, Note};
use roomsync::status::{
    Aside, Attention, AttentionSeverity, CallBudget, Change, ComesBack, ComingAndGoing, Contested, EndsSoon,
    FirstLook, Hold, Pending, Progress, RoomDetail, RoomLine, RoomState, Status, Trouble, WritesSuspended,
};
use std::sync::Arc;

mod gaps;

pub(crate) use gaps::{absent, away, busy_day, incomplete};

const NAMES: [&str; 12] = [
    "lobby",
    "support",
    "announcements",
    "engineering",
    "design",
    "games-night",
    "book-club",
    "incident-2214",
    "moderators",
    "newcomers",
    "beta-testers",
    "music",
];

/// The id of the room of this name.
pub(crate) fn number(name: &str) -> String {
    let index = NAMES.iter().position(|known| *known == name).unwrap();
    format!("{}", 66_213_271_109_633_u64 + index as u64)
}

fn twelve() -> Status {
    let mut status = status(NAMES.iter().map(|name| line(&number(name), name)).collect());
    status.changes = vec![
        change("carol", "lobby", Op::Add, 340, "done"),
        change("mia", "lobby", Op::Promote, 341, "done"),
        change("eve", "lobby", Op::Remove, 343, "done"),
        change("omar", "games-night", Op::Demote, 86_000, "done"),
    ];
    status
}

fn change(name: &str, room: &str, op: Op, seconds: i64, result: &str) -> Change {
    Change {
        time: ago(seconds),
        room: id(&number(room)),
        user: user(name),
        op,
        plan: "sha256:0a1b".to_owned(),
        revision: Some("0f5e17e2a1b6c8d9e0f1a2b3c4d5e6f708192a3b".to_owned()),
        file: Some("rooms/team.yaml".to_owned()),
        line: Some(14),
        result: result.to_owned(),
    }
}

fn room<'a>(status: &'a mut Status, name: &str) -> &'a mut RoomLine {
    let number = number(name);
    let found = status.rooms.iter_mut().find(|room| room.id.as_str() == number);
    found.unwrap()
}

/// Nothing to do.
pub(crate) fn well() -> Arc<Fixture> {
    Fixture::new(twelve())
}

/// A first pass that is under way.
pub(crate) fn first_pass() -> Arc<Fixture> {
    let mut status = twelve();
    status.changes.clear();
    status.passes = roomsync::status::Passes {
        running_since: Some(ago(4)),
        ..Default::default()
    };
    status.first_look = Some(FirstLook { looked: 3, rooms: 12 });
    for room in &mut status.rooms {
        room.state = RoomState::Unseen;
        room.looked = None;
    }
    Fixture::new(status)
}

/// A long apply under way that the service slows down.
pub(crate) fn applying() -> Arc<Fixture> {
    let mut status = twelve();
    status.passes.running_since = Some(ago(65));
    status.progress = Some(Progress {
        doing: "applying",
        rooms: 12,
        looked: 12,
        calls: 17_000,
        made: 3_400,
        per_second: 48.7,
        budget: Some(CallBudget {
            method: "add_many",
            used: 49,
            limit: 50,
            configured: 100,
        }),
        seconds_left: Some(272.0),
    });
    for name in ["lobby", "games-night"] {
        let changing = room(&mut status, name);
        changing.state = RoomState::Changing;
        changing.add = 900;
    }
    Fixture::new(status)
}

/// Much at once: a guard, a failure, a file that is not valid, a service in trouble, people set aside, one who comes and goes.
pub(crate) fn trouble() -> Arc<Fixture> {
    let mut status = twelve();
    let (red, amber) = (AttentionSeverity::Red, AttentionSeverity::Amber);
    let refused = "nothing can be done in any room: the service refuses the token: put a new one into /run/secrets/chat-token, it is read again by itself";
    status.attention = vec![
        attention(
            red,
            "files_invalid",
            "the room files are not valid, and the last good ones stay in force: 1 problem, first: rooms/team.yaml:14:5: \
             unknown key `memebrs`; did you mean `members`?",
            340,
        ),
        attention(red, "credentials_refused", refused, 250),
        attention(
            amber,
            "failed",
            "room announcements failed: the service does not know this room",
            7000,
        ),
        attention(amber, "blocked", "room support blocked by a guard", 7200),
    ];
    status.files.valid = false;
    status.files.problems = vec![
        problem(
            Severity::Error,
            "unknown-key",
            "unknown key `memebrs`",
            Some("did you mean `members`?"),
        ),
        problem(
            Severity::Warning,
            "repeated",
            "`bob` is named twice in this list",
            None,
        ),
    ];
    status.service.trouble = Some(Trouble {
        code: ReasonCode::CredentialsRefused,
        message: "the service refuses the token: put a new one into /run/secrets/chat-token, it is read again by itself".to_owned(),
        since: ago(250),
        times: 17,
        next_try: Some(ago(-42)),
    });
    status.passes.last_good = Some(ago(8000));
    let blocked = room(&mut status, "support");
    blocked.state = RoomState::Blocked;
    (blocked.add, blocked.remove, blocked.promote) = (2, 40, 1);
    blocked.blocked = vec![GuardTripped {
        guard: Guard::MaxRemovals,
        limit: Limit::parse("25%").unwrap(),
        wanted: 40,
        of: 120,
    }];
    let support = support(blocked.clone());
    let failed = room(&mut status, "announcements");
    failed.state = RoomState::Failed;
    failed.error = Some(Note::new(
        ReasonCode::NoSuchRoom,
        "the service does not know this room",
    ));
    failed.next_try = Some(ago(-95));
    let changing = room(&mut status, "games-night");
    changing.state = RoomState::Changing;
    (changing.add, changing.demote) = (3, 1);
    let observed = room(&mut status, "music");
    observed.state = RoomState::Observed;
    observed.add = 1;
    status.aside = vec![
        Aside {
            user: user("frank"),
            room: None,
            code: "user_not_found".to_owned(),
            message: "the service does not know this user".to_owned(),
            since: ago(5000),
            until: ago(-2200),
        },
        Aside {
            user: user("heidi.von-unusually-long-name_with_all-the.letters-allowed-x64x"),
            room: Some(id(&number("lobby"))),
            code: "blocked_in_room".to_owned(),
            message: "is on the block list of this room".to_owned(),
            since: ago(600),
            until: ago(-3000),
        },
    ];
    status.coming_and_going = vec![ComingAndGoing {
        user: user("zoe"),
        room: id(&number("lobby")),
        until: ago(-1900),
    }];
    status.contested = vec![Contested {
        user: user("judy"),
        room: id(&number("lobby")),
        op: Op::Promote,
        since: ago(3000),
        until: ago(-83_400),
    }];
    status.comes_back = vec![ComesBack {
        user: user("mallory"),
        room: id(&number("lobby")),
        op: Op::Remove,
        last: ago(70),
    }];
    status
        .changes
        .insert(0, change("grace", "games-night", Op::Add, 8, "done"));
    let refused = change("ivan", "games-night", Op::Add, 9, "room_full");
    status.changes.insert(1, refused);
    let fixture = Fixture::new(status);
    fixture.set(|said| {
        said.rooms.insert(support.line.id.clone(), support);
    });
    fixture
}

fn problem(severity: Severity, code: &'static str, message: &str, help: Option<&str>) -> Diagnostic {
    Diagnostic {
        code,
        severity,
        message: message.to_owned(),
        location: Some(Location {
            file: "rooms/team.yaml".to_owned(),
            position: Some(Position {
                line: 14,
                column: 5,
                text: "    memebrs: [bob]".to_owned(),
                span: 4..11,
            }),
        }),
        also: None,
        help: help.map(str::to_owned),
    }
}

fn support(line: RoomLine) -> RoomDetail {
    let mut diff: Vec<String> = (0..40).map(|n| format!("-guest.{n:02}")).collect();
    diff.extend(["+bob", "+carol", "-mia", "+mia (admin)"].map(str::to_owned));
    RoomDetail {
        live: Some(LiveSummary {
            members: 120,
            admins: Some(2),
            digest: "sha256:77".to_owned(),
            owner_page: None,
        }),
        diff,
        remarks: vec![Note {
            user: Some("Weird Name".to_owned()),
            ..Note::new(
                ReasonCode::ForeignName,
                "a name that is none of ours is left alone",
            )
        }],
        changes: vec![change("bob", "support", Op::Remove, 7400, "done")],
        ..detail(line)
    }
}

/// Most of a list is gone at once; nobody may write meanwhile.
pub(crate) fn held() -> Arc<Fixture> {
    let mut status = twelve();
    let amber = AttentionSeverity::Amber;
    let paused = "paused, so nothing is written: there is a file /var/lib/roomsync/pause; to go on, run `roomsync resume`, or remove it";
    status.attention = vec![
        Attention {
            by: Some("alice".to_owned()),
            why: Some("deploy of the new lists, until 15:00".to_owned()),
            ..attention(amber, "paused", paused, 725)
        },
        attention(
            amber,
            "held",
            "500 names held, because too many left the files at once",
            400,
        ),
    ];
    status.withheld = Some(WritesSuspended {
        code: ReasonCode::Paused,
        message: "`sync.paused` is true in the settings; take it out, and what stands below is done"
            .to_owned(),
    });
    let lobby = room(&mut status, "lobby");
    lobby.state = RoomState::Blocked;
    let lobby = lobby.clone();
    let hold = Hold {
        room: lobby.id.clone(),
        guard: Guard::MaxRemovals,
        limit: "25%".to_owned(),
        dropped: 500,
        of: 620,
        users: (0..100).map(|n| user(&format!("member-{n:03}"))).collect(),
        held: 500,
        since: ago(400),
    };
    status.holds = vec![hold.clone()];
    let fixture = Fixture::new(status);
    let lobby = RoomDetail {
        holds: vec![hold],
        ..detail(lobby)
    };
    fixture.set(|said| {
        said.rooms.insert(lobby.line.id.clone(), lobby);
    });
    fixture
}

/// An edit takes people away, and the files have not settled; in another room the budget keeps somebody.
pub(crate) fn settling() -> Arc<Fixture> {
    let mut status = twelve();
    let lobby = room(&mut status, "lobby");
    lobby.state = RoomState::Changing;
    (lobby.remove, lobby.demote, lobby.pending) = (2, 1, 2);
    let support = room(&mut status, "support");
    support.state = RoomState::Blocked;
    support.remove = 13;
    support.blocked = vec![GuardTripped {
        guard: Guard::RemovalBudget,
        limit: Limit::Count(50),
        wanted: 63,
        of: 100,
    }];
    let id = room(&mut status, "support").id.clone();
    let ended = GuardTripped {
        guard: Guard::AllowEmpty,
        limit: Limit::Count(0),
        wanted: 1,
        of: 1,
    };
    room(&mut status, "support").blocked.push(ended);
    status.ends_soon = vec![EndsSoon {
        room: id,
        role: "member",
        until: ago(-3_600),
        users: vec![user("mia"), user("omar")],
        people: 2,
    }];
    let amber = AttentionSeverity::Amber;
    status.attention = vec![
        attention(amber, "blocked", "room support blocked by a guard", 90),
        attention(
            amber,
            "removal_budget",
            "13 people kept by the removal budget",
            90,
        ),
    ];
    status.pending = Some(Pending {
        removals: 2,
        demotions: 1,
        additions: 0,
        rooms: 1,
        since: ago(3),
        until: Some(ago(-7)),
        seconds_left: Some(7.0),
        file: Some("rooms/team.yaml".to_owned()),
    });
    Fixture::new(status)
}

/// Names that would do harm if anything took them for markup.
pub(crate) fn harmful() -> Arc<Fixture> {
    let mut status = twelve();
    let bad = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>";
    let harm = attention(AttentionSeverity::Amber, "failed", bad, 60);
    status.attention = vec![Attention {
        by: Some(bad.to_owned()),
        why: Some(bad.to_owned()),
        ..harm
    }];
    let harmed = room(&mut status, "lobby");
    harmed.name = Some(bad.to_owned());
    harmed.state = RoomState::Failed;
    harmed.error = Some(Note {
        user: Some(bad.to_owned()),
        ..Note::new(ReasonCode::Refused, bad)
    });
    let line = harmed.clone();
    status.service.app = bad.to_owned();
    let lobby = RoomDetail {
        diff: vec![format!("-{bad}"), format!("+{bad} (admin)")],
        remarks: vec![Note::new(ReasonCode::ForeignName, bad)],
        ..detail(line)
    };
    let fixture = Fixture::new(status);
    fixture.set(|said| {
        said.rooms.insert(lobby.line.id.clone(), lobby);
    });
    fixture
}

/// More rooms than anybody reads.
pub(crate) fn thousands() -> Arc<Fixture> {
    let room = |n: u64| {
        let mut room = line(&format!("{}", 70_000_000_000_000 + n), &format!("room-{n:05}"));
        if n == 9_876 {
            room.state = RoomState::Failed;
            room.error = Some(Note::new(
                ReasonCode::NoSuchRoom,
                "the service does not know this room",
            ));
        }
        room
    };
    let mut status = status((0..10_000).map(room).collect());
    let failed = "room room-09876 failed: the service does not know it";
    status.attention = vec![attention(AttentionSeverity::Amber, "failed", failed, 60)];
    Fixture::new(status)
}
