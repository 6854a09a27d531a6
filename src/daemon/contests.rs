//! Changes that others undo: whom we add or promote and they put out or demote, and whom we remove or demote and who comes back.

use super::attention::{ROOMS_NAMED, amber, named};
use super::controller::Controller;
use super::events::LastReason;
use super::room_table::is_wanted;
use super::workqueue::Ticket;
use crate::apply::RoomReport;
use crate::desired::DesiredRoom;
use crate::exclusions::{Contested, Standing};
use crate::live::LiveRoom;
use crate::model::{Op, ReasonCode, RoomId, UserId, counted_people, log_code};
use crate::status::{self, Attention};
use crate::web::Leave;
use std::collections::BTreeSet;
use tokio::time::Instant;

impl Controller {
    /// Takes in what a complete look at the room of this ticket shows of the changes that we made there.
    pub(super) fn see_contests(&mut self, ticket: &Ticket, live: &LiveRoom) {
        if self.rooms.current(ticket).is_none() {
            return;
        }
        let (id, desired) = (&ticket.desired.id, &ticket.desired);
        let (reasons, set) = (&self.events.reasons, self.files.set());
        let now = self.safeguards.clock().steady();
        let exclusions = self.safeguards.exclusions_mut();
        let standing = |user: &UserId, op: Op, done: Option<Instant>| {
            let said = reasons.get(id, user);
            let said = said.filter(|said| done.is_none_or(|done| said.at >= done));
            standing(desired, live, user, op, said)
        };
        let named_by = |user: &UserId| {
            let users = BTreeSet::from([user.clone()]);
            set.and_then(|set| set.provenance.naming(&users).remove(user))
        };
        let news = exclusions.see_contests(id, live.read_at, standing, named_by, now);
        for (user, op) in &news.given_up {
            let (again, undone) = words(*op);
            tracing::warn!(
                code = log_code::CONTESTED,
                room = %id, %user,
                "contested: {again} again and again, and {undone} by others each time; not {again} for a day, unless a file that names \
                 them changes. Does another roomsync, or another program, keep this room?"
            );
        }
        for (user, op) in &news.free {
            let (again, _) = words(*op);
            tracing::info!(code = log_code::CONTEST_ENDED, room = %id, %user, "{again} by others: no longer counts as contested");
        }
        if news.differs() {
            self.save_state();
        }
    }

    /// Records that we have made changes, which others may undo.
    pub(super) fn see_done(&mut self, id: &RoomId, op: Op, users: &[&UserId]) {
        let now = self.safeguards.clock().steady();
        let Some(room) = self.rooms.get(id) else { return };
        let admins = room.desired().admins.as_ref();
        // Of others nothing but an event says that they were put out.
        let has_events = self.events.served.is_some();
        let is_followed = |user: &UserId| {
            op == Op::Promote || has_events || admins.is_some_and(|admins| admins.contains(user))
        };
        let exclusions = self.safeguards.exclusions_mut();
        match op {
            Op::Add | Op::Promote => {
                let followed = users.iter().copied().filter(|user| is_followed(user));
                exclusions.contested_mut().done(id, op, followed, Instant::now());
                let undone_by = if op == Op::Add { Op::Remove } else { Op::Demote };
                for user in users {
                    exclusions.coming_back_mut().wanted(id, undone_by, user);
                }
            }
            Op::Remove | Op::Demote => {
                for user in users {
                    if exclusions.coming_back_mut().done(id, op, user, now) {
                        tracing::warn!(
                            code = log_code::COMES_BACK,
                            room = %id, %user,
                            "comes back: {} three times within a day; that goes on at each look",
                            op.done()
                        );
                    }
                }
            }
            Op::Allow | Op::Disallow => {}
        }
    }
}

/// Standing of a change by a look. `said`: the last event since the change that gives a reason for the person's absence.
fn standing(
    desired: &DesiredRoom,
    live: &LiveRoom,
    user: &UserId,
    op: Op,
    said: Option<&LastReason>,
) -> Standing {
    let is_admin = desired
        .admins
        .as_ref()
        .is_some_and(|admins| admins.contains(user));
    let is_here = live.members.contains(user);
    let is_owner = live.owner.as_deref() == Some(user.as_str());
    if is_owner || !is_wanted(desired, user) || (op == Op::Promote && !is_admin) {
        return Standing::Unwanted;
    }
    if op == Op::Promote {
        return match &live.admins {
            None => Standing::Unread,
            Some(admins) if admins.contains(user) => Standing::Stands,
            Some(_) if is_here => Standing::Undone,
            // Whoever is not there is no admin, and nobody has demoted them for that.
            Some(_) => Standing::Gone,
        };
    }
    let is_put_out = match said.map(|said| said.leave) {
        Some(Leave::Removed | Leave::Blocked) => true,
        Some(Leave::Quit | Leave::Offline | Leave::QuitOrOffline | Leave::RoomDeleted) => false,
        Some(Leave::RemovedOrOffline | Leave::Unsaid) | None => is_admin,
    };
    match (is_here, is_put_out) {
        (true, _) => Standing::Stands,
        (false, true) => Standing::Undone,
        (false, false) => Standing::Gone,
    }
}

/// Records the changes that were said to be made and were not.
pub(super) fn not_done(contested: &mut Contested, room: &RoomId, report: &RoomReport) {
    for failure in &report.failed {
        if let Ok(user) = UserId::parse(&failure.user) {
            contested.not_done(room, failure.op, &user);
        }
    }
}

/// Item about the people who are contested, if there are some.
pub(super) fn attention(contested: &[status::Contested]) -> Option<Attention> {
    let since = contested.iter().map(|contested| contested.since).min()?;
    let people: BTreeSet<_> = contested.iter().map(|contested| &contested.user).collect();
    let message = format!(
        "{} contested, because others put out or demote whom roomsync adds or promotes: {}. Does another roomsync keep the same rooms?",
        counted_people(people.len()),
        named(&people)
    );
    let rooms: BTreeSet<&RoomId> = contested.iter().map(|contested| &contested.room).collect();
    Some(Attention {
        count: people.len(),
        rooms: rooms.into_iter().take(ROOMS_NAMED).cloned().collect(),
        ..amber(ReasonCode::Contested.as_str(), message, since)
    })
}

/// Words for a change of ours, and for its undoing by others.
fn words(op: Op) -> (&'static str, &'static str) {
    match op {
        Op::Promote => ("promoted", "demoted"),
        _ => ("added", "put out"),
    }
}
