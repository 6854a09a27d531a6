//! One cause is one line, however many rooms it keeps from being done.

use super::service::{STATE, Service, answer};
use super::site::{Run, Site};
use http::Method;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

const ROOMS: usize = 300;

/// The address of a port at which nobody listens.
fn gone() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A site with a file for each room. In the first `capitals` of them a name has capitals.
fn fleet(site: Site, rooms: usize, capitals: usize) -> Site {
    let site = site.with_rooms("rooms: [{id: 69999, name: last, members: [ann, bob]}]\n");
    for n in 1..rooms {
        let name = if n <= capitals {
            format!("Bob{n}")
        } else {
            format!("bob{n}")
        };
        let text = format!(
            "rooms: [{{id: {}, name: room{n}, members: [ann, {name}]}}]\n",
            60_000 + n
        );
        site.write(&format!("rooms/r{n:03}.yaml"), &text);
    }
    site
}

fn lines(text: &str) -> usize {
    text.lines().count()
}

/// Shows it and gives it back: the figures of `cargo test -- --nocapture`.
fn shown(what: &str, run: Run) -> Run {
    println!(
        "{what}: {} lines on standard output, {} on standard error",
        lines(&run.stdout),
        lines(&run.stderr)
    );
    run
}

#[test]
fn a_service_that_is_away_is_one_error_for_300_rooms() {
    let site = fleet(Site::at(&gone()), ROOMS, 0);
    for args in [
        &["plan"][..],
        &["apply", "--yes"],
        &["plan", "--room", "60001", "60002", "60003", "60004"],
    ] {
        let run = shown(&args.join(" "), site.run(args)).ends_with(1);
        assert_eq!((lines(&run.stdout), lines(&run.stderr)), (1, 1), "{run:?}");
        assert!(run.stdout.ends_with(" rooms: none was checked\n"), "{run:?}");
        let run = run.complains("no room was checked: cannot reach http://127.0.0.1:");
        run.complains(
            "(connection refused). Is `service.url` (or ROOMSYNC_URL) right? Is the emulator running?",
        );
    }
    let run = shown("run --once", site.run(&["run", "--once"])).ends_with(1);
    assert_eq!(run.stdout, "300 rooms: none was checked\n");
    assert_eq!(run.stderr.matches("cannot reach").count(), 1, "{}", run.stderr);

    let comment = shown("markdown", site.run(&["plan", "--format", "markdown"])).stdout;
    assert_eq!(comment.matches("cannot reach").count(), 1, "{comment}");
    assert!(
        comment.contains("300 not checked") && lines(&comment) < 20,
        "{comment}"
    );
    assert!(!comment.contains("Nothing is to be done"), "{comment}");

    let json = site.run(&["plan", "--format", "json"]).json();
    assert_eq!(json["error"]["code"], "service_unreachable");
    let rooms = json["rooms"].as_array().unwrap();
    assert_eq!(rooms.len(), ROOMS);
    assert!(
        rooms
            .iter()
            .all(|room| room["error"]["code"] == "not_looked_at" && room["status"] == "failed")
    );
    assert_eq!(json.to_string().matches("cannot reach").count(), 1);
}

/// Whatever every call would meet.
#[test]
fn what_every_call_meets_is_one_error() {
    let error = |status, error: &str| {
        answer(
            status,
            format!(r#"{{"error": "{error}", "error_description": "w0rds"}}"#),
        )
    };
    for (status, code, kind) in [
        (401, "unauthorized", "credentials_refused"),
        (404, "organization_application_not_found", "no_such_app"),
        (429, "resource_limited", "quota"),
        (500, "internal", "no_clear_answer"),
    ] {
        let service = Service::hooked(STATE, move |_, _| Some(error(status, code)));
        let site = fleet(Site::of(&service), 20, 0);
        let run = site.run(&["plan"]).ends_with(1);
        let text = site.run(&["plan", "--log-format", "text"]).ends_with(1);
        assert!(
            text.stderr.starts_with("error: no room was checked: "),
            "{kind}: {}",
            text.stderr
        );
        assert_eq!(run.stdout, "20 rooms: none was checked\n", "{kind}");
        assert_eq!(
            (lines(&run.stderr), run.stderr.matches("w0rds").count()),
            (1, 1),
            "{kind}: {}",
            run.stderr
        );
        assert!(!run.stderr.contains("in room"), "{kind}: {}", run.stderr);
        let json = site.run(&["plan", "--format", "json"]).json();
        assert_eq!(json["error"]["code"], kind);
        assert_eq!(json.to_string().matches("w0rds").count(), 1, "{kind}");
    }
}

/// Rooms that the service does not have: the others are shown, these are one line.
#[test]
fn rooms_that_fail_alike_are_one_line_with_a_count_and_the_first_few() {
    let service = Service::start(STATE);
    let site = fleet(Site::of(&service), 10, 0);
    site.write(
        "rooms/lobby.yaml",
        "rooms: [{id: 66213271109633, name: lobby, members: [bob, carol, dan, mia]}]\n",
    );
    let run = site.run(&["plan"]).ends_with(4);
    assert!(run.stdout.contains("10 rooms: failed: room1 (60001), room2 (60002), room3 (60003) and 7 more\n  error[no_such_room]: "), "{}", run.stdout);
    assert_eq!(run.stdout.matches("no_such_room").count(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("+carol"), "{}", run.stdout);
    let comment = site.run(&["plan", "--format", "markdown"]).stdout;
    assert_eq!(comment.matches("no_such_room").count(), 1, "{comment}");

    // A room alone is named by name and id.
    let site = Site::of(&service).with_rooms("rooms: [{id: 99, name: attic, members: [bob]}]\n");
    let run = site.run(&["plan"]).ends_with(4);
    assert!(
        run.stdout
            .contains("room attic (99): failed\n  error[no_such_room]: "),
        "{}",
        run.stdout
    );
}

#[test]
fn the_same_warning_of_150_files_is_one_line_and_quiet_is_quiet() {
    let site = fleet(Site::at(&gone()), ROOMS, 150);
    let run = shown("150 warnings, plan", site.run(&["plan"])).ends_with(1);
    assert_eq!(lines(&run.stderr), 2, "{}", run.stderr);
    let run = run.complains("is written with capitals (first: rooms/r001.yaml:1:");
    run.complains("), and 149 more; ");
    let run = shown("150 warnings, run --once", site.run(&["run", "--once"]));
    assert_eq!(
        run.stderr.matches("capitals").count(),
        2,
        "message and code: {}",
        run.stderr
    );
    let run = shown("150 warnings, validate", site.run(&["validate"])).ends_with(0);
    assert_eq!(run.stdout.matches("with capitals").count(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("150 warnings"), "{}", run.stdout);
    // What is not shown is counted.
    let run = site.run(&["-q", "validate"]).ends_with(0);
    assert_eq!(lines(&run.stdout), 1, "{}", run.stdout);
    assert!(run.stdout.ends_with(": valid, 150 warnings\n"), "{}", run.stdout);
    let json = site.run(&["-q", "validate", "--format", "json"]);
    assert_eq!(json.stdout.matches("with capitals").count(), 150);

    let run = site.run(&["-q", "plan"]).ends_with(1);
    assert_eq!(lines(&run.stderr), 1, "{}", run.stderr);
    run.complains("no room was checked");

    // What is an error is never folded.
    for n in 1..10 {
        site.write(
            &format!("rooms/r{n:03}.yaml"),
            &format!("rooms: [{{id: {}, members: [a b]}}]\n", 60_000 + n),
        );
    }
    let run = site.run(&["plan"]).ends_with(5);
    assert_eq!(run.stderr.matches("error[").count(), 9, "{}", run.stderr);
}

/// Writes are answered until 50 are, and then not before the process was told to end.
#[test]
fn an_interrupted_apply_counts_what_was_not_begun_and_names_nobody() {
    const ALL: usize = 128;
    const DONE: usize = 50;
    let (mut state, mut rooms) = (
        String::from("app_key: \"acme#demo\"\ntokens: [t0k3n-t0-g3t-1n]\nrooms:\n"),
        String::from("rooms:\n"),
    );
    for n in 0..ALL {
        writeln!(state, "  \"9{n:05}\": {{owner: alice, members: [bob]}}").unwrap();
        writeln!(rooms, "  - {{id: 9{n:05}, name: r{n}, members: [bob, carol]}}").unwrap();
    }
    let writes = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new((Mutex::new(false), Condvar::new()));
    let (counter, gate) = (Arc::clone(&writes), Arc::clone(&ended));
    let service = Service::hooked(&state, move |head, _| {
        if head.method != Method::GET && counter.fetch_add(1, Ordering::SeqCst) >= DONE {
            let (told, changed) = &*gate;
            let _told = changed.wait_while(told.lock().unwrap(), |told| !*told).unwrap();
        }
        None
    });
    let site = Site::of(&service)
        .with_rooms(&rooms)
        .with_settings("rooms: rooms/\n", "rooms: rooms/\nlimits: {concurrency: 4}\n");
    for format in ["text", "json"] {
        writes.store(0, Ordering::SeqCst);
        *ended.0.lock().unwrap() = false;
        let mut command = site.command(&["apply", "--yes", "--format", format]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while writes.load(Ordering::SeqCst) <= DONE {
            std::thread::yield_now();
        }
        let sent = Command::new("kill")
            .args(["-s", "INT", &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        // The first answers after it only once the signal has come: then no further call is made.
        let wait = std::time::Duration::from_millis(300);
        std::thread::sleep(wait);
        *ended.0.lock().unwrap() = true;
        ended.1.notify_all();
        let run = Run::from(child.wait_with_output().unwrap()).ends_with(4);
        let done = writes.load(Ordering::SeqCst);
        assert!((DONE..ALL).contains(&done), "{done}");
        let left = ALL - done;
        if format == "json" {
            let json = run.json();
            assert_eq!(json["result"]["error"]["code"], "interrupted");
            assert_eq!(json["result"]["summary"]["failed"], 0);
            let rooms = json["result"]["rooms"].as_array().unwrap();
            let not_begun: Vec<_> = rooms
                .iter()
                .filter(|room| room["status"] == "not_begun")
                .collect();
            assert!(!not_begun.is_empty());
            for room in not_begun {
                assert_eq!(
                    room["failed"][0]["reason"]["message"],
                    "not sent: see the error of the run"
                );
            }
            continue;
        }
        let report = run.stdout.split_once("at least ").unwrap().1;
        println!("Ctrl-C after {done} of {ALL}:\n{report}");
        assert!(
            report.contains(&format!(
                "interrupted: {left} rooms not begun; run `roomsync apply` again to go on\n"
            )),
            "{report}"
        );
        assert!(report.contains(&format!("{left} rooms not begun: r")), "{report}");
        assert!(
            !report.contains("failed") && !report.contains("carol"),
            "{report}"
        );
        assert_eq!(lines(report), 4, "{report}");
        service.emulator.edit(|state| {
            for room in state.rooms.values_mut() {
                room.leave("carol");
            }
        });
    }
}

/// `run --once` prints the same as `apply`.
#[test]
fn run_once_prints_plan_and_result() {
    let service = Service::start(STATE);
    let site = Site::of(&service).with_settings("rooms: rooms/\n", "rooms: rooms/\nlisten: off\n");
    let once = site.run(&["run", "--once"]).ends_with(0).stdout;
    let service = Service::start(STATE);
    let apply = Site::of(&service).run(&["apply", "--yes"]).ends_with(0).stdout;
    assert_eq!(once, apply);
    assert!(
        once.contains("~ mia: member → admin") && once.contains("applied: 1 room"),
        "{once}"
    );
    let run = site.run(&["run", "--once"]).ends_with(0);
    assert!(run.stdout.contains("nothing to do"), "{}", run.stdout);
}
