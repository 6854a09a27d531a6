//! Passes: over all rooms, and over those that are due on their own. They run side by side; a room is changed by one at a time.

use super::controller::Controller;
use super::files_in_force::FileSet;
use super::handle::{DaemonHandle, lock};
use super::learned_limits::ServiceLink;
use super::pass_hooks::{PassHooks, PassJournal};
use super::pass_log;
use super::room_news::RoomNews;
use super::room_status;
use super::workqueue::Ticket;
use crate::apply::{self, ApplyOptions, Cancel, Job, Reason};
use crate::model::{Op, ReasonCode, RoomId, UserId, log_code};
use crate::plan::{Calls, RoomPlan, users_of};
use crate::reconcile::progress::Progress;
use crate::reconcile::{self, Look, Looked, Planned, RunRecord, ServiceRecheck, Target, Written, pass_line};
use crate::render::Document;
use crate::status::PassKind;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::time::Instant;

/// Most rooms that are asked for the time, if the answers bear none, because there are no such rooms for instance.
const ASKED: usize = 3;

/// A pass over all rooms, or what it would do.
pub(super) enum Resync {
    Made {
        planned: Planned,
        written: Written,
    },
    /// Somebody would be put out or lose a role, and the room files have not been unchanged for long enough; nothing was written.
    Unsettled(Planned),
}

/// Looks at all rooms of these tickets, and reconciles them. `may_take_away`: the room files have been unchanged for long enough to
/// put anybody out. `None`: the daemon ends.
pub(super) async fn resync(
    daemon: &DaemonHandle,
    link: &ServiceLink,
    tickets: Vec<Ticket>,
    may_take_away: &dyn Fn() -> bool,
) -> Option<Resync> {
    let tickets = with_the_time(daemon, link, tickets).await?;
    let begun = Instant::now();
    let progress = daemon.under_way(tickets.len());
    let looked = look(daemon, link, &tickets, &progress).await?;
    let trouble = looked.stopped.clone();
    let planned = {
        let mut controller = lock(&daemon.controller);
        let looked = still_due(&mut controller, looked, &tickets, begun);
        let guard = controller.guard_of_all(&looked);
        let mut planned = looked.plan(Some(guard), &link.reader);
        controller.note_ends(&mut planned.plan, true);
        match &trouble {
            None => controller.begin_budget(planned.plan.members + guard.elsewhere),
            Some(error) => controller.look_stopped(error),
        }
        planned
    };
    if trouble.is_none() && planned.plan.takes_away() && !may_take_away() {
        // The pass begins again later, and ends then.
        return Some(Resync::Unsettled(planned));
    }
    let written = match trouble {
        Some(_) => Written::Unseen,
        None => carry_out(daemon, link, &planned, &tickets, &progress).await,
    };
    let outcome = lock(&daemon.controller).end_resync(&planned, written.report());
    daemon
        .metrics
        .pass_ended(PassKind::Full, outcome, begun.elapsed());
    Some(Resync::Made { planned, written })
}

/// Reconciles rooms that are due on their own.
pub(super) async fn due(daemon: &DaemonHandle, link: &ServiceLink, tickets: Vec<Ticket>) {
    let begun = Instant::now();
    let progress = daemon.under_way(tickets.len());
    let Some(mut looked) = look(daemon, link, &tickets, &progress).await else {
        return;
    };
    // A few rooms that give no clear answer say nothing of the service.
    looked.stopped.take_if(|error| !error.kind.stops_the_run());
    let trouble = looked.stopped.clone();
    let planned = {
        let mut controller = lock(&daemon.controller);
        controller.rooms.end_looks(&tickets);
        let looked = still_due(&mut controller, looked, &tickets, begun);
        let guard = controller.guard_of_some(&looked);
        if let Some(error) = &trouble {
            controller.look_stopped(error);
        }
        let mut planned = looked.plan(Some(guard), &link.reader);
        controller.note_ends(&mut planned.plan, false);
        planned
    };
    let written = match trouble {
        Some(_) => Written::Unseen,
        None => carry_out(daemon, link, &planned, &tickets, &progress).await,
    };
    let outcome = lock(&daemon.controller).outcome(&planned, written.report());
    daemon
        .metrics
        .pass_ended(PassKind::Rooms, outcome, begun.elapsed());
}

/// Asks the service for a room before the first look if places end: its answer bears the time, and nobody whose place has ended is
/// added in the meantime. `None`: the daemon ends.
pub(super) async fn with_the_time(
    daemon: &DaemonHandle,
    link: &ServiceLink,
    tickets: Vec<Ticket>,
) -> Option<Vec<Ticket>> {
    let lacks_time = || lock(&daemon.controller).safeguards.lacks_time();
    if !lacks_time() {
        return Some(tickets);
    }
    for ticket in tickets.iter().take(ASKED) {
        let rooms = [&ticket.desired.id];
        tokio::select! {
            biased;
            () = daemon.ending() => return None,
            // What is wrong with the service, the look says.
            _ = link.reader.room_detail(&rooms) => {}
        }
        if !lacks_time() {
            break;
        }
    }
    let mut controller = lock(&daemon.controller);
    controller.check_clock();
    Some(controller.renewed(tickets))
}

/// `None`: the daemon ends.
async fn look(
    daemon: &DaemonHandle,
    link: &ServiceLink,
    tickets: &[Ticket],
    progress: &Progress,
) -> Option<Looked> {
    let rooms: Vec<Target<'_>> = tickets.iter().map(Target::from).collect();
    let constrain = |at: usize, observed: &_| {
        let ticket = tickets.get(at);
        ticket
            .map(|ticket| lock(&daemon.controller).constraints(ticket, observed))
            .unwrap_or_default()
    };
    let seen = || progress.looked();
    tokio::select! {
        biased;
        () = daemon.ending() => None,
        looked = reconcile::look(&link.reader, &rooms, &constrain, &seen) => Some(looked),
    }
}

/// Drops the looks at rooms that have another entry by now, that were looked at later, or that a pass changes.
fn still_due(controller: &mut Controller, looked: Looked, tickets: &[Ticket], begun: Instant) -> Looked {
    controller.check_clock();
    let now = controller.now();
    let Looked { rooms, stopped } = looked;
    let mut keep = |look: &Look, ticket: &Ticket| {
        if stopped.is_some() && look.read_at.is_none() {
            return false;
        }
        let Some(room) = controller.rooms.current(ticket) else {
            return false;
        };
        let is_seen = room.see(begun, now);
        if !is_seen && room.is_taken() {
            // The look may have had a reason that the pass under way does not know of.
            controller.rooms.schedule(&ticket.desired.id, Instant::now());
        }
        is_seen
    };
    let rooms = rooms
        .into_iter()
        .zip(tickets)
        .filter_map(|(look, ticket)| keep(&look, ticket).then_some(look))
        .collect();
    Looked { rooms, stopped }
}

/// Part of a plan that is written to the service.
pub(super) struct Chosen {
    /// Id of the plan.
    pub(super) plan_id: String,
    pub(super) set: Arc<FileSet>,
    /// The only room that is written, by a call that finds out whether the quota is renewed.
    pub(super) probe: Option<RoomId>,
}

impl Chosen {
    /// Id of the plan, and the commit that its files are of.
    fn identity(&self) -> (&str, Option<&str>) {
        (&self.plan_id, self.set.source.revision.as_deref())
    }

    pub(super) fn has(&self, room: &RoomPlan) -> bool {
        !room.steps().is_empty() && self.probe.as_ref().is_none_or(|probe| *probe == room.id)
    }
}

/// Logs the plan and applies it, room by room.
async fn carry_out(
    daemon: &DaemonHandle,
    link: &ServiceLink,
    planned: &Planned,
    tickets: &[Ticket],
    progress: &Progress,
) -> Written {
    let tickets: HashMap<&RoomId, &Ticket> = tickets
        .iter()
        .map(|ticket| (&ticket.desired.id, ticket))
        .collect();
    let mut news = RoomNews::default();
    for plan in &planned.plan.rooms {
        if let Some(ticket) = tickets.get(&plan.id) {
            let controller = &mut *lock(&daemon.controller);
            let now = controller.now();
            room_status::planned(&mut controller.rooms, ticket, plan, now, &mut controller.random);
            controller.settled_meanwhile(ticket);
            daemon.metrics.in_order(controller.rooms.end_lag(ticket, false));
            controller.report_room(ticket, &mut news);
        }
    }
    news.end();
    let has_steps = planned.plan.rooms.iter().any(|room| !room.steps().is_empty());
    if !has_steps && link.writes.is_some() {
        return Written::Nothing;
    }
    daemon.see_disk();
    let chosen = choose(&mut lock(&daemon.controller), planned);
    let Some(client) = &link.writes else {
        return Written::DryRun;
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(why) => return Written::Withheld(why),
    };
    // Before anything is awaited: a pass that plans meanwhile must leave these rooms alone, and count these removals.
    let (chosen_plans, reserved) = reserve(&mut lock(&daemon.controller), planned, &chosen, &tickets);
    if let Err(why) = record(daemon, &chosen, &chosen_plans).await {
        let mut controller = lock(&daemon.controller);
        controller.rooms.give_back(reserved);
        if let Some(room) = &chosen.probe {
            controller.gate.quota_mut().end_probe(room);
        }
        pass_log::suspended(&mut controller.log, planned);
        return Written::Withheld(why);
    }
    progress.apply(Calls::of_steps(chosen_plans.iter().flat_map(|room| room.steps())));
    pass_log::planned(&mut lock(&daemon.controller).log, planned, &chosen);
    let provenance = chosen.set.provenance.clone();
    let journal = PassJournal {
        daemon,
        record: RunRecord::new(chosen.identity(), &planned.plan, provenance).await,
    };
    let cancel = Cancel::default();
    let hooks = PassHooks::new(daemon, &tickets, &cancel);
    let jobs: Vec<Job<'_>> = chosen_plans
        .iter()
        .filter_map(|plan| {
            Some(Job {
                desired: &tickets.get(&plan.id)?.desired,
                plan,
                read_at: planned.read_at.get(&plan.id).copied(),
            })
        })
        .collect();
    let options = ApplyOptions {
        at_once: link.at_once,
        cancel: &cancel,
        progress: &|op| progress.called(op),
        journal: Some(&journal),
        hooks: Some(&hooks),
        evidence: &link.evidence,
        recheck: &ServiceRecheck::new(client.reader()),
    };
    let mut report = apply::run(client, &jobs, options).await;
    let mut controller = lock(&daemon.controller);
    hooks.end(&mut controller);
    controller.rooms.give_back(reserved);
    controller.learn(link);
    if let Some(room) = &chosen.probe {
        controller.gate.quota_mut().end_probe(room);
    }
    report.stopped = report.stopped.or_else(|| controller.gate.quota().reason());
    pass_log::report(&mut controller.log, &report, &chosen.plan_id);
    drop(controller);
    if *daemon.ends.borrow() {
        let mut left = report.clone();
        left.count_not_begun(&planned.plan.rooms, &Reason::interrupted());
        if let Some(rooms) = left.not_begun() {
            tracing::warn!(code = log_code::ROOMS_LEFT, "ending: {rooms}");
        }
    }
    Written::Applied(report)
}

/// Chooses what of a plan is written. The error: nothing may be, for this reason.
fn choose(controller: &mut Controller, planned: &Planned) -> Result<Chosen, String> {
    let quota_only = controller.gate.waits_for_quota();
    let quota = controller.gate.quota_mut();
    let probe = quota_only
        .then(|| quota.begin_probe(&planned.plan, &mut controller.random))
        .flatten();
    if let (None, Some(why)) = (&probe, controller.gate.suspended()) {
        pass_log::suspended(&mut controller.log, planned);
        return Err(why.message);
    }
    let set = controller.files.set().cloned();
    let set = set.ok_or("no room files have been read yet")?;
    let meta = reconcile::meta(&controller.settings, &set.source, controller.now());
    let document = Document::new(&planned.plan, &meta);
    let plan_id = document
        .map_err(|error| format!("the plan has no id: {error}"))?
        .id;
    Ok(Chosen { plan_id, set, probe })
}

/// Reserves the chosen rooms that no other pass has, and counts their removals. Gives their plans and tickets.
fn reserve<'a>(
    controller: &mut Controller,
    planned: &'a Planned,
    chosen: &Chosen,
    tickets: &HashMap<&RoomId, &'a Ticket>,
) -> (Vec<&'a RoomPlan>, Vec<&'a Ticket>) {
    let rooms = planned.plan.rooms.iter().filter(|room| chosen.has(room));
    let reserved = rooms.filter_map(|plan| {
        let ticket = *tickets.get(&plan.id)?;
        controller.rooms.reserve(ticket).then_some((plan, ticket))
    });
    let (plans, tickets): (Vec<_>, Vec<_>) = reserved.unzip();
    controller.spend(removals(&plans));
    (plans, tickets)
}

/// Records the pass in the audit log. Once this has succeeded, all that must outlive a crash is on the disk. The error: nothing may be
/// written, for this reason.
async fn record(daemon: &DaemonHandle, chosen: &Chosen, plans: &[&RoomPlan]) -> Result<(), String> {
    let now = lock(&daemon.controller).now();
    daemon.audit.check(now);
    daemon.flush().await;
    let suspended = lock(&daemon.controller).gate.suspended();
    if let Some(why) = suspended.filter(|why| chosen.probe.is_none() || why.code != ReasonCode::Quota) {
        return Err(why.message);
    }
    let pass = pass_line(chosen.identity(), plans);
    let proved = daemon.audit.prove(now, pass).await;
    daemon.see_disk();
    proved
}

/// People who are removed, with their rooms; not those whom somebody has approved.
fn removals(plans: &[&RoomPlan]) -> BTreeSet<(RoomId, UserId)> {
    let of_room = |plan: &&RoomPlan| {
        let users = users_of(Op::Remove, plan.steps()).minus(&plan.approved.remove);
        let pairs: Vec<_> = users.iter().map(|user| (plan.id.clone(), user.clone())).collect();
        pairs
    };
    plans.iter().flat_map(of_room).collect()
}
