//! Time and memory of `roomsync validate`: 100,000 users in 1,000 files, harder shapes of as many, and groups of groups.
//!
//! `cargo bench --bench validate` prints each figure with its bound and fails where one is not kept.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USERS: usize = 100_000;
const FILES: usize = 1_000;
const RUNS: usize = 7;
/// The longest that a run may take, in the median.
const LONGEST: Duration = Duration::from_secs(1);
/// The same where every name is an error, each of which is found in its line.
const LONGEST_OF_ERRORS: Duration = Duration::from_secs(3);
/// Memory above that of `roomsync --version`, at its most, as a multiple of the files' size.
const MOST_MEMORY: f64 = 6.0;

/// A site: its name, what is in it, and whether it is valid.
struct Shape {
    name: &'static str,
    write: fn(&Path) -> Outcome,
    valid: bool,
    /// True if memory is held to its bound.
    bounded: bool,
    /// Most memory that the process may take in all, in bytes.
    most: Option<u64>,
}

const SHAPES: [Shape; 8] = [
    Shape {
        name: "100,000 users in 1,000 files",
        write: many_files,
        valid: true,
        bounded: true,
        most: None,
    },
    Shape {
        name: "100,000 users in one file",
        write: one_file,
        valid: true,
        bounded: false,
        most: None,
    },
    Shape {
        name: "100,000 users by way of groups, in 1,000 files",
        write: groups,
        valid: true,
        bounded: false,
        most: None,
    },
    Shape {
        name: "100,000 users in one line",
        write: one_line,
        valid: true,
        bounded: false,
        most: None,
    },
    Shape {
        name: "100,000 errors in one line",
        write: errors,
        valid: false,
        bounded: false,
        most: None,
    },
    Shape {
        name: "a chain of 10,000 groups",
        write: chain,
        valid: true,
        bounded: false,
        most: Some(50_000_000),
    },
    Shape {
        name: "a chain of 10,000 groups, each place with an end",
        write: ending_chain,
        valid: true,
        bounded: false,
        most: Some(60_000_000),
    },
    Shape {
        name: "3,000 groups of 200 names in 300 rooms",
        write: large_groups,
        valid: true,
        bounded: false,
        most: Some(200_000_000),
    },
];

fn main() -> Outcome {
    let least = peak(&["--version"], Path::new("."), true)?.1;
    // A process begins with the peak of whoever started it.
    let own: u64 = field(&fs::read_to_string("/proc/self/status")?, "VmHWM:")?;
    if own * 1024 > least {
        return Err("this process is larger than what it measures".into());
    }
    tell(&format!("`roomsync --version`: {} at its most", mib(least)), true)?;
    for shape in SHAPES {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        (shape.write)(folder)?;
        let size = size_of(folder)?;
        let mut took = Vec::new();
        let mut most = 0;
        for _ in 0..RUNS {
            let (time, peak) = peak(&["validate", "."], folder, shape.valid)?;
            took.push(time);
            most = most.max(peak);
        }
        took.sort_unstable();
        let bound = if shape.valid { LONGEST } else { LONGEST_OF_ERRORS };
        let (Some(median), Some(longest)) = (took.get(RUNS / 2), took.last()) else {
            return Err("no runs".into());
        };
        tell(
            &format!(
                "{}: median {median:.0?}, longest {longest:.0?} (at most {bound:?} in the median)",
                shape.name
            ),
            *median <= bound,
        )?;
        let above = most.saturating_sub(least);
        let times = above as f64 / size as f64;
        let bound = match shape.bounded {
            true => format!(" (at most {MOST_MEMORY})"),
            false => String::new(),
        };
        tell(
            &format!(
                "  {} of files; {} of memory above that of `--version`, {times:.1} times as much{bound}",
                mib(size),
                mib(above)
            ),
            times <= MOST_MEMORY || !shape.bounded,
        )?;
        if let Some(bound) = shape.most {
            tell(
                &format!("  {} in all (at most {})", mib(most), mib(bound)),
                most <= bound,
            )?;
        }
    }
    Ok(())
}

/// A name as people have them.
fn name(number: usize) -> String {
    const FIRST: [&str; 8] = ["ann", "bob", "carol", "dan", "eve", "mia", "omar", "zoe"];
    const LAST: [&str; 8] = ["ada", "berg", "costa", "diaz", "ito", "khan", "okafor", "silva"];
    let first = FIRST.get(number % 8).unwrap_or(&"x");
    let last = LAST.get(number / 8 % 8).unwrap_or(&"y");
    format!("{first}.{last}{number}")
}

/// Writes names and what stands between them as they come: this process is to stay smaller than what it measures.
fn list(file: &mut BufWriter<File>, from: usize, count: usize, end: &str) -> Outcome {
    for user in from..from + count {
        let comma = if user == from { "" } else { ", " };
        write!(file, "{comma}{}{end}", name(user))?;
    }
    Ok(())
}

fn create(folder: &Path, name: &str) -> Outcome<BufWriter<File>> {
    Ok(BufWriter::new(File::create(folder.join(name))?))
}

fn many_files(folder: &Path) -> Outcome {
    let each = USERS / FILES;
    for number in 0..FILES {
        let mut file = create(folder, &format!("room-{number}.yaml"))?;
        let id = 66_213_271_000_000_usize + number;
        write!(
            file,
            "rooms:\n  - id: \"{id}\"\n    name: room {number}\n    members: ["
        )?;
        list(&mut file, number * each, each, "")?;
        writeln!(file, "]")?;
    }
    Ok(())
}

fn one_file(folder: &Path) -> Outcome {
    let mut file = create(folder, "a.yaml")?;
    writeln!(file, "rooms:\n  - id: 1\n    members:")?;
    for user in 0..USERS {
        writeln!(file, "      - {}", name(user))?;
    }
    Ok(())
}

fn groups(folder: &Path) -> Outcome {
    let each = USERS / FILES;
    let mut rooms = create(folder, "rooms.yaml")?;
    writeln!(rooms, "rooms:")?;
    for number in 0..FILES {
        let mut file = create(folder, &format!("team-{number}.yaml"))?;
        write!(file, "groups:\n  team-{number}: [")?;
        list(&mut file, number * each, each, "")?;
        writeln!(file, "]")?;
        writeln!(
            rooms,
            "  - {{id: {}, members: [group:team-{number}]}}",
            number + 1
        )?;
    }
    Ok(())
}

fn one_line(folder: &Path) -> Outcome {
    let mut file = create(folder, "a.yaml")?;
    write!(file, "rooms: [{{id: 1, members: [")?;
    list(&mut file, 0, USERS, "")?;
    Ok(writeln!(file, "]}}]")?)
}

fn errors(folder: &Path) -> Outcome {
    let mut file = create(folder, "a.yaml")?;
    write!(file, "rooms: [{{id: 1, members: [")?;
    list(&mut file, 0, USERS, "/")?;
    Ok(writeln!(file, "]}}]")?)
}

/// Each group comes to all people that follow.
fn chain(folder: &Path) -> Outcome {
    chain_of(folder, |group| format!("group:g{group}"))
}

fn ending_chain(folder: &Path) -> Outcome {
    chain_of(folder, |group| format!("{{group: g{group}, until: 2100-01-01}}"))
}

fn chain_of(folder: &Path, held: fn(usize) -> String) -> Outcome {
    const LAST: usize = 9_999;
    let mut file = create(folder, "a.yaml")?;
    writeln!(file, "groups:")?;
    for group in 0..LAST {
        writeln!(file, "  g{group}: [{}, {}]", name(group), held(group + 1))?;
    }
    writeln!(file, "  g{LAST}: [{}]", name(LAST))?;
    Ok(writeln!(file, "rooms: [{{id: 1, members: [group:g0]}}]")?)
}

/// Each of the rooms lists ten of the groups, and one has them all.
fn large_groups(folder: &Path) -> Outcome {
    let mut file = create(folder, "a.yaml")?;
    writeln!(file, "groups:")?;
    for group in 0..3_000 {
        write!(file, "  g{group}: [")?;
        list(&mut file, group * 200, 200, "")?;
        writeln!(file, "]")?;
    }
    writeln!(file, "rooms:")?;
    for room in 0..300 {
        let groups = if room == 0 {
            0..3_000
        } else {
            room * 10..(room + 1) * 10
        };
        let groups: Vec<String> = groups.map(|group| format!("group:g{group}")).collect();
        writeln!(file, "  - {{id: {}, members: [{}]}}", room + 1, groups.join(", "))?;
    }
    Ok(())
}

fn size_of(folder: &Path) -> Outcome<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}

/// Runs `roomsync`: how long it took and its memory at its most, in bytes.
fn peak(args: &[&str], folder: &Path, succeeds: bool) -> Outcome<(Duration, u64)> {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_roomsync"))
        .args(args)
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
    let took = begun.elapsed();
    if ended.status.success() != succeeds {
        let last = said.lines().last().unwrap_or_default();
        return Err(format!("it ended with {}: {last}", ended.status).into());
    }
    Ok((took, ended.rusage.maxrss))
}

fn field(text: &str, name: &str) -> Outcome<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or(format!("no {name}"))?.parse()?)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn tell(figure: &str, kept: bool) -> Outcome {
    writeln!(stdout(), "{figure}")?;
    if kept {
        Ok(())
    } else {
        Err("the bound is not kept".into())
    }
}
