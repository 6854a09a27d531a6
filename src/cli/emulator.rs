//! `roomsync emulator`.

use super::exit::{Exit, Usage};
use crate::emulator::{Emulator, Options, Profile, Side, State, Switch, serve};
use anyhow::Context;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the chat service on this machine, in memory.
///
/// The first line on standard output is `listening on http://ADDRESS`. SIGINT and SIGTERM end it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
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
            AccessToken2 tokens are checked; clients: {id: secret} are those that can ask for a token"
    )]
    state: Option<PathBuf>,
    /// Calls a second that each method takes; 0 takes every call
    #[arg(long, value_name = "N", default_value_t = crate::chat::wire::CALLS_PER_SECOND)]
    rate: u32,
    /// Which documents to follow where they disagree
    #[arg(long, value_enum, default_value = "seed")]
    profile: Side,
    /// Switches one point, such as add_one_member=newer; can be repeated, and a name that is none lists them all
    #[arg(long, value_name = "POINT=SIDE")]
    point: Vec<Switch>,
}

/// Runs `roomsync emulator` until a signal ends it.
pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let Args {
        listen,
        state,
        rate,
        profile,
        point,
    } = args;
    if !listen.ip().is_loopback() {
        let port = listen.port();
        return Err(Usage(format!(
            "the emulator listens on loopback only, and {listen} is not: try 127.0.0.1:{port}"
        ))
        .into());
    }
    let state = match state {
        Some(path) => {
            State::read(path).with_context(|| format!("cannot use the state file {}", path.display()))?
        }
        None => State::default(),
    };
    let options = Options {
        calls_per_second: NonZeroU32::new(*rate),
        profile: switched(*profile, point),
    };
    // Before the first line of output: whoever waits for that may send a signal straight away.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let listener = TcpListener::bind(*listen).await.with_context(|| {
        format!("cannot listen on {listen}: try another --listen, or port 0 for a free one")
    })?;
    announce(&listener).context("cannot write to standard output")?;
    serve(listener, Emulator::new(state, options), async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await
    .context("cannot serve any longer")?;
    Ok(Exit::Done)
}

fn switched(side: Side, switches: &[Switch]) -> Profile {
    let mut profile = Profile::all(side);
    for Switch(point, side) in switches {
        profile.set(*point, *side);
    }
    profile
}

fn announce(listener: &TcpListener) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::StateError;

    fn args(listen: &str, state: Option<PathBuf>) -> Args {
        Args {
            listen: listen.parse().unwrap(),
            state,
            rate: 0,
            profile: Side::Seed,
            point: Vec::new(),
        }
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
        std::fs::write(file.path(), "app_key: acme").unwrap();
        for path in [file.path().to_owned(), PathBuf::from("no/such/file")] {
            let error = run(&args("127.0.0.1:0", Some(path.clone()))).await.unwrap_err();
            assert!(error.downcast_ref::<StateError>().is_some());
            assert!(error.to_string().contains(&*path.to_string_lossy()));
        }
    }
}
