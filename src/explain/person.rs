//! Somebody in all rooms: a line a room.

use super::look::Role;
use super::{Subject, joined};
use crate::desired::Origin;
use crate::live::Observed;
use crate::model::{Op, RoomId, Until, UserId, counted, printable, room_label};
use crate::plan::{RoomPlan, Status, users_of};
use serde::Serialize;
use std::fmt::{self, Write as _};

/// Somebody in a room that names them, or in which they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonInRoom {
    /// The service's id.
    pub id: RoomId,
    /// The label in the files.
    pub name: Option<String>,
    /// The role that the files want them to have. `None`: none.
    pub wanted: Option<Wanted>,
    /// The end of that place, or of one that is over.
    pub until: Option<String>,
    /// True if the room's `exclude` names them.
    pub excluded: bool,
    /// Where the files say so. `None`: they do not name them.
    pub at: Option<At>,
    /// Their role now. `None`: it is not known.
    pub live: Option<Role>,
    /// What a pass would do.
    pub would: Vec<Op>,
    /// What is wanted and held back.
    pub held: Vec<Op>,
    /// Why that is so, or why nothing is known.
    pub why: Option<String>,
    /// True if the room could not be read completely.
    #[serde(skip)]
    pub is_partial: bool,
}

/// A role that the files give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Of `admins`.
    Admin,
    /// Of `members`.
    Member,
}

/// A place in the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct At {
    /// The file's name as in messages.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl From<Origin> for At {
    fn from(Origin { file, line }: Origin) -> Self {
        Self { file, line }
    }
}

impl Wanted {
    /// The role that the files want somebody to have. `None`: none.
    #[must_use]
    pub fn of(subject: Subject<'_>) -> Option<Self> {
        if subject.is_wanted_admin() {
            Some(Self::Admin)
        } else if subject.is_wanted() {
            Some(Self::Member)
        } else {
            None
        }
    }
}

impl PersonInRoom {
    /// What the files say; `at` is where.
    #[must_use]
    pub fn by_files(subject: Subject<'_>, at: Option<Origin>) -> Self {
        let Subject { user, room } = subject;
        let excluded = room.excluded.as_deref();
        Self {
            id: room.id.clone(),
            name: room.name.clone(),
            wanted: Wanted::of(subject),
            until: room.end_of(user).as_ref().map(Until::to_string),
            excluded: excluded.is_some_and(|excluded| excluded.people().contains(user)),
            at: at.map(At::from),
            live: None,
            would: Vec::new(),
            held: Vec::new(),
            why: None,
            is_partial: false,
        }
    }

    /// True if the files name them for the room.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.wanted.is_some() || self.excluded || self.until.is_some()
    }

    /// True if the files name them for the room, or they are there, or may be.
    #[must_use]
    pub fn is_worth_telling(&self) -> bool {
        self.is_named() || self.is_partial || self.live.is_some_and(|role| role != Role::Absent)
    }

    /// Adds what a look saw, and what the plan made from it does.
    pub fn see(&mut self, user: &UserId, observed: &Observed, plan: &RoomPlan) {
        self.live = Some(Role::of(user, observed.room()));
        self.is_partial = observed.complete().is_none();
        let wanted = |op: &Op| plan.wanted(*op).contains(user);
        let sent = |op: &Op| users_of(*op, plan.steps()).contains(user);
        (self.would, self.held) = Op::ALL.into_iter().filter(wanted).partition(sent);
        let about = plan
            .notes
            .iter()
            .find(|note| note.user.as_deref() == Some(user.as_str()));
        let block = plan.blocked.first().filter(|_| !self.held.is_empty());
        let error = plan.error.as_ref().map(|error| error.message.clone());
        self.why = match observed {
            Observed::Partial(_, inconsistency) => {
                Some(format!("the room could not be read completely: {inconsistency}"))
            }
            Observed::Complete(_) if plan.status == Status::Observed && !self.held.is_empty() => {
                Some("this room is only observed".to_owned())
            }
            Observed::Complete(_) => about
                .map(|note| note.message.clone())
                .or_else(|| block.map(ToString::to_string))
                .or(error),
        };
    }
}

/// Tells of somebody in these rooms, which name them or in which they are. `all`: number of rooms that the files name.
#[must_use]
pub fn person(user: &UserId, rooms: &[PersonInRoom], all: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, user, rooms, all);
    out
}

fn write(out: &mut String, user: &UserId, rooms: &[PersonInRoom], all: usize) -> fmt::Result {
    let wanted = rooms.iter().filter(|room| room.wanted.is_some()).count();
    let is_in = |room: &&PersonInRoom| room.live.is_some_and(Role::is_inside);
    let (all, inside) = (counted(all, "room"), rooms.iter().filter(is_in).count());
    writeln!(out, "{user} is wanted in {wanted} of {all}, and is in {inside}.")?;
    for room in rooms {
        let label = room_label(room.name.as_deref(), &room.id);
        writeln!(out, "\n{label}\n  {}\n  {}", said(room), seen(user, room))?;
    }
    if !rooms.is_empty() {
        writeln!(
            out,
            "\n`roomsync explain {user} ROOM` tells all about one of them."
        )?;
    }
    Ok(())
}

/// What the files say.
fn said(room: &PersonInRoom) -> String {
    let at = room.at.as_ref();
    let at = at.map_or_else(String::new, |At { file, line }| {
        format!(" ({}:{line})", printable(file))
    });
    let until = room.until.as_ref();
    match room.wanted {
        _ if room.excluded => format!("excluded{at}"),
        Some(wanted) => {
            let role = match wanted {
                Wanted::Admin => "an admin",
                Wanted::Member => "a member",
            };
            let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
            format!("wanted as {role}{until}{at}")
        }
        None => match until {
            Some(until) => format!("wanted until {until}, which is over{at}"),
            None => "not named for this room".to_owned(),
        },
    }
}

/// What is so, and what a pass would do.
fn seen(user: &UserId, room: &PersonInRoom) -> String {
    let why = room.why.as_ref();
    let why = why.map(|why| format!(": {}", printable(why))).unwrap_or_default();
    let Some(role) = room.live else {
        return format!("not known{why}");
    };
    let names = |ops: &[Op]| joined(&ops.iter().map(|op| op.as_str()).collect::<Vec<_>>());
    match (room.would.as_slice(), room.held.as_slice()) {
        ([], []) => format!("now {role}{why}"),
        (would, []) => format!("now {role}; a pass would {} {user}{why}", names(would)),
        ([], held) => format!("now {role}; a pass would not {} {user}{why}", names(held)),
        (would, held) => format!(
            "now {role}; a pass would {} {user}, and not {}{why}",
            names(would),
            names(held)
        ),
    }
}
