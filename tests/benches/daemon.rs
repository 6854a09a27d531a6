//! Delay of the daemon's reaction to an edit, and its cost while nothing happens: `roomsync run` as a process of its own with
//! 1,000 rooms of ten people, a file each, and default settings; the emulator in this process, without latency, is the service.
//!
//! `cargo bench --bench daemon` prints each figure with its bound and fails where one is not kept. It takes about three minutes.

use roomsync::emulator::{Emulator, Options, Room, State, serve};
use roomsync::model::RoomId;
use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, stdout};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROOMS: usize = 1_000;
const PEOPLE: usize = 10;
const EDITS: usize = 30;
/// `sync.settle` and `sync.interval`, as they are by default.
const SETTLE: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_secs(300);
/// The longest that the edits' median may take beyond that.
const MOST_BEYOND: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(60);
/// The most of a core, in percent, that may be used while nothing happens.
const MOST_OF_A_CORE: f64 = 0.5;
const ADMIN_TOKEN: &str = "for-this-bench-only";

fn main() -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let emulator = {
        let _inside = runtime.enter();
        Emulator::new(state()?, Options::default())
    };
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}", listener.local_addr()?);
    runtime.spawn(serve(listener, emulator.clone(), std::future::pending()));

    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::create_dir(folder.join("rooms"))?;
    for number in 0..ROOMS {
        save(folder, number, "")?;
    }
    fs::write(folder.join("token"), "any\n")?;
    fs::write(
        folder.join("roomsync.yaml"),
        format!(
            "service: {{url: \"{url}\", app_key: \"acme#demo\", auth: {{token_file: token}}}}\nlisten: 127.0.0.1:0\n"
        ),
    )?;
    let daemon = Daemon::start(folder)?;
    let begun = Instant::now();
    daemon.wait_for_a_pass(0)?;
    tell(
        &format!("the first look at {ROOMS} rooms: {:.1?}", begun.elapsed()),
        true,
    )?;

    edits(folder, &emulator)?;
    idle(&daemon)
}

fn id(number: usize) -> Outcome<RoomId> {
    Ok(RoomId::parse(&format!("66213271{number:06}"))?)
}

fn state() -> Outcome<State> {
    let mut state = State::default();
    for number in 0..ROOMS {
        let mut room = Room::new("boss");
        for person in 0..PEOPLE {
            room.join(&format!("u{person}"));
        }
        state.rooms.insert(id(number)?, room);
    }
    Ok(state)
}

/// Saves a room's file as editors do.
fn save(folder: &Path, number: usize, more: &str) -> Outcome {
    let people: Vec<String> = (0..PEOPLE).map(|person| format!("u{person}")).collect();
    let text = format!(
        "rooms:\n  - id: \"{}\"\n    name: room {number}\n    members: [{}{more}]\n",
        id(number)?,
        people.join(", ")
    );
    let new = folder.join("new");
    fs::write(&new, text)?;
    fs::rename(new, folder.join(format!("rooms/room{number}.yaml")))?;
    Ok(())
}

fn edits(folder: &Path, emulator: &Emulator) -> Outcome {
    let mut took = Vec::new();
    for edit in 0..EDITS {
        // So that edits do not fall into step with anything.
        sleep(Duration::from_millis(150 + 37 * (edit as u64 % 7)));
        let number = edit * (ROOMS / EDITS);
        let room = id(number)?;
        save(folder, number, ", new")?;
        let saved = Instant::now();
        while !emulator.edit(|state| {
            state
                .rooms
                .get(&room)
                .is_some_and(|room| room.members().contains("new"))
        }) {
            if saved.elapsed() > Duration::from_secs(20) {
                return Err("an edit is not acted on".into());
            }
            sleep(Duration::from_micros(500));
        }
        took.push(saved.elapsed());
    }
    took.sort_unstable();
    let (Some(median), Some(longest)) = (took.get(EDITS / 2), took.last()) else {
        return Err("no edits".into());
    };
    let bound = SETTLE + MOST_BEYOND;
    tell(
        &format!(
            "from the save of one of {ROOMS} files to the first write, {EDITS} edits: median {median:.0?}, longest \
             {longest:.0?} (`settle` is {SETTLE:?}; at most {bound:?} in the median)"
        ),
        *median <= bound,
    )
}

fn idle(daemon: &Daemon) -> Outcome {
    sleep(Duration::from_secs(3));
    let passes = daemon.passes()?;
    let (before, begun) = (daemon.cpu()?, Instant::now());
    sleep(IDLE);
    let idle = (daemon.cpu()? - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    if daemon.passes()? != passes {
        return Err("a look at all rooms fell into the time without one; run this again".into());
    }
    tell(
        &format!(
            "{IDLE:?} without a look at all rooms: {:.2} % of a core (at most {MOST_OF_A_CORE})",
            idle * 100.0
        ),
        idle * 100.0 <= MOST_OF_A_CORE,
    )?;
    let before = daemon.cpu()?;
    daemon.ask("POST", "/-/reconcile")?;
    daemon.wait_for_a_pass(passes)?;
    let pass = daemon.cpu()? - before;
    let with = idle + pass.as_secs_f64() / INTERVAL.as_secs_f64();
    tell(
        &format!(
            "a look at all rooms: {pass:.0?} of a core; with one every {INTERVAL:?}: {:.2} % of a core (at most {MOST_OF_A_CORE})",
            with * 100.0
        ),
        with * 100.0 <= MOST_OF_A_CORE,
    )?;
    let kib: u64 = field(&fs::read_to_string(daemon.proc("status"))?, "VmRSS:")?;
    let most: u64 = field(&fs::read_to_string(daemon.proc("status"))?, "VmHWM:")?;
    tell(
        &format!(
            "resident memory: {:.1} MiB, {:.1} MiB at its most",
            kib as f64 / 1024.0,
            most as f64 / 1024.0
        ),
        true,
    )
}

fn field(text: &str, name: &str) -> Outcome<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or(format!("no {name}"))?.parse()?)
}

/// A process that is ended when dropped.
struct Daemon {
    child: Child,
    address: String,
    ticks: f64,
}

impl Daemon {
    fn start(folder: &Path) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomsync"))
            .arg("run")
            .env_clear()
            .env("ROOMSYNC_ADMIN_TOKEN", ADMIN_TOKEN)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let address = loop {
            let line = lines.next().ok_or("it ended")??;
            let line: serde_json::Value = serde_json::from_str(&line)?;
            if let Some(address) = line.get("address").and_then(|address| address.as_str()) {
                break address.to_owned();
            }
        };
        // So that it is never kept waiting by a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let ticks = Command::new("getconf").arg("CLK_TCK").output()?;
        let ticks = String::from_utf8(ticks.stdout)?.trim().parse()?;
        Ok(Self {
            child,
            address,
            ticks,
        })
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }

    /// The time that its threads have run.
    fn cpu(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("no end of the name")?;
        let times: Vec<u64> = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok(Duration::from_secs_f64(
            times.iter().sum::<u64>() as f64 / self.ticks,
        ))
    }

    fn ask(&self, method: &str, path: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Number of looks at all rooms that have ended.
    fn passes(&self) -> Outcome<u64> {
        let metrics = self.ask("GET", "/metrics")?;
        let passes = metrics.lines().filter(|line| {
            line.starts_with("roomsync_pass") && line.contains("_count{") && line.contains("kind=\"full\"")
        });
        let counts = passes.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        Ok(counts.sum())
    }

    fn wait_for_a_pass(&self, before: u64) -> Outcome {
        let begun = Instant::now();
        while self.passes()? == before {
            if begun.elapsed() > Duration::from_secs(180) {
                return Err("no look at all rooms ends".into());
            }
            sleep(Duration::from_millis(250));
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tell(figure: &str, kept: bool) -> Outcome {
    writeln!(stdout(), "{figure}")?;
    if kept {
        Ok(())
    } else {
        Err("the bound is not kept".into())
    }
}
