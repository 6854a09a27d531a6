//! One pass, wired together: look at the rooms, plan, log what is planned.

use crate::apply::{self, ApplyOptions, Job, Report};
use crate::chat::wire::Method;
use crate::chat::{CallError, Client, Reader};
use crate::desired::{DesiredRoom, Source};
use crate::live::{self, Observed, ReadRequest};
use crate::model::{LogList, MemberSet, PerOp, ReasonCode, RoomId, log_code};
use crate::plan::{
    self, BatchSizes, Constraints, FleetGuard, FleetPlan, Note, Rates, RoomDiff, RoomPlan, SavedPlan,
    users_of,
};
use crate::render::Meta;
use crate::settings::Settings;
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use tokio::time::Instant;

/// Room to look at.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The room.
    pub room: &'a DesiredRoom,
    /// True if its admins are to be read where they are managed; otherwise they are read only if it takes their list to decide
    /// what to do.
    pub admins_due: bool,
}

impl<'a> From<&'a DesiredRoom> for Target<'a> {
    fn from(room: &'a DesiredRoom) -> Self {
        Self {
            room,
            admins_due: true,
        }
    }
}

impl<'a> Target<'a> {
    fn request(self) -> ReadRequest<'a> {
        if self.admins_due {
            ReadRequest::from(self.room)
        } else {
            ReadRequest::of_members(self.room)
        }
    }
}

/// Result of a look at the rooms.
#[derive(Debug)]
#[must_use]
pub struct Looked {
    /// In the order of the rooms asked for.
    pub rooms: Vec<Look>,
    /// Error that ended the look before every room was seen, if one did.
    pub stopped: Option<CallError>,
}

/// Result of a look at a room.
#[derive(Debug)]
pub struct Look {
    /// The room.
    pub id: RoomId,
    /// Its diff, or why nothing can be done.
    pub diff: Result<RoomDiff, Box<RoomPlan>>,
    /// When the look at it began; `None`: it could not be looked at.
    pub read_at: Option<Instant>,
}

/// Plan that a look at the rooms led to.
#[derive(Debug)]
#[must_use]
pub struct Planned {
    /// The plan for every room.
    pub plan: FleetPlan,
    /// When the look at each room began that could be looked at.
    pub read_at: HashMap<RoomId, Instant>,
}

/// Is shown what was seen of the room at this place, and says what is not to be done there for now.
pub type Restrain<'a> = dyn Fn(usize, &Observed) -> Constraints + 'a;

/// Looks at these rooms. `seen` is called once a room.
pub async fn look<'a>(
    reader: &Reader,
    targets: &[impl Copy + Into<Target<'a>>],
    restrain: &Restrain<'_>,
    seen: &dyn Fn(),
) -> Looked {
    let targets: Vec<Target<'_>> = targets.iter().map(|target| (*target).into()).collect();
    let requests: Vec<ReadRequest<'_>> = targets.iter().map(|target| target.request()).collect();
    let rooms: Vec<&DesiredRoom> = targets.iter().map(|target| target.room).collect();
    let looks: RefCell<Vec<Option<Look>>> = RefCell::new(rooms.iter().map(|_| None).collect());
    let draft_room = |at: usize, observed: Result<Observed, CallError>| {
        seen();
        let Some(room) = rooms.get(at) else { return };
        let (diff, read_at) = match observed {
            Ok(observed) => {
                let diff = plan::diff(room, &observed, &restrain(at, &observed));
                (diff, Some(observed.room().read_at))
            }
            Err(error) => (Err(unseen(room, Note::from(&error))), None),
        };
        if let Some(place) = looks.borrow_mut().get_mut(at) {
            let id = room.id.clone();
            *place = Some(Look { id, diff, read_at });
        }
    };
    let stopped = live::read_rooms(reader, &requests, &draft_room).await.err();
    let not_seen = |room: &DesiredRoom| Look {
        id: room.id.clone(),
        diff: Err(not_looked_at(room)),
        read_at: None,
    };
    // What ended the look shows already in the first reads: they are no errors of their rooms.
    let is_of_the_run = |look: &Look| {
        let error = look.diff.as_ref().err().and_then(|room| room.error.as_ref());
        let same = |stopped: &CallError| error.is_some_and(|error| error.code == stopped.kind.code());
        look.read_at.is_none() && stopped.as_ref().is_some_and(same)
    };
    let rooms = looks
        .into_inner()
        .into_iter()
        .zip(rooms)
        .map(|(look, room)| {
            look.filter(|look| !is_of_the_run(look))
                .unwrap_or_else(|| not_seen(room))
        })
        .collect();
    Looked { rooms, stopped }
}

impl Looked {
    /// Narrows what was seen to what a saved plan says of the same rooms, in the same order. With it, how many members the
    /// rooms have that have moved: to the guard over all rooms they are members all the same.
    pub fn narrowed_to(
        mut self,
        saved: &SavedPlan,
        rooms: &[&DesiredRoom],
        approved: &[RoomId],
    ) -> (Self, u64) {
        let mut elsewhere = 0;
        let looks = std::mem::take(&mut self.rooms);
        for ((mut look, saved), room) in looks.into_iter().zip(saved.rooms()).zip(rooms) {
            let members = look.diff.as_ref().map_or(0, RoomDiff::managed_members);
            look.diff = plan::revalidate(saved, look.diff, approved.contains(&look.id), room);
            if let Err(refused) = &look.diff
                && refused.has_moved()
            {
                elsewhere += members;
                let why = refused.error.as_ref().map(|error| error.message.as_str());
                tracing::warn!(code = log_code::REFUSED, room = %refused.id, name = refused.name, why, "refused");
            }
            self.rooms.push(look);
        }
        (self, elsewhere)
    }

    /// Holds what was seen against the fleet's guard and puts the calls in order.
    pub fn plan(self, guard: Option<FleetGuard>, reader: &Reader) -> Planned {
        let Self { rooms, stopped } = self;
        let read_at = rooms
            .iter()
            .filter_map(|look| Some((look.id.clone(), look.read_at?)))
            .collect();
        let diffs = rooms.into_iter().map(|look| look.diff).collect();
        let mut plan = FleetPlan::new(diffs, guard, sizes(reader));
        plan.stopped = stopped.as_ref().map(Note::from);
        Planned { plan, read_at }
    }
}

impl Planned {
    /// Adds those of these rooms that are missing because the look ended before them.
    pub fn add_unseen<'a>(&mut self, rooms: impl Iterator<Item = &'a DesiredRoom>) {
        if self.plan.stopped.is_none() {
            return;
        }
        let seen: HashSet<RoomId> = self.plan.rooms.iter().map(|room| room.id.clone()).collect();
        let unseen = rooms.filter(|room| !seen.contains(&room.id));
        self.plan.rooms.extend(unseen.map(|room| *not_looked_at(room)));
        self.plan.rooms.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

/// Most names in a call, as far as the service has taught it by now.
#[must_use]
pub fn sizes(reader: &Reader) -> BatchSizes {
    BatchSizes {
        add_batch: reader.most_names(Method::AddMany),
        remove_batch: reader.most_names(Method::RemoveMany),
        allow_batch: reader.most_names(Method::AllowMany),
        disallow_batch: reader.most_names(Method::DisallowMany),
    }
}

/// Looks at these rooms and plans. `seen` is called once a room.
pub async fn plan(
    reader: &Reader,
    rooms: &[&DesiredRoom],
    guard: Option<FleetGuard>,
    seen: &dyn Fn(),
) -> Planned {
    let free = |_: usize, _: &Observed| Constraints::default();
    look(reader, rooms, &free, seen).await.plan(guard, reader)
}

/// Description of a plan's making.
#[must_use]
pub fn meta(settings: &Settings, source: &Source, now: Timestamp) -> Meta {
    Meta {
        created: now.round(jiff::Unit::Second).unwrap_or(now).to_string(),
        app: settings.service.app.to_string(),
        source: source.clone(),
        rates: rates(settings),
    }
}

/// Rates at which the calls of a plan may go.
#[must_use]
pub fn rates(settings: &Settings) -> Rates {
    let rate = |method| settings.limits.calls_per_second.of(method);
    Rates {
        add: rate(Method::AddMany),
        promote: rate(Method::Promote),
        demote: rate(Method::Demote),
        remove_one: rate(Method::RemoveOne),
        remove_many: rate(Method::RemoveMany),
        allow: rate(Method::AllowMany),
        disallow: rate(Method::DisallowMany),
    }
}

/// Plan of a room that the look did not come to.
fn not_looked_at(room: &DesiredRoom) -> Box<RoomPlan> {
    let why = "not checked: see the error of the run";
    unseen(room, Note::new(ReasonCode::NotLookedAt, why))
}

fn unseen(room: &DesiredRoom, why: Note) -> Box<RoomPlan> {
    Box::new(RoomPlan::failed(room.id.clone(), room.name.clone(), why))
}

impl From<&CallError> for Note {
    fn from(error: &CallError) -> Self {
        Self::new(error.kind.code(), error.without_room())
    }
}

/// Logs the plan with its id and the commit its files are of, then applies it. `rooms` are those that were planned.
pub async fn apply(
    client: &Client,
    rooms: &[&DesiredRoom],
    planned: &Planned,
    (plan_id, revision): (&str, Option<&str>),
    options: ApplyOptions<'_>,
) -> Report {
    for room in &planned.plan.rooms {
        log_room(room, "planned");
    }
    log(&planned.plan, plan_id, revision);
    // By id, not by place: a plan carried out in another room would be the worst of mistakes.
    let desired: HashMap<&RoomId, &DesiredRoom> = rooms.iter().map(|room| (&room.id, *room)).collect();
    let jobs: Vec<Job<'_>> = planned
        .plan
        .rooms
        .iter()
        .filter_map(|plan| {
            Some(Job {
                desired: desired.get(&plan.id)?,
                plan,
                read_at: planned.read_at.get(&plan.id).copied(),
            })
        })
        .collect();
    apply::run(client, &jobs, options).await
}

/// So many names of a list go into one line: what writes lines keeps room for the longest, and what reads them cuts longer ones.
const NAMES_IN_A_LINE: usize = 1_000;

/// A line for a room that changes, or would; more where it has very many changes.
pub(crate) fn log_room(room: &RoomPlan, message: &str) {
    let sent = PerOp::from_fn(|op| users_of(op, room.steps()));
    let most = sent.iter().map(|(_, users)| users.len()).max();
    let lines = most.unwrap_or_default().div_ceil(NAMES_IN_A_LINE);
    let guards: Vec<&str> = room.blocked.iter().map(|block| block.guard.as_str()).collect();
    for line in 0..lines {
        let [add, remove, promote, demote, allow, disallow] = [
            &sent.add,
            &sent.remove,
            &sent.promote,
            &sent.demote,
            &sent.allow,
            &sent.disallow,
        ]
        .map(|list| list.chunks(NAMES_IN_A_LINE).nth(line).unwrap_or_default());
        let if_any = |list| Some(list).filter(|list: &&MemberSet| !list.is_empty());
        tracing::info!(
            code = log_code::PLANNED,
            room = %room.id,
            name = room.name,
            part = (lines > 1).then(|| format!("{} of {lines}", line + 1)),
            add = ?LogList(add.as_slice()),
            remove = ?LogList(remove.as_slice()),
            promote = ?LogList(promote.as_slice()),
            demote = ?LogList(demote.as_slice()),
            allow = if_any(&allow).map(|list| tracing::field::debug(LogList(list.as_slice()))),
            disallow = if_any(&disallow).map(|list| tracing::field::debug(LogList(list.as_slice()))),
            guards = ?LogList(&guards),
            calls = room.steps().len(),
            "{message}"
        );
    }
}

/// One event for the whole plan.
pub(crate) fn log(plan: &FleetPlan, plan_id: &str, revision: Option<&str>) {
    let summary = plan.summary();
    tracing::info!(
        code = log_code::APPLYING,
        plan = plan_id,
        revision,
        rooms = summary.rooms,
        changed = summary.changed,
        blocked = summary.blocked,
        failed = summary.failed,
        adds = summary.adds,
        removes = summary.removes,
        promotes = summary.promotes,
        demotes = summary.demotes,
        allows = (summary.allows > 0).then_some(summary.allows),
        disallows = (summary.disallows > 0).then_some(summary.disallows),
        calls = summary.calls,
        "applying the plan"
    );
}
