//! Passes: over all rooms, and over those that are due on their own. They run side by side; a room is changed by one at a time.

use super::audit::Event;
use super::engine::Engine;
use super::journal::{PassJournal, origins};
use super::learned_limits::LimitScope;
use super::pass::{self, Looked, Planned};
use super::progress::Progress;
use super::quota::UsedUp;
use super::room::Turn;
use super::written::Written;
use super::{Shared, lock};
use crate::apply::{self, Claims, Conduct, Job, Reason, RoomReport, Stop};
use crate::chat::{Client, Reader};
use crate::desired::DesiredRoom;
use crate::model::{Op, ReasonCode, RoomId, UserId};
use crate::plan::{Calls, RoomPlan, users_of};
use crate::render::Document;
use crate::web::PassKind;
use futures_util::future::{LocalBoxFuture, ready};
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// The way to the service. A dry run has no client to write over.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) reader: Reader,
    pub(super) writes: Option<Client>,
    /// How many rooms are worked on at a time.
    pub(super) at_once: usize,
    /// What the batch sizes on it depend on.
    pub(super) limit_scope: LimitScope,
}

/// What became of a pass.
#[derive(Debug)]
#[must_use]
pub(super) struct Passed {
    pub(super) planned: Planned,
    pub(super) written: Written,
}

/// A pass over all rooms, or what it would do.
pub(super) enum Full {
    Made(Passed),
    /// Somebody would be put out or lose a role, and the room files have not been unchanged for long enough; nothing was written.
    Unsettled(Planned),
}

/// Looks at all rooms that it is the turn of, and reconciles them. `may_take_away` says whether the room files have been unchanged
/// for long enough to put anybody out. `None`: the daemon ends.
pub(super) async fn full(
    shared: &Shared,
    way: &Way,
    turns: Vec<Turn>,
    may_take_away: &dyn Fn() -> bool,
) -> Option<Full> {
    let begun = Instant::now();
    let progress = shared.under_way(turns.len());
    let looked = look(shared, way, &turns, &progress).await?;
    let trouble = looked.stopped.clone();
    let planned = {
        let mut engine = lock(&shared.engine);
        let looked = engine.still_due(looked, &turns, begun);
        let guard = engine.guard_of_all(&looked);
        let planned = looked.plan(Some(guard), &way.reader);
        match &trouble {
            None => engine.begin_budget(planned.plan.members + guard.elsewhere),
            Some(error) => engine.stopped_by(error),
        }
        planned
    };
    if trouble.is_none() && planned.plan.takes_away() && !may_take_away() {
        // The pass begins again later, and ends then.
        return Some(Full::Unsettled(planned));
    }
    let written = match trouble {
        Some(_) => Written::Unseen,
        None => carry_out(shared, way, &planned, &turns, &progress).await,
    };
    let outcome = lock(&shared.engine).end_full(&planned, written.report());
    shared
        .metrics
        .pass_ended(PassKind::Full, outcome, begun.elapsed());
    Some(Full::Made(Passed { planned, written }))
}

/// Reconciles rooms that are due on their own.
pub(super) async fn some(shared: &Shared, way: &Way, turns: Vec<Turn>) {
    let begun = Instant::now();
    let progress = shared.under_way(turns.len());
    let Some(mut looked) = look(shared, way, &turns, &progress).await else {
        return;
    };
    // That a few rooms give no clear answer says nothing of the service.
    looked.stopped.take_if(|error| !error.kind.stops_the_run());
    let trouble = looked.stopped.clone();
    let planned = {
        let mut engine = lock(&shared.engine);
        for turn in &turns {
            if let Some(room) = engine.current(turn) {
                room.looking = false;
            }
        }
        let looked = engine.still_due(looked, &turns, begun);
        let guard = engine.guard_of_some(&looked);
        if let Some(error) = &trouble {
            engine.stopped_by(error);
        }
        looked.plan(Some(guard), &way.reader)
    };
    let written = match trouble {
        Some(_) => Written::Unseen,
        None => carry_out(shared, way, &planned, &turns, &progress).await,
    };
    let outcome = lock(&shared.engine).outcome(&planned, written.report());
    shared
        .metrics
        .pass_ended(PassKind::Rooms, outcome, begun.elapsed());
}

/// `None`: the daemon ends.
async fn look(shared: &Shared, way: &Way, turns: &[Turn], progress: &Progress) -> Option<Looked> {
    let rooms: Vec<&DesiredRoom> = turns.iter().map(|turn| &*turn.desired).collect();
    let restrain = |at: usize, observed: &_| {
        let turn = turns.get(at);
        turn.map(|turn| lock(&shared.engine).restraints(turn, observed))
            .unwrap_or_default()
    };
    let seen = || progress.looked();
    tokio::select! {
        biased;
        () = shared.ending() => None,
        looked = pass::look(&way.reader, &rooms, &restrain, &seen) => Some(looked),
    }
}

/// Logs the plan and applies it, room by room.
async fn carry_out(
    shared: &Shared,
    way: &Way,
    planned: &Planned,
    turns: &[Turn],
    progress: &Progress,
) -> Written {
    let turns: HashMap<&RoomId, &Turn> = turns.iter().map(|turn| (&turn.desired.id, turn)).collect();
    let (set, document, probe) = {
        let mut engine = lock(&shared.engine);
        for plan in &planned.plan.rooms {
            if let Some(turn) = turns.get(&plan.id) {
                engine.planned(turn, plan);
            }
        }
        let has_steps = planned.plan.rooms.iter().any(|room| !room.steps.is_empty());
        if !has_steps && way.writes.is_some() {
            return Written::Nothing;
        }
        engine.check();
        let probe = engine.begin_probe(&planned.plan);
        if let (None, Some(why)) = (&probe, engine.withheld()) {
            for plan in &planned.plan.rooms {
                engine.log_withheld(plan);
            }
            return match way.writes {
                Some(_) => Written::Withheld(why.message),
                None => Written::DryRun,
            };
        }
        let Some(set) = engine.set.clone() else {
            return Written::Withheld("no room files have been read yet".to_owned());
        };
        let meta = pass::meta(&engine.settings, &set.source, engine.clock.now());
        let id = match Document::new(&planned.plan, &meta) {
            Ok(document) => document.id,
            Err(error) => return Written::Withheld(format!("the plan has no id: {error}")),
        };
        let chosen = |room: &&RoomPlan| probe.as_ref().is_none_or(|probe| *probe == room.id);
        let rooms: Vec<&RoomPlan> = planned.plan.rooms.iter().filter(chosen).collect();
        let calls = Calls::of_steps(rooms.iter().flat_map(|room| &room.steps));
        let changed = rooms.iter().filter(|room| !room.steps.is_empty());
        let pass = Event::Pass {
            plan: &id,
            revision: set.source.revision.as_deref(),
            rooms: changed.clone().count(),
            changes: changed
                .flat_map(|room| &room.steps)
                .map(|step| step.users().len())
                .sum(),
            calls: calls.total(),
        };
        if !engine.prove_audit(pass) {
            if let Some(room) = &probe {
                engine.end_probe(room);
            }
            for plan in &planned.plan.rooms {
                engine.log_withheld(plan);
            }
            return Written::Withheld("the audit log cannot be written".to_owned());
        }
        engine.spend(removals(&rooms));
        progress.apply(calls);
        match &probe {
            Some(room) => tracing::info!(%room, "one call finds out whether the quota is renewed"),
            None if rooms.iter().filter(|plan| engine.log_plan(plan)).count() > 0 => {
                pass::log(&planned.plan, &id, set.source.revision.as_deref());
            }
            None => {}
        }
        (set, id, probe)
    };
    let Some(client) = &way.writes else {
        return Written::DryRun;
    };
    let journal = PassJournal {
        shared,
        plan: &document,
        revision: set.source.revision.clone(),
        origins: origins(&planned.plan, set).await,
        unwritten: Mutex::default(),
    };
    let chosen =
        |room: &&RoomPlan| !room.steps.is_empty() && probe.as_ref().is_none_or(|probe| *probe == room.id);
    let stop = Stop::default();
    let claims = PassClaims {
        shared,
        turns: &turns,
        stop: &stop,
        told: AtomicBool::new(false),
    };
    let jobs: Vec<Job<'_>> = planned
        .plan
        .rooms
        .iter()
        .filter(chosen)
        .filter_map(|plan| {
            Some(Job {
                desired: &turns.get(&plan.id)?.desired,
                plan,
                read_at: planned.read_at.get(&plan.id).copied(),
            })
        })
        .collect();
    let conduct = Conduct {
        at_once: way.at_once,
        stop: &stop,
        progress: &|op| progress.called(op),
        journal: Some(&journal),
        claims: Some(&claims),
    };
    let mut report = apply::run(client, &jobs, conduct).await;
    let mut engine = lock(&shared.engine);
    claims.tell(&mut engine);
    engine.learn(way);
    if let Some(room) = &probe {
        engine.end_probe(room);
    }
    report.stopped = report
        .stopped
        .or_else(|| engine.used_up.as_ref().map(UsedUp::reason));
    engine.log_report(&report, &document);
    drop(engine);
    if *shared.ends.borrow() {
        let mut left = report.clone();
        left.count_not_begun(&planned.plan.rooms, &Reason::interrupted());
        if let Some(rooms) = left.not_begun() {
            tracing::warn!("ending: {rooms}");
        }
    }
    Written::Applied(report)
}

/// The rooms of a pass, each of which is changed by one pass at a time.
struct PassClaims<'a> {
    shared: &'a Shared,
    turns: &'a HashMap<&'a RoomId, &'a Turn>,
    /// What has ended the pass early, if something has.
    stop: &'a Stop,
    /// Whether the engine knows of that.
    told: AtomicBool,
}

impl PassClaims<'_> {
    /// Tells the engine once that the service keeps every call from succeeding, if it does.
    fn tell(&self, engine: &mut Engine) {
        if let Some(why) = self.stop.reason()
            && ![ReasonCode::AuditLog, ReasonCode::Quota].contains(&why.code)
            && !self.told.swap(true, Ordering::Relaxed)
        {
            engine.service_down(why.code, &why.message);
        }
    }

    fn claim(&self, plan: &RoomPlan) -> Option<Stop> {
        let turn = self.turns.get(&plan.id)?;
        let mut engine = lock(&self.shared.engine);
        if self.stop.reason().is_some() {
            self.tell(&mut engine);
            engine.put_off(turn);
            return None;
        }
        // A client that was replaced is closed, but not the next claim.
        if *self.shared.ends.borrow() {
            return None;
        }
        engine.claim(turn)
    }
}

impl Claims for PassClaims<'_> {
    fn begin<'a>(&'a self, plan: &'a RoomPlan) -> LocalBoxFuture<'a, Option<Stop>> {
        Box::pin(ready(self.claim(plan)))
    }

    fn answered(&self, plan: &RoomPlan, failed: Option<&Reason>) {
        lock(&self.shared.engine).quota_answered(&plan.id, failed);
    }

    fn end(&self, plan: &RoomPlan, report: &RoomReport, stopped: Option<&Reason>) {
        if let Some(turn) = self.turns.get(&plan.id) {
            lock(&self.shared.engine).applied(turn, plan, report, stopped);
        }
    }
}

/// Who is removed, and where.
fn removals(rooms: &[&RoomPlan]) -> BTreeSet<(RoomId, UserId)> {
    let of_room = |room: &&RoomPlan| {
        let users = users_of(Op::Remove, &room.steps);
        let pairs: Vec<_> = users.iter().map(|user| (room.id.clone(), user.clone())).collect();
        pairs
    };
    rooms.iter().flat_map(of_room).collect()
}
