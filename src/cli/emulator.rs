//! `roomsync emulator`.

use super::exit::{Exit, Usage};
use super::flag_values::{address, whole};
use crate::disk::why_not_written;
use crate::emulator::{
    Emulator, Environment, FAULT_HELP, Fault, Options, Profile, Side, State, Switch, Webhook, WebhookStyle,
    save, serve, serve_control,
};
use crate::model::parse_duration;
use anyhow::{Context, anyhow, ensure};
use std::fs;
use std::io::{self, Write, stdout};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Plays the chat service on this machine, in memory.
///
/// The first line on standard output is `listening on http://ADDRESS`, the second `control on http://ADDRESS`. Then come
/// the faults in place and, where anything is at random, the seed to play it again with. SIGINT and SIGTERM end it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = CONTROL_HELP)]
pub struct Args {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,
    /// Who and what is there at the start, YAML or JSON; without it there is no room
    #[arg(
        long,
        value_name = "FILE",
        long_help = "Who and what is there at the start, YAML or JSON; without it there is no room:\n\
            {app_key: \"acme#demo\", tokens: [secret], users: [alice, bob], rooms: {\"66213271109633\": \
            {owner: alice, admins: [], members: [bob], maxusers: 10000}}}\n\
            Without `users` every valid name is known; without `tokens` any token is accepted.\n\
            Users can have tokens of their own (user_tokens: {alice: her-token}); with app_id and app_certificate, \
            AccessToken2 tokens are checked, the app's and those of users; clients: {id: secret} are those that can \
            ask for a token, and passwords: {alice: hers} the users who can"
    )]
    state: Option<PathBuf>,
    /// Calls a second that each method takes; 0 takes every call
    #[arg(
        long,
        value_name = "N",
        default_value_t = crate::chat::wire::CALLS_PER_SECOND,
        value_parser = whole::<u32>,
        allow_negative_numbers = true
    )]
    rate: u32,
    /// Which documents to follow where they disagree
    #[arg(long, value_enum, default_value = "seed")]
    profile: Side,
    /// Switches one point, such as add_one_member=newer; can be repeated, and a name that is none lists them all
    ///
    /// In no profile are unknown_user, unknown_among_many, batch_words, media_type, over_rate and quit_action: they are switched here alone.
    #[arg(long, value_name = "POINT=SIDE")]
    point: Vec<Switch>,
    /// Where the control endpoint listens: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    control: SocketAddr,
    /// Where to write what is there at the end, in the form of `--state`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// How long a call takes, there and back
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = short_time)]
    latency: Duration,
    /// How much longer or less long it takes, at most
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = short_time)]
    jitter: Duration,
    /// What everything at random is drawn from; left out, from another one each time
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Something that goes wrong with some calls, such as add_many@3:reset:after; can be given often
    #[arg(long = "fault", value_name = "SPEC", value_parser = Fault::parse, long_help = FAULT_HELP)]
    faults: Vec<Fault>,
    /// How long a member can be offline before they leave a room, unless owner or admin; left out, for ever
    ///
    /// Everybody is online at the start; `POST /offline` and `POST /online` of the control endpoint say who is not. The
    /// service itself lets people go after about 2m.
    #[arg(long, value_name = "TIME", value_parser = short_time)]
    offline_after: Option<Duration>,
    /// Longest life of a token that `POST /token` grants, in whole seconds; without it a token lasts as long as is asked for
    ///
    /// Whoever asks for no time gets 60 days, and with a `ttl` of 0 a token never ends.
    #[arg(long, value_name = "TIME", value_parser = short_time)]
    token_ttl: Option<Duration>,
    /// Where membership events are posted to: plain http on loopback
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook: Option<String>,
    /// What the events are signed with: `security` is the hex MD5 of callId, this and timestamp
    #[arg(long, value_name = "SECRET", requires = "webhook")]
    webhook_secret: Option<String>,
    /// Form of the events
    #[arg(long, value_enum, default_value = "new", requires = "webhook")]
    webhook_style: WebhookStyle,
}

const CONTROL_HELP: &str = "\
The control endpoint speaks JSON:\n  \
GET /journal              the last calls, at most 100,000; DELETE forgets them\n  \
GET /counters             calls, answers by status, calls by method, token requests, the busiest second\n  \
GET /state                what is there now, in the form of --state\n  \
POST /offline, /online    {\"users\": [\"bob\"]}\n  \
POST /join, /leave        {\"room\": \"66213271109633\", \"users\": [\"bob\"]}, by themselves\n  \
GET /faults               the faults in place; DELETE takes all away\n  \
POST /faults              {\"fault\": \"add_many@3:reset\"}; DELETE /faults/ID takes one away";

/// Reads a time, and not one that no run of an emulator sees the end of.
fn short_time(text: &str) -> anyhow::Result<Duration> {
    let time = parse_duration(text)?;
    ensure!(
        time <= Duration::from_secs(24 * 60 * 60),
        "`{text}` is too long; write at most 24h"
    );
    Ok(time)
}

/// Runs `roomsync emulator` until a signal ends it.
pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    only_loopback(args.listen)?;
    only_loopback(args.control)?;
    if let Some(path) = &args.save {
        can_be_saved(path)?;
    }
    let state = match &args.state {
        Some(path) => {
            State::read(path).with_context(|| format!("cannot use the state file {}", path.display()))?
        }
        None => State::default(),
    };
    let webhook = args.webhook.as_deref().zip(args.webhook_secret.as_deref());
    let webhook = webhook.map(|(url, secret)| Webhook::parse(url, secret));
    let mut webhook = webhook.transpose().map_err(|error| Usage(error.to_string()))?;
    if let Some(webhook) = &mut webhook {
        webhook.style = args.webhook_style;
    }
    let options = Options {
        calls_per_second: NonZeroU32::new(args.rate),
        profile: switched(args.profile, &args.point),
    };
    let environment = Environment {
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
        latency: args.latency,
        jitter: args.jitter,
        offline_after: args.offline_after,
        token_ttl: args.token_ttl,
    };
    let emulator = Emulator::in_environment(state, options, environment);
    let poster = webhook.map(|webhook| emulator.webhook(webhook));
    for fault in &args.faults {
        emulator
            .check_fault(fault)
            .map_err(|error| Usage(error.to_string()))?;
        emulator.add_fault(fault.clone());
    }
    // Before the first line of output: whoever waits for that may send a signal straight away.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let listener = bind("--listen", args.listen).await?;
    let control = bind("--control", args.control).await?;
    announce(&listener, &control, &emulator, environment).context("cannot write to standard output")?;

    let stop = watch::Sender::new(false);
    let stopped = || {
        let mut stopped = stop.subscribe();
        async move {
            // A sender that is gone has stopped as well.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
    };
    let post = async {
        if let Some(poster) = poster {
            poster.run(stopped()).await;
        }
        Ok(())
    };
    let signals = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.send_replace(true);
        Ok(())
    };
    tokio::try_join!(
        serve(listener, emulator.clone(), stopped()),
        serve_control(control, emulator.clone(), stopped()),
        post,
        signals,
    )
    .context("cannot serve any longer")?;
    if let Some(path) = &args.save {
        save(&emulator.state(), path)
            .map_err(|error| anyhow!("--save {}: {}", path.display(), why_not_written(path, &error)))?;
    }
    Ok(Exit::Done)
}

fn switched(side: Side, switches: &[Switch]) -> Profile {
    let mut profile = Profile::all(side);
    for Switch(point, side) in switches {
        profile.set(*point, *side);
    }
    profile
}

fn only_loopback(address: SocketAddr) -> Result<(), Usage> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let port = address.port();
    Err(Usage(format!(
        "the emulator listens on loopback only, and {address} is not: try 127.0.0.1:{port}"
    )))
}

/// Refuses, before anything is played, a file of `--save` that could not be written in the end.
fn can_be_saved(path: &Path) -> Result<(), Usage> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let found = match fs::metadata(folder) {
        Ok(folder) if !folder.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        Ok(_) if path.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        found => found.map(drop),
    };
    found.map_err(|error| {
        Usage(format!(
            "--save {}: {}",
            path.display(),
            why_not_written(path, &error)
        ))
    })
}

async fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: try another {flag}, or port 0 for a free one"))
}

fn announce(
    listener: &TcpListener,
    control: &TcpListener,
    emulator: &Emulator,
    environment: Environment,
) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    writeln!(out, "control on http://{}", control.local_addr()?)?;
    let faults = emulator.faults();
    for fault in &faults {
        writeln!(out, "fault {}: {}", fault.id, fault.fault)?;
    }
    if !environment.jitter.is_zero() || faults.iter().any(|fault| fault.fault.contains("seed=")) {
        writeln!(out, "seed {}", environment.seed)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::{Point, StateError};
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Alone {
        #[command(flatten)]
        args: Args,
    }

    fn args(listen: &str, state: Option<PathBuf>) -> Args {
        let mut args = Alone::parse_from(["emulator"]).args;
        args.listen = listen.parse().unwrap();
        args.state = state;
        args
    }

    #[test]
    fn a_point_wins_over_the_profile() {
        let switches = ["add_batch=newer", "add_batch=seed"].map(|text| text.parse().unwrap());
        let expected = Profile {
            add_batch: Side::Seed,
            ..Profile::all(Side::Newer)
        };
        assert_eq!(switched(Side::Newer, &switches), expected);
        assert_eq!(switched(Side::Seed, &[]), Profile::default());
    }

    #[test]
    fn the_help_names_the_points_that_belong_to_no_profile() {
        let mut command = <Alone as clap::CommandFactory>::command();
        let help = command.render_long_help().to_string();
        let (_, named) = help.split_once("In no profile are").unwrap();
        let (named, _) = named.split_once("they are switched").unwrap();
        for point in Point::ALL {
            let mut switched = Profile::all(Side::Newer);
            switched.set(*point, Side::Seed);
            let is_alone = switched == Profile::all(Side::Newer);
            assert_eq!(named.contains(point.name()), is_alone, "{}", point.name());
        }
    }

    #[tokio::test]
    async fn a_fault_of_events_needs_a_webhook() {
        let mut args = args("127.0.0.1:0", None);
        args.faults.push(Fault::parse("events:lost").unwrap());
        let error = run(&args).await.unwrap_err();
        assert!(
            error.is::<Usage>() && error.to_string().contains("--webhook URL"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn only_loopback() {
        for listen in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
            let error = run(&args(listen, None)).await.unwrap_err();
            assert!(
                error.is::<Usage>() && error.to_string().contains("loopback only"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_bad_state_file_is_told_apart() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "app_key: acme").unwrap();
        for path in [file.path().to_owned(), PathBuf::from("no/such/file")] {
            let error = run(&args("127.0.0.1:0", Some(path.clone()))).await.unwrap_err();
            assert!(error.downcast_ref::<StateError>().is_some());
            assert!(error.to_string().contains(&*path.to_string_lossy()));
        }
    }
}
