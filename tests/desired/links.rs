//! Links: what a root leads to is read wherever it is, and nothing outside of that, whatever is swapped meanwhile.

use super::site;
use roomsync::desired::{self, Loaded, Retain};
use roomsync::diagnostics::{Diagnostic, render};
use roomsync::model::RoomDefaults;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ROOM: &str = "rooms: [{id: 1, members: [ann]}]\n";
/// Far less than a look that hangs, and far more than one that does not.
const SOON: Duration = Duration::from_secs(5);

fn load(dir: &Path, roots: &[&str]) -> Result<Loaded, Vec<Diagnostic>> {
    let roots: Vec<PathBuf> = roots.iter().map(|root| dir.join(root)).collect();
    let settings = dir.join("roomsync.yaml");
    desired::load(
        &roots,
        Some(&settings),
        &RoomDefaults::default(),
        Retain::Provenance,
    )
    .map_err(|invalid| invalid.diagnostics)
}

#[track_caller]
fn files(dir: &Path, roots: &[&str]) -> usize {
    match load(dir, roots) {
        Ok(loaded) => loaded.desired.source.files,
        Err(diagnostics) => panic!("{roots:?}: {}", render(&diagnostics, false)),
    }
}

#[track_caller]
fn codes(dir: &Path, roots: &[&str]) -> Vec<&'static str> {
    let begun = Instant::now();
    let diagnostics = load(dir, roots).expect_err("there is nothing wrong");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    diagnostics.iter().map(|one| one.code).collect()
}

#[test]
fn a_mounted_config_map_in_all_the_ways_it_is_named() {
    let dir = site(&[
        ("rooms/..2026_a/team.yaml", ROOM),
        ("rooms/..2026_a/b.yml", "groups: {}\n"),
    ]);
    let dir = dir.path();
    symlink("..2026_a", dir.join("rooms/..data")).unwrap();
    symlink("..data/team.yaml", dir.join("rooms/team.yaml")).unwrap();
    symlink("..data/b.yml", dir.join("rooms/b.yml")).unwrap();
    for (roots, expected) in [
        (&["rooms"][..], 2),
        (&["rooms/"], 2),
        // A file named is that file, be it a link or, by subPath, a mount of its own.
        (&["rooms/team.yaml"], 1),
        (&["rooms/..data/team.yaml"], 1),
        (&["rooms/..2026_a/team.yaml"], 1),
        (&["rooms/team.yaml", "rooms/b.yml"], 2),
        (&["rooms/..data"], 2),
        (&["rooms", "rooms/team.yaml", "rooms/..data"], 2),
    ] {
        assert_eq!(files(dir, roots), expected, "{roots:?}");
    }
}

#[test]
fn a_root_is_a_link_to_wherever_it_leads() {
    let dir = site(&[
        ("git/worktrees/abc/rooms/team.yaml", ROOM),
        ("git/worktrees/abc/shared/groups.yaml", "groups: {}\n"),
    ]);
    let dir = dir.path();
    symlink("worktrees/abc", dir.join("git/now")).unwrap();
    symlink(dir.join("git/now"), dir.join("current")).unwrap();
    symlink("current/rooms/team.yaml", dir.join("one.yaml")).unwrap();
    assert_eq!(files(dir, &["current"]), 2);
    assert_eq!(files(dir, &["current/rooms"]), 1);
    assert_eq!(files(dir, &["one.yaml"]), 1);
    // A link within the work tree, and out of what of it is named.
    symlink(
        "../shared/groups.yaml",
        dir.join("git/worktrees/abc/rooms/groups.yaml"),
    )
    .unwrap();
    assert_eq!(files(dir, &["current"]), 2);
    assert_eq!(codes(dir, &["current/rooms"]), ["link-outside"]);
    assert_eq!(files(dir, &["current/rooms", "current/shared"]), 2);
}

#[test]
fn a_farm_of_links_ends_where_it_may() {
    let dir = site(&[
        ("store/a.yaml", ROOM),
        ("store/team/b.yaml", "groups: {}\n"),
        ("elsewhere/notes.txt", "x"),
    ]);
    let dir = dir.path();
    for folder in ["farm", "hop"] {
        fs::create_dir(dir.join(folder)).unwrap();
    }
    symlink("../store/a.yaml", dir.join("farm/a.yaml")).unwrap();
    symlink(dir.join("store/team"), dir.join("farm/team")).unwrap();
    // By way of a folder that nobody names: what counts is the end.
    symlink("../store/a.yaml", dir.join("hop/a.yaml")).unwrap();
    symlink("../hop/a.yaml", dir.join("farm/again.yaml")).unwrap();
    // Neither a room file nor a folder: nothing of ours.
    symlink("../elsewhere/notes.txt", dir.join("farm/README")).unwrap();
    symlink("/proc/self/environ", dir.join("farm/environ")).unwrap();
    assert_eq!(files(dir, &["farm", "store"]), 2);
    assert_eq!(files(dir, &["store", "farm"]), 2);
    assert_eq!(files(dir, &["farm", "store/team", "store/a.yaml"]), 2);
    assert_eq!(
        codes(dir, &["farm", "store/team"]),
        ["link-outside", "link-outside"]
    );
    symlink("..", dir.join("store/up")).unwrap();
    assert!(codes(dir, &["farm", "store"]).contains(&"link-outside"));
}

/// Each is an error that names the link, where it leads and the line that would mend it, which then does.
#[test]
fn links_that_lead_outside_are_errors_with_the_line_to_write() {
    for (link, target, end, line) in [
        (
            "rooms/groups.yaml",
            "../shared/groups.yaml",
            "shared/groups.yaml",
            "rooms: [rooms, shared]",
        ),
        (
            "rooms/groups.yaml",
            "SITE/shared/groups.yaml",
            "shared/groups.yaml",
            "rooms: [rooms, shared]",
        ),
        ("rooms/all", "../shared", "shared", "rooms: [rooms, shared]"),
        ("rooms/all", "/ABOVE", "..", "rooms: [rooms, ..]"),
        (
            "rooms/deep/g.yaml",
            "../../shared/my groups/g.yaml",
            "shared/my groups/g.yaml",
            "rooms: [rooms, \"shared/my groups\"]",
        ),
        // Its folder holds the settings as well.
        (
            "rooms/groups.yaml",
            "../single.yaml",
            "single.yaml",
            "rooms: [rooms, single.yaml]",
        ),
    ] {
        let dir = site(&[
            ("site/rooms/team.yaml", ROOM),
            ("site/rooms/deep/note.txt", ""),
            ("site/shared/groups.yaml", "groups: {a: [ann]}\n"),
            ("site/shared/my groups/g.yaml", "groups: {b: [ann]}\n"),
            ("site/single.yaml", "groups: {c: [ann]}\n"),
        ]);
        let above = dir.path().canonicalize().unwrap();
        let dir = above.join("site");
        let target = match target {
            "/ABOVE" => above.clone(),
            _ => PathBuf::from(target.replace("SITE", dir.to_str().unwrap())),
        };
        symlink(&target, dir.join(link)).unwrap();
        let diagnostics = load(&dir, &["rooms"]).unwrap_err();
        let [one] = diagnostics.as_slice() else {
            panic!("{diagnostics:?}")
        };
        assert_eq!(one.code, "link-outside");
        assert_eq!(
            one.location.as_ref().unwrap().file,
            dir.join(link).to_str().unwrap()
        );
        let message = format!("this link leads to {end}, which is outside of what `rooms` names");
        assert_eq!(one.message, message);
        let help = one.help.as_ref().unwrap();
        assert!(help.contains(&format!("`{line}`")), "{help}");
        // As written in the settings; above them lie other things than room files.
        if target != above {
            let listed = line.split_once('[').unwrap().1.trim_end_matches(']');
            let roots: Vec<&str> = listed.split(", ").map(|root| root.trim_matches('"')).collect();
            assert!(files(&dir, &roots) >= 2);
        }
    }
}

#[test]
fn links_that_lead_nowhere_or_in_a_circle_are_errors() {
    let dir = site(&[("rooms/team.yaml", ROOM)]);
    symlink("../nowhere", dir.path().join("rooms/folder")).unwrap();
    symlink("x.yaml", dir.path().join("rooms/x.yaml")).unwrap();
    assert_eq!(codes(dir.path(), &["rooms"]), ["unreadable", "unreadable"]);
}

#[test]
fn nothing_of_the_kernel_is_read_and_nothing_waits_for_a_pipe() {
    let pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for target in [
        "/proc/self/environ",
        "/proc/self",
        "/proc/kmsg",
        "/proc",
        "/sys/kernel",
        "/sys/kernel/vmcoreinfo",
        "/dev/zero",
        "/dev/fd",
        "/dev/stdin",
    ] {
        let dir = site(&[("rooms/team.yaml", ROOM)]);
        let dir = dir.path();
        if !Path::new(target).exists() && !Path::new(target).is_symlink() {
            continue;
        }
        symlink(target, dir.join("x.yaml")).unwrap();
        assert_eq!(codes(dir, &["x.yaml"]), ["kernel-files"], "{target}");
        assert_eq!(codes(dir, &[target]), ["kernel-files"], "{target}");
        assert_eq!(
            codes(dir, &["rooms", &format!("{target}/.")]),
            ["kernel-files"],
            "{target}"
        );
        // Through a link of its own folder, too.
        symlink(dir.join("x.yaml"), dir.join("rooms/x.yaml")).unwrap();
        assert_eq!(codes(dir, &["rooms"]), ["kernel-files"], "{target}");
        assert_eq!(
            codes(dir, &["rooms", "x.yaml"]),
            ["kernel-files", "kernel-files"],
            "{target}"
        );
    }
    let dir = site(&[("rooms/team.yaml", ROOM)]);
    let dir = dir.path();
    pipe(&dir.join("rooms/pipe.yaml"));
    assert_eq!(codes(dir, &["rooms"]), ["unreadable"]);
    assert_eq!(codes(dir, &["rooms/pipe.yaml"]), ["unreadable"]);
    // A pipe that nobody asks for is nobody's business.
    fs::rename(dir.join("rooms/pipe.yaml"), dir.join("rooms/pipe")).unwrap();
    assert_eq!(files(dir, &["rooms"]), 1);
}

/// Ends the thread beside a test, however that ends.
struct Beside<'s>(&'s AtomicBool);

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps things in `swap` while `look` goes on for so long.
fn meanwhile(time: Duration, swap: impl Fn(u64) + Sync, mut look: impl FnMut()) {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let ending = Beside(&ended);
        scope.spawn(|| {
            for number in 1.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                swap(number);
            }
        });
        let begun = Instant::now();
        while begun.elapsed() < time {
            look();
        }
        drop(ending);
    });
}

fn replace_link(target: impl AsRef<Path>, link: &Path) {
    let new = link.with_file_name(".new-link");
    symlink(target, &new).unwrap_or_else(|error| panic!("{}: {error}", new.display()));
    fs::rename(new, link).unwrap();
}

/// The versions that the rooms of a set are of.
fn versions(rooms: &[desired::DesiredRoom]) -> BTreeSet<String> {
    let members = rooms.iter().flat_map(|room| room.members.iter().flatten());
    members.map(ToString::to_string).collect()
}

/// As git-sync and a kubelet do, and as nobody does as often.
#[test]
fn a_swap_in_the_middle_of_a_look_is_neither_an_error_nor_a_mix() {
    const FILES: usize = 12;
    let fill = |folder: &Path, version: u64| {
        fs::create_dir_all(folder).unwrap();
        for file in 1..=FILES {
            let text = format!("rooms:\n  - id: {file}\n    members: [v{version}]\n");
            fs::write(folder.join(format!("{file}.yaml")), text).unwrap();
        }
    };
    let dir = site(&[("map/note.txt", "")]);
    let dir = dir.path();
    let tree = |version| dir.join(format!("trees/{version}/rooms"));
    let data = |version| dir.join(format!("map/..{version}"));
    fill(&tree(0), 0);
    fill(&data(0), 0);
    symlink("trees/0", dir.join("current")).unwrap();
    symlink("..0", dir.join("map/..data")).unwrap();
    for file in 1..=FILES {
        symlink(
            format!("..data/{file}.yaml"),
            dir.join(format!("map/{file}.yaml")),
        )
        .unwrap();
    }
    let (mut looks, mut seen) = (0, BTreeSet::new());
    let swap = |version: u64| {
        fill(&tree(version), version);
        fill(&data(version), version);
        replace_link(format!("trees/{version}"), &dir.join("current"));
        replace_link(format!("..{version}"), &dir.join("map/..data"));
        fs::remove_dir_all(dir.join(format!("trees/{}", version - 1))).unwrap();
        fs::remove_dir_all(data(version - 1)).unwrap();
        thread::sleep(Duration::from_millis(fastrand::u64(20..60)));
    };
    meanwhile(Duration::from_secs(6), swap, || {
        let root = dir.join(if looks % 2 == 0 { "current/rooms" } else { "map" });
        let retain = [Retain::Provenance, Retain::Rooms, Retain::Totals][looks % 3];
        let versions =
            desired::load(&[root], None, &RoomDefaults::default(), retain).map(|loaded| match retain {
                Retain::Totals => {
                    assert_eq!((loaded.rooms, loaded.people), (FILES, Some(1)), "{loaded:?}");
                    BTreeSet::from([String::new()])
                }
                _ => versions(&loaded.desired.rooms),
            });
        let versions = versions.unwrap_or_else(|invalid| panic!("{}", render(&invalid.diagnostics, false)));
        assert_eq!(versions.len(), 1, "a mix: {versions:?}");
        seen.extend(versions);
        looks += 1;
    });
    println!("{looks} looks, {} versions", seen.len());
    assert!(
        looks > 20 && seen.len() > 5,
        "{looks} looks, {} versions",
        seen.len()
    );
}
