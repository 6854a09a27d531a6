//! One pass, wired together: look at the rooms, plan, apply.

use crate::apply::{self, Conduct, Job, Report};
use crate::chat::{CallError, Connection};
use crate::desired::DesiredRoom;
use crate::live::{self, Observed, Question};
use crate::model::{Limit, RoomId};
use crate::plan::{self, Draft, FleetPlan, Note, Op, RoomPlan, Sizes, users_of};
use std::cell::RefCell;
use std::collections::HashMap;
use tokio::time::Instant;

/// What a look at the rooms led to.
#[derive(Debug)]
#[must_use]
pub struct Planned {
    /// The plan for every room.
    pub plan: FleetPlan,
    /// When the look at each room began, in the order of the rooms given; `None` for one that could not be looked at.
    pub read_at: Vec<Option<Instant>>,
    /// What ended the look before every room was seen, if something did.
    pub stopped: Option<CallError>,
}

/// A room's draft, and when the look at the room began.
type Look = (Result<Draft, Box<RoomPlan>>, Option<Instant>);

/// Looks at these rooms and plans. `rooms` are by id; `seen` is called once a room.
pub async fn plan(
    connection: &Connection,
    rooms: &[&DesiredRoom],
    max_removals_total: Option<Limit>,
    seen: &dyn Fn(),
) -> Planned {
    let reader = connection.reader();
    let questions: Vec<Question<'_>> = rooms.iter().map(|room| Question::from(*room)).collect();
    let looks: RefCell<Vec<Option<Look>>> = RefCell::new(rooms.iter().map(|_| None).collect());
    let plan_room = |at: usize, look: Result<Observed, CallError>| {
        seen();
        let Some(room) = rooms.get(at) else { return };
        let planned = match look {
            Ok(observed) => (plan::draft(room, &observed), Some(observed.room().read_at)),
            Err(error) => (Err(Box::new(unseen(room, &error))), None),
        };
        if let Some(place) = looks.borrow_mut().get_mut(at) {
            *place = Some(planned);
        }
    };
    let stopped = live::fleet(&reader, &questions, &plan_room).await.err();
    let (drafts, read_at): (Vec<_>, _) = rooms
        .iter()
        .zip(looks.into_inner())
        .map(|(room, look)| {
            look.unwrap_or_else(|| {
                let why = stopped.as_ref().map_or_else(
                    || Note::new("not_looked_at", "the look ended before this room"),
                    |error| Note::new(error.fault.code(), error.to_string()),
                );
                (
                    Err(Box::new(RoomPlan::failed(
                        room.id.clone(),
                        room.name.clone(),
                        why,
                    ))),
                    None,
                )
            })
        })
        .unzip();
    let sizes = connection.batch_sizes();
    let sizes = Sizes {
        add_batch: sizes.add,
        remove_batch: sizes.remove,
    };
    Planned {
        plan: FleetPlan::new(drafts, max_removals_total, sizes),
        read_at,
        stopped,
    }
}

fn unseen(room: &DesiredRoom, error: &CallError) -> RoomPlan {
    RoomPlan::failed(
        room.id.clone(),
        room.name.clone(),
        Note::new(error.fault.code(), error.to_string()),
    )
}

/// Logs the plan, then applies it. `rooms` are those that were planned;
pub async fn apply(
    connection: &Connection,
    rooms: &[&DesiredRoom],
    planned: &Planned,
    plan_id: &str,
    conduct: Conduct<'_>,
) -> Report {
    log(&planned.plan, plan_id);
    // By id, not by place: a plan carried out in another room would be the worst of mistakes.
    let looks: HashMap<&RoomId, (&DesiredRoom, Option<Instant>)> = rooms
        .iter()
        .zip(&planned.read_at)
        .map(|(room, read_at)| (&room.id, (*room, *read_at)))
        .collect();
    let jobs: Vec<Job<'_>> = planned
        .plan
        .rooms
        .iter()
        .filter_map(|plan| {
            let (desired, read_at) = *looks.get(&plan.id)?;
            Some(Job {
                desired,
                plan,
                read_at,
            })
        })
        .collect();
    apply::run(connection, &jobs, conduct).await
}

/// One line a room that changes, and one for the whole.
fn log(plan: &FleetPlan, plan_id: &str) {
    for room in plan.rooms.iter().filter(|room| !room.steps.is_empty()) {
        let names = |op| users_of(op, &room.steps).to_string();
        let guards: Vec<&str> = room.blocked.iter().map(|block| block.guard).collect();
        tracing::info!(
            room = %room.id,
            name = room.name,
            add = names(Op::Add),
            remove = names(Op::Remove),
            promote = names(Op::Promote),
            demote = names(Op::Demote),
            blocked = guards.join(", "),
            calls = room.steps.len(),
            "planned"
        );
    }
    let summary = plan.summary();
    tracing::info!(
        plan = plan_id,
        rooms = summary.rooms,
        changed = summary.changed,
        blocked = summary.blocked,
        failed = summary.failed,
        adds = summary.adds,
        removes = summary.removes,
        promotes = summary.promotes,
        demotes = summary.demotes,
        calls = summary.calls,
        "applying the plan"
    );
}
