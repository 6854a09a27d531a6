//! Sentences about the live room, and about what a pass would do there.

use super::{Subject, joined};
use crate::live::{LiveRoom, Observed};
use crate::model::{Absent, Mode, Op, UserId, printable};
use crate::plan::{GuardTripped, Note, RoomPlan, Status, users_of, ways_to_allow};
use serde::Serialize;
use std::fmt::{self, Write as _};

/// Tells what a look at the room saw of somebody, and what the plan made from it does about them. `fleet` is the guard over all
/// rooms, if it stands in the way.
#[must_use]
pub fn look(
    subject: Subject<'_>,
    observed: &Observed,
    plan: &RoomPlan,
    fleet: Option<&GuardTripped>,
) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_live(&mut out, subject, observed)
        .and_then(|()| write_plan(&mut out, subject, observed, (plan, fleet)));
    out
}

/// Tells that the service does not have the room.
#[must_use]
pub fn no_room(why: &str) -> String {
    format!(
        "\nNow: {}.\nA pass would do nothing in this room.\n",
        printable(why)
    )
}

/// Tells that neither the files nor the room know somebody; `near` are names that may be meant.
#[must_use]
pub fn unknown(user: &UserId, near: &[&str]) -> String {
    let meant = match near {
        [] => String::new(),
        near => format!(" Did you mean {}?", near.join(" or ")),
    };
    format!(
        "\n{user} is unknown: no room or group of the files names them, and they are not in this room.{meant}\n"
    )
}

/// Role of somebody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The room is theirs.
    Owner,
    /// An admin who is in the room.
    Admin,
    /// Some servers keep the role of who has left.
    AdminOutside,
    /// In the room, and no admin as far as that is known.
    Member,
    /// Not in the room.
    Absent,
}

impl Role {
    /// True for those who are in the room, the owner included.
    pub(super) fn is_inside(self) -> bool {
        matches!(self, Self::Owner | Self::Admin | Self::Member)
    }

    pub(super) fn of(user: &UserId, live: &LiveRoom) -> Self {
        if live.owner.as_deref() == Some(user.as_str()) {
            return Self::Owner;
        }
        let is_admin = live.admins.as_ref().is_some_and(|admins| admins.contains(user));
        match (is_admin, live.members.contains(user)) {
            (true, true) => Self::Admin,
            (true, false) => Self::AdminOutside,
            (false, true) => Self::Member,
            (false, false) => Self::Absent,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "the owner",
            Self::Admin => "an admin",
            Self::AdminOutside => "an admin, and yet not in the room",
            Self::Member => "a member",
            Self::Absent => "not in the room",
        })
    }
}

fn write_live(out: &mut String, subject: Subject<'_>, observed: &Observed) -> fmt::Result {
    let user = subject.user;
    let role = Role::of(user, observed.room());
    match observed {
        Observed::Complete(_) => writeln!(out, "\nNow: {user} is {role}."),
        Observed::Partial(_, inconsistency) => {
            // Where only the admin list contradicts itself, the other one shows everybody.
            let seen = match role {
                Role::Absent if inconsistency.is_of_admins() => "is not in the room".to_owned(),
                Role::Member if inconsistency.is_of_admins() => {
                    "is in the room, perhaps as an admin".to_owned()
                }
                Role::Absent => "was not seen".to_owned(),
                role => format!("was seen as {role}"),
            };
            writeln!(
                out,
                "\nNow: not certain, because the room could not be read completely: {inconsistency}. {user} {seen}."
            )
        }
    }
}

fn write_plan(
    out: &mut String,
    subject: Subject<'_>,
    observed: &Observed,
    (plan, fleet): (&RoomPlan, Option<&GuardTripped>),
) -> fmt::Result {
    let user = subject.user;
    let is_wanted = |op: &Op| plan.wanted(*op).contains(user);
    let wanted: Vec<Op> = Op::ALL.into_iter().filter(is_wanted).collect();
    let notes: Vec<&Note> = plan
        .notes
        .iter()
        .filter(|note| note.user.as_deref() == Some(user.as_str()))
        .collect();
    let is_sent = |op: &Op| users_of(*op, plan.steps()).contains(user);
    let (sent, mut unsent): (Vec<Op>, Vec<Op>) = wanted.into_iter().partition(is_sent);
    // What a note holds, no guard does.
    unsent.retain(|op| notes.iter().all(|note| note.held != Some(*op)));
    if !sent.is_empty() {
        writeln!(out, "A pass would {}.", done_to(user, &sent))?;
    }
    if !unsent.is_empty() {
        write_unsent(out, user, &unsent, (plan, fleet))?;
    }
    let done = sent.is_empty() && unsent.is_empty() && notes.iter().all(|note| note.held.is_none());
    if done {
        // A note says it best.
        let why = notes.first().map(|note| note.message.clone());
        let why = why.unwrap_or_else(|| idle(subject, observed, plan));
        writeln!(out, "A pass would do nothing about {user}: {}.", printable(&why))?;
    }
    for note in notes.iter().filter(|_| !done) {
        let message = printable(&note.message);
        match note.held {
            Some(op) => writeln!(
                out,
                "A pass would not {}, though that is wanted: {message}.",
                done_to(user, &[op])
            )?,
            None => writeln!(out, "Note: {message}.")?,
        }
    }
    if sent.contains(&Op::Remove) {
        writeln!(
            out,
            "Only this room was looked at: where others lose people, too, `max_removals_total` may hold the removal."
        )?;
    }
    if !sent.is_empty() {
        writeln!(
            out,
            "A running daemon may hold back more for a while; its page says what, and why."
        )?;
    }
    Ok(())
}

/// Changes that are wanted and not made, for the reason that the plan has for all.
fn write_unsent(
    out: &mut String,
    user: &UserId,
    unsent: &[Op],
    (plan, fleet): (&RoomPlan, Option<&GuardTripped>),
) -> fmt::Result {
    let goes = unsent.contains(&Op::Remove);
    let unsent = done_to(user, unsent);
    if plan.status == Status::Observed {
        return writeln!(
            out,
            "A pass would not {unsent}, because it only observes this room; otherwise it would."
        );
    }
    writeln!(
        out,
        "A pass would not {unsent}, though that is wanted, until the guard allows it:"
    )?;
    for block in &plan.blocked {
        writeln!(out, "  blocked: {block}")?;
    }
    writeln!(
        out,
        "  if it is meant, {}",
        ways_to_allow(&plan.blocked, &plan.id)
    )?;
    let Some(fleet) = fleet.filter(|_| goes) else {
        return Ok(());
    };
    if plan.blocked.iter().all(|block| block.guard != fleet.guard) {
        writeln!(out, "  then blocked: {fleet}")?;
    }
    writeln!(
        out,
        "Only this room was looked at: `roomsync plan` shows what all rooms together need."
    )
}

/// Reason why nothing is done.
fn idle(subject: Subject<'_>, observed: &Observed, plan: &RoomPlan) -> String {
    let Subject { user, room } = subject;
    let role = Role::of(user, observed.room());
    let complete = observed.complete().is_some();
    if plan.status == Status::Failed
        && let Some(error) = plan.error.as_ref().filter(|error| error.user.is_none())
        && complete
    {
        return format!("it can do nothing in this room, since {}", error.message);
    }
    let (wanted, wanted_admin) = (subject.is_wanted(), subject.is_wanted_admin());
    let here = matches!(role, Role::Admin | Role::Member);
    let admin = matches!(role, Role::Admin | Role::AdminOutside);
    // Where there is more than is wanted.
    let too_much = (here && !wanted) || (admin && !wanted_admin);
    let reason = if role == Role::Owner {
        "the owner is never added, removed, promoted or demoted"
    } else if subject.is_ignored() {
        "they are ignored here"
    } else if role == Role::Absent && subject.absent() == Absent::Ignore {
        return not_here(room.mode, complete);
    } else if !too_much && wanted {
        "they are what the files want them to be"
    } else if !too_much && !complete {
        "they are not wanted, and were not seen"
    } else if !too_much {
        "they are not wanted, and not here"
    } else if room.mode == Mode::Additive {
        "with `mode: additive` nobody is removed or demoted"
    } else if !complete {
        "nobody is removed or demoted unless the room was read completely"
    } else if room.guards.protects(user) {
        "they are protected"
    } else if here && !wanted && room.members.is_none() {
        "`members` is not managed in this room, so nobody is removed"
    } else {
        "`admins` is not managed in this room, so no admin is removed or demoted"
    };
    reason.to_owned()
}

/// Sentence about somebody whose absence is no drift.
fn not_here(mode: Mode, complete: bool) -> String {
    let are = if complete { "are not here" } else { "were not seen" };
    let invited = match mode {
        Mode::Observe => "",
        Mode::Authoritative | Mode::Additive => {
            "; the daemon invites everybody once, and `plan` and `apply` add them with --invite"
        }
    };
    format!("they {are}, and that is no drift (`absent: ignore`){invited}")
}

/// As in `add ann and put ann on the allow list`.
fn done_to(user: &UserId, ops: &[Op]) -> String {
    let roles: Vec<&str> = ops
        .iter()
        .filter(|op| !op.is_of_allow_list())
        .map(|op| op.as_str())
        .collect();
    let mut words = Vec::new();
    if !roles.is_empty() {
        words.push(format!("{} {user}", joined(&roles)));
    }
    for op in ops {
        match op {
            Op::Allow => words.push(format!("put {user} on the allow list")),
            Op::Disallow => words.push(format!("take {user} off the allow list")),
            Op::Add | Op::Promote | Op::Demote | Op::Remove => {}
        }
    }
    joined(&words)
}
