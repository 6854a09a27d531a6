//! `roomsync demo`.

use super::exit::Exit;
use super::{Globals, apply, output, plan, validate};
use crate::emulator::{Emulator, Options, State, serve};
use crate::model::RoomId;
use crate::settings::Env;
use anyhow::{Context as _, anyhow, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Shows the whole product in a few seconds, with nothing set up and nothing left behind
///
/// An emulated chat service, room files in a temporary folder, a plan, an apply, an edit that is followed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {}

/// What the emulated service begins with: a lobby that has drifted, and a support room with somebody who left the team.
const STATE: &str = r#"
app_key: "acme#demo"
tokens: [demo-token]
users: [alice, bob, carol, dan, eve, mia, omar, guest-7]
rooms:
  "66213271109633": {owner: alice, admins: [], members: [bob, guest-7], maxusers: 200}
  "66213271109634": {owner: alice, admins: [mia], members: [bob, carol, dan, eve], maxusers: 200}
"#;

const ROOMS: &str = r#"groups:
  moderators: [mia, omar]

rooms:
  - id: "66213271109633"
    name: lobby
    owner: alice
    admins: [group:moderators]
    members: [bob, carol, dan]
    ignore: ["guest-*"]

  - id: "66213271109634"
    name: support
    admins: [group:moderators]
    members: [bob, carol, dan]
"#;

/// The edit: bob moves out of support.
const EDIT: (&str, &str) = (
    "    admins: [group:moderators]\n    members: [bob, carol, dan]\n",
    "    admins: [group:moderators]\n    members: [carol, dan]\n",
);

/// Runs `roomsync demo`.
pub(super) async fn run(globals: &Globals, _args: &Args) -> anyhow::Result<Exit> {
    // Before the folder is made: a signal that nobody waits for would leave it behind.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let folder = tempfile::Builder::new()
        .prefix("roomsync-demo-")
        .tempdir()
        .context("no temporary folder")?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("no free port on loopback")?;
    let address = listener.local_addr()?.to_string();
    let emulator = Emulator::new(State::parse(STATE)?, Options::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(listener, emulator.clone(), async {
        let _ = stopped.await;
    });
    let story = async {
        let told = tokio::select! {
            told = tell(globals, folder.path(), &address, &emulator) => told,
            _ = interrupt.recv() => Err(anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow!("interrupted")),
        };
        let _ = stop.send(());
        told
    };
    let (served, told) = tokio::join!(server, story);
    served.context("the emulator ended")?;
    folder.close().context("cannot remove the temporary folder")?;
    told.map(|()| Exit::Done)
}

async fn tell(globals: &Globals, folder: &Path, address: &str, emulator: &Emulator) -> anyhow::Result<()> {
    let config = folder.join("roomsync.yaml");
    let rooms = folder.join("rooms");
    fs::create_dir(&rooms)?;
    fs::write(folder.join("token"), "demo-token\n")?;
    fs::write(
        &config,
        format!(
            "service:\n  url: http://{address}\n  app_key: \"acme#demo\"\n  auth: {{token_file: token}}\n\
             rooms: rooms/\n\
             guards: {{max_removals_total: 25%}}\n"
        ),
    )?;
    fs::write(rooms.join("team.yaml"), ROOMS)?;
    // What the environment says is about a real app, which the demo must not touch.
    let globals = Globals {
        config,
        env: Env::default(),
        ..globals.clone()
    };

    say(&format!(
        "A chat service runs on http://{address} (an emulator), and a team's room files lie in a\n\
         temporary folder. rooms/team.yaml says who belongs where:\n"
    ))?;
    output(&indented(ROOMS))?;
    say("1. Are the files right?   $ roomsync validate")?;
    ensure!(
        validate::run(&globals, &validate::Args::default())? == Exit::Done,
        "the demo's files are not valid"
    );
    say("2. What would change?   $ roomsync plan")?;
    step(plan::run(&globals, &plan::Args::default()).await?)?;
    say("3. Do it.   $ roomsync apply --yes")?;
    let yes = apply::Args {
        yes: true,
        ..apply::Args::default()
    };
    step(apply::run(&globals, &yes).await?)?;

    let (before, after) = EDIT;
    let edited = ROOMS.replacen(&format!("support\n{before}"), &format!("support\n{after}"), 1);
    ensure!(edited != ROOMS, "the demo's edit does not fit its files");
    fs::write(rooms.join("team.yaml"), edited)?;
    say("4. Bob moves on: he is taken out of `support` in the file.   $ roomsync plan")?;
    step(plan::run(&globals, &plan::Args::default()).await?)?;
    say("5. And again.   $ roomsync apply --yes")?;
    step(apply::run(&globals, &yes).await?)?;
    say("6. What the service holds now:")?;
    output(&indented(&held(&emulator.state())))?;
    say("Nothing is left behind. To go on: the README says how to point roomsync at your app.")
}

fn step(exit: Exit) -> anyhow::Result<()> {
    ensure!(
        exit == Exit::Done,
        "the demo did not go as it should (exit code {})",
        exit.code()
    );
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    output(&format!("\n\u{1b}[1m{text}\u{1b}[0m\n"))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn held(state: &State) -> String {
    state
        .rooms
        .iter()
        .fold(String::new(), |mut out, (id, room): (&RoomId, _)| {
            let mut people: Vec<String> = room
                .members()
                .iter()
                .map(|user| match user {
                    _ if room.is_owner(user) => format!("{user} (owner)"),
                    _ if room.admins().contains(user) => format!("{user} (admin)"),
                    _ => user.to_owned(),
                })
                .collect();
            people.sort();
            let _ = writeln!(out, "{id}: {}", people.join(", "));
            out
        })
}
