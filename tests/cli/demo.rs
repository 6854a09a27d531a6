//! `roomsync demo` and `roomsync emulator`, each as a process of its own.

use super::service::{ROOM, STATE, Service, TOKEN};
use super::site::{Run, Site, roomsync};
use roomsync::emulator::State;
use roomsync::model::RoomId;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that is ended when dropped.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// The next line on standard output that begins like this, without its end.
    fn line(&mut self, begin: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stdout.read_line(&mut line).unwrap() > 0,
                "ended before {begin:?}"
            );
            if line.starts_with(begin) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Sends a signal, and gives the exit code.
    fn signalled(mut self, signal: &str) -> Option<i32> {
        let kill = format!("kill -s {signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        // So that the process is never kept waiting by a full pipe.
        self.stdout.read_to_end(&mut Vec::new()).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn demo(folder: &Path) -> Command {
    let mut command = roomsync(folder);
    command.arg("demo").env("TMPDIR", folder);
    command
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let run = Run::of(&mut demo(folder.path())).ends_with(0);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let mut rest = run.stdout.as_str();
    for step in [
        "1. Are the files right?   $ roomsync validate\n1 file, 2 rooms, 1 group, 5 people: valid\n",
        "2. What would change?   $ roomsync plan\n",
        "  -eve\n",
        "3. Do it.   $ roomsync apply --yes\n",
        "applied: 2 rooms, 2 converged, 0 unchanged; 6 calls\n",
        "4. Keep it so.   $ roomsync run\n",
        "5. Bob moves on",
        "    -    members: [bob, carol, dan]\n    +    members: [carol, dan]\n",
        "    He is out of the room ",
        " s later:\n      support: remove bob (rooms/team.yaml:15)\n",
        "6. And then somebody meddles",
        "    Both rooms are as the files say ",
        " s later:\n      lobby: add mia (rooms/team.yaml:2)\n      lobby: promote mia (rooms/team.yaml:2)\n",
        "      support: remove eve (rooms/team.yaml:15)\n",
        "7. What the service holds now:\n",
        "66213271109633: alice (owner), bob, carol, dan, guest-7, mia (admin), omar (admin)\n",
        "66213271109634: alice (owner), carol, dan, mia (admin), omar (admin)\n",
    ] {
        let (_, after) = rest
            .split_once(step)
            .unwrap_or_else(|| panic!("no {step:?} in {rest}"));
        rest = after;
    }
    assert_eq!(run.stderr, "");
    // The daemon has been here, and its state folder is gone with the rest.
    assert_eq!(entries(folder.path()), 0);
}

#[test]
fn the_demo_stays_away_from_the_app_that_the_environment_names() {
    let service = Service::start(STATE);
    let folder = tempfile::tempdir().unwrap();
    let mut command = demo(folder.path());
    command
        .env("ROOMSYNC_URL", service.url())
        .env("ROOMSYNC_TOKEN", TOKEN);
    Run::of(&mut command).ends_with(0);
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    for (signal, step) in [
        ("INT", "A chat service runs"),
        ("INT", "3. Do it."),
        ("TERM", "2. What"),
        ("INT", "5. Bob moves on"),
        ("TERM", "6. And then somebody meddles"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(demo(folder.path()).stderr(Stdio::null()));
        running.line(step);
        // 0 where it was done before the signal came.
        let code = running.signalled(signal);
        assert!(matches!(code, Some(0 | 1)), "{signal} at {step:?}: {code:?}");
        assert_eq!(entries(folder.path()), 0, "{signal} at {step:?}");
    }
}

#[test]
fn an_emulator_of_its_own_can_be_rehearsed_against() {
    let site = Site::at("http://127.0.0.1:1");
    site.write("state.yaml", STATE);
    let args =
        "emulator --listen 127.0.0.1:0 --state state.yaml --save saved.json --fault any%0.5,seed=3:slow=1ms";
    let mut emulator = Running::start(&mut site.command(&args.split(' ').collect::<Vec<_>>()));
    let line = emulator.line("");
    assert!(emulator.line("").starts_with("control on http://127.0.0.1:"));
    assert_eq!(emulator.line(""), "fault 1: any%0.5,seed=3:slow=1ms:before");
    let url = line.strip_prefix("listening on ").unwrap();
    let site = site.with_settings("http://127.0.0.1:1", url);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(2);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert!(!line.contains(TOKEN));
    assert_eq!(emulator.signalled("TERM"), Some(0));
    let saved = State::read(&site.path("saved.json")).unwrap();
    let room = &saved.rooms[&RoomId::parse(ROOM).unwrap()];
    assert_eq!(
        room.members().iter().collect::<Vec<_>>(),
        ["alice", "bob", "dan", "mia", "carol"]
    );
    assert_eq!(room.admins().iter().collect::<Vec<_>>(), ["mia"]);
}

#[test]
fn a_demo_that_is_kept_has_a_page_until_it_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(demo(folder.path()).arg("--keep"));
    let page = demo.line("    the status page: http://");
    let address = page.rsplit_once("http://").unwrap().1.trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("<title>"),
        "{answer}"
    );
    let files = demo.line("    the room files: ");
    assert!(
        Path::new(files.rsplit_once(": ").unwrap().1)
            .join("team.yaml")
            .exists()
    );
    assert_eq!(demo.signalled("INT"), Some(0));
    assert_eq!(entries(folder.path()), 0);
}
