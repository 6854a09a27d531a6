//! Which commit the room files are of: held against git itself, and against repositories that mean harm.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use roomsync::desired;
use roomsync::model::Guards;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ROOMS: &str = "rooms: [{id: 7, members: [bob]}]\n";

/// Revision shown of the room files in these places.
pub(super) fn revision_of(paths: &[&Path]) -> Option<String> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let texts = desired::read(&paths, None).with_revision();
    texts.resolve(&Guards::default()).unwrap().desired.source.revision
}

/// True if git is here; CI must have it.
pub(super) fn has_git() -> bool {
    let here = Command::new("git").arg("--version").output().is_ok();
    assert!(here || std::env::var("CI").as_deref() != Ok("true"), "no git");
    if !here {
        println!("skipped: git is not here");
    }
    here
}

/// A work tree, by git itself.
pub(super) struct Tree(pub(super) PathBuf);

impl Tree {
    /// With one commit that has one room file and some others.
    pub(super) fn in_folder(folder: &Path, init: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let tree = Self(folder.to_owned());
        tree.git(&[&["init", "-q", "-b", "main"], init].concat());
        tree.write("rooms/team.yaml", ROOMS);
        tree.write("README.md", "a\n");
        tree.write("deep/er/file", "b\n");
        tree.commit();
        tree
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "more", "--allow-empty"]);
    }

    #[track_caller]
    pub(super) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "protocol.file.allow=always", "-c", "safe.directory=*"])
            .args(args)
            .current_dir(&self.0)
            .envs([
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@example.com"),
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@example.com"),
            ])
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "git {args:?}: {said}");
        said.trim().to_owned()
    }

    pub(super) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub(super) fn revision(&self) -> Option<String> {
        revision_of(&[&self.0.join("rooms")])
    }

    /// Asserts that what is shown is what git says, and whether it is dirty.
    #[track_caller]
    pub(super) fn agrees(&self, dirty: bool) {
        let shown = self.revision();
        let said = self.git(&["describe", "--always", "--dirty", "--abbrev=64", "--exclude=*"]);
        assert_eq!(shown, Some(said.clone()));
        assert_eq!(said.ends_with("-dirty"), dirty, "{said}");
    }
}

#[test]
fn it_is_the_commit_and_whether_tracked_files_differ_as_git_has_it() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::in_folder(folder.path(), &[]);
    tree.agrees(false);
    // A commit that leaves the room files as they are makes no other set of them.
    let read = || desired::read(&[folder.path().join("rooms")], None);
    let before = read().with_revision();
    tree.commit();
    assert!(before.same_as(&read().with_revision()) && before.same_as(&read()));
    tree.agrees(false);

    // Nobody has committed these, and no room is read from them.
    tree.write("notes.txt", "x");
    tree.write("build/out", "x");
    tree.agrees(false);

    tree.write("deep/er/file", "c\n");
    tree.agrees(true);
    tree.git(&["add", "deep"]);
    tree.agrees(true);
    // The index differs from the commit, and the work tree does not.
    tree.write("deep/er/file", "b\n");
    tree.agrees(true);
    tree.git(&["add", "deep"]);
    tree.agrees(false);

    fs::remove_file(folder.path().join("README.md")).unwrap();
    tree.agrees(true);
    tree.git(&["checkout", "-q", "README.md"]);
    tree.agrees(false);

    fs::set_permissions(folder.path().join("README.md"), fs::Permissions::from_mode(0o755)).unwrap();
    tree.agrees(true);
    tree.git(&["config", "core.fileMode", "false"]);
    tree.agrees(false);

    tree.write("new", "x");
    tree.git(&["add", "-N", "new"]);
    tree.agrees(true);
    tree.git(&["rm", "-q", "--cached", "new"]);
    tree.agrees(false);

    // Another time is no other content.
    let readme = fs::File::options()
        .write(true)
        .open(folder.path().join("README.md"))
        .unwrap();
    readme.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    tree.agrees(false);
}

#[test]
fn it_is_known_however_the_work_tree_came_about() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Tree::in_folder(&folder.path().join("origin"), &[]);
    origin.write("more", "x");
    origin.commit();
    let at = |name: &str| Tree(folder.path().join(name));
    let url = format!("file://{}", folder.path().join("origin").display());

    origin.git(&["pack-refs", "--all"]);
    origin.git(&["gc", "-q"]);
    origin.agrees(false);
    origin.git(&["checkout", "-q", "--detach", "HEAD~1"]);
    origin.agrees(false);
    origin.git(&["checkout", "-q", "main"]);

    origin.git(&["clone", "-q", &url, "../clone"]);
    at("clone").agrees(false);
    origin.git(&["clone", "-q", "--depth", "1", &url, "../shallow"]);
    at("shallow").agrees(false);
    at("shallow").write("README.md", "other\n");
    at("shallow").agrees(true);
    origin.git(&["worktree", "add", "-q", "--detach", "../linked", "HEAD~1"]);
    at("linked").agrees(false);
    at("linked").write("README.md", "other\n");
    at("linked").agrees(true);
    origin.agrees(false);

    // With the id of another hash; git's references in another format cannot be read yet, and harm nobody.
    let modern = Tree::in_folder(&folder.path().join("sha256"), &["--object-format=sha256"]);
    assert_eq!(modern.head().len(), 64);
    modern.agrees(false);
    let tables = Tree::in_folder(&folder.path().join("reftable"), &["--ref-format=reftable"]);
    assert_eq!(tables.revision(), None);

    // As in a container, to which the repository was copied as it is, or where it belongs to somebody else.
    origin.git(&["clone", "-q", &url, "../copied"]);
    let copied = at("copied");
    fs::copy(copied.0.join("README.md"), copied.0.join("README")).unwrap();
    fs::rename(copied.0.join("README"), copied.0.join("README.md")).unwrap();
    copied.agrees(false);
    if fs::metadata(&copied.0).unwrap().uid() == 0 {
        for path in [".git", ".git/HEAD", ".git/config", "", "rooms/team.yaml"] {
            chown(copied.0.join(path), Some(65_534), Some(65_534)).unwrap();
        }
        copied.agrees(false);
        copied.write("README.md", "other\n");
        copied.agrees(true);
    }
}

#[test]
fn submodules_count_as_git_counts_them() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shared = Tree::in_folder(&folder.path().join("shared"), &[]);
    let whole = Tree::in_folder(&folder.path().join("whole"), &[]);
    whole.git(&["submodule", "-q", "add", "../shared", "sub"]);
    whole.commit();
    shared.write("more", "x");
    shared.commit();
    let sub = Tree(whole.0.join("sub"));
    whole.agrees(false);
    // Room files in it are of its own commit.
    assert_eq!(sub.revision(), Some(sub.head()));
    assert_ne!(sub.head(), whole.head());

    sub.write("README.md", "other\n");
    whole.agrees(true);
    sub.agrees(true);
    sub.git(&["checkout", "-q", "README.md"]);
    whole.agrees(false);
    sub.git(&["pull", "-q"]);
    whole.agrees(true);
    sub.agrees(false);
    whole.git(&["submodule", "-q", "deinit", "-f", "sub"]);
    whole.agrees(false);
}

#[test]
fn what_the_commit_does_not_have_makes_it_dirty() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::in_folder(folder.path(), &[]);
    let (clean, dirty) = (Some(tree.head()), Some(format!("{}-dirty", tree.head())));
    let rooms = folder.path().join("rooms");

    tree.write("rooms/new.yaml", "rooms: [{id: 8, members: [bob]}]\n");
    assert_eq!(tree.revision(), dirty);
    assert_eq!(revision_of(&[&rooms.join("team.yaml")]), clean);
    tree.write(".gitignore", "new.yaml\n");
    assert_eq!(tree.revision(), dirty);
    fs::remove_file(rooms.join("new.yaml")).unwrap();
    assert_eq!(tree.revision(), clean);

    // Git was told to look away.
    tree.git(&["update-index", "--assume-unchanged", "rooms/team.yaml"]);
    assert_eq!(tree.revision(), dirty);
    tree.git(&["update-index", "--no-assume-unchanged", "rooms/team.yaml"]);
    assert_eq!(tree.revision(), clean);

    // A link into the tree from outside counts as what it leads to; one within it must be committed, too.
    let outside = tempfile::tempdir().unwrap();
    symlink(&rooms, outside.path().join("rooms")).unwrap();
    assert_eq!(revision_of(&[&outside.path().join("rooms")]), clean);
    symlink("rooms", folder.path().join("alias")).unwrap();
    assert_eq!(revision_of(&[&folder.path().join("alias")]), dirty);
    tree.commit();
    assert_eq!(revision_of(&[&folder.path().join("alias")]), Some(tree.head()));
}

#[test]
fn files_of_several_work_trees_or_of_none_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.yaml");
    fs::write(&plain, "rooms: [{id: 9, members: [bob]}]\n").unwrap();
    assert_eq!(revision_of(&[&plain]), None);
    if !has_git() {
        return;
    }
    let one = Tree::in_folder(&folder.path().join("one"), &[]);
    let two = Tree::in_folder(&folder.path().join("two"), &[]);
    two.write("rooms/team.yaml", "rooms: [{id: 8, members: [bob]}]\n");
    two.commit();
    let of = |trees: &[&Tree]| {
        let rooms: Vec<PathBuf> = trees.iter().map(|tree| tree.0.join("rooms")).collect();
        revision_of(&rooms.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    };
    assert_eq!(of(&[&one]), Some(one.head()));
    assert_eq!(of(&[&one, &two]), None);
    assert_eq!(revision_of(&[&one.0.join("rooms"), &plain]), None);
    // Before the first commit there is none.
    let fresh = Tree(folder.path().join("fresh"));
    fresh.write("rooms/team.yaml", ROOMS);
    fresh.git(&["init", "-q"]);
    assert_eq!(fresh.revision(), None);
}

/// A repository by hand, whose only commit has no file at all.
fn by_hand() -> (TempDir, PathBuf) {
    const COMMIT: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
                          author a <a@example.com> 1700000000 +0000\n\
                          committer a <a@example.com> 1700000000 +0000\n\nfirst\n";
    let folder = tempfile::tempdir().unwrap();
    let git = folder.path().join(".git");
    for name in ["objects", "refs/heads"] {
        fs::create_dir_all(git.join(name)).unwrap();
    }
    object(&git, HAND_MADE, &format!("commit {}\0{COMMIT}", COMMIT.len()));
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("refs/heads/main"), format!("{HAND_MADE}\n")).unwrap();
    fs::create_dir(folder.path().join("rooms")).unwrap();
    fs::write(folder.path().join("rooms/team.yaml"), ROOMS).unwrap();
    (folder, git)
}

const HAND_MADE: &str = "54f4b50a3184c8a51455a142fdf4cdbae53ecc9c";

fn object(git: &Path, id: &str, content: &str) {
    let (folder, name) = id.split_at(2);
    fs::create_dir_all(git.join("objects").join(folder)).unwrap();
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(content.as_bytes()).unwrap();
    fs::write(
        git.join("objects").join(folder).join(name),
        packed.finish().unwrap(),
    )
    .unwrap();
}

#[test]
fn no_program_of_git_is_needed() {
    let (folder, git) = by_hand();
    let rooms = folder.path().join("rooms");
    let dirty = Some(format!("{HAND_MADE}-dirty"));
    assert_eq!(revision_of(&[&rooms]), dirty);
    fs::write(git.join("HEAD"), format!("{HAND_MADE}\n")).unwrap();
    assert_eq!(revision_of(&[&rooms]), dirty);
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::remove_file(git.join("refs/heads/main")).unwrap();
    fs::write(git.join("packed-refs"), format!("{HAND_MADE} refs/heads/main\n")).unwrap();
    assert_eq!(revision_of(&[&rooms]), dirty);
}

/// Does some harm to a `.git`.
type Break = Box<dyn Fn(&Path)>;

#[test]
fn a_broken_repository_costs_the_revision_and_nothing_else() {
    let secret = tempfile::tempdir().unwrap();
    let secret = secret.path().join("secret");
    fs::write(&secret, "0123456789012345678901234567890123456789\n").unwrap();
    let up = format!("ref: refs/heads/../../../../../../../..{}\n", secret.display());
    let pipe = |path: &Path| {
        fs::remove_file(path).ok();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let breaks: Vec<(&str, Break)> = vec![
        (
            "HEAD is empty",
            Box::new(|git| fs::write(git.join("HEAD"), "").unwrap()),
        ),
        (
            "HEAD is anything",
            Box::new(|git| fs::write(git.join("HEAD"), [0, 255, 7]).unwrap()),
        ),
        (
            "HEAD leads up",
            Box::new(move |git| fs::write(git.join("HEAD"), &up).unwrap()),
        ),
        (
            "HEAD is a link to something else",
            Box::new(move |git| {
                fs::remove_file(git.join("HEAD")).unwrap();
                symlink(&secret, git.join("HEAD")).unwrap();
            }),
        ),
        (
            "references lead in a circle",
            Box::new(|git| {
                fs::write(git.join("refs/heads/main"), "ref: refs/heads/other\n").unwrap();
                fs::write(git.join("refs/heads/other"), "ref: refs/heads/main\n").unwrap();
            }),
        ),
        (
            "HEAD leads to itself",
            Box::new(|git| fs::write(git.join("HEAD"), "ref: HEAD\n").unwrap()),
        ),
        (
            "there is no such commit",
            Box::new(|git| fs::write(git.join("refs/heads/main"), "5ca1ab1e".repeat(5)).unwrap()),
        ),
        (
            "the commit is no object",
            Box::new(|git| {
                let (folder, name) = HAND_MADE.split_at(2);
                fs::write(git.join("objects").join(folder).join(name), "x").unwrap();
            }),
        ),
        (
            "what is checked out is no commit",
            Box::new(|git| {
                object(git, &"5ca1ab1e".repeat(5), "blob 1\0x");
                fs::write(git.join("HEAD"), "5ca1ab1e".repeat(5)).unwrap();
            }),
        ),
        (
            "the index is anything",
            Box::new(|git| fs::write(git.join("index"), "DIRC").unwrap()),
        ),
        (
            "the settings are anything",
            Box::new(|git| fs::write(git.join("config"), "[core\n").unwrap()),
        ),
        (
            "the repository has no work tree",
            Box::new(|git| fs::write(git.join("config"), "[core]\nbare = true\n").unwrap()),
        ),
        (
            "`.git` leads nowhere",
            Box::new(|git| {
                fs::remove_dir_all(git).unwrap();
                fs::write(git, "gitdir: /nowhere/at/all\n").unwrap();
            }),
        ),
        (
            "`.git` leads to itself",
            Box::new(|git| {
                fs::remove_dir_all(git).unwrap();
                fs::write(git, "gitdir: .git\n").unwrap();
            }),
        ),
        (
            "the index is a pipe",
            Box::new(move |git| pipe(&git.join("index"))),
        ),
        (
            "references never end",
            Box::new(|git| symlink("/dev/zero", git.join("packed-refs")).unwrap()),
        ),
        (
            "HEAD never ends",
            Box::new(|git| {
                fs::remove_file(git.join("HEAD")).unwrap();
                symlink("/dev/zero", git.join("HEAD")).unwrap();
            }),
        ),
    ];
    std::thread::scope(|scope| {
        for (what, do_it) in breaks {
            let (folder, git) = by_hand();
            do_it(&git);
            scope.spawn(move || {
                let begun = Instant::now();
                assert_eq!(revision_of(&[&folder.path().join("rooms")]), None, "{what}");
                assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
            });
        }
    });
}

#[test]
fn references_without_end_are_no_hindrance() {
    let (folder, git) = by_hand();
    let mut packed: String = (0..400_000)
        .map(|number| format!("{HAND_MADE} refs/tags/{:06}\n", 999_999 - number))
        .collect();
    packed += "no line of this file\n";
    fs::write(git.join("packed-refs"), packed).unwrap();
    let begun = Instant::now();
    let shown = revision_of(&[&folder.path().join("rooms")]);
    // The branch has a file of its own; whether the others are read is the library's choice.
    assert!(shown.is_none_or(|shown| shown.starts_with(HAND_MADE)));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn nothing_in_a_repository_is_executed_and_nothing_leads_out_of_it() {
    if !has_git() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::in_folder(&folder.path().join("tree"), &[]);
    let shared = Tree::in_folder(&folder.path().join("shared"), &[]);
    tree.git(&["submodule", "-q", "add", shared.0.to_str().unwrap(), "sub"]);
    tree.write(".gitattributes", "* filter=evil diff=evil merge=evil\n");
    tree.commit();
    let sub = Tree(tree.0.join("sub"));
    sub.write(".gitattributes", "* filter=evil\n");
    sub.commit();
    tree.commit();

    let (executed, elsewhere) = (folder.path().join("executed"), folder.path().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    let program = folder.path().join("program");
    fs::write(
        &program,
        format!("#!/bin/sh\ntouch {}\ncat\n", executed.display()),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    for tree in [&tree, &sub] {
        for key in [
            "core.fsmonitor",
            "core.sshCommand",
            "core.pager",
            "core.editor",
            "core.alternateRefsCommand",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "diff.evil.command",
            "diff.evil.textconv",
            "diff.external",
            "merge.evil.driver",
            "credential.helper",
            "gpg.program",
            "alias.status",
        ] {
            let key = if tree.0.ends_with("sub") && key.starts_with("core.fs") {
                "core.hooksPath"
            } else {
                key
            };
            tree.git(&["config", key, program]);
        }
    }
    let hooks = tree.0.join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-index-change", "fsmonitor-watchman", "post-checkout"] {
        fs::copy(program, hooks.join(hook)).unwrap();
    }
    let include = folder.path().join("include");
    assert!(Command::new("mkfifo").arg(&include).status().unwrap().success());
    let config = |tree: &Tree, more: &str| {
        let git = tree.0.join(".git");
        let git = if git.is_dir() {
            git
        } else {
            folder.path().join("tree/.git/modules/sub")
        };
        let path = git.join("config");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + more).unwrap();
    };
    let commit = tree.head_without_settings();
    config(&tree, &format!("[include]\npath = {}\n", include.display()));
    config(&tree, &format!("[core]\nworktree = {}\n", elsewhere.display()));
    config(&sub, &format!("[include]\npath = {}\n", include.display()));

    // So that their contents must be compared.
    for name in ["rooms/team.yaml", "README.md", "sub/README.md", "deep/er/file"] {
        let file = fs::File::options().write(true).open(tree.0.join(name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    let begun = Instant::now();
    assert_eq!(tree.revision(), Some(commit.clone()));
    tree.write("sub/README.md", "x\n");
    assert_eq!(tree.revision(), Some(format!("{commit}-dirty")));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!executed.exists());
}

impl Tree {
    /// The commit that is checked out, by the files alone: git itself would do what the settings say.
    fn head_without_settings(&self) -> String {
        let text = fs::read_to_string(self.0.join(".git/refs/heads/main")).unwrap();
        text.trim().to_owned()
    }
}
