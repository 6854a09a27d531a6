//! Contents of `deploy/`: the unit, the manifests and the alerts, held against the real binary.

mod alerts;
mod daemon;
mod dashboard;
mod image;
mod kubernetes;
mod man;
mod manifests;
mod proxies;
mod systemd;

use std::process::{Command, Output};

/// Tools that CI installs, where a check that is skipped would go unseen.
const IN_CI: [&str; 7] = [
    "kubectl",
    "kubernetes-validate",
    "mandoc",
    "nginx",
    "prometheus",
    "promtool",
    "systemd-analyze",
];

/// Runs a checker; `None`, with a printed line: it is not here.
fn checker(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            let in_ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(!in_ci || !IN_CI.contains(&program), "{program}: {error}");
            println!("skipped: {program} {}: {error}", args.join(" "));
            None
        }
    }
}

/// Output of a checker; asserts that it found nothing wrong.
#[track_caller]
fn passed(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{said}");
    said
}
