//! A daemon that is run for a moment, and everything that it says.

use super::service::TOKEN;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Time that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Paths of the daemon's page and API.
const PATHS: &[&str] = &[
    "/",
    "/api/status",
    "/api/rooms",
    "/api/rooms/66213271109633",
    "/readyz",
    "/livez",
    "/metrics",
    "/-/reconcile",
];

/// Runs this daemon until it has looked at the rooms or cannot start, and ends it: its log, and its answers to everybody and to
/// whoever has a token.
#[track_caller]
pub(crate) fn said_by_daemon(command: &mut Command) -> String {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, log) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let reader = thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            // Whoever has seen enough is gone.
            let _ = lines.send(line);
        }
    });
    let mut said = String::new();
    let mut address = None;
    while let (None, Ok(line)) = (address, log.recv_timeout(PATIENCE)) {
        if line.contains("listening") {
            address = address_in(&line);
        }
        said += &format!("{line}\n");
    }
    if let Some(address) = address {
        // Long enough for a look at a room.
        thread::sleep(Duration::from_millis(300));
        for path in PATHS {
            said += &get(address, path, "");
            said += &get(address, path, &format!("Authorization: Bearer {TOKEN}\r\n"));
        }
    }
    let term = format!("kill -s TERM {}", child.id());
    // It may have ended by itself.
    let _ = Command::new("sh")
        .args(["-c", &term])
        .stderr(Stdio::null())
        .status();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end:\n{said}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    reader.join().unwrap();
    said.extend(log.try_iter().map(|line| format!("{line}\n")));
    said
}

/// The address of a line such as `listening address=127.0.0.1:4711`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let start = line.find("127.0.0.1:")?;
    let rest = &line[start..];
    let end = rest.rfind(|c: char| c.is_ascii_digit())? + 1;
    let address = &rest[..end];
    let end = address
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':')))
        .unwrap_or(address.len());
    address[..end].parse().ok()
}

fn get(address: SocketAddr, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
