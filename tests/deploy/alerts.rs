//! The alerts.

use super::{checker, passed};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

pub(crate) const RULES: &str = "deploy/prometheus/roomsync.rules.yaml";
const RULES_TEST: &str = "deploy/prometheus/roomsync.rules.test.yaml";
const README: &str = "deploy/README.md";
/// Parts of each section of the runbook.
const PARTS: [&str; 3] = ["**Means.**", "**Look at**", "**Do.**"];

fn yaml(path: &str) -> serde_yaml::Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &serde_yaml::Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn rules() -> Vec<serde_yaml::Value> {
    yaml(RULES)["groups"][0]["rules"].as_sequence().unwrap().clone()
}

/// The metrics of ours that the rules name.
pub(crate) fn metrics() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rule in rules() {
        let words = text(&rule["expr"]).split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = words.filter(|word| word.starts_with("roomsync_") || word.starts_with("process_"));
        names.extend(ours.map(str::to_owned));
    }
    assert!(names.len() > 15, "{names:?}");
    names
}

/// The sections of the runbook, each with the anchor of its heading.
fn sections(readme: &str) -> Vec<(String, &str)> {
    let mut sections = Vec::new();
    for section in readme.split("\n### ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        let body = rest.split("\n## ").next().unwrap();
        sections.push((heading.to_lowercase().replace(' ', "-"), body));
    }
    sections
}

/// Alerts for which the unit tests have an expectation of this kind.
fn tested(fires: bool) -> BTreeSet<String> {
    let tests = yaml(RULES_TEST);
    let mut tested = BTreeSet::new();
    for test in tests["tests"].as_sequence().unwrap() {
        for check in test["promql_expr_test"].as_sequence().unwrap() {
            let samples = check["exp_samples"].as_sequence().unwrap();
            let named = if fires {
                samples.iter().map(|sample| text(&sample["labels"])).collect()
            } else if samples.is_empty() {
                vec![text(&check["expr"])]
            } else {
                Vec::new()
            };
            let alert = |named: &str| Some(named.split_once("alertname=\"")?.1.split_once('"')?.0.to_owned());
            tested.extend(named.into_iter().filter_map(alert));
        }
    }
    tested
}

#[test]
fn each_alert_says_what_it_is_about_and_has_a_runbook_and_tests_both_ways() {
    let readme = fs::read_to_string(README).unwrap();
    let sections = sections(&readme);
    let (firing, silent) = (tested(true), tested(false));
    let mut alerts = BTreeSet::new();
    for rule in rules() {
        let alert = text(&rule["alert"]).to_owned();
        let severity = text(&rule["labels"]["severity"]);
        assert!(
            ["page", "ticket", "info"].contains(&severity),
            "{alert}: {severity}"
        );
        let annotations = &rule["annotations"];
        for annotation in ["summary", "description"] {
            let said = text(&annotations[annotation]);
            assert!(
                said.len() > 20 && said.ends_with('.'),
                "{alert}: {annotation}: {said}"
            );
        }
        let (file, anchor) = text(&annotations["runbook_url"]).split_once('#').unwrap();
        assert_eq!((file, anchor), (README, alert.to_lowercase().as_str()), "{alert}");
        let runbook = sections.iter().find(|(of, _)| of == anchor);
        let (_, runbook) = runbook.unwrap_or_else(|| panic!("{README} has no section on {alert}"));
        for part in PARTS {
            assert!(runbook.contains(part), "{alert}: {part} is missing in\n{runbook}");
        }
        assert!(firing.contains(&alert), "no unit test shows {alert} firing");
        assert!(silent.contains(&alert), "no unit test shows {alert} silent");
        assert!(alerts.insert(alert.clone()), "{alert} is there twice");
    }
    for (anchor, _) in sections
        .iter()
        .filter(|(anchor, _)| anchor.starts_with("roomsync"))
    {
        let is_alert = alerts.iter().any(|alert| alert.to_lowercase() == *anchor);
        assert!(is_alert, "{README}: there is no alert {anchor}");
    }
    let unknown: Vec<_> = firing
        .union(&silent)
        .filter(|alert| !alerts.contains(*alert))
        .collect();
    assert!(unknown.is_empty(), "tests of no alert: {unknown:?}");
}

/// The README's command makes links of the paths to the sections.
#[test]
fn runbook_urls_become_links_by_one_command() {
    let readme = fs::read_to_string(README).unwrap();
    let line = readme.lines().find(|line| line.starts_with("sed ")).unwrap();
    let (command, _) = line.split_once(" > ").unwrap();
    let linked = Command::new("sh")
        .args(["-c", command])
        .current_dir("deploy")
        .output()
        .unwrap();
    let linked: serde_yaml::Value = serde_yaml::from_str(&passed(&linked)).unwrap();
    let before = rules();
    let after = linked["groups"][0]["rules"].as_sequence().unwrap();
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        let [before, after] = [before, after].map(|rule| text(&rule["annotations"]["runbook_url"]));
        assert_eq!(after, format!("https://git.example/ops/{before}"));
    }
}

/// Metrics that the README of `deploy` lists.
#[test]
fn each_metric_that_is_written_of_is_exported() {
    let exported = crate::web::exported();
    let readme = fs::read_to_string(README).unwrap();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = readme.split(|c: char| !is_name(c));
    let written: BTreeSet<String> = words
        .filter(|word| word.starts_with("roomsync_") || word.starts_with("process_"))
        .filter(|word| !word.ends_with('_'))
        .map(str::to_owned)
        .collect();
    for name in metrics().union(&written) {
        assert!(exported.contains(name), "{name} is not exported");
    }
    for name in &exported {
        assert!(written.contains(name), "{README} does not list {name}");
    }
}

#[test]
fn promtool_takes_the_rules() {
    let Some(checked) = checker("promtool", &["check", "rules", RULES]) else {
        return;
    };
    assert!(passed(&checked).contains(&format!("{} rules found", rules().len())));
}

#[test]
fn promtool_sees_each_alert_fire_and_be_silent() {
    let Some(tested) = checker("promtool", &["test", "rules", RULES_TEST]) else {
        return;
    };
    assert!(passed(&tested).contains("SUCCESS"));
}
