use super::guard::judge;
use super::{BatchSizes, GuardTripped, Note, RoomDiff, RoomPlan, Status, lines_to_allow};
use crate::desired::DesiredRoom;
use crate::model::{Guard, Limit, Mode, Op, PerOp, RoomId, counted};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

/// The plan for every room, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct FleetPlan {
    /// By id.
    pub rooms: Vec<RoomPlan>,
    /// Number of members in the rooms that were read, without the rooms that are only observed.
    pub members: u64,
    /// `max_removals_total`, if it stands in the way: it holds, or it would once the rooms' own guards let everything through. It
    /// then counts the removals that these hold, too.
    pub fleet: Option<GuardTripped>,
    /// Error that ended the look before every room was seen, if one did.
    pub stopped: Option<Note>,
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

    /// For a plan that looks at these rooms out of all that the files have. The others count by the members that the files list.
    #[must_use]
    pub fn of_some_rooms<'a>(
        limit: Limit,
        all: impl IntoIterator<Item = &'a DesiredRoom>,
        looked_at: impl IntoIterator<Item = &'a RoomId>,
    ) -> Self {
        let looked_at: HashSet<&RoomId> = looked_at.into_iter().collect();
        let others = all.into_iter().filter(|room| !looked_at.contains(&room.id));
        Self {
            elsewhere: others.map(listed_members).sum(),
            ..Self::of_all_rooms(limit)
        }
    }
}

/// Number of people whom the files list in a room, without its owner; 0 in a room that is only observed.
fn listed_members(room: &DesiredRoom) -> u64 {
    if room.mode == Mode::Observe {
        return 0;
    }
    let of = |list: &Option<_>| list.clone().unwrap_or_default();
    let listed = of(&room.members).or(&of(&room.admins));
    let has_owner = room.owner.as_ref().is_some_and(|owner| listed.contains(owner));
    (listed.len() - usize::from(has_owner)) as u64
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
    /// Members who are put on an allow list.
    #[serde(skip)]
    pub allows: usize,
    /// People who are taken off one.
    #[serde(skip)]
    pub disallows: usize,
    /// Write calls.
    pub calls: usize,
}

impl FleetPlan {
    /// Holds the rooms against the fleet's guard and puts their calls in order.
    ///
    /// The fleet's guard is held against what the rooms' own guards leave of their removals; when it trips, every room with
    /// removals is blocked. `None`: there is no such guard.
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
        let judged = |removals: usize| {
            let FleetGuard {
                limit,
                spent,
                members: before,
                elsewhere,
            } = guard?;
            let of = before.unwrap_or(members) + elsewhere;
            judge(Guard::MaxRemovalsTotal, limit, removals + spent, of)
        };
        let tripped = judged(removals);
        let wanted: usize = drafts().map(RoomDiff::wanted_removals).sum();
        let fleet = (wanted > 0).then(|| judged(wanted)).flatten();
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
        Self {
            rooms,
            members,
            fleet,
            stopped: None,
        }
    }

    /// Error of a run that ended before every room was seen, and how far it came.
    #[must_use]
    pub fn error(&self) -> Option<Note> {
        let Note { code, message, .. } = self.stopped.as_ref()?;
        let seen = self.rooms.iter().filter(|room| !room.is_unseen()).count();
        let checked = match seen {
            0 => "no room was checked".to_owned(),
            seen => format!(
                "only {seen} of {} were checked",
                counted(self.rooms.len(), "room")
            ),
        };
        Some(Note::new(*code, format!("{checked}: {message}")))
    }

    /// The fleet's guard in words, and what to write, if it stands in the way.
    #[must_use]
    pub fn fleet_in_words(&self) -> Option<String> {
        let tripped = self.fleet.as_ref()?;
        let mut blocks = self.rooms.iter().flat_map(|room| &room.blocked);
        let allows = if blocks.any(|block| block.guard == tripped.guard) {
            "allows"
        } else {
            "would then allow"
        };
        Some(format!(
            "{} {allows} {}: write {}",
            tripped.guard,
            tripped.measure(),
            lines_to_allow(std::slice::from_ref(tripped))
        ))
    }

    /// Number of changes of each kind that guards hold.
    #[must_use]
    pub fn held(&self) -> PerOp<usize> {
        let blocked = || self.rooms.iter().filter(|room| room.status == Status::Blocked);
        PerOp::from_fn(|op| {
            let wanted: usize = blocked().map(|room| room.wanted(op).len()).sum();
            let sent: usize = blocked().map(|room| room.sent(op)).sum();
            wanted.saturating_sub(sent)
        })
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
            allows: sent(Op::Allow),
            disallows: sent(Op::Disallow),
            calls: self.rooms.iter().map(|room| room.steps.len()).sum(),
        }
    }
}
