mod crash;
mod pause;
mod private;

use super::*;
use crate::exclusions::{Hold, Lists, Refusal, Roster};
use crate::model::{Limit, MemberSet, ReasonCode, RoomId, UserId};
use crate::plan::Withdrawn;
use jiff::Timestamp;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

fn people(text: &str) -> MemberSet {
    let names = text.split_whitespace();
    names.map(|name| UserId::parse(name).unwrap()).collect()
}

/// Something of everything that is kept.
fn kept() -> Restored {
    let since = Timestamp::UNIX_EPOCH;
    let room = RoomId::parse("7").unwrap();
    let hold = Hold {
        users: people("a b"),
        gone: people("b"),
        limit: Limit::parse("2.5%").unwrap(),
        dropped: 2,
        of: 3,
        since,
    };
    let mut withdrawn = Withdrawn::default();
    (withdrawn.people, withdrawn.admins) = (people("d"), people("e"));
    let lists = Lists {
        people: Some(people("c")),
        admins: None,
        removals: Some(hold),
        demotions: None,
        withdrawn,
    };
    let (now, settled) = (lists, Some(Box::default()));
    let mut aside = SetAside::default();
    let refusal = Refusal {
        room: &room,
        everywhere: false,
        code: ReasonCode::Refused,
        message: "no",
    };
    aside.put(&UserId::parse("zed").unwrap(), refusal, Some("d".into()), since);
    let taught = r#"{"url": "https://a.example/", "app": "acme#demo", "add": null, "remove": {"configured": 100, "taught": 60}}"#;
    let contested = r#"[{"room": "7", "user": "mia", "op": "promote", "since": "1970-01-01T00:00:01Z", "named_by": "d"}]"#;
    let anchor = r#"{"boot": "b", "since_boot": "PT5S", "steady": "1970-01-01T00:00:05Z", "began": "1970-01-01T00:00:00Z", "confirmed": true}"#;
    let budgets = r#"{"7": {"people": {"sizes": [["1970-01-01T00:00:00Z", 4]], "left": {"gone": {"at": "1970-01-01T00:00:00Z"}}}}}"#;
    let files = r#"[[{"device": 1, "inode": 2, "born": null}, "rooms:\n  - {id: 7, members: [c, é]}\n"]]"#;
    Restored {
        rosters: Rosters(BTreeMap::from([(room.clone(), Roster { now, settled })])),
        state: PersistedState {
            spending: Some(Spending {
                members: 10,
                removals: BTreeSet::from([(room, UserId::parse("gone").unwrap())]),
                looked: since,
            }),
            set_aside: aside,
            contested: serde_json::from_str(contested).unwrap(),
            learned_limits: serde_json::from_str(taught).unwrap(),
            clock: serde_json::from_str(anchor).unwrap(),
            budgets: serde_json::from_str(budgets).unwrap(),
            ended_until: Some(since),
        },
        files: serde_json::from_str(files).unwrap(),
        settled: Some("sha256:1".into()),
        found: RestoredFrom::ThisVersion,
        ..Restored::default()
    }
}

fn open(dir: &Path) -> Result<(StateDir, Restored), StateDirError> {
    StateDir::open(dir, Fsync::default())
}

fn save(store: &StateDir, kept: &Restored) {
    store.save_rosters(&kept.rosters).unwrap();
    store
        .save_files(kept.files.clone(), kept.settled.clone())
        .unwrap();
    store.save_state(&kept.state).unwrap();
}

/// A folder in which that is kept.
fn full() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).unwrap();
    save(&store, &kept());
    dir
}

fn listing(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A folder as the release before wrote it: with a hold, a budget, somebody set aside and a size that was taught.
fn of_version_1(dir: &Path) {
    let fixture = Path::new("tests/state/version_1");
    for name in [BUDGET, FILES, ROSTERS] {
        fs::copy(fixture.join(name), dir.join(name)).unwrap();
    }
}

#[test]
fn what_is_kept_is_found_again_and_nothing_else_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("state");
    let (store, found) = open(&dir).unwrap();
    assert_eq!(found, Restored::default());
    let taken = open(&dir);
    assert!(matches!(taken, Err(StateDirError::Taken(_))), "{taken:?}");
    save(&store, &kept());
    drop(store);
    let (store, found) = open(&dir).unwrap();
    assert_eq!(found, kept());
    drop(store);
    assert_eq!(StateDir::read_only(&dir).unwrap().1, kept());
    assert_eq!(
        listing(&dir),
        ["files.json", "lock", "rosters.json", "state.json"]
    );
}

#[test]
fn every_bit_and_every_byte_of_each_file_counts() {
    let dir = full();
    let (mut bits, mut cuts, mut longer) = (0, 0, 0);
    let refused = |name: &str, bytes: &[u8], what: &str| {
        fs::write(dir.path().join(name), bytes).unwrap();
        match StateDir::read_only(dir.path()) {
            Err(StateDirError::Damaged { path, .. }) => assert_eq!(path, dir.path().join(name)),
            other => panic!("{name}, {what}: {other:?}"),
        }
    };
    for name in SET {
        let whole = fs::read(dir.path().join(name)).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Whatever JSON it would be.
            let found = unseal::<serde_json::Value>(&bytes);
            assert!(
                matches!(found, Err(Bad::Damaged(_))),
                "{name}, bit {bit}: {found:?}"
            );
            // One of each byte on the disk.
            if bit % 8 == bit / 8 % 8 {
                refused(name, &bytes, &format!("bit {bit}"));
            }
            bits += 1;
        }
        for end in 0..whole.len() {
            refused(name, &whole[..end], &format!("cut at {end}"));
            cuts += 1;
        }
        for more in [&b" "[..], b"\n", b"}", b"\0", &whole] {
            refused(name, &[&whole, more].concat(), "longer");
            longer += 1;
        }
        fs::write(dir.path().join(name), whole).unwrap();
    }
    assert_eq!(StateDir::read_only(dir.path()).unwrap().1, kept());
    eprintln!(
        "{bits} single-bit flips, {cuts} truncations and {longer} additions to three files: every one found"
    );
}

#[test]
fn a_part_of_the_set_is_damage_and_the_files_are_named() {
    let dir = full();
    let whole = SET.map(|name| (name, fs::read(dir.path().join(name)).unwrap()));
    for present in 0..1 << SET.len() {
        let is_there = |index: usize| present & (1 << index) != 0;
        for (index, (name, bytes)) in whole.iter().enumerate() {
            let path = dir.path().join(name);
            if is_there(index) {
                fs::write(path, bytes).unwrap();
            } else {
                let _ = fs::remove_file(path);
            }
        }
        let named = |there: bool| {
            let names = SET
                .iter()
                .enumerate()
                .filter(|(index, _)| is_there(*index) == there);
            names.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
        };
        match (present, open(dir.path())) {
            (0, Ok((_, found))) => assert_eq!(found, Restored::default()),
            (0b111, Ok((_, found))) => assert_eq!(found, kept()),
            (_, Err(StateDirError::Incomplete { missing, there, .. })) => {
                assert_eq!((missing, there), (named(false), named(true)));
            }
            (_, other) => panic!("{present:b}: {other:?}"),
        }
    }
    fs::remove_file(dir.path().join(STATE)).unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    let told = error.replace(&dir.path().display().to_string(), "state");
    insta::assert_snapshot!(told, @r#""state" (`state_dir`) lacks state.json, and with it a part of the record of what must not be removed; put it back from a backup, or delete files.json, rosters.json there as well to let holds and budgets start anew"#);
}

#[test]
fn what_belongs_to_no_set_is_a_new_start() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "pause",
        "lock",
        "token",
        ".new-a1B2c3",
        ".new-mine",
        "files.json.bak",
    ] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let (store, found) = open(dir.path()).unwrap();
    assert_eq!(found.found, RestoredFrom::Nothing);
    assert!(store.pause().find().unwrap().is_some());
    // Only what a process of ours did not come to name is swept.
    let listing = listing(dir.path()).join(" ");
    assert_eq!(
        listing,
        ".new-mine files.json files.json.bak lock pause rosters.json state.json token"
    );
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    for name in [FILES, ROSTERS, STATE, "lock"] {
        for kind in ["a symbolic link", "a folder", "a pipe", "a device"] {
            let dir = full();
            let path = dir.path().join(name);
            fs::rename(&path, dir.path().join("elsewhere")).unwrap();
            match kind {
                "a symbolic link" => symlink("elsewhere", &path).unwrap(),
                "a folder" => fs::create_dir(&path).unwrap(),
                // Made without a process of its own, which could keep the lock of another test's folder for a moment.
                "a pipe" => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap(),
                _ => {
                    let null = makedev(1, 3);
                    // Only root makes devices, and not everywhere.
                    if mknodat(CWD, &path, FileType::CharacterDevice, Mode::RUSR, null).is_err() {
                        continue;
                    }
                }
            }
            match open(dir.path()) {
                Err(StateDirError::NotAFile {
                    path: named,
                    kind: is,
                }) => assert_eq!((named, is), (path, kind)),
                other => panic!("{name}, {kind}: {other:?}"),
            }
        }
    }
    // A folder that is left in the way of a temporary name is not ours.
    let dir = full();
    fs::create_dir(dir.path().join(".new-abcdef")).unwrap();
    symlink("lock", dir.path().join(".new-ghijkl")).unwrap();
    open(dir.path()).unwrap();
    let names = listing(dir.path());
    assert!(
        names.starts_with(&[".new-abcdef".to_owned(), ".new-ghijkl".to_owned()]),
        "{names:?}"
    );
}

#[test]
fn another_version_is_refused_and_a_file_without_its_checksum_is_damaged() {
    let dir = full();
    let path = dir.path().join(ROSTERS);
    let [_, rest] = seal(Some(&1)).unwrap();
    let newer = String::from_utf8(rest)
        .unwrap()
        .replace("\"version\":2", "\"version\":3");
    for text in [format!("{{{newer}"), "{\"version\":99}".to_owned()] {
        fs::write(&path, text).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(
            matches!(error, StateDirError::Version { version: 3 | 99, .. }),
            "{error}"
        );
    }
    let [_, rest] = seal(Some(&RostersJson::from(&Rosters::default()))).unwrap();
    fs::write(&path, [b"{", &rest[..]].concat()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, StateDirError::Damaged { .. }), "{error}");
}

#[test]
fn a_folder_of_version_1_is_taken_over_whole() {
    let dir = tempfile::tempdir().unwrap();
    of_version_1(dir.path());
    let before = StateDir::read_only(dir.path()).unwrap().1;
    let (store, taken) = open(dir.path()).unwrap();
    drop(store);
    assert_eq!(
        listing(dir.path()),
        ["files.json", "lock", "rosters.json", "state.json"]
    );
    assert_eq!(
        (before.found, taken.found),
        (RestoredFrom::EarlierVersion, RestoredFrom::EarlierVersion)
    );
    let (_, now) = open(dir.path()).unwrap();
    assert_eq!(now.found, RestoredFrom::ThisVersion);
    // Against the files of that version themselves, read as nothing but JSON.
    let old = |name: &str| -> serde_json::Value {
        let text = fs::read_to_string(Path::new("tests/state/version_1").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    for kept in [&before, &taken, &now] {
        let budget = old(BUDGET);
        let state = serde_json::to_value(StateJson::from(&kept.state)).unwrap();
        assert_eq!(state["budget"], budget["budget"]);
        assert_eq!(state["aside"], budget["aside"]);
        assert_eq!(state["batch"], budget["batch"]);
        let files = FilesJson {
            settled: None,
            files: kept.files.clone(),
        };
        assert_eq!(serde_json::to_value(files).unwrap()["files"], old(FILES)["files"]);
        let rosters = serde_json::to_value(RostersJson::from(&kept.rosters)).unwrap();
        assert_eq!(rosters["rooms"], old(ROSTERS)["rooms"]);
    }
    let roster = now.rosters.of(&RoomId::parse("66213271109632").unwrap()).unwrap();
    assert_eq!(roster.removals.as_ref().unwrap().users, people("h5 h6 h7 h8 h9"));
    let budget = now.state.spending.unwrap();
    assert_eq!((budget.members, budget.removals.len()), (92, 71));
    assert_eq!(now.state.set_aside.users().len(), 1);
    assert!(now.state.learned_limits.is_some() && now.files != Remembered::default());
}

#[test]
fn a_part_of_a_folder_of_version_1_is_damage_too() {
    for missing in [BUDGET, FILES, ROSTERS] {
        let dir = tempfile::tempdir().unwrap();
        of_version_1(dir.path());
        fs::remove_file(dir.path().join(missing)).unwrap();
        match open(dir.path()) {
            Err(StateDirError::Incomplete {
                missing: named,
                there,
                ..
            }) => {
                assert_eq!(named, if missing == BUDGET { STATE } else { missing });
                assert!(there.contains(BUDGET) != (missing == BUDGET), "{there}");
            }
            other => panic!("{missing}: {other:?}"),
        }
    }
}
