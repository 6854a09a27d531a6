//! The file and the environment together, still without the token.

use super::auth::{AuthReader, Purpose, WrittenAuth};
use super::file::{FleetGuardsSpec, LimitsSpec, ServiceSpec, SettingsSpec, SyncSpec};
use super::remarks::remarks;
use super::webhook::{Webhook, same_address};
use super::words::{is_rehearsal, refuse_http, url};
use super::wrong_file::{missing, room_file};
use super::{App, Auth, Env, Limits, MAX_REMOVALS_TOTAL, SecretFrom, Service, Settings, Timing};
use crate::chat::wire::{MAX_ADD_BATCH, MAX_REMOVE_BATCH};
use crate::desired::version::judge_version;
use crate::diagnostics::{Diagnostic, EntryPart, NodePath, Place, Problem, RawDiagnostic, Target, diagnose};
use crate::model::{Limit, RoomDefaults};
use crate::source;
use crate::yaml::{self, Field};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// Half of what the service allows, because everything on the App Key shares it.
const CALLS_PER_SECOND: u32 = 50;
const CONCURRENCY: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(5 * 60);
const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_REMOVALS: Duration = Duration::from_secs(10);
const LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9464);

/// Settings without the token.
pub(super) struct Draft {
    url: Option<Url>,
    pub(super) app: Option<App>,
    /// The credentials, still without their secret.
    pub(super) auth: WrittenAuth,
    pub(super) ca_file: Option<PathBuf>,
    timeout: Duration,
    pub(super) rooms: Vec<PathBuf>,
    pub(super) room_defaults: RoomDefaults,
    pub(super) max_removals_total: Limit,
    pub(super) webhook: Option<Webhook>,
    pub(super) status_token_file: Option<PathBuf>,
    pub(super) admin_token_file: Option<PathBuf>,
    pub(super) listen: Option<SocketAddr>,
    /// The other keys.
    spec: SettingsSpec,
    /// The folder of the settings file.
    folder: PathBuf,
}

/// Reads the settings file. `None`: it could not be read; otherwise what is missing in the draft was recorded.
pub(super) fn read(path: &Path, env: &Env, purpose: Purpose) -> (Option<Draft>, Vec<Diagnostic>) {
    if let Some(missing) = missing(path, env) {
        return (None, vec![missing]);
    }
    let source::FileSet {
        files, mut problems, ..
    } = source::read_file(path);
    if let [file, ..] = files.as_slice()
        && problems.is_empty()
    {
        let mut document = yaml::read::<SettingsSpec>(0, &file.text);
        judge_version(0, &mut document, |spec| &spec.version);
        if let Some(problem) = room_file(&document) {
            return (None, diagnose(&files, vec![problem], &[]));
        }
        let spec = match document.fields {
            None if document.problems.is_empty() => Some(SettingsSpec::default()),
            fields => fields,
        };
        problems.extend(document.problems);
        // A key that is not known may be meant as the one that is missing.
        let is_known = document.unknown_keys.is_empty();
        let mut others = Vec::new();
        if spec.as_ref().is_some_and(|spec| spec.service.entry.is_none()) && is_known {
            problems.push(no_service());
        }
        let draft = spec.map(|spec| Draft::new(spec, path, (env, purpose), &mut problems, &mut others));
        let mut diagnostics = diagnose(&files, problems, &document.hidden);
        diagnostics.extend(others);
        return (draft, diagnostics);
    }
    // It may be any file.
    let hidden: Vec<Place> = problems.iter().map(|problem| problem.place.clone()).collect();
    (None, diagnose(&files, problems, &hidden))
}

impl Draft {
    fn new(
        mut spec: SettingsSpec,
        path: &Path,
        (env, purpose): (&Env, Purpose),
        problems: &mut Vec<Problem>,
        others: &mut Vec<Diagnostic>,
    ) -> Self {
        problems.extend(remarks(&spec));
        let service = std::mem::take(&mut spec.service);
        // Where it is missing or cannot be read, that is said already, and what it lacks is not.
        let is_read = service.value.is_some();
        let service_entry = service.entry.filter(|_| is_read);
        let service = service.value.unwrap_or_default();
        let url = effective_url(&service, service_entry, env, problems, others);
        let ServiceSpec {
            url: _,
            app_key,
            app_id,
            auth,
            ca_file,
            timeout,
            allow_http: _,
        } = service;
        let FleetGuardsSpec {
            of_rooms,
            max_removals_total,
        } = std::mem::take(&mut spec.guards).value.unwrap_or_default();
        let mut room_defaults = RoomDefaults {
            absent: spec.absent.value.unwrap_or_default(),
            ..RoomDefaults::default()
        };
        of_rooms.over(&mut room_defaults.guards);
        let rooms = std::mem::take(&mut spec.rooms).value;
        let rooms = rooms.unwrap_or_else(|| vec![Some("rooms/".into())]);
        let folder = path.parent().unwrap_or(Path::new(""));
        let from_here = |path: PathBuf| folder.join(path);
        let rooms: Vec<PathBuf> = rooms.into_iter().flatten().map(from_here).collect();
        let mut reader = AuthReader {
            env,
            purpose,
            folder,
            is_rehearsal: url.as_ref().is_some_and(is_rehearsal),
            rooms: &rooms,
            steps: service_entry.into_iter().chain(auth.entry).collect(),
            problems,
        };
        let written = match (auth.entry, auth.value) {
            (_, Some(auth)) => reader.read(auth),
            (None, None) if is_read => WrittenAuth::Nothing,
            (_, None) => WrittenAuth::Wrong,
        };
        let webhook = std::mem::take(&mut spec.webhook);
        reader.steps = webhook.entry.into_iter().collect();
        let webhook = webhook
            .value
            .flatten()
            .and_then(|webhook| webhook.read(&mut reader));
        let listen = spec.listen.value.unwrap_or(Some(LISTEN.into()));
        if let Some(raw) = webhook.as_ref().and_then(|webhook| same_address(webhook, listen)) {
            let place = reader.place(None, EntryPart::Key);
            reader.problems.push(Problem::error(place, raw));
        }
        reader.steps = Vec::new();
        let mut token_file = |key, field: &mut Field<Option<PathBuf>>| {
            let Field { entry, value } = std::mem::take(field);
            let value = value.flatten();
            reader.path(key, Field { entry, value })
        };
        let status_token_file = token_file("status_token_file", &mut spec.status_token_file);
        let admin_token_file = token_file("admin_token_file", &mut spec.admin_token_file);
        Self {
            url,
            app: app_key.value.or(app_id.value),
            auth: written,
            ca_file: ca_file.value.flatten().map(from_here),
            timeout: timeout.value.unwrap_or(TIMEOUT),
            rooms,
            room_defaults,
            max_removals_total: max_removals_total.value.unwrap_or(MAX_REMOVALS_TOTAL),
            webhook,
            status_token_file,
            admin_token_file,
            listen,
            spec,
            folder: folder.to_owned(),
        }
    }

    /// The settings. `None`: something is missing, which was recorded.
    pub(super) fn with(self, auth: Auth, admin_token: Option<SecretFrom>) -> Option<Settings> {
        let SettingsSpec {
            service: _,
            rooms: _,
            limits,
            guards: _,
            absent: _,
            sync,
            webhook: _,
            state_dir,
            listen: _,
            status_page,
            allowed_hosts,
            report_unmanaged,
            status_token_file: _,
            admin_token_file: _,
            audit_log,
            version: _,
        } = self.spec;
        let from_here = |path: PathBuf| self.folder.join(path);
        Some(Settings {
            service: Service {
                url: self.url?,
                app: self.app?,
                auth,
                ca_file: self.ca_file,
                timeout: self.timeout,
            },
            rooms: self.rooms,
            limits: limits_of(limits.value.unwrap_or_default()),
            room_defaults: self.room_defaults,
            max_removals_total: self.max_removals_total,
            sync: timing_of(&sync.value.unwrap_or_default()),
            webhook: self.webhook,
            state_dir: from_here(state_dir.value.unwrap_or_else(|| ".roomsync".into())),
            listen: self.listen,
            status_page: status_page.value.unwrap_or(false),
            allowed_hosts: allowed_hosts.value.into_iter().flatten().flatten().collect(),
            report_unmanaged: report_unmanaged.value.unwrap_or(true),
            status_token_file: self.status_token_file,
            audit_log: audit_log.value.flatten().map(from_here),
            admin_token,
        })
    }
}

fn limits_of(spec: LimitsSpec) -> Limits {
    let LimitsSpec {
        calls_per_second,
        share,
        concurrency,
        add_batch,
        remove_batch,
        bulk_reads,
        strict,
    } = spec;
    let rates = calls_per_second.value.unwrap_or_default();
    Limits {
        calls_per_second: rates.over(CALLS_PER_SECOND, share.value.unwrap_or(Limit::ALL)),
        concurrency: concurrency.value.unwrap_or(CONCURRENCY),
        add_batch: add_batch.value.unwrap_or(MAX_ADD_BATCH),
        remove_batch: remove_batch.value.unwrap_or(MAX_REMOVE_BATCH),
        bulk_reads: bulk_reads.value.unwrap_or(true),
        strict: strict.value.unwrap_or(false),
    }
}

fn timing_of(spec: &SyncSpec) -> Timing {
    let SyncSpec {
        interval,
        settle,
        settle_removals,
        paused,
    } = spec;
    Timing {
        interval: interval.value.unwrap_or(INTERVAL),
        settle: settle.value.unwrap_or(SETTLE),
        settle_removals: settle_removals.value.unwrap_or(SETTLE_REMOVALS),
        paused: paused.value.unwrap_or(false),
    }
}

fn no_service() -> Problem {
    let place = Place {
        file: 0,
        at: Target::File,
    };
    let raw = RawDiagnostic::new("no-service", "the settings name no `service`")
        .help("write `service: {url: https://…, app_key: \"org#app\", auth: {token_file: PATH}}`");
    Problem::error(place, raw)
}

/// The service's address: the environment wins over the file.
fn effective_url(
    service: &ServiceSpec,
    service_entry: Option<u32>,
    env: &Env,
    problems: &mut Vec<Problem>,
    others: &mut Vec<Diagnostic>,
) -> Option<Url> {
    let allowed = service.allow_http.value.unwrap_or(false);
    let place = |entry: Option<u32>, part| {
        let steps = service_entry.into_iter().chain(entry).collect();
        Place {
            file: 0,
            at: Target::Node(NodePath { steps, part }),
        }
    };
    if let Some(text) = env.url.as_ref().filter(|text| !text.is_empty()) {
        let checked = url(&text.to_string_lossy()).and_then(|url| match refuse_http(&url, allowed) {
            None => Ok(url),
            Some(raw) => Err(raw),
        });
        return checked
            .map_err(|raw| {
                let message = format!("ROOMSYNC_URL: {}", raw.message);
                others.push(Diagnostic::without_file(RawDiagnostic { message, ..raw }));
            })
            .ok();
    }
    let entry = service.url.entry;
    if entry.is_none() && service_entry.is_some() {
        let raw = RawDiagnostic::new("no-url", "`service` has no `url`")
            .help("write `url: https://…` under `service`, or set ROOMSYNC_URL");
        problems.push(Problem::error(place(None, EntryPart::Key), raw));
    }
    let url = service.url.value.clone()?;
    if let Some(raw) = refuse_http(&url, allowed) {
        problems.push(Problem::error(place(entry, EntryPart::Value), raw));
    }
    Some(url)
}
