//! Time of a million names: the difference of two lists against the time that sorting them takes, and room files up to
//! what they say against the YAML library alone.
//!
//! `cargo bench --bench names` prints each ratio with its bound and fails where one is not kept.

use compact_str::CompactString;
use roomsync::desired::{self, Loaded, Retain};
use roomsync::model::{MemberSet, RoomDefaults, UserId};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const NAMES: usize = 1_000_000;
/// Of each figure; the two sides of a ratio take turns, so that a slow moment of the machine slows both.
const RUNS: usize = 9;
/// The longest that a difference may take, against sorting both lists.
const MOST_OF_A_SORT: f64 = 1.2;
/// The least speed of reading, against that of the library alone.
const LEAST_OF_THE_LIBRARY: f64 = 0.8;
const BYTES_OF_FILES: u64 = 10_000_000;
const ROOMS_IN_A_FILE: usize = 100;
const PEOPLE_IN_A_ROOM: usize = 200;

fn main() -> Outcome<ExitCode> {
    let mut kept = true;
    for percent in [0, 1, 50, 100] {
        kept &= difference(percent)?;
    }
    kept &= reading()?;
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A name of 20 to 24 bytes, as people have them, whose numbers are not in the order of the names.
fn name(number: usize) -> String {
    const FIRST: [&str; 8] = [
        "anneliese",
        "barnabas",
        "carolina",
        "dominique",
        "evangeline",
        "mia",
        "omar",
        "zoe",
    ];
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let first = FIRST.get(mixed % 8).copied().unwrap_or("x");
    format!("{first}.{mixed:x}{number:x}").chars().take(24).collect()
}

fn users(numbers: impl Iterator<Item = usize>) -> Outcome<Vec<UserId>> {
    let users: Result<Vec<UserId>, _> = numbers.map(|number| UserId::parse(&name(number))).collect();
    Ok(users?)
}

/// A million names wanted, a million there, of which so many in a hundred are others.
fn difference(percent: usize) -> Outcome<bool> {
    let others = NAMES / 100 * percent;
    let wanted = users(0..NAMES)?;
    let live = users(others..NAMES + others)?;
    let (mut sorting, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (mut left, mut right) = (wanted.clone(), live.clone());
        let begun = on_the_processor()?;
        left.sort_unstable();
        right.sort_unstable();
        sorting.push(on_the_processor()?.saturating_sub(begun));
        drop(black_box((left, right)));

        let (left, right) = (wanted.clone(), live.clone());
        let begun = on_the_processor()?;
        let left: MemberSet = left.into_iter().collect();
        let right: MemberSet = right.into_iter().collect();
        let (add, remove) = left.differences(&right);
        whole.push(on_the_processor()?.saturating_sub(begun));
        if (add.len(), remove.len()) != (others, others) {
            return Err(format!("{} and {} names differ, not {others}", add.len(), remove.len()).into());
        }
        black_box((left, right, add, remove));
    }
    let (sorting, whole) = (median(sorting)?, median(whole)?);
    let ratio = whole.as_secs_f64() / sorting.as_secs_f64();
    tell(
        &format!(
            "{NAMES} names against {NAMES}, {percent} % others: sorted and compared in {whole:.0?}, sorted in {sorting:.0?}: \
             ratio {ratio:.2} (at most {MOST_OF_A_SORT})"
        ),
        ratio <= MOST_OF_A_SORT,
    )
}

/// Result of the library alone for a room file.
#[derive(Deserialize)]
struct Plain {
    rooms: Vec<PlainRoom>,
}

#[derive(Deserialize)]
struct PlainRoom {
    id: CompactString,
    name: CompactString,
    admins: Vec<CompactString>,
    members: Vec<CompactString>,
}

fn reading() -> Outcome<bool> {
    let folder = tempfile::tempdir()?;
    let paths = [folder.path().to_owned()];
    let rooms = write_files(folder.path())?;
    let defaults = RoomDefaults::default();
    let (mut alone, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        // Each once before it counts: it is to find the memory as it leaves it itself, not as the other one does.
        black_box(library(folder.path())?);
        let begun = on_the_processor()?;
        let read = library(folder.path())?;
        alone.push(on_the_processor()?.saturating_sub(begun));
        let of_library: usize = read.iter().map(people).sum();
        drop(read);

        black_box(desired::load(&paths, None, &defaults, Retain::Rooms)?);
        let begun = on_the_processor()?;
        let Loaded { desired, .. } = desired::load(&paths, None, &defaults, Retain::Rooms)?;
        ours.push(on_the_processor()?.saturating_sub(begun));
        let lists = desired
            .rooms
            .iter()
            .flat_map(|room| [&room.admins, &room.members]);
        let of_ours: usize = lists.flatten().map(MemberSet::len).sum();
        if (desired.rooms.len(), of_ours) != (rooms, of_library) {
            return Err(format!("{of_ours} people read, the library has {of_library}").into());
        }
    }
    let (alone, ours) = (median(alone)?, median(ours)?);
    let ratio = alone.as_secs_f64() / ours.as_secs_f64();
    tell(
        &format!(
            "10 MB of room files: read in {ours:.0?}, by the library alone (into Vec<CompactString>) in {alone:.0?}: \
             {ratio:.2} of its speed (at least {LEAST_OF_THE_LIBRARY})"
        ),
        ratio >= LEAST_OF_THE_LIBRARY,
    )
}

/// Writes files until they come to enough; gives the number of rooms.
fn write_files(folder: &Path) -> Outcome<usize> {
    let (mut rooms, mut bytes) = (0, 0);
    while bytes < BYTES_OF_FILES {
        let path = folder.join(format!("rooms-{rooms:06}.yaml"));
        let mut file = BufWriter::new(File::create(&path)?);
        writeln!(file, "rooms:")?;
        for _ in 0..ROOMS_IN_A_FILE {
            let people = |from| (0..PEOPLE_IN_A_ROOM).map(move |at| name(from * PEOPLE_IN_A_ROOM + at));
            let admin = name(rooms * PEOPLE_IN_A_ROOM);
            let id = 66_213_271_000_000_usize + rooms;
            writeln!(
                file,
                "  - id: \"{id}\"\n    name: room {rooms}\n    admins: [{admin}]\n    members:"
            )?;
            for person in people(rooms) {
                writeln!(file, "      - {person}")?;
            }
            rooms += 1;
        }
        file.flush()?;
        bytes += fs::metadata(&path)?.len();
    }
    Ok(rooms)
}

fn library(folder: &Path) -> Outcome<Vec<PlainRoom>> {
    let paths: Result<Vec<PathBuf>, _> = fs::read_dir(folder)?
        .map(|entry| Ok::<_, std::io::Error>(entry?.path()))
        .collect();
    let mut paths = paths?;
    paths.sort();
    let mut rooms = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path)?;
        let plain: Plain = serde_yaml::from_str(&text)?;
        rooms.extend(plain.rooms);
    }
    Ok(rooms)
}

fn people(room: &PlainRoom) -> usize {
    let PlainRoom {
        id,
        name,
        admins,
        members,
    } = room;
    black_box((id, name));
    admins.len() + members.len()
}

/// Run time of this process so far, all of its threads together: what others do on the machine is not counted.
fn on_the_processor() -> Outcome<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
}

fn median(mut times: Vec<Duration>) -> Outcome<Duration> {
    times.sort_unstable();
    Ok(*times.get(RUNS / 2).ok_or("no runs")?)
}

fn tell(figure: &str, kept: bool) -> Outcome<bool> {
    writeln!(stdout(), "{figure}: {}", if kept { "ok" } else { "MISSED" })?;
    Ok(kept)
}
