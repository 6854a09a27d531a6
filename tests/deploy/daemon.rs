//! `roomsync run` as a process of its own, against the emulator on a real socket.

use roomsync::emulator::{Emulator, Options, State, serve};
use std::future::pending;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// More than anything here takes on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The token that the emulator takes.
pub(crate) const TOKEN: &str = "t0k3n-t0-g3t-1n";

/// The chat service. It ends when dropped.
pub(crate) struct Service {
    pub(crate) emulator: Emulator,
    pub(crate) url: String,
    _runtime: Runtime,
}

impl Service {
    pub(crate) fn start(state: &str) -> Self {
        let emulator = Emulator::new(State::parse(state).unwrap(), Options::default());
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(serve(listener, emulator.clone(), pending()));
        Self {
            emulator,
            url,
            _runtime: runtime,
        }
    }
}

/// A daemon that is ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    /// Its log, a line each.
    log: Receiver<String>,
}

impl Daemon {
    /// Starts `roomsync` with these arguments and nothing else in its environment than `env`.
    pub(crate) fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomsync"))
            .args(args)
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = channel();
        spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody wants it any more once the test is over; the pipe must be emptied all the same.
                let _ = lines.send(line);
            }
        });
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of the log that has this in it.
    #[track_caller]
    pub(crate) fn logs(&self, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut seen = String::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!("no {part:?} in the log:\n{seen}");
            };
            if line.contains(part) {
                return line;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
    }

    /// Where it listens, from its log.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.logs("\"listening\"");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -s {signal} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(mut self) -> ExitStatus {
        let mut status = None;
        eventually("the daemon ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Status and body of an answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: roomsync.example:9464\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Writes the settings of `deploy/` with their folders moved into `folder`, and the token; gives the file's name.
#[track_caller]
pub(crate) fn settle_in(folder: &Path, settings: &str, moved: &[(&str, &str)]) -> String {
    let mut settings = settings.to_owned();
    for (old, new) in moved {
        assert!(settings.contains(old), "no {old:?} in\n{settings}");
        settings = settings.replace(old, new);
    }
    let path = folder.join("roomsync.yaml");
    std::fs::write(&path, settings).unwrap();
    path.to_str().unwrap().to_owned()
}
