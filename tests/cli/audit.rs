//! `apply` keeps the daemon's audit log, and sends nothing if it cannot.

use super::service::{STATE, Service};
use super::site::{Run, Site};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

fn audited(service: &Service, file: &str) -> Site {
    let settings = format!("audit_log: {file}\nrooms: rooms/");
    Site::of(service).with_settings("rooms: rooms/", &settings)
}

/// Lines of a log, each of which must be JSON.
#[track_caller]
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The lines without what differs from run to run.
fn comparable(mut lines: Vec<Value>) -> Vec<Value> {
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        for key in ["time", "plan"] {
            assert!(line.remove(key).is_some(), "no {key} in {line:?}");
        }
        if let Some(call) = line.get_mut("call") {
            *call = call.as_str().unwrap().split_once('-').unwrap().1.into();
        }
    }
    lines
}

#[test]
fn apply_writes_the_lines_that_the_daemon_writes() {
    let logs = [&["apply", "--yes"][..], &["run", "--once"]].map(|args| {
        let service = Service::start(STATE);
        let site = audited(&service, "audit.jsonl");
        site.run(args).ends_with(0);
        assert_eq!(service.people(), "alice bob carol dan mia*");
        comparable(lines(&site.path("audit.jsonl")))
    });
    let [of_apply, of_daemon] = logs;
    assert_eq!(of_apply, of_daemon);
    assert_eq!(of_apply[0]["event"], "pass");
    let done = of_apply.iter().filter(|line| line["result"] == "done");
    let places: Vec<_> = done
        .map(|line| (&line["user"], &line["file"], &line["line"]))
        .collect();
    assert_eq!(places.len(), 2, "{of_apply:#?}");
    assert!(
        places
            .iter()
            .all(|(_, file, line)| **file == "rooms/team.yaml" && line.is_u64()),
        "{places:?}"
    );
}

#[test]
fn a_log_that_cannot_be_opened_stops_apply_before_any_call() {
    let service = Service::start(STATE);
    let site = audited(&service, "/nope/audit.jsonl");
    site.run(&["apply", "--yes"])
        .ends_with(1)
        .complains("cannot write the audit log /nope/audit.jsonl: the folder does not exist")
        .complains("--audit-log FILE")
        .complains("--audit-log off");
    assert_eq!(service.calls(), Vec::<String>::new());
    site.run(&["plan"]).ends_with(0);
    site.run(&["apply", "--yes", "--audit-log", "here.jsonl"])
        .ends_with(0);
    assert_eq!(lines(&site.path("here.jsonl"))[0]["event"], "pass");
}

#[test]
fn off_keeps_no_log() {
    let service = Service::start(STATE);
    let site = audited(&service, "audit.jsonl");
    site.run(&["apply", "--yes", "--audit-log", "off"]).ends_with(0);
    assert_eq!(service.people(), "alice bob carol dan mia*");
    assert!(!site.path("audit.jsonl").exists() && !site.path("off").exists());
}

#[test]
fn the_log_is_none_of_the_files_that_roomsync_reads() {
    let service = Service::start(STATE);
    let secrets = ".roomsync/audit.jsonl\nstatus_token_file: shown\nadmin_token_file: told\nwebhook: {listen: '127.0.0.1:0', secret_file: signed}";
    let site = audited(&service, secrets);
    site.write("shown", "token-of-the-page\n");
    site.write("told", "token-of-the-admin\n");
    site.write("signed", "secret-of-the-webhook\n");
    fs::create_dir(site.path(".roomsync")).unwrap();
    File::create(site.path(".roomsync/audit.jsonl")).unwrap();
    for file in [
        "rooms/team.yaml",
        "roomsync.yaml",
        "token",
        "shown",
        "told",
        "signed",
    ] {
        let before = fs::read(site.path(file)).unwrap();
        site.run(&["apply", "--yes", "--audit-log", file])
            .ends_with(64)
            .complains(&format!("--audit-log {file}: this is a file of roomsync's own"));
        assert_eq!(fs::read(site.path(file)).unwrap(), before);
    }
    // A file that is not there yet would be a room file, and make the set invalid.
    std::os::unix::fs::symlink("rooms/new.yaml", site.path("link.jsonl")).unwrap();
    for file in ["rooms/new.yaml", "./rooms/new.yaml", "link.jsonl"] {
        site.run(&["apply", "--yes", "--audit-log", file])
            .ends_with(64)
            .complains("or would be one; choose another");
        assert!(!site.path("rooms/new.yaml").exists());
    }
    assert_eq!(service.calls(), Vec::<String>::new());
    // That of the settings may be named, wherever it is.
    site.run(&["apply", "--yes", "--audit-log", ".roomsync/audit.jsonl"])
        .ends_with(0);
}

/// `roomsync` that can write so many KiB into a file, and is told of an error beyond.
fn with_little_space(site: &Site, kib: usize, args: &[&str]) -> Run {
    let roomsync = site.command(args);
    let mut shell = std::process::Command::new("bash");
    shell
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""),
        ])
        .arg(roomsync.get_program())
        .args(roomsync.get_args())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .current_dir(site.path("."));
    Run::of(&mut shell)
}

#[test]
fn nothing_is_changed_if_the_line_of_the_pass_cannot_be_written() {
    let service = Service::start(STATE);
    let site = audited(&service, "audit.jsonl");
    let full = format!("{}\n", "x".repeat(1000));
    site.write("audit.jsonl", &full);
    with_little_space(&site, 1, &["apply", "--yes"])
        .ends_with(1)
        .complains("nothing was changed")
        .complains("--audit-log off");
    assert_eq!(service.writes(), Vec::<String>::new());
    // Half a line is taken back.
    assert_eq!(fs::read_to_string(site.path("audit.jsonl")).unwrap(), full);
}

#[test]
fn a_line_that_another_process_wrote_meanwhile_stays() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let foreign = format!("{{\"event\": \"{}\"}}\n", "x".repeat(1200));
    let (path, line) = (log.clone(), foreign.clone());
    let service = Service::hooked(STATE, move |head, _| {
        if head.method == http::Method::POST && fs::metadata(&path).unwrap().len() < 1200 {
            let mut log = OpenOptions::new().append(true).open(&path).unwrap();
            log.write_all(line.as_bytes()).unwrap();
            // Leaves place for half a line.
            let left = 2048 - fs::metadata(&path).unwrap().len() - 100;
            log.write_all(format!("{}\n", " ".repeat(usize::try_from(left).unwrap() - 1)).as_bytes())
                .unwrap();
        }
        None
    });
    let site = audited(&service, log.to_str().unwrap());
    with_little_space(&site, 2, &["apply", "--yes"]).ends_with(1);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains(&foreign), "{text}");
    assert!(text.ends_with(" \n"), "half a line stayed: {text}");
}
