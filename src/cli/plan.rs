//! `roomsync plan`.

use super::exit::Exit;
use super::pass::{self, Planned};
use super::site::Site;
use super::{Globals, output};
use crate::model::RoomId;
use crate::plan::{Document, text};
use anyhow::Context as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Shows what an apply would do; never writes to the service
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// How to show the plan
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Also write the plan to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Exit with 2 when changes are pending
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// Only these rooms; the guard over all rooms' removals does not apply
    #[arg(long, value_name = "ID", num_args = 1.., value_parser = RoomId::parse)]
    pub(super) room: Vec<RoomId>,
}

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Runs `roomsync plan`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let site = Site::load(globals, &args.room)?;
    let connection = site.connect()?;
    let rooms = site.rooms();
    let planned = {
        let bar = globals.bar(rooms.len(), "looking at rooms");
        pass::plan(&connection, &rooms, site.max_removals_total(), &|| bar.inc()).await
    };
    let Planned { plan, stopped, .. } = &planned;
    let meta = site.meta();
    let document = Document::new(plan, &meta)?;
    if let Some(path) = &args.out {
        write_whole(path, &serde_json::to_vec_pretty(&document)?)
            .with_context(|| format!("cannot write the plan to {}", path.display()))?;
    }
    match args.format {
        Format::Text => output(&text(plan, meta.rates.seconds(plan)))?,
        Format::Json => output(&format!("{}\n", serde_json::to_string_pretty(&document)?))?,
    }
    if let Some(error) = stopped {
        tracing::error!(%error, "not every room was looked at");
    }
    let pending = args.detailed_exitcode && plan.rooms.iter().any(|room| !room.steps.is_empty());
    let changes = if pending { Exit::Pending } else { Exit::Done };
    Ok(changes.max(Exit::of_plan(plan, stopped.as_ref())))
}

/// Replaces a file in one step, so that nobody ever reads half of one.
fn write_whole(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
