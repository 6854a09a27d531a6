//! A day of things that wake nobody: what the daemon exports of it, and what the alerts make of that.

use super::super::house::{Running, START};
use super::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const RULES: &str = "deploy/prometheus/roomsync.rules.yaml";
const RULES_TEST: &str = "deploy/prometheus/roomsync.rules.test.yaml";
/// Minutes of a day in which every alert has waited for long enough.
const DAY: usize = 32 * 60;
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

    /// The values that a series has once everything has settled, each once.
    fn distinct(&self, series: &str) -> Vec<f64> {
        let mut values = self.settled(series);
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
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
        let mut input = format!("      - {{series: 'up{{job=\"roomsync\"}}', values: '1x{DAY}'}}\n");
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

    /// Asserts, by `promtool`, that these alerts fire at the end, and that none wakes anybody before if none of these does.
    fn assert_alerts(&self, firing: &[(&str, &str)]) {
        let samples = firing.iter().map(|(alert, severity)| {
            format!("{{labels: '{{alertname=\"{alert}\", severity=\"{severity}\"}}', value: 1}}")
        });
        let samples: Vec<String> = samples.collect();
        let at = |expr: &str, samples: &str| {
            let end = self.minutes - 1;
            format!("      - {{expr: '{expr}', eval_time: {end}m, exp_samples: [{samples}]}}\n")
        };
        let firing_now = "count by (alertname, severity) (ALERTS{alertstate=\"firing\"})";
        let mut expected = at(firing_now, &samples.join(", "));
        if firing.iter().all(|(_, severity)| *severity != "page") {
            expected += &at(
                "count_over_time(ALERTS{severity=\"page\", alertstate=\"firing\"}[2d])",
                "",
            );
        }
        let rules = fs::canonicalize(RULES).unwrap();
        let test = format!(
            "rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n{}    promql_expr_test:\n{expected}",
            rules.display(),
            self.as_input()
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
        let series = series
            .replace("{, ", "{")
            .replace("\", ", "\",")
            .replace("{}", "");
        let values = input["values"].as_str().unwrap().split_whitespace();
        let constant = |value: &str| value.split_once('x')?.0.parse().ok();
        let values: Option<Vec<f64>> = values.map(constant).collect();
        let values = values.map(|mut values| {
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        });
        // Prometheus itself makes `up`.
        if let Some(values) = values.filter(|_| series != "up") {
            assumed.push((series, values));
        }
    }
    assert!(assumed.len() > 8, "{assumed:?}");
    assumed
}

/// Runs a daemon with these room files for so many minutes, and scrapes it at each; `meanwhile` happens in between.
fn run(
    service: Service,
    (settings, rooms): (&str, &str),
    for_minutes: usize,
    meanwhile: impl Fn(&House),
    check: impl FnOnce(&Exported),
) {
    house(service, settings, async |house: House| {
        house.rooms(&format!("rooms:\n{rooms}"));
        let daemon = house.start();
        let mut exported = Exported::default();
        for _ in 0..for_minutes {
            exported.scrape(&daemon);
            sleep(minutes(1)).await;
            meanwhile(&house);
            house.service.take_sent();
            house.service.emulator.clear_journal();
        }
        daemon.stop().await;
        check(&exported);
    });
}

fn room_line(n: usize, members: &str) -> String {
    format!("  - {{id: {}, members: [{members}]}}\n", room_id(n))
}

/// Runs it for a time in which somebody in room 1 leaves every minute, nobody knows a name of room 2, and a guard blocks room 3.
fn day(more_rooms: &str, for_minutes: usize, check: impl FnOnce(&Exported)) {
    let mut known = state([
        (room_id(1), room_of("alice", &[], &refs(&names(0..5)))),
        (room_id(2), room_of("alice", &[], &["u0"])),
        (room_id(3), room_of("alice", &[], &refs(&names(0..8)))),
    ]);
    known.users = Some(names(0..9).into_iter().chain(["alice".to_owned()]).collect());
    let rooms = [
        room_line(1, "u0, u1, u2, u3, u4"),
        room_line(2, "u0, u1, zedd"),
        room_line(3, "u0, u1"),
        more_rooms.to_owned(),
    ];
    let leaves = |house: &House| {
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(1)).unwrap().leave("u2");
        });
    };
    run(
        Service::new(known),
        ("", &rooms.concat()),
        for_minutes,
        leaves,
        check,
    );
}

#[test]
fn a_misspelled_name_somebody_who_comes_and_goes_and_a_blocked_room_wake_nobody() {
    day("", DAY, |exported| {
        exported.assert_all_good();
        for (series, values) in assumed() {
            assert_eq!(exported.distinct(&series), values, "{series}");
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
    day(&room_line(4, "u0"), 180, |exported| {
        exported.assert_all_good();
        assert_eq!(exported.distinct("roomsync_rooms{state=\"failed\"}"), [1.0]);
        exported.assert_alerts(&[
            ("RoomsyncRoomsBlocked", "ticket"),
            ("RoomsyncRoomsFailed", "ticket"),
        ]);
    });
}

/// Four rooms, of which these give no clear answer from the tenth minute on, for two hours.
fn without_answer(rooms: &'static [usize], check: impl FnOnce(&Exported)) {
    let all = (1..=4).map(|n| (room_id(n), room_of("alice", &["u0"], &[])));
    let sick = Arc::new(AtomicBool::new(false));
    let is_sick = Arc::clone(&sick);
    let service = Service::new(state(all)).with_fault(move |_, request, _| {
        let of_them = |n: &usize| request.url.path().contains(&format!("{}/", room_id(*n)));
        let hit = is_sick.load(Ordering::Relaxed) && rooms.iter().any(of_them);
        hit.then(|| Reply::Answer(500, String::new()))
    });
    let minute = AtomicUsize::new(0);
    let begins = |_: &House| sick.store(minute.fetch_add(1, Ordering::Relaxed) >= 10, Ordering::Relaxed);
    // Their admins are managed, so each look reads a list of its own.
    let line = |n| room_line(n, "u0").replace("members:", "admins: [u0], members:");
    let files: String = (1..=4).map(line).collect();
    run(service, ("", &files), 120, begins, check);
}

#[test]
fn one_room_without_an_answer_is_a_ticket_and_half_of_them_wake_somebody() {
    without_answer(&[3], |exported| {
        let not_good = exported.last("roomsync_passes_total{kind=\"rooms\",outcome=\"partly\"}");
        assert!(
            not_good > 0.0,
            "it was not known at once that only this room fails"
        );
        exported.assert_alerts(&[("RoomsyncRoomsFailed", "ticket")]);
    });
    without_answer(&[2, 3], |exported| {
        exported.assert_alerts(&[("RoomsyncNothingGood", "page"), ("RoomsyncRoomsFailed", "ticket")]);
    });
}

#[test]
fn a_pause_is_a_ticket_and_a_disk_that_takes_nothing_wakes_somebody() {
    let service = || one_room(&names(0..3));
    let wanted = room_line(1, "u0, u1, u2, u3");
    let paused = "sync: {paused: true}";
    run(
        service(),
        (paused, &wanted),
        120,
        |_| (),
        |exported| {
            exported.assert_all_good();
            exported.assert_alerts(&[("RoomsyncNothingWritten", "ticket")]);
        },
    );
    let unaudited = "audit_log: no-such-folder/audit.jsonl";
    run(
        service(),
        (unaudited, &wanted),
        120,
        |_| (),
        |exported| {
            exported.assert_alerts(&[
                ("RoomsyncNothingGood", "page"),
                ("RoomsyncNothingWritten", "ticket"),
            ]);
        },
    );
    // As long as nothing is to be written, nobody needs the disk.
    run(
        service(),
        (unaudited, &room_line(1, "u0, u1, u2")),
        120,
        |_| (),
        |exported| {
            exported.assert_all_good();
            exported.assert_alerts(&[("RoomsyncNothingWritten", "ticket")]);
        },
    );
}
