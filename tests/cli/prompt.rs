//! The question that `apply` asks at a terminal, by `script` of util-linux.

use super::service::{STATE, Service};
use super::site::{Run, Site};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

/// `apply` on a terminal. `None`: there is no `script` here.
fn apply(site: &Site) -> Option<Child> {
    let program = format!("'{}' apply", env!("CARGO_BIN_EXE_roomsync"));
    let mut command = Command::new("script");
    command
        .args(["-qec", &program, "/dev/null"])
        .current_dir(site.path(""));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: `script` of util-linux is not here");
            None
        }
        child => Some(child.unwrap()),
    }
}

/// Runs `apply` on a terminal at which somebody types this. `None`: there is no `script` here.
fn apply_typing(site: &Site, typed: &str) -> Option<Run> {
    let mut child = apply(site)?;
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
        assert!(
            run.stdout.contains("Add 1 person to 1 room and promote 1? [y/N]"),
            "{}",
            run.stdout
        );
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
        let run = run.ends_with(0);
        assert_eq!(service.people(), "alice bob carol dan mia*");
        // On a terminal steps are no news.
        assert!(!run.stdout.contains("applying the plan"), "{}", run.stdout);
    }
}

#[test]
fn whoever_is_asked_is_asked_about_people() {
    let (mut state, mut rooms) = (String::new(), String::new());
    for n in 0..125 {
        writeln!(
            state,
            "  \"9{n:03}\": {{owner: alice, members: [ann, bob, carol]}}"
        )
        .unwrap();
        let new = if n < 6 { ", zoe" } else { "" };
        writeln!(rooms, "  - {{id: 9{n:03}, members: [ann{new}]}}").unwrap();
    }
    let service = Service::start(&format!(
        "app_key: \"acme#demo\"\ntokens: [t0k3n-t0-g3t-1n]\nrooms:\n{state}"
    ));
    let site = Site::of(&service)
        .with_rooms(&format!(
            "defaults: {{guards: {{max_removals: 100%}}}}\nrooms:\n{rooms}"
        ))
        .with_settings(
            "rooms: rooms/\n",
            "rooms: rooms/\nguards: {max_removals_total: 100%}\n",
        );
    let Some(run) = apply_typing(&site, "n\n") else {
        return;
    };
    let run = run.ends_with(3);
    let question = "Remove 250 people from 125 rooms and add 6? [y/N]";
    assert!(run.stdout.contains(question), "{}", run.stdout);
    assert_eq!(service.writes(), [""; 0]);
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

/// Whoever is asked may go for lunch, while a colleague puts somebody back.
#[test]
fn files_that_change_while_somebody_is_asked_are_asked_about_anew() {
    let service = Service::start(STATE);
    let site = Site::of(&service)
        .with_rooms("rooms: [{id: \"66213271109633\", members: [bob, mia], guards: {max_removals: 100%}}]\n");
    let Some(mut child) = apply(&site) else {
        return;
    };
    let mut typing = child.stdin.take().unwrap();
    let mut screen = child.stdout.take().unwrap();
    let mut until_asked = || {
        let mut shown = Vec::new();
        while !shown.ends_with(b"[y/N] ") {
            let mut byte = [0];
            screen.read_exact(&mut byte).unwrap();
            shown.extend(byte);
        }
        String::from_utf8(shown).unwrap()
    };
    assert!(until_asked().contains("-dan"));
    site.write(
        "rooms/team.yaml",
        "rooms: [{id: \"66213271109633\", members: [bob, carol, dan, mia]}]\n",
    );
    typing.write_all(b"y\n").unwrap();
    let anew = until_asked();
    assert!(anew.contains("+carol") && !anew.contains("-dan"), "{anew}");
    typing.write_all(b"y\n").unwrap();
    let mut rest = String::new();
    screen.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert_eq!(service.people(), "alice bob carol dan mia");
}
