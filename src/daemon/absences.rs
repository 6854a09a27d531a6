//! Wanted people who are not in their room, by what is known of the reason. What events said is a hint, and named as such.

use super::controller::Controller;
use super::events::LastReason;
use super::room_table::{Missing, Room};
use crate::model::{MemberSet, ReasonCode, UserId};
use crate::seen::SeenBy;
use crate::status::{Absence, AbsenceReason};
use crate::web::{Actor, Leave};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Most people of a room who are named.
const MOST_NAMED: usize = 1_000;

/// Numbers of people, by reason. Each person counts once.
pub(super) type AbsenceCounts = BTreeMap<AbsenceReason, usize>;

/// People of a room whose reason is not only that they are not there.
struct Known<'a> {
    aside: MemberSet,
    contested: MemberSet,
    going: MemberSet,
    by_event: BTreeMap<&'a UserId, &'a LastReason>,
}

impl<'a> Known<'a> {
    fn of(controller: &'a Controller, room: &'a Room, missing: &MemberSet) -> Self {
        let id = &room.desired().id;
        let left_alone = |why| room.plan().map(|plan| plan.missing(why)).unwrap_or_default();
        let reasons = controller.events.reasons.in_room(id);
        Self {
            aside: left_alone(ReasonCode::SetAside).and(missing),
            contested: left_alone(ReasonCode::Contested).and(missing),
            going: left_alone(ReasonCode::ComingAndGoing).and(missing),
            by_event: reasons.filter(|(user, _)| missing.contains(user)).collect(),
        }
    }

    /// The reason that counts.
    fn reason(&self, user: &UserId) -> Option<AbsenceReason> {
        if self.aside.contains(user) {
            return Some(AbsenceReason::SetAside);
        }
        if self.contested.contains(user) {
            return Some(AbsenceReason::Contested);
        }
        if self.going.contains(user) {
            return Some(AbsenceReason::ComingAndGoing);
        }
        self.by_event.get(user).map(|reason| of_event(reason.leave))
    }

    /// Everyone, each once.
    fn users(&self) -> MemberSet {
        let by_event: MemberSet = self.by_event.keys().copied().cloned().collect();
        self.aside.or(&self.contested).or(&self.going).or(&by_event)
    }
}

fn of_event(leave: Leave) -> AbsenceReason {
    match leave {
        Leave::Quit => AbsenceReason::Left,
        Leave::Offline => AbsenceReason::Offline,
        Leave::QuitOrOffline => AbsenceReason::LeftOrOffline,
        Leave::Removed => AbsenceReason::Removed,
        Leave::RemovedOrOffline => AbsenceReason::RemovedOrOffline,
        Leave::Blocked => AbsenceReason::Blocked,
        Leave::RoomDeleted | Leave::Unsaid => AbsenceReason::Gone,
    }
}

/// Numbers of wanted people who are not in a room, by reason. Reasons without anybody are left out. It costs no more than the number
/// of reasons that are known, however many people are not there.
pub(super) fn counts(controller: &Controller, room: &Room) -> AbsenceCounts {
    let mut counts = AbsenceCounts::new();
    let Some(Missing { all, unseen, .. }) = room.people().missing() else {
        return counts;
    };
    if all.is_empty() {
        return counts;
    }
    let known = Known::of(controller, room, all);
    let known_users = known.users();
    let others = all.len().saturating_sub(known_users.len());
    let mut never_seen = unseen.len();
    for user in &known_users {
        if let Some(reason) = known.reason(user) {
            *counts.entry(reason).or_default() += 1;
            never_seen = never_seen.saturating_sub(usize::from(unseen.contains(user)));
        }
    }
    *counts.entry(AbsenceReason::NeverSeen).or_default() += never_seen;
    *counts.entry(AbsenceReason::Gone).or_default() += others.saturating_sub(never_seen);
    counts.retain(|_, number| *number > 0);
    counts
}

/// Wanted people who are not in a room, by name: the first of them.
pub(super) fn named(controller: &Controller, room: &Room) -> Vec<Absence> {
    let Some(Missing { all, unseen, watched }) = room.people().missing() else {
        return Vec::new();
    };
    let known = Known::of(controller, room, all);
    let absence = |user: &UserId| {
        let last_seen = controller.presence.last_seen(&room.desired().id, user);
        let event = known.by_event.get(user).copied();
        let reason = known.reason(user).unwrap_or(match unseen.contains(user) {
            true => AbsenceReason::NeverSeen,
            false => AbsenceReason::Gone,
        });
        let mut words = Vec::new();
        match reason {
            AbsenceReason::SetAside => words.push("set aside: the service does not take them".to_owned()),
            AbsenceReason::Contested => {
                words.push("put out by others as often as they are added".to_owned());
            }
            AbsenceReason::ComingAndGoing => {
                words.push("put back again and again, and gone again".to_owned());
            }
            _ => {}
        }
        words.extend(event.map(|reason| format!("an event said: {reason}")));
        match last_seen {
            Some(last) if last.by == SeenBy::Look => words.push(format!("last seen here on {}", last.day)),
            Some(last) => words.push(format!(
                "no look has shown them here, an event of {} did",
                last.day
            )),
            None if unseen.contains(user) => words.push(format!("not seen here since {watched:.0}")),
            None => {}
        }
        if words.is_empty() {
            words.push("no reason is known".to_owned());
        }
        Absence {
            user: user.clone(),
            reason,
            by: event.and_then(|reason| match &reason.by {
                Actor::Person(by) => Some(by.clone()),
                Actor::App | Actor::Unsaid => None,
            }),
            event: event.and_then(|reason| time_of(controller.now(), reason)),
            last_seen: last_seen
                .filter(|last| last.by == SeenBy::Look)
                .map(|last| last.day.to_string()),
            message: words.join("; "),
        }
    };
    all.iter().take(MOST_NAMED).map(absence).collect()
}

/// The time of day at which an event came.
fn time_of(now: Timestamp, reason: &LastReason) -> Option<Timestamp> {
    let age = SignedDuration::try_from(reason.at.elapsed()).ok()?;
    now.checked_sub(age).ok()
}
