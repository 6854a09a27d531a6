//! Repositories that are broken, made by hand or hostile.

use super::*;

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
