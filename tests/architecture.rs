//! Keeps the rules of the house, which `src/lib.rs` tells, by reading the sources.
//!
//! `use super::super::chat::{self, Writer}` is seen as what it is, and `the_rules_can_be_broken` shows that each rule bites.

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
        text: "`disk` imports nothing of ours",
        broken: |source| source.imports_beyond("disk", &[]),
    },
    Rule {
        text: "`secrets` imports nothing of ours",
        broken: |source| source.imports_beyond("secrets", &[]),
    },
    Rule {
        text: "`diagnostics` imports only `secrets`",
        broken: |source| source.imports_beyond("diagnostics", &["secrets"]),
    },
    Rule {
        text: "`yaml` imports only `diagnostics`",
        broken: |source| source.imports_beyond("yaml", &["diagnostics"]),
    },
    Rule {
        text: "`source` imports only `diagnostics` and `disk`",
        broken: |source| source.imports_beyond("source", &["diagnostics", "disk"]),
    },
    Rule {
        text: "`desired` imports only `model`, `diagnostics`, `yaml`, `source` and `disk`",
        broken: |source| {
            source.imports_beyond("desired", &["model", "diagnostics", "yaml", "source", "disk"])
        },
    },
    Rule {
        text: "`chat` imports only `model`, `disk` and `secrets`",
        broken: |source| source.imports_beyond("chat", &["model", "disk", "secrets"]),
    },
    Rule {
        text: "`live` imports only `chat`, `model` and the plain types of `desired`",
        broken: |source| source.imports_beyond("live", &["chat", "model", "desired::DesiredRoom"]),
    },
    Rule {
        text: "`plan` imports only `model` and the plain types of `desired` and `live`",
        broken: |source| {
            let desired = ["desired::AllowEmpty", "desired::DesiredRoom", "desired::Source"];
            let live = ["live::Contradiction", "live::LiveRoom", "live::Observed"];
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
            let names = [
                "async", "await", "fastrand", "jiff", "reqwest", "tokio", "tracing",
            ];
            let paths = [
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
        text: "`apply` imports only `chat`, `live`, `plan`, `model` and the plain types of `desired`",
        broken: |source| {
            source.imports_beyond(
                "apply",
                &["chat", "live", "plan", "model", "desired::DesiredRoom"],
            )
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
        text: "`web` imports only `diagnostics`, `model` and `plan`",
        broken: |source| source.imports_beyond("web", &["diagnostics", "model", "plan"]),
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

/// What breaks a rule in these sources: the rule, and the place.
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
        "base",
        "chat",
        "cli",
        "daemon",
        "desired",
        "diagnostics",
        "disk",
        "emulator",
        "explain",
        "export",
        "live",
        "main",
        "model",
        "plan",
        "render",
        "secrets",
        "source",
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

#[test]
fn the_rules_can_be_broken() {
    let long = "\n".repeat(MAX_LINES + 1);
    let long_main = "\n".repeat(MAX_MAIN_LINES + 1);
    let mut bitten = BTreeSet::new();
    for (path, text, line, rule) in [
        ("model/user.rs", "\nuse crate::desired;", 2, "`model` imports"),
        (
            "model/user.rs",
            "fn f() { crate::chat::is_token(\"\") }",
            1,
            "`model` imports",
        ),
        ("disk.rs", "use crate::model::UserId;", 1, "`disk` imports"),
        ("secrets.rs", "\nuse crate::disk;", 2, "`secrets` imports"),
        (
            "diagnostics/problem.rs",
            "use crate::model::RoomId;",
            1,
            "`diagnostics` imports",
        ),
        ("yaml/shape.rs", "use crate::model::RoomId;", 1, "`yaml` imports"),
        ("source/search.rs", "use crate::desired;", 1, "`source` imports"),
        ("desired/mod.rs", "use super::chat;", 1, "`desired` imports"),
        ("desired/mod.rs", "use crate as all;", 1, "`desired` imports"),
        ("desired/a.rs", "use super::super::*;", 1, "`desired` imports"),
        (
            "chat/pace.rs",
            "use roomsync::settings::Rates;",
            1,
            "`chat` imports",
        ),
        ("live/read.rs", "use crate::desired::load;", 1, "`live` imports"),
        (
            "live/read.rs",
            "use crate::{\n    chat,\n    plan::Op,\n};",
            3,
            "`live` imports",
        ),
        (
            "plan/diff.rs",
            "use crate::live::{LiveRoom, look};",
            1,
            "`plan` imports",
        ),
        ("plan/diff.rs", "use crate::live;", 1, "`plan` imports"),
        (
            "plan/diff.rs",
            "fn f(x: super::super::chat::Page) {}",
            1,
            "`plan` imports",
        ),
        (
            "base/looser.rs",
            "use crate::live::LiveRoom;",
            1,
            "`base` imports",
        ),
        (
            "render/text.rs",
            "use crate::live::LiveRoom;",
            1,
            "`render` imports",
        ),
        ("plan/diff.rs", "async fn f() {}", 1, "`plan`, `base`, `render`"),
        (
            "export/yaml.rs",
            "use std::fs::File;",
            1,
            "`plan`, `base`, `render`",
        ),
        (
            "explain/look.rs",
            "fn f() { tracing::info!(\"x\") }",
            1,
            "`plan`, `base`, `render`",
        ),
        (
            "export/mod.rs",
            "use crate::desired::{load, names::label};",
            1,
            "`export` imports",
        ),
        ("export/mod.rs", "use crate::live::look;", 1, "`export` imports"),
        (
            "explain/mod.rs",
            "\nuse crate::chat::Reader;",
            2,
            "`explain` imports",
        ),
        (
            "explain/look.rs",
            "use crate::live::Question;",
            1,
            "`explain` imports",
        ),
        (
            "plan/diff.rs",
            "use std::{fmt,\ntime::Instant};",
            2,
            "`plan`, `base`, `render`",
        ),
        (
            "plan/mod.rs",
            "\n\nfn f() { tracing::info!(\"x\") }",
            3,
            "`plan`, `base`, `render`",
        ),
        (
            "apply/room.rs",
            "use crate::settings::Settings;",
            1,
            "`apply` imports",
        ),
        (
            "apply/room.rs",
            "use crate::desired::{DesiredRoom, load};",
            1,
            "`apply` imports",
        ),
        (
            "emulator/rules.rs",
            "use crate::chat::Rates;",
            1,
            "`emulator` imports",
        ),
        (
            "emulator/mod.rs",
            "mod tests {\n use super::super::live;\n}",
            2,
            "`emulator` imports",
        ),
        ("web/view.rs", "use crate::chat::Reader;", 1, "`web` imports"),
        (
            "web/router.rs",
            "use crate::{apply, model::RoomId};",
            1,
            "`web` imports",
        ),
        ("web/server.rs", "\nuse crate::apply::Report;", 2, "`web` imports"),
        ("web/gate.rs", "fn f(x: crate::cli::Exit) {}", 1, "`web` imports"),
        ("web/view.rs", "use crate::desired::load;", 1, "`web` imports"),
        (
            "cli/plan.rs",
            "let w = Writer::new(&connection);",
            1,
            "only `apply`",
        ),
        ("cli/plan.rs", "use crate::chat::Writer as W;", 1, "only `apply`"),
        (
            "chat/reader.rs",
            "fn f() { super::Writer::new(c) }",
            1,
            "only `apply`",
        ),
        (
            "settings.rs",
            "use crate::daemon::files::News;",
            1,
            "nothing but `cli`",
        ),
        (
            "telemetry.rs",
            "\nfn f(x: super::daemon::State) {}",
            2,
            "nothing but `cli`",
        ),
        (
            "settings.rs",
            "use anyhow::Context;",
            1,
            "`anyhow` and standard output",
        ),
        (
            "telemetry.rs",
            "fn f() { std::io::stdout(); }",
            1,
            "`anyhow` and standard output",
        ),
        ("web.rs", "println!(\"x\");", 1, "`anyhow` and standard output"),
        (
            "main.rs",
            long_main.as_str(),
            MAX_MAIN_LINES + 1,
            "`main.rs` stays",
        ),
        ("cli/mod.rs", long.as_str(), MAX_LINES + 1, "no source is longer"),
    ] {
        let source = Source::new(path, text);
        let found = broken(&[source]);
        let [(broken, place)] = found.as_slice() else {
            panic!("{path}, {text:?}: expected one place, found {found:?}");
        };
        assert!(broken.starts_with(rule), "{path}, {text:?}: {broken}");
        assert_eq!(*place, format!("src/{path}:{line}"), "{text:?}");
        bitten.insert(*broken);
    }
    let idle: Vec<_> = RULES
        .iter()
        .map(|rule| rule.text)
        .filter(|rule| !bitten.contains(rule))
        .collect();
    assert!(idle.is_empty(), "nothing here breaks {idle:?}");
}

#[test]
fn what_only_looks_like_a_breach_is_none() {
    let text = r##"
//! Not `crate::chat`, nor tokio.
/* println!("x") /* anyhow::Result */ Writer::new */
use super::{Note, Op, code};
use crate::desired::{DesiredRoom, Source};
use crate::model::{MemberSet, UserId};
const A: &str = "use crate::chat; \" async";
const B: &str = r#"tokio "quoted" stdout"#;
const C: (char, char, char, u8) = ('"', '\'', '\u{22}', b'"');
fn f<'a>(x: &'a str) -> Vec<&'a str> { Vec::<&'a str>::from_iter([x]) }
#[cfg(test)]
mod tests {
    use super::super::guard;
    use super::*;
}
"##;
    let found = broken(&[Source::new("plan/diff.rs", text)]);
    assert_eq!(found, []);
}
