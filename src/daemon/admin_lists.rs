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

/// Number of admin lists that a pass reads with these settings.
pub(super) fn fit(settings: &Settings) -> usize {
    let rate = settings.limits.calls_per_second.of(Method::ListAdmins);
    that_fit(settings.sync.interval, rate)
}

/// Has only the most urgent admin lists read, as many as fit.
pub(super) fn choose(tickets: &mut [Ticket], rooms: &RoomTable, fit: usize) {
    let managed = |ticket: &&mut Ticket| ticket.desired.admins.is_some();
    let mut managed: Vec<&mut Ticket> = tickets.iter_mut().filter(managed).collect();
    if managed.len() <= fit {
        return;
    }
    managed.sort_by_cached_key(|ticket| rooms.get(&ticket.desired.id).map(Room::admins_urgency));
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
    use crate::desired::DesiredRoom;
    use crate::model::{MemberSet, RoomId};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    #[test]
    fn a_third_of_the_interval_is_for_admin_lists() {
        assert_eq!(that_fit(Duration::from_secs(300), 50), 5_000);
        assert_eq!(that_fit(Duration::from_secs(300), 100), 10_000);
        assert_eq!(that_fit(Duration::from_secs(1), 1), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_edited_or_asked_for_goes_before_what_was_never_read_and_that_before_what_is_in_order() {
        let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
        let entry = |id: &str, label: &str| {
            Arc::new(DesiredRoom {
                name: Some(label.to_owned()),
                admins: Some(MemberSet::default()),
                ..DesiredRoom::unmanaged(id)
            })
        };
        let mut rooms = RoomTable::default();
        for id in ["1", "2", "3", "4", "5", "6"] {
            rooms.put(entry(id, "first"), false, at(0));
        }
        for (id, state, read) in [
            ("1", RoomState::InSync, Some(at(9))),
            ("2", RoomState::InSync, Some(at(5))),
            ("3", RoomState::Blocked, Some(at(9))),
            ("4", RoomState::InSync, Some(at(9))),
            ("5", RoomState::InSync, None),
            ("6", RoomState::InSync, Some(at(9))),
        ] {
            let room = rooms.get_mut(&RoomId::parse(id).unwrap()).unwrap();
            room.set_state(state, None, at(9));
            read.into_iter().for_each(|read| room.see_admins(read));
        }
        rooms.put(entry("4", "second"), false, at(9));
        rooms.look_soon(&RoomId::parse("6").unwrap(), true);
        let due = |fit: usize| -> BTreeSet<String> {
            let mut tickets: Vec<Ticket> = rooms.iter().map(Room::ticket).collect();
            choose(&mut tickets, &rooms, fit);
            let due = tickets.iter().filter(|ticket| ticket.admins_due);
            due.map(|ticket| ticket.desired.id.to_string()).collect()
        };
        let expected: [&[&str]; 6] = [
            &["4"],
            &["4", "6"],
            &["4", "5", "6"],
            &["3", "4", "5", "6"],
            &["2", "3", "4", "5", "6"],
            &["1", "2", "3", "4", "5", "6"],
        ];
        for (fit, expected) in (1..).zip(expected) {
            assert_eq!(due(fit), expected.iter().map(ToString::to_string).collect());
        }
    }
}
