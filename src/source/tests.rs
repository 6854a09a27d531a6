//! Files that move or hang between one step of a look and the next.

use super::*;
use crate::disk::hang;
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ROOM: &str = "rooms: [{id: 1, members: [ann]}]\n";
const SECRET: &str = "line-of-a-file-outside: [x]\n";

fn site() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("rooms/team.yaml", ROOM),
        ("rooms/sub/deep/x.yaml", "groups: {x: [bob]}\n"),
        ("outside/team.yaml", SECRET),
        ("outside/x.yaml", SECRET),
        ("outside/deep/x.yaml", SECRET),
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// Each file and folder is swapped after it was found and before it is read, for what leads to a file outside or would hang.
#[test]
fn what_was_checked_is_what_is_read() {
    for (swapped, link) in [
        ("rooms/team.yaml", "../outside/team.yaml"),
        ("rooms/team.yaml", "/proc/self/environ"),
        ("rooms/team.yaml", "PIPE"),
        ("rooms/sub/deep/x.yaml", "../../../outside/x.yaml"),
        ("rooms/sub/deep", "../../outside/deep"),
        ("rooms/sub/deep", "DIR/outside/deep"),
        ("rooms/sub", "../outside"),
        ("rooms", "outside"),
    ] {
        let dir = site();
        for roots in [
            &["rooms"][..],
            &["rooms/team.yaml", "rooms/sub/deep/x.yaml", "rooms/sub"],
        ] {
            let roots: Vec<PathBuf> = roots.iter().map(|root| dir.path().join(root)).collect();
            let listing = Listing::of(&roots, None, &Progress::default());
            let set = listing.found_files.read(&Progress::default());
            assert!(set.files.len() == 2 && set.problems.is_empty());
            let (at, kept) = (dir.path().join(swapped), dir.path().join("kept"));
            fs::rename(&at, &kept).unwrap();
            if link == "PIPE" {
                assert!(Command::new("mkfifo").arg(&at).status().unwrap().success());
            } else {
                symlink(link.replace("DIR", dir.path().to_str().unwrap()), &at).unwrap();
            }
            let set = listing.found_files.read(&Progress::default());
            // The folder of a file that is named itself may be any.
            let named = roots.len() > 1 && swapped == "rooms";
            for file in &set.files {
                assert!(
                    named || !file.text.contains("outside"),
                    "{swapped} -> {link}: {file:?}"
                );
            }
            assert!(named || !set.problems.is_empty(), "{swapped} -> {link}");
            fs::remove_file(&at).unwrap();
            fs::rename(&kept, &at).unwrap();
        }
    }
}

fn time_limit(before: fn(&Path)) -> TimeLimit {
    TimeLimit {
        limit: Duration::from_millis(300),
        before,
    }
}

/// Looks at the files below a folder, and does something to them each time.
fn look(
    dir: &Path,
    time_limit: TimeLimit,
    meanwhile: impl Fn(usize),
) -> (Result<Option<String>, SnapshotError>, usize) {
    let looks = Cell::new(0);
    let looked = snapshot(time_limit, &[dir.join("rooms")], None, |listing| {
        looks.set(looks.get() + 1);
        let mut whole = true;
        let digest = listing
            .found_files
            .each(time_limit, |_, problem| whole &= problem.is_none());
        meanwhile(looks.get());
        digest.map(|digest| whole.then_some(digest))
    });
    (looked.map(|(digest, _)| digest), looks.get())
}

fn swap(target: &str, link: &Path) {
    let new = link.with_file_name(".new");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[test]
fn what_moves_in_a_look_is_looked_at_again() {
    let dir = site();
    let dir = dir.path();
    let before = || time_limit(|_| ());
    let (digest, looks) = look(dir, before(), |_| ());
    assert!(digest.unwrap().is_some() && looks == 1, "{looks}");
    let file = dir.join("rooms/team.yaml");
    let edits: [&dyn Fn(); 5] = [
        &|| fs::write(&file, format!("{ROOM}# more\n")).unwrap(),
        &|| fs::write(dir.join("rooms/new.yaml"), "").unwrap(),
        &|| fs::rename(dir.join("rooms/new.yaml"), dir.join("rooms/newer.yaml")).unwrap(),
        &|| fs::remove_file(dir.join("rooms/newer.yaml")).unwrap(),
        &|| fs::remove_dir_all(dir.join("rooms/sub")).unwrap(),
    ];
    for (number, edit) in edits.iter().enumerate() {
        let (digest, looks) = look(dir, before(), |look| {
            if look == 1 {
                edit();
            }
        });
        assert!(digest.unwrap().is_some() && looks == 2, "edit {number}: {looks}");
    }
    // A link that leads away for a moment, and back to the same file.
    fs::create_dir(dir.join("rooms/..data")).unwrap();
    fs::rename(&file, dir.join("rooms/..data/team.yaml")).unwrap();
    swap("..data/team.yaml", &file);
    let (digest, looks) = look(dir, before(), |look| {
        if look == 1 {
            swap("..data/other.yaml", &file);
            swap("..data/team.yaml", &file);
        }
    });
    assert!(digest.unwrap().is_some() && looks == 2, "{looks}");
}

#[test]
fn what_never_rests_is_an_error_in_the_end() {
    let dir = site();
    let file = dir.path().join("rooms/team.yaml");
    let begun = Instant::now();
    let (looked, looks) = look(dir.path(), time_limit(|_| ()), |look| {
        fs::write(&file, format!("{ROOM}# {look}{}\n", "x".repeat(look))).unwrap();
    });
    assert_eq!(looked.unwrap_err().raw.code, "restless");
    assert!(looks > 2 && begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_disk_that_hangs_is_an_error_that_names_the_path() {
    for at in ["rooms", "rooms/sub", "rooms/sub/deep/x.yaml", "rooms/team.yaml"] {
        for found_before in [false, true] {
            let dir = site();
            let path = dir.path().join(at);
            let mark = path.with_added_extension("hangs");
            if !found_before {
                fs::write(&mark, "").unwrap();
            }
            // It hangs when the files are looked for, or once they are found.
            let (looked, _) = look(dir.path(), time_limit(hang), |_| fs::write(&mark, "").unwrap());
            let SnapshotError { path: named, raw } = looked.unwrap_err();
            assert_eq!((named, raw.code), (path.clone(), "slow-disk"));
            let message = format!(
                "reading {} takes longer than 0.3 s; is its disk reachable?",
                path.display()
            );
            assert_eq!(raw.message, message);
            fs::remove_file(mark).unwrap();
        }
    }
}
