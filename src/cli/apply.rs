//! `roomsync apply`.

use super::audit::{Audit, AuditJournal, AuditTarget};
use super::context::Context;
use super::exit::{Exit, Usage};
use super::flag_values::whole;
use super::plan_file::PlanFile;
use super::progress_bar::{Watched, progress_bar};
use super::prompt::confirmed;
use super::report_text::report_text;
use super::{
    Globals, WITH_INVITE, buffered, invited, max_calls, output, output_absent, output_json, output_plan,
    write_plan,
};
use crate::apply::{ApplyOptions, CallEvidence, Cancel, Journal, Reason, Report, RoomReport, Tally};
use crate::model::log_code;
use crate::plan::{Calls, FleetPlan, RoomPlan};
use crate::reconcile::progress::Progress;
use crate::reconcile::{self, Planned, RunRecord, ServiceRecheck, pass_line};
use crate::render::Document;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Shows the plan, asks, brings the rooms to match and looks again
///
/// With removals or demotions it first waits until no room file has changed for `sync.settle_removals` (10 s), and goes by what the
/// files say then.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(super) yes: bool,
    /// How to show the plan and what came of it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Carry out exactly this plan, which `plan --out` wrote; a room that is no longer as it was then is refused
    #[arg(long, value_name = "FILE", conflicts_with = "room")]
    pub(super) plan: Option<PathBuf>,
    /// Let through what a guard holds in this room of that plan, and nowhere else: its id or its name
    #[arg(long, value_name = "ROOM", num_args = 1.., requires = "plan")]
    pub(super) approve: Vec<String>,
    /// Write nothing, and exit with 3, when the plan makes more calls than this
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(super) max_calls: Option<usize>,
    /// Also add the people who are not there and whom `absent: ignore` leaves alone
    #[arg(long, conflicts_with = "plan")]
    pub(super) invite: bool,
    /// Where to write the audit log, in place of `audit_log` of the settings; `off`: nowhere
    #[arg(long, value_name = "FILE|off", value_parser = str::parse::<AuditTarget>)]
    pub(super) audit_log: Option<AuditTarget>,
    /// Only these rooms: ids, names or patterns of names; `max_removals_total` holds their removals against their live members and the
    /// listed ones of all others
    #[arg(long, value_name = "ROOM", num_args = 1..)]
    pub(super) room: Vec<String>,
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

/// Output of `--format json`.
#[derive(serde::Serialize)]
struct Output<'a> {
    plan: PlanJson<'a>,
    /// `null` when the plan was not applied.
    result: Option<ResultJson<'a>>,
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum PlanJson<'a> {
    New(Box<Document<'a>>),
    Saved(&'a Value),
}

#[derive(serde::Serialize)]
struct ResultJson<'a> {
    summary: Tally,
    /// Error for which the run ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Reason>,
    rooms: &'a [RoomReport],
}

/// Runs `roomsync apply`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    if !args.yes && !io::stdin().is_terminal() {
        return Err(
            Usage("there is no terminal to ask at: pass --yes to apply without asking".into()).into(),
        );
    }
    let mut context = Context::load_settled(globals, &args.room).await?;
    loop {
        match attempt(globals, args, &mut context).await? {
            Attempt::Ended(exit) => return Ok(exit),
            Attempt::FilesChanged(now) => context = *now,
        }
    }
}

/// Result of an attempt to apply.
enum Attempt {
    Ended(Exit),
    /// Nothing was done, because the room files have changed since they were read.
    FilesChanged(Box<Context>),
}

async fn attempt(globals: &Globals, args: &Args, context: &mut Context) -> anyhow::Result<Attempt> {
    let saved = args.plan.as_deref();
    let saved = saved
        .map(|path| PlanFile::read(path, &args.approve, context))
        .transpose()?;
    let audit = Audit::open(args.audit_log.as_ref(), context).await?;
    let client = context.connect().await?;
    let context = &*context;
    let rooms_of_plan = saved.as_ref().map(|saved| saved.rooms(context));
    let rooms = rooms_of_plan.as_ref().map_or_else(
        || context.rooms(),
        |rooms| rooms.iter().map(AsRef::as_ref).collect(),
    );
    let planned = match &saved {
        None => {
            context
                .plan(globals, &client, &rooms, &invited(args.invite))
                .await
        }
        Some(saved) => saved.plan(globals, context, &client, &rooms).await,
    };
    let Planned { plan, .. } = &planned;
    if plan.stopped.is_none()
        && plan.takes_away()
        && let Some(now) = context.settle(globals).await?
    {
        return Ok(Attempt::FilesChanged(Box::new(now)));
    }
    let meta = context.meta();
    let seconds = meta.rates.seconds(plan);
    let (plan_id, document) = match &saved {
        None => {
            let document = Document::new(plan, &meta)?;
            (document.id.clone(), PlanJson::New(Box::new(document)))
        }
        Some(saved) => (saved.plan.id().to_owned(), PlanJson::Saved(saved.plan.json())),
    };
    let calls = plan.summary().calls;
    let asking = !args.yes && calls > 0 && plan.stopped.is_none();
    match args.format {
        Format::Text => {
            output_plan("", plan, seconds)?;
            let how = match &saved {
                None => WITH_INVITE,
                Some(_) => "a plan made with --invite adds them",
            };
            output_absent(plan, how)?;
        }
        Format::Json if asking => {
            let mut err = buffered(anstream::stderr());
            write_plan(&mut err, plan, seconds)?;
            err.flush()?;
        }
        Format::Json => {}
    }
    if let Some(error) = plan.error() {
        globals.error(&format!("nothing was changed: {}", error.message))?;
        // A plan that was kept is printed as it is, so the error of this run has no place in it.
        let report = saved.is_some().then(|| Report {
            rooms: Vec::new(),
            stopped: Some(Reason::from(&error)),
        });
        show_json(args.format, document, report.as_ref())?;
        return Ok(Attempt::Ended(Exit::Failed));
    }
    if max_calls::exceeded(globals, plan, args.max_calls)? {
        show_json(args.format, document, None)?;
        return Ok(Attempt::Ended(Exit::Blocked.max(Exit::of_plan(plan))));
    }
    if asking && !confirmed(plan)? {
        writeln!(io::stderr(), "Nothing was changed.")?;
        show_json(args.format, document, None)?;
        return Ok(Attempt::Ended(Exit::Blocked.max(Exit::of_plan(plan))));
    }
    // Whoever was asked may have taken an hour to answer.
    if asking
        && plan.takes_away()
        && let Some(now) = context.settle(globals).await?
    {
        return Ok(Attempt::FilesChanged(Box::new(now)));
    }
    let of = (plan_id.as_str(), meta.source.revision.as_deref());
    let journal = match &audit {
        Some(audit) if calls > 0 => Some(begin(audit, context, plan, of).await?),
        _ => None,
    };
    let stop = Cancel::default();
    let report = {
        let done = Arc::new(Progress::of_calls(Calls::of(plan)));
        let _bar = progress_bar(
            globals,
            Watched {
                what: "applying",
                progress: Arc::clone(&done),
                reader: client.reader(),
                stop: Some(stop.clone()),
            },
        );
        let at_once = context.settings.limits.concurrency;
        let progress = |op| done.called(op);
        let options = ApplyOptions {
            at_once,
            cancel: &stop,
            progress: &progress,
            journal: journal.as_ref().map(|journal| journal as &dyn Journal),
            hooks: None,
            evidence: &CallEvidence::default(),
            recheck: &ServiceRecheck::new(client.reader()),
        };
        let work = reconcile::apply(&client, &rooms, &planned, of, options);
        until_interrupted(work, &stop).await?
    };
    if args.format == Format::Text {
        output(&report_text(&report, plan, "roomsync apply"))?;
    }
    show_json(args.format, document, Some(&report))?;
    let mut exit = Exit::of_report(&report).max(Exit::of_plan(plan));
    if let Some(audit) = &audit
        && let Err(error) = audit.end().await
    {
        globals.error(&format!(
            "the audit log lacks what came of the last calls: {error}"
        ))?;
        exit = exit.max(Exit::Partly);
    }
    Ok(Attempt::Ended(exit))
}

/// Writes the line of the pass, and gives the journal of its calls.
async fn begin<'a>(
    audit: &'a Audit,
    context: &Context,
    plan: &FleetPlan,
    of: (&str, Option<&str>),
) -> anyhow::Result<AuditJournal<'a>> {
    let changed = plan.rooms.iter().filter(|room| !room.steps().is_empty());
    let changed: Vec<&RoomPlan> = changed.collect();
    audit.begin(pass_line(of, &changed)).await?;
    let record = RunRecord::new(of, plan, context.provenance()).await;
    Ok(AuditJournal { audit, record })
}

/// Works to the end. The first SIGINT or SIGTERM ends the work in order, a second one at once.
async fn until_interrupted<T>(work: impl Future<Output = T>, stop: &Cancel) -> anyhow::Result<T> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.is_interruption() {
            bail!("interrupted twice: what the calls in flight have done is not known");
        }
        tracing::warn!(
            code = log_code::INTERRUPTED,
            "interrupted: no new call is made; waiting for the calls in flight"
        );
        stop.interrupt();
    }
}

fn show_json(format: Format, plan: PlanJson<'_>, report: Option<&Report>) -> anyhow::Result<()> {
    if format != Format::Json {
        return Ok(());
    }
    let result = report.map(|report| ResultJson {
        summary: report.tally(),
        error: report.stopped.as_ref(),
        rooms: &report.rooms,
    });
    output_json(&Output { plan, result })
}
