//! Warnings about a secret's file that others can read.

use crate::diagnostics::RawDiagnostic;
use crate::disk;
use crate::source::{InGit, in_git};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Mode bits by which the group, and everybody, may read a file.
const GROUP: u32 = 0o040;
const OTHERS: u32 = 0o004;

/// Warns of everybody else who can get at the secret in this file, which `key` names. A file that is not there shows nothing.
pub(super) fn warnings(key: &str, file: &Path, rooms: &[PathBuf]) -> Vec<RawDiagnostic> {
    // On a disk that does not answer nothing is found.
    let rooms = rooms.to_vec();
    let looked = disk::bounded(file, move |file| {
        let mode = fs::metadata(file)?.permissions().mode();
        let canonical = file.canonicalize()?;
        let is_in = |root: &PathBuf| root.canonicalize().is_ok_and(|root| canonical.starts_with(root));
        Ok((mode, in_git(file), rooms.iter().any(is_in)))
    });
    let Ok((mode, in_git, among_rooms)) = looked else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let said = |what: &str| format!("the file of `{key}` {what}");
    let readers = match (mode & GROUP != 0, mode & OTHERS != 0) {
        (_, true) => Some("everybody on this machine can read it"),
        (true, false) => Some("its group can read it"),
        (false, false) => None,
    };
    if let Some(readers) = readers {
        let message = said(&format!("holds a secret, and {readers}"));
        let raw = RawDiagnostic::new("secret-readable", message);
        found.push(raw.help("`chmod 600` it, unless that is how roomsync itself reads it"));
    }
    match in_git {
        InGit::Tracked => {
            let message = said("is in the repository: whoever has that has the secret");
            let help = "get another secret, since this one stays in the history; `git rm --cached` the file, and ignore it";
            found.push(RawDiagnostic::new("secret-in-git", message).help(help));
        }
        InGit::NotIgnored => {
            let message = said("lies in a work tree of git, and no plain line of a .gitignore names it");
            let help = "name it in .gitignore, or keep it elsewhere: the next `git add` can take it along";
            found.push(RawDiagnostic::new("secret-not-ignored", message).help(help));
        }
        InGit::Ignored | InGit::Outside => {}
    }
    if among_rooms {
        let message = said("lies among the room files, which many people are meant to read");
        let raw = RawDiagnostic::new("secret-among-rooms", message);
        found.push(raw.help("keep it outside of what `rooms` names"));
    }
    found
}
