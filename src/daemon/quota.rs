//! The pricing plan's quota. Once a write meets its end nothing more is written, to any room; rarely, one call of one room finds
//! out whether that still holds.

use super::engine::Engine;
use super::room::Room;
use crate::apply::Reason;
use crate::model::{ReasonCode, RoomId};
use crate::plan::FleetPlan;
use crate::web::State;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// How long after the first refusal a call is tried, and how long at the most; it doubles with every refusal. A quota is renewed
/// at midnight or on the first of the month, or when somebody pays.
const WAIT: (Duration, Duration) = (Duration::from_secs(15 * 60), Duration::from_secs(4 * 3600));
/// How long after a try that came to no call the next room is taken.
const NEXT_ROOM: Duration = Duration::from_secs(60);

/// The codes of failures by which the service has dealt with a call.
const OF_THE_CALL: [ReasonCode; 7] = [
    ReasonCode::AlreadySo,
    ReasonCode::NoSuchRoom,
    ReasonCode::NoSuchUser,
    ReasonCode::Refused,
    ReasonCode::RoomFull,
    ReasonCode::TooManyNames,
    ReasonCode::UserInTooManyRooms,
];

/// A quota that is used up, as far as is known.
#[derive(Debug)]
pub(super) struct UsedUp {
    /// As the service said it first, with what to do.
    message: String,
    since: Timestamp,
    refusals: u32,
    /// When a call may find out whether it is renewed.
    probe_at: Instant,
    /// When a room may be looked at for that.
    look_at: Instant,
    /// The room in which a call finds out now.
    probing: Option<RoomId>,
}

/// How long a quota is left alone after so many refusals in a row.
pub(super) fn wait(refusals: u32) -> Duration {
    let (first, longest) = WAIT;
    first
        .saturating_mul(2u32.saturating_pow(refusals.saturating_sub(1)))
        .min(longest)
}

impl UsedUp {
    fn wait(&mut self) {
        self.probing = None;
        self.probe_at = Instant::now() + wait(self.refusals);
    }

    /// What is done about it, in words that stay the same while it lasts.
    pub(super) fn message(&self) -> String {
        format!(
            "{}. One call is tried after 15 minutes and then ever more rarely, down to every 4 hours; a reload (SIGHUP) has it \
             tried at once",
            self.message
        )
    }

    /// Why a run is ended.
    pub(super) fn reason(&self) -> Reason {
        Reason::new(ReasonCode::Quota, self.message.clone())
    }
}

impl Engine {
    /// Takes down how a write call in this room was answered: why it failed, if it did. With the first refusal nothing more goes
    /// out, to no room.
    pub(super) fn quota_answered(&mut self, id: &RoomId, failed: Option<&Reason>) {
        let refusal = failed.filter(|reason| reason.code == ReasonCode::Quota);
        let Some(quota) = &mut self.used_up else {
            if let Some(reason) = refusal {
                self.used_up = Some(UsedUp {
                    message: reason.message.clone(),
                    since: self.clock.now(),
                    refusals: 1,
                    probe_at: Instant::now() + wait(1),
                    look_at: Instant::now(),
                    probing: None,
                });
                self.check();
            }
            return;
        };
        // Others were on their way when the first was refused: whatever becomes of them proves nothing.
        if quota.probing.as_ref() != Some(id) {
            return;
        }
        // Whoever is told that there is no such user, say, was not turned away for the quota.
        if failed.is_none_or(|reason| OF_THE_CALL.contains(&reason.code)) {
            tracing::info!(room = %id, since = %quota.since, "the quota lets calls through again");
            self.used_up = None;
            return;
        }
        quota.refusals += u32::from(refusal.is_some());
        quota.wait();
        if let Some(stop) = self.rooms.get(id).and_then(|room| room.applying.as_ref()) {
            stop.interrupt();
        }
    }

    /// Whether a call of this room finds out now whether the quota is renewed.
    pub(super) fn is_probe(&self, id: &RoomId) -> bool {
        let probing = self.used_up.as_ref().and_then(|quota| quota.probing.as_ref());
        probing == Some(id)
    }

    /// Chooses the room of this plan in which one call finds out whether the quota is renewed, if it is time and nothing else
    /// keeps anything from being written.
    pub(super) fn begin_probe(&mut self, plan: &FleetPlan) -> Option<RoomId> {
        if self.withheld()?.code != ReasonCode::Quota {
            return None;
        }
        let quota = self.used_up.as_mut()?;
        if quota.probing.is_some() || quota.probe_at > Instant::now() {
            return None;
        }
        let ready: Vec<&RoomId> = plan
            .rooms
            .iter()
            .filter(|room| !room.steps.is_empty())
            .map(|room| &room.id)
            .collect();
        let id = (*ready.get(self.random.usize(..ready.len().max(1)))?).clone();
        quota.probing = Some(id.clone());
        Some(id)
    }

    /// Ends what was begun in this room: where no call was made after all, another room's turn comes.
    pub(super) fn end_probe(&mut self, id: &RoomId) {
        if let Some(quota) = &mut self.used_up
            && quota.probing.as_ref() == Some(id)
        {
            quota.probing = None;
            quota.look_at = Instant::now() + NEXT_ROOM;
        }
    }

    /// When a room is to be looked at so that a call of it finds out; `None`: there is none that would change.
    pub(super) fn probe_due(&self) -> Option<Instant> {
        let quota = self.used_up.as_ref()?;
        let ready = quota.probing.is_none() && self.rooms.values().any(may_probe);
        ready.then_some(quota.probe_at.max(quota.look_at))
    }

    /// Has a room looked at in which a call may find out whether the quota is renewed, if it is time.
    pub(super) fn choose_probe(&mut self, now: Instant) {
        if self.probe_due().is_none_or(|due| due > now)
            || self.withheld().is_none_or(|why| why.code != ReasonCode::Quota)
        {
            return;
        }
        let ready = self.rooms.values().filter(|room| may_probe(room)).count();
        let chosen = self.random.usize(..ready.max(1));
        if let Some(room) = self.rooms.values_mut().filter(|room| may_probe(room)).nth(chosen) {
            room.due = Some(now);
        }
        if let Some(quota) = &mut self.used_up {
            quota.look_at = now + NEXT_ROOM;
        }
    }

    /// Somebody may have raised the plan: a call finds out at once.
    pub(super) fn probe_now(&mut self) {
        self.quota_reads = 0;
        if let Some(quota) = &mut self.used_up {
            quota.refusals = 0;
            quota.probe_at = Instant::now();
            quota.look_at = Instant::now();
        }
    }

    /// For those who look at the daemon.
    pub(super) fn quota_in_words(&self) -> Option<String> {
        let quota = self.used_up.as_ref()?;
        let now = self.clock.now();
        let wait = SignedDuration::try_from(quota.probe_at.saturating_duration_since(Instant::now())).ok();
        let next = wait.and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now);
        let (message, since) = (&quota.message, quota.since);
        Some(format!(
            "nothing is written since {since:.0}: {message}. One call is tried at {next:.0}, or after a reload (SIGHUP)"
        ))
    }
}

/// Whether something is to be written in a room, and nobody is at it.
fn may_probe(room: &Room) -> bool {
    room.state == State::Changing && !room.looking && room.applying.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_quarter_of_an_hour_to_four_hours() {
        let minutes = |refusals| wait(refusals).as_secs() / 60;
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 80].map(minutes),
            [15, 30, 60, 120, 240, 240, 240]
        );
    }
}
