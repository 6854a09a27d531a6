use super::guard::judge;
use super::{Draft, Op, RoomPlan, Sizes, Status};
use crate::model::Limit;
use serde::Serialize;

/// The plan for every room, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct FleetPlan {
    /// By id.
    pub rooms: Vec<RoomPlan>,
}

/// A plan in numbers. `adds` to `calls` are what an apply would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// All rooms.
    pub rooms: usize,
    /// Rooms that get calls and are not blocked.
    pub changed: usize,
    /// Rooms that a guard holds.
    pub blocked: usize,
    /// Rooms in which nothing can be done.
    pub failed: usize,
    /// People who come in.
    pub adds: usize,
    /// People who go.
    pub removes: usize,
    /// People who become admins.
    pub promotes: usize,
    /// Admins who become members, those who go included.
    pub demotes: usize,
    /// Write calls.
    pub calls: usize,
}

impl FleetPlan {
    /// Holds the rooms against the fleet's guard and puts their calls in order.
    ///
    /// `max_removals_total` is held against what the rooms' own guards leave of their removals, out of the members of all
    /// rooms; when it trips, every room with removals is blocked. `None`: not all rooms were looked at, so it says nothing.
    pub fn new(
        rooms: Vec<Result<Draft, Box<RoomPlan>>>,
        max_removals_total: Option<Limit>,
        sizes: Sizes,
    ) -> Self {
        let drafts = || rooms.iter().filter_map(|room| room.as_ref().ok());
        let removals = drafts().map(Draft::open_removals).sum();
        let members = drafts().map(Draft::managed_members).sum();
        let tripped =
            max_removals_total.and_then(|limit| judge("max_removals_total", limit, removals, members));
        let finish = |room: Result<Draft, Box<RoomPlan>>| match room {
            Ok(mut draft) => {
                if let Some(blocked) = tripped
                    && draft.open_removals() > 0
                {
                    draft.block(blocked);
                }
                draft.finish(sizes)
            }
            Err(failed) => *failed,
        };
        let mut rooms: Vec<RoomPlan> = rooms.into_iter().map(finish).collect();
        rooms.sort_by(|a, b| a.id.cmp(&b.id));
        Self { rooms }
    }

    /// The plan in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let with = |status| self.rooms.iter().filter(|room| room.status == status).count();
        let sent = |op| self.rooms.iter().map(|room| room.sent(op)).sum();
        Summary {
            rooms: self.rooms.len(),
            changed: with(Status::Changed),
            blocked: with(Status::Blocked),
            failed: with(Status::Failed),
            adds: sent(Op::Add),
            removes: sent(Op::Remove),
            promotes: sent(Op::Promote),
            demotes: sent(Op::Demote),
            calls: self.rooms.iter().map(|room| room.steps.len()).sum(),
        }
    }
}
