//! A breach of each rule, and sources that only look like one.

use super::source::Source;
use super::{MAX_LINES, MAX_MAIN_LINES, RULES, broken};
use std::collections::BTreeSet;

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
        ("backoff.rs", "use crate::model::PerOp;", 1, "`backoff` imports"),
        ("disk.rs", "use crate::model::UserId;", 1, "`disk` imports"),
        ("secrets.rs", "\nuse crate::disk;", 2, "`secrets` imports"),
        ("seen/file.rs", "use crate::live::LiveRoom;", 1, "`seen` imports"),
        (
            "diagnostics/problem.rs",
            "use crate::source::FileSet;",
            1,
            "`diagnostics` imports",
        ),
        (
            "yaml/shape.rs",
            "use crate::source::Listing;",
            1,
            "`yaml` imports",
        ),
        ("source/search.rs", "use crate::desired;", 1, "`source` imports"),
        ("desired/mod.rs", "use super::chat;", 1, "`desired` imports"),
        ("desired/mod.rs", "use crate as all;", 1, "`desired` imports"),
        ("desired/a.rs", "use super::super::*;", 1, "`desired` imports"),
        (
            "chat/rate_limit.rs",
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
            "use crate::live::{LiveRoom, read_room};",
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
            "base/relaxations.rs",
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
        (
            "export/mod.rs",
            "use crate::live::read_room;",
            1,
            "`export` imports",
        ),
        (
            "explain/mod.rs",
            "\nuse crate::chat::Reader;",
            2,
            "`explain` imports",
        ),
        (
            "explain/look.rs",
            "use crate::live::ReadRequest;",
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
            "apply/room.rs",
            "use crate::plan::{self, RoomPlan};\nfn f() { plan::diff() }",
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
        ("web/gate.rs", "use crate::desired::load;", 1, "`web` imports"),
        (
            "status/mod.rs",
            "use crate::desired::load;",
            1,
            "`status` imports",
        ),
        ("clock.rs", "use crate::model::RoomId;", 1, "`clock` imports"),
        (
            "audit_log.rs",
            "use crate::desired::load;",
            1,
            "`audit_log` imports",
        ),
        (
            "exclusions/holds.rs",
            "use crate::desired::load;",
            1,
            "`exclusions` imports",
        ),
        (
            "file_source/look.rs",
            "use crate::web::Metrics;",
            1,
            "`file_source` imports",
        ),
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
            "reconcile/pass.rs",
            "use crate::web::Metrics;",
            1,
            "`reconcile` imports nothing",
        ),
        (
            "cli/plan.rs",
            "use crate::daemon::Once;",
            1,
            "of the commands only",
        ),
        (
            "settings.rs",
            "use crate::daemon::Daemon;",
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
use super::{Note, Op};
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
