//! The pricing plan's quota. Once a write meets its end nothing more is written, to any room; rarely, one call of one room finds
//! out whether that still holds.

use super::room_table::{Room, RoomTable};
use crate::apply::Reason;
use crate::backoff::Backoff;
use crate::model::{ReasonCode, RoomId, log_code};
use crate::plan::FleetPlan;
use crate::status::RoomState;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// Codes of failures by which the service has dealt with a call.
const OF_THE_CALL: [ReasonCode; 7] = [
    ReasonCode::AlreadySo,
    ReasonCode::NoSuchRoom,
    ReasonCode::NoSuchUser,
    ReasonCode::Refused,
    ReasonCode::RoomFull,
    ReasonCode::TooManyNames,
    ReasonCode::UserInTooManyRooms,
];
/// Waits between calls that find out. A quota is renewed at midnight or on the first of the month, or when somebody pays.
pub(super) const QUOTA_BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(15 * 60),
    longest: Duration::from_secs(4 * 3600),
};
/// Wait after a try that came to no call, until the next room is taken.
const NEXT_ROOM: Duration = Duration::from_secs(60);

/// The quota, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Quota(Option<UsedUp>);

/// A quota that is used up.
#[derive(Debug)]
struct UsedUp {
    /// As the service said it first, with what to do.
    message: String,
    since: Timestamp,
    refusals: u32,
    /// Time from which a call may find out whether it is renewed.
    probe_at: Instant,
    /// Time from which a room may be looked at for that.
    look_at: Instant,
    /// The room in which a call finds out now.
    probing: Option<RoomId>,
}

impl Quota {
    /// Records the answer to a write call in this room: why it failed, if it did. `true`: it is known by now that the quota is
    /// used up.
    #[must_use]
    pub(super) fn answered(
        &mut self,
        rooms: &RoomTable,
        id: &RoomId,
        failed: Option<&Reason>,
        now: Timestamp,
    ) -> bool {
        let refusal = failed.filter(|reason| reason.code == ReasonCode::Quota);
        let Some(quota) = &mut self.0 else {
            let Some(reason) = refusal else { return false };
            self.0 = Some(UsedUp {
                message: reason.message.clone(),
                since: now,
                refusals: 1,
                probe_at: Instant::now() + QUOTA_BACKOFF.delay(1),
                look_at: Instant::now(),
                probing: None,
            });
            return true;
        };
        // Others were on their way when the first was refused: whatever becomes of them proves nothing.
        if quota.probing.as_ref() != Some(id) {
            return false;
        }
        // A call for a user who does not exist, say, was not turned away for the quota.
        if failed.is_none_or(|reason| OF_THE_CALL.contains(&reason.code)) {
            tracing::info!(code = log_code::QUOTA_RENEWED, room = %id, since = %quota.since, "the quota lets calls through again");
            self.0 = None;
            return false;
        }
        quota.refusals += u32::from(refusal.is_some());
        quota.probing = None;
        quota.probe_at = Instant::now() + QUOTA_BACKOFF.delay(quota.refusals);
        if let Some(room) = rooms.get(id) {
            room.interrupt();
        }
        false
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.0.is_some()
    }

    /// True if a call of this room finds out now whether the quota is renewed.
    pub(super) fn is_probe(&self, id: &RoomId) -> bool {
        self.0
            .as_ref()
            .is_some_and(|quota| quota.probing.as_ref() == Some(id))
    }

    /// Chooses the room of this plan in which one call finds out whether the quota is renewed, if it is time.
    pub(super) fn begin_probe(&mut self, plan: &FleetPlan, random: &mut fastrand::Rng) -> Option<RoomId> {
        let quota = self.0.as_mut()?;
        if quota.probing.is_some() || quota.probe_at > Instant::now() {
            return None;
        }
        let ready: Vec<_> = plan
            .rooms
            .iter()
            .filter(|room| !room.steps().is_empty())
            .collect();
        let id = random.choice(ready)?.id.clone();
        quota.probing = Some(id.clone());
        Some(id)
    }

    /// Ends what was begun in this room: if no call was made after all, another room's turn comes.
    pub(super) fn end_probe(&mut self, id: &RoomId) {
        if let Some(quota) = &mut self.0
            && quota.probing.as_ref() == Some(id)
        {
            quota.probing = None;
            quota.look_at = Instant::now() + NEXT_ROOM;
        }
    }

    /// Time at which a room is to be looked at so that a call of it finds out. `None` if no room would change.
    pub(super) fn probe_due(&self, rooms: &RoomTable) -> Option<Instant> {
        let quota = self.0.as_ref()?;
        let ready = quota.probing.is_none() && rooms.iter().any(may_probe);
        ready.then_some(quota.probe_at.max(quota.look_at))
    }

    /// Has a room looked at now in which a call may find out whether the quota is renewed, if it is time.
    pub(super) fn choose_probe(&mut self, rooms: &mut RoomTable, random: &mut fastrand::Rng) {
        let now = Instant::now();
        if self.probe_due(rooms).is_none_or(|due| due > now) {
            return;
        }
        let ready: Vec<_> = rooms.iter().filter(|room| may_probe(room)).collect();
        if let Some(id) = random.choice(ready).map(|room| room.desired().id.clone()) {
            rooms.schedule(&id, now);
        }
        if let Some(quota) = &mut self.0 {
            quota.look_at = now + NEXT_ROOM;
        }
    }

    /// Somebody may have raised the plan: a call finds out at once.
    pub(super) fn probe_now(&mut self) {
        if let Some(quota) = &mut self.0 {
            quota.refusals = 0;
            quota.probe_at = Instant::now();
            quota.look_at = Instant::now();
        }
    }

    /// The reason for which a run is ended. `None` if the quota is not used up.
    pub(super) fn reason(&self) -> Option<Reason> {
        let quota = self.0.as_ref()?;
        Some(Reason::new(ReasonCode::Quota, quota.message.clone()))
    }

    /// The reason with what is done about it, in words that stay the same while it lasts.
    pub(super) fn lasting_message(&self) -> Option<String> {
        let message = &self.0.as_ref()?.message;
        Some(format!(
            "{message}. One call is tried after 15 minutes and then ever more rarely, down to every 4 hours; a reload (SIGHUP) has it \
             tried at once"
        ))
    }

    /// The reason with the time of the next try, and its beginning.
    pub(super) fn trouble(&self, now: Timestamp) -> Option<(String, Timestamp)> {
        let quota = self.0.as_ref()?;
        let wait = SignedDuration::try_from(quota.probe_at.saturating_duration_since(Instant::now())).ok();
        let next = wait.and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now);
        let (message, since) = (&quota.message, quota.since);
        let message = format!(
            "nothing is written: {message}. One call is tried at {next:.0}, or after a reload (SIGHUP)"
        );
        Some((message, since))
    }
}

/// True if something is to be written in a room, and nobody works on it.
fn may_probe(room: &Room) -> bool {
    room.state() == RoomState::Changing && room.is_free()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_quarter_of_an_hour_to_four_hours() {
        let minutes = |refusals| QUOTA_BACKOFF.delay(refusals).as_secs() / 60;
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 80].map(minutes),
            [15, 30, 60, 120, 240, 240, 240]
        );
    }
}
