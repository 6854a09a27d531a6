//! What plan and apply begin with: settings, room files, the rooms in question and a connection.

use super::Globals;
use super::exit::Usage;
use super::pass::{self, Planned};
use crate::chat::wire::Method;
use crate::chat::{BatchSizes, Config, Connection, HttpTransport, Prefix, TokenSource};
use crate::desired::{self, Desired, DesiredRoom};
use crate::model::RoomId;
use crate::plan::{Meta, Rates};
use crate::settings::{self, App, Auth, Settings};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// A site that is valid as far as can be told without a call.
pub(super) struct Site {
    config: PathBuf,
    pub(super) settings: Settings,
    desired: Desired,
    selected: Vec<RoomId>,
}

impl Site {
    /// Reads settings and room files. `selected` are the ids of `--room`.
    pub(super) fn load(globals: &Globals, selected: &[RoomId]) -> anyhow::Result<Self> {
        let settings = settings::load(&globals.config, &globals.env)?;
        let loaded = desired::load(&settings.rooms, Some(&globals.config), &settings.guards)?;
        globals.diagnose(&loaded.warnings)?;
        let known = |id: &RoomId| loaded.desired.rooms.iter().any(|room| room.id == *id);
        if let Some(id) = selected.iter().find(|id| !known(id)) {
            return Err(Usage(format!("--room {id}: no such room in the files")).into());
        }
        let source = &loaded.desired.source;
        tracing::debug!(
            files = source.files,
            rooms = loaded.desired.rooms.len(),
            digest = source.digest,
            "files are valid"
        );
        Ok(Self {
            config: globals.config.clone(),
            settings,
            desired: loaded.desired,
            selected: selected.to_vec(),
        })
    }

    /// The rooms in question, by id.
    pub(super) fn rooms(&self) -> Vec<&DesiredRoom> {
        let wanted = |room: &&DesiredRoom| self.selected.is_empty() || self.selected.contains(&room.id);
        self.desired.rooms.iter().filter(wanted).collect()
    }

    /// Whether this file is one that the run reads.
    pub(super) fn reads(&self, file: &Path) -> bool {
        let Settings { service, rooms, .. } = &self.settings;
        let same = |own: &Path| own.canonicalize().is_ok_and(|own| own == file);
        let token = match &service.auth {
            Auth::TokenFile(path) => Some(path),
            Auth::Token(_) => None,
        };
        let is_room_file = |root: &PathBuf| {
            root.canonicalize().is_ok_and(|root| file.starts_with(root))
                && file.extension().is_none_or(|extension| extension != "json")
        };
        same(&self.config)
            || token.into_iter().chain(&service.ca_file).any(|own| same(own))
            || rooms.iter().any(is_room_file)
    }

    /// A connection; nothing is sent yet.
    pub(super) fn connect(&self) -> anyhow::Result<Connection> {
        let Settings { service, limits, .. } = &self.settings;
        let token = match &service.auth {
            Auth::Token(token) => TokenSource::fixed(token.clone()),
            Auth::TokenFile(path) => TokenSource::file(path.clone())?,
        };
        let prefix = match &service.app {
            App::Key { org, app } => Prefix::new(org, app),
            App::Id(id) => Prefix::new("app-id", id),
        };
        let config = Config {
            base: service.url.clone(),
            prefix: prefix.context("the app's name cannot stand in a path")?,
            token,
            rates: limits.calls_per_second.clone(),
            concurrency: limits.concurrency,
            timeout: service.timeout,
            batch: BatchSizes {
                add: limits.add_batch,
                remove: limits.remove_batch,
            },
        };
        let transport = HttpTransport::new(&service.url, service.ca_file.as_deref(), service.timeout)?;
        Ok(Connection::new(Box::new(transport), config))
    }

    /// Looks at these rooms and plans.
    pub(super) async fn plan(
        &self,
        globals: &Globals,
        connection: &Connection,
        rooms: &[&DesiredRoom],
    ) -> Planned {
        // Only a look at the whole fleet can be held against the fleet's guard.
        let max_removals_total = self
            .selected
            .is_empty()
            .then_some(self.settings.max_removals_total);
        let bar = globals.bar(rooms.len(), "looking at rooms");
        pass::plan(connection, rooms, max_removals_total, &|| bar.inc()).await
    }

    /// What a plan says of its making.
    pub(super) fn meta(&self) -> Meta {
        let now = jiff::Timestamp::now();
        let rate = |method| self.settings.limits.calls_per_second.of(method);
        Meta {
            created: now.round(jiff::Unit::Second).unwrap_or(now).to_string(),
            app: match &self.settings.service.app {
                App::Key { org, app } => format!("{org}#{app}"),
                App::Id(id) => id.clone(),
            },
            source: self.desired.source.clone(),
            rates: Rates {
                add: rate(Method::AddMany),
                promote: rate(Method::Promote),
                demote: rate(Method::Demote),
                remove_one: rate(Method::RemoveOne),
                remove_many: rate(Method::RemoveMany),
            },
        }
    }
}
