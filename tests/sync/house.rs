//! The daemon in this process, on virtual time: real files, the emulator behind the client's transport seam.

use super::service::{Service, people, room_id, room_of, state, virtually};
use http::Method as Http;
use jiff::Timestamp;
use roomsync::chat::{Client, Transport};
use roomsync::clock::Clock;
use roomsync::daemon::{Command, Config, Daemon, DaemonError, Fsync, StateDirError};
use roomsync::reconcile;
use roomsync::settings::{self, Env};
use roomsync::status::{Control, RoomState, Status, StatusSource};
use roomsync::web::{Intake, Metrics};
use std::collections::BTreeSet;
use std::fs;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::sleep;

/// When everything begins.
pub(crate) const START: &str = "2026-11-23T00:00:00Z";

/// A folder with settings and room files, and the service they are for.
pub(crate) struct House {
    folder: TempDir,
    pub(crate) service: Service,
    pub(crate) seed: u64,
    /// Syncs what the daemon writes.
    pub(crate) fsync: Fsync,
    pub(crate) dry_run: bool,
    /// The time of day, which goes on through restarts; the service's is the same at first.
    pub(crate) clock: Clock,
    /// Gate that everything sent passes on its way to the service.
    pub(crate) through: Option<Arc<Through>>,
}

/// Puts something in front of a service.
pub(crate) type Through = dyn Fn(Service) -> Box<dyn Transport> + Send + Sync;

/// A daemon that runs in it. It has to be stopped.
pub(crate) struct Running {
    pub(crate) source: Arc<dyn StatusSource>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) intake: Arc<Intake>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<Result<(), DaemonError>>,
}

/// Does all of it on virtual time.
pub(crate) fn house(service: Service, more_settings: &str, story: impl AsyncFnOnce(House)) {
    virtually(LocalSet::new().run_until(async {
        let clock = Clock::from(START.parse::<Timestamp>().unwrap());
        let of_service = clock.clone();
        let now_ms = move || u64::try_from(of_service.now().as_millisecond()).unwrap();
        service.emulator.set_clock(now_ms);
        story(House::new(service, more_settings, 7, clock)).await;
    }));
}

impl House {
    fn new(service: Service, more_settings: &str, seed: u64, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rooms")).unwrap();
        let house = Self {
            folder,
            service,
            seed,
            fsync: Fsync::default(),
            dry_run: false,
            clock,
            through: None,
        };
        house.put("token", "secret\n");
        // How files settle has tests of its own.
        let sync = if more_settings.contains("sync:") {
            ""
        } else {
            "sync: {settle_removals: 0ms}"
        };
        // So has the count of the app's other rooms.
        let others = if more_settings.contains("report_unmanaged:") {
            ""
        } else {
            "report_unmanaged: false"
        };
        house.put(
            "roomsync.yaml",
            &format!(
                "service: {{url: \"http://127.0.0.1:1\", app_key: \"acme#demo\", auth: {{token_file: token}}}}\n\
                 {more_settings}\n{sync}\n{others}\n"
            ),
        );
        house
    }

    /// Another folder with settings and room files, for the same service. What it sends is counted apart.
    pub(crate) fn beside(&self, more_settings: &str) -> Self {
        let service = Service::of(self.service.emulator.clone());
        Self::new(service, more_settings, self.seed + 1, self.clock.clone())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there in one step, as editors and git do.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let (path, new) = (self.path(name), self.path(".new"));
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
    }

    pub(crate) fn rooms(&self, text: &str) {
        self.put("rooms/all.yaml", text);
    }

    pub(crate) fn config(&self) -> Config {
        let file = self.path("roomsync.yaml");
        let load = move || settings::load(&file, &Env::default());
        let (service, through) = (self.service.clone(), self.through.clone());
        Config {
            settings: load().unwrap(),
            settings_file: self.path("roomsync.yaml"),
            reload: Box::new(load),
            connect: Box::new(move |settings, observer| {
                let config = reconcile::config(settings, observer)?;
                let transport = match &through {
                    Some(through) => through(service.clone()),
                    None => Box::new(service.clone()),
                };
                Ok(Client::new(transport, config))
            }),
            dry_run: self.dry_run,
            clock: self.clock.clone(),
            seed: self.seed,
            fsync: self.fsync.clone(),
        }
    }

    pub(crate) fn start(&self) -> Running {
        let daemon = self.daemon();
        let (source, control) = (daemon.source(), daemon.control());
        let (metrics, intake) = (daemon.metrics(), daemon.intake());
        let (commands, commanded) = mpsc::channel(8);
        let task = tokio::task::spawn_local(daemon.run(commanded));
        Running {
            source,
            control,
            metrics,
            intake,
            commands,
            task,
        }
    }

    /// A daemon of this house. What was killed may still hold the state folder until its last look at a disk has ended.
    fn daemon(&self) -> Daemon {
        for _ in 0..1_000 {
            match Daemon::new(self.config()) {
                Err(DaemonError::StateDir(StateDirError::Taken(_))) => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                daemon => return daemon.unwrap(),
            }
        }
        panic!("the state folder stays taken");
    }

    /// The lines of changes in the audit log.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let mut lines = self.whole_audit();
        lines.retain(|line| line.get("event").is_none());
        lines
    }

    /// Every line of the audit log.
    pub(crate) fn whole_audit(&self) -> Vec<serde_json::Value> {
        self.lines_of("audit.jsonl")
    }

    /// The lines of JSON in a file, if it is there.
    pub(crate) fn lines_of(&self, file: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.path(".roomsync")
    }
}

impl Running {
    pub(crate) fn status(&self) -> Status {
        self.source.status()
    }

    /// Waits until this holds. After `within` it panics with the caller's line, the condition as written there, and the status.
    #[track_caller]
    pub(crate) fn until<'a>(
        &'a self,
        within: Duration,
        mut holds: impl FnMut(&Status) -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        let caller = Location::caller();
        async move {
            let step = Duration::from_millis(50);
            let mut waited = Duration::ZERO;
            while !holds(&self.status()) {
                assert!(
                    waited < within,
                    "{}:{}: not within {within:?}:\n{}\nbut\n{:#?}",
                    caller.file(),
                    caller.line(),
                    statement_at(caller),
                    self.status()
                );
                sleep(step).await;
                waited += step;
            }
        }
    }

    /// Waits until every room is as wanted and nothing wants a person.
    #[track_caller]
    pub(crate) fn until_well(&self, within: Duration) -> impl Future<Output = ()> + '_ {
        self.until(within, |status| {
            status.attention.is_empty()
                && !status.rooms.is_empty()
                && status.rooms.iter().all(|room| room.state == RoomState::InSync)
        })
    }

    pub(crate) async fn tell(&self, command: Command) {
        self.commands.send(command).await.unwrap();
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn tell_and_end(&mut self, command: Command) {
        self.tell(command).await;
        (&mut self.task).await.unwrap().unwrap();
    }

    pub(crate) async fn stop(self) {
        self.tell(Command::Stop).await;
        self.task.await.unwrap().unwrap();
    }

    /// Ends it as SIGKILL would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// The statement that begins at this place of a source, up to its semicolon.
fn statement_at(place: &Location<'_>) -> String {
    let source = fs::read_to_string(place.file()).unwrap_or_default();
    let from = source.lines().skip(place.line() as usize - 1);
    let mut statement: Vec<&str> = Vec::new();
    for line in from {
        statement.push(line);
        if line.ends_with(';') && line.contains(".await") || statement.len() == 20 {
            break;
        }
    }
    statement.join("\n")
}

#[test]
fn a_wait_in_vain_says_where_and_for_what() {
    let failed = std::panic::catch_unwind(|| {
        house(Service::new(state([])), "", async |house: House| {
            house.rooms("rooms: []\n");
            let running = house.start();
            running
                .until(Duration::from_secs(1), |status| status.rooms.len() == 7)
                .await;
        });
    });
    let message = failed.unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("tests/sync/house.rs:"), "{message}");
    assert!(message.contains("not within 1s"), "{message}");
    assert!(message.contains("status.rooms.len() == 7"), "{message}");
    assert!(message.contains("attention: "), "{message}");
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// A file of one room.
pub(crate) fn room_text(id: &str, members: impl IntoIterator<Item = String>) -> String {
    let members: Vec<String> = members.into_iter().collect();
    format!(
        "rooms:\n  - id: \"{id}\"\n    members: [{}]\n",
        members.join(", ")
    )
}

pub(crate) fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("u{n}")).collect()
}

pub(crate) fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// A service with one room in which all of these are.
pub(crate) fn one_room(members: &[String]) -> Service {
    Service::new(state([(room_id(1), room_of("alice", &[], &refs(members)))]))
}

pub(crate) fn members(service: &Service) -> BTreeSet<String> {
    people(&service.emulator.state().rooms[&room_id(1)]).members
}

pub(crate) fn id() -> String {
    room_id(1).to_string()
}

/// The write calls since the last time this was asked.
pub(crate) fn writes(service: &Service) -> usize {
    let sent = service.take_sent();
    sent.iter().filter(|(method, ..)| method != Http::GET).count()
}
