//! The question that `apply` asks at a terminal, by `script` of util-linux.

use super::service::{STATE, Service};
use super::site::{Run, Site};
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// Runs `apply` on a terminal at which somebody types this. `None`: there is no `script` here.
fn apply_typing(site: &Site, typed: &str) -> Option<Run> {
    let program = format!("'{}' apply", env!("CARGO_BIN_EXE_roomsync"));
    let mut command = Command::new("script");
    command
        .args(["-qec", &program, "/dev/null"])
        .current_dir(site.path(""));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: `script` of util-linux is not here");
            return None;
        }
        child => child.unwrap(),
    };
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    Some(Run::from(child.wait_with_output().unwrap()))
}

#[test]
fn whoever_says_no_is_left_in_peace() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    for typed in ["n\n", "\n", "yess\n", ""] {
        let Some(run) = apply_typing(&site, typed) else {
            return;
        };
        let run = run.ends_with(3);
        assert!(run.stdout.contains("+carol"), "{}", run.stdout);
        assert!(run.stdout.contains("Make 2 calls? [y/N]"), "{}", run.stdout);
        assert!(run.stdout.contains("Nothing was changed."), "{}", run.stdout);
        assert_eq!(service.writes(), [""; 0]);
    }
}

#[test]
fn whoever_says_yes_gets_it() {
    for typed in ["y\n", "Yes\n"] {
        let service = Service::start(STATE);
        let Some(run) = apply_typing(&Site::of(&service), typed) else {
            return;
        };
        run.ends_with(0);
        assert_eq!(service.people(), "alice bob carol dan mia*");
    }
}

#[test]
fn nobody_is_asked_where_nothing_is_to_be_done() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    site.run(&["apply", "--yes"]).ends_with(0);
    let Some(run) = apply_typing(&site, "") else {
        return;
    };
    let run = run.ends_with(0);
    assert!(!run.stdout.contains("[y/N]"), "{}", run.stdout);
}
