//! Rooms of a plan in numbers, for people.

use crate::plan::{FleetPlan, RoomPlan, Status};

/// Numbers of rooms and their states in words, as in `3 to change, 1 blocked, 40 in sync`. The first and the last are always there.
pub(super) fn room_states(plan: &FleetPlan) -> Vec<(usize, &'static str)> {
    let number = |is: fn(&RoomPlan) -> bool| plan.rooms.iter().filter(|room| is(room)).count();
    let with = |status| plan.rooms.iter().filter(|room| room.status == status).count();
    let (refused, unseen) = (number(RoomPlan::has_moved), number(RoomPlan::is_unseen));
    let mut states = vec![(with(Status::Changed), "to change")];
    let others = [
        (with(Status::Blocked), "blocked"),
        (with(Status::Failed) - refused - unseen, "failed"),
        (refused, "refused"),
        (unseen, "not checked"),
        (with(Status::Incomplete), "incomplete"),
        (with(Status::Observed), "only observed"),
    ];
    states.extend(others.into_iter().filter(|(number, _)| *number > 0));
    states.push((with(Status::InSync), "in sync"));
    states
}
