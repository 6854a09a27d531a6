//! `roomsync apply`.

use super::exit::{Exit, Usage};
use super::pass::{self, Planned};
use super::plan::Format;
use super::site::Site;
use super::{Globals, output};
use crate::apply::{Failure, Report, RoomReport, Tally};
use crate::model::RoomId;
use crate::plan::{Document, counted, printable, text};
use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Shows the plan, asks, brings the rooms to match and looks again
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(super) yes: bool,
    /// How to show the plan and what came of it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Only these rooms; the guard over all rooms' removals does not apply
    #[arg(long, value_name = "ID", num_args = 1.., value_parser = RoomId::parse)]
    pub(super) room: Vec<RoomId>,
}

/// What `--format json` prints.
#[derive(serde::Serialize)]
struct Output<'a> {
    plan: Document<'a>,
    /// `null` when the plan was not applied.
    result: Option<ResultJson<'a>>,
}

#[derive(serde::Serialize)]
struct ResultJson<'a> {
    summary: Tally,
    rooms: &'a [RoomReport],
}

/// Runs `roomsync apply`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    if !args.yes && !io::stdin().is_terminal() {
        return Err(
            Usage("there is no terminal to ask at: pass --yes to apply without asking".into()).into(),
        );
    }
    let site = Site::load(globals, &args.room)?;
    let connection = site.connect()?;
    let rooms = site.rooms();
    let planned = site.plan(globals, &connection, &rooms).await;
    let Planned { plan, stopped, .. } = &planned;
    let meta = site.meta();
    let shown = text(plan, meta.rates.seconds(plan));
    let document = Document::new(plan, &meta)?;
    let calls = plan.summary().calls;
    let asking = !args.yes && calls > 0 && stopped.is_none();
    match args.format {
        Format::Text => output(&shown)?,
        Format::Json if asking => write!(anstream::stderr(), "{shown}")?,
        Format::Json => {}
    }
    if let Some(error) = stopped {
        tracing::error!(%error, "not every room was looked at, so nothing is written");
        show_json(args.format, document, None)?;
        return Ok(Exit::Failed);
    }
    if asking && !confirmed(calls)? {
        writeln!(io::stderr(), "Nothing was changed.")?;
        show_json(args.format, document, None)?;
        return Ok(Exit::Blocked);
    }
    let report = {
        let bar = globals.bar(calls, "applying");
        let at_once = site.settings.limits.concurrency;
        pass::apply(&connection, &rooms, &planned, &document.id, at_once, &|| {
            bar.inc();
        })
        .await
    };
    if args.format == Format::Text {
        output(&told(&report))?;
    }
    show_json(args.format, document, Some(&report))?;
    Ok(Exit::of_report(&report).max(Exit::of_plan(plan, None)))
}

fn show_json(format: Format, plan: Document<'_>, report: Option<&Report>) -> anyhow::Result<()> {
    if format != Format::Json {
        return Ok(());
    }
    let result = report.map(|report| ResultJson {
        summary: report.tally(),
        rooms: &report.rooms,
    });
    output(&format!(
        "{}\n",
        serde_json::to_string_pretty(&Output { plan, result })?
    ))
}

fn confirmed(calls: usize) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "Make {}? [y/N] ", counted(calls, "call"))?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What came of it, for people.
fn told(report: &Report) -> String {
    let mut out = String::new();
    for room in &report.rooms {
        for failure in &room.failed {
            let Failure { user, op, reason } = failure;
            let _ = writeln!(
                out,
                "room {}: {op} {} not done[{}]: {}",
                room.id,
                printable(user),
                reason.code,
                printable(&reason.message)
            );
        }
    }
    if let Some(error) = &report.stopped {
        let _ = writeln!(out, "stopped: {}", printable(&error.to_string()));
    }
    let Tally {
        rooms,
        converged,
        unchanged,
        partial,
        failed,
        blocked,
        observed,
        calls,
    } = report.tally();
    let rooms = counted(rooms, "room");
    let _ = write!(
        out,
        "applied: {rooms}, {converged} converged, {unchanged} unchanged"
    );
    let others = [
        (partial, "done in part"),
        (failed, "failed"),
        (blocked, "blocked"),
        (observed, "only observed"),
    ];
    for (number, word) in others.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(out, ", {number} {word}");
    }
    let _ = writeln!(out, "; {}", counted(calls, "call"));
    out
}
