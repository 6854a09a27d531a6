//! The daemon: follows the files, keeps the rooms, and never forgets what it must not do.
//!
//! One loop holds everything together: it takes the files' events, begins the passes that are due, and moves every second.
//! `controller` decides, `passes` waits and calls, and the disk is written off the loop. Nothing runs detached: when the loop ends,
//! all has ended.

mod absences;
mod admin_lists;
mod approvals;
mod approve;
mod attention;
mod call_metrics;
mod contests;
mod controller;
mod departed;
mod ending;
mod events;
mod file_events;
mod files_in_force;
mod fleet_budget;
mod handle;
mod learned_limits;
mod log_dedup;
mod once;
mod orders;
mod pass_cost;
mod pass_history;
mod pass_hooks;
mod pass_log;
mod passes;
mod place_ends;
mod presence;
mod process;
mod quota;
mod reload;
mod room_lines;
mod room_news;
mod room_pages;
mod room_status;
mod room_table;
mod safeguards;
mod service_clock;
mod service_health;
mod settings_watch;
mod settled;
mod settling;
mod shortfall;
mod snapshots;
mod state_dir;
mod status_line;
mod status_source;
mod systemd;
mod token_watch;
mod unmanaged;
mod workqueue;
mod write_gate;

pub use crate::disk::Fsync;
pub use state_dir::StateDirError;

use crate::audit_log::AuditLog;
use crate::chat::wire::Method;
use crate::chat::{Client, Observer};
use crate::clock::Clock;
use crate::desired::Remembered;
use crate::diagnostics::Invalid;
use crate::file_source::{FileSource, Follow};
use crate::model::log_code;
use crate::reconcile::{ConnectError, Once};
use crate::settings::Settings;
use crate::status::{Control, StatusSource};
use crate::web::{Intake, Metrics};
use call_metrics::CallMetrics;
use controller::Controller;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use handle::{DaemonHandle, Shared, lock};
use learned_limits::ServiceLink;
use settings_watch::SettingsWatch;
use state_dir::{Persister, RestoredFrom, StateDir};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use systemd::Manager;
use tokio::sync::{Notify, mpsc, watch as signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Time between two moves of the loop when nothing happens.
const BEAT: Duration = Duration::from_secs(1);

/// Makes a client of settings; the observer is told of every call.
pub type Connect = dyn Fn(&Settings, Option<Box<dyn Observer>>) -> Result<Client, ConnectError> + Send;

/// Everything that a daemon is made of.
pub struct Config {
    /// The settings at the start.
    pub settings: Settings,
    /// The file they are from, which is never a room file.
    pub settings_file: PathBuf,
    /// Reads them anew.
    pub reload: Box<dyn Fn() -> Result<Settings, Invalid> + Send>,
    /// Makes the client.
    pub connect: Box<Connect>,
    /// True if nothing is ever written: neither to the service nor into `state_dir`.
    pub dry_run: bool,
    /// The time.
    pub clock: Clock,
    /// Syncs the files of `state_dir` and the audit log.
    pub fsync: Fsync,
    /// RNG seed.
    pub seed: u64,
}

/// Request from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Read settings and files again (SIGHUP).
    Reload,
    /// End in order (SIGTERM).
    Stop,
}

/// Reason why there is no daemon, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state that must survive a restart cannot be kept.
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
    handle: DaemonHandle,
    config: Config,
    link: ServiceLink,
    remembered: Remembered,
}

impl Daemon {
    /// Takes the state folder and makes the client; nothing is sent yet.
    pub fn new(config: Config) -> Result<Self, DaemonError> {
        let methods = Method::ALL.map(Method::as_str);
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), methods, config.clock.now());
        let settings = config.settings.clone();
        let calls = CallMetrics {
            metrics: Arc::clone(&metrics),
            clock: config.clock.anew(),
            service_time: Arc::default(),
        };
        let link = link(&config, &settings, &calls)?;
        let (state_dir, restored) = if config.dry_run {
            StateDir::read_only(&settings.state_dir)?
        } else {
            StateDir::open(&settings.state_dir, config.fsync.clone())?
        };
        let shown_dir = settings.state_dir.display();
        match restored.found {
            RestoredFrom::Nothing => {
                tracing::info!(code = log_code::STATE_NEW, state_dir = %shown_dir, "nothing is kept from before: holds and budgets start anew");
            }
            RestoredFrom::EarlierVersion => {
                tracing::info!(code = log_code::STATE_TAKEN_OVER, state_dir = %shown_dir, "what an earlier version kept is taken over");
            }
            RestoredFrom::ThisVersion => {}
        }
        link.begin_with(restored.state.learned_limits.as_ref());
        let remembered = restored.files.clone();
        let wake = Arc::new(Notify::new());
        let persister = Persister::new(state_dir, &wake);
        let (log_path, started) = (audit_log_of(&config, &settings), config.clock.now());
        let audit = AuditLog::new(log_path, config.fsync.clone(), started, &wake);
        let shared = Shared {
            reader: Mutex::new(link.reader.clone()),
            metrics,
            persister: persister.clone(),
            audit: audit.writer(),
            controller: Mutex::new(Controller::new(
                settings,
                &calls,
                config.seed,
                restored,
                (persister, audit, SettingsWatch::new(&wake)),
                config.dry_run,
            )),
            calls,
            beat: Mutex::new(Instant::now()),
            wake,
            ends: signal::Sender::new(false),
            asked: Mutex::default(),
            passes: Mutex::default(),
        };
        Ok(Self {
            handle: DaemonHandle::new(shared),
            config,
            link,
            remembered,
        })
    }

    /// A view of the daemon for the web.
    #[must_use]
    pub fn source(&self) -> Arc<dyn StatusSource> {
        Arc::new(self.handle.clone())
    }

    /// Takes the orders of people.
    #[must_use]
    pub fn control(&self) -> Arc<dyn Control> {
        Arc::new(self.handle.clone())
    }

    /// Where the webhook hands over events.
    #[must_use]
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&lock(&self.handle.controller).events.intake)
    }

    /// Counts of the past, for the web.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.handle.metrics)
    }

    /// Makes one pass over all rooms, by the files once they are finished; where somebody would be put out or lose a role, once
    /// these have been unchanged for `sync.settle_removals`. When `stop` comes, no new call is made, and those in flight end;
    /// `None`: it came before there was a plan. The error: the files cannot be used.
    pub async fn once(self, stop: impl Future<Output = ()>) -> Result<Option<Once>, Invalid> {
        once::run(self, stop).await
    }

    /// Keeps the rooms until it is asked to stop; then no new call is made, and those in flight end.
    pub async fn run(self, mut commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
        let Self {
            handle: daemon,
            config,
            mut link,
            remembered,
        } = self;
        let mut posted = lock(&daemon.controller).events.posted.take();
        let mut manager = Manager::new();
        let mut files = FileSource::start(follow(&config, &config.settings, remembered));
        let mut stillness = files.stillness();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut passes: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
        manager.ready();
        let ended = loop {
            daemon.beat();
            let due = lock(&daemon.controller).next_due();
            let mut command = None;
            tokio::select! {
                event = files.event() => match event {
                    Some(event) => file_events::take(&daemon, event, stillness.borrow().unchanged_since),
                    None => break Err(DaemonError::Files),
                },
                events = events::next(&mut posted) => events::take(&daemon, &events),
                asked = commands.recv() => command = Some(asked.unwrap_or(Command::Stop)),
                Some(()) = passes.next(), if !passes.is_empty() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = daemon.wake.notified() => daemon.see_disk(),
                // If the task has ended, its events say so.
                Ok(()) = stillness.changed() => {}
                _ = beat.tick() => {
                    daemon.tick();
                    manager.alive(|| status_line::in_a_line(&daemon));
                }
            }
            match command {
                Some(Command::Stop) => break Ok(()),
                Some(Command::Reload) => {
                    manager.reloading();
                    reload::reload(&daemon, &config, &mut link, &files);
                    manager.ready();
                }
                None => {}
            }
            if lock(&daemon.controller).see_stillness(&stillness.borrow_and_update()) {
                files.look_now();
            }
            begin(&daemon, &link, &passes);
        };
        manager.stopping();
        tracing::info!(
            code = log_code::ENDING,
            "ending: no new call is made, those in flight end"
        );
        end(&daemon, &link);
        let mut ending = pin!(async {
            while passes.next().await.is_some() {}
            files.stop().await;
            daemon.flush().await;
            lock(&daemon.controller).record_seen();
            daemon.persister.recorded().await;
        });
        loop {
            tokio::select! {
                () = &mut ending => return ended,
                _ = beat.tick() => {
                    daemon.beat();
                    manager.alive(|| "ending".to_owned());
                }
            }
        }
    }
}

/// The way to the service that these settings describe.
fn link(config: &Config, settings: &Settings, calls: &CallMetrics) -> Result<ServiceLink, ConnectError> {
    let client = (config.connect)(settings, Some(Box::new(calls.clone())))?;
    Ok(ServiceLink::new(client, settings, !config.dry_run))
}

/// Path of the audit log. A dry run leaves no trace, not even an empty log.
fn audit_log_of(config: &Config, settings: &Settings) -> Option<PathBuf> {
    settings.audit_log.clone().filter(|_| !config.dry_run)
}

fn follow(config: &Config, settings: &Settings, remembered: Remembered) -> Follow {
    Follow {
        paths: settings.rooms.clone(),
        settings_file: Some(config.settings_file.clone()),
        room_defaults: settings.room_defaults.clone(),
        settle: settings.sync.settle,
        remembered,
    }
}

/// Begins the passes that are due.
fn begin<'a>(daemon: &DaemonHandle, link: &ServiceLink, passes: &FuturesUnordered<LocalBoxFuture<'a, ()>>) {
    let mut controller = lock(&daemon.controller);
    controller.end_places();
    let mut resync = controller.resync_is_due().then(|| controller.begin_resync());
    let marked = controller.look_at_marked(link.reader.detail_use());
    daemon.metrics.event_looks(marked);
    // Those that are left come back on their own.
    let mut due = controller.take_due();
    let fit = admin_lists::fit(&controller.settings);
    for tickets in resync.iter_mut().chain([&mut due]) {
        admin_lists::choose(tickets, &controller.rooms, fit);
    }
    let counts = controller.counts_unmanaged();
    drop(controller);
    if counts {
        let (daemon, link) = (daemon.clone(), link.clone());
        passes.push(Box::pin(async move { unmanaged::count(&daemon, &link).await }));
    }
    for asked in std::mem::take(&mut *lock(&daemon.asked)) {
        passes.push(Box::pin(asked.look(daemon.clone(), link.reader.clone())));
    }
    if let Some(tickets) = resync {
        let (daemon, link) = (daemon.clone(), link.clone());
        passes.push(Box::pin(async move {
            // The controller knows what came of it.
            let _ = passes::resync(&daemon, &link, tickets, &|| true).await;
        }));
    }
    if !due.is_empty() {
        let (daemon, link) = (daemon.clone(), link.clone());
        passes.push(Box::pin(async move { passes::due(&daemon, &link, due).await }));
    }
}

/// Ends what is under way in order.
fn end(daemon: &DaemonHandle, link: &ServiceLink) {
    daemon.ends.send_replace(true);
    link.reader.close();
    lock(&daemon.controller).rooms.interrupt_all();
}
