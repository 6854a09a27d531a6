//! Which commit the room files are of: held against git itself, and against repositories that mean harm.

mod hostile;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use roomsync::desired;
use roomsync::model::RoomDefaults;
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
    texts
        .resolve(&RoomDefaults::default())
        .unwrap()
        .desired
        .source
        .revision
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

impl Tree {
    /// The commit that is checked out, by the files alone: git itself would do what the settings say.
    fn head_without_settings(&self) -> String {
        let text = fs::read_to_string(self.0.join(".git/refs/heads/main")).unwrap();
        text.trim().to_owned()
    }
}
