//! Nobody but its user comes into the folder.

use super::*;
use crate::seen::SEEN;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Modes of the folder's files that others could open.
fn open_to_others(dir: &Path) -> Vec<String> {
    let names = listing(dir).into_iter();
    names.filter(|name| mode(&dir.join(name)) & 0o077 != 0).collect()
}

#[test]
fn a_new_folder_and_its_files_are_for_one_user() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("a/state");
    let (mut store, _) = open(&dir).unwrap();
    save(&store, &kept());
    let room = RoomId::parse("7").unwrap();
    store
        .save_invited(&[InvitationChange::Only(room, Vec::new())])
        .unwrap();
    assert!(dir.join(INVITED).exists());
    assert_eq!((mode(&dir), mode(dir.parent().unwrap())), (0o700, 0o700));
    assert_eq!(open_to_others(&dir), [""; 0]);
    assert!(listing(&dir).len() >= 5, "{:?}", listing(&dir));
}

#[test]
fn what_an_earlier_release_left_open_is_closed_and_other_files_keep_their_modes() {
    let dir = full();
    let others = ["audit.jsonl", "pause"];
    for name in others {
        fs::write(dir.path().join(name), "").unwrap();
    }
    fs::write(dir.path().join(SEEN), "").unwrap();
    for name in listing(dir.path()) {
        set_mode(&dir.path().join(name), 0o644);
    }
    for before in [0o755, 0o777, 0o2775, 0o750] {
        set_mode(dir.path(), before);
        drop(open(dir.path()).unwrap());
        assert_eq!(mode(dir.path()), 0o700, "{before:o}");
    }
    assert_eq!(open_to_others(dir.path()), others);
    // A dry run changes nothing.
    set_mode(dir.path(), 0o755);
    StateDir::read_only(dir.path()).unwrap();
    assert_eq!(mode(dir.path()), 0o755);
}

#[test]
fn a_folder_of_another_user_is_refused_with_what_to_do() {
    const OTHER: u32 = 54_321;
    let dir = full();
    // Only root gives folders away.
    if std::os::unix::fs::chown(dir.path(), Some(OTHER), None).is_err() {
        return;
    }
    let error = open(dir.path()).unwrap_err();
    let StateDirError::NotOurs {
        owner: OTHER, own, ..
    } = error
    else {
        panic!("{error}");
    };
    let shown = dir.path().display();
    assert_eq!(
        error.to_string(),
        format!(
            "\"{shown}\" (`state_dir`) belongs to another user (uid {OTHER}), who could hold its lock and change what is kept there; \
             give it to the user that runs roomsync (`chown {own} {shown}`), or name a folder in it that is not there yet: roomsync \
             makes it"
        )
    );
}
