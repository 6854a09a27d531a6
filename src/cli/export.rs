//! `roomsync export`.

use super::exit::Exit;
use super::export_files::{self, Per, Target, file_names, may_replace};
use super::progress_bar::looking;
use super::room_names::{self, NamedRoom, Naming};
use super::{Globals, output};
use crate::chat::{CallError, Reader};
use crate::desired::{self, Retain};
use crate::export::{Earlier, LeftOut, Options, RoomFile, SeenBefore, room_file};
use crate::live::{self, Observed, ReadRequest, RoomList};
use crate::model::{Absent, Mode, RoomId, RoomText, counted, first_few, log_code, room_label};
use crate::reconcile::connect;
use crate::seen::{self, SEEN, SeenBy};
use crate::settings::{self, Settings};
use crate::telemetry::NOTICE;
use anyhow::{Context as _, anyhow, bail};
use clap::ArgGroup;
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes live rooms down as a room file
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
    /// Write to this file instead of standard output, or into this folder, which ends in `/` or is there: a file for each room
    ///
    /// A file is written in one step, and only over one that an export of this app wrote: its first line says so. Where something kept
    /// rooms from being exported, a file that is there is left as it is.
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Rooms that share a file in the folder of --out
    #[arg(long, value_name = "WHAT", default_value = "room")]
    per: Per,
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
    let app = settings.service.app.to_string();
    let target = Target::of(args.out.as_deref(), &app)?;
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
    let exported: BTreeSet<RoomId> = looks.iter().map(|(id, _)| id.clone()).collect();
    let files = match &target {
        Target::Printed | Target::File(_) => vec![(None, looks)],
        Target::Folder(_) => by_file(looks, args.per),
    };
    let files: Vec<(Option<String>, RoomFile)> = files
        .into_iter()
        .map(|(name, looks)| (name, room_file(&app, looks, &seen_before, options)))
        .collect();
    let is_kept = write(globals, &target, &app, &files, stopped.is_some())?;
    let left_out: Vec<&LeftOut> = files.iter().flat_map(|(_, file)| &file.left_out).collect();
    if !args.all {
        say_how_to_merge(globals, &settings, &exported)?;
    }
    let mut alike: BTreeMap<RoomText, Vec<&RoomId>> = BTreeMap::new();
    for LeftOut { room, why } in left_out.iter().copied() {
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
    } else if left_out.is_empty() && foreign.is_empty() && !is_unread && !is_kept {
        Exit::Done
    } else {
        Exit::Partly
    })
}

/// The looks at rooms that share a file, by its name.
fn by_file(looks: Looks, per: Per) -> Vec<(Option<String>, Looks)> {
    let name = |look: &Result<Observed, String>| look.as_ref().ok().and_then(|seen| seen.room().name.clone());
    let named: Vec<(RoomId, Option<String>)> =
        looks.iter().map(|(id, look)| (id.clone(), name(look))).collect();
    // A room that was not seen has no name here, and no file.
    let seen = named.iter().zip(&looks).filter(|(_, (_, look))| look.is_ok());
    let files = file_names(seen.map(|((id, name), _)| (id, name.as_deref())), per);
    let mut looks: BTreeMap<RoomId, Result<Observed, String>> = looks.into_iter().collect();
    let mut all: Vec<(Option<String>, Looks)> = files
        .into_iter()
        .map(|(file, rooms)| {
            let of_file = rooms.into_iter().filter_map(|id| looks.remove_entry(&id));
            (Some(file), of_file.collect())
        })
        .collect();
    all.push((None, looks.into_iter().collect()));
    all
}

/// Writes the export where it goes. `true`: a file that was there is left as it is, because what would replace it is not whole.
fn write(
    globals: &Globals,
    target: &Target,
    app: &str,
    files: &[(Option<String>, RoomFile)],
    ended_early: bool,
) -> anyhow::Result<bool> {
    let mut written: Vec<(PathBuf, &str)> = Vec::new();
    let mut is_kept = false;
    for (name, RoomFile { text, left_out }) in files {
        let path = match (target, name) {
            (Target::Printed, _) => {
                if let Some(text) = text {
                    output(text)?;
                }
                continue;
            }
            (Target::File(path), _) => path.clone(),
            (Target::Folder(folder), Some(name)) => folder.join(name),
            (Target::Folder(_), None) => continue,
        };
        may_replace(&path, app).map_err(|why| anyhow!("{}: {why}; nothing was written", path.display()))?;
        let is_whole = left_out.is_empty() && !ended_early;
        match text {
            Some(text) if is_whole || !path.exists() => written.push((path, text)),
            _ if path.exists() => {
                is_kept = true;
                globals.error(&format!(
                    "{} is left as it is: not all of its rooms could be exported",
                    path.display()
                ))?;
            }
            _ => {}
        }
    }
    if let (Target::Folder(folder), false) = (target, written.is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for (path, text) in &written {
        export_files::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Target::Folder(folder) = target {
        output(&format!(
            "{} in {}\n",
            counted(written.len(), "file"),
            folder.display()
        ))?;
        let ours: BTreeSet<&Path> = written.iter().map(|(path, _)| path.as_path()).collect();
        for path in earlier_files(folder, app)? {
            if !ours.contains(path.as_path())
                && !files
                    .iter()
                    .any(|(name, _)| name.as_ref().is_some_and(|name| folder.join(name) == path))
            {
                tracing::warn!(
                    target: NOTICE, code = log_code::NOT_EXPORTED, file = %path.display(),
                    "{} is of an earlier export and was not written now: its rooms are gone, have another name or were not asked for; remove it if they are gone",
                    path.display()
                );
            }
        }
    }
    Ok(is_kept)
}

/// Files in a folder that exports of this app wrote.
fn earlier_files(folder: &Path, app: &str) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && may_replace(path, app).is_ok())
        .collect();
    found.sort();
    Ok(found)
}

/// Says which of these rooms stand in the room files already. Room files need not be there, or be valid.
fn say_how_to_merge(
    globals: &Globals,
    settings: &Settings,
    exported: &BTreeSet<RoomId>,
) -> anyhow::Result<()> {
    let defaults = &settings.room_defaults;
    let Ok(loaded) = desired::load(&settings.rooms, Some(&globals.config), defaults, Retain::Rooms) else {
        return Ok(());
    };
    let rooms = loaded.desired.rooms.iter();
    let twice: Vec<String> = rooms
        .filter(|room| exported.contains(&room.id))
        .map(|room| room_label(room.name.as_deref(), &room.id))
        .collect();
    if !twice.is_empty() {
        let are = if twice.len() == 1 {
            "1 room is"
        } else {
            "rooms are"
        };
        let number = if twice.len() == 1 {
            String::new()
        } else {
            format!("{} ", twice.len())
        };
        let named = first_few(twice);
        tracing::warn!(
            target: NOTICE, code = log_code::NOT_EXPORTED,
            "{number}{are} in the room files already: {named}; a room stands in one place only, so copy its lists into that entry, or take that entry out, before the export goes below `rooms`"
        );
    }
    Ok(())
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
