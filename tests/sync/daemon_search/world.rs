//! Everything that the test knows at an instant: the log of the case, the sets, the process, and the last reads.

use super::model::{HeldList, MARKER, Spec, UNKNOWN};
use super::removal_window::RemovalWindow;
use super::weather::Weather;
use crate::service::room_id;
use roomsync::status::StatusSource;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A room at its last read, and what has gone since.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RoomRead {
    pub(super) members: usize,
    pub(super) admins: usize,
    pub(super) removed: usize,
    pub(super) demoted: usize,
}

/// The people and the admins of a room.
#[derive(Debug, Default)]
pub(super) struct HeldRoom {
    pub(super) people: HeldList,
    pub(super) admins: HeldList,
}

/// The random conditions of a case, fixed from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) seed: u64,
    pub(super) dry_run: bool,
    /// Guard on the removals of a pass, in percent.
    pub(super) total: u64,
    /// Most people of a room whom its detail shows. Without it, all.
    pub(super) shown: Option<usize>,
}

/// Everything the test knows.
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) weather: Weather,
    pub(super) random: fastrand::Rng,
    /// The sets that were written, by version.
    pub(super) written: Vec<Spec>,
    /// The version in force, as the marker shows it.
    pub(super) version: Option<usize>,
    pub(super) held: BTreeMap<usize, HeldRoom>,
    /// The status of the daemon that runs.
    pub(super) source: Option<Arc<dyn StatusSource>>,
    /// The number of the last process.
    pub(super) process: u32,
    pub(super) ending_since: Option<Instant>,
    pub(super) ended: bool,
    /// Beginning of the pause, and how long the daemon may take to see it.
    pub(super) paused: Option<(Instant, Duration)>,
    pub(super) window: RemovalWindow,
    /// Most members in all rooms at any read.
    pub(super) most_members: usize,
    pub(super) reads: BTreeMap<usize, RoomRead>,
    /// Version and time at which `UNKNOWN` was set aside.
    pub(super) aside: Option<(usize, Instant)>,
    /// Times of the additions, by room and user.
    pub(super) added: BTreeMap<(usize, String), Vec<Instant>>,
    pub(super) writes: Vec<String>,
    log: Vec<String>,
    faults: Vec<String>,
    start: Instant,
}

/// The world, even if another thread panicked with it: that panic is reported there.
pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(setup: Setup, random: fastrand::Rng, state_file: PathBuf) -> Self {
        Self {
            setup,
            weather: Weather::Fine,
            random,
            written: Vec::new(),
            version: None,
            held: BTreeMap::new(),
            source: None,
            process: 0,
            ending_since: None,
            ended: true,
            paused: None,
            window: RemovalWindow::new(state_file),
            most_members: 0,
            reads: BTreeMap::new(),
            aside: None,
            added: BTreeMap::new(),
            writes: Vec::new(),
            log: Vec::new(),
            faults: Vec::new(),
            start: Instant::now(),
        }
    }

    pub(super) fn log(&mut self, text: impl Into<String>) {
        let at = self.start.elapsed();
        self.log.push(format!("{:9.2} {}", at.as_secs_f64(), text.into()));
    }

    pub(super) fn fault(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.log(format!("WRONG: {text}"));
        self.faults.push(text);
    }

    /// The first fault with the whole log, if there is one.
    pub(super) fn verdict(&self) -> Result<(), String> {
        match self.faults.first() {
            None => Ok(()),
            Some(first) => Err(format!("{first}\n{}", self.log.join("\n"))),
        }
    }

    /// The set of this version in force.
    pub(super) fn in_force(&self) -> Option<(usize, &Spec)> {
        self.version.map(|version| (version, &self.written[version]))
    }

    /// Reads from the status which set is in force and who is set aside.
    pub(super) fn sample(&mut self) {
        let Some(source) = self.source.clone() else { return };
        let status = source.status();
        let marker = room_id(MARKER);
        let label = status
            .rooms
            .iter()
            .find(|room| room.id == marker)
            .and_then(|room| room.name.clone());
        let version = label.map(|label| label[1..].parse::<usize>().unwrap());
        if version != self.version {
            self.log(format!("in force: {version:?}"));
            self.version = version;
            for (number, room) in version
                .map(|version| &self.written[version])
                .into_iter()
                .flatten()
            {
                let held = self.held.entry(*number).or_default();
                held.people
                    .accept(room.people(), room.removal_guard(), room.max_removals);
                held.admins
                    .accept(room.admins.clone(), room.demotion_guard(), room.max_demotions);
            }
        }
        let aside = status.aside.iter().any(|aside| aside.user.as_str() == UNKNOWN);
        match (aside, self.version) {
            (true, Some(version)) if self.aside.is_none_or(|(then, _)| then != version) => {
                self.aside = Some((version, Instant::now()));
            }
            (false, _) => self.aside = None,
            _ => {}
        }
    }

    pub(super) fn begin_process(&mut self) -> u32 {
        self.process += 1;
        self.ended = false;
        self.ending_since = None;
        self.log("start");
        self.process
    }

    pub(super) fn end_process(&mut self) {
        self.sample();
        self.window.refresh(self.process);
        self.source = None;
        self.version = None;
        self.ended = true;
    }
}
