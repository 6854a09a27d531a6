//! Connections that want nothing, or take nothing.

use super::place::{Daemon, Place, until};
use roomsync::emulator::Environment;
use rustix::net::{self, AddressFamily, SocketType};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Rooms, connections and seconds of the crowd, from `ROOMSYNC_CROWD=10000,2000,120`.
fn crowd() -> (usize, usize, u64) {
    let text = std::env::var("ROOMSYNC_CROWD").unwrap_or_else(|_| "2000,200,5".to_owned());
    let numbers: Vec<usize> = text.split(',').map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1], numbers[2] as u64)
}

/// Asks for this, and takes nothing of the answer. It comes from another address than a probe, where the system has several.
fn ask(address: SocketAddr, text: &str) -> Option<TcpStream> {
    let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).ok()?;
    let _ = net::bind(&socket, &SocketAddr::from(([127, 0, 0, 2], 0)));
    net::connect(&socket, &address).ok()?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(text.as_bytes()).ok()?;
    Some(stream)
}

/// Probes the daemon four times a second for so long; gives the number of answers, and how long the longest took.
fn probe(daemon: &Daemon, time: Duration) -> (u32, Duration) {
    let (begun, mut answers, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < time {
        let asked = Instant::now();
        assert_eq!(daemon.get("/livez").0, 200);
        longest = longest.max(asked.elapsed());
        answers += 1;
        thread::sleep(Duration::from_millis(250));
    }
    (answers, longest)
}

/// Half of them say nothing, the others take no answer; whoever is put out comes again. Each probe is answered all the same.
#[test]
fn a_crowd_neither_silences_the_probe_nor_fills_the_memory() {
    let (rooms, connections, seconds) = crowd();
    let (mut state, mut files) = (
        String::from("{app_key: \"acme#demo\", tokens: [secret], rooms: {"),
        String::from("rooms:\n"),
    );
    for room in 0..rooms {
        let id = 66_213_271_000_000_u64 + room as u64;
        write!(state, "\"{id}\": {{owner: boss, members: [a, b]}}, ").unwrap();
        writeln!(files, "  - {{id: \"{id}\", name: room-{room}, members: [a, b]}}").unwrap();
    }
    state.push_str("}}");
    let place = Place::of(&state, &files, Environment::default());
    let daemon = place.start();
    until("all rooms looked at", || daemon.get("/readyz").0 == 200);
    let status = daemon.status();
    assert!(
        status["rooms"].is_null() && status["rooms_by_pages"] == true,
        "{status}"
    );
    let status = daemon.get("/api/status").1.len();
    // All rooms come by pages, and after that what has changed.
    let page = |asked: &str| -> serde_json::Value {
        serde_json::from_str(&daemon.get(&format!("/api/rooms?{asked}")).1).unwrap()
    };
    let first = page("");
    let (mut seen, mut last) = (0, first.clone());
    loop {
        seen += last["rooms"].as_array().unwrap().len();
        let Some(after) = last["after"].as_str() else {
            break;
        };
        last = page(&format!("after={after}"));
    }
    assert_eq!(seen, rooms);
    let revision = first["revision"].as_str().unwrap().to_owned();
    let since = |revision: &str| page(&format!("since={revision}"));
    let same = since(&revision);
    assert_eq!(
        (&same["since"], same["rooms"].as_array().unwrap().len()),
        (&first["revision"], 0)
    );
    let renamed = files.replacen(
        "rooms:\n  - {id: \"66213271000000\", name: room-0, members: [a, b]}\n",
        "rooms:\n",
        1,
    );
    place.replace("rooms/all.yaml", &renamed.replacen("room-7,", "room-seven,", 1));
    until("the edit is taken", || {
        since(&revision)["gone"].as_array().unwrap().len() == 1
    });
    let changed = since(&revision);
    let names: Vec<&str> = changed["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|room| room["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        (names, &changed["gone"][0]),
        (vec!["room-seven"], &serde_json::json!("66213271000000"))
    );
    assert!(
        since("0-1")["since"].is_null(),
        "of another process nothing is known"
    );
    let memory = || daemon.resident_bytes();
    let before = memory();
    let url = daemon.url();
    let address: SocketAddr = url["http://".len()..url.len() - 1].parse().unwrap();
    let large = "GET /api/rooms HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let whole = page("").to_string().len();
    let mut crowd: Vec<Option<TcpStream>> = (0..connections).map(|_| None).collect();
    let mut most = before;
    let (probes, longest) = thread::scope(|scope| {
        let prober = scope.spawn(|| probe(&daemon, Duration::from_secs(seconds)));
        let mut turn = 0;
        while !prober.is_finished() {
            for (at, place) in crowd.iter_mut().enumerate().skip(turn % 7).step_by(7) {
                *place = ask(address, if at % 2 == 0 { "" } else { large });
            }
            turn += 1;
            most = most.max(memory());
            thread::sleep(Duration::from_millis(300));
        }
        prober.join().unwrap()
    });
    assert!(
        crowd.iter().flatten().count() > connections / 2,
        "there is no crowd"
    );
    assert!(probes > 0, "nobody was probed");
    let mb = |bytes: Option<u64>| bytes.map_or(0, |bytes| bytes / 1_000_000);
    println!(
        "{rooms} rooms, {connections} connections, {seconds} s: {probes} answers of /livez, {longest:?} at most; {} MB before, \
         {} MB at most; /api/status has {status} bytes, a page of /api/rooms {whole}",
        mb(before),
        mb(most)
    );
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    let grown = most
        .zip(before)
        .map_or(0, |(most, before)| most.saturating_sub(before));
    assert!(grown < 20_000_000, "{grown} bytes");
}
