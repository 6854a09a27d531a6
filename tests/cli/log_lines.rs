//! Lines of the log: JSON to the last line where that is asked for, each with a code; priorities for systemd's journal.

use super::service::{ROOM, STATE, Service};
use super::site::{Run, Site};
use roomsync::model::log_code;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// Every line of standard error, each of which must be JSON with a code of the list.
#[track_caller]
fn lines(run: &Run) -> Vec<Value> {
    let lines: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", run.stderr)))
        .collect();
    for line in &lines {
        let code = line["code"].as_str().unwrap_or_default();
        assert!(log_code::ALL.iter().any(|(known, _)| *known == code), "{line}");
        for key in ["timestamp", "level", "message", "target"] {
            assert!(line[key].is_string(), "no {key} in {line}");
        }
    }
    lines
}

fn codes(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["code"].as_str().unwrap()).collect()
}

#[test]
fn names_are_arrays() {
    let service = Service::start(STATE);
    let run = Site::of(&service)
        .run(&["apply", "--yes", "--log-format", "json", "-vv"])
        .ends_with(0);
    let lines = lines(&run);
    let planned = lines.iter().find(|line| line["code"] == "planned").unwrap();
    assert_eq!(planned["room"], ROOM);
    let lists = ["add", "promote", "remove", "demote", "guards"].map(|key| &planned[key]);
    assert_eq!(
        lists,
        [
            &json!(["carol"]),
            &json!(["mia"]),
            &json!([]),
            &json!([]),
            &json!([])
        ]
    );
}

#[test]
fn fatal_errors_are_json_where_that_is_asked_for() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    site.write("bad.yaml", "servce: {}\n");
    let run = |args: &[&str], code| {
        site.run(&[args, &["--log-format", "json"]].concat())
            .ends_with(code)
    };
    for args in [&["plan"][..], &["apply", "--yes"], &["run"], &["run", "--once"]] {
        let lines = lines(&run(&[args, &["--config", "bad.yaml"]].concat(), 5));
        let last = lines.last().unwrap();
        assert_eq!([&last["code"], &last["exit"]], [&json!("fatal"), &json!(5)]);
        let named = lines
            .iter()
            .find(|line| line["problem"] == "unknown-key")
            .unwrap();
        assert_eq!([&named["code"], &named["level"]], ["problem", "ERROR"]);
        assert!(
            named["place"].as_str().unwrap().starts_with("bad.yaml:1:"),
            "{named}"
        );
    }
    let no_terminal = run(&["apply"], 64);
    assert_eq!(codes(&lines(&no_terminal)), ["fatal"]);
    let too_many = run(&["apply", "--yes", "--max-calls", "0"], 3);
    assert!(codes(&lines(&too_many)).contains(&"max_calls"));
    let away = Site::at("http://127.0.0.1:1");
    let away = away.run(&["apply", "--yes", "--log-format", "json"]).ends_with(1);
    assert!(codes(&lines(&away)).contains(&"error"), "{}", away.stderr);
}

#[test]
fn wrong_usage_is_json_once_the_flag_is_there() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    for args in [
        &["plan", "--log-format", "json", "--bogus"][..],
        &["--log-format=json", "plan", "--bogus"],
        &["--log-format=json", "apply", "--max-calls", "many"],
    ] {
        let run = site.run(args).ends_with(64);
        let lines = lines(&run);
        assert_eq!(codes(&lines), ["usage"]);
        assert!(
            !lines[0]["message"].as_str().unwrap().starts_with("error"),
            "{}",
            lines[0]
        );
    }
    site.run(&["plan", "--bogus"])
        .ends_with(64)
        .complains("error: unexpected");
}

#[test]
fn a_server_without_a_terminal_logs_json_to_the_last_line() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    site.write("roomsync.yaml", "servce: {}\n");
    let run = site.run(&["run"]).ends_with(5);
    assert_eq!(codes(&lines(&run)).last(), Some(&"fatal"));
    // People read what a command in a CI job says of their files.
    site.run(&["plan"])
        .ends_with(5)
        .complains("--> roomsync.yaml:1:1");
}

/// Runs with standard error in a file, which may be taken for the journal.
fn to_journal(mut command: Command, site: &Site, is_journal: bool) -> String {
    let path = site.path("stderr");
    let file = File::create(&path).unwrap();
    let meta = file.metadata().unwrap();
    let inode = meta.ino() + u64::from(!is_journal);
    command
        .env("JOURNAL_STREAM", format!("{}:{inode}", meta.dev()))
        .stderr(file)
        .status()
        .unwrap();
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_journal_gets_priorities() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    let text = |args: &[&str], is_journal| {
        let args = [args, &["--log-format", "text"]].concat();
        to_journal(site.command(&args), &site, is_journal)
    };
    for is_journal in [true, false] {
        let said = text(&["plan", "-v"], is_journal);
        assert!(said.lines().count() > 0, "{said}");
        assert_eq!(
            said.lines().all(|line| line.starts_with("<7>")),
            is_journal,
            "{said}"
        );
        let said = text(&["apply"], is_journal);
        assert_eq!(
            said.starts_with("<3>error: there is no terminal"),
            is_journal,
            "{said}"
        );
    }
    site.write("bad.yaml", "servce: {}\n");
    let said = text(&["plan", "--config", "bad.yaml"], true);
    assert!(said.lines().all(|line| line.starts_with("<3>")), "{said}");
}
