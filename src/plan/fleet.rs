use super::guard::judge;
use super::{BatchSizes, RoomDiff, RoomPlan, Status};
use crate::model::{Guard, Limit, Op};
use schemars::JsonSchema;
use serde::Serialize;

/// The plan for every room, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct FleetPlan {
    /// By id.
    pub rooms: Vec<RoomPlan>,
    /// Number of members in the rooms that were read, without the rooms that are only observed.
    pub members: u64,
}

/// The guard over the removals of all rooms, `max_removals_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetGuard {
    /// The guard's limit.
    pub limit: Limit,
    /// Removals since the last look at all rooms that this plan's come on top of.
    pub spent: usize,
    /// The members of all rooms at that look; `None`: those that this plan's own look has seen.
    pub members: Option<u64>,
    /// The members of rooms that look has left out.
    pub elsewhere: u64,
}

impl FleetGuard {
    /// For a plan that looks at all rooms.
    #[must_use]
    pub fn of_all_rooms(limit: Limit) -> Self {
        Self {
            limit,
            spent: 0,
            members: None,
            elsewhere: 0,
        }
    }
}

/// A plan in numbers. `adds` to `calls` are what an apply would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
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
    /// The fleet's guard is held against what the rooms' own guards leave of their removals; when it trips, every room with
    /// removals is blocked. `None`: not all rooms were looked at, so it says nothing.
    pub fn new(
        rooms: Vec<Result<RoomDiff, Box<RoomPlan>>>,
        guard: Option<FleetGuard>,
        sizes: BatchSizes,
    ) -> Self {
        let drafts = || rooms.iter().filter_map(|room| room.as_ref().ok());
        let removals: usize = drafts().map(RoomDiff::guarded_removals).sum();
        let members = drafts().map(RoomDiff::managed_members).sum();
        // All of them is no bound, also where several passes come to more than were there at once.
        let guard = guard.filter(|guard| guard.limit != Limit::ALL);
        let tripped = guard.and_then(|guard| {
            let FleetGuard {
                limit,
                spent,
                members: before,
                elsewhere,
            } = guard;
            let of = before.unwrap_or(members) + elsewhere;
            judge(Guard::MaxRemovalsTotal, limit, removals + spent, of)
        });
        let finish = |room: Result<RoomDiff, Box<RoomPlan>>| match room {
            Ok(mut draft) => {
                if let Some(blocked) = tripped
                    && draft.guarded_removals() > 0
                {
                    draft.block(blocked);
                }
                draft.into_plan(sizes)
            }
            Err(failed) => *failed,
        };
        let mut rooms: Vec<RoomPlan> = rooms.into_iter().map(finish).collect();
        rooms.sort_by(|a, b| a.id.cmp(&b.id));
        Self { rooms, members }
    }

    /// True if its calls remove or demote somebody, or would once the files have settled.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        if self.rooms.iter().any(RoomPlan::waits) {
            return true;
        }
        let steps = self.rooms.iter().flat_map(|room| &room.steps);
        steps.into_iter().any(|step| step.op().takes_away())
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
