//! Metrics for Prometheus. No label names a room or a person: the lines stay few however many rooms there are.

use super::exposition::{self, Labels};
use crate::model::Op;
use crate::status::{ChangeResult, EventResult, Gauges, Lags, PassKind, PassOutcome};
use jiff::Timestamp;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Of a pass, in seconds: from a handful of rooms to ten thousand at the slowest rate that makes sense.
const PASS_SECONDS: [f64; 12] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0,
];
/// Of a call, in seconds, up to its default time-out and a little beyond.
const CALL_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Until a room is as wanted, in seconds: from a moment to what waits for a person.
const LAG_SECONDS: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];
/// Classes of answers: none, refused for the rate, and those of a status.
const CLASSES: [&str; 7] = ["none", "429", "2xx", "3xx", "4xx", "5xx", "other"];

type Histograms = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// The daemon's counters, and how they are written out.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<Labels<2>, Counter>,
    pass_duration: Histograms,
    calls: Family<Labels<2>, Counter>,
    call_duration: Histograms,
    changes: Family<Labels<2>, Counter>,
    reloads: Family<Labels<1>, Counter>,
    events: Family<Labels<1>, Counter>,
    event_looks: Counter,
    edit_lag: Histogram,
    event_lag: Histogram,
    settings_valid: Gauge,
    settings_read: Gauge<f64, AtomicU64>,
}

impl Metrics {
    /// Begins to count. `version` is roomsync's; `methods` are those of the calls to the service; `now` is when the settings were read.
    #[must_use]
    pub fn new(
        version: &'static str,
        methods: impl IntoIterator<Item = &'static str>,
        now: Timestamp,
    ) -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("roomsync"),
            passes: Family::default(),
            pass_duration: Family::new_with_constructor(|| Histogram::new(PASS_SECONDS)),
            calls: Family::default(),
            call_duration: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            changes: Family::default(),
            reloads: Family::default(),
            events: Family::default(),
            event_looks: Counter::default(),
            edit_lag: Histogram::new(LAG_SECONDS),
            event_lag: Histogram::new(LAG_SECONDS),
            settings_valid: Gauge::default(),
            settings_read: Gauge::default(),
        };
        metrics.register(version);
        metrics.begin_at_zero(methods);
        metrics.settings_valid(true);
        metrics.settings_read(now);
        Arc::new(metrics)
    }

    fn register(&mut self, version: &'static str) {
        let Self {
            registry,
            passes,
            pass_duration,
            calls,
            call_duration,
            changes,
            reloads,
            events,
            event_looks,
            edit_lag,
            event_lag,
            settings_valid,
            settings_read,
        } = self;
        let build = Info::new([("version", version)]);
        registry.register("build", "What runs here", build);
        registry.register("passes", "Passes that ended", passes.clone());
        let help = "How long passes took";
        registry.register_with_unit("pass_duration", help, Unit::Seconds, pass_duration.clone());
        let help =
            "Calls to the service, by the class of the answer's status; 429 stands apart from the other 4xx";
        registry.register("calls", help, calls.clone());
        let help = "How long calls to the service took";
        registry.register_with_unit("call_duration", help, Unit::Seconds, call_duration.clone());
        let help = "Changes of one person in one room that were tried; one that is done by its answer counts once more, as not confirmed, if a look contradicts it";
        registry.register("changes", help, changes.clone());
        let help = "New sets of room files, taken or refused";
        registry.register("reloads", help, reloads.clone());
        let help = "Requests to the webhook, by what became of them; `look`: the event's room is looked at";
        registry.register("webhook_events", help, events.clone());
        let help = "Looks at a room that events asked for; many events can share one";
        registry.register("webhook_looks", help, event_looks.clone());
        let help = "Time from the first edit of a room's entry until the room was as the files say; waits, guards and pauses count";
        registry.register_with_unit("edit_to_converged", help, Unit::Seconds, edit_lag.clone());
        let help = "Time from the first event of a room until what it was about was put right";
        registry.register_with_unit("event_to_repaired", help, Unit::Seconds, event_lag.clone());
        let help = "Whether the settings and the secret files were valid when they were last read";
        registry.register("settings_valid", help, settings_valid.clone());
        let help = "Time at which the settings in force were read, in seconds since 1970";
        let name = "settings_last_reload_success_timestamp";
        registry.register_with_unit(name, help, Unit::Seconds, settings_read.clone());
    }

    /// A counter that begins with its first event hides that event from `increase()`.
    fn begin_at_zero(&self, methods: impl IntoIterator<Item = &'static str>) {
        for method in methods {
            let method = ("method", method);
            drop(self.call_duration.get_or_create(&[method]));
            for class in CLASSES {
                drop(self.calls.get_or_create(&[method, ("status", class)]));
            }
        }
        for kind in PassKind::ALL {
            drop(self.pass_duration.get_or_create(&[("kind", kind.as_str())]));
            for outcome in PassOutcome::ALL {
                drop(
                    self.passes
                        .get_or_create(&[("kind", kind.as_str()), ("outcome", outcome.as_str())]),
                );
            }
        }
        for op in Op::ALL {
            for result in ChangeResult::ALL {
                drop(
                    self.changes
                        .get_or_create(&[op_label(op), ("result", result.as_str())]),
                );
            }
        }
        for taken in [true, false] {
            drop(self.reloads.get_or_create(&[reload_label(taken)]));
        }
        for result in EventResult::ALL {
            drop(self.events.get_or_create(&[("result", result.as_str())]));
        }
    }

    /// Counts a pass.
    pub fn pass_ended(&self, kind: PassKind, outcome: PassOutcome, took: Duration) {
        self.passes
            .get_or_create(&[("kind", kind.as_str()), ("outcome", outcome.as_str())])
            .inc();
        let seconds = self.pass_duration.get_or_create(&[("kind", kind.as_str())]);
        seconds.observe(took.as_secs_f64());
    }

    /// Counts a call; without a status there was no answer.
    pub fn called(&self, method: &'static str, status: Option<u16>, took: Duration) {
        let method = ("method", method);
        self.calls
            .get_or_create(&[method, ("status", class(status))])
            .inc();
        let seconds = self.call_duration.get_or_create(&[method]);
        seconds.observe(took.as_secs_f64());
    }

    /// Counts a change of one person in one room.
    pub fn changed(&self, op: Op, result: ChangeResult) {
        self.changes
            .get_or_create(&[op_label(op), ("result", result.as_str())])
            .inc();
    }

    /// Counts a new set of files, taken or refused.
    pub fn reloaded(&self, taken: bool) {
        self.reloads.get_or_create(&[reload_label(taken)]).inc();
    }

    /// Counts a request to the webhook.
    pub fn event(&self, result: EventResult) {
        self.events.get_or_create(&[("result", result.as_str())]).inc();
    }

    /// Counts rooms that are looked at because events asked for it.
    pub fn event_looks(&self, rooms: usize) {
        self.event_looks.inc_by(rooms as u64);
    }

    /// Counts a room that is as wanted now.
    pub fn in_order(&self, lags: Lags) {
        let Lags {
            since_edit,
            since_event,
        } = lags;
        for (lag, seconds) in [(since_edit, &self.edit_lag), (since_event, &self.event_lag)] {
            lag.into_iter().for_each(|lag| seconds.observe(lag.as_secs_f64()));
        }
    }

    /// Records that the settings were read and taken.
    pub fn settings_read(&self, now: Timestamp) {
        self.settings_read.set(exposition::since_1970(now));
    }

    /// Records whether roomsync could start with the settings and the secret files, as far as it has read them.
    pub fn settings_valid(&self, valid: bool) {
        self.settings_valid.set(i64::from(valid));
    }

    /// Writes everything in the OpenMetrics text format.
    pub fn encode(&self, gauges: &Gauges) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &exposition::present(gauges))?;
        encode_registry(&mut text, &exposition::process(gauges))?;
        encode_eof(&mut text)?;
        Ok(text)
    }

    /// Writes everything in Prometheus's own text format, which every scraper reads.
    pub fn encode_classic(&self, gauges: &Gauges) -> Result<String, fmt::Error> {
        self.encode(gauges).map(|text| exposition::classic(&text))
    }
}

fn op_label(op: Op) -> (&'static str, &'static str) {
    ("op", op.as_str())
}

fn reload_label(taken: bool) -> (&'static str, &'static str) {
    ("result", if taken { "taken" } else { "refused" })
}

fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(429) => "429",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}
