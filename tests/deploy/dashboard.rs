//! The dashboard: each of its queries finds what a real daemon exports, and a real Prometheus makes something of it.

use super::IN_CI;
use crate::daemon::{Daemon, Place, hook, kick, post_to};
use roomsync::emulator::{Environment, WebhookStyle};
use roomsync::model::RoomId;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use url::form_urlencoded::byte_serialize;

const DASHBOARD: &str = "deploy/grafana/roomsync.json";
/// Panels that Grafana has without a plugin.
const PANELS: [&str; 4] = ["row", "stat", "state-timeline", "table"];
const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
const ROOM: &str = "66213271109633";

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A query of a panel, and the legend of what it finds.
struct Query {
    panel: String,
    expr: String,
    legend: String,
}

fn queries() -> Vec<Query> {
    let dashboard = dashboard();
    let mut queries = Vec::new();
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            queries.push(Query {
                panel: text(&panel["title"]).to_owned(),
                expr: text(&target["expr"]).to_owned(),
                legend: text(&target["legendFormat"]).to_owned(),
            });
        }
    }
    assert!(queries.len() > 40, "{}", queries.len());
    queries
}

/// What a query asks of a series: its name, and label, operator and value of each condition.
#[derive(Debug, PartialEq)]
struct Selector {
    name: String,
    conditions: Vec<(String, String, String)>,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The series that a query names: our own, and those of the process.
fn selectors(expr: &str) -> Vec<Selector> {
    let mut selectors = Vec::new();
    let mut rest = expr;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let word = rest[at..].split(|c| !is_name(c)).next().unwrap();
        rest = &rest[at + word.len()..];
        let mut conditions = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            let (inside, after) = inside.split_once('}').unwrap();
            rest = after;
            for condition in inside.split(", ") {
                let end = condition.find(|c| !is_name(c)).unwrap();
                let (operator, value) = condition[end..].split_once('"').unwrap();
                let value = value.strip_suffix('"').unwrap();
                conditions.push((condition[..end].to_owned(), operator.to_owned(), value.to_owned()));
            }
        }
        if word.starts_with("roomsync_") || word.starts_with("process_") {
            let name = word.to_owned();
            selectors.push(Selector { name, conditions });
        }
    }
    selectors
}

/// Labels that a part of a text names between these two.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> BTreeSet<&'a str> {
    let parts = text
        .split(begin)
        .skip(1)
        .filter_map(|part| part.split(end).next());
    parts.flat_map(|part| part.split(", ")).collect()
}

/// Series of an exposition: the labels of each sample, by name.
type Series = BTreeMap<String, Vec<BTreeMap<String, String>>>;

fn series(exposition: &str) -> Series {
    let mut series = Series::new();
    for line in exposition.lines().filter(|line| !line.starts_with('#')) {
        let (sample, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let labels = labels.strip_suffix('}').unwrap().split("\",").filter_map(|pair| {
            let (label, value) = pair.split_once("=\"")?;
            Some((label.to_owned(), value.trim_end_matches('"').to_owned()))
        });
        series.entry(name.to_owned()).or_default().push(labels.collect());
    }
    series
}

/// What a query names and nothing exports.
fn missing(Query { expr, legend, .. }: &Query, series: &Series) -> Vec<String> {
    let mut missing = Vec::new();
    // Prometheus adds these two to every series.
    let mut known = BTreeSet::from(["job", "instance"]);
    for Selector { name, conditions } in selectors(expr) {
        let Some(samples) = series.get(&name) else {
            missing.push(format!("no series {name}"));
            continue;
        };
        known.extend(samples.iter().flatten().map(|(label, _)| label.as_str()));
        for (label, operator, value) in &conditions {
            if value.starts_with('$') {
                continue;
            }
            let has = |sample: &BTreeMap<String, String>| sample.get(label) == Some(value);
            assert!(["=", "!="].contains(&operator.as_str()), "{expr}");
            if !samples.iter().any(has) {
                missing.push(format!("no {name} with {label}=\"{value}\""));
            }
        }
    }
    let grouped = between(expr, "by (", ")");
    let shown = between(legend, "{{", "}}");
    missing.extend(
        grouped
            .union(&shown)
            .filter(|label| !known.contains(*label))
            .map(|label| format!("no label {label}")),
    );
    if expr.contains("by (") {
        let lost = shown.difference(&grouped);
        missing.extend(lost.map(|label| format!("{label} is summed up")));
    }
    missing
}

#[test]
fn what_a_query_names_is_found_in_it() {
    let named = |expr: &str| selectors(expr);
    let selector = |name: &str, conditions: &[(&str, &str, &str)]| Selector {
        name: name.to_owned(),
        conditions: conditions
            .iter()
            .map(|(label, operator, value)| ((*label).into(), (*operator).into(), (*value).into()))
            .collect(),
    };
    assert_eq!(
        named("sum by (op) (rate(roomsync_a_total{job=~\"$job\", op!=\"x\"}[5m])) / process_b > 3"),
        [
            selector("roomsync_a_total", &[("job", "=~", "$job"), ("op", "!=", "x")]),
            selector("process_b", &[])
        ]
    );
    let exported = series("# HELP x\nroomsync_a_total{op=\"x\",kind=\"y\"} 1\nprocess_b 2.5\n");
    let not_found = |expr: &str, legend: &str| {
        let query = Query {
            panel: String::new(),
            expr: expr.to_owned(),
            legend: legend.to_owned(),
        };
        missing(&query, &exported)
    };
    assert!(
        not_found(
            "sum by (op, job) (roomsync_a_total{op=\"x\"}) / process_b",
            "{{op}}"
        )
        .is_empty()
    );
    assert_eq!(not_found("roomsync_c", "c"), ["no series roomsync_c"]);
    assert_eq!(
        not_found("roomsync_a_total{op=\"z\"}", ""),
        ["no roomsync_a_total with op=\"z\""]
    );
    assert_eq!(not_found("sum by (code) (process_b)", ""), ["no label code"]);
    assert_eq!(
        not_found("sum by (op) (roomsync_a_total)", "{{kind}}"),
        ["kind is summed up"]
    );
}

#[test]
fn it_is_one_that_grafana_has_everything_for() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(38));
    assert_eq!(
        (text(&dashboard["uid"]), &dashboard["id"]),
        ("roomsync", &Value::Null)
    );
    let variables = list(&dashboard["templating"]["list"]);
    let names: Vec<&str> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    assert_eq!(
        (text(&variables[0]["type"]), text(&variables[0]["query"])),
        ("datasource", "prometheus")
    );
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"]) {
        let (title, kind) = (text(&panel["title"]), text(&panel["type"]));
        assert!(PANELS.contains(&kind) || kind == "timeseries", "{title}: {kind}");
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(cells.insert((x, y)), "{title} lies on another panel");
            }
        }
        if kind == "row" {
            continue;
        }
        assert!(text(&panel["description"]).ends_with('.'), "{title}");
        let targets = list(&panel["targets"]);
        assert!(!targets.is_empty(), "{title}");
        let mut letters = BTreeSet::new();
        for target in targets {
            assert!(letters.insert(text(&target["refId"])), "{title}");
            for source in [&panel["datasource"], &target["datasource"]] {
                assert_eq!(
                    (text(&source["type"]), text(&source["uid"])),
                    ("prometheus", "${datasource}"),
                    "{title}"
                );
            }
        }
    }
    for Query { panel, expr, .. } in queries() {
        for Selector { name, conditions } in selectors(&expr) {
            for of in ["job", "instance"] {
                let chosen = (of.to_owned(), "=~".to_owned(), format!("${of}"));
                assert!(conditions.contains(&chosen), "{panel}: {name} of any {of}");
            }
        }
    }
}

/// A daemon that has seen an edit, an event, somebody whom the service does not know, and a room that it only observes.
fn busy(place: &Place) -> Daemon {
    let settings = format!(
        "service: {{url: \"{}\", app_key: \"acme#demo\", auth: {{app_id: {APP_ID}, app_certificate_file: certificate}}}}\n\
         listen: 127.0.0.1:0\nwebhook: {{listen: 127.0.0.1:0, secret_file: webhook}}\n\
         sync: {{interval: 24h, settle_removals: 0s}}\n",
        place.url
    );
    place.replace("roomsync.yaml", &settings);
    place.write("certificate", CERTIFICATE);
    place.write("webhook", "webh00k-secret");
    let daemon = place.ready();
    post_to(place, hook(&daemon), WebhookStyle::New);
    let room = RoomId::parse(ROOM).unwrap();
    kick(place, &room, "bob");
    daemon.until("bob is back", |_| place.has("bob"));
    place.replace("rooms/all.yaml", &files("mia, ann, bob, carol"));
    daemon.until("carol is in", |_| place.has("carol"));
    daemon.until("both are counted, and the token's end is known", |daemon| {
        let text = daemon.get("/metrics").1;
        let has = |line: &str| text.contains(&format!("\nroomsync_{line}"));
        has("edit_to_converged_seconds_count 1\n")
            && has("event_to_repaired_seconds_count 1\n")
            && has("token_expires_timestamp_seconds{")
    });
    daemon
}

fn files(members: &str) -> String {
    format!(
        "rooms:\n  - {{id: {ROOM}, admins: [mia], members: [{members}]}}\n  \
         - {{id: 66213271109634, mode: observe, members: [ann]}}\n  \
         - {{id: 66213271109635, members: [ann, zedd]}}\n"
    )
}

fn place() -> Place {
    let state = format!(
        "{{app_key: \"acme#demo\", tokens: [secret], app_id: {APP_ID}, app_certificate: {CERTIFICATE},\n\
         users: [boss, mia, ann, bob, carol, eve], rooms: {{\n\
         \"{ROOM}\": {{owner: boss, admins: [mia], members: [ann, bob]}},\n\
         \"66213271109634\": {{owner: boss, members: [eve]}}, \"66213271109635\": {{owner: boss, members: [ann]}}}}}}"
    );
    Place::of(&state, &files("mia, ann, bob"), Environment::default())
}

#[test]
fn every_query_names_what_a_daemon_exports() {
    let place = place();
    let daemon = busy(&place);
    let series = series(&daemon.get("/metrics").1);
    for query in queries() {
        let missing = missing(&query, &series);
        assert!(missing.is_empty(), "{}: {}: {missing:?}", query.panel, query.expr);
    }
    let drift = &series["roomsync_drift"];
    assert_eq!(drift.len(), 18, "{drift:?}");
}

/// A server that ends with this.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// One that scrapes this daemon each second, by our rules. `None`, with a printed line: it is not here.
    fn start(place: &Place, daemon: &Daemon) -> Option<Self> {
        let target = daemon.url();
        let target = target.trim_start_matches("http://").trim_end_matches('/');
        let rules = fs::canonicalize(super::alerts::RULES).unwrap();
        place.write(
            "prometheus.yaml",
            &format!(
                "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
                 scrape_configs: [{{job_name: roomsync, static_configs: [{{targets: ['{target}']}}]}}]\n",
                rules.display()
            ),
        );
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let started = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                place.path("prometheus.yaml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.path("prometheus").display()
            ))
            .arg(format!("--web.listen-address={free}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn();
        match started {
            Ok(child) => Some(Self { child, address: free }),
            Err(error) => {
                let in_ci = std::env::var("CI").as_deref() == Ok("true");
                assert!(!in_ci || !IN_CI.contains(&"prometheus"), "prometheus: {error}");
                println!("skipped: the dashboard's queries in a real Prometheus: {error}");
                None
            }
        }
    }

    /// `data` of an answer. `None`: there is none yet.
    fn ask(&self, path: &str) -> Option<Value> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(crate::daemon::PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let answer: Value = serde_json::from_str(body).ok()?;
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        Some(answer["data"].clone())
    }

    /// What a query finds now.
    fn query(&self, expr: &str) -> Vec<Value> {
        let query: String = byte_serialize(expr.as_bytes()).collect();
        let data = self.ask(&format!("/api/v1/query?query={query}"));
        data.map(|data| list(&data["result"]).to_vec())
            .unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_finds_something_for_every_query_and_every_rule_is_well() {
    let place = place();
    let daemon = busy(&place);
    let Some(prometheus) = Prometheus::start(&place, &daemon) else {
        return;
    };
    let of_job = "{job=\"roomsync\"}";
    daemon.until("four scrapes", |_| {
        sleep(Duration::from_millis(200));
        let scrapes = prometheus.query(&format!("count_over_time(roomsync_build_info{of_job}[5m])"));
        scrapes
            .first()
            .is_some_and(|found| text(&found["value"][1]).parse::<u32>().unwrap() >= 4)
    });
    for Query { panel, expr, .. } in queries() {
        let expr = expr
            .replace("$job", "roomsync")
            .replace("$instance", ".*")
            .replace("$__rate_interval", "5m");
        assert!(!expr.contains('$'), "{panel}: {expr}");
        assert!(!prometheus.query(&expr).is_empty(), "{panel}: nothing for {expr}");
    }
    for (label, of) in [
        ("job", "roomsync_build_info"),
        ("instance", "roomsync_build_info{job=~\"roomsync\"}"),
    ] {
        let of: String = byte_serialize(of.as_bytes()).collect();
        let values = prometheus
            .ask(&format!("/api/v1/label/{label}/values?match[]={of}"))
            .unwrap();
        assert_eq!(list(&values).len(), 1, "{label}: {values}");
    }
    let groups = prometheus.ask("/api/v1/rules").unwrap();
    let rules = list(&groups["groups"][0]["rules"]);
    assert!(rules.len() > 15, "{groups}");
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
