//! `roomsync demo`.

use super::exit::Exit;
use super::{Globals, apply, output, plan, run, validate};
use crate::daemon::{Command, Daemon};
use crate::emulator::{Emulator, Options, State, serve};
use crate::model::RoomId;
use crate::settings::{self, Env};
use crate::status::{Change, StatusSource};
use anyhow::{Context as _, anyhow, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

/// Shows the whole product in a few seconds, with nothing set up and nothing left behind
///
/// An emulated chat service, room files in a temporary folder, a plan, an apply, and the daemon: an edit that is followed, and
/// drift that is repaired.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Leave service, files and daemon running at the end, with the status page, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// First state of the emulated service: a lobby that has drifted, and a support room with somebody who left the team.
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

/// The room that is edited, and the other one.
const SUPPORT: &str = "66213271109634";
const LOBBY: &str = "66213271109633";

/// The edit: bob moves out of support.
const EDIT: (&str, &str) = ("    members: [bob, carol, dan]\n", "    members: [carol, dan]\n");

/// Interval between checks whether the daemon is done: the times shown are true to a tenth of a second.
const GLANCE: Duration = Duration::from_millis(10);
/// Time limit for what takes the daemon about a second, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs `roomsync demo`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
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
        let site = Site::of(globals, folder.path());
        let told = tokio::select! {
            told = site.tell(&address, &emulator) => told,
            _ = interrupt.recv() => Err(anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow!("interrupted")),
        };
        let told = match told {
            Ok(()) if args.keep => site.go_on(&address).await,
            told => told,
        };
        let _ = stop.send(());
        told
    };
    let (served, told) = tokio::join!(server, story);
    served.context("the emulator ended")?;
    folder.close().context("cannot remove the temporary folder")?;
    told?;
    say("Nothing is left behind. To go on: the README says how to point roomsync at your app.")?;
    Ok(Exit::Done)
}

/// The folder of the files, and the command line that is for it.
struct Site<'a> {
    folder: &'a Path,
    globals: Globals,
}

impl<'a> Site<'a> {
    fn of(globals: &Globals, folder: &'a Path) -> Self {
        // What the environment says is about a real app, which the demo must not touch.
        let globals = Globals {
            config: folder.join(settings::DEFAULT_FILE),
            env: Env::default(),
            ..globals.clone()
        };
        Self { folder, globals }
    }

    async fn tell(&self, address: &str, emulator: &Emulator) -> anyhow::Result<()> {
        let Self { folder, globals } = self;
        let rooms = folder.join("rooms");
        fs::create_dir(&rooms)?;
        fs::write(folder.join("token"), "demo-token\n")?;
        fs::write(
            &globals.config,
            format!(
                "service:\n  url: http://{address}\n  app_key: \"acme#demo\"\n  auth: {{token_file: token}}\n\
             rooms: rooms/\n\
             guards: {{max_removals_total: 25%}}\n\
             sync: {{interval: 1s, settle_removals: 500ms}}\n\
             state_dir: state\n\
             listen: off\n"
            ),
        )?;
        fs::write(rooms.join("team.yaml"), ROOMS)?;

        say(&format!(
            "A chat service runs on http://{address} (an emulator), and a team's room files lie in a\n\
         temporary folder. rooms/team.yaml says who belongs where:\n"
        ))?;
        output(&indented(ROOMS))?;
        say("1. Are the files right?   $ roomsync validate")?;
        ensure!(
            validate::run(globals, &validate::Args::default())? == Exit::Done,
            "the demo's files are not valid"
        );
        say("2. What would change?   $ roomsync plan")?;
        step(plan::run(globals, &plan::Args::default()).await?)?;
        say("3. Do it.   $ roomsync apply --yes")?;
        let yes = apply::Args {
            yes: true,
            ..apply::Args::default()
        };
        step(apply::run(globals, &yes).await?)?;

        say("4. Keep it so.   $ roomsync run")?;
        keep(globals, folder, emulator).await?;
        say("7. What the service holds now:")?;
        output(&indented(&held(&emulator.state())))
    }

    /// Runs the daemon with its page until a signal ends it.
    async fn go_on(&self, service: &str) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no free port on loopback")?;
        say(&format!(
            "All of it goes on until Ctrl-C.\n    the status page: http://{}/\n    the room files: {}\n    the chat service: http://{service}",
            listener.local_addr()?,
            self.folder.join("rooms").display(),
        ))?;
        step(run::on(listener, &self.globals).await?)
    }
}

/// Has the daemon follow an edit and repair drift.
async fn keep(globals: &Globals, folder: &Path, emulator: &Emulator) -> anyhow::Result<()> {
    let settings = settings::load(&globals.config, &globals.env)?;
    let daemon = Daemon::new(run::config(globals, &run::Args::default(), settings))?;
    let watched = Watched {
        folder,
        emulator,
        source: &*daemon.source(),
    };
    let (commands, commanded) = mpsc::channel(1);
    let story = async {
        let told = watched.tell().await;
        // Where it has ended by itself, that is told below.
        let _ = commands.send(Command::Stop).await;
        told
    };
    let (ended, told) = tokio::join!(daemon.run(commanded), story);
    ended?;
    told
}

/// The daemon at work, seen from the files, the service and itself.
struct Watched<'a> {
    folder: &'a Path,
    emulator: &'a Emulator,
    source: &'a dyn StatusSource,
}

impl Watched<'_> {
    async fn tell(&self) -> anyhow::Result<()> {
        self.comes("look at the rooms", || self.source.ready().is_ok())
            .await?;
        output(
            "    It follows the files, and looks at all rooms: every second here, every five minutes by default.\n",
        )?;

        let (before, after) = EDIT;
        let (head, support) = ROOMS
            .rsplit_once(before)
            .context("the demo's edit does not fit its files")?;
        say("5. Bob moves on: he is taken out of `support` in the file.")?;
        output(&format!(
            "    --- rooms/team.yaml\n    +++ rooms/team.yaml\n    -{before}    +{after}\n"
        ))?;
        let begun = Instant::now();
        fs::write(
            self.folder.join("rooms/team.yaml"),
            format!("{head}{after}{support}"),
        )?;
        self.comes("follow the edit", || !self.has(SUPPORT, "bob"))
            .await?;
        self.done("He is out of the room", begun, 0, 1).await?;

        say(
            "6. And then somebody meddles: mia is put out of the lobby, and eve lets herself into `support`.",
        )?;
        let begun = Instant::now();
        self.emulator.edit(|state| {
            for (id, room) in &mut state.rooms {
                match id.as_str() {
                    LOBBY => room.leave("mia"),
                    _ => room.join("eve"),
                };
            }
        });
        self.comes("repair the drift", || {
            self.is_admin(LOBBY, "mia") && !self.has(SUPPORT, "eve")
        })
        .await?;
        self.done("Both rooms are as the files say", begun, 1, 3).await
    }

    /// Waits until it is so.
    async fn comes(&self, what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is_so() {
            ensure!(
                begun.elapsed() < PATIENCE,
                "the daemon did not {what} within {} s",
                PATIENCE.as_secs()
            );
            sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Says how long it took, and what the daemon did after its first `known` changes: so `many` more.
    async fn done(&self, what: &str, begun: Instant, known: usize, many: usize) -> anyhow::Result<()> {
        let took = begun.elapsed();
        let changes = || {
            let mut changes = self.source.status().changes;
            changes.retain(|change| change.result == "done");
            changes
        };
        // The service has done it a moment before the daemon has its answer.
        self.comes("take down what it did", || changes().len() >= known + many)
            .await?;
        let mut changes = changes();
        changes.truncate(many);
        // The newest stands first; the rooms are changed side by side.
        changes.reverse();
        changes.sort_by(|a, b| a.room.cmp(&b.room));
        let lines: String = changes.iter().map(|change| self.line(change)).collect();
        output(&format!("    {what} {:.1} s later:\n{lines}", took.as_secs_f64()))
    }

    /// The change, and the file and line that ask for it.
    fn line(&self, change: &Change) -> String {
        let name = if change.room.as_str() == LOBBY {
            "lobby"
        } else {
            "support"
        };
        let file = change.file.as_deref().map(Path::new).unwrap_or(self.folder);
        let file = file.strip_prefix(self.folder).unwrap_or(file).display();
        let line = change.line.unwrap_or_default();
        format!("      {name}: {} {} ({file}:{line})\n", change.op, change.user)
    }

    fn has(&self, room: &str, user: &str) -> bool {
        let state = self.emulator.state();
        let mut rooms = state.rooms.iter().filter(|(id, _)| id.as_str() == room);
        rooms.any(|(_, room)| room.members().contains(user))
    }

    fn is_admin(&self, room: &str, user: &str) -> bool {
        let state = self.emulator.state();
        let mut rooms = state.rooms.iter().filter(|(id, _)| id.as_str() == room);
        rooms.any(|(_, room)| room.admins().contains(user))
    }
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
