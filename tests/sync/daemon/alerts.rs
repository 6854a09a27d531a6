//! A day of things that wake nobody: what the daemon exports of it, and what the alerts make of that.

use super::super::house::{Running, START};
use super::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const RULES: &str = "deploy/prometheus/roomsync.rules.yaml";
const RULES_TEST: &str = "deploy/prometheus/roomsync.rules.test.yaml";
/// Longer than any alert waits.
const MINUTES: usize = 25 * 60;
/// Minutes after which everything is as it stays.
const SETTLED: usize = 10;

/// Every series that the daemon exports, and its value at each minute.
#[derive(Default)]
struct Exported {
    series: BTreeMap<String, Vec<Option<f64>>>,
    minutes: usize,
}

impl Exported {
    fn scrape(&mut self, daemon: &Running) {
        let text = daemon.metrics.encode_classic(&daemon.source.gauges()).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let values = self.series.entry(series.to_owned()).or_default();
            values.resize(self.minutes, None);
            values.push(Some(value.parse().unwrap()));
        }
        self.minutes += 1;
    }

    /// The values of a series once everything has settled.
    fn settled(&self, series: &str) -> Vec<f64> {
        let values = self.series.get(series).unwrap_or_else(|| panic!("no {series}"));
        values[SETTLED..].iter().map(|value| value.unwrap()).collect()
    }

    fn last(&self, series: &str) -> f64 {
        *self.settled(series).last().unwrap()
    }

    /// Asserts that no pass was anything but good, and that this is seen at every minute.
    fn assert_all_good(&self) {
        for kind in ["full", "rooms"] {
            for outcome in ["partly", "failed"] {
                let series = format!("roomsync_passes_total{{kind=\"{kind}\",outcome=\"{outcome}\"}}");
                assert_eq!(self.last(&series), 0.0, "{series}");
            }
        }
        let start = START.parse::<jiff::Timestamp>().unwrap().as_second() as f64;
        let last_good = self.settled("roomsync_last_good_pass_timestamp_seconds");
        for (minute, last_good) in (SETTLED..).zip(last_good) {
            let age = start + 60.0 * minute as f64 - last_good;
            assert!(age < 400.0, "minute {minute}: {age} s ago");
        }
    }

    /// Input of a test of the rules: the series that these name, in a time that begins with 0.
    fn as_input(&self) -> String {
        let rules = fs::read_to_string(RULES).unwrap();
        let start = START.parse::<jiff::Timestamp>().unwrap().as_second() as f64;
        let mut input = format!("      - {{series: 'up{{job=\"roomsync\"}}', values: '1x{MINUTES}'}}\n");
        for (series, values) in &self.series {
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            if !rules.contains(name) {
                continue;
            }
            let is_time = name.ends_with("timestamp_seconds") || name == "process_start_time_seconds";
            let since = if is_time { start } else { 0.0 };
            let values = values.iter().map(|value| match value {
                Some(value) => (value - since).to_string(),
                None => "_".to_owned(),
            });
            let values: Vec<String> = values.collect();
            let comma = if labels == "}" { "" } else { ", " };
            let series = format!("{name}{{job=\"roomsync\"{comma}{labels}");
            writeln!(
                input,
                "      - {{series: '{series}', values: '{}'}}",
                values.join(" ")
            )
            .unwrap();
        }
        input
    }

    /// Asserts, by `promtool`, that these alerts fire at the end and that nothing wakes anybody before.
    fn assert_alerts(&self, firing: &[(&str, &str)]) {
        let samples = firing.iter().map(|(alert, severity)| {
            format!("{{labels: '{{alertname=\"{alert}\", severity=\"{severity}\"}}', value: 1}}")
        });
        let samples: Vec<String> = samples.collect();
        let test = format!(
            "rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n{}    \
             promql_expr_test:\n      - expr: 'count_over_time(ALERTS{{severity=\"page\"}}[2d])'\n        \
             eval_time: {}m\n        exp_samples: []\n      \
             - expr: 'count by (alertname, severity) (ALERTS{{alertstate=\"firing\"}})'\n        \
             eval_time: {}m\n        exp_samples: [{}]\n",
            fs::canonicalize(RULES).unwrap().display(),
            self.as_input(),
            self.minutes - 1,
            self.minutes - 1,
            samples.join(", "),
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.yaml");
        fs::write(&path, test).unwrap();
        let checker = std::process::Command::new("promtool")
            .args(["test", "rules"])
            .arg(&path)
            .output();
        match checker {
            Ok(found) => {
                let said = String::from_utf8([found.stdout, found.stderr].concat()).unwrap();
                assert!(found.status.success(), "{said}");
            }
            Err(error) => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "promtool: {error}");
                println!("skipped: promtool test rules: {error}");
            }
        }
    }
}

/// Series that the rules' own test of such a day assumes, each with the values that it gives them. Not those that go up.
fn assumed() -> Vec<(String, Vec<f64>)> {
    let test: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(RULES_TEST).unwrap()).unwrap();
    let days = test["tests"].as_sequence().unwrap().iter();
    let mut days = days.filter(|test| test["name"].as_str().unwrap().starts_with("A day "));
    let day = days.next().unwrap();
    let mut assumed = Vec::new();
    for input in day["input_series"].as_sequence().unwrap() {
        let series = input["series"]
            .as_str()
            .unwrap()
            .replace("job=\"roomsync\", instance=\"a\"", "");
        let series = series.replace("{, ", "{").replace("{}", "");
        let values = input["values"].as_str().unwrap().split_whitespace();
        let constant = |value: &str| value.split_once('x')?.0.parse().ok();
        let values: Option<Vec<f64>> = values.map(constant).collect();
        // Prometheus itself makes `up`.
        if let Some(values) = values.filter(|_| series != "up") {
            assumed.push((series, values));
        }
    }
    assert!(assumed.len() > 8, "{assumed:?}");
    assumed
}

/// Runs the daemon for a day in which somebody in room 1 leaves every minute, nobody knows a name of room 2, and a guard blocks
/// room 3.
fn day(more_rooms: &str, check: impl FnOnce(&Exported)) {
    let mut known = state([
        (room_id(1), room_of("alice", &[], &refs(&names(0..5)))),
        (room_id(2), room_of("alice", &[], &["u0"])),
        (room_id(3), room_of("alice", &[], &refs(&names(0..8)))),
    ]);
    known.users = Some(names(0..9).into_iter().chain(["alice".to_owned()]).collect());
    house(Service::new(known), "", async |house: House| {
        let room = |n, members: &str| format!("  - {{id: {}, members: [{members}]}}\n", room_id(n));
        house.rooms(&format!(
            "rooms:\n{}{}{}{more_rooms}",
            room(1, "u0, u1, u2, u3, u4"),
            room(2, "u0, u1, zedd"),
            room(3, "u0, u1")
        ));
        let daemon = house.start();
        let mut exported = Exported::default();
        for _ in 0..MINUTES {
            exported.scrape(&daemon);
            sleep(minutes(1)).await;
            house.service.emulator.edit(|state| {
                state.rooms.get_mut(&room_id(1)).unwrap().leave("u2");
            });
            house.service.take_sent();
            house.service.emulator.clear_journal();
        }
        daemon.stop().await;
        check(&exported);
    });
}

#[test]
fn a_misspelled_name_somebody_who_comes_and_goes_and_a_blocked_room_wake_nobody() {
    day("", |exported| {
        exported.assert_all_good();
        for (series, values) in assumed() {
            let seen = exported.settled(&series);
            assert!(
                seen.iter().all(|value| values.contains(value)),
                "{series}: {values:?} is assumed: {seen:?}"
            );
        }
        exported.assert_alerts(&[
            ("RoomsyncComingAndGoing", "info"),
            ("RoomsyncPeopleAside", "info"),
            ("RoomsyncRoomsBlocked", "ticket"),
        ]);
    });
}

#[test]
fn a_room_that_is_gone_is_a_ticket() {
    let gone = format!("  - {{id: {}, members: [u0]}}\n", room_id(4));
    day(&gone, |exported| {
        exported.assert_all_good();
        let failed = exported.settled("roomsync_rooms{state=\"failed\"}");
        assert!(failed.iter().all(|failed| *failed == 1.0), "{failed:?}");
        exported.assert_alerts(&[
            ("RoomsyncComingAndGoing", "info"),
            ("RoomsyncPeopleAside", "info"),
            ("RoomsyncRoomsBlocked", "ticket"),
            ("RoomsyncRoomsFailed", "ticket"),
        ]);
    });
}
