//! The shape of `roomsync.yaml`.

use super::rates::{RateOrRates, RatesSpec};
use super::webhook::{WebhookOrNull, WebhookSpec};
use super::words::{WHOLE, app_id, app_key, client_id, hex_id, host_name, listen, path, share, truth, url};
use super::{App, auth, schema};
use crate::desired::GuardsSpec;
use crate::desired::names::{self, duration, whole};
use crate::desired::version::{VERSION, version};
use crate::diagnostics::RawDiagnostic;
use crate::model::schema::{duration as duration_schema, version as version_schema};
use crate::model::{Absent, Limit};
use crate::yaml::{Field, Fields, Items, ListOf, ReadContext, Scalar, Shape, Unread, fields};
use schemars::JsonSchema;
use serde::de::{MapAccess, SeqAccess};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

const DURATION: &str = "a length of time such as 10s";
const TRUTH: &str = "`true` or `false`";
const PATH: &str = "a path";

// The comments on the keys below are what editors show: they go into the schema.

/// Keys of the settings that are not built.
const NOT_YET: [&str; 1] = ["commit_url"];

fields! {
    /// Where the chat service is, how to get in, and how carefully to go about it. Paths are relative to this file.
    #[schemars(title = "The settings of roomsync", default, deny_unknown_fields)]
    #[schemars(extend("required" = ["service"]))]
    pub(crate) struct SettingsSpec("the settings", secrecy: Unknown, not_yet: NOT_YET) {
        /// The chat service and the way in.
        service: ServiceSpec = |value| value.map(),
        /// Where the room files are: a file, a folder, or a list of them.
        #[schemars(schema_with = "schema::path_or_paths", extend("default" = "rooms/"))]
        rooms: Items<PathBuf> = |value| value.shape(PathOrPaths),
        /// Load on the service: rates and sizes of calls.
        limits: LimitsSpec = |value| value.map(),
        /// Limits on changes at once; beyond them a person is asked. Room files can set others for their rooms.
        guards: FleetGuardsSpec = |value| value.map(),
        /// Treatment of a wanted member who is not there, in rooms for which neither the room nor its file's `defaults` say otherwise.
        #[schemars(extend("default" = "readd"))]
        absent: Absent = |value| value.scalar(names::ABSENT, names::absent),
        /// When the daemon looks at the rooms.
        sync: SyncSpec = |value| value.map(),
        /// Where the service's events come in. `null`: nowhere; the daemon then looks at rooms every `sync.interval` only.
        #[schemars(extend("default" = null))]
        webhook: Option<WebhookSpec> = |value| value.shape(WebhookOrNull),
        /// A folder for what the daemon must not forget: held removals, the removal budget, who is set aside or contested.
        #[schemars(schema_with = "schema::path", extend("default" = ".roomsync"))]
        state_dir: PathBuf = |value| value.scalar(PATH, path),
        /// Where the daemon serves its status page, probes and metrics: an address with its port, or `off`.
        #[schemars(schema_with = "schema::listen", extend("default" = "127.0.0.1:9464"))]
        listen: Option<SocketAddr> = |value| value.scalar("an address or `off`", listen),
        /// If true, the status page, which shows people's names, is served on an address that others can reach, too.
        #[schemars(schema_with = "schema::truth", extend("default" = false))]
        status_page: bool = |value| value.scalar(TRUTH, truth),
        /// Names beside IP addresses and `localhost` that a request for the page may have as its Host, such as that of an Ingress.
        #[schemars(schema_with = "schema::host_names", extend("default" = []))]
        allowed_hosts: Items<String> = |value| value.list("a list of host names", Scalar::new("a host name", host_name)),
        /// If true, the app's rooms that no room file names are counted, by `plan` and once an hour by the daemon.
        #[schemars(schema_with = "schema::truth", extend("default" = true))]
        report_unmanaged: bool = |value| value.scalar(TRUTH, truth),
        /// A file with a token that the page and its API ask for, alone on a line. It is read again when it changes.
        #[schemars(schema_with = "schema::path_or_null", extend("default" = null))]
        status_token_file: Option<PathBuf> = |value| value.nullable(PATH, path),
        /// A file with a token that whoever gives the daemon orders has to send, alone on a line. It is read again when it changes.
        #[schemars(schema_with = "schema::path_or_null", extend("default" = null))]
        admin_token_file: Option<PathBuf> = |value| value.nullable(PATH, path),
        /// A file to which the daemon and `apply` write a line of JSON for every change they make.
        #[schemars(schema_with = "schema::path_or_null", extend("default" = null))]
        audit_log: Option<PathBuf> = |value| value.nullable(PATH, path),
        /// Version of this form of the settings, so that an older roomsync says that it is too old for a later one.
        #[schemars(schema_with = "version_schema", extend("default" = 1))]
        version: u32 = |value| value.scalar(VERSION, version),
    }
}

fields! {
    /// The chat service and the way in.
    #[schemars(rename = "Service", default, deny_unknown_fields)]
    #[schemars(extend("oneOf" = [{"required": ["app_key"]}, {"required": ["app_id"]}]))]
    pub(super) struct ServiceSpec("`service`", secrecy: Unknown, finish: Self::check) {
        /// The REST address of the service, without a path. ROOMSYNC_URL in the environment wins over it.
        #[schemars(schema_with = "schema::url")]
        url: Url = |value| value.scalar("an address", url),
        /// The App Key, `org#app`, between quotes. Write this or `app_id`.
        #[schemars(schema_with = "schema::app_key")]
        app_key: App = |value| value.scalar("an app key", app_key),
        /// The app's id, for a service that names it by one. Write this or `app_key`.
        #[schemars(schema_with = "schema::app_id")]
        app_id: App = |value| value.scalar("an app id", app_id),
        /// Credentials for the service. ROOMSYNC_TOKEN in the environment takes their place.
        auth: AuthSpec = |value| value.map(),
        /// A file with an extra root certificate, PEM.
        #[schemars(schema_with = "schema::path_or_null", extend("default" = null))]
        ca_file: Option<PathBuf> = |value| value.nullable(PATH, path),
        /// Longest time of one call, from 100ms to 10m.
        #[schemars(schema_with = "duration_schema", extend("default" = "10s"))]
        timeout: Duration = |value| value.scalar(DURATION, |text| duration(text, "100ms", "10m")),
        /// If true, plain http may be used to a host that is not loopback. It shows the token to everybody on the way.
        #[schemars(schema_with = "schema::truth", extend("default" = false))]
        allow_http: bool = |value| value.scalar(TRUTH, truth),
    }
}

impl ServiceSpec {
    fn check(&mut self, cx: &mut ReadContext) {
        const HELP: &str = "write one of `app_key: \"org#app\"` and `app_id: ID`";
        match (self.app_key.entry, self.app_id.entry) {
            (None, None) => {
                cx.error_in_map(RawDiagnostic::new("no-app", "`service` names no app").help(HELP));
            }
            (Some(key), Some(id)) => {
                let message = "`service` names the app twice, by `app_key` and by `app_id`";
                cx.error_at_entry(key.max(id), RawDiagnostic::new("two-apps", message).help(HELP));
            }
            _ => {}
        }
    }
}

fields! {
    /// Credentials for the service, of one kind.
    #[schemars(rename = "Auth", default, deny_unknown_fields, transform = schema::one_kind)]
    pub(super) struct AuthSpec("`auth`", secrecy: All, finish: auth::check) {
        /// A file with an app token, alone on a line. It is read again when it changes. Never write the token itself here.
        #[schemars(schema_with = "schema::path")]
        token_file: PathBuf = |value| value.scalar(PATH, path),
        /// The App ID of the vendor's console, for tokens that are minted here from the app's certificate.
        #[schemars(schema_with = "schema::hex_id")]
        app_id: String = |value| value.scalar("an App ID", hex_id),
        /// A file with the app's certificate. ROOMSYNC_APP_CERTIFICATE in the environment wins over it.
        #[schemars(schema_with = "schema::path")]
        app_certificate_file: PathBuf = |value| value.scalar(PATH, path),
        /// The id of a client, for tokens that the service grants.
        #[schemars(schema_with = "schema::client_id")]
        client_id: String = |value| value.scalar("a client's id", client_id),
        /// A file with the client's secret. ROOMSYNC_CLIENT_SECRET in the environment wins over it.
        #[schemars(schema_with = "schema::path")]
        client_secret_file: PathBuf = |value| value.scalar(PATH, path),
    }
}

fields! {
    /// Load on the service: rates and sizes of calls.
    #[schemars(rename = "Limits", default, deny_unknown_fields)]
    pub(super) struct LimitsSpec("`limits`") {
        /// Calls a second for each method, or a map of methods. The service allows 100, shared by everything on the App Key.
        #[schemars(extend("default" = 50))]
        calls_per_second: RatesSpec = |value| value.shape(RateOrRates),
        /// The part of `calls_per_second` that this process takes, from 1% to 100%; less than all where others use the same App Key.
        #[schemars(schema_with = "schema::share", extend("default" = "100%"))]
        share: Limit = |value| value.scalar("a percentage", share),
        /// Calls in flight in all.
        #[schemars(with = "schema::Whole<1024>", extend("default" = 64))]
        concurrency: usize = |value| value.scalar(WHOLE, |text| whole(text, 1..=1024)),
        /// People added by one call.
        #[schemars(with = "schema::Whole<100>", extend("default" = 60))]
        // A newer server takes 100 and 60 where the older takes 60 and 100.
        add_batch: usize = |value| value.scalar(WHOLE, |text| whole(text, 1..=100)),
        /// People removed by one call.
        #[schemars(with = "schema::Whole<100>", extend("default" = 100))]
        remove_batch: usize = |value| value.scalar(WHOLE, |text| whole(text, 1..=100)),
        /// If true, members are taken from the detail of up to 100 rooms a call, if it shows all of them; otherwise page by page.
        #[schemars(schema_with = "schema::truth", extend("default" = true))]
        bulk_reads: bool = |value| value.scalar(TRUTH, truth),
        /// If true, a call counts until a full second after its answer: no second holds more than the limit, and each loses a round trip.
        #[schemars(schema_with = "schema::truth", extend("default" = false))]
        strict: bool = |value| value.scalar(TRUTH, truth),
    }
}

struct PathOrPaths;

impl<'de> Shape<'de> for PathOrPaths {
    type Value = Items<PathBuf>;

    fn wants(&self) -> &'static str {
        "a path, or a list of paths"
    }
    fn instead(&self) -> &'static str {
        "write a path such as `rooms/`, or several between `[` and `]`"
    }
    fn text(&self, cx: &mut ReadContext, text: &str) -> Option<Self::Value> {
        match path(text) {
            Ok(path) => Some(vec![Some(path)]),
            Err(raw) => {
                cx.error(raw);
                None
            }
        }
    }
    fn seq<A: SeqAccess<'de>>(&self, cx: &mut ReadContext, seq: A) -> Result<Option<Self::Value>, A::Error> {
        let item = Scalar::new(PATH, path);
        let wants = self.wants();
        let paths = ListOf { wants, item }.seq(cx, seq)?;
        if paths.as_ref().is_some_and(Vec::is_empty) {
            cx.error(
                RawDiagnostic::new("no-rooms", "`rooms` names no file")
                    .help("name a directory, such as `rooms/`"),
            );
        }
        Ok(paths)
    }
}

/// Limits on changes at once; beyond them a person is asked.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename = "FleetGuards", default, deny_unknown_fields, transform = schema::guards)]
pub(super) struct FleetGuardsSpec {
    // What a room can say, too.
    #[schemars(flatten)]
    pub(super) of_rooms: GuardsSpec,
    /// Most people removed from all rooms together between two looks at all of them, against the members of all managed rooms.
    pub(super) max_removals_total: Field<Limit>,
}

impl Fields for FleetGuardsSpec {
    const WHAT: &'static str = GuardsSpec::WHAT;
    const KEYS: &'static [&'static str] = GuardsSpec::KEYS;

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Unread<'_, A>) -> Result<(), A::Error> {
        match key {
            "max_removals_total" => {
                self.max_removals_total = value.scalar("a number or a percentage", names::limit)?;
            }
            _ => self.of_rooms.field(key, value)?,
        }
        Ok(())
    }
}

fields! {
    /// When the daemon looks at the rooms.
    #[schemars(rename = "Sync", default, deny_unknown_fields)]
    pub(super) struct SyncSpec("`sync`") {
        /// Time from one look at all rooms to the next, give or take a tenth; from 100ms to 24h.
        #[schemars(schema_with = "duration_schema", extend("default" = "5m"))]
        interval: Duration = |value| value.scalar(DURATION, |text| duration(text, "100ms", "24h")),
        /// Time for which changed files must rest before they are read; at most 1m.
        #[schemars(schema_with = "duration_schema", extend("default" = "500ms"))]
        settle: Duration = |value| value.scalar(DURATION, |text| duration(text, "0ms", "1m")),
        /// Time for which all room files must be unchanged before they take somebody's place or role away; at most 1h.
        #[schemars(schema_with = "duration_schema", extend("default" = "10s"))]
        settle_removals: Duration = |value| value.scalar(DURATION, |text| duration(text, "0ms", "1h")),
        /// If true, the daemon only looks and shows, and writes nothing.
        #[schemars(schema_with = "schema::truth", extend("default" = false))]
        paused: bool = |value| value.scalar(TRUTH, truth),
    }
}
