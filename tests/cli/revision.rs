//! The commit of the room files goes wherever a change is told: the plan, the log, the audit log.

use super::service::{STATE, Service};
use super::site::Site;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// Makes the site a repository with one commit; its id. `None`, with a printed line: git is not here.
fn committed(site: &Site) -> Option<String> {
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.args(who).args(args).current_dir(site.path("."));
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.output()
    };
    if let Err(error) = git(&["--version"]) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "git: {error}");
        println!("skipped: git is not here: {error}");
        return None;
    }
    for args in [
        &["init", "-q"][..],
        &["add", "rooms", "roomsync.yaml"],
        &["commit", "-qm", "rooms"],
    ] {
        assert!(git(args).unwrap().status.success(), "{args:?}");
    }
    let head = git(&["rev-parse", "HEAD"]).unwrap();
    Some(String::from_utf8(head.stdout).unwrap().trim().to_owned())
}

/// The JSON lines of a text that hold this.
fn lines(text: &str, part: &str) -> Vec<Value> {
    let of_it = text.lines().filter(|line| line.contains(part));
    of_it.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_plan_the_log_and_the_audit_line_carry_the_commit() {
    let service = Service::start(STATE);
    let site = Site::of(&service).with_settings("rooms: rooms/\n", "rooms: rooms/\naudit_log: audit.jsonl\n");
    let Some(commit) = committed(&site) else { return };
    let revision = || {
        let plan = site.run(&["plan", "--format", "json"]).ends_with(0).json();
        plan["source"]["revision"].clone()
    };
    assert_eq!(revision(), commit);

    let passed = site.run(&["run", "--once"]).ends_with(0);
    let took = lines(&passed.stderr, "took the room files");
    assert_eq!(took[0]["revision"], commit, "{took:?}");
    let plans = lines(&passed.stderr, "applying the plan");
    assert_eq!(plans[0]["revision"], commit, "{plans:?}");
    let audit = fs::read_to_string(site.path("audit.jsonl")).unwrap();
    assert_eq!(lines(&audit, "\"result\"").len(), 2, "{audit}");
    let all = lines(&audit, "");
    assert_eq!(all[0]["event"], "pass", "{audit}");
    // A line before a call is tied to the others by its plan.
    let mut all = all.iter().filter(|line| line["event"] != "sent");
    assert!(all.all(|line| line["revision"] == commit), "{audit}");

    let edited = fs::read_to_string(site.path("rooms/team.yaml")).unwrap();
    site.write("rooms/team.yaml", &edited.replace("carol", "eve"));
    let dirty = format!("{commit}-dirty");
    assert_eq!(revision(), dirty);
    let applied = site.run(&["apply", "--yes"]).ends_with(0);
    let plans = lines(&applied.stderr, "applying the plan");
    assert_eq!(plans[0]["revision"], dirty, "{plans:?}");
}
