//! Records the results of a pass's calls for the audit log, the metrics and the page.

use super::engine::Set;
use super::{Shared, lock};
use crate::apply::{Answer, Journal, Reason};
use crate::desired::{Origin, Query};
use crate::model::{Op, RoomId, UserId};
use crate::plan::{FleetPlan, users_of};
use crate::web::{Change, ChangeResult};
use futures_util::future::{LocalBoxFuture, ready};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::task::spawn_blocking;

/// Finds the line of the file that asks for each change.
pub(super) async fn origins(plan: &FleetPlan, set: Arc<Set>) -> HashMap<(RoomId, Op, UserId), Origin> {
    let mut keys = Vec::new();
    for room in &plan.rooms {
        for op in [Op::Add, Op::Promote, Op::Demote, Op::Remove] {
            let users = users_of(op, &room.steps);
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
        let found = set.provenance.find(&queries);
        drop(queries);
        keys.into_iter()
            .zip(found)
            .filter_map(|(key, origin)| Some((key, origin?)))
            .collect()
    });
    // Without it the log names no line, and that is all.
    found.await.unwrap_or_default()
}

fn query((room, op, user): &(RoomId, Op, UserId)) -> Query<'_> {
    match op {
        Op::Add => Query::member(room, user),
        Op::Promote => Query::admin(room, user),
        Op::Demote => Query::no_admin(room),
        Op::Remove => Query::no_member(room),
    }
}

/// Records the results of one pass's calls.
pub(super) struct PassJournal<'a> {
    pub(super) shared: &'a Shared,
    pub(super) plan: &'a str,
    pub(super) revision: Option<String>,
    pub(super) origins: HashMap<(RoomId, Op, UserId), Origin>,
    /// Reason why a line could not be written, if so.
    pub(super) unwritten: Mutex<Option<Reason>>,
}

impl Journal for PassJournal<'_> {
    fn record(&self, room: &RoomId, answers: &[Answer<'_>]) {
        let mut engine = lock(&self.shared.engine);
        let time = engine.clock.now();
        for Answer { user, op, result } in answers {
            let origin = self.origins.get(&(room.clone(), *op, (*user).clone()));
            let change = Change {
                time,
                room: room.clone(),
                user: (*user).clone(),
                op: *op,
                plan: self.plan.to_owned(),
                revision: self.revision.clone(),
                file: origin.map(|origin| origin.file.clone()),
                line: origin.map(|origin| origin.line),
                result: result.map_or_else(|reason| reason.code.to_string(), |()| "done".to_owned()),
            };
            let message = result.err().map(|reason| reason.message.as_str());
            let (of_metric, is_done) = match result {
                Ok(()) => (ChangeResult::Done, true),
                Err(_) => (ChangeResult::Failed, false),
            };
            self.shared.metrics.changed(*op, of_metric);
            if is_done && *op == Op::Add {
                engine.came_in(room, user);
            }
            if let Err(reason) = engine.changed(change, message) {
                *lock(&self.unwritten) = Some(reason);
            }
        }
    }

    fn written(&self) -> LocalBoxFuture<'_, Result<(), Reason>> {
        let unwritten = lock(&self.unwritten).clone();
        Box::pin(ready(unwritten.map_or(Ok(()), Err)))
    }
}
