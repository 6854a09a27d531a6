//! Admin lists that a pass reads. Each costs a call, so a large fleet has its members read in every pass, and its admins in turn.

use super::controller::Controller;
use super::room_table::{Room, RoomTable};
use super::workqueue::Ticket;
use crate::chat::wire::Method;
use crate::settings::Settings;
use crate::status::{AdminLists, RoomState};
use jiff::Timestamp;
use std::time::Duration;

/// Part of the interval between two passes that reading admin lists may take.
const PART: u32 = 3;

/// Number of admin lists that a pass reads at this rate, in calls a second.
fn that_fit(interval: Duration, rate: u32) -> usize {
    let calls = (interval / PART).as_secs_f64() * f64::from(rate);
    // A cast saturates, and a fleet with more rooms than this is out of reach.
    (calls as usize).max(1)
}

fn fit(settings: &Settings) -> usize {
    let rate = settings.limits.calls_per_second.of(Method::ListAdmins);
    that_fit(settings.sync.interval, rate)
}

/// Urgency of a room's admin list. The least is read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    NeverRead,
    /// The room's entry is new, or the room is not in order.
    Asked,
    LongUnread(Timestamp),
}

fn urgency(room: &Room) -> Urgency {
    match room.admins_read() {
        None => Urgency::NeverRead,
        Some(_) if room.asks_for_admins() => Urgency::Asked,
        Some(read) => Urgency::LongUnread(read),
    }
}

/// Has only the most urgent admin lists read, as many as fit.
pub(super) fn choose(tickets: &mut [Ticket], rooms: &RoomTable, settings: &Settings) {
    let fit = fit(settings);
    let managed = |ticket: &&mut Ticket| ticket.desired.admins.is_some();
    let mut managed: Vec<&mut Ticket> = tickets.iter_mut().filter(managed).collect();
    if managed.len() <= fit {
        return;
    }
    managed.sort_by_cached_key(|ticket| rooms.get(&ticket.desired.id).map(urgency));
    for ticket in managed.iter_mut().skip(fit) {
        ticket.admins_due = false;
    }
}

/// The admin lists, as they are shown.
pub(super) fn shown(daemon: &Controller) -> Option<AdminLists> {
    let managed = daemon.rooms.iter().filter(|room| room.desired().admins.is_some());
    let mut rooms = 0;
    let mut oldest: Option<Timestamp> = None;
    for room in managed {
        rooms += 1;
        if room.state() != RoomState::Failed {
            let read = room.admins_read().unwrap_or(daemon.started);
            oldest = Some(oldest.map_or(read, |oldest| oldest.min(read)));
        }
    }
    let passes = u32::try_from(usize::div_ceil(rooms, fit(&daemon.settings))).unwrap_or(u32::MAX);
    Some(AdminLists {
        oldest: oldest?,
        turn: daemon.settings.sync.interval.saturating_mul(passes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_interval_is_for_admin_lists() {
        assert_eq!(that_fit(Duration::from_secs(300), 50), 5_000);
        assert_eq!(that_fit(Duration::from_secs(300), 100), 10_000);
        assert_eq!(that_fit(Duration::from_secs(1), 1), 1);
    }
}
