//! The webhook over sockets: the emulator posts its events to the daemon, alone and through a proxy, and others what they like.

use super::place::{Daemon, PATIENCE, Place, until};
use roomsync::emulator::{Emulator, Environment, Webhook, WebhookStyle};
use roomsync::model::RoomId;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

const SECRET: &str = "webh00k-secret";
const SETTINGS: &str = "listen: 127.0.0.1:0\n\
                        webhook: {listen: 127.0.0.1:0, secret_file: webhook}\n\
                        limits: {calls_per_second: 100}\n\
                        report_unmanaged: false\n\
                        sync: {interval: 24h, settle_removals: 0s}\n";

fn room_id(n: usize) -> RoomId {
    RoomId::parse(&format!("6621327{n:06}")).unwrap()
}

/// So many rooms of `boss`, `mia`, `bob` and `eve`, as the files say.
fn place(rooms: usize) -> Place {
    let mut state = "{app_key: \"acme#demo\", tokens: [secret], rooms: {".to_owned();
    let mut files = "rooms:\n".to_owned();
    for n in 0..rooms {
        let id = room_id(n);
        write!(
            state,
            "\"{id}\": {{owner: boss, admins: [mia], members: [bob, eve]}}, "
        )
        .unwrap();
        writeln!(files, "  - {{id: {id}, admins: [mia], members: [bob, eve]}}").unwrap();
    }
    let place = Place::of(&(state + "}}"), &files, Environment::default());
    place.write("webhook", SECRET);
    place.settings(SETTINGS);
    place
}

/// Has the emulator post its events to this address.
pub(crate) fn post_to(place: &Place, address: SocketAddr, style: WebhookStyle) {
    let mut webhook = Webhook::parse(&format!("http://{address}/hooks/agora"), SECRET).unwrap();
    webhook.style = style;
    let poster = place.emulator.webhook(webhook);
    place.spawn(poster.run(std::future::pending()));
}

/// Where the daemon listens for events.
pub(crate) fn hook(daemon: &Daemon) -> SocketAddr {
    daemon.listens("listening for events").unwrap()
}

/// Another program with an app token removes somebody.
pub(crate) fn kick(place: &Place, room: &RoomId, user: &str) {
    let address = place.url.strip_prefix("http://").unwrap();
    let request = format!(
        "DELETE /acme/demo/chatrooms/{room}/users/{user} HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer secret\r\nConnection: close\r\n\r\n"
    );
    let answer = ask(address.parse().unwrap(), &request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Everything that is answered to this request.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection may be reset after its answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn has(emulator: &Emulator, room: &RoomId, user: &str) -> bool {
    emulator.state().rooms[room].members().contains(user)
}

fn counter(daemon: &Daemon, name: &str) -> u64 {
    let text = daemon.get("/metrics").1;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("roomsync_{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// Kicks somebody out of a room; gives how long it takes until they are back.
fn repaired(place: &Place, room: &RoomId, user: &str) -> Duration {
    kick(place, room, user);
    until("back", || has(&place.emulator, room, user))
}

#[test]
fn from_a_kick_to_its_repair_in_a_thousand_rooms() {
    let place = place(1_000);
    let daemon = place.ready();
    post_to(&place, hook(&daemon), WebhookStyle::New);
    let mut took: Vec<Duration> = (0..100)
        .map(|n| repaired(&place, &room_id(10 * n), "bob"))
        .collect();
    took.sort_unstable();
    println!(
        "one at a time: median {:?}, the 99th percentile {:?}",
        took[50], took[98]
    );
    assert!(took[98] < Duration::from_secs(2), "{took:?}");
    assert_eq!(counter(&daemon, "webhook_looks_total"), 100);

    let begun = Instant::now();
    for n in 0..1_000 {
        place.emulator.leave(&room_id(n), &["eve".to_owned()]);
    }
    until("back everywhere", || {
        let state = place.emulator.state();
        state.rooms.values().all(|room| room.members().contains("eve"))
    });
    println!("1,000 rooms at once: all repaired after {:?}", begun.elapsed());
    daemon.until("counted", |daemon| {
        counter(daemon, "webhook_events_total{result=\"own_change\"}") == 1_100
    });
    assert_eq!(daemon.status()["attention"].as_array().unwrap().len(), 0);
}

#[test]
fn the_older_form_works_as_well() {
    let place = place(3);
    let daemon = place.ready();
    post_to(&place, hook(&daemon), WebhookStyle::Old);
    for n in 0..3 {
        assert!(repaired(&place, &room_id(n), "bob") < Duration::from_secs(5));
    }
}

/// Slow, oversized and nonsensical requests, more connections than there is place for, and whoever breaks off.
#[test]
fn clients_that_do_not_behave_hold_nobody_up() {
    let place = place(3);
    let daemon = place.ready();
    let address = hook(&daemon);
    let post = |rest: &str| {
        ask(
            address,
            &format!("POST /hooks/agora HTTP/1.1\r\nHost: x\r\n{rest}"),
        )
    };
    assert!(post("Content-Length: 2\r\nConnection: close\r\n\r\n{}").starts_with("HTTP/1.1 400"));
    assert!(post("Content-Length: 99999999\r\n\r\n").starts_with("HTTP/1.1 413"));
    assert!(
        ask(
            address,
            "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .starts_with("HTTP/1.1 404")
    );
    assert!(
        ask(
            address,
            "GET /hooks/agora HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .starts_with("HTTP/1.1 405")
    );
    assert!(!ask(address, "\u{16}\u{3}\u{1}\r\n\r\n").starts_with("HTTP/1.1 200"));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    assert!(!ask(address, &long).starts_with("HTTP/1.1 200"));

    let begun = Instant::now();
    let slow: Vec<TcpStream> = (0..250)
        .map(|n| {
            let mut stream = TcpStream::connect(address).unwrap();
            let begin: &[u8] = match n % 3 {
                0 => b"",
                1 => b"POST /hooks/agora HT",
                _ => b"POST /hooks/agora HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            };
            stream.write_all(begin).unwrap();
            stream
        })
        .collect();
    post_to(&place, address, WebhookStyle::New);
    assert!(
        repaired(&place, &room_id(0), "bob") < Duration::from_secs(5),
        "beside slow ones"
    );
    for mut stream in slow {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "cut after {:?}",
        begun.elapsed()
    );
    assert!(
        repaired(&place, &room_id(1), "bob") < Duration::from_secs(5),
        "after them"
    );
    assert_eq!(daemon.get("/livez").0, 200);
}

/// Each forged request costs a digest and no more.
#[test]
fn a_flood_of_forged_events_does_nothing() {
    let place = place(3);
    let daemon = place.ready();
    let address = hook(&daemon);
    let calls = || place.emulator.journal().calls.len();
    let before = calls();
    let mut stream = TcpStream::connect(address).unwrap();
    let begun = Instant::now();
    let event = "{\"callId\":\"acme#demo_1\",\"security\":\"00000000000000000000000000000000\",\"timestamp\":1,\
                 \"id\":\"6621327000000\",\"type\":\"CHATROOM\",\"event\":\"group_op_event\",\"operation\":\"LEAVE\"}";
    let request = format!(
        "POST /hooks/agora HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    );
    let mut answer = [0; 4_096];
    for _ in 0..5_000 {
        stream.write_all(request.as_bytes()).unwrap();
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 401"));
    }
    println!("5,000 forged events on one connection in {:?}", begun.elapsed());
    assert_eq!(counter(&daemon, "webhook_events_total{result=\"forged\"}"), 5_000);
    assert_eq!(counter(&daemon, "webhook_looks_total"), 0);
    assert_eq!(calls(), before);
    assert_eq!(daemon.status()["attention"][0]["code"], "webhook");
    let warnings = daemon.log().matches("takes no event").count();
    assert_eq!(warnings, 1, "{}", daemon.log());
    // One that is right puts it right.
    post_to(&place, address, WebhookStyle::New);
    repaired(&place, &room_id(0), "bob");
    assert_eq!(daemon.status()["attention"].as_array().unwrap().len(), 0);
}

#[test]
fn without_its_port_or_its_secret_it_does_not_start() {
    let place = place(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let there = SETTINGS.replace("{listen: 127.0.0.1:0", &format!("{{listen: {address}"));
    place.settings(&there);
    let run = place.run(&["run"]);
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        said.contains("another program listens there") && said.contains("webhook.listen"),
        "{said}"
    );
    place.settings(SETTINGS);
    for (secret, words) in [
        (None, "there is no such file"),
        (Some(""), "is empty"),
        (Some("a b"), "holds a space"),
    ] {
        match secret {
            None => std::fs::remove_file(place.path("webhook")).unwrap(),
            Some(text) => place.write("webhook", text),
        }
        let run = place.run(&["run"]);
        let said = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(5), "{said}");
        assert!(
            said.contains("webhook.secret_file") && said.contains(words),
            "{said}"
        );
        let checked = place.run(&["validate", "--settings"]);
        assert_eq!(
            checked.status.code(),
            Some(5),
            "{}",
            String::from_utf8_lossy(&checked.stdout)
        );
        // Commands without a webhook need no secret of it.
        assert_eq!(place.run(&["plan"]).status.code(), Some(0));
    }
}

/// A proxy that ends with the test, however that ends.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example of `deploy/` for nginx, with other addresses, in front of the daemon.
#[test]
fn a_proxy_in_front() {
    let nginx = match Command::new("nginx").arg("-v").output() {
        Ok(_) => "nginx",
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "nginx: {error}");
            return println!("skipped: a proxy in front: nginx: {error}");
        }
    };
    let place = place(3);
    let daemon = place.ready();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let example = std::fs::read_to_string("deploy/nginx/roomsync-webhook.conf").unwrap();
    let server = example
        .replace("listen 443 ssl;", &format!("listen {free};"))
        .replace("listen [::]:443 ssl;", "")
        .replace("127.0.0.1:9465", &hook(&daemon).to_string());
    let server: String = server
        .lines()
        .filter(|line| !line.trim_start().starts_with("ssl_"))
        .fold(String::new(), |text, line| text + line + "\n");
    let folder = place.path("nginx");
    std::fs::create_dir(&folder).unwrap();
    let shown = folder.display();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .fold(String::new(), |text, kind| {
            text + &format!("{kind}_temp_path {shown}/{kind};\n")
        });
    let config = format!(
        "daemon off;\nmaster_process off;\npid {shown}/pid;\nerror_log {shown}/error.log;\nevents {{}}\n\
         http {{\naccess_log off;\n{temp}{server}}}\n"
    );
    std::fs::write(folder.join("nginx.conf"), config).unwrap();
    let conf = folder.join("nginx.conf");
    let started = Command::new(nginx)
        .args([
            "-e",
            folder.join("start.log").to_str().unwrap(),
            "-p",
            folder.to_str().unwrap(),
            "-c",
        ])
        .arg(&conf)
        .spawn();
    let _proxy = Proxy(started.unwrap());
    let up = Instant::now();
    while TcpStream::connect(free).is_err() {
        assert!(up.elapsed() < PATIENCE, "nginx does not listen");
        thread::sleep(Duration::from_millis(10));
    }
    post_to(&place, free, WebhookStyle::New);
    for n in 0..3 {
        let took = repaired(&place, &room_id(n), "bob");
        println!("through nginx: {took:?}");
        assert!(took < Duration::from_secs(5));
    }
    let elsewhere = ask(
        free,
        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
    let large = ask(
        free,
        "POST /hooks/agora HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n",
    );
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
}
