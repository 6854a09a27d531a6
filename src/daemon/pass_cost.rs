//! Least time that passes take at the calls that are allowed now.

use super::admin_lists;
use super::controller::Controller;
use crate::chat::wire::{MAX_DETAIL_ROOMS, Method};
use crate::reconcile::progress::{Share, Stand};
use std::time::Duration;

/// Calls of passes, as far as they are known beforehand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PassCalls {
    /// Rooms of a pass over all rooms.
    pub(super) rooms: usize,
    /// True if room detail shows many rooms a call, with their members.
    pub(super) bulk_reads: bool,
    /// Admin lists that such a pass reads.
    pub(super) admin_lists: usize,
    /// Allow lists that such a pass reads.
    pub(super) allow_lists: usize,
    /// Write calls of passes under way.
    pub(super) writes: usize,
}

impl PassCalls {
    /// Calls of a pass over all rooms of this daemon, beside passes that stand like this.
    pub(super) fn of(daemon: &Controller, stand: Option<&Stand>) -> Self {
        let (settings, rooms) = (&daemon.settings, &daemon.rooms);
        let managed = rooms.iter().filter(|room| room.desired().admins.is_some());
        Self {
            rooms: rooms.len(),
            bulk_reads: settings.limits.bulk_reads,
            allow_lists: rooms.iter().filter(|room| room.desired().keeps_members()).count(),
            admin_lists: managed.count().min(admin_lists::fit(settings)),
            writes: stand.map_or(0, |stand| stand.calls),
        }
    }

    /// Least time that a pass over all rooms takes beside the write calls under way.
    pub(super) fn least_time(self, shares: &[Share]) -> Duration {
        let rate = |method: Method| {
            let share = shares.iter().find(|share| share.method == method.as_str());
            share.map(|share| share.limit)
        };
        let seconds =
            |calls: usize, per_second: Option<usize>| calls as f64 / per_second.unwrap_or(1).max(1) as f64;
        let members = if self.bulk_reads {
            let details = self.rooms.div_ceil(MAX_DETAIL_ROOMS);
            seconds(details, rate(Method::RoomDetail))
        } else {
            seconds(self.rooms, rate(Method::ListMembers))
        };
        let admins = seconds(self.admin_lists, rate(Method::ListAdmins));
        let writes = Method::ALL.into_iter().filter(|method| method.writes());
        let writes = seconds(self.writes, writes.filter_map(rate).min());
        let allow_lists = seconds(self.allow_lists, rate(Method::ListAllowed));
        // The two lists of a room are read side by side.
        Duration::from_secs_f64(members + admins.max(allow_lists) + writes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(limit: usize) -> Vec<Share> {
        let share = |method: Method| Share {
            method: method.as_str(),
            used: 0,
            limit,
            configured: limit,
        };
        Method::ALL.into_iter().map(share).collect()
    }

    #[test]
    fn a_hundred_rooms_take_a_call_and_each_admin_list_and_write_takes_one() {
        let calls = PassCalls {
            rooms: 100_000,
            bulk_reads: true,
            admin_lists: 5_000,
            allow_lists: 0,
            writes: 0,
        };
        let seconds = |calls: PassCalls, limit| calls.least_time(&at(limit)).as_secs_f64();
        assert_eq!(seconds(calls, 50), 20.0 + 100.0);
        assert_eq!(seconds(PassCalls { writes: 500, ..calls }, 50), 130.0);
        let kept = |allow_lists: usize| seconds(PassCalls { allow_lists, ..calls }, 50);
        assert_eq!((kept(1_000), kept(10_000)), (120.0, 220.0));
        let one_by_one = PassCalls {
            bulk_reads: false,
            ..calls
        };
        assert_eq!(seconds(one_by_one, 50), 2_000.0 + 100.0);
        assert_eq!(seconds(PassCalls::default(), 50), 0.0);
        assert!(seconds(calls, 0) > 1_000.0, "slowed down to next to nothing");
    }
}
