//! Keeps the rules of the house, which `src/lib.rs` tells, by reading the sources.
//!
//! `use super::super::chat::{self, Writer}` is seen as what it is, and `the_rules_can_be_broken` shows that each rule bites.

mod breaches;
mod source;
mod targets;

use source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The longest source, in lines.
const MAX_LINES: usize = 400;
/// The longest `main.rs`, in lines.
const MAX_MAIN_LINES: usize = 29;

/// A rule, and the lines of a source that break it.
struct Rule {
    text: &'static str,
    broken: fn(&Source) -> Vec<usize>,
}

const RULES: &[Rule] = &[
    Rule {
        text: "`model` imports nothing of ours",
        broken: |source| source.imports_beyond("model", &[]),
    },
    Rule {
        text: "`backoff` imports nothing of ours",
        broken: |source| source.imports_beyond("backoff", &[]),
    },
    Rule {
        text: "`disk` imports nothing of ours",
        broken: |source| source.imports_beyond("disk", &[]),
    },
    Rule {
        text: "`secrets` imports nothing of ours",
        broken: |source| source.imports_beyond("secrets", &[]),
    },
    Rule {
        text: "`seen` imports only `disk` and `model`",
        broken: |source| source.imports_beyond("seen", &["disk", "model"]),
    },
    Rule {
        text: "`diagnostics` imports only `model` and `secrets`",
        broken: |source| source.imports_beyond("diagnostics", &["model", "secrets"]),
    },
    Rule {
        text: "`yaml` imports only `diagnostics` and `model`",
        broken: |source| source.imports_beyond("yaml", &["diagnostics", "model"]),
    },
    Rule {
        text: "`source` imports only `diagnostics`, `disk` and `model`",
        broken: |source| source.imports_beyond("source", &["diagnostics", "disk", "model"]),
    },
    Rule {
        text: "`desired` imports only `model`, `diagnostics`, `yaml`, `source` and `disk`",
        broken: |source| {
            source.imports_beyond("desired", &["model", "diagnostics", "yaml", "source", "disk"])
        },
    },
    Rule {
        text: "`chat` imports only `model`, `backoff`, `clock`, `disk` and `secrets`",
        broken: |source| source.imports_beyond("chat", &["model", "backoff", "clock", "disk", "secrets"]),
    },
    Rule {
        text: "`live` imports only `chat`, `model` and the plain types of `desired`",
        broken: |source| source.imports_beyond("live", &["chat", "model", "desired::DesiredRoom"]),
    },
    Rule {
        text: "`plan` imports only `model`, the plain types of `desired` and `live`, and the forecast of ends",
        broken: |source| {
            let desired = [
                "desired::AllowEmpty",
                "desired::Departures",
                "desired::DesiredRoom",
                "desired::Ends",
                "desired::FleetDepartures",
                "desired::RoomEnds",
                "desired::Source",
                "desired::guard_forecasts",
            ];
            let live = [
                "live::AllowList",
                "live::Inconsistency",
                "live::LiveRoom",
                "live::Observed",
            ];
            source.imports_beyond("plan", &[&["model"][..], &desired, &live].concat())
        },
    },
    Rule {
        text: "`base` imports only `model`, `plan` and the plain types of `desired`",
        broken: |source| source.imports_beyond("base", &["model", "plan", "desired::DesiredRoom"]),
    },
    Rule {
        text: "`render` imports only `base`, `model`, `plan` and the plain types of `desired`",
        broken: |source| {
            let desired = ["desired::DesiredRoom", "desired::Source"];
            source.imports_beyond("render", &[&["base", "model", "plan"][..], &desired].concat())
        },
    },
    Rule {
        text: "`export` imports only `model`, the plain types of `live` and the rule for labels of `desired`",
        broken: |source| {
            let allowed = [
                "model",
                "live::LiveRoom",
                "live::Observed",
                "desired::names::label",
            ];
            source.imports_beyond("export", &allowed)
        },
    },
    Rule {
        text: "`explain` imports only `model`, `plan` and the plain types of `desired` and `live`",
        broken: |source| {
            let desired = [
                "desired::DesiredRoom",
                "desired::Mention",
                "desired::Mentions",
                "desired::Origin",
                "desired::OtherGroup",
                "desired::Pattern",
            ];
            let live = ["live::LiveRoom", "live::Observed"];
            source.imports_beyond("explain", &[&["model", "plan"][..], &desired, &live].concat())
        },
    },
    Rule {
        text: "`plan`, `base`, `render`, `export` and `explain` are pure: no async, clock, randomness, file, network, process or logging",
        broken: |source| {
            let names = ["async", "await", "fastrand", "reqwest", "tokio", "tracing"];
            let paths = [
                "jiff::Timestamp::now",
                "jiff::Zoned",
                "Timestamp::now",
                "std::env",
                "std::fs",
                "std::io",
                "std::net",
                "std::process",
                "std::thread",
                "std::time",
            ];
            let mut lines = source.lines_with_names(&names);
            lines.extend(source.lines_with_paths(&paths));
            lines.retain(|_| {
                matches!(
                    source.house.as_str(),
                    "plan" | "base" | "render" | "export" | "explain"
                )
            });
            lines
        },
    },
    Rule {
        text: "`apply` imports only `chat`, `live`, `model` and the plain types of `desired` and `plan`: it plans nothing",
        broken: |source| {
            let plan = [
                "plan::Approved",
                "plan::GuardTripped",
                "plan::NEW_ADMIN",
                "plan::Note",
                "plan::RoomPlan",
                "plan::Status",
                "plan::Step",
                "plan::users_of",
            ];
            let others = ["chat", "live", "model", "desired::DesiredRoom"];
            source.imports_beyond("apply", &[&others[..], &plan].concat())
        },
    },
    Rule {
        text: "`reconcile` imports nothing that is above it: no `daemon`, `web` or `cli`",
        broken: |source| {
            let allowed = [
                "apply",
                "audit_log",
                "chat",
                "clock",
                "desired",
                "live",
                "model",
                "plan",
                "render",
                "settings",
                "status",
            ];
            source.imports_beyond("reconcile", &allowed)
        },
    },
    Rule {
        text: "of the commands only `run`, and `demo`, which shows it, import `daemon`",
        broken: |source| {
            let mut lines = source.lines_with_paths(&["crate::daemon"]);
            let may = matches!(source.path.as_str(), "cli/run.rs" | "cli/demo.rs");
            lines.retain(|_| source.house == "cli" && !may);
            lines
        },
    },
    Rule {
        text: "`emulator` imports only `chat::wire` and `model`",
        broken: |source| source.imports_beyond("emulator", &["chat::wire", "model"]),
    },
    Rule {
        text: "nothing but `cli` imports `daemon`",
        broken: |source| {
            let mut lines = source.lines_with_paths(&["crate::daemon"]);
            lines.retain(|_| !matches!(source.house.as_str(), "cli" | "daemon"));
            lines
        },
    },
    Rule {
        text: "`web` imports only `status`, `model`, `clock` and the type of a secret of `chat`",
        broken: |source| source.imports_beyond("web", &["status", "model", "clock", "chat::Secret"]),
    },
    Rule {
        text: "`status` imports only `diagnostics`, `model` and `plan`",
        broken: |source| source.imports_beyond("status", &["diagnostics", "model", "plan"]),
    },
    Rule {
        text: "`exclusions` imports only `backoff`, `clock`, `desired`, `model`, `plan` and `status`",
        broken: |source| {
            let allowed = [
                "backoff",
                "clock",
                "desired::DesiredRoom",
                "model",
                "plan",
                "status",
            ];
            source.imports_beyond("exclusions", &allowed)
        },
    },
    Rule {
        text: "`audit_log` imports only `disk`, `model` and `status`",
        broken: |source| source.imports_beyond("audit_log", &["disk", "model", "status"]),
    },
    Rule {
        text: "`clock` imports nothing of ours",
        broken: |source| source.imports_beyond("clock", &[]),
    },
    Rule {
        text: "`file_source` imports only `desired`, `diagnostics`, `disk`, `model` and `source`",
        broken: |source| {
            let allowed = ["desired", "diagnostics", "disk", "model", "source"];
            source.imports_beyond("file_source", &allowed)
        },
    },
    Rule {
        text: "only `apply` makes a `chat::Writer`",
        broken: |source| {
            let mut lines = source.lines_of_paths(|path| path.ends_with("Writer::new"));
            if source.house != "chat" {
                lines.extend(source.lines_with_paths(&["crate::chat::Writer", "crate::chat::writer"]));
            }
            lines.retain(|_| source.house != "apply");
            lines
        },
    },
    Rule {
        text: "`anyhow` and standard output are for `cli` only",
        broken: |source| {
            let mut lines = source.lines_with_names(&["anyhow", "print", "println", "stdout", "Stdout"]);
            lines.retain(|_| source.house != "cli");
            lines
        },
    },
    Rule {
        text: "`main.rs` stays under 30 lines",
        broken: |source| {
            let too_long = source.house == "main" && source.lines > MAX_MAIN_LINES;
            too_long.then_some(source.lines).into_iter().collect()
        },
    },
    Rule {
        text: "no source is longer than 400 lines",
        broken: |source| {
            (source.lines > MAX_LINES)
                .then_some(source.lines)
                .into_iter()
                .collect()
        },
    },
];

/// Places in these sources that break a rule, each with the rule.
fn broken(sources: &[Source]) -> Vec<(&'static str, String)> {
    let mut broken = BTreeSet::new();
    for Rule { text, broken: lines } in RULES {
        for source in sources {
            let places = lines(source)
                .into_iter()
                .map(|line| (*text, format!("src/{}:{line}", source.path)));
            broken.extend(places);
        }
    }
    broken.into_iter().collect()
}

fn sources_in(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources_in(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix("src").unwrap().to_str().unwrap();
            sources.push(Source::new(name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_house_keeps_its_rules() {
    let mut sources = Vec::new();
    sources_in(Path::new("src"), &mut sources);
    let houses: BTreeSet<&str> = sources.iter().map(|source| source.house.as_str()).collect();
    for house in [
        "apply",
        "audit_log",
        "base",
        "chat",
        "cli",
        "clock",
        "daemon",
        "desired",
        "diagnostics",
        "disk",
        "emulator",
        "exclusions",
        "explain",
        "export",
        "file_source",
        "live",
        "main",
        "model",
        "plan",
        "reconcile",
        "render",
        "secrets",
        "seen",
        "source",
        "status",
        "web",
        "yaml",
    ] {
        assert!(
            houses.contains(house),
            "no sources of `{house}` were found: its rules would keep nothing"
        );
    }
    let broken = broken(&sources);
    let told: Vec<String> = broken
        .iter()
        .map(|(rule, place)| format!("{place}: {rule}"))
        .collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

/// Events at `INFO` and above without a code, by file and line.
fn without_a_code(path: &str, text: &str) -> Vec<String> {
    let mut places = Vec::new();
    for level in ["info!(", "warn!(", "error!("] {
        for (at, begin) in text.match_indices(&format!("tracing::{level}")) {
            let line = text[..at].lines().count();
            let rest = text[at + begin.len()..].trim_start();
            let rest = rest.strip_prefix("target: NOTICE,").unwrap_or(rest).trim_start();
            if !rest.starts_with("code = log_code::") {
                places.push(format!("{path}:{line}"));
            }
        }
    }
    places
}

#[test]
fn every_event_of_the_log_has_a_code_of_the_list() {
    fn read(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap_or_default();
                found.extend(without_a_code(path.to_str().unwrap(), &text));
            }
        }
    }
    assert_eq!(without_a_code("x", "\ntracing::warn!(%room, \"odd\")").len(), 1);
    let mut found = Vec::new();
    read(Path::new("src"), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_manual_has_every_code_of_the_log() {
    let manual = fs::read_to_string("deploy/README.md").unwrap();
    let rows: Vec<String> = roomsync::model::log_code::ALL
        .iter()
        .map(|(code, meaning)| format!("| `{code}` | {meaning} |"))
        .collect();
    assert!(rows.is_sorted());
    assert!(
        manual.contains(&rows.join("\n")),
        "the table should be:\n{}",
        rows.join("\n")
    );
}
