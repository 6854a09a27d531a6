//! The hook, in a repository.

use super::{parsed, passed, tool};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

#[test]
fn the_hook_checks_what_is_about_to_be_committed() {
    if tool("git", &["--version"]).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let tools = std::env::var("PATH").unwrap();
    fs::create_dir_all(path("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_roomsync"), path("bin/roomsync")).unwrap();
    let git = |args: &[&str]| -> Output {
        Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(args)
            .current_dir(path("site"))
            .env("PATH", format!("{}:{tools}", path("bin").display()))
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            // Of another site.
            .env("ROOMSYNC_CONFIG", path("other/roomsync.yaml"))
            .output()
            .unwrap()
    };
    let commit = |args: &[&str]| {
        let output = git(&[&["commit", "-q", "-m", "x"], args].concat());
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let write = |text: &str| fs::write(path("site/rooms/team.yaml"), text).unwrap();
    let (good, bad) = (
        "rooms: [{id: 7, members: [bob]}]\n",
        "rooms: [{id: 7, membres: [bob]}]\n",
    );

    for (site, text) in [("other", good), ("site", bad)] {
        fs::create_dir_all(path(site).join("rooms")).unwrap();
        fs::write(path(site).join("rooms/team.yaml"), text).unwrap();
        let settings = super::place::settings("https://example.com");
        fs::write(path(site).join("roomsync.yaml"), settings).unwrap();
    }
    assert!(git(&["init", "-q"]).status.success());
    fs::copy(
        "examples/git-hooks/pre-commit",
        path("site/.git/hooks/pre-commit"),
    )
    .unwrap();
    git(&["add", "-A"]);
    let (taken, said) = commit(&[]);
    assert!(
        !taken && said.contains("membres") && said.contains("rooms/team.yaml"),
        "{said}"
    );
    // Good in the work tree only.
    write(good);
    assert!(!commit(&[]).0);
    git(&["add", "-A"]);
    let (taken, said) = commit(&[]);
    assert!(taken, "{said}");
    // Bad in the work tree only, and a commit of something else.
    write(bad);
    fs::write(path("site/README.md"), "x").unwrap();
    git(&["add", "README.md"]);
    assert!(commit(&[]).0);
    // With `-a` what is committed is not what was added.
    assert!(!commit(&["-a"]).0);

    // A link to a file elsewhere in the repository, which the settings must name, and another folder in them.
    fs::create_dir(path("site/shared")).unwrap();
    fs::write(path("site/shared/team.yaml"), good).unwrap();
    fs::remove_file(path("site/rooms/team.yaml")).unwrap();
    symlink("../shared/team.yaml", path("site/rooms/team.yaml")).unwrap();
    git(&["add", "-A"]);
    let (taken, said) = commit(&[]);
    assert!(!taken && said.contains("rooms: [rooms, shared]"), "{said}");
    let settings = |rooms| {
        let settings = super::place::settings("https://example.com").replace("rooms/", rooms);
        fs::write(path("site/roomsync.yaml"), settings).unwrap();
    };
    settings("[rooms, shared]");
    git(&["add", "-A"]);
    let (taken, said) = commit(&[]);
    assert!(taken, "{said}");
    settings("shared/");
    git(&["add", "-A"]);
    assert!(commit(&[]).0);
    fs::write(path("site/shared/team.yaml"), bad).unwrap();
    git(&["add", "-A"]);
    let (taken, said) = commit(&[]);
    assert!(!taken && said.contains("shared/team.yaml"), "{said}");
}

#[test]
fn the_frameworks_hook_runs_for_every_commit() {
    let config = parsed("examples/pre-commit-config.yaml");
    let hook = &config["repos"][0]["hooks"][0];
    assert_eq!(config["repos"][0]["repo"], "local");
    for key in ["id", "name", "entry", "language"] {
        assert!(hook[key].is_string(), "{key}");
    }
    assert_eq!(hook["language"], "system");
    assert_eq!(hook["pass_filenames"], false);
    // The framework runs no hook for a deletion, whatever `files` says.
    assert_eq!(hook["always_run"], true);
    assert_eq!(hook["entry"], "roomsync validate -c roomsync.yaml");
}

/// A repository of hooks, and one with rooms, for the framework itself.
#[test]
fn the_framework_takes_the_published_hooks() {
    const HOOKS: &str = ".pre-commit-hooks.yaml";
    let hooks = parsed(HOOKS);
    let hooks = hooks.as_sequence().unwrap();
    let of = |key: &str| {
        hooks
            .iter()
            .map(|hook| hook[key].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("id"), ["roomsync-validate", "roomsync-validate-system"]);
    assert_eq!(of("language"), ["rust", "system"]);
    let local = &parsed("examples/pre-commit-config.yaml")["repos"][0]["hooks"][0];
    for hook in hooks {
        for key in ["name", "entry", "always_run", "pass_filenames"] {
            assert_eq!(hook[key], local[key], "{key}");
        }
    }
    let Some(checked) = tool("pre-commit", &["validate-manifest", HOOKS]) else {
        return;
    };
    passed(&checked);

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for repository in ["hooks", "site"] {
        fs::create_dir(path(repository)).unwrap();
    }
    let run = |program: &str, repository: &str, args: &[&str]| {
        let tools = std::env::var("PATH").unwrap();
        let output = Command::new(program)
            .args(args)
            .current_dir(path(repository))
            .env_clear()
            .env("PATH", format!("{}:{tools}", path("bin").display()))
            .env("HOME", folder.path())
            .env("PRE_COMMIT_HOME", path("cache"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), said)
    };
    let git = |repository: &str, args: &[&str]| {
        let named = [&["-c", "user.name=a", "-c", "user.email=a@example.com"], args].concat();
        let (done, said) = run("git", repository, &named);
        assert!(done, "{said}");
    };
    fs::create_dir(path("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_roomsync"), path("bin/roomsync")).unwrap();
    fs::copy(HOOKS, path("hooks").join(HOOKS)).unwrap();
    for repository in ["hooks", "site"] {
        git(repository, &["init", "-q"]);
        git(repository, &["add", "-A"]);
        git(repository, &["commit", "-q", "--allow-empty", "-m", "first"]);
    }
    fs::create_dir(path("site/rooms")).unwrap();
    fs::write(
        path("site/roomsync.yaml"),
        super::place::settings("https://example.com"),
    )
    .unwrap();
    let hook = |rooms: &str| {
        fs::write(path("site/rooms/team.yaml"), rooms).unwrap();
        git("site", &["add", "-A"]);
        let hooks = path("hooks");
        run(
            "pre-commit",
            "site",
            &[
                "try-repo",
                hooks.to_str().unwrap(),
                "roomsync-validate-system",
                "--all-files",
            ],
        )
    };
    let (taken, said) = hook("rooms: [{id: 7, members: [bob]}]\n");
    assert!(taken && said.contains("Passed"), "{said}");
    let (taken, said) = hook("rooms: [{id: 7, membres: [bob]}]\n");
    assert!(!taken && said.contains("membres"), "{said}");
}
