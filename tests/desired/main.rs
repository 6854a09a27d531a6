//! Room files: what is read, and what is said of what cannot be.

mod damage;
mod exclude;
mod groups;
mod links;
mod provenance;
mod revision;
mod until;
mod work_trees;

use roomsync::desired::{self, Desired, Loaded, OwnGuards, Retain};
use roomsync::diagnostics::{Diagnostic, render};
use roomsync::model::{Absent, Glob, Guards, Limit, MAX_ADMINS, MemberSet, Mode, RoomDefaults, UserId};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A directory with these files.
fn site(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn load(paths: &[&Path]) -> Result<Loaded, Vec<Diagnostic>> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    desired::load(&paths, None, &RoomDefaults::default(), Retain::Provenance)
        .map_err(|invalid| invalid.diagnostics)
}

/// Text on the directory, with the directory's own name left out.
fn said(dir: &tempfile::TempDir) -> String {
    let text = match load(&[dir.path()]) {
        Ok(loaded) => render(&loaded.warnings, false),
        Err(diagnostics) => render(&diagnostics, false),
    };
    text.replace(&dir.path().to_string_lossy().into_owned(), "SITE")
}

fn valid(text: &str) -> Desired {
    let dir = site(&[("a.yaml", text)]);
    match load(&[dir.path()]) {
        Ok(loaded) => loaded.desired,
        Err(diagnostics) => panic!("{}", render(&diagnostics, false)),
    }
}

fn names(set: Option<&MemberSet>) -> Vec<&str> {
    set.unwrap().iter().map(UserId::as_str).collect()
}

/// One snapshot a file or directory of `tests/invalid/rooms`.
#[test]
fn invalid_sites() {
    for entry in fs::read_dir("tests/invalid/rooms").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let said = match load(&[&path]) {
            Ok(loaded) => format!("{}valid\n", render(&loaded.warnings, false)),
            Err(diagnostics) => render(&diagnostics, false),
        };
        let said = said.replace(env!("CARGO_PKG_VERSION"), "OURS");
        insta::assert_snapshot!(name, said);
    }
}

#[test]
fn reads_what_the_contract_shows() {
    let desired = valid(
        r#"
groups:
  moderators: [mia, Omar]
  support: [group:moderators, dan]
defaults: {mode: additive, ignore: ["guest-*"], guards: {max_removals: 5, protect: [bot]}}
rooms:
  - id: "66213271109634"
    members: []
    allow_empty: members
    mode: observe
    ignore: []
  - id: 66213271109633
    name: lobby
    owner: Alice
    admins: [group:moderators]
    members: [bob, carol, group:support]
    guards: {max_demotions: 1, max_additions: 10%, protect: ["svc-*"]}
"#,
    );
    let [lobby, other] = desired.rooms.as_slice() else {
        panic!()
    };
    assert_eq!(lobby.id.as_str(), "66213271109633");
    assert_eq!(lobby.owner.as_ref().unwrap().as_str(), "alice");
    assert_eq!(names(lobby.admins.as_ref()), ["mia", "omar"]);
    assert_eq!(
        names(lobby.members.as_ref()),
        ["bob", "carol", "dan", "mia", "omar"]
    );
    assert_eq!(lobby.mode, Mode::Additive);
    assert_eq!(lobby.ignore.len(), 1);
    // The room's own `guards` replace those of `defaults`; who is protected adds up.
    assert_eq!(lobby.guards.max_removals, Guards::default().max_removals);
    assert_eq!(other.guards.max_removals, Limit::Count(5));
    assert_eq!(lobby.guards.max_demotions, Limit::Count(1));
    assert_eq!(lobby.guards.max_additions, Some(Limit::Share(1_000)));
    // What the settings say is not the room's own, nor is what its own `guards` replace.
    let own = |max_removals, max_demotions| OwnGuards {
        max_removals,
        max_demotions,
    };
    assert_eq!(lobby.own_guards, own(None, Some(Limit::Count(1))));
    assert_eq!(
        other.own_guards,
        own(None, None),
        "`defaults` are not the room's own"
    );
    let protect: Vec<&str> = lobby.guards.protect.iter().map(Glob::as_str).collect();
    assert_eq!(protect, ["bot", "svc-*"]);
    assert_eq!(
        (other.admins.as_ref(), names(other.members.as_ref())),
        (None, vec![])
    );
    assert_eq!((other.mode, other.ignore.len()), (Mode::Observe, 0));
    assert_eq!(other.guards.max_demotions, Guards::default().max_demotions);
}

#[test]
fn a_room_says_what_becomes_of_absent_members_before_its_file_and_the_settings() {
    let dir = site(&[
        (
            "a.yaml",
            "defaults: {absent: readd}\nrooms: [{id: 1, members: [b]}, {id: 2, members: [b], absent: ignore}]\n",
        ),
        (
            "b.yaml",
            "rooms: [{id: 3, members: [b]}, {id: 4, members: [b], absent: readd}]\n",
        ),
    ]);
    let absent = |absent| {
        let defaults = RoomDefaults {
            absent,
            ..RoomDefaults::default()
        };
        let paths = [dir.path().to_owned()];
        let loaded = desired::load(&paths, None, &defaults, Retain::Rooms).unwrap();
        let texts = desired::read(&paths, None).resolve(&defaults).unwrap();
        assert_eq!(texts.desired, loaded.desired);
        let rooms = loaded.desired.rooms.iter();
        rooms.map(|room| room.absent).collect::<Vec<_>>()
    };
    let (readd, ignore) = (Absent::Readd, Absent::Ignore);
    assert_eq!(absent(ignore), [readd, ignore, ignore, readd]);
    assert_eq!(absent(readd), [readd, ignore, readd, readd]);
}

#[test]
fn a_key_that_is_left_out_is_not_managed() {
    let rooms = valid("rooms: [{id: 1, members: [b]}, {id: 2, admins: [a]}]").rooms;
    assert_eq!(
        (rooms[0].admins.clone(), names(rooms[0].members.as_ref())),
        (None, vec!["b"])
    );
    assert_eq!(
        (names(rooms[1].admins.as_ref()), rooms[1].members.clone()),
        (vec!["a"], None)
    );
}

#[test]
fn names_stay_the_text_that_they_are() {
    let texts = [
        "1.10", "007", "0x1F", "1e3", "true", "no", "1_000", ".5", "-1", "\"null\"", "'~x'",
    ];
    let good: Vec<&str> = texts.iter().copied().filter(|text| !text.contains('~')).collect();
    let rooms = valid(&format!("rooms: [{{id: 1, members: [{}]}}]", good.join(", "))).rooms;
    let mut wanted = [
        "1.10", "007", "0x1f", "1e3", "true", "no", "1_000", ".5", "-1", "null",
    ];
    wanted.sort_unstable();
    assert_eq!(names(rooms[0].members.as_ref()), wanted);
    let rooms =
        valid("groups: {007: [ann], 1.10: [bob]}\nrooms: [{id: 1, members: [group:007, group:1.10]}]").rooms;
    assert_eq!(names(rooms[0].members.as_ref()), ["ann", "bob"]);
}

#[test]
fn an_alias_is_what_it_stands_for() {
    let rooms = valid(
        "rooms:\n  - id: 1\n    members: &m [ann, &b bob]\n  - id: 2\n    members: *m\n    admins: [*b]\n",
    )
    .rooms;
    assert_eq!(names(rooms[1].members.as_ref()), ["ann", "bob"]);
    assert_eq!(names(rooms[1].admins.as_ref()), ["bob"]);
}

#[test]
fn ninety_nine_admins_and_the_owner_are_allowed() {
    let admins: Vec<String> = (0..MAX_ADMINS).map(|n| format!("a{n}")).collect();
    let admins = admins.join(", ");
    valid(&format!(
        "rooms: [{{id: 1, owner: boss, admins: [boss, {admins}]}}]"
    ));
}

#[test]
fn a_byte_order_mark_is_not_seen() {
    let room = "rooms: [{id: 1, members: [ann]}]\n";
    valid(&format!("\u{feff}{room}"));
    let dir = site(&[("a.yaml", "\u{feff}room: []\n")]);
    insta::assert_snapshot!("byte-order-mark", said(&dir));
}

#[test]
fn what_is_not_text_is_shown_where_it_is() {
    let dir = site(&[("b.yaml", "rooms:\n  - id: 1\n    name: \u{1b}[31m\n")]);
    fs::write(dir.path().join("a.yaml"), b"rooms:\n  - name: caf\xe9\n").unwrap();
    insta::assert_snapshot!("not-text", said(&dir));
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "groups:\n  a0: &a0 [x]\n".to_owned();
    for n in 1..4 {
        let last = n - 1;
        laughs += &format!("  a{n}: &a{n} [{}]\n", vec![format!("*a{last}"); 10].join(", "));
    }
    let names = vec!["x"; 2_000].join(", ");
    let many: String = (0..2_000).map(|n| format!("  g{n}: *g\n")).collect();
    let scalars = vec!["*n"; 2_000].join(", ");
    let lists: String = (0..2_000).map(|n| format!("  h{n}: *h\n")).collect();
    let dir = site(&[
        ("laughs.yaml", &laughs),
        ("deep-flow.yaml", &"[".repeat(20_000)),
        ("deep-blocks.yaml", &"- ".repeat(3_000)),
        ("deep-map.yaml", &"{a: ".repeat(20_000)),
        ("lists.yaml", &format!("groups:\n  g: &g [{names}]\n{many}")),
        ("loop.yaml", "groups:\n  g: &g [*g]\nrooms: &r\n  - *r\n"),
        (
            "scalars.yaml",
            &format!("groups:\n  n: [&n x]\n  h: &h [{scalars}]\n{lists}"),
        ),
    ]);
    insta::assert_snapshot!("bombs", said(&dir));
}

#[test]
fn many_files_and_many_problems_take_no_time_to_speak_of() {
    let dir = tempfile::tempdir().unwrap();
    for file in 0..1_000 {
        let names: Vec<String> = (0..100).map(|n| format!("user-{file}-{n}")).collect();
        let text = format!(
            "rooms:\n  - id: {}\n    members: [{}]\n",
            file + 1,
            names.join(", ")
        );
        fs::write(dir.path().join(format!("{file}.yaml")), text).unwrap();
    }
    let desired = load(&[dir.path()]).unwrap().desired;
    assert_eq!(
        desired
            .rooms
            .iter()
            .flat_map(|room| &room.members)
            .map(MemberSet::len)
            .sum::<usize>(),
        100_000
    );
    let bad = "      - b@d\n".repeat(20_000);
    let bad = site(&[("a.yaml", &format!("rooms:\n  - id: 1\n    members:\n{bad}"))]);
    assert_eq!(load(&[bad.path()]).unwrap_err().len(), 20_000);
}

#[test]
fn a_long_chain_of_groups_is_followed() {
    let groups: String = (1..5_000)
        .map(|n| format!("  g{n}: [group:g{}]\n", n - 1))
        .collect();
    let rooms = valid(&format!(
        "groups:\n  g0: [ann]\n{groups}rooms: [{{id: 1, members: [group:g4999]}}]\n"
    ))
    .rooms;
    assert_eq!(names(rooms[0].members.as_ref()), ["ann"]);
}

#[test]
fn paths_that_cannot_be_read() {
    let dir = site(&[
        ("a.yaml", "rooms: [{id: 1, members: [ann]}]\n"),
        ("empty/note.txt", ""),
    ]);
    let huge = dir.path().join("huge.yaml");
    File::create(&huge).unwrap().set_len(200 << 20).unwrap();
    symlink("nowhere", dir.path().join("dangling.yaml")).unwrap();
    let pipe = dir.path().join("pipe.yaml");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let paths = [
        "missing",
        "empty",
        "a.yaml/below",
        "huge.yaml",
        "dangling.yaml",
        "pipe.yaml",
        "/dev/null",
    ];
    let paths: Vec<PathBuf> = paths.iter().map(|path| dir.path().join(path)).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let said = render(&load(&paths).unwrap_err(), false);
    insta::assert_snapshot!(
        "paths",
        said.replace(&dir.path().to_string_lossy().into_owned(), "SITE")
    );
    insta::assert_snapshot!("paths-in-a-directory", self::said(&dir));
}

#[test]
fn links_are_followed_and_files_read_once() {
    let room = "rooms: [{id: 1, members: [ann]}]\n";
    let dir = site(&[
        ("real/a.yaml", room),
        ("rooms/..data/b.yaml", "not: valid"),
        ("rooms/.hidden.yaml", "not: valid"),
        ("rooms/notes.txt", "not: valid"),
    ]);
    let rooms = dir.path().join("rooms");
    symlink("../real", rooms.join("linked")).unwrap();
    symlink("../real/a.yaml", rooms.join("again.yaml")).unwrap();
    let desired = load(&[
        &rooms,
        &rooms,
        &dir.path().join("real"),
        &dir.path().join("real/a.yaml"),
    ])
    .unwrap()
    .desired;
    assert_eq!(desired.source.files, 1);
    symlink("..", dir.path().join("real/up")).unwrap();
    insta::assert_snapshot!("link-loop", said(&dir));
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let dir = site(&[("..2026_01/rooms.yaml", "rooms: [{id: 1, members: [ann]}]\n")]);
    symlink("..2026_01", dir.path().join("..data")).unwrap();
    symlink("..data/rooms.yaml", dir.path().join("rooms.yaml")).unwrap();
    assert_eq!(load(&[dir.path()]).unwrap().desired.source.files, 1);
}

#[test]
fn names_of_files_do_nothing_to_a_terminal() {
    let dir = site(&[("\u{1b}[31m\n.yaml", "rooms: {}\n")]);
    insta::assert_snapshot!("control-characters-in-a-path", said(&dir));
}

#[test]
fn the_settings_file_is_no_room_file() {
    let dir = site(&[
        ("roomsync.yaml", "service: {}\n"),
        ("a.yaml", "rooms: [{id: 1, members: [ann]}]\n"),
    ]);
    let settings = dir.path().join("roomsync.yaml");
    let load = |path: &Path| {
        desired::load(
            &[path.to_owned()],
            Some(&settings),
            &RoomDefaults::default(),
            Retain::Provenance,
        )
    };
    assert_eq!(load(dir.path()).unwrap().desired.source.files, 1);
    let said = render(&load(&settings).unwrap_err().diagnostics, false);
    insta::assert_snapshot!(
        "settings-file",
        said.replace(&dir.path().to_string_lossy().into_owned(), "SITE")
    );
}

#[test]
fn the_digest_is_of_names_and_contents() {
    let digest = |files: &[(&str, &str)]| {
        let dir = site(files);
        load(&[dir.path()]).unwrap().desired.source.digest
    };
    let room = "rooms: [{id: 1, members: [ann]}]\n";
    let one = digest(&[("a.yaml", room)]);
    assert_eq!(one.len(), "sha256:".len() + 64);
    assert_eq!(one, digest(&[("a.yaml", room), ("notes.txt", "")]));
    assert_ne!(one, digest(&[("b.yaml", room)]));
    assert_ne!(one, digest(&[("a.yaml", &format!("{room}#"))]));
    assert_ne!(one, digest(&[("a.yaml", room), ("b.yaml", "")]));
    let dir = site(&[("a.yaml", room), ("b/c.yaml", "")]);
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b"));
    let of = |paths: &[&Path]| load(paths).unwrap().desired.source.digest;
    assert_eq!(of(&[&a, &b]), of(&[&b, &a]));
}

#[test]
fn texts_are_the_same_when_they_would_resolve_to_the_same() {
    let dir = site(&[("a.yaml", "rooms: [{id: 1, members: [ann]}]\n"), ("b.yaml", "")]);
    let read = || desired::read(&[dir.path().to_owned()], None);
    let before = read();
    assert!(before.is_whole() && before.same_as(&read()));
    assert_eq!(
        before.digest(),
        load(&[dir.path()]).unwrap().desired.source.digest
    );
    symlink("nowhere", dir.path().join("c.yaml")).unwrap();
    let broken = read();
    assert_eq!(broken.digest(), before.digest());
    assert!(!broken.is_whole() && !broken.same_as(&before) && broken.same_as(&read()));
    fs::rename(dir.path().join("c.yaml"), dir.path().join("d.yaml")).unwrap();
    assert!(!broken.same_as(&read()));
    // What was read does not change any more.
    fs::write(dir.path().join("a.yaml"), "rooms: []\n").unwrap();
    assert_eq!(
        before
            .resolve(&RoomDefaults::default())
            .unwrap()
            .desired
            .rooms
            .len(),
        1
    );
}

#[test]
fn nothing_given_names_no_room() {
    insta::assert_snapshot!("nothing-given", render(&load(&[]).unwrap_err(), false));
}

#[test]
fn a_line_like_a_marker_of_git_can_be_part_of_a_text() {
    let desired = valid("rooms:\n  - id: 1\n    name: 'one\n=======\n      two'\n    members: [ann]\n");
    assert_eq!(desired.rooms[0].name.as_deref(), Some("one ======= two"));
}

#[test]
fn many_problems_and_many_lookalikes_take_no_time_to_speak_of() {
    let rooms: String = (1..=10_000)
        .map(|id| format!("  - id: {id}\n    members: [b@d, “ann”, bob，eve]\n"))
        .collect();
    let begun = std::time::Instant::now();
    let dir = site(&[("a.yaml", &format!("rooms:\n{rooms}"))]);
    assert_eq!(load(&[dir.path()]).unwrap_err().len(), 40_000);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
