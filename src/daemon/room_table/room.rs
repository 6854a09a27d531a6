//! A managed room.

use super::lag::Lag;
use super::people::People;
use crate::apply::Cancel;
use crate::daemon::workqueue::Ticket;
use crate::desired::DesiredRoom;
use crate::live::LiveRoom;
use crate::model::{MemberSet, log_code};
use crate::plan::{NotTried, Note, RoomPlan};
use crate::status::{Lags, RoomState};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time for which an allow list that takes nobody is left alone.
const ALLOW_LIST_REST: Duration = Duration::from_secs(60 * 60);

/// A managed room.
#[derive(Debug)]
pub(in crate::daemon) struct Room {
    pub(super) desired: Arc<DesiredRoom>,
    pub(super) generation: u64,
    /// Revision at which somebody could last change it.
    pub(super) revision: u64,
    /// State in which it was shown last.
    pub(super) shown: Option<RoomState>,
    pub(super) work: Work,
    /// Time at which it is to be reconciled on its own.
    pub(super) due: Option<Instant>,
    /// True if it is due for nothing else than events.
    pub(super) by_event: bool,
    /// True if an event has spoken of its admins since they were read.
    pub(super) admins_asked: bool,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Start of the last look that saw it, or failed to.
    tried: Option<Instant>,
    looked: Option<Timestamp>,
    /// Time of the last look that saw it.
    seen: Option<Timestamp>,
    /// True if its members are among those that the fleet's budget is a share of.
    pub(super) counted: bool,
    state: RoomState,
    since: Timestamp,
    /// The last plan, with what is still to be done of it.
    plan: Option<RoomPlan>,
    error: Option<Note>,
    people: People,
    lag: Lag,
    /// Reason for which its allow list takes nobody, and until when none is tried.
    allow_list_trouble: Option<(NotTried, Instant)>,
    /// When its admins were read last, and by which entry.
    admins_read: Option<(Timestamp, u64)>,
}

/// Time for which a look says something of a room.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Freshness {
    /// Age past which a look says nothing of the room any more.
    pub(in crate::daemon) fresh_for: Duration,
    /// True if the service is away, so that no room comes back on its own.
    pub(in crate::daemon) is_away: bool,
}

/// Urgency of a look at a room's admins. The least is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::daemon) enum AdminsUrgency {
    /// The files have another entry since they were read.
    Edited,
    /// An event has spoken of them.
    Asked,
    NeverRead,
    /// Something is open in the room.
    Open,
    LongUnread(Timestamp),
}

/// Work that goes on in a room.
#[derive(Debug)]
pub(super) enum Work {
    None,
    /// A pass over the rooms that are due looks at it.
    Looking,
    /// A pass has a plan for it, and waits for the disk or for the room's turn.
    Planned,
    /// A pass writes to it.
    Applying(Cancel),
}

impl Room {
    pub(super) fn new(desired: Arc<DesiredRoom>, generation: u64, now: Timestamp) -> Self {
        Self {
            desired,
            generation,
            revision: 0,
            shown: None,
            work: Work::None,
            due: None,
            by_event: false,
            admins_asked: false,
            failures: 0,
            tried: None,
            looked: None,
            seen: None,
            counted: false,
            state: RoomState::Unseen,
            since: now,
            plan: None,
            error: None,
            people: People::default(),
            lag: Lag::default(),
            allow_list_trouble: None,
            admins_read: None,
        }
    }

    pub(in crate::daemon) fn desired(&self) -> &Arc<DesiredRoom> {
        &self.desired
    }

    /// Its state by the last look at it, however long ago that was.
    pub(in crate::daemon) fn state(&self) -> RoomState {
        self.state
    }

    /// Time since which it is in that state.
    pub(in crate::daemon) fn since(&self) -> Timestamp {
        self.since
    }

    /// Its state as it is shown, and the time since which it is in it.
    pub(in crate::daemon) fn shown_state(&self, freshness: Freshness) -> (RoomState, Timestamp) {
        let Freshness { fresh_for, is_away } = freshness;
        let is_old = self.tried.is_some_and(|tried| tried.elapsed() > fresh_for);
        // Somebody who changes it knows it, and a room that fails may wait longer for its next try.
        let is_in_hand = self.is_taken() || (self.next_try().is_some() && !is_away);
        if self.state != RoomState::Unseen && is_old && !is_in_hand {
            (
                RoomState::Unknown,
                self.seen.or(self.looked).unwrap_or(self.since),
            )
        } else if matches!(self.state, RoomState::InSync | RoomState::Observed) && self.lacks_admins() {
            // Nobody knows whether its admins are as this entry wants them.
            (RoomState::Unseen, self.since)
        } else {
            (self.state, self.since)
        }
    }

    /// True if its admins are managed and were not read yet for this entry.
    fn lacks_admins(&self) -> bool {
        let is_read = self
            .admins_read
            .is_some_and(|(_, generation)| generation == self.generation);
        self.desired.admins.is_some() && !is_read
    }

    /// Time of the last look that saw it, or failed to.
    pub(in crate::daemon) fn looked(&self) -> Option<Timestamp> {
        self.looked
    }

    /// Time of the last look that saw it.
    pub(in crate::daemon) fn seen(&self) -> Option<Timestamp> {
        self.seen
    }

    /// The last plan, with what is still to be done of it.
    pub(in crate::daemon) fn plan(&self) -> Option<&RoomPlan> {
        self.plan.as_ref()
    }

    pub(in crate::daemon) fn error(&self) -> Option<&Note> {
        self.error.as_ref()
    }

    /// Time of the next try, if it failed and comes back on its own.
    pub(in crate::daemon) fn next_try(&self) -> Option<Instant> {
        self.due.filter(|_| self.failures > 0)
    }

    /// True if removals or demotions wait in it until the files have settled.
    pub(in crate::daemon) fn has_pending(&self) -> bool {
        self.plan.as_ref().is_some_and(RoomPlan::has_pending)
    }

    /// True if nobody works on it.
    pub(in crate::daemon) fn is_free(&self) -> bool {
        matches!(self.work, Work::None)
    }

    /// True if a pass changes it, or is about to.
    pub(in crate::daemon) fn is_taken(&self) -> bool {
        matches!(self.work, Work::Planned | Work::Applying(_))
    }

    /// Ends the apply that goes on in it, if one does.
    pub(in crate::daemon) fn interrupt(&self) {
        if let Work::Applying(stop) = &self.work {
            stop.interrupt();
        }
    }

    /// Records a look that began at `begun`. `false`: a later one was there before, or a pass changes the room or is about to.
    pub(in crate::daemon) fn see(&mut self, begun: Instant, now: Timestamp) -> bool {
        let is_old = self.tried.is_some_and(|tried| tried > begun);
        if is_old || self.is_taken() {
            return false;
        }
        self.tried = Some(Instant::now());
        self.looked = Some(now);
        self.lag.looked(begun);
        true
    }

    /// Puts it into a state, as of now if it was in another one.
    pub(in crate::daemon) fn set_state(&mut self, state: RoomState, error: Option<Note>, now: Timestamp) {
        if state != self.state {
            self.since = now;
        }
        self.state = state;
        self.error = error;
    }

    /// Records the plan that a look at this time led to.
    pub(in crate::daemon) fn planned(&mut self, plan: RoomPlan, now: Timestamp) {
        if plan.live.is_some() {
            self.seen = Some(now);
        }
        self.plan = Some(plan);
    }

    pub(in crate::daemon) fn set_plan(&mut self, plan: RoomPlan) {
        self.plan = Some(plan);
    }

    /// Records a look that read its admins.
    pub(in crate::daemon) fn see_admins(&mut self, now: Timestamp) {
        self.admins_read = Some((now, self.generation));
        self.admins_asked = false;
    }

    /// Has a plan whose look did not read its admins say what the last one that did left open about them. `true`: something is.
    pub(in crate::daemon) fn complete(&self, plan: &mut RoomPlan) -> bool {
        let Some(live) = &plan.live else { return false };
        if live.admins.is_some() || self.desired.admins.is_none() || self.lacks_admins() {
            return false;
        }
        let earlier = self.plan.as_ref();
        earlier.is_some_and(|earlier| plan.take_over_admin_matters(earlier))
    }

    /// Time of the last look that read its admins.
    pub(in crate::daemon) fn admins_read(&self) -> Option<Timestamp> {
        self.admins_read.map(|(read, _)| read)
    }

    /// Urgency of a look at its admins.
    pub(in crate::daemon) fn admins_urgency(&self) -> AdminsUrgency {
        match self.admins_read {
            Some((_, generation)) if generation != self.generation => AdminsUrgency::Edited,
            _ if self.admins_asked => AdminsUrgency::Asked,
            None => AdminsUrgency::NeverRead,
            Some((read, _)) => match self.state {
                RoomState::Changing | RoomState::Blocked | RoomState::Failed => AdminsUrgency::Open,
                _ => AdminsUrgency::LongUnread(read),
            },
        }
    }

    /// Records what came of calls that put members on its allow list.
    pub(in crate::daemon) fn see_allow_list(&mut self, trouble: Option<NotTried>) {
        if let (Some(NotTried { code, message }), None) = (&trouble, self.allow_list_trouble()) {
            let room = &self.desired.id;
            tracing::warn!(code = log_code::ALLOW_LIST_UNUSABLE, %room, reason = %code, "nobody is put on the allow list for an hour, and absent members are only added again: {message}");
        }
        self.allow_list_trouble = trouble.map(|trouble| (trouble, Instant::now() + ALLOW_LIST_REST));
    }

    /// Reason for which nobody is put on its allow list for now.
    pub(in crate::daemon) fn allow_list_trouble(&self) -> Option<&NotTried> {
        let trouble = self.allow_list_trouble.as_ref();
        let (trouble, _) = trouble.filter(|(_, until)| Instant::now() < *until)?;
        Some(trouble)
    }

    /// Failures in a row.
    pub(in crate::daemon) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next failure is the first in a row.
    pub(in crate::daemon) fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// Counts its members in the fleet's budget from now on. `true`: they were not before.
    pub(in crate::daemon) fn count(&mut self) -> bool {
        !std::mem::replace(&mut self.counted, true)
    }

    /// Records who is there by a complete look, and gives those who have left since the last one.
    pub(in crate::daemon) fn see_people(&mut self, live: &LiveRoom, now: Timestamp) -> MemberSet {
        self.people.see(&self.desired, live, now)
    }

    pub(in crate::daemon) fn people(&self) -> &People {
        &self.people
    }

    pub(in crate::daemon) fn people_mut(&mut self) -> &mut People {
        &mut self.people
    }

    pub(in crate::daemon) fn lag_mut(&mut self) -> &mut Lag {
        &mut self.lag
    }

    /// Time for which it was not as wanted, if it is now by its state. `wrote`: calls have led to that state.
    pub(super) fn end_lag(&mut self, wrote: bool) -> Lags {
        if wrote {
            self.lag.wrote();
        }
        match self.state {
            RoomState::InSync | RoomState::Incomplete if !self.lacks_admins() => {
                self.lag.in_order(Instant::now())
            }
            RoomState::Observed => {
                self.lag.forget();
                Lags::default()
            }
            _ => Lags::default(),
        }
    }

    pub(in crate::daemon) fn ticket(&self) -> Ticket {
        Ticket {
            desired: Arc::clone(&self.desired),
            generation: self.generation,
            admins_due: true,
        }
    }
}
