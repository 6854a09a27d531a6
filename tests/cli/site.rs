//! A folder with settings, a token and room files, and `roomsync` run in it.

use super::service::{Service, TOKEN};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Files that bring the room of [`super::service::STATE`] out of step: one add and one promotion are wanted.
pub(crate) const ROOMS: &str = r#"rooms:
  - id: "66213271109633"
    name: lobby
    admins: [mia]
    members: [bob, carol, dan]
"#;

/// A folder that is removed when dropped.
pub(crate) struct Site(TempDir);

impl Site {
    /// A site with [`ROOMS`] for this service.
    pub(crate) fn of(service: &Service) -> Self {
        Self::at(&service.url())
    }

    /// A site with [`ROOMS`] for the service at this address.
    pub(crate) fn at(url: &str) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.path("rooms")).unwrap();
        site.write("token", &format!("{TOKEN}\n"));
        site.write("rooms/team.yaml", ROOMS);
        site.write("roomsync.yaml", &settings(url));
        site
    }

    /// A site with these room files instead.
    pub(crate) fn with_rooms(self, text: &str) -> Self {
        self.write("rooms/team.yaml", text);
        self
    }

    /// A site whose settings have `old` replaced.
    pub(crate) fn with_settings(self, old: &str, new: &str) -> Self {
        let text = fs::read_to_string(self.path("roomsync.yaml")).unwrap();
        assert!(text.contains(old), "no {old:?} in {text}");
        self.write("roomsync.yaml", &text.replace(old, new));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `roomsync` in this folder, without a terminal and without the environment of the test.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = roomsync(self.0.path());
        command.args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }
}

fn settings(url: &str) -> String {
    format!(
        "service:\n  url: {url}\n  app_key: \"acme#demo\"\n  auth: {{token_file: token}}\nrooms: rooms/\n\
         sync: {{settle_removals: 0s}}\n"
    )
}

/// `roomsync` in a folder, without a terminal and without the environment of the test.
pub(crate) fn roomsync(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomsync"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n---\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error says this.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        self
    }

    /// Standard output, which must be one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
