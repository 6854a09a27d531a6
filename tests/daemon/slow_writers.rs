//! Files that are written slowly, and what is shown of those who wait.

use super::place::{Place, wanting};
use std::fs::File;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

/// Short, so that the tests are; the writers' pauses are shorter still.
const SETTLE_REMOVALS: Duration = Duration::from_secs(3);

fn place() -> Place {
    let place = Place::new();
    // A budget would keep the last of them, too.
    place.settings("sync: {settle_removals: 3s}\nguards: {max_removals: 50%, max_removals_total: 100%}\n");
    place
}

#[test]
fn a_pause_at_a_lines_end_removes_nobody_and_a_real_removal_is_shown_until_it_goes() {
    let place = place();
    let daemon = place.ready();
    // Longer than this the process need not run for its first set to have settled.
    daemon.until("settled", |daemon| daemon.status()["pending"].is_null());

    // c and d are still to be written: what is there is a valid set of its own.
    let text = wanting("a, b, c, d, e").replace(
        "[a, b, c, d, e]",
        "\n      - a\n      - b\n      - c\n      - d\n      - e",
    );
    let (first, rest) = text.split_at(text.find("      - c").unwrap());
    let mut file = File::create(place.path("rooms/all.yaml")).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    file.sync_all().unwrap();
    daemon.until("pending", |daemon| daemon.status()["pending"]["removals"] == 2);
    thread::sleep(Duration::from_secs(1));
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    daemon.until("followed", |_| place.has("e"));
    daemon.until("settled", |daemon| daemon.status()["pending"].is_null());
    assert_eq!(
        place.members(),
        ["a", "b", "c", "d", "e"].map(str::to_owned).into()
    );
    let journal = place.emulator.journal();
    assert!(journal.calls.iter().all(|call| call.method != "DELETE"));

    place.replace("rooms/all.yaml", &wanting("a, b, c, d"));
    let written = Instant::now();
    daemon.until("pending", |daemon| daemon.status()["pending"]["removals"] == 1);
    let status = daemon.status();
    let pending = &status["pending"];
    assert!(
        pending["seconds_left"].as_f64().unwrap() <= SETTLE_REMOVALS.as_secs_f64(),
        "{pending}"
    );
    assert!(
        pending["file"].as_str().unwrap().ends_with("rooms/all.yaml"),
        "{pending}"
    );
    assert_eq!(status["rooms"][0]["state"], "changing");
    assert_eq!(
        (&status["rooms"][0]["pending"], &status["rooms"][0]["remove"]),
        (&1.into(), &1.into())
    );
    assert!(daemon.get("/metrics").1.contains("roomsync_removals_pending 1"));
    daemon.until("gone", |_| !place.has("e"));
    assert!(written.elapsed() >= SETTLE_REMOVALS, "{:?}", written.elapsed());
    daemon.until("in sync", |daemon| {
        daemon.status()["rooms"][0]["state"] == "in_sync"
    });
}

#[test]
fn a_file_that_is_not_closed_has_not_settled() {
    let place = place();
    let daemon = place.ready();
    let mut file = File::create(place.path("rooms/all.yaml")).unwrap();
    file.write_all(wanting("a, b, c").as_bytes()).unwrap();
    file.sync_all().unwrap();
    daemon.until("pending", |daemon| daemon.status()["pending"]["removals"] == 1);
    thread::sleep(SETTLE_REMOVALS * 2);
    let pending = daemon.status()["pending"].clone();
    assert!(place.has("d") && pending["until"].is_null(), "{pending}");
    drop(file);
    let closed = Instant::now();
    daemon.until("gone", |_| !place.has("d"));
    // It had been unchanged for long enough.
    assert!(closed.elapsed() < SETTLE_REMOVALS, "{:?}", closed.elapsed());
}

#[test]
fn a_process_that_finds_another_set_than_the_last_that_had_settled_waits() {
    let place = place();
    let mut daemon = place.ready();
    daemon.until("settled", |daemon| daemon.status()["pending"].is_null());
    daemon.signal("TERM");
    assert_eq!(daemon.code(), Some(0));

    // The same set: drift is repaired at once.
    place.emulator.edit(|state| {
        for room in state.rooms.values_mut() {
            room.join("stranger");
        }
    });
    let begun = Instant::now();
    let mut daemon = place.ready();
    daemon.until("gone", |_| !place.has("stranger"));
    assert!(begun.elapsed() < SETTLE_REMOVALS, "{:?}", begun.elapsed());
    daemon.signal("TERM");
    assert_eq!(daemon.code(), Some(0));

    place.replace("rooms/all.yaml", &wanting("a, b, c"));
    let begun = Instant::now();
    let daemon = place.ready();
    daemon.until("gone", |_| !place.has("d"));
    assert!(begun.elapsed() >= SETTLE_REMOVALS, "{:?}", begun.elapsed());
    drop(daemon);
}

/// The one-shot commands that write.
const ONE_SHOT: [&[&str]; 2] = [&["run", "--once"], &["apply", "--yes"]];

#[test]
fn one_shot_commands_wait_with_removals_and_with_nothing_else() {
    for args in ONE_SHOT {
        let place = place();
        place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
        let begun = Instant::now();
        let out = place.run(args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{said}");
        assert!(
            place.has("e") && begun.elapsed() < SETTLE_REMOVALS,
            "{args:?}: {said}"
        );
        assert!(!said.contains("removals wait"), "{said}");

        place.replace("rooms/all.yaml", &wanting("a, b, c, d"));
        let begun = Instant::now();
        let out = place.run(args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{said}");
        assert!(
            !place.has("e") && begun.elapsed() >= SETTLE_REMOVALS - Duration::from_millis(100),
            "{args:?}: {said}"
        );
        assert_eq!(said.matches("removals wait").count(), 1, "{said}");
    }
}

#[test]
fn what_is_written_while_a_one_shot_command_waits_counts() {
    for args in ONE_SHOT {
        let place = place();
        // Half of it, and then all of it.
        place.replace("rooms/all.yaml", &wanting("a, b"));
        let mut command = place.command(args);
        let child = command
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null());
        let child = child.spawn().unwrap();
        thread::sleep(Duration::from_secs(1));
        place.replace("rooms/all.yaml", &wanting("a, b, c, d, e"));
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{said}");
        assert_eq!(place.members().len(), 5, "{args:?}: {said}");
        let journal = place.emulator.journal();
        assert!(journal.calls.iter().all(|call| call.method != "DELETE"), "{said}");
    }
}

#[test]
fn a_one_shot_command_that_is_ended_while_it_waits_says_what_it_has_not_begun() {
    let place = place();
    place.replace("rooms/all.yaml", &wanting("a, b, c"));
    let mut command = place.command(&["run", "--once"]);
    command
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    thread::sleep(Duration::from_secs(2));
    let kill = format!("kill -s TERM {}", child.id());
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(
        said.contains("interrupted: 1 room not begun") && place.has("d"),
        "{said}"
    );
}
