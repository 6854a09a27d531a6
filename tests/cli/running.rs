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

/// Time in which a daemon that can looks at a room.
const A_LOOK: Duration = Duration::from_secs(2);

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
    while address.is_none() {
        let Ok(line) = log.recv_timeout(PATIENCE) else {
            break;
        };
        // The port of the webhook has no page.
        if line.contains("listening") && !line.contains("listening for events") {
            address = address_in(&line);
        }
        said += &format!("{line}\n");
    }
    if let Some(address) = address {
        let with_token = format!("Authorization: Bearer {TOKEN}\r\n");
        // The answer to a refused look is worth seeing, too; a daemon that makes none is not waited for.
        let begun = Instant::now();
        let looked = |answer: &str| answer.contains("\"last_tried\":\"");
        while !looked(&ask(address, "GET", "/api/status", &with_token)) && begun.elapsed() < A_LOOK {
            thread::sleep(Duration::from_millis(20));
        }
        for path in PATHS {
            said += &ask(address, "GET", path, "");
            said += &ask(address, "GET", path, &with_token);
        }
        for header in ["", &with_token] {
            said += &ask(address, "POST", "/-/reconcile", header);
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

fn ask(address: SocketAddr, method: &str, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
