//! Contents of `examples/` for CI: its rules, its syntax, and its steps run for real against a service and an API on loopback.

mod apply;
mod hooks;
mod install;
mod lint;
mod package;
mod place;
mod plan;
mod rules;

use serde_yaml::{Mapping, Value};
use std::fs;
use std::process::{Command, Output};

const PLAN: &str = "examples/github-workflow/.github/workflows/roomsync-plan.yml";
const APPLY: &str = "examples/github-workflow/.github/workflows/roomsync-apply.yml";
const VALIDATE: &str = "examples/github-workflow/.github/workflows/roomsync-validate.yml";
const WORKFLOWS: [&str; 3] = [PLAN, APPLY, VALIDATE];
/// The workflow that publishes roomsync itself.
const RELEASE: &str = ".github/workflows/release.yml";
/// Code that the scripts of the workflows share.
const SHARED: &str = "examples/github-workflow/.github/roomsync.sh";
const GITLAB: &str = "examples/gitlab-ci.yml";
/// The host that the examples bind, in whose place the tests put theirs.
const HOST: &str = "https://a61.chat.agora.io";

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parsed(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The entries of a map, or none where there is no map.
fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let map: Option<&Mapping> = value.as_mapping();
    map.into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str().unwrap(), value))
}

/// The jobs of a GitHub workflow, by name.
fn jobs(workflow: &Value) -> impl Iterator<Item = (&str, &Value)> {
    entries(&workflow["jobs"])
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_sequence().unwrap()
}

/// Whether a step of GitHub's installs roomsync, which the tests have.
fn installs(step: &Value) -> bool {
    step["name"] == "Install roomsync"
}

/// The script of a job of GitLab's, whose lines run in one shell.
fn script(pipeline: &Value, job: &str) -> String {
    let lines = pipeline[job]["script"].as_sequence().unwrap();
    let lines: Vec<_> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    lines.join("\n")
}

/// The shell scripts of all examples, each with its name.
fn scripts() -> Vec<(String, String)> {
    let mut scripts = Vec::new();
    for path in WORKFLOWS.into_iter().chain([RELEASE]) {
        let workflow = parsed(path);
        for (name, job) in jobs(&workflow) {
            let runs = steps(job).iter().filter_map(|step| step["run"].as_str());
            scripts.extend(runs.map(|run| (format!("{path}, {name}"), run.to_owned())));
        }
    }
    scripts.push((SHARED.to_owned(), read(SHARED)));
    let pipeline = parsed(GITLAB);
    for (name, _) in entries(&pipeline).filter(|(_, job)| !job["script"].is_null()) {
        scripts.push((format!("{GITLAB}, {name}"), script(&pipeline, name)));
    }
    assert!(scripts.len() > 10);
    scripts
}

/// Asserts that a line with this text was printed, and only where the runner was told to take nothing for a command.
#[track_caller]
fn quiet(said: &str, text: &str) {
    let (mut end, mut seen) = (None, 0);
    for line in said.lines() {
        if let Some(mark) = line.strip_prefix("::stop-commands::") {
            assert!(mark.len() >= 32);
            end = Some(format!("::{mark}::"));
        } else if end.as_deref() == Some(line) {
            end = None;
        } else if line.contains(text) {
            assert!(end.is_some(), "{said}");
            seen += 1;
        }
    }
    assert!(seen > 0 && end.is_none(), "{said}");
}

/// Runs a tool; `None`, with a printed line: it is not here. CI installs them all.
fn tool(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{program}: {error}");
            println!("skipped: {program} {}: {error}", args.join(" "));
            None
        }
    }
}

/// Output of a tool; asserts that it found nothing wrong.
#[track_caller]
fn passed(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{said}");
    said
}
