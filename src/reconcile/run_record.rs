//! Lines of the audit log about a run: the pass, its calls, and what came of them.

use crate::apply::UserResults;
use crate::audit_log::{PassLine, SentLine};
use crate::desired::{Origin, Provenance, Query};
use crate::model::{Op, RoomId, UserId};
use crate::plan::{Calls, FleetPlan, RoomPlan, Step, users_of};
use crate::status::Change;
use jiff::Timestamp;
use std::collections::HashMap;
use tokio::task::spawn_blocking;

/// A change of a plan.
type Key = (RoomId, Op, UserId);

/// What every line of a run's changes says beside their outcome.
#[derive(Debug)]
pub(crate) struct RunRecord {
    /// Id of the plan.
    plan: String,
    revision: Option<String>,
    /// The line of the files that asks for each change.
    origins: HashMap<Key, Origin>,
}

impl RunRecord {
    /// A record that names the lines of the files.
    pub(crate) async fn new(
        (id, revision): (&str, Option<&str>),
        plan: &FleetPlan,
        provenance: Provenance,
    ) -> Self {
        Self {
            plan: id.to_owned(),
            revision: revision.map(ToOwned::to_owned),
            origins: origins(plan, provenance).await,
        }
    }

    pub(crate) fn sent(&self, time: Timestamp, room: &RoomId, step: &Step) -> SentLine {
        SentLine {
            time,
            plan: self.plan.clone(),
            room: room.clone(),
            op: step.op(),
            users: step.users().iter().cloned().collect(),
        }
    }

    pub(crate) fn changes(&self, time: Timestamp, room: &RoomId, results: &UserResults<'_>) -> Vec<Change> {
        let UserResults {
            call: _,
            op,
            users,
            result,
        } = *results;
        let change = |user: &&UserId| {
            let origin = self.origins.get(&(room.clone(), op, (*user).clone()));
            Change {
                time,
                room: room.clone(),
                user: (*user).clone(),
                op,
                plan: self.plan.clone(),
                revision: self.revision.clone(),
                file: origin.map(|origin| origin.file.clone()),
                line: origin.map(|origin| origin.line),
                result: result.map_or_else(|reason| reason.code.to_string(), |()| "done".to_owned()),
            }
        };
        users.iter().map(change).collect()
    }
}

/// The line of a pass that carries out these rooms' plans.
pub(crate) fn pass_line((id, revision): (&str, Option<&str>), rooms: &[&RoomPlan]) -> PassLine {
    let steps = || rooms.iter().flat_map(|room| room.steps());
    PassLine {
        plan: id.to_owned(),
        revision: revision.map(ToOwned::to_owned),
        rooms: rooms.len(),
        changes: steps().map(|step| step.users().len()).sum(),
        calls: Calls::of_steps(steps()).total(),
    }
}

/// Finds the line of the files that asks for each change.
async fn origins(plan: &FleetPlan, provenance: Provenance) -> HashMap<Key, Origin> {
    let mut keys = Vec::new();
    for room in &plan.rooms {
        for op in Op::ALL {
            let users = users_of(op, room.steps());
            keys.extend(users.iter().map(|user| (room.id.clone(), op, user.clone())));
        }
        for op in [Op::Add, Op::Promote] {
            let reserves = room.reserves.iter();
            keys.extend(reserves.map(|user| (room.id.clone(), op, user.clone())));
        }
    }
    // The files are parsed once more: in large ones that would keep the loop from moving.
    let found = spawn_blocking(move || {
        let queries: Vec<Query<'_>> = keys.iter().map(query).collect();
        let found = provenance.find(&queries);
        drop(queries);
        keys.into_iter()
            .zip(found)
            .filter_map(|(key, origin)| Some((key, origin?)))
            .collect()
    });
    // Without it the log names no line, and that is all.
    found.await.unwrap_or_default()
}

fn query((room, op, user): &Key) -> Query<'_> {
    match op {
        Op::Add | Op::Allow => Query::member(room, user),
        Op::Promote => Query::admin(room, user),
        Op::Demote => Query::no_admin(room, user),
        Op::Remove | Op::Disallow => Query::no_member(room, user),
    }
}
