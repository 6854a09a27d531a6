//! The daemon: follows the files, keeps the rooms, and never forgets what it must not do.
//!
//! One loop holds everything together: it takes what the files say, begins the passes that are due, and moves every second.
//! `engine` knows and decides, `passes` waits and calls. Nothing runs detached: when the loop ends, all has ended.

mod aside;
mod audit;
#[allow(dead_code)]
mod audit_log;
mod clock;
mod coming_and_going;
mod connect;
#[allow(dead_code)]
mod disk_worker;
mod engine;
pub mod files;
mod fsync;
mod holds;
mod journal;
mod learned_limits;
mod log_dedup;
mod once;
pub mod pass;
mod passes;
pub mod progress;
mod quota;
mod reload;
mod removal_budget;
mod restraint;
mod room;
mod service_time;
mod settling;
mod shared;
mod show;
mod state_dir;
mod systemd;
mod turns;
mod verdict;
mod watch;
mod withheld;
mod written;

pub use clock::{Clock, Clocks};
pub use connect::{ConnectError, config, connect};
pub use fsync::Fsync;
pub use once::Once;
pub use state_dir::StateDirError;
pub use written::Written;

use crate::chat::{Client, Observer};
use crate::desired::Remembered;
use crate::diagnostics::{Diagnostic, Invalid};
use crate::settings::Settings;
use crate::web::{Metrics, Source};
use engine::Engine;
use files::{Follow, Following, News};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use learned_limits::LimitScope;
use passes::Way;
use shared::{Counting, Shared, lock};
use state_dir::{Restored, RestoredFrom, StateDir};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use systemd::Manager;
use tokio::sync::{Notify, mpsc, watch as signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often the loop moves when nothing happens.
const BEAT: Duration = Duration::from_secs(1);

/// Makes a client of settings; the observer is told of every call.
pub type Connect = dyn Fn(&Settings, Option<Box<dyn Observer>>) -> Result<Client, ConnectError> + Send;

/// What the daemon is made of.
pub struct Config {
    /// The settings at the start.
    pub settings: Settings,
    /// The file they are from, which is never a room file.
    pub settings_file: PathBuf,
    /// Reads them anew.
    pub reload: Box<dyn Fn() -> Result<Settings, Invalid> + Send>,
    /// Makes the client.
    pub connect: Box<Connect>,
    /// Whether nothing is ever written: neither to the service nor into `state_dir`.
    pub dry_run: bool,
    /// What tells the time.
    pub clock: Clock,
    /// What chance begins with.
    pub seed: u64,
    /// Syncs the files of `state_dir` and the audit log.
    pub fsync: Fsync,
}

/// What somebody outside asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Read settings and files again (SIGHUP).
    Reload,
    /// End in order (SIGTERM).
    Stop,
}

/// Why there is no daemon, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// What it must not forget cannot be kept.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// There is no way to the service.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Nobody follows the files any more.
    #[error("the files are no longer followed: a fault in roomsync; start it again, and report this")]
    Files,
}

/// A daemon that has not been started.
pub struct Daemon {
    shared: Arc<Shared>,
    config: Config,
    way: Way,
    remembered: Remembered,
}

impl Daemon {
    /// Takes the state folder and makes the client; nothing is sent yet.
    pub fn new(config: Config) -> Result<Self, DaemonError> {
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
        let (settings, dry_run) = (config.settings.clone(), config.dry_run);
        let counting = Counting {
            metrics: Arc::clone(&metrics),
            clock: config.clock.anew(),
            service_time: Arc::default(),
        };
        let way = way(&config, &settings, &counting)?;
        let (store, kept) = if dry_run {
            StateDir::read_only(&settings.state_dir)?
        } else {
            StateDir::open(&settings.state_dir, config.fsync.clone())?
        };
        let Restored {
            rosters,
            state,
            files: remembered,
            settled,
            found,
        } = kept;
        let state_dir = settings.state_dir.display();
        match found {
            RestoredFrom::Nothing => {
                tracing::info!(%state_dir, "nothing is kept from before: holds and budgets start anew");
            }
            RestoredFrom::EarlierVersion => {
                tracing::info!(%state_dir, "what an earlier version kept is taken over");
            }
            RestoredFrom::ThisVersion => {}
        }
        way.begin_with(state.learned_limits.as_ref());
        let engine = Engine::new(
            settings,
            &counting,
            config.seed,
            store,
            (rosters, state, settled),
            dry_run,
        );
        let shared = Shared {
            engine: Mutex::new(engine),
            reader: Mutex::new(way.reader.clone()),
            metrics,
            counting,
            beat: Mutex::new(Instant::now()),
            wake: Notify::new(),
            ends: signal::Sender::new(false),
            passes: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            config,
            way,
            remembered,
        })
    }

    /// A view for the web.
    #[must_use]
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::new(show::Window(Arc::clone(&self.shared)))
    }

    /// What the web shows of the past.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// Makes one pass over all rooms, by the files once they are finished; where somebody would be put out or lose a role, once
    /// these have been unchanged for `sync.settle_removals`. When `stop` comes, no new call is made, and those in flight end;
    /// `None`: it came before there was a plan. The error: the files cannot be used.
    pub async fn once(self, stop: impl Future<Output = ()>) -> Result<Option<Once>, Invalid> {
        once::run(self, stop).await
    }

    /// Keeps the rooms until it is told to stop; then no new call is made, and those in flight end.
    pub async fn run(self, mut commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
        let Self {
            shared,
            config,
            mut way,
            remembered,
        } = self;
        let mut manager = Manager::new();
        let mut following = Following::start(follow(&config, &config.settings, remembered));
        let mut stillness = following.stillness();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut passes: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
        manager.ready();
        let ended = loop {
            shared.beat();
            let due = lock(&shared.engine).next_due();
            let mut command = None;
            tokio::select! {
                news = following.news() => match news {
                    Some(news) => heard(&shared, news),
                    None => break Err(DaemonError::Files),
                },
                asked = commands.recv() => command = Some(asked.unwrap_or(Command::Stop)),
                Some(()) = passes.next(), if !passes.is_empty() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = shared.wake.notified() => {}
                // Where the task has ended, its news tell it.
                Ok(()) = stillness.changed() => {}
                _ = beat.tick() => {
                    lock(&shared.engine).tick();
                    manager.alive(|| lock(&shared.engine).in_a_line());
                }
            }
            match command {
                Some(Command::Stop) => break Ok(()),
                Some(Command::Reload) => {
                    manager.reloading();
                    reload::reload(&shared, &config, &mut way, &following);
                    manager.ready();
                }
                None => {}
            }
            if lock(&shared.engine).see_stillness(&stillness.borrow_and_update()) {
                following.look_now();
            }
            begin(&shared, &way, &passes);
        };
        manager.stopping();
        tracing::info!("ending: no new call is made, those in flight end");
        end(&shared, &way);
        loop {
            tokio::select! {
                next = passes.next() => if next.is_none() { break },
                _ = beat.tick() => {
                    shared.beat();
                    manager.alive(|| "ending".to_owned());
                }
            }
        }
        following.stop().await;
        ended
    }
}

/// The way to the service that these settings describe.
fn way(config: &Config, settings: &Settings, counting: &Counting) -> Result<Way, ConnectError> {
    let client = (config.connect)(settings, Some(Box::new(counting.clone())))?;
    Ok(Way {
        reader: client.reader(),
        writes: (!config.dry_run).then_some(client),
        at_once: settings.limits.concurrency,
        limit_scope: LimitScope::of(settings),
    })
}

fn follow(config: &Config, settings: &Settings, remembered: Remembered) -> Follow {
    Follow {
        paths: settings.rooms.clone(),
        settings_file: Some(config.settings_file.clone()),
        guards: settings.guards.clone(),
        settle: settings.sync.settle,
        remembered,
    }
}

/// Takes what the files say now.
fn heard(shared: &Shared, news: News) {
    let mut engine = lock(&shared.engine);
    match news {
        News::Taken(loaded) => {
            shared.metrics.reloaded(true);
            for Diagnostic {
                code,
                message,
                location,
                ..
            } in &loaded.warnings
            {
                let file = location.as_ref().map(|location| location.file.as_str());
                tracing::warn!(code, file, "{message}");
            }
            engine.take(*loaded);
        }
        News::Bad(problems) => {
            shared.metrics.reloaded(false);
            engine.refuse(problems);
        }
        News::AsBefore => engine.refuse(Vec::new()),
    }
}

/// Begins the passes that are due.
fn begin<'a>(shared: &Arc<Shared>, way: &Way, passes: &FuturesUnordered<LocalBoxFuture<'a, ()>>) {
    let now = Instant::now();
    let mut engine = lock(&shared.engine);
    let all = engine.full_is_due(now);
    let begun = all.then(|| engine.begin_full());
    // Those that are left come back on their own.
    let turns = engine.take_due(now);
    drop(engine);
    if let Some(turns) = begun {
        let (shared, way) = (Arc::clone(shared), way.clone());
        passes.push(Box::pin(async move {
            // What came of it stands in the engine.
            let _ = passes::full(&shared, &way, turns, &|| true).await;
        }));
    }
    if !turns.is_empty() {
        let (shared, way) = (Arc::clone(shared), way.clone());
        passes.push(Box::pin(async move { passes::some(&shared, &way, turns).await }));
    }
}

/// Ends what is under way in order.
fn end(shared: &Shared, way: &Way) {
    shared.ends.send_replace(true);
    way.reader.close();
    for room in lock(&shared.engine).rooms.values() {
        if let Some(stop) = &room.applying {
            stop.interrupt();
        }
    }
}
