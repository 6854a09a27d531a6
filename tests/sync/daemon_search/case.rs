//! A case while it runs: the daemon's processes, the room files and the settings.

use super::model::{Spec, yaml};
use super::oracles::CheckedTransport;
use super::world::{World, lock};
use crate::house::{House, Running};
use crate::service::Service;
use roomsync::chat::Transport;
use roomsync::daemon::Command;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// State of the room file on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomFile {
    /// The last valid set.
    Whole,
    /// No valid set, for any process.
    Invalid,
    /// A beginning of the last valid set. A process that did not know the whole may accept it.
    Cut,
}

/// A case that runs.
pub(super) struct Case {
    world: Arc<Mutex<World>>,
    pub(super) house: House,
    pub(super) random: fastrand::Rng,
    pub(super) daemon: Option<Running>,
    /// The valid set that was written last.
    pub(super) last: Spec,
    pub(super) room_file: RoomFile,
    /// The folder of the room files has another name.
    pub(super) folder_away: bool,
    pub(super) setting_paused: bool,
    pub(super) file_paused: bool,
    pub(super) concurrency: u8,
    /// The settings that never change.
    settings: String,
}

impl Case {
    pub(super) fn new(world: Arc<Mutex<World>>, house: House, random: fastrand::Rng) -> Self {
        let settings = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        Self {
            world,
            house,
            random,
            daemon: None,
            last: Spec::new(),
            room_file: RoomFile::Invalid,
            folder_away: false,
            setting_paused: false,
            file_paused: false,
            concurrency: 64,
            settings: settings.replace("sync: {settle_removals: 0ms}\n", ""),
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(super) fn log(&self, text: impl Into<String>) {
        self.world().log(text);
    }

    pub(super) fn start(&mut self) {
        let process = self.world().begin_process();
        let world = Arc::clone(&self.world);
        let checked = move |service: Service| -> Box<dyn Transport> {
            Box::new(CheckedTransport {
                world: Arc::clone(&world),
                process,
                service,
            })
        };
        self.house.through = Some(Arc::new(checked));
        let daemon = self.house.start();
        self.world().source = Some(Arc::clone(&daemon.source));
        self.daemon = Some(daemon);
    }

    pub(super) async fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else {
            return;
        };
        {
            let mut world = self.world();
            world.log("stop");
            world.ending_since = Some(Instant::now());
        }
        let end = daemon.tell_and_end(Command::Stop);
        let ended = tokio::time::timeout(Duration::from_secs(40), end).await;
        let mut world = self.world();
        if ended.is_err() {
            world.fault("it does not end");
        }
        world.end_process();
    }

    pub(super) async fn kill(&mut self) {
        let Some(daemon) = self.daemon.take() else { return };
        {
            let mut world = self.world();
            world.log("kill");
            world.end_process();
        }
        daemon.kill().await;
        // What is left of it runs to its end.
        tokio::task::yield_now().await;
    }

    /// True if the set that was written last is in force.
    pub(super) fn is_last_in_force(&self) -> bool {
        let world = self.world();
        world
            .version
            .is_some_and(|version| version + 1 == world.written.len())
    }

    /// Writes a valid set.
    pub(super) async fn write_valid(&mut self, spec: Spec) {
        self.restore_folder();
        let text = {
            let mut world = self.world();
            world.sample();
            let version = world.written.len();
            world.written.push(spec.clone());
            let text = yaml(&spec, version);
            world.log(format!("write v{version}:\n{text}"));
            text
        };
        if self.random.bool() {
            self.house.rooms(&text);
        } else {
            fs::write(self.house.path("rooms/all.yaml"), text).unwrap();
        }
        (self.last, self.room_file) = (spec, RoomFile::Whole);
        self.pass_reads().await;
    }

    /// Writes the last valid set again.
    pub(super) async fn write_last(&mut self) {
        self.write_valid(self.last.clone()).await;
    }

    /// Waits until what was read before the write is in force. Nothing else can be in force so soon.
    pub(super) async fn pass_reads(&self) {
        sleep(Duration::from_millis(10)).await;
        self.world().sample();
    }

    pub(super) fn restore_folder(&mut self) {
        if std::mem::take(&mut self.folder_away) {
            self.log("the folder is back");
            fs::rename(self.house.path("away"), self.house.path("rooms")).unwrap();
        }
    }

    pub(super) fn put_settings(&self) {
        self.house.put(
            "roomsync.yaml",
            &format!(
                "{}sync: {{paused: {}, settle_removals: 0ms}}\nlimits: {{concurrency: {}}}\n",
                self.settings, self.setting_paused, self.concurrency
            ),
        );
    }

    pub(super) async fn reload(&self) {
        self.log("SIGHUP");
        if let Some(daemon) = &self.daemon {
            daemon.tell(Command::Reload).await;
        }
    }
}
