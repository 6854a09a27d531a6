//! The condition of a room by its last plan and by what came of it, and people whom the service refused.

use super::log_dedup::{LogDedup, Subject};
use super::room_news::{News, RoomNews};
use super::room_table::{Room, RoomTable};
use super::workqueue::Ticket;
use crate::apply::{Failure, Outcome, Reason, RoomReport};
use crate::exclusions::Refusal;
use crate::model::{MemberSet, Op, ReasonCode, UserId, printable};
use crate::plan::{NotTried, Note, RoomPlan, Status, users_of, ways_to_allow};
use crate::status::RoomState;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Number of people of a room who are refused in the same words, from which on it is the room that refuses.
const ALIKE: usize = 5;

/// Records the plan that a look led to.
pub(super) fn planned(
    rooms: &mut RoomTable,
    ticket: &Ticket,
    plan: &RoomPlan,
    now: Timestamp,
    random: &mut fastrand::Rng,
) {
    let Some(room) = rooms.current(ticket) else { return };
    let incomplete = plan
        .notes
        .iter()
        .find(|note| note.code == ReasonCode::IncompleteRead)
        .cloned();
    let mut plan = plan.clone();
    let is_open_before = room.complete(&mut plan);
    // A room that was seen and that the files' own rules refuse stays so until files or rooms change.
    let is_unseen = plan.live.is_none() && plan.error.is_some();
    let comes_back = is_unseen || incomplete.is_some();
    let has_steps = !plan.steps().is_empty();
    if incomplete.is_none() && plan.live.as_ref().is_some_and(|live| live.admins.is_some()) {
        room.see_admins(now);
    }
    // What failed may be about the admins, of whom this look says nothing.
    let stays_failed = is_open_before && room.state() == RoomState::Failed && !has_steps;
    if incomplete.is_some() {
        room.set_state(RoomState::Failed, plan.error.clone().or(incomplete), now);
    } else if !stays_failed {
        room.set_state(RoomState::from(plan.status), plan.error.clone(), now);
    }
    room.planned(plan, now);
    if comes_back {
        rooms.retry(&ticket.desired.id, random);
    } else if !has_steps && !stays_failed {
        room.forget_failures();
    }
}

impl From<Status> for RoomState {
    fn from(status: Status) -> Self {
        match status {
            Status::InSync => Self::InSync,
            Status::Incomplete => Self::Incomplete,
            Status::Changed => Self::Changing,
            Status::Blocked => Self::Blocked,
            Status::Failed => Self::Failed,
            Status::Observed => Self::Observed,
        }
    }
}

/// Result of a room's plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Applied<'a> {
    pub(super) plan: &'a RoomPlan,
    pub(super) report: &'a RoomReport,
    /// The reason for which its run ended early.
    pub(super) stopped: Option<&'a Reason>,
    /// People whom the service refused for themselves.
    pub(super) set_aside: &'a BTreeSet<UserId>,
}

/// Records what came of a room's plan.
pub(super) fn applied(
    rooms: &mut RoomTable,
    ticket: &Ticket,
    applied: Applied<'_>,
    now: Timestamp,
    random: &mut fastrand::Rng,
) {
    let Applied {
        plan,
        report,
        stopped,
        set_aside,
    } = applied;
    let id = &ticket.desired.id;
    rooms.release(id);
    let Some(room) = rooms.current(ticket) else { return };
    let is_set_aside = |failure: &Failure| set_aside.iter().any(|user| user.as_str() == failure.user);
    let of_room = report.failed.iter().find(|failure| {
        let code = failure.reason.code;
        // Without its allow list the room is kept as by `absent: readd`.
        let is_needless = failure.op.is_of_allow_list() && stopped.is_none_or(|why| why.code != code);
        !code.leaves_alone()
            && !is_needless
            && !matches!(code, ReasonCode::Guard(_))
            && !is_set_aside(failure)
    });
    let of_all = report.error.as_ref().filter(|_| report.status != Outcome::Stale);
    let ended =
        stopped.is_some_and(|why| why.code == ReasonCode::Interrupted || why.code == ReasonCode::AuditLog);
    let incomplete = plan
        .notes
        .iter()
        .any(|note| note.code == ReasonCode::IncompleteRead);
    let mut left = still_open(plan, report, is_set_aside);
    let trouble = allow_list_trouble(report);
    if let Some(trouble) = &trouble {
        left.notes.push(trouble.note(left.allow.len()));
        left.allow = MemberSet::default();
    }
    if trouble.is_some() || plan.sent(Op::Allow) > 0 {
        room.see_allow_list(trouble);
    }
    left.status = if plan.status == Status::Blocked || report.status == Outcome::Blocked {
        Status::Blocked
    } else if left.has_pending() || !left.allow.is_empty() {
        Status::Changed
    } else if left.is_incomplete() {
        Status::Incomplete
    } else {
        Status::InSync
    };
    room.complete(&mut left);
    let mut comes_back = false;
    match (of_room, report.status) {
        _ if let Some(Reason { code, message, .. }) = of_all => {
            room.set_state(RoomState::Failed, Some(Note::new(*code, message.clone())), now);
            comes_back = true;
        }
        // It stays failed and is tried again, whatever was added.
        (None, _) if incomplete => {}
        (Some(_), _) if ended => room.set_state(RoomState::Changing, None, now),
        (Some(failure), _) => {
            let Reason { code, message, .. } = &failure.reason;
            let mut error = Note::new(*code, message.clone());
            error.user = Some(failure.user.clone());
            room.set_state(RoomState::Failed, Some(error), now);
            // If everything ends the same way, all rooms wait for the next look at all of them.
            comes_back = stopped.is_none();
        }
        (None, _) => room.set_state(RoomState::from(left.status), left.error.clone(), now),
    }
    if of_room.is_none() && of_all.is_none() && !incomplete {
        room.forget_failures();
    }
    room.set_plan(left);
    if comes_back {
        rooms.retry(id, random);
    }
}

/// Reports once in what way a room is not in order, and once that it is again.
pub(super) fn report(room: &Room, log: &mut LogDedup, news: &mut RoomNews) {
    let id = &room.desired().id;
    let name = room.desired().name.as_deref().map(printable);
    let name = name.as_deref();
    let mut say = |kind: &str, text: &str, times| {
        news.say(&News {
            room: id,
            name,
            kind,
            text,
            times,
        });
    };
    // Counts differ from look to look, and are no news.
    let (kind, text) = match (room.state(), room.error(), room.plan()) {
        (RoomState::Failed, Some(error), _) => (
            error.code.to_string(),
            format!("failed[{}]: {}", error.code, error.message),
        ),
        (RoomState::Blocked, _, Some(plan)) => {
            let guards: Vec<String> = plan.blocked.iter().map(ToString::to_string).collect();
            let kinds: Vec<String> = plan.blocked.iter().map(|block| block.guard.to_string()).collect();
            let (guards, ways) = (guards.join("; "), ways_to_allow(&plan.blocked, id));
            (
                kinds.join(", "),
                format!("blocked: {guards}; if it is meant, {ways}"),
            )
        }
        (RoomState::InSync | RoomState::Observed, _, _) => {
            if let Some(times) = log.forget_room(id) {
                say("in order again", "in order again", Some(times));
            }
            return;
        }
        // Whoever is missing was logged when they were left alone.
        (RoomState::Incomplete, _, _) => {
            if let Some(times) = log.forget_room(id) {
                let text = "in order again, but for people who are not there and are left alone";
                say(text, text, Some(times));
            }
            return;
        }
        _ => return,
    };
    if log.is_news(Subject::Room(id.clone()), &kind) {
        let is_blocked = room.state() == RoomState::Blocked;
        say(if is_blocked { &kind } else { &text }, &text, None);
    }
}

/// People whom the service refused for themselves, with the reason.
pub(super) fn refusals<'a>(plan: &'a RoomPlan, report: &'a RoomReport) -> BTreeMap<UserId, Refusal<'a>> {
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for failure in &report.failed {
        *alike.entry(&failure.reason.message).or_default() += 1;
    }
    // A refusal is about the person if it names them, or if others came in.
    let is_personal = |failure: &Failure| {
        let Failure { user, op, reason } = failure;
        let failed = report.failed.iter().filter(|other| other.op == *op).count();
        let few = alike.get(reason.message.as_str()) < Some(&ALIKE);
        let is_named = reason.named.iter().any(|named| named.as_str() == user);
        is_named || (few && plan.sent(*op) > failed)
    };
    let refusal = |failure: &'a Failure| {
        let everywhere = match failure.reason.code {
            ReasonCode::NoSuchUser => true,
            ReasonCode::UserInTooManyRooms => false,
            ReasonCode::FailsAlone if failure.op == Op::Add => false,
            ReasonCode::Refused if is_personal(failure) => false,
            _ => return None,
        };
        let user = UserId::parse(&failure.user).ok()?;
        let refusal = Refusal {
            room: &plan.id,
            everywhere,
            code: failure.reason.code,
            message: &failure.reason.message,
        };
        matches!(failure.op, Op::Add | Op::Promote).then_some((user, refusal))
    };
    report.failed.iter().filter_map(refusal).collect()
}

/// Reason for which the room's allow list takes nobody, if it is the list and not a person.
fn allow_list_trouble(report: &RoomReport) -> Option<NotTried> {
    let failures = report.failed.iter().filter(|failure| failure.op == Op::Allow);
    let reasons: Vec<&Reason> = failures.map(|failure| &failure.reason).collect();
    let is_of_the_list = |reason: &&&Reason| match reason.code {
        ReasonCode::AllowListFull | ReasonCode::AllowListUnusable | ReasonCode::NotConfirmed => true,
        ReasonCode::Refused => {
            reasons
                .iter()
                .filter(|other| other.message == reason.message)
                .count()
                >= ALIKE
        }
        _ => false,
    };
    let Reason { code, message, .. } = reasons.iter().find(is_of_the_list)?;
    Some(NotTried {
        code: match code {
            ReasonCode::AllowListFull => ReasonCode::AllowListFull,
            _ => ReasonCode::AllowListUnusable,
        },
        message: message.clone(),
    })
}

/// The part of a plan that is not done, to be shown.
fn still_open(plan: &RoomPlan, report: &RoomReport, is_set_aside: impl Fn(&Failure) -> bool) -> RoomPlan {
    let failed = |op: Op| -> MemberSet {
        let of_op = report.failed.iter().filter(|failure| failure.op == op);
        of_op
            .filter_map(|failure| UserId::parse(&failure.user).ok())
            .collect()
    };
    let open = |op: Op, wanted: &MemberSet| {
        let done = users_of(op, plan.steps()).minus(&failed(op));
        wanted.minus(&done)
    };
    let mut left = plan.clone().without_steps();
    left.add = open(Op::Add, &plan.add);
    left.remove = open(Op::Remove, &plan.remove);
    left.promote = open(Op::Promote, &plan.promote);
    left.demote = open(Op::Demote, &plan.demote);
    left.allow = open(Op::Allow, &plan.allow);
    left.disallow = open(Op::Disallow, &plan.disallow);
    // Somebody in whose place somebody else came in needs no other.
    left.notes.retain(|note| {
        note.code != ReasonCode::RoomFull
            || report
                .failed
                .iter()
                .any(|failure| Some(&failure.user) == note.user.as_ref() && Some(failure.op) == note.held)
    });
    for failure in report.failed.iter().filter(|failure| is_set_aside(failure)) {
        left.add = left.add.filter(|user| user.as_str() != failure.user);
        left.promote = left.promote.filter(|user| user.as_str() != failure.user);
        left.allow = left.allow.filter(|user| user.as_str() != failure.user);
        let mut note = Note::new(ReasonCode::SetAside, failure.reason.message.clone());
        note.user = Some(failure.user.clone());
        note.held = Some(failure.op);
        left.notes.push(note);
    }
    left
}
