//! The counts, and a check that Prometheus takes them.

use super::fixture::Fixture;
use super::scenes;
use axum::body::{Body, to_bytes};
use http::Request;
use jiff::Timestamp;
use roomsync::model::{Mode, Op, ReasonCode};
use roomsync::status::{
    AbsenceReason, AdminLists, AttentionSeverity, CallBudget, ChangeResult, Gauges, Lags, PassKind,
    PassOutcome, ProcessUse, Progress, RoomState, TokenExpires,
};
use roomsync::web::{Metrics, Options, router};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt as _;

const METHODS: [&str; 3] = ["list_members", "add_many", "remove_many"];

/// One that has counted nothing.
fn begun() -> Arc<Metrics> {
    Metrics::new("0.1.0", METHODS, at(1_790_000_000))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn counted() -> Arc<Metrics> {
    let metrics = begun();
    metrics.pass_ended(PassKind::Full, PassOutcome::Good, Duration::from_secs(3));
    metrics.pass_ended(PassKind::Rooms, PassOutcome::Partly, Duration::from_millis(40));
    for method in METHODS {
        for status in [
            None,
            Some(200),
            Some(204),
            Some(404),
            Some(429),
            Some(503),
            Some(7),
            Some(999),
        ] {
            metrics.called(method, status, Duration::from_millis(80));
        }
    }
    metrics.changed(Op::Add, ChangeResult::Done);
    metrics.changed(Op::Remove, ChangeResult::Failed);
    metrics.reloaded(true);
    metrics.reloaded(false);
    metrics.in_order(Lags {
        since_edit: Some(Duration::from_secs(12)),
        since_event: None,
    });
    metrics.in_order(Lags {
        since_edit: None,
        since_event: Some(Duration::from_millis(300)),
    });
    metrics.settings_read(at(1_790_000_100));
    metrics.settings_valid(false);
    metrics
}

fn gauges() -> Gauges {
    Gauges {
        rooms: BTreeMap::from([(RoomState::InSync, 9_990), (RoomState::Failed, 10)]),
        unmanaged: Some(1_234),
        people: 12_345,
        drift: [
            ((Mode::Observe, Op::Add), 5),
            ((Mode::Authoritative, Op::Remove), 2),
        ]
        .into(),
        attention: [(AttentionSeverity::Amber, 3)].into(),
        aside: 3,
        aside_by_reason: vec![("no_such_user", 2), ("other", 0)],
        coming_and_going: 1,
        contested: 2,
        comes_back: 5,
        absent: [(AbsenceReason::Offline, 4)].into(),
        held: 500,
        pending: 7,
        files_valid: true,
        files_taken: Some(at(1_790_000_010)),
        last_good: Some(at(1_790_000_020)),
        interval: Duration::from_secs(300),
        full_pass: Duration::from_millis(1500),
        admin_lists: Some(AdminLists {
            oldest: at(1_790_000_000),
            turn: Duration::from_secs(600),
        }),
        service_trouble: vec![(ReasonCode::NoSuchApp, false), (ReasonCode::Redirected, true)],
        withheld: false,
        withheld_by_reason: vec![(ReasonCode::Paused, true), (ReasonCode::Quota, false)],
        quota_used_up: false,
        token_expires: Some(TokenExpires {
            at: at(1_800_000_000),
            renewed: false,
        }),
        progress: Some(Progress {
            doing: "applying",
            rooms: 10_000,
            looked: 10_000,
            calls: 1_700,
            made: 340,
            per_second: 48.7,
            budget: Some(budget("add_many")),
            seconds_left: Some(28.0),
        }),
        budget: METHODS.map(budget).to_vec(),
        started: at(1_789_999_999),
        process: Some(ProcessUse {
            cpu_seconds: 1.25,
            open_fds: 11,
            max_fds: Some(1024),
            resident_bytes: 20_000_000,
            virtual_bytes: 300_000_000,
        }),
    }
}

fn budget(method: &'static str) -> CallBudget {
    CallBudget {
        method,
        used: 7,
        limit: 50,
        configured: 100,
    }
}

#[test]
fn what_happened_is_counted() {
    let text = counted().encode(&gauges()).unwrap();
    for line in [
        r#"roomsync_build_info{version="0.1.0"} 1"#,
        r#"roomsync_passes_total{kind="full",outcome="good"} 1"#,
        r#"roomsync_passes_total{kind="full",outcome="failed"} 0"#,
        r#"roomsync_pass_duration_seconds_count{kind="full"} 1"#,
        r#"roomsync_calls_total{method="add_many",status="2xx"} 2"#,
        r#"roomsync_calls_total{method="add_many",status="4xx"} 1"#,
        r#"roomsync_calls_total{method="add_many",status="429"} 1"#,
        r#"roomsync_calls_total{method="add_many",status="none"} 1"#,
        r#"roomsync_calls_total{method="add_many",status="other"} 2"#,
        r#"roomsync_changes_total{op="add",result="done"} 1"#,
        r#"roomsync_changes_total{op="demote",result="done"} 0"#,
        r#"roomsync_reloads_total{result="refused"} 1"#,
        r#"roomsync_rooms{state="in_sync"} 9990"#,
        r#"roomsync_rooms{state="blocked"} 0"#,
        "roomsync_people_managed 12345",
        r#"roomsync_drift{mode="observe",op="add"} 5"#,
        r#"roomsync_drift{mode="authoritative",op="remove"} 2"#,
        r#"roomsync_drift{mode="additive",op="disallow"} 0"#,
        r#"roomsync_attention{severity="amber"} 3"#,
        r#"roomsync_attention{severity="red"} 0"#,
        r#"roomsync_people_set_aside{reason="no_such_user"} 2"#,
        r#"roomsync_people_set_aside{reason="other"} 0"#,
        r#"roomsync_writing_withheld_reason{reason="paused"} 1"#,
        r#"roomsync_writing_withheld_reason{reason="quota"} 0"#,
        r#"roomsync_edit_to_converged_seconds_bucket{le="10.0"} 0"#,
        r#"roomsync_edit_to_converged_seconds_bucket{le="15.0"} 1"#,
        "roomsync_edit_to_converged_seconds_count 1",
        r#"roomsync_event_to_repaired_seconds_bucket{le="0.5"} 1"#,
        "roomsync_event_to_repaired_seconds_sum 0.3",
        "roomsync_people_aside 3",
        "roomsync_members_coming_and_going 1",
        "roomsync_people_contested 2",
        "roomsync_people_coming_back 5",
        r#"roomsync_people_absent{reason="offline"} 4"#,
        r#"roomsync_people_absent{reason="never_seen"} 0"#,
        "roomsync_names_held 500",
        "roomsync_files_valid 1",
        "roomsync_writing_withheld 0",
        "roomsync_files_last_reload_success_timestamp_seconds 1790000010.0",
        "roomsync_settings_last_reload_success_timestamp_seconds 1790000100.0",
        "roomsync_settings_valid 0",
        "roomsync_last_good_pass_timestamp_seconds 1790000020.0",
        "roomsync_interval_seconds 300.0",
        "roomsync_full_pass_expected_seconds 1.5",
        r#"roomsync_service_trouble{code="no_such_app"} 0"#,
        r#"roomsync_service_trouble{code="redirected"} 1"#,
        "process_start_time_seconds 1789999999.0",
        "process_cpu_seconds_total 1.25",
        "process_open_fds 11",
        "process_max_fds 1024",
        "process_resident_memory_bytes 20000000",
        "process_virtual_memory_bytes 300000000",
        r#"roomsync_call_budget_used{method="list_members"} 7"#,
        r#"roomsync_call_budget_limit{method="list_members"} 50"#,
        r#"roomsync_call_budget_configured{method="list_members"} 100"#,
        "roomsync_quota_used_up 0",
        r#"roomsync_token_expires_timestamp_seconds{renewed="false"} 1800000000"#,
        "roomsync_pass_rooms 10000",
        "roomsync_pass_rooms_looked 10000",
        "roomsync_pass_write_calls 1700",
        "roomsync_pass_write_calls_made 340",
        "roomsync_pass_left_seconds 28.0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_has_no_value_yet_is_not_told() {
    let text = begun().encode(&Gauges::default()).unwrap();
    for absent in ["files_last", "last_good", "budget", "pass_left", "process_open"] {
        assert!(!text.contains(absent), "{absent} is in\n{text}");
    }
    assert!(text.contains("roomsync_files_valid 0\n"));
    assert!(
        text.contains("roomsync_pass_write_calls 0\n"),
        "no pass is under way"
    );
}

/// A sample's name and labels, which are a series.
fn series(text: &str) -> BTreeSet<&str> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

#[test]
fn no_series_comes_with_what_happens() {
    let (before, after) = (begun(), counted());
    for method in METHODS {
        for status in (0..=1000).map(Some).chain([None]) {
            after.called(method, status, Duration::ZERO);
        }
    }
    let [before, after] = [before, after].map(|metrics| metrics.encode(&gauges()).unwrap());
    assert_eq!(series(&before), series(&after));
    let counters = before.lines().filter(|line| line.contains("_total"));
    for line in counters.filter(|line| line.starts_with("roomsync_")) {
        assert!(line.ends_with(" 0"), "{line}");
    }
    let lines = after.lines().count();
    assert!(lines < 400, "{lines} lines");
}

/// Reads a text format: each family's kind, and the names of its samples.
fn families(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut helped = "";
    let mut present = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, told) = help.split_once(' ').unwrap();
            assert!(told.len() > 10 && told.ends_with('.'), "{line}");
            helped = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, helped, "each family is explained");
            present = name;
            let twice = families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
            assert_eq!(twice, None, "{name} is told once");
        } else if let Some(unit) = line.strip_prefix("# UNIT ") {
            let (name, unit) = unit.split_once(' ').unwrap();
            assert!(name == present && name.ends_with(unit), "{line}");
            assert!(["seconds", "bytes"].contains(&unit), "{line}");
        } else if line != "# EOF" {
            let end = line.find(['{', ' ']).unwrap();
            let family = families.get_mut(present).unwrap();
            family.1.insert(line[..end].to_owned());
        }
    }
    families
}

/// Names of all metrics, as Prometheus's own format and its queries have them; of a histogram without what follows.
pub(crate) fn exported() -> BTreeSet<String> {
    families(&counted().encode_classic(&gauges()).unwrap())
        .into_keys()
        .collect()
}

#[test]
fn names_and_types_are_as_each_format_wants_them() {
    let metrics = counted();
    let open = families(&metrics.encode(&gauges()).unwrap());
    let classic = families(&metrics.encode_classic(&gauges()).unwrap());
    for (format, families) in [("open", &open), ("classic", &classic)] {
        for (name, (kind, samples)) in families {
            let ours = name.starts_with("roomsync_");
            assert!(ours || name.starts_with("process_"), "{name}");
            let suffixes: &[&str] = match (format, kind.as_str()) {
                ("open", "counter") => &["_total"],
                ("open", "info") => &["_info"],
                (_, "histogram") => &["_bucket", "_count", "_sum"],
                (_, "gauge") | ("classic", "counter") => &[""],
                other => panic!("{name}: {other:?}"),
            };
            let wanted: BTreeSet<String> = suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect();
            assert_eq!(*samples, wanted, "{format}");
            assert!(
                !name.contains("duration") && !name.contains("timestamp") || name.ends_with("_seconds"),
                "{name}"
            );
        }
    }
    assert_eq!(open["roomsync_passes"].0, "counter");
    assert_eq!(classic["roomsync_passes_total"].0, "counter");
    assert_eq!(classic["roomsync_build_info"].0, "gauge");
    assert_eq!(open.len(), classic.len());
}

async fn scrape(accept: &str) -> (String, String) {
    let fixture: Arc<Fixture> = scenes::well();
    fixture.set(|said| said.gauges = gauges());
    let router = router(
        Arc::<Fixture>::clone(&fixture),
        fixture,
        counted(),
        Options::default(),
    );
    let request = Request::get("/metrics")
        .header("accept", accept)
        .body(Body::empty())
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["vary"], "accept");
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (kind, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn whoever_asks_for_openmetrics_gets_it() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let (kind, text) = scrape(prometheus).await;
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.ends_with("# EOF\n"));
    for other in ["*/*", "text/plain", "", "application/openmetrics-text;q=0, */*"] {
        let (kind, text) = scrape(other).await;
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8", "{other}");
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{other}");
    }
}

#[tokio::test]
async fn promtool_has_nothing_to_say() {
    let (_, text) = scrape("*/*").await;
    let checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checker) = checker else {
        return super::skip("promtool check metrics", "there is no promtool");
    };
    checker.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let found = checker.wait_with_output().unwrap();
    let said = [found.stdout, found.stderr].concat();
    assert!(
        found.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
