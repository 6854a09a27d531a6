//! The commit of the room files in work trees that people and git have changed in every way, held against git itself.

use super::revision::{Tree, has_git, revision_of};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// Tracked files that are no room files.
const FILES: [&str; 4] = ["README.md", "deep/er/file", "deep/other", "run.sh"];
/// Few, so that a file is often again as it was; one is of the same length as another.
const TEXTS: [&str; 4] = ["a\n", "b\n", "longer\n", ""];

/// Takes away what is in this place, whatever it is.
fn clear(path: &Path) {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// One change to a work tree; it says which.
fn change(tree: &Tree, random: &mut fastrand::Rng) -> String {
    let name = FILES[random.usize(..FILES.len())];
    let path = tree.0.join(name);
    let git = |args: &[&str]| {
        tree.git(args);
        format!("git {}", args.join(" "))
    };
    // A link in the place of the folder would lead the next writes elsewhere.
    let folder = tree.0.join("deep");
    let linked = folder.is_symlink();
    match random.u8(..20) {
        0..=3 if !linked => {
            let text = TEXTS[random.usize(..TEXTS.len())];
            clear(&path);
            tree.write(name, text);
            format!("{name}: {text:?}")
        }
        4 if !linked => {
            clear(&path);
            format!("{name} is gone")
        }
        5 if path.is_file() && !path.is_symlink() => {
            let mode = [0o644, 0o755][random.usize(..2)];
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            format!("{name}: {mode:o}")
        }
        6 if path.exists() && !linked => {
            clear(&path);
            symlink("README.md", &path).unwrap();
            format!("{name} is a link")
        }
        7 if path.is_file() => {
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            format!("{name} has another time")
        }
        8 if folder.is_dir() && !linked => {
            clear(&tree.0.join(".git/elsewhere"));
            fs::rename(&folder, tree.0.join(".git/elsewhere")).unwrap();
            symlink(".git/elsewhere", &folder).unwrap();
            "a link stands for a folder".to_owned()
        }
        9 if !linked => {
            clear(&path);
            fs::create_dir_all(&path).unwrap();
            format!("{name} is a folder")
        }
        10 => git(&["add", "-A"]),
        11 | 12 => {
            git(&["add", "-A"]);
            git(&["commit", "-q", "--allow-empty", "-m", "more"])
        }
        13 | 14 => {
            clear(&folder);
            git(&["reset", "-q", "--hard", "HEAD"])
        }
        15 => git(&["reset", "-q"]),
        16 => git(&["read-tree", "HEAD"]),
        17 => git([
            &["gc", "-q"][..],
            &["repack", "-q", "-a", "-d", "-f"],
            &["repack", "-q", "-a", "-d", "--write-midx"],
            &["pack-refs", "--all"],
        ][random.usize(..4)]),
        18 => git([
            &["update-index", "--split-index"][..],
            &["update-index", "--no-split-index"],
            &["update-index", "--index-version", "4"],
            &["update-index", "--index-version", "2"],
        ][random.usize(..4)]),
        19 => git([
            &["checkout", "-q", "--detach"][..],
            &["checkout", "-q", "-B", "topic/one"],
            &["symbolic-ref", "refs/heads/other", "refs/heads/main"],
        ][random.usize(..3)]),
        _ => "nothing".to_owned(),
    }
}

#[test]
fn whatever_becomes_of_a_work_tree_it_is_shown_as_git_says() {
    if !has_git() {
        return;
    }
    let mut dirty = 0;
    for seed in [fastrand::u64(..), 1, 2, 3] {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let format = ["sha1", "sha256"][random.usize(..2)];
        let tree = Tree::in_folder(folder.path(), &["--object-format", format]);
        tree.write("deep/other", "c\n");
        tree.write("run.sh", "d\n");
        tree.commit();
        for step in 0..60 {
            let what = change(&tree, &mut random);
            let shown = tree.revision().unwrap();
            let changes = tree.git(&["status", "--porcelain", "--untracked-files=no", "--no-renames"]);
            let said = tree.head() + if changes.is_empty() { "" } else { "-dirty" };
            assert_eq!(shown, said, "seed {seed}, step {step}: {what}");
            dirty += usize::from(shown.ends_with("-dirty"));
        }
    }
    assert!((40..200).contains(&dirty), "{dirty} of 240 were dirty");
}

#[test]
fn a_merge_that_is_not_done_is_dirty() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::in_folder(folder.path(), &[]);
    tree.git(&["checkout", "-q", "-b", "other"]);
    tree.write("README.md", "theirs\n");
    tree.commit();
    tree.git(&["checkout", "-q", "main"]);
    tree.write("README.md", "ours\n");
    tree.commit();
    tree.git(&["merge", "-q", "-s", "ours", "other"]);
    tree.agrees(false);
    tree.git(&["reset", "-q", "--hard", "HEAD^"]);
    let merged = Command::new("git")
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "merge",
            "-q",
            "other",
        ])
        .current_dir(&tree.0)
        .output();
    assert!(!merged.unwrap().status.success());
    tree.agrees(true);
}

#[test]
fn line_ends_that_git_wrote_itself_are_no_difference() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Tree::in_folder(&folder.path().join("origin"), &[]);
    origin.write(".gitattributes", "*.bat text eol=crlf\n");
    origin.write("run.bat", "one\r\ntwo\r\n");
    origin.write("lines", "one\ntwo\n");
    origin.commit();
    origin.git(&["clone", "-q", ".", "../clone"]);
    let clone = Tree(folder.path().join("clone"));
    assert_eq!(fs::read(clone.0.join("run.bat")).unwrap(), b"one\r\ntwo\r\n");
    // As in a copy, whose times are not those that git noted.
    let file = fs::File::options()
        .write(true)
        .open(clone.0.join("run.bat"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(clone.revision(), Some(clone.head()));
    clone.agrees(false);
    clone.write("run.bat", "one\r\ntwo more\r\n");
    clone.agrees(true);
    clone.git(&["checkout", "-q", "run.bat"]);
    // Others are somebody's change.
    for text in ["one\r\ntwo\n", "one\r\ntwo\r\n"] {
        clone.write("lines", text);
        clone.agrees(true);
    }
}

#[test]
fn work_trees_of_a_bare_repository_and_of_borrowed_objects_have_a_commit() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Tree::in_folder(&folder.path().join("origin"), &[]);
    let at = |name: &str| Tree(folder.path().join(name));
    origin.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    at("bare.git").git(&["worktree", "add", "-q", "../of-bare", "main"]);
    at("of-bare").agrees(false);
    at("of-bare").write("README.md", "other\n");
    at("of-bare").agrees(true);

    origin.git(&["clone", "-q", "--shared", ".", "../borrows"]);
    at("borrows").git(&["read-tree", "--reset", "HEAD"]);
    at("borrows").agrees(false);
    // Settings of one work tree count for it alone.
    at("borrows").git(&["config", "extensions.worktreeConfig", "true"]);
    at("borrows").git(&["config", "--worktree", "core.fileMode", "false"]);
    fs::set_permissions(
        at("borrows").0.join("README.md"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    at("borrows").agrees(false);

    // Only some of the files are checked out.
    origin.git(&["clone", "-q", ".", "../sparse"]);
    at("sparse").git(&["sparse-checkout", "set", "--cone", "rooms"]);
    at("sparse").agrees(false);
    at("sparse").git(&["sparse-checkout", "set", "--cone", "--sparse-index", "rooms"]);
    at("sparse").agrees(false);
    at("sparse").write("README.md", "other\n");
    at("sparse").agrees(true);
}

#[test]
fn a_reference_without_end_ends_the_look_at_once() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::in_folder(folder.path(), &[]);
    let begun = std::time::Instant::now();
    for name in [
        "refs/heads/main",
        "commondir",
        "objects/info/alternates",
        "config",
    ] {
        let path = tree.0.join(".git").join(name);
        let before = fs::read(&path).ok();
        clear(&path);
        symlink("/dev/zero", &path).unwrap();
        assert_eq!(revision_of(&[&tree.0.join("rooms")]), None, "{name}");
        clear(&path);
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
        assert_eq!(tree.revision(), Some(tree.head()), "{name}");
    }
    assert!(begun.elapsed().as_secs() < 8);
}

#[test]
fn settings_are_read_as_git_reads_them() {
    if !has_git() {
        return;
    }
    let texts = [
        "",
        "[core]\n\tfilemode = false\n",
        "[core]\nfilemode\n",
        "[core] filemode = no # not here\n",
        "[CORE]\nFileMode = OFF ; nor here\n",
        "[core]\nfilemode =\n",
        "[core]\nfilemode = \"fal\"se\n",
        "[core]\nfilemode = \"false \"\n",
        "[core]\nfilemode = fal\\\nse\n",
        "[core]\nfilemode = 0\n",
        "[core]\nfilemode = 7\n",
        "[core]\nfilemode = maybe\n",
        "[core]\nfilemode = \"false\n",
        "[core]\nfilemode = fal\\se\n",
        "[core]\nfilemode = false\n[core]\nfilemode = true\n",
        "[core]\nfilemode = false\n[core \"sub]\\\" section\"]\nfilemode = true\n",
        "[core \"a\"] filemode = false\n",
        "[other]\nfilemode = false\n",
        "[core]\nfilemode false\n",
        "[core\n",
        "filemode = false\n",
        "[core]\n7 = false\n",
        "[core]\n# filemode = false\n; filemode = false\n",
        "[core]\r\nfilemode = false\r\n",
        "\u{feff}[core]\nfilemode = false\n",
        "[core]\na = \"#\\n\\t\\\"\\\\\"\nfilemode = false",
        "[alias]\n\tst = \"!f() { echo; }; f\"\n[core]\n\tfilemode = false\n",
    ];
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::in_folder(folder.path(), &[]);
    let commit = tree.head();
    fs::set_permissions(tree.0.join("README.md"), fs::Permissions::from_mode(0o755)).unwrap();
    for text in texts {
        fs::write(tree.0.join(".git/config"), text).unwrap();
        let shown = tree.revision();
        let status = Command::new("git")
            .args(["-c", "safe.directory=*", "status", "--porcelain"])
            .current_dir(&tree.0)
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .output()
            .unwrap();
        let said = match (status.status.success(), status.stdout.is_empty()) {
            (false, _) => None,
            (true, true) => Some(commit.clone()),
            (true, false) => Some(format!("{commit}-dirty")),
        };
        assert_eq!(shown, said, "{text:?}");
    }
}
