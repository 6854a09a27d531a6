//! The binary, told to end between its plan and its first call.

use super::service::Service;
use super::site::{Run, Site};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

const ROOMS: usize = 120;

/// Runs, and sends the signal as soon as standard error says this.
fn signalled_at(command: &mut Command, text: &str, signal: &str) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    // Nobody is kept from writing by a pipe that is full.
    let shown = std::thread::spawn(move || {
        let mut shown = String::new();
        stdout.read_to_string(&mut shown).unwrap();
        shown
    });
    let mut said = String::new();
    while !said.contains(text) {
        assert!(
            stderr.read_line(&mut said).unwrap() > 0,
            "no {text:?} in:\n{said}"
        );
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    Run {
        code: child.wait().unwrap().code().unwrap_or(-1),
        stdout: shown.join().unwrap(),
        stderr: said,
    }
}

#[test]
fn whoever_is_ended_between_plan_and_first_call_says_what_was_not_begun() {
    let (mut state, mut rooms) = (String::new(), String::from("rooms:\n"));
    for n in 0..ROOMS {
        let members: Vec<String> = (0..60).map(|user| format!("r{n}u{user}")).collect();
        writeln!(
            state,
            "  \"9{n:05}\": {{owner: alice, members: [{}]}}",
            members[..40].join(", ")
        )
        .unwrap();
        writeln!(rooms, "  - {{id: 9{n:05}, members: [{}]}}", members.join(", ")).unwrap();
    }
    let state = format!("app_key: \"acme#demo\"\ntokens: [t0k3n-t0-g3t-1n]\nrooms:\n{state}");
    for (args, signal, code) in [
        (&["run", "--once"][..], "TERM", 4),
        (&["run", "--once"], "INT", 4),
        (&["apply", "--yes"], "INT", 4),
        (&["apply", "--yes"], "TERM", 4),
        // A daemon is there to be ended.
        (&["run"], "TERM", 0),
    ] {
        let service = Service::start(&state);
        let site = Site::of(&service)
            .with_rooms(&rooms)
            .with_settings("rooms: rooms/\n", "rooms: rooms/\nlisten: off\n");
        let run = signalled_at(&mut site.command(args), "applying the plan", signal).ends_with(code);
        let written = service.writes().len();
        assert!(
            written < ROOMS,
            "{written} calls: the end came too late to show anything"
        );
        let left = format!("{} rooms not begun: 9", ROOMS - written);
        let told = run.stdout.contains(&left) || run.stderr.contains(&left);
        assert!(told, "no {left:?} in\n{}\n{}", run.stdout, run.stderr);
    }
}
