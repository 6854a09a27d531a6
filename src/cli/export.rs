//! `roomsync export`.

use super::exit::Exit;
use super::progress_bar::looking;
use super::room_names::{self, NamedRoom, Naming};
use super::{Globals, output};
use crate::chat::{CallError, Reader};
use crate::export::{Earlier, LeftOut, Options, RoomFile, SeenBefore, room_file};
use crate::live::{self, Observed, ReadRequest, RoomList};
use crate::model::{Absent, Mode, RoomId, RoomText, counted, first_few, log_code};
use crate::reconcile::connect;
use crate::seen::{self, SEEN, SeenBy};
use crate::settings;
use anyhow::{Context as _, bail};
use clap::ArgGroup;
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Writes live rooms down as a room file, on standard output
///
/// Planning that file straight after finds nothing to change. Only rooms that could be read completely are in it; the
/// others are named on standard error, and the exit code is 4. Room files need not be there yet.
#[derive(Debug, Clone, clap::Args)]
#[command(group(ArgGroup::new("which").required(true).args(["room", "all"])))]
pub(super) struct Args {
    /// These rooms of the service: ids, names there or patterns of names; they need not be in any file
    #[arg(long, value_name = "ROOM", num_args = 1..)]
    room: Vec<String>,
    /// All rooms of the app
    #[arg(long)]
    all: bool,
    /// The mode of every room in the file
    #[arg(long, value_name = "MODE", default_value = "additive")]
    mode: ExportMode,
    /// Also list, as comments, people whom the daemon saw within the last 30 days and who are not here now
    ///
    /// The daemon keeps them in `state_dir` for the rooms of its files, also in `mode: observe`. Those whom roomsync removed itself are
    /// not among them.
    #[arg(long)]
    with_offline: bool,
    /// Make groups of people who are the same in several rooms
    #[arg(long)]
    group_by_common: bool,
}

/// The modes that a live room can be written down with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ExportMode {
    /// Nobody is removed or demoted: who is offline is not listed live, and so not in the file
    Additive,
    /// Whoever is not in the file is removed
    Authoritative,
}

impl From<ExportMode> for Mode {
    fn from(mode: ExportMode) -> Self {
        match mode {
            ExportMode::Additive => Self::Additive,
            ExportMode::Authoritative => Self::Authoritative,
        }
    }
}

/// Runs `roomsync export`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let settings = settings::load(&globals.config, &globals.env)?;
    let reader = connect(&settings, None)?.reader();
    let (ids, foreign) = which(&reader, args).await?;
    let (looks, stopped) = look(globals, &reader, &ids).await;
    let none_seen = looks.iter().all(|(_, look)| look.is_err());
    let options = Options {
        mode: args.mode.into(),
        group_by_common: args.group_by_common,
        are_kept: settings.room_defaults.absent == Absent::Keep,
    };
    let (seen_before, is_unread) = match args.with_offline {
        true => seen_before(&settings.state_dir),
        false => (SeenBefore::new(), false),
    };
    let app = settings.service.app.to_string();
    let RoomFile { text, left_out } = room_file(&app, looks, &seen_before, options);
    if let Some(text) = &text {
        output(text)?;
    }
    let mut alike: BTreeMap<RoomText, Vec<&RoomId>> = BTreeMap::new();
    for LeftOut { room, why } in &left_out {
        alike.entry(RoomText::new(why, room)).or_default().push(room);
    }
    for (why, rooms) in &alike {
        match rooms.as_slice() {
            [room] => {
                tracing::error!(code = log_code::NOT_EXPORTED, %room, why = why.about(room), "not exported");
            }
            rooms => {
                let named = first_few(rooms.iter().map(ToString::to_string));
                tracing::error!(code = log_code::NOT_EXPORTED, %why, named, "{} not exported", counted(rooms.len(), "room"));
            }
        }
    }
    for room in &foreign {
        tracing::error!(
            code = log_code::NOT_EXPORTED,
            ?room,
            why = "this is no room id that roomsync takes",
            "not exported"
        );
    }
    if let Some(error) = &stopped {
        globals.error(&format!("not every room was checked: {}", error.without_room()))?;
    }
    Ok(if stopped.is_some() || none_seen {
        Exit::Failed
    } else if left_out.is_empty() && foreign.is_empty() && !is_unread {
        Exit::Done
    } else {
        Exit::Partly
    })
}

/// The rooms in question, and the ids among them that are none.
async fn which(reader: &Reader, args: &Args) -> anyhow::Result<(BTreeSet<RoomId>, BTreeSet<String>)> {
    if !args.all
        && let Some(ids) = ids(&args.room)
    {
        return Ok((ids, BTreeSet::new()));
    }
    let listed = live::list_rooms(reader).await;
    let RoomList { rooms, foreign } = listed.context("cannot list the app's rooms")?;
    if args.all && rooms.is_empty() {
        bail!("the service lists no room of this app, so there is nothing to export");
    }
    if args.all {
        return Ok((rooms.into_keys().collect(), foreign));
    }
    let naming = Naming {
        argument: "--room",
        place: "on the service",
        patterns: true,
    };
    let rooms = rooms.iter().map(|(id, name)| NamedRoom {
        id,
        name: Some(name.as_str()).filter(|name| !name.is_empty()),
    });
    let selected = room_names::select(naming, &rooms.collect::<Vec<_>>(), &args.room)?;
    Ok((selected, BTreeSet::new()))
}

/// The rooms, if they are all named by id: then no list is asked for.
fn ids(texts: &[String]) -> Option<BTreeSet<RoomId>> {
    let parts = texts.iter().flat_map(|text| text.split(','));
    parts.map(|part| RoomId::parse(part.trim()).ok()).collect()
}

/// People whom the daemon of this folder saw within the last 30 days, and whether they could not be read.
fn seen_before(state_dir: &Path) -> (SeenBefore, bool) {
    let path = state_dir.join(SEEN);
    let seen = match seen::read_in(state_dir) {
        Ok(Some(kept)) => kept.seen,
        Ok(None) => {
            tracing::warn!(
                code = log_code::SEEN_NOBODY,
                ?path,
                "nobody is known who was seen before: the daemon has not run with this `state_dir`, or nobody has left since"
            );
            return (SeenBefore::new(), false);
        }
        Err(why) => {
            tracing::error!(
                code = log_code::SEEN_UNREAD,
                ?path,
                why,
                "the record of who was seen before cannot be read"
            );
            return (SeenBefore::new(), true);
        }
    };
    let earlier = seen.since(seen::first_day(seen::day_of(Timestamp::now())));
    let mut rooms = SeenBefore::new();
    for (room, user, last) in earlier {
        rooms.entry(room.clone()).or_default().push(Earlier {
            user: user.clone(),
            day: last.day.to_string(),
            by_event: last.by == SeenBy::Event,
        });
    }
    (rooms, false)
}

type Looks = Vec<(RoomId, Result<Observed, String>)>;

/// Looks at every room; and what kept it from doing so, if something did.
async fn look(globals: &Globals, reader: &Reader, ids: &BTreeSet<RoomId>) -> (Looks, Option<CallError>) {
    let requests: Vec<ReadRequest<'_>> = ids.iter().map(ReadRequest::of_all).collect();
    let (progress, _bar) = looking(globals, ids.len(), reader);
    let looks: RefCell<Vec<Option<Result<Observed, String>>>> = RefCell::new(vec![None; ids.len()]);
    let take = |at: usize, observed: Result<Observed, CallError>| {
        progress.looked();
        if let Some(place) = looks.borrow_mut().get_mut(at) {
            *place = Some(observed.map_err(|error| error.kind.to_string()));
        }
    };
    let stopped = live::read_rooms(reader, &requests, &take).await.err();
    let unseen = || Err("the look ended before this room".to_owned());
    let looks = looks.into_inner().into_iter();
    let looks = ids
        .iter()
        .cloned()
        .zip(looks.map(|look| look.unwrap_or_else(unseen)));
    (looks.collect(), stopped)
}
