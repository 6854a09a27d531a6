use super::*;
use crate::daemon::state_dir::{Persister, Snapshot, StateDir};
use crate::disk::Fsync;
use crate::exclusions::Rosters;
use crate::model::{RoomId, UserId};
use crate::seen::{LastSeen, SeenBy};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn sighting(day: &str, names: &[&str]) -> Sighting {
    let last = LastSeen {
        by: SeenBy::Look,
        day: day.parse().unwrap(),
    };
    Sighting {
        room: RoomId::parse("7").unwrap(),
        last,
        users: names.iter().map(|name| UserId::parse(name).unwrap()).collect(),
    }
}

fn of(sighting: Sighting) -> ToRecord {
    let mut to_record = ToRecord::default();
    to_record.add(sighting);
    to_record
}

/// Nobody new, on this day.
fn tidying_on(day: &str) -> ToRecord {
    let mut to_record = ToRecord::default();
    to_record.tidy(day.parse().unwrap());
    to_record
}

fn open(dir: &Path) -> (Persister, Seen) {
    let (store, restored) = StateDir::open(dir, Fsync::default()).unwrap();
    (Persister::new(store, &Arc::default()), restored.seen)
}

/// Records this, ends, and gives who is known to the next process.
fn recorded(dir: &TempDir, sightings: &[Sighting]) -> String {
    let (persister, _) = open(dir.path());
    for sighting in sightings {
        persister.record(of(sighting.clone()));
    }
    drop(persister);
    known(dir)
}

fn known(dir: &TempDir) -> String {
    let seen = StateDir::read_only(dir.path()).unwrap().1.seen;
    let known = seen
        .since(Date::MIN)
        .map(|(room, user, last)| format!("{room} {} {}", user.as_str(), last.day));
    known.collect::<Vec<_>>().join(", ")
}

#[test]
fn who_was_seen_is_known_after_a_restart_and_to_whoever_reads_the_file_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEEN);
    assert_eq!(recorded(&dir, &[]), "");
    assert!(!path.exists(), "nobody was seen");
    let (persister, _) = open(dir.path());
    persister.record(of(sighting("2026-11-01", &["ann", "bob"])));
    let kept = seen::read_in(dir.path()).unwrap().unwrap();
    assert_eq!(kept.seen.since(Date::MIN).count(), 2);
    drop(persister);
    // A crash in the middle of a record.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [&bytes[..], b"l\x01"].concat()).unwrap();
    assert_eq!(
        recorded(&dir, &[sighting("2026-11-02", &["bob"])]),
        "7 ann 2026-11-01, 7 bob 2026-11-02"
    );
}

#[test]
fn a_file_that_cannot_be_used_is_put_aside_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, aside) = (dir.path().join(SEEN), dir.path().join("seen.damaged"));
    for damaged in [
        &b"something else"[..],
        b"roomsync seen 1\nl\x017\xff\xff\xff\xff1234567890",
    ] {
        fs::write(&path, damaged).unwrap();
        // Who only looks leaves it as it is.
        assert_eq!(known(&dir), "");
        assert!(seen::read_in(dir.path()).is_err());
        assert_eq!(
            recorded(&dir, &[sighting("2026-11-01", &["ann"])]),
            "7 ann 2026-11-01"
        );
        assert_eq!(fs::read(&aside).unwrap(), damaged);
    }
    // A folder in its place, and one where it is to be put.
    for name in [&path, &aside] {
        fs::remove_file(name).unwrap();
        fs::create_dir_all(name.join("in the way")).unwrap();
    }
    let (persister, seen) = open(dir.path());
    assert_eq!(seen, Seen::default());
    persister.record(of(sighting("2026-11-01", &["ann"])));
    persister.save(Snapshot {
        rosters: Some(Rosters::default()),
        ..Snapshot::default()
    });
    assert_eq!(persister.error(), None);
}

#[test]
fn a_disk_that_takes_no_more_of_it_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (persister, _) = open(dir.path());
    fs::create_dir(dir.path().join(SEEN)).unwrap();
    persister.record(of(sighting("2026-11-01", &["ann"])));
    assert_eq!(persister.error(), None);
    fs::remove_dir(dir.path().join(SEEN)).unwrap();
    persister.record(of(sighting("2026-11-02", &["bob"])));
    drop(persister);
    assert_eq!(known(&dir), "7 bob 2026-11-02");
}

#[test]
fn it_is_written_anew_once_it_has_doubled_or_holds_somebody_of_long_ago() {
    let dir = tempfile::tempdir().unwrap();
    let length = || fs::metadata(dir.path().join(SEEN)).unwrap().len();
    let names: Vec<String> = (0..1_000).map(|number| format!("somebody-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (persister, _) = open(dir.path());
    persister.record(of(sighting("2026-11-01", &names)));
    let once = length();
    let longest = (0..1_000).map(|_| {
        persister.record(of(sighting("2026-11-02", &names)));
        length()
    });
    let longest = longest.max().unwrap();
    assert!(
        longest < 2 * once + 64 * 1024 + 2 * once,
        "{longest} bytes, {once} for all"
    );

    persister.record(of(sighting("2026-12-01", &["ann"])));
    persister.record(tidying_on("2026-12-02"));
    assert!(length() > once, "30 days are not over");
    persister.record(tidying_on("2026-12-03"));
    assert!(length() < 100);
    drop(persister);
    assert_eq!(known(&dir), "7 ann 2026-12-01");
}

#[test]
fn what_waits_for_the_disk_is_bounded() {
    let names: Vec<String> = (0..1_000).map(|number| format!("u{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut request = ToRecord::default();
    for _ in 0..1_500 {
        request.extend(of(sighting("2026-11-01", &names)));
    }
    assert_eq!((request.people, request.sightings.len()), (MOST_WAITING, 1_000));
}
