//! `roomsync plan`.

use super::base_files::{self, BaseFiles};
use super::context::{Context, resolved};
use super::exit::{Exit, Usage};
use super::flag_values::whole;
use super::{
    Globals, WITH_INVITE, buffered, invited, max_calls, output, output_absent, output_json, output_plan,
};
use crate::base::BaseDiff;
use crate::disk::why_not_written;
use crate::live;
use crate::model::{RoomId, Unmanaged};
use crate::reconcile::Planned;
use crate::render::{Document, Review, markdown};
use anyhow::Context as _;
use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use tempfile::NamedTempFile;
use tokio::time::{Instant, timeout};

/// Most pages of the app's room list that are read.
const LISTED_PAGES: usize = 10;

/// Shows what an apply would do; never writes to the service
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// How to show the plan
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Also write the plan to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Also show what the room files change since this earlier version of them: names that leave, rooms that are new or no longer
    /// managed, guards that let more through, other keys. Where the settings name several roots, name all of them: together they
    /// are the earlier version
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub(super) base: Vec<PathBuf>,
    /// Exit with 2 when changes are pending
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// Exit with 3 when an apply would make more calls than this
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(super) max_calls: Option<usize>,
    /// Also add the people who are not there and whom `absent: ignore` leaves alone
    #[arg(long)]
    pub(super) invite: bool,
    /// Only these rooms: ids, names or patterns of names; `max_removals_total` holds their removals against their live members and the
    /// listed ones of all others
    #[arg(long, value_name = "ROOM", num_args = 1..)]
    pub(super) room: Vec<String>,
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For a comment on a pull request; what does not fit is counted
    Markdown,
}

/// Runs `roomsync plan`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let mut context = Context::load(globals, &args.room)?;
    let out = args
        .out
        .as_deref()
        .map(|path| OutFile::open(path, &context))
        .transpose()?;
    let mut base = BaseFiles::load(&args.base, globals, &context.settings)?;
    let client = context.connect().await?;
    if let Some(base) = &mut base {
        base.end_places(context.clock());
    }
    let guards = &context.settings.room_defaults.guards;
    let rooms = context.rooms();
    let whole = args.room.is_empty();
    let invite = invited(args.invite);
    let plan = context.plan(globals, &client, &rooms, &invite);
    let (mut planned, unmanaged) = if whole && context.settings.report_unmanaged {
        let managed: HashSet<&RoomId> = rooms.iter().map(|room| &room.id).collect();
        let reader = client.reader();
        let counting = async {
            // What is wrong with the service, the look says, and once.
            context.answered().await;
            live::count_unmanaged(&reader, |id| managed.contains(id), LISTED_PAGES).await
        };
        beside(plan, counting).await
    } else {
        (plan.await, None)
    };
    let base_diff = base
        .as_ref()
        .map(|base| base.compare(&rooms, whole, &mut planned.plan, guards));
    let base_diff = base_diff.as_ref().map(|diff| diff.as_ref().map_err(|why| *why));
    let Planned { plan, .. } = &planned;
    let meta = context.meta();
    let document = Document::new(plan, &meta)?;
    // What kept the rooms from being read is said once.
    let unmanaged = unmanaged.filter(|unmanaged| plan.stopped.is_none() || unmanaged.error.is_none());
    let in_no_file = unmanaged.as_ref().and_then(Unmanaged::in_a_line);
    if let Some(out) = out {
        out.write(&document)?;
    }
    match args.format {
        Format::Text => {
            let base_diff = base_diff.map(|diff| diff.map_or_else(base_files::not_said, BaseDiff::text));
            output_plan(&base_diff.unwrap_or_default(), plan, meta.rates.seconds(plan))?;
            output_absent(plan, WITH_INVITE)?;
            if let Some(line) = in_no_file {
                output(&format!("{line}\n"))?;
            }
        }
        Format::Json => output_json(&document)?,
        Format::Markdown => output(&markdown(
            plan,
            &Review {
                id: &document.id,
                meta: &meta,
                in_no_file: in_no_file.as_deref(),
                desired: &rooms,
                guards,
                base_diff,
            },
        ))?,
    }
    if let Some(error) = plan.error() {
        globals.error(&error.message)?;
    }
    let pending = args.detailed_exitcode && plan.rooms.iter().any(|room| !room.steps().is_empty());
    let changes = if max_calls::exceeded(globals, plan, args.max_calls)? {
        Exit::Blocked
    } else if pending {
        Exit::Pending
    } else {
        Exit::Done
    };
    Ok(changes.max(Exit::of_plan(plan)))
}

/// Waits for the first, and for the second no longer than that took.
async fn beside<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, Option<B>) {
    let begun = Instant::now();
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut done = None;
    loop {
        tokio::select! {
            second = &mut second, if done.is_none() => done = Some(second),
            first = &mut first => {
                if done.is_none() {
                    done = timeout(begun.elapsed(), second).await.ok();
                }
                return (first, done);
            }
        }
    }
}

/// The file of `--out`.
enum OutFile {
    /// A file is replaced in one step, so that nobody ever reads half of one.
    Replaced { path: PathBuf, new: NamedTempFile },
    /// Anything else, such as a pipe, is written to as it is.
    Written { path: PathBuf, file: File },
}

impl OutFile {
    /// Makes sure, before any call, that the file can be written and is none that the run reads.
    fn open(path: &Path, context: &Context) -> anyhow::Result<Self> {
        let refuse = |why: &dyn fmt::Display| Usage(format!("--out {}: {why}", path.display()));
        // What a link points at is meant, not the link.
        let path = resolved(path);
        if context.owns(&path) {
            return Err(refuse(&"this is a file of roomsync's own, or would be one; choose another").into());
        }
        let meta = fs::metadata(&path).ok();
        if meta.as_ref().is_some_and(|meta| !meta.is_file()) {
            let file = OpenOptions::new().write(true).open(&path);
            let file = file.map_err(|error| refuse(&why_not_written(&path, &error)))?;
            return Ok(Self::Written { path, file });
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mode = meta.map_or_else(|| Permissions::from_mode(0o666), |meta| meta.permissions());
        let new = tempfile::Builder::new()
            .permissions(mode)
            .tempfile_in(folder)
            .map_err(|error| refuse(&why_not_written(&path, &error)))?;
        Ok(Self::Replaced { path, new })
    }

    fn write(self, document: &Document<'_>) -> anyhow::Result<()> {
        let written = |file: &mut dyn Write| {
            let mut file = buffered(file);
            serde_json::to_writer_pretty(&mut file, document)?;
            file.write_all(b"\n")?;
            file.flush()
        };
        let failed = |path: &Path| format!("cannot write the plan to {}", path.display());
        match self {
            Self::Written { path, mut file } => written(&mut file).with_context(|| failed(&path)),
            Self::Replaced { path, mut new } => {
                written(&mut new).with_context(|| failed(&path))?;
                new.as_file().sync_all().with_context(|| failed(&path))?;
                let replaced = new.persist(&path).map_err(|error| error.error);
                replaced.map(drop).with_context(|| failed(&path))
            }
        }
    }
}
