//! `roomsync status`.

use super::daemon_link::{DaemonArgs, DaemonLink, words};
use super::{Exit, Globals, output, output_json};
use crate::model::{age_in_words, counted, printable};
use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Shows what the daemon's page says: how the rooms are, and what needs attention
///
/// Where the settings name `status_token_file`, its token is sent.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// How to print: text for people, or the JSON of /api/status
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    daemon: DaemonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What is shown of `/api/status`.
#[derive(Debug, Deserialize)]
struct Shown {
    version: String,
    started: Timestamp,
    headline: Headline,
    attention: Vec<Item>,
    withheld: Option<Withheld>,
    files: Files,
    service: Service,
    passes: Passes,
    room_counts: RoomCounts,
    unmanaged: Option<Unmanaged>,
}

#[derive(Debug, Deserialize)]
struct Headline {
    text: String,
}

#[derive(Debug, Deserialize)]
struct Item {
    code: String,
    message: String,
    since: Timestamp,
    by: Option<String>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Withheld {
    message: String,
}

#[derive(Debug, Deserialize)]
struct Files {
    files: usize,
    taken: Option<Timestamp>,
    revision: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Service {
    app: String,
    url: String,
    trouble: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Passes {
    last_ended: Option<Timestamp>,
    next: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Unmanaged {
    line: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RoomCounts {
    states: BTreeMap<String, usize>,
}

/// Codes of what a person has to decide. Any other item is something that failed or is not whole.
const DECIDED_BY_PEOPLE: [&str; 4] = ["paused", "blocked", "held", "removal_budget"];
/// States in which a room is as wanted, or nothing is wanted of it.
const IN_ORDER: [&str; 2] = ["in_sync", "observed"];

/// Runs `roomsync status`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let link = DaemonLink::new(globals, &args.daemon)?;
    let answer = link.status().await?;
    if answer.status == 401 {
        bail!(
            "the daemon wants the token of its `status_token_file`; name that file in the settings here, too, and see that you may read it"
        );
    }
    if answer.status != 200 {
        return Err(link.refused(answer.status, &words(&answer)));
    }
    let json: serde_json::Value = serde_json::from_slice(&answer.body)
        .map_err(|_| anyhow!("something else than roomsync answers there"))?;
    let shown = Shown::deserialize(&json).context("the answer is not that of a roomsync of this version")?;
    if let Some(app) = link.app().filter(|app| *app != shown.service.app) {
        let other = printable(&shown.service.app);
        bail!(
            "the daemon that answers is for the app {other}, and these settings are for {app}; is --url right, or `listen`?"
        );
    }
    match args.format {
        Format::Json => output_json(&json)?,
        Format::Text => output(&text(&shown, Timestamp::now()))?,
    }
    Ok(exit(&shown))
}

fn exit(shown: &Shown) -> Exit {
    let is_decided = |item: &Item| DECIDED_BY_PEOPLE.contains(&item.code.as_str());
    let is_other = |state: &&String| !IN_ORDER.contains(&state.as_str()) && *state != "blocked";
    if shown.service.trouble.is_some() {
        Exit::Failed
    } else if shown.attention.iter().any(|item| !is_decided(item)) {
        Exit::Partly
    } else if !shown.attention.is_empty() || shown.room_counts.states.contains_key("blocked") {
        Exit::Blocked
    } else if shown.room_counts.states.keys().any(|state| is_other(&state))
        || shown.room_counts.states.is_empty()
    {
        Exit::Partly
    } else {
        Exit::Done
    }
}

/// The status for people.
fn text(shown: &Shown, now: Timestamp) -> String {
    let Shown {
        version,
        started,
        headline,
        attention,
        withheld,
        files,
        service,
        passes,
        room_counts,
        unmanaged,
    } = shown;
    let mut lines = vec![headline.text.clone()];
    for Item {
        message,
        since,
        by,
        why,
        code: _,
    } in attention
    {
        let by = by.as_deref().map(|by| format!(", by {by}")).unwrap_or_default();
        let why = why
            .as_deref()
            .map(|why| format!(": \"{why}\""))
            .unwrap_or_default();
        let lasts = age_in_words(now.duration_since(*since).as_mins());
        let lasts = lasts.map(|lasts| format!(" (for {lasts})")).unwrap_or_default();
        lines.push(format!("  ! {message}{by}{why}{lasts}"));
    }
    if let (Some(Withheld { message }), true) = (withheld, attention.is_empty()) {
        lines.push(format!("  nothing is written: {message}"));
    }
    let states = room_counts.states.iter();
    let states: Vec<String> = states
        .map(|(state, number)| format!("{number} {}", state.replace('_', " ")))
        .collect();
    let rooms: usize = room_counts.states.values().sum();
    lines.push(match states.as_slice() {
        [] => "no rooms".to_owned(),
        states => format!("{}: {}", counted(rooms, "room"), states.join(", ")),
    });
    lines.extend(unmanaged.iter().filter_map(|unmanaged| unmanaged.line.clone()));
    let at = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut looks = match passes.last_ended {
        Some(ended) => format!("looked at every room {}", at(ended)),
        None => "not every room was looked at yet".to_owned(),
    };
    if let Some(next) = passes.next {
        looks += &format!("; next look {}", at(next));
    }
    lines.push(looks);
    if let Some(taken) = files.taken {
        let revision = files.revision.as_deref();
        let revision = revision
            .map(|revision| format!(", commit {revision}"))
            .unwrap_or_default();
        lines.push(format!(
            "{} taken {}{revision}",
            counted(files.files, "file"),
            at(taken)
        ));
    }
    lines.push(format!(
        "{} at {}; roomsync {version}, started {}",
        service.app,
        service.url,
        at(*started)
    ));
    let lines = lines.iter().map(|line| format!("{}\n", printable(line)));
    lines.collect()
}
