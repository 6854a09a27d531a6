//! The alerts.

use super::{checker, passed};
use std::fs;

const RULES: &str = "deploy/prometheus/roomsync.rules.yaml";

/// The metrics that the rules name.
pub(crate) fn metrics() -> Vec<String> {
    let rules: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(RULES).unwrap()).unwrap();
    let mut names = Vec::new();
    for rule in rules["groups"][0]["rules"].as_sequence().unwrap() {
        let expr = rule["expr"].as_str().unwrap();
        let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.extend(
            words
                .filter(|word| word.starts_with("roomsync_"))
                .map(str::to_owned),
        );
    }
    assert!(names.len() > 8, "{names:?}");
    names
}

#[test]
fn promtool_takes_the_rules() {
    let Some(checked) = checker("promtool", &["check", "rules", RULES]) else {
        return;
    };
    assert!(passed(&checked).contains("11 rules found"));
}
