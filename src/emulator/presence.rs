use super::{Names, Room, State};
use crate::model::RoomId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// People who are offline, and since when. Everybody is online at the start.
///
/// "Members who go offline are dropped from the room after about 2 minutes" (`[P]`). Somebody who is put back while
/// still offline leaves again within another such time. [?]
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Time for which somebody can be offline before they leave; `None` lets everybody stay.
    after: Option<Duration>,
    /// When those who are offline leave next, by name in lower case.
    leave_at: BTreeMap<String, Instant>,
    /// The first of these times.
    next: Option<Instant>,
}

impl Presence {
    pub(super) fn new(after: Option<Duration>) -> Self {
        Self {
            // Not at once over and over; as good as for ever, and no clock runs over.
            after: after.map(|after| after.clamp(Duration::from_millis(1), Duration::from_secs(1 << 30))),
            ..Self::default()
        }
    }

    pub(super) fn online(&mut self, users: &[String]) {
        for user in users {
            self.leave_at.remove(&user.to_ascii_lowercase());
        }
    }

    /// Counts from now for those who were online.
    pub(super) fn offline(&mut self, users: &[String], now: Instant) {
        let leave_at = now + self.after.unwrap_or_default();
        for user in users {
            self.leave_at.entry(user.to_ascii_lowercase()).or_insert(leave_at);
        }
        self.next = self.leave_at.values().min().copied();
    }

    /// People who are offline, by name.
    pub(super) fn who_is_offline(&self) -> Vec<String> {
        self.leave_at.keys().cloned().collect()
    }

    /// When somebody leaves next, or may: by then they can be online again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.after.and(self.next)
    }

    /// Lets those go whose time has come by now; gives who left which room. Costs nothing while there is nobody.
    pub(super) fn sweep(&mut self, state: &mut State, now: Instant) -> Vec<(RoomId, Names)> {
        let Some(after) = self.after else {
            return Vec::new();
        };
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (user, leave_at) in &mut self.leave_at {
            if *leave_at <= now {
                *leave_at = now + after;
                due.push(user.as_str());
            }
        }
        let mut left = Vec::new();
        for (id, room) in &mut state.rooms {
            let gone: Names = due
                .iter()
                .filter(|user| !is_kept(room, user) && room.leave(user))
                .collect();
            if !gone.is_empty() {
                left.push((id.clone(), gone));
            }
        }
        self.next = self.leave_at.values().min().copied();
        left
    }
}

/// True if somebody stays in a room however long they are offline: its owner, its admins and who is on its allow list
/// (`[P]`).
fn is_kept(room: &Room, user: &str) -> bool {
    room.is_owner(user) || room.admins().contains(user) || room.allowed().contains(user)
}
