//! `roomsync explain`.

use super::exit::{Exit, Usage};
use super::progress_bar::looking;
use super::room_names::{self, NamedRoom, Naming};
use super::{Globals, output};
use crate::chat::{CallError, CallErrorKind, Reader};
use crate::clock::Clock;
use crate::desired::{self, DesiredRoom, Loaded, Origin, Query, Retain};
use crate::diagnostics::near_misses;
use crate::explain::{self, PersonInRoom, Subject, Wanted};
use crate::live::{self, AdminRead, MemberList, Observed, ReadRequest};
use crate::model::{RoomId, UserId, counted};
use crate::plan::{self, Constraints, FleetGuard, FleetPlan, RoomPlan};
use crate::reconcile::{self, CheckedClock, connect};
use crate::settings::{self, Settings};
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Tells why somebody is or is not to be in a room, or where they are; never writes
///
/// What the files say, each with its file and line and the groups on the way; who they are live; and what a pass would do.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Who, in any case
    #[arg(value_name = "USER", value_parser = UserId::parse)]
    user: UserId,
    /// A room of the files: its id, or its name there; without it, every room that names them or in which they are
    #[arg(value_name = "ROOM")]
    room: Option<String>,
    /// Form of the output; JSON needs the room to be left out
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "room")]
    format: Format,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Runs `roomsync explain`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let settings = settings::load(&globals.config, &globals.env)?;
    let (rooms, defaults) = (&settings.rooms, &settings.room_defaults);
    let mut loaded = desired::load(rooms, Some(&globals.config), defaults, Retain::Provenance)?;
    globals.diagnose(&loaded.warnings)?;
    if let Some(room) = &args.room {
        find(&loaded.desired.rooms, room)?;
    }
    let clock = CheckedClock::new(Clock::of_the_machine());
    let reader = connect(&settings, Some(clock.observer()))?.reader();
    clock.compare(&reader, &loaded.desired.rooms).await;
    clock.end_places(&mut loaded.desired.rooms);
    let Some(room) = &args.room else {
        return everywhere(globals, args, &settings, &loaded, (&reader, &clock)).await;
    };
    let Loaded {
        desired, provenance, ..
    } = &loaded;
    let user = &args.user;
    let room = find(&desired.rooms, room)?;
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

/// Tells of somebody in every room that names them, or in which they are.
async fn everywhere(
    globals: &Globals,
    args: &Args,
    settings: &Settings,
    loaded: &Loaded,
    (reader, clock): (&Reader, &CheckedClock),
) -> anyhow::Result<Exit> {
    let (user, all) = (&args.user, loaded.desired.rooms.as_slice());
    let asked: Vec<Query<'_>> = all.iter().map(|room| query(Subject { user, room })).collect();
    let origins = loaded.provenance.find(&asked);
    let said =
        |(room, at): (&DesiredRoom, Option<Origin>)| PersonInRoom::by_files(Subject { user, room }, at);
    let mut told: Vec<PersonInRoom> = all.iter().zip(origins).map(said).collect();
    if let Err(error) = see(globals, user, &mut told, settings, all, (reader, clock)).await {
        // What the files say is known all the same.
        told.retain(PersonInRoom::is_named);
        show(args, &told, all.len())?;
        return Err(error.into());
    }
    let is_unread = |person: &PersonInRoom| person.live.is_none() && person.why.is_some();
    let partly = told.iter().any(|person| is_unread(person) || person.is_partial);
    let unread = told
        .iter()
        .filter(|person| is_unread(person) && !person.is_named())
        .count();
    told.retain(PersonInRoom::is_worth_telling);
    show(args, &told, all.len())?;
    if unread > 0 {
        globals.error(&format!(
            "{} could not be read: {user} may be in them, too",
            counted(unread, "other room")
        ))?;
    }
    if told.is_empty() && args.format == Format::Text {
        let near = near_misses(user.as_str(), all.iter().flat_map(listed));
        if !near.is_empty() {
            output(&format!("Did you mean {}?\n", near.join(" or ")))?;
        }
    }
    Ok(if partly { Exit::Partly } else { Exit::Done })
}

/// Shows somebody in these rooms, of all that the files name.
fn show(args: &Args, told: &[PersonInRoom], all: usize) -> anyhow::Result<()> {
    let user = &args.user;
    let text = match args.format {
        Format::Json => {
            let document = json!({"user": user, "rooms_of_the_files": all, "rooms": told});
            format!("{document:#}\n")
        }
        Format::Text => explain::person(user, told, all),
    };
    output(&text)?;
    Ok(())
}

/// Where the files would say what they say of somebody in a room.
fn query(subject: Subject<'_>) -> Query<'_> {
    let Subject { user, room } = subject;
    match Wanted::of(subject) {
        Some(Wanted::Admin) => Query::admin(&room.id, user),
        Some(Wanted::Member) => Query::member(&room.id, user),
        None => Query::no_member(&room.id, user),
    }
}

/// Adds what looks show of somebody in these rooms. All members are read, and of rooms that concern the person everything.
async fn see(
    globals: &Globals,
    user: &UserId,
    told: &mut [PersonInRoom],
    settings: &Settings,
    all: &[DesiredRoom],
    (reader, clock): (&Reader, &CheckedClock),
) -> Result<(), CallError> {
    let told = RefCell::new(told);
    let concerned: RefCell<BTreeSet<usize>> = RefCell::default();
    let rooms: Vec<&RoomId> = all.iter().map(|room| &room.id).collect();
    let (progress, bar) = looking(globals, rooms.len(), reader);
    let take = |at: usize, read: Result<MemberList, CallError>| {
        progress.looked();
        let mut told = told.borrow_mut();
        let Some(person) = told.get_mut(at) else { return };
        match read {
            Ok(list) => {
                let is_in = list.names.contains(user) || list.owner.as_deref() == Some(user.as_str());
                // A list that contradicts itself may lack somebody.
                if is_in || person.is_named() || list.inconsistency.is_some() {
                    concerned.borrow_mut().insert(at);
                }
            }
            Err(error) => person.why = Some(error.kind.to_string()),
        }
    };
    live::read_members(reader, &rooms, &take).await?;
    drop(bar);
    let concerned: Vec<(usize, &DesiredRoom)> = concerned
        .into_inner()
        .into_iter()
        .filter_map(|at| Some((at, all.get(at)?)))
        .collect();
    let requests: Vec<ReadRequest<'_>> = concerned.iter().map(|(_, room)| everything(room)).collect();
    let take = |number: usize, look: Result<Observed, CallError>| {
        let Some((at, room)) = concerned.get(number).copied() else {
            return;
        };
        let mut told = told.borrow_mut();
        let Some(person) = told.get_mut(at) else { return };
        let observed = match look {
            Ok(observed) => observed,
            Err(error) => return person.why = Some(error.kind.to_string()),
        };
        let guard = FleetGuard::of_some_rooms(settings.max_removals_total, all, [&room.id]);
        let constraints = Constraints {
            not_tried: clock.in_doubt(room),
            ..Constraints::default()
        };
        for plan in &plan_of(reader, room, &observed, &constraints, guard).rooms {
            person.see(user, &observed, plan);
        }
    };
    live::read_rooms(reader, &requests, &take).await
}

/// Names in a room's entry.
fn listed(room: &DesiredRoom) -> impl Iterator<Item = &str> {
    let lists = [&room.admins, &room.members].into_iter().flatten().flatten();
    room.owner.iter().chain(lists).map(UserId::as_str)
}

/// Names of people in the files, and of those who are in a room.
fn names<'a>(rooms: &'a [DesiredRoom], observed: &'a Observed) -> impl Iterator<Item = &'a str> {
    let live = observed.room();
    let there = live.members.iter().chain(live.admins.iter().flatten());
    let names = rooms.iter().flat_map(listed).chain(there.map(UserId::as_str));
    names.chain(live.owner.as_deref())
}

/// The room that is meant.
fn find<'r>(rooms: &'r [DesiredRoom], text: &str) -> Result<&'r DesiredRoom, Usage> {
    let named: Vec<NamedRoom<'_>> = rooms.iter().map(NamedRoom::from).collect();
    let id = room_names::find(Naming::in_files("ROOM", false), &named, text)?;
    let room = rooms.iter().find(|room| room.id == id);
    room.ok_or_else(|| Usage(format!("ROOM {text:?}: no such room in the files")))
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
