//! `roomsync plan`.

use super::exit::{Exit, Usage};
use super::pass::Planned;
use super::site::Site;
use super::{Globals, output};
use crate::model::RoomId;
use crate::plan::{Document, text};
use anyhow::Context as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

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
    let out = args.out.as_deref().map(OutFile::open).transpose()?;
    let connection = site.connect()?;
    let rooms = site.rooms();
    let planned = site.plan(globals, &connection, &rooms).await;
    let Planned { plan, stopped, .. } = &planned;
    let meta = site.meta();
    let document = Document::new(plan, &meta)?;
    if let Some(out) = out {
        out.write(&document)?;
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

/// The file of `--out`. It is replaced in one step, so that nobody ever reads half of one.
struct OutFile<'a> {
    path: &'a Path,
    new: NamedTempFile,
}

impl<'a> OutFile<'a> {
    /// Makes sure that the file can be written, before any call.
    fn open(path: &'a Path) -> anyhow::Result<Self> {
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let new = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| {
                Usage(format!(
                    "--out {}: cannot write there: {}",
                    path.display(),
                    error.kind()
                ))
            })?;
        Ok(Self { path, new })
    }

    fn write(mut self, document: &Document<'_>) -> anyhow::Result<()> {
        let path = self.path;
        let failed = || format!("cannot write the plan to {}", path.display());
        serde_json::to_writer_pretty(&mut self.new, document).with_context(failed)?;
        self.new.write_all(b"\n").with_context(failed)?;
        self.new.as_file().sync_all().with_context(failed)?;
        self.new.persist(path).with_context(failed)?;
        Ok(())
    }
}
