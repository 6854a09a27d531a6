//! Time of a look at 10,000 rooms, with its calls and its memory: `roomsync plan` as a process of its own
//! against `roomsync emulator`, 20 ms away, with 50 people in each room; where the files name the admins, and where they do not, so that
//! nothing depends on them but who may be removed; with nothing to change, and with a stranger in one of a hundred rooms.
//!
//! `cargo bench --bench look` prints each figure with its bound and fails where one is not kept. It takes about four minutes,
//! because the service allows 100 lists of admins a second.

use serde_json::Value;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _, stdout};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;
use wait4::Wait4 as _;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROOMS: usize = 10_000;
const ROOMS_A_FILE: usize = 100;
const MEMBERS: usize = 50;
const LATENCY: &str = "20ms";
/// Calls a second of one method, as the service allows them.
const RATE: usize = 100;
/// The longest from the first call to the last, against as long as the lists of admins take at that rate.
const MOST_OF_BOUND: f64 = 1.05;
/// The most calls for room detail: 100 rooms each, and a few for answers that have to be asked for twice.
const MOST_DETAILS: u64 = 110;
const MOST_MEMORY_MB: f64 = 60.0;

fn main() -> Outcome {
    let mut missed = 0;
    for managed in [true, false] {
        for strangers in [0, ROOMS / 100] {
            missed += look(managed, strangers)?;
        }
    }
    if missed > 0 {
        return Err(format!("{missed} bounds are not kept").into());
    }
    Ok(())
}

/// Looks at the fleet, and gives the number of bounds that were not kept. `managed`: the files name the admins; `strangers`: in so
/// many rooms there is one.
fn look(managed: bool, strangers: usize) -> Outcome<usize> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    rooms(folder, managed)?;
    state(folder, strangers)?;
    let emulator = Emulator::start(folder)?;
    fs::write(
        folder.join("roomsync.yaml"),
        format!(
            "service: {{url: \"{}\", app_key: \"acme#demo\", auth: {{token_file: token}}}}\n\
             limits: {{calls_per_second: {RATE}}}\n",
            emulator.url
        ),
    )?;
    fs::write(folder.join("token"), "any\n")?;
    // A process begins with the peak of whoever started it.
    let own: u64 = field(&fs::read_to_string("/proc/self/status")?, "VmHWM:")? * 1024;
    let begun = Instant::now();
    let (said, peak) = plan(folder, strangers > 0)?;
    if own >= peak {
        return Err("this process is larger than what it measures".into());
    }
    let last = said.lines().last().unwrap_or_default();
    say(&format!(
        "`roomsync plan`, admins {}managed, {strangers} strangers: {:.1?} in all: {last}",
        if managed { "" } else { "not " },
        begun.elapsed()
    ))?;

    let counters: Value = serde_json::from_str(&emulator.ask("/counters")?)?;
    let calls = |method: &str| count(&counters, &format!("/methods/{method}/calls"));
    let (details, admins, members) = (calls("room_detail"), calls("list_admins"), calls("list_members"));
    let refused = count(&counters, "/statuses/429");
    let all = count(&counters, "/calls");
    let seconds = emulator.seconds_of_calls()?;
    // Two equal lists prove that a stranger is no admin.
    let lists = if managed { ROOMS } else { 2 * strangers } as u64;
    let mut missed = 0;
    let mut tell = |figure: String, kept: bool| -> Outcome {
        missed += usize::from(!kept);
        say(&format!("{figure}: {}", if kept { "ok" } else { "MISSED" }))
    };
    if managed {
        let bound = ROOMS as f64 / RATE as f64;
        let share = seconds / bound;
        tell(
            format!(
                "from the first call to the last: {seconds:.2} s, {share:.3} of the bound of {bound} s (at most {MOST_OF_BOUND})"
            ),
            share <= MOST_OF_BOUND,
        )?;
    } else {
        say(&format!("from the first call to the last: {seconds:.2} s"))?;
    }
    tell(
        format!(
            "{details} room_detail (at most {MOST_DETAILS}), {admins} list_admins ({lists}), {members} list_members (0), \
             {all} calls in all"
        ),
        details <= MOST_DETAILS && admins == lists && members == 0 && all == details + admins,
    )?;
    tell(format!("{refused} answers 429 (0)"), refused == 0)?;
    let peak = peak as f64 / 1e6;
    tell(
        format!("{peak:.1} MB of memory at its most (at most {MOST_MEMORY_MB})"),
        peak <= MOST_MEMORY_MB,
    )?;
    Ok(missed)
}

fn id(room: usize) -> usize {
    66_213_271_000_000 + room
}

/// Names as people have them, of at most 24 bytes; who is in several rooms is in few of them.
fn name(room: usize, member: usize) -> String {
    const FIRST: [&str; 8] = ["ann", "bob", "carol", "dan", "eve", "mia", "omar", "zoe"];
    const LAST: [&str; 8] = ["ada", "berg", "costa", "diaz", "ito", "khan", "okafor", "silva"];
    let number = room * MEMBERS * 4 / 5 + member;
    let first = FIRST.get(number % 8).unwrap_or(&"x");
    let last = LAST.get(number / 8 % 8).unwrap_or(&"y");
    format!("{first}.{last}.{number}")
}

/// The names of a room's people, written as they come: this process is to stay smaller than what it measures.
fn names(file: &mut BufWriter<File>, room: usize) -> Outcome {
    for member in 0..MEMBERS {
        write!(
            file,
            "{}{}",
            if member == 0 { "" } else { ", " },
            name(room, member)
        )?;
    }
    Ok(())
}

fn rooms(folder: &Path, managed: bool) -> Outcome {
    fs::create_dir(folder.join("rooms"))?;
    for first in (0..ROOMS).step_by(ROOMS_A_FILE) {
        let file = File::create(folder.join(format!("rooms/from-{first}.yaml")))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "rooms:")?;
        for room in first..first + ROOMS_A_FILE {
            writeln!(file, "  - id: \"{}\"", id(room))?;
            if managed {
                writeln!(file, "    admins: [{}]", name(room, 0))?;
            }
            write!(file, "    members: [")?;
            names(&mut file, room)?;
            writeln!(file, "]")?;
        }
    }
    Ok(())
}

fn state(folder: &Path, strangers: usize) -> Outcome {
    let mut file = BufWriter::new(File::create(folder.join("state.yaml"))?);
    writeln!(file, "app_key: \"acme#demo\"\nrooms:")?;
    for room in 0..ROOMS {
        write!(
            file,
            "  \"{}\": {{owner: boss, admins: [{}], members: [",
            id(room),
            name(room, 0)
        )?;
        names(&mut file, room)?;
        let stranger = if room < strangers { ", stranger" } else { "" };
        writeln!(file, "{stranger}]}}")?;
    }
    Ok(())
}

/// Runs `roomsync plan`, which ends with 2 where something is to be changed and else with 0: what it said, and its memory at its
/// most, in bytes.
fn plan(folder: &Path, changes: bool) -> Outcome<(String, u64)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_roomsync"))
        .args(["plan", "--detailed-exitcode"])
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said)?;
    }
    // What a process had at its most is told to whoever waits for it, and to nobody after.
    let ended = child.wait4()?;
    if ended.status.code() != Some(if changes { 2 } else { 0 }) {
        let last = said.lines().last().unwrap_or_default();
        return Err(format!("`roomsync plan` ended with {}: {last}", ended.status).into());
    }
    Ok((said, ended.rusage.maxrss))
}

/// `roomsync emulator`; it is ended when dropped.
struct Emulator {
    child: Child,
    /// Kept open, so that it can go on writing there.
    _out: BufReader<ChildStdout>,
    url: String,
    control: String,
}

impl Emulator {
    fn start(folder: &Path) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomsync"))
            .args(["emulator", "--listen", "127.0.0.1:0", "--state", "state.yaml"])
            .args(["--latency", LATENCY, "--rate", &RATE.to_string()])
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut told = |before: &str| -> Outcome<String> {
            let mut line = String::new();
            out.read_line(&mut line)?;
            let address = line.trim_end().strip_prefix(before);
            Ok(address.ok_or(format!("the emulator says {line:?}"))?.to_owned())
        };
        let (url, control) = (told("listening on ")?, told("control on http://")?);
        Ok(Self {
            child,
            _out: out,
            url,
            control,
        })
    }

    fn ask(&self, path: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(&self.control)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
        Ok(body.to_owned())
    }

    /// The time from the first call to the last, as the service saw them.
    fn seconds_of_calls(&self) -> Outcome<f64> {
        let journal: Value = serde_json::from_str(&self.ask("/journal")?)?;
        let calls = journal.get("calls").and_then(Value::as_array).ok_or("no calls")?;
        let at = |call: Option<&Value>| call?.get("at_ms")?.as_u64();
        match (at(calls.first()), at(calls.last())) {
            (Some(first), Some(last)) => Ok((last - first) as f64 / 1e3),
            _ => Err("no calls".into()),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn count(counters: &Value, pointer: &str) -> u64 {
    counters.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn field(text: &str, name: &str) -> Outcome<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or(format!("no {name}"))?.parse()?)
}

fn say(figure: &str) -> Outcome {
    Ok(writeln!(stdout(), "{figure}")?)
}
