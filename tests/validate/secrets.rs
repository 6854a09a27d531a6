//! Warnings about files with secrets that others can read or get.

use super::{json, run};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A site whose secret files can be read by their owner alone.
struct Site(TempDir);

impl Site {
    fn new(auth: &str) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write("roomsync.yaml", &settings("https://chat.example", auth));
        site.write(
            "rooms/all.yaml",
            "rooms: [{id: 66213271109633, members: [ann]}]\n",
        );
        for name in ["token", "rooms/token"] {
            site.write(name, "0123456789abcdef0123456789abcdef\n");
            site.chmod(name, 0o600);
        }
        site
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `false`: there is no git here.
    fn git(&self, args: &[&str]) -> bool {
        let git = Command::new("git")
            .arg("-C")
            .arg(self.0.path())
            .args(args)
            .output();
        let Ok(done) = git else {
            println!("skipped: there is no git");
            return false;
        };
        assert!(done.status.success(), "{done:?}");
        true
    }

    /// The codes of the warnings, and where they are said to be, with and without the room files.
    fn warnings(&self) -> Vec<String> {
        let config = self.0.path().join("roomsync.yaml");
        let codes = |args: &[&str]| -> Vec<String> {
            let (said, valid) = run(args, &config);
            assert!(valid, "{said}");
            assert!(!said.contains("0123456789abcdef"), "{said}");
            let diagnostics = json(&said)["diagnostics"].as_array().unwrap().clone();
            for diagnostic in &diagnostics {
                assert_eq!(diagnostic["severity"], "warning");
                assert_eq!(diagnostic["line"], 4, "{diagnostic}");
            }
            let code = |diagnostic: &serde_json::Value| diagnostic["code"].as_str().unwrap().to_owned();
            diagnostics.iter().map(code).collect()
        };
        let all = codes(&["--format", "json"]);
        assert_eq!(codes(&["--settings", "--format", "json"]), all);
        all
    }
}

fn settings(url: &str, auth: &str) -> String {
    format!("service:\n  url: {url}\n  app_key: \"acme#demo\"\n  auth: {{{auth}}}\n")
}

const KINDS: [&str; 3] = [
    "token_file: token",
    "app_id: 970CA35de60c44645bbae8a215061b33, app_certificate_file: token",
    "client_id: x, client_secret_file: token",
];

#[test]
fn who_can_read_the_file() {
    for auth in KINDS {
        let site = Site::new(auth);
        assert_eq!(site.warnings(), [""; 0]);
        for mode in [0o640, 0o604, 0o644] {
            site.chmod("token", mode);
            assert_eq!(site.warnings(), ["secret-readable"], "{mode:o}");
        }
        // The file counts, not a link to it.
        site.chmod("token", 0o600);
        fs::rename(site.0.path().join("token"), site.0.path().join("other")).unwrap();
        symlink("other", site.0.path().join("token")).unwrap();
        assert_eq!(site.warnings(), [""; 0]);
    }
}

#[test]
fn an_emulators_secrets_are_none() {
    let site = Site::new("");
    site.chmod("token", 0o644);
    for (url, warnings) in [
        ("http://127.0.0.1:8080", 0),
        ("http://localhost:8080", 0),
        ("https://127.0.0.1:8080", 1),
        ("https://chat.example", 1),
    ] {
        site.write("roomsync.yaml", &settings(url, KINDS[0]));
        assert_eq!(site.warnings().len(), warnings, "{url}");
    }
}

#[test]
fn what_git_has_or_can_take_along() {
    for auth in KINDS {
        let site = Site::new(auth);
        if !site.git(&["init", "-q"]) {
            return;
        }
        assert_eq!(site.warnings(), ["secret-not-ignored"]);
        site.write(".gitignore", "/token\n");
        assert_eq!(site.warnings(), [""; 0]);
        site.git(&["add", "-f", "token"]);
        assert_eq!(site.warnings(), ["secret-in-git"]);
    }
}

#[test]
fn among_the_room_files() {
    let site = Site::new("token_file: rooms/token");
    assert_eq!(site.warnings(), ["secret-among-rooms"]);
}

/// Without the room files a secret must be there; with them, as in CI, it need not.
#[test]
fn a_secret_that_is_missing() {
    for auth in [
        "token_file: nowhere",
        "app_id: 970CA35de60c44645bbae8a215061b33",
        "client_id: x",
    ] {
        let site = Site::new(auth);
        let config = site.0.path().join("roomsync.yaml");
        let (said, valid) = run(&["--settings"], &config);
        assert!(!valid && said.ends_with("1 error\n"), "{said}");
        let (said, valid) = run(&[], &config);
        assert!(valid, "{said}");
        assert_eq!(
            said.contains("half-credentials"),
            !auth.starts_with("token"),
            "{said}"
        );
    }
    let site = Site::new(KINDS[0]);
    let (said, valid) = run(&["--settings"], &site.0.path().join("roomsync.yaml"));
    assert_eq!((said.as_str(), valid), ("settings and secrets: valid\n", true));
    let (said, valid) = run(&["--settings"], Path::new("nowhere.yaml"));
    assert!(!valid, "{said}");
}
