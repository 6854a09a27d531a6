//! The shape of `roomsync.yaml`.

use super::App;
use super::words::{app_id, app_key, duration, listen, path, truth, url, whole};
use crate::chat::Rates;
use crate::chat::wire::Method;
use crate::desired::GuardsSpec;
use crate::desired::names;
use crate::desired::problem::Complaint;
use crate::desired::strict::{Cx, Field, Fields, FieldsOf, List, ListOf, Scalar, Shape, Value};
use crate::model::Limit;
use serde::de::{MapAccess, SeqAccess};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

const WHOLE: &str = "a whole number";
const DURATION: &str = "a length of time such as 10s";
const TRUTH: &str = "`true` or `false`";
const PATH: &str = "a path";

/// The settings file.
#[derive(Debug, Default)]
pub(super) struct SettingsSpec {
    pub(super) service: Field<ServiceSpec>,
    pub(super) rooms: Field<List<PathBuf>>,
    pub(super) limits: Field<LimitsSpec>,
    pub(super) guards: Field<FleetGuardsSpec>,
    pub(super) sync: Field<SyncSpec>,
    pub(super) state_dir: Field<PathBuf>,
    pub(super) listen: Field<Option<SocketAddr>>,
    pub(super) status_page: Field<bool>,
    pub(super) audit_log: Field<Option<PathBuf>>,
}

impl Fields for SettingsSpec {
    const WHAT: &'static str = "the settings";
    const SECRETS: bool = true;
    const KEYS: &'static [&'static str] = &[
        "service",
        "rooms",
        "limits",
        "guards",
        "sync",
        "state_dir",
        "listen",
        "status_page",
        "audit_log",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "service" => self.service = value.map()?,
            "rooms" => self.rooms = value.shape(PathOrPaths)?,
            "limits" => self.limits = value.map()?,
            "guards" => self.guards = value.map()?,
            "sync" => self.sync = value.map()?,
            "state_dir" => self.state_dir = value.scalar(PATH, path)?,
            "listen" => self.listen = value.scalar("an address or `off`", listen)?,
            "status_page" => self.status_page = value.scalar(TRUTH, truth)?,
            "audit_log" => self.audit_log = value.nullable(PATH, path)?,
            _ => value.not_yet(key)?,
        }
        Ok(())
    }
}

/// `service`
#[derive(Debug, Default)]
pub(super) struct ServiceSpec {
    pub(super) url: Field<Url>,
    pub(super) app_key: Field<App>,
    pub(super) app_id: Field<App>,
    pub(super) auth: Field<AuthSpec>,
    pub(super) ca_file: Field<Option<PathBuf>>,
    pub(super) timeout: Field<Duration>,
    pub(super) allow_http: Field<bool>,
}

impl Fields for ServiceSpec {
    const WHAT: &'static str = "`service`";
    const SECRETS: bool = true;
    const KEYS: &'static [&'static str] = &[
        "url",
        "app_key",
        "app_id",
        "auth",
        "ca_file",
        "timeout",
        "allow_http",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "url" => self.url = value.scalar("an address", url)?,
            "app_key" => self.app_key = value.scalar("an app key", app_key)?,
            "app_id" => self.app_id = value.scalar("an app id", app_id)?,
            "auth" => self.auth = value.map()?,
            "ca_file" => self.ca_file = value.nullable(PATH, path)?,
            "timeout" => self.timeout = value.scalar(DURATION, |text| duration(text, "100ms", "10m"))?,
            "allow_http" => self.allow_http = value.scalar(TRUTH, truth)?,
            _ => value.not_yet(key)?,
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut Cx) {
        const HELP: &str = "write one of `app_key: \"org#app\"` and `app_id: ID`";
        match (self.app_key.entry, self.app_id.entry) {
            (None, None) => cx.error_in_map(Complaint::new("no-app", "`service` names no app").help(HELP)),
            (Some(key), Some(id)) => {
                let message = "`service` names the app twice, by `app_key` and by `app_id`";
                cx.error_at_entry(key.max(id), Complaint::new("two-apps", message).help(HELP));
            }
            _ => {}
        }
    }
}

/// `service.auth`
#[derive(Debug, Default)]
pub(super) struct AuthSpec {
    pub(super) token_file: Field<PathBuf>,
}

impl Fields for AuthSpec {
    const WHAT: &'static str = "`auth`";
    const SECRETS: bool = true;
    const KEYS: &'static [&'static str] = &[
        "token_file",
        "app_id",
        "app_certificate_file",
        "client_id",
        "client_secret_file",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "token_file" => self.token_file = value.scalar(PATH, path)?,
            _ => value.not_yet(&format!("auth.{key}"))?,
        }
        Ok(())
    }
}

/// `limits`
#[derive(Debug, Default)]
pub(super) struct LimitsSpec {
    pub(super) calls_per_second: Field<RatesSpec>,
    pub(super) concurrency: Field<usize>,
    pub(super) add_batch: Field<usize>,
    pub(super) remove_batch: Field<usize>,
}

impl Fields for LimitsSpec {
    const WHAT: &'static str = "`limits`";
    const KEYS: &'static [&'static str] = &["calls_per_second", "concurrency", "add_batch", "remove_batch"];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "calls_per_second" => self.calls_per_second = value.shape(RateOrRates)?,
            "concurrency" => self.concurrency = value.scalar(WHOLE, |text| whole(text, 1..=1024))?,
            // A newer server takes 100 and 60 where the older takes 60 and 100.
            "add_batch" => self.add_batch = value.scalar(WHOLE, |text| whole(text, 1..=100))?,
            "remove_batch" => self.remove_batch = value.scalar(WHOLE, |text| whole(text, 1..=100))?,
            _ => value.not_yet(key)?,
        }
        Ok(())
    }
}

/// `limits.calls_per_second`, written as a map.
#[derive(Debug, Default)]
pub(super) struct RatesSpec {
    default: Field<u32>,
    own: BTreeMap<Method, u32>,
}

impl RatesSpec {
    pub(super) fn over(self, default: u32) -> Rates {
        Rates {
            default: self.default.value.unwrap_or(default),
            own: self.own,
        }
    }
}

impl Fields for RatesSpec {
    const WHAT: &'static str = "`calls_per_second`";
    const KEYS: &'static [&'static str] = &[
        "default",
        "add_one",
        "add_many",
        "list_members",
        "remove_one",
        "remove_many",
        "promote",
        "list_admins",
        "demote",
        "room_detail",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        let rate = value.scalar(WHOLE, rate)?;
        match Method::ALL.into_iter().find(|method| method.as_str() == key) {
            Some(method) => self.own.extend(rate.value.map(|rate| (method, rate))),
            None => self.default = rate,
        }
        Ok(())
    }
}

fn rate(text: &str) -> Result<u32, Complaint> {
    whole(text, 1..=10_000)
}

struct RateOrRates;

impl<'de> Shape<'de> for RateOrRates {
    type Value = RatesSpec;

    fn wants(&self) -> &'static str {
        "a whole number, or a map of methods"
    }
    fn instead(&self) -> &'static str {
        "write one number for all calls, such as 50, or `{default: 50, list_admins: 90}`"
    }
    fn number(&self, cx: &mut Cx, number: u64) -> Option<RatesSpec> {
        match rate(&number.to_string()) {
            Ok(rate) => Some(RatesSpec {
                default: Field {
                    entry: None,
                    value: Some(rate),
                },
                own: BTreeMap::new(),
            }),
            Err(complaint) => {
                cx.error(complaint);
                None
            }
        }
    }
    fn map<A: MapAccess<'de>>(&self, cx: &mut Cx, map: A) -> Result<Option<RatesSpec>, A::Error> {
        FieldsOf::new().map(cx, map)
    }
}

struct PathOrPaths;

impl<'de> Shape<'de> for PathOrPaths {
    type Value = List<PathBuf>;

    fn wants(&self) -> &'static str {
        "a path, or a list of paths"
    }
    fn instead(&self) -> &'static str {
        "write a path such as `rooms/`, or several between `[` and `]`"
    }
    fn text(&self, cx: &mut Cx, text: &str) -> Option<Self::Value> {
        match path(text) {
            Ok(path) => Some(vec![Some(path)]),
            Err(complaint) => {
                cx.error(complaint);
                None
            }
        }
    }
    fn seq<A: SeqAccess<'de>>(&self, cx: &mut Cx, seq: A) -> Result<Option<Self::Value>, A::Error> {
        let item = Scalar::new(PATH, path);
        let wants = self.wants();
        let paths = ListOf { wants, item }.seq(cx, seq)?;
        if paths.as_ref().is_some_and(Vec::is_empty) {
            cx.error(
                Complaint::new("no-rooms", "`rooms` names no file")
                    .help("name a directory, such as `rooms/`"),
            );
        }
        Ok(paths)
    }
}

/// `guards`: what a room can say too, and the fleet's.
#[derive(Debug, Default)]
pub(super) struct FleetGuardsSpec {
    pub(super) of_rooms: GuardsSpec,
    pub(super) max_removals_total: Field<Limit>,
}

impl Fields for FleetGuardsSpec {
    const WHAT: &'static str = GuardsSpec::WHAT;
    const KEYS: &'static [&'static str] = GuardsSpec::KEYS;

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "max_removals_total" => {
                self.max_removals_total = value.scalar("a number or a percentage", names::limit)?;
            }
            _ => self.of_rooms.field(key, value)?,
        }
        Ok(())
    }
}

/// `sync`
#[derive(Debug, Default)]
pub(super) struct SyncSpec {
    pub(super) interval: Field<Duration>,
    pub(super) settle: Field<Duration>,
    pub(super) paused: Field<bool>,
}

impl Fields for SyncSpec {
    const WHAT: &'static str = "`sync`";
    const KEYS: &'static [&'static str] = &["interval", "settle", "paused"];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "interval" => self.interval = value.scalar(DURATION, |text| duration(text, "100ms", "24h"))?,
            "settle" => self.settle = value.scalar(DURATION, |text| duration(text, "0ms", "1m"))?,
            "paused" => self.paused = value.scalar(TRUTH, truth)?,
            _ => value.not_yet(key)?,
        }
        Ok(())
    }
}
