//! Events of the service, as the webhook hands them over. None is believed: each marks its room to be looked at, if it is a reason
//! to, and leaves the reason that it gave, for people.

mod last_reasons;
mod looks;
mod own_changes;

pub(super) use last_reasons::{LastReason, LastReasons};
pub(super) use looks::EventLooks;
pub(super) use own_changes::OwnChanges;

use super::call_metrics::CallMetrics;
use super::controller::Controller;
use super::handle::{DaemonHandle, lock};
use super::room_table::is_wanted;
use crate::chat::DetailUse;
use crate::model::RoomId;
use crate::settings::Webhook;
use crate::status::EventResult;
use crate::web::{EventKind, Intake, RoomEvent};
use looks::{Mark, Urgency};
use std::future::pending;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Most events that the loop takes at a time.
const AT_ONCE: usize = 256;
/// Members on a page of the service.
const PAGE: u64 = 1_000;

/// Everything that the daemon knows of events.
#[derive(Debug)]
pub(super) struct Events {
    /// The way by which they come in.
    pub(super) intake: Arc<Intake>,
    /// Its other end, until the loop takes it.
    pub(super) posted: Option<mpsc::Receiver<RoomEvent>>,
    /// The webhook that is listened for since the start, if there is one.
    pub(super) served: Option<Webhook>,
    pub(super) looks: EventLooks,
    pub(super) own: OwnChanges,
    pub(super) reasons: LastReasons,
}

impl Events {
    pub(super) fn new(metrics: &CallMetrics, served: Option<Webhook>) -> Self {
        let (intake, posted) = Intake::new(metrics.clock.clone(), Arc::clone(&metrics.metrics));
        Self {
            intake,
            posted: Some(posted),
            served,
            looks: EventLooks::default(),
            own: OwnChanges::default(),
            reasons: LastReasons::default(),
        }
    }
}

/// The next events, as soon as there is one.
pub(super) async fn next(posted: &mut Option<mpsc::Receiver<RoomEvent>>) -> Vec<RoomEvent> {
    let Some(posted) = posted else {
        return pending().await;
    };
    let mut next = Vec::new();
    posted.recv_many(&mut next, AT_ONCE).await;
    next
}

/// Takes events in.
pub(super) fn take(daemon: &DaemonHandle, events: &[RoomEvent]) {
    let mut controller = lock(&daemon.controller);
    for event in events {
        daemon.metrics.event(controller.event(event));
    }
}

impl Controller {
    /// Takes in an event, and says what becomes of it.
    pub(super) fn event(&mut self, event: &RoomEvent) -> EventResult {
        let Some(room) = self.rooms.get(&event.room) else {
            return EventResult::NotManaged;
        };
        let now = Instant::now();
        let is_own = self.events.own.has_made(event, now);
        self.events
            .reasons
            .see(event, |user| is_wanted(room.desired(), user), now);
        let urgency = match event.kind {
            EventKind::Left(_) | EventKind::Promoted | EventKind::Demoted | EventKind::Deleted => {
                Urgency::Soon
            }
            EventKind::Joined | EventKind::Unknown => Urgency::Later,
            EventKind::Blocked | EventKind::Irrelevant => return EventResult::Irrelevant,
        };
        if is_own {
            return EventResult::OwnChange;
        }
        let mark = Mark {
            urgency,
            admins: event.is_of_admins() && room.desired().admins.is_some(),
        };
        self.events.looks.mark(&event.room, mark, now);
        self.rooms.event(&event.room, now);
        self.see_by_event(event);
        EventResult::Look
    }

    /// Has the marked rooms looked at whose turn it is, and says how many there are. `detail`: the use that room detail is of.
    pub(super) fn look_at_marked(&mut self, detail: DetailUse) -> usize {
        if !self.works_alone() {
            return 0;
        }
        let rooms = &self.rooms;
        let calls = |id: &RoomId, admins: bool| {
            let live = rooms.get(id).and_then(|room| room.plan()?.live.as_ref());
            let members = live.map(|live| live.members);
            // Where the last look read pages, room detail does not show everybody.
            let by_page = detail != DetailUse::Many || live.is_some_and(|live| live.owner_page.is_some());
            let pages = u32::try_from(members.unwrap_or_default().div_ceil(PAGE).max(1)).unwrap_or(u32::MAX);
            let pages = if by_page { pages } else { 0 };
            pages
                .saturating_add(u32::from(detail == DetailUse::Single))
                .saturating_add(u32::from(admins))
        };
        let marked = self.events.looks.take(Instant::now(), calls);
        let looks = marked
            .iter()
            .filter(|(id, admins)| self.rooms.look_soon(id, *admins));
        looks.count()
    }
}
