//! `roomsync explain`.

use super::exit::{Exit, Usage};
use super::{Globals, output};
use crate::chat::{CallErrorKind, Reader};
use crate::clock::Clock;
use crate::desired::{self, DesiredRoom, Loaded, Retain};
use crate::diagnostics::{closest, near_misses};
use crate::explain::{self, Subject};
use crate::live::{self, AdminRead, Observed, ReadRequest};
use crate::model::{RoomId, UserId};
use crate::plan::{self, Constraints, FleetGuard, FleetPlan, RoomPlan};
use crate::reconcile::{self, CheckedClock, connect};
use crate::settings;

/// Tells why somebody is or is not to be in a room; never writes
///
/// What the files say, each with its file and line and the groups on the way; who they are live; and what a pass would do.
/// Exit codes: 0 told, 1 the service cannot be asked, 4 the room is not there or could not be read completely, 5 invalid
/// files or settings, 64 no such room in the files.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Who, in any case
    #[arg(value_name = "USER", value_parser = UserId::parse)]
    user: UserId,
    /// A room of the files: its id, or its name there
    #[arg(value_name = "ROOM")]
    room: String,
}

/// Runs `roomsync explain`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let settings = settings::load(&globals.config, &globals.env)?;
    let (rooms, defaults) = (&settings.rooms, &settings.room_defaults);
    let mut loaded = desired::load(rooms, Some(&globals.config), defaults, Retain::Provenance)?;
    globals.diagnose(&loaded.warnings)?;
    find(&loaded.desired.rooms, &args.room)?;
    let clock = CheckedClock::new(Clock::of_the_machine());
    let reader = connect(&settings, Some(clock.observer()))?.reader();
    clock.compare(&reader, &loaded.desired.rooms).await;
    clock.end_places(&mut loaded.desired.rooms);
    let Loaded {
        desired, provenance, ..
    } = &loaded;
    let user = &args.user;
    let room = find(&desired.rooms, &args.room)?;
    let subject = Subject { user, room };
    let mentions = provenance.mentions(&room.id, user);
    let settings_file = globals.config.display().to_string();
    let protect = (
        settings_file.as_str(),
        settings.room_defaults.guards.protect.as_slice(),
    );
    output(&explain::files(subject, &mentions, &desired.rooms, protect))?;
    let is_known =
        !mentions.lists.is_empty() || !mentions.excluded.is_empty() || !mentions.other_groups.is_empty();
    let observed = match live::read_room(&reader, everything(room)).await {
        Ok(observed) => observed,
        Err(error) if matches!(error.kind, CallErrorKind::NoSuchRoom(_)) => {
            output(&explain::no_room(&error.kind.to_string()))?;
            return Ok(Exit::Partly);
        }
        Err(error) => return Err(error.into()),
    };
    let guard = FleetGuard::of_some_rooms(settings.max_removals_total, &desired.rooms, [&room.id]);
    let constraints = Constraints {
        not_tried: clock.in_doubt(room),
        ..Constraints::default()
    };
    let plan = plan_of(&reader, room, &observed, &constraints, guard);
    let fleet = plan.fleet.as_ref();
    for plan in &plan.rooms {
        output(&explain::look(subject, &observed, plan, fleet))?;
    }
    let names = || names(&desired.rooms, &observed);
    if !is_known && names().all(|name| name != user.as_str()) {
        output(&explain::unknown(user, &near_misses(user.as_str(), names())))?;
    }
    Ok(match observed {
        Observed::Complete(_) => Exit::Done,
        Observed::Partial(..) => Exit::Partly,
    })
}

/// Names of people in the files, and of those who are in a room.
fn names<'a>(rooms: &'a [DesiredRoom], observed: &'a Observed) -> impl Iterator<Item = &'a str> {
    let listed = rooms.iter().flat_map(|room| {
        let lists = [&room.admins, &room.members].into_iter().flatten().flatten();
        room.owner.iter().chain(lists)
    });
    let live = observed.room();
    let there = live.members.iter().chain(live.admins.iter().flatten());
    let names = listed.chain(there).map(UserId::as_str);
    names.chain(live.owner.as_deref())
}

/// The room that is meant: by its id, or by the name that the files give it.
fn find<'r>(rooms: &'r [DesiredRoom], text: &str) -> Result<&'r DesiredRoom, Usage> {
    if let Ok(id) = RoomId::parse(text)
        && let Some(room) = rooms.iter().find(|room| room.id == id)
    {
        return Ok(room);
    }
    let named = rooms.iter().filter(|room| room.name.as_deref() == Some(text));
    match named.collect::<Vec<_>>().as_slice() {
        [room] => Ok(room),
        [] => {
            let known = rooms
                .iter()
                .flat_map(|room| [Some(room.id.as_str()), room.name.as_deref()]);
            let near = closest(text, known.flatten());
            let near = near
                .map(|near| format!("; did you mean {near:?}?"))
                .unwrap_or_default();
            Err(Usage(format!("ROOM {text:?}: no such room in the files{near}")))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|room| room.id.as_str()).collect();
            let ids = ids.join(", ");
            Err(Usage(format!(
                "ROOM {text:?} is the name of several rooms; say which by its id: {ids}"
            )))
        }
    }
}

/// The plan that `plan --room` makes for this room.
fn plan_of(
    reader: &Reader,
    room: &DesiredRoom,
    observed: &Observed,
    constraints: &Constraints,
    guard: FleetGuard,
) -> FleetPlan {
    let diff: Result<_, Box<RoomPlan>> = plan::diff(room, observed, constraints);
    FleetPlan::new(vec![diff], Some(guard), reconcile::sizes(reader))
}

/// A read of all that decides about somebody in a room.
fn everything(room: &DesiredRoom) -> ReadRequest<'_> {
    ReadRequest {
        admins: AdminRead::Always,
        ..ReadRequest::from(room)
    }
}
