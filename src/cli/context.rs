//! Inputs of plan and apply: settings, room files, the rooms in question and a client.

use super::Globals;
use super::first_answer::{FirstAnswer, WithFirstAnswer};
use super::progress_bar::looking;
use super::room_names::{self, NamedRoom, Naming};
use crate::chat::Client;
use crate::clock::Clock;
use crate::desired::{self, Desired, DesiredRoom, Provenance, Retain};
use crate::diagnostics::Diagnostic;
use crate::live::Observed;
use crate::model::{RoomId, log_code, show_duration};
use crate::plan::{Constraints, FleetGuard, Invite, UnmatchedPatterns, note_ends};
use crate::reconcile::{self, CheckedClock, Looked, Planned, Restrain, connect};
use crate::render::Meta;
use crate::settings::{self, SecretFrom, Settings, Webhook};
use crate::source;
use crate::telemetry::NOTICE;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// A site that is valid as far as can be told without a call.
pub(super) struct Context {
    config: PathBuf,
    pub(super) settings: Settings,
    desired: Desired,
    room_files: Vec<PathBuf>,
    /// Time of the last change of a room file, at the time of the read.
    changed: Option<SystemTime>,
    read: Instant,
    /// Texts of `--room`.
    named: Vec<String>,
    /// Rooms that they mean.
    selected: BTreeSet<RoomId>,
    clock: CheckedClock,
    first_answer: FirstAnswer,
}

impl Context {
    /// Reads settings and room files. `named` are the rooms of `--room`.
    pub(super) fn load(globals: &Globals, named: &[String]) -> anyhow::Result<Self> {
        let (context, warnings) = Self::read(globals, named)?;
        globals.diagnose(&warnings)?;
        Ok(context)
    }

    fn read(globals: &Globals, named: &[String]) -> anyhow::Result<(Self, Vec<Diagnostic>)> {
        let settings = settings::load(&globals.config, &globals.env)?;
        let defaults = &settings.room_defaults;
        let loaded =
            desired::load(&settings.rooms, Some(&globals.config), defaults, Retain::Rooms)?.with_revision();
        let rooms: Vec<NamedRoom<'_>> = loaded.desired.rooms.iter().map(NamedRoom::from).collect();
        let selected = room_names::select(Naming::in_files("--room", true), &rooms, named)?;
        let source = &loaded.desired.source;
        tracing::debug!(
            files = source.files,
            rooms = loaded.desired.rooms.len(),
            digest = source.digest,
            revision = source.revision,
            "files are valid"
        );
        let context = Self {
            config: globals.config.clone(),
            settings,
            changed: loaded.changed(),
            read: Instant::now(),
            room_files: loaded.paths().map(Path::to_owned).collect(),
            desired: loaded.desired,
            named: named.to_vec(),
            selected,
            clock: CheckedClock::new(Clock::of_the_machine()),
            first_answer: FirstAnswer::default(),
        };
        Ok((context, loaded.warnings))
    }

    /// Reads them like [`Self::load`], once the room files have been unchanged for `sync.settle`.
    pub(super) async fn load_settled(globals: &Globals, named: &[String]) -> anyhow::Result<Self> {
        let (mut context, mut warnings) = Self::read(globals, named)?;
        let wait = context
            .settings
            .sync
            .settle
            .saturating_sub(context.unchanged_for());
        if !wait.is_zero() {
            sleep(wait).await;
            (context, warnings) = Self::read(globals, named)?;
        }
        globals.diagnose(&warnings)?;
        Ok(context)
    }

    /// Waits until the room files have been unchanged for `sync.settle_removals`, as what takes people away has to, and reads
    /// them again; gives what they say by then, if that is something else.
    pub(super) async fn settle(&self, globals: &Globals) -> anyhow::Result<Option<Self>> {
        let settle = self.settings.sync.settle_removals;
        let wait = settle.saturating_sub(self.unchanged_for());
        if !wait.is_zero() {
            tracing::info!(
                target: NOTICE, code = log_code::REMOVALS_WAIT, "removals wait {:.1} s, until the room files have been unchanged for {} (`sync.settle_removals`)",
                wait.as_secs_f64(),
                show_duration(settle)
            );
            sleep(wait).await;
        }
        // A look at all rooms, or whoever was asked, may have taken long.
        let (now, warnings) = Self::read(globals, &self.named)?;
        if now.files_digest() == self.files_digest() {
            return Ok(None);
        }
        globals.diagnose(&warnings)?;
        Ok(Some(now))
    }

    /// Time for which the room files have been unchanged. A time in the future counts as the time of the read.
    fn unchanged_for(&self) -> Duration {
        let age = self
            .changed
            .and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.unwrap_or_default().max(self.read.elapsed())
    }

    /// The rooms in question, by id.
    pub(super) fn rooms(&self) -> Vec<&DesiredRoom> {
        let wanted = |room: &&DesiredRoom| self.named.is_empty() || self.selected.contains(&room.id);
        self.desired.rooms.iter().filter(wanted).collect()
    }

    /// True if this file, a canonical path, is one of roomsync's own, or would be: it must not be written over.
    pub(super) fn owns(&self, file: &Path) -> bool {
        let Settings {
            service,
            rooms,
            state_dir,
            audit_log,
            status_token_file,
            admin_token,
            webhook,
            ..
        } = &self.settings;
        let same = |own: &Path| own.canonicalize().is_ok_and(|own| own == file);
        let below = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| file.starts_with(folder));
        let is_yaml = source::has_room_file_name(file);
        let files = [
            Some(self.config.as_path()),
            service.auth.secret_file(),
            service.ca_file.as_deref(),
            audit_log.as_deref(),
            status_token_file.as_deref(),
            admin_token.as_ref().and_then(SecretFrom::file),
        ];
        let of_webhook = webhook.iter().flat_map(Webhook::secret_files);
        files.into_iter().flatten().chain(of_webhook).any(same)
            || self.room_files.iter().any(|file| same(file))
            || below(state_dir)
            || (is_yaml && rooms.iter().any(below))
    }

    /// A client. Nothing is sent but, where places end, a call whose answer bears the service's time: those that are over have
    /// ended from now on.
    pub(super) async fn connect(&mut self) -> anyhow::Result<Client> {
        let observer = WithFirstAnswer {
            first: self.first_answer.clone(),
            other: self.clock.observer(),
        };
        let client = connect(&self.settings, Some(Box::new(observer)))?;
        let rooms = &mut self.desired.rooms;
        self.clock.compare(&client.reader(), rooms).await;
        self.clock.end_places(rooms);
        if let Some(doubt) = self.clock.doubt() {
            tracing::warn!(
                code = log_code::UNTIL_WAITS,
                "nobody's place ends (`until`): {doubt}"
            );
        }
        Ok(client)
    }

    /// Comes when the service has given a good answer.
    pub(super) async fn answered(&self) {
        self.first_answer.came().await;
    }

    /// The clock by which places end.
    pub(super) fn clock(&self) -> &CheckedClock {
        &self.clock
    }

    /// Looks at these rooms and plans. `invite`: whom to add where absence is no drift.
    pub(super) async fn plan<'a>(
        &'a self,
        globals: &Globals,
        client: &Client,
        rooms: &[&'a DesiredRoom],
        invite: &Invite,
    ) -> Planned {
        let guard = self.fleet_guard(rooms);
        let unmatched = RefCell::new(UnmatchedPatterns::of(&self.desired.rooms));
        let watch = |at: usize, observed: &Observed| {
            let room = rooms.get(at);
            if let Some(room) = room {
                unmatched.borrow_mut().look(room, observed);
            }
            Constraints {
                invite: invite.clone(),
                not_tried: room.map(|room| self.clock.in_doubt(room)).unwrap_or_default(),
                ..Constraints::default()
            }
        };
        let looked = self.look_at(globals, client, rooms, &watch).await;
        let mut planned = looked.plan(Some(guard), &client.reader());
        unmatched.into_inner().note(&mut planned.plan);
        let limit = self.settings.max_removals_total;
        note_ends(&mut planned.plan, &self.desired.rooms, limit, self.clock.now());
        planned
    }

    /// Looks at these rooms.
    pub(super) async fn look_at(
        &self,
        globals: &Globals,
        client: &Client,
        rooms: &[&DesiredRoom],
        restrain: &Restrain<'_>,
    ) -> Looked {
        let (progress, _bar) = looking(globals, rooms.len(), &client.reader());
        reconcile::look(&client.reader(), rooms, restrain, &|| progress.looked()).await
    }

    /// The guard over all rooms, for a plan that looks at these.
    pub(super) fn fleet_guard(&self, looked_at: &[&DesiredRoom]) -> FleetGuard {
        let looked_at = looked_at.iter().map(|room| &room.id);
        FleetGuard::of_some_rooms(self.settings.max_removals_total, &self.desired.rooms, looked_at)
    }

    /// Place of everything in the room files; nothing if they have changed since they were read.
    pub(super) fn provenance(&self) -> Provenance {
        let (rooms, defaults) = (&self.settings.rooms, &self.settings.room_defaults);
        let now = desired::load(rooms, Some(&self.config), defaults, Retain::Provenance).ok();
        let same = now.filter(|now| now.desired.source.digest == self.files_digest());
        same.map(|now| now.provenance).unwrap_or_default()
    }

    /// The digest of the room files.
    pub(super) fn files_digest(&self) -> &str {
        &self.desired.source.digest
    }

    /// Origin of a plan, for its document.
    pub(super) fn meta(&self) -> Meta {
        reconcile::meta(&self.settings, &self.desired.source, jiff::Timestamp::now())
    }
}

/// Where a path leads, whether there is something or not yet.
pub(super) fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // A link may name a file that is not there yet.
    let path = match fs::read_link(path) {
        Ok(target) => folder(path).join(target),
        Err(_) => path.to_owned(),
    };
    match (folder(&path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}
