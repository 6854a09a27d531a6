//! Memory and processor time of `roomsync plan` and `roomsync apply`, as processes of their own against
//! `roomsync emulator` without a rate limit: names of at most 24 bytes, a file for each 100 rooms.
//!
//! `cargo bench --bench memory` prints each figure with its bound and fails where one is not kept; with `-- --all` it goes over
//! all sizes of fleets, which takes minutes.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _, stdout};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use wait4::Wait4 as _;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Bytes that every command may take above `roomsync --version`.
const BASE: u64 = 15_000_000;
/// Bytes that it may take for each membership of the files beside that.
const MOST: f64 = 40.0;
/// The same for one huge room, whose file is read as a whole.
const MOST_OF_ONE_ROOM: f64 = 80.0;
/// Least straightness of the line through the peaks of fleets.
const LEAST_FIT: f64 = 0.95;
const ROOMS_IN_A_FILE: usize = 100;

/// A fleet.
#[derive(Clone, Copy)]
struct Fleet {
    rooms: usize,
    people: usize,
    most: f64,
}

/// State of the service before a run.
#[derive(Clone, Copy, PartialEq)]
enum Case {
    InSync,
    FirstFill,
    Mixed,
}

fn main() -> Outcome<ExitCode> {
    let all = std::env::args().any(|arg| arg == "--all");
    let least = Run::of(&["--version"], Path::new("."))?.peak;
    // A process begins with the peak of whoever started it.
    let own = field(&fs::read_to_string("/proc/self/status")?, "VmHWM:")? * 1024;
    if own > least {
        return Err("this process is larger than what it measures".into());
    }
    tell(
        &format!("`roomsync --version`: {:.1} MB at its most", mb(least)),
        true,
    )?;
    let mut kept = true;
    let fleet = |rooms, people, most| Fleet { rooms, people, most };
    for fleet in [fleet(4_000, 200, MOST), fleet(1, 100_000, MOST_OF_ONE_ROOM)] {
        for (case, name) in [
            (Case::InSync, "in sync"),
            (Case::FirstFill, "first fill"),
            (Case::Mixed, "mixed change"),
        ] {
            for command in [&["plan"][..], &["apply", "--yes"]] {
                let run = measure(fleet, case, command)?;
                kept &= report(fleet, name, command, &run, least)?;
            }
        }
    }
    let sizes: &[(usize, usize)] = match all {
        true => &[
            (100, 50),
            (300, 50),
            (1_000, 50),
            (3_000, 50),
            (10_000, 50),
            (100, 200),
            (300, 200),
            (1_000, 200),
            (3_000, 200),
            (10_000, 200),
        ],
        false => &[
            (100, 50),
            (300, 50),
            (1_000, 50),
            (100, 200),
            (300, 200),
            (1_000, 200),
            (3_000, 100),
        ],
    };
    let mut points = Vec::new();
    for (rooms, people) in sizes {
        let fleet = fleet(*rooms, *people, MOST);
        let run = measure(fleet, Case::InSync, &["plan"])?;
        points.push(((rooms * people) as f64, run.peak as f64));
        // Of a small fleet the rooms that are in work at a time are a large part: only the line tells what a membership takes.
        writeln!(
            stdout(),
            "{rooms} × {people}, in sync, `plan`: {:.1} MB at its most; {:.1} s of processor time",
            mb(run.peak),
            run.seconds
        )?;
    }
    let (slope, start, r2) = line_through(&points);
    kept &= tell(
        &format!(
            "`plan` over fleets of {} to {} memberships: {:.1} MB and {slope:.1} bytes per membership, r² {r2:.3} (at most {MOST}, \
             at least {LEAST_FIT})",
            points.first().map_or(0.0, |point| point.0),
            points.iter().fold(0.0, |most, point| f64::max(most, point.0)),
            start / 1e6,
        ),
        slope <= MOST && r2 >= LEAST_FIT,
    )?;
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn report(fleet: Fleet, name: &str, command: &[&str], run: &Run, least: u64) -> Outcome<bool> {
    let memberships = (fleet.rooms * fleet.people) as f64;
    let bound = least + BASE + (memberships * fleet.most) as u64;
    let above = run.peak.saturating_sub(least + BASE) as f64 / memberships;
    tell(
        &format!(
            "{} × {}, {name}, `{}`: {:.1} MB at its most, {above:.1} bytes per membership above `--version` and 15 MB (at most {}, \
             in all {:.1} MB); {:.1} s of processor time",
            fleet.rooms,
            fleet.people,
            command.join(" "),
            mb(run.peak),
            fleet.most,
            mb(bound),
            run.seconds,
        ),
        run.peak <= bound,
    )
}

/// Sets up a site and the service, and runs a command there.
fn measure(fleet: Fleet, case: Case, command: &[&str]) -> Outcome<Run> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::create_dir(folder.join("rooms"))?;
    write_rooms(folder, fleet)?;
    write_state(folder, fleet, case)?;
    let emulator = Emulator::start(folder)?;
    fs::write(folder.join("token"), "any\n")?;
    fs::write(
        folder.join("roomsync.yaml"),
        format!(
            "service: {{url: \"{}\", app_key: \"acme#demo\", auth: {{token_file: token}}}}\n\
             sync: {{settle_removals: 0s}}\n\
             guards: {{max_removals: 100%, max_removals_total: 100%}}\n\
             limits: {{calls_per_second: 10000, concurrency: 64}}\n",
            emulator.url
        ),
    )?;
    Run::of(command, folder)
}

/// A name of 20 to 24 bytes.
fn name(number: usize) -> String {
    const FIRST: [&str; 4] = ["anneliese", "barnabas", "carolina", "dominique"];
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let first = FIRST.get(mixed % 4).copied().unwrap_or("x");
    format!("{first}.{mixed:06x}{number:07x}")
}

fn id(room: usize) -> usize {
    66_213_271_000_000 + room
}

fn write_rooms(folder: &Path, Fleet { rooms, people, .. }: Fleet) -> Outcome {
    for from in (0..rooms).step_by(ROOMS_IN_A_FILE) {
        let path = folder.join("rooms").join(format!("rooms-{from:06}.yaml"));
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "rooms:")?;
        for room in from..rooms.min(from + ROOMS_IN_A_FILE) {
            let admin = name(room * people);
            writeln!(
                file,
                "  - id: \"{}\"\n    name: room {room}\n    admins: [{admin}]\n    members:",
                id(room)
            )?;
            for person in 0..people {
                writeln!(file, "      - {}", name(room * people + person))?;
            }
        }
        file.flush()?;
    }
    Ok(())
}

/// State of the service: as wanted, nobody but the owner, or one in ten missing, one in ten too many and another admin.
fn write_state(folder: &Path, Fleet { rooms, people, .. }: Fleet, case: Case) -> Outcome {
    let mut file = BufWriter::new(File::create(folder.join("state.json"))?);
    write!(file, "{{\"app_key\": \"acme#demo\", \"rooms\": {{")?;
    for room in 0..rooms {
        let comma = if room > 0 { "," } else { "" };
        let first = room * people;
        let admins = match case {
            Case::InSync => Some(name(first)),
            Case::FirstFill => None,
            Case::Mixed => Some(name(first + 1)),
        };
        let admins = admins.map_or(String::new(), |admin| format!("\"{admin}\""));
        write!(
            file,
            "{comma}\n\"{}\": {{\"owner\": \"boss\", \"maxusers\": 200000, \"admins\": [{admins}], \"members\": [",
            id(room)
        )?;
        let mut comma = "";
        for person in 0..people {
            let member = match case {
                Case::InSync => Some(name(first + person)),
                Case::FirstFill => None,
                Case::Mixed if person % 10 == 3 => Some(format!("surplus-{room}-{person}")),
                Case::Mixed => Some(name(first + person)),
            };
            if let Some(member) = member.filter(|member| !admins.contains(member.as_str())) {
                write!(file, "{comma}\"{member}\"")?;
                comma = ",";
            }
        }
        write!(file, "]}}")?;
    }
    writeln!(file, "}}}}")?;
    Ok(file.flush()?)
}

/// The service, as a process of its own that ends with this.
struct Emulator {
    process: Child,
    url: String,
    /// Its output goes to somebody.
    _out: BufReader<ChildStdout>,
}

impl Emulator {
    fn start(folder: &Path) -> Outcome<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_roomsync"))
            .args([
                "emulator",
                "--rate",
                "0",
                "--listen",
                "127.0.0.1:0",
                "--state",
                "state.json",
            ])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = process.stdout.take().ok_or("no output")?;
        let mut out = BufReader::new(out);
        let mut first = String::new();
        out.read_line(&mut first)?;
        let url = first.trim_end().strip_prefix("listening on ");
        let url = url.ok_or("it does not listen")?.to_owned();
        Ok(Self {
            process,
            url,
            _out: out,
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Cost of a run.
struct Run {
    peak: u64,
    seconds: f64,
}

impl Run {
    fn of(args: &[&str], folder: &Path) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomsync"))
            .args(args)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // What it prints is long, and this process is to stay smaller than what it measures.
        let out = child.stdout.take().ok_or("no output")?;
        let err = child.stderr.take().ok_or("no output")?;
        let errors = std::thread::spawn(move || last_of(err));
        let said = last_of(out)?;
        let errors = errors.join().map_err(|_| "nobody read the errors")??;
        // What a process had at its most is told to whoever waits for it, and to nobody after.
        let ended = child.wait4()?;
        if !ended.status.success() {
            return Err(format!("{args:?} ended with {}: {said}{errors}", ended.status).into());
        }
        let time = ended.rusage.utime + ended.rusage.stime;
        Ok(Self {
            peak: ended.rusage.maxrss,
            seconds: time.as_secs_f64(),
        })
    }
}

/// Reads to the end, and keeps the end.
fn last_of(mut from: impl std::io::Read) -> std::io::Result<String> {
    const LAST: usize = 2_000;
    let mut last = Vec::new();
    let mut buffer = [0; 8_192];
    loop {
        let read = from.by_ref().read(&mut buffer)?;
        if read == 0 {
            return Ok(String::from_utf8_lossy(&last).into_owned());
        }
        last.extend_from_slice(buffer.get(..read).unwrap_or_default());
        last.drain(..last.len().saturating_sub(LAST));
    }
}

/// The least squares' line: its slope, where it begins, and how much of the spread it tells.
fn line_through(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| {
        points
            .iter()
            .map(|point| of(point.0 - x, point.1 - y))
            .sum::<f64>()
    };
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    let slope = xy / xx;
    (slope, y - slope * x, xy * xy / (xx * yy))
}

fn field(text: &str, name: &str) -> Outcome<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or(format!("no {name}"))?.parse()?)
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn tell(figure: &str, kept: bool) -> Outcome<bool> {
    writeln!(stdout(), "{figure}: {}", if kept { "ok" } else { "MISSED" })?;
    Ok(kept)
}
