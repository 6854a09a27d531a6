//! Place of a file in the eyes of git: it has the file, would take it with the next `git add`, or ignores it.

use super::revision::{is_tracked, work_tree_of};
use crate::model::glob_matches;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest `.gitignore` that is read, in bytes.
const LARGEST_IGNORE_FILE: u64 = 1 << 20;

/// Place of a file in the eyes of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InGit {
    /// In no work tree, or in one that cannot be read.
    Outside,
    /// Git has it.
    Tracked,
    /// In a work tree, and no line of a `.gitignore` on the way down names it, as far as such lines are understood here.
    NotIgnored,
    /// In a work tree, and ignored.
    Ignored,
}

/// Finds out what git knows of this file. Links are followed, so that it is about the file itself.
pub(crate) fn in_git(file: &Path) -> InGit {
    let Some((tree, path)) = file.canonicalize().ok().and_then(|file| work_tree_of(&file)) else {
        return InGit::Outside;
    };
    if is_tracked(&tree, &path) {
        InGit::Tracked
    } else if is_ignored(&tree, &path) {
        InGit::Ignored
    } else {
        InGit::NotIgnored
    }
}

/// True if the last line that names the file or a folder above it ignores it. Lines with `[…]`, `\` or `**` inside are not
/// understood, and count for nothing.
fn is_ignored(tree: &Path, path: &Path) -> bool {
    let parts: Vec<&str> = path
        .iter()
        .map(|part| part.to_str().unwrap_or_default())
        .collect();
    let mut ignored = false;
    let mut judge = |file: PathBuf, parts: &[&str]| {
        let is_small =
            fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST_IGNORE_FILE);
        let text = if is_small {
            fs::read_to_string(file).unwrap_or_default()
        } else {
            String::new()
        };
        for line in text.lines() {
            if let Some((ignores, pattern)) = line_of(line)
                && names(pattern, parts)
            {
                ignored = ignores;
            }
        }
    };
    judge(tree.join(".git/info/exclude"), &parts);
    let mut folder = tree.to_owned();
    for (depth, part) in parts.iter().enumerate() {
        judge(folder.join(".gitignore"), parts.get(depth..).unwrap_or_default());
        folder.push(part);
    }
    ignored
}

/// A line's pattern, and whether it ignores what it names. `None`: a comment, or nothing.
fn line_of(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    Some(
        line.strip_prefix('!')
            .map_or((true, line), |pattern| (false, pattern)),
    )
}

/// True if a pattern names a file by its path from the pattern's folder, or a folder above it.
fn names(pattern: &str, parts: &[&str]) -> bool {
    let folders_only = pattern.ends_with('/');
    let pattern = pattern.trim_end_matches('/');
    let anywhere = pattern.strip_prefix("**/");
    let anchored = anywhere.is_none() && pattern.contains('/');
    let wanted: Vec<&str> = anywhere
        .unwrap_or(pattern)
        .trim_start_matches('/')
        .split('/')
        .collect();
    if wanted
        .iter()
        .any(|part| part.contains(['[', '\\']) || *part == "**")
    {
        return false;
    }
    let at = |start: usize| {
        let end = start + wanted.len();
        let is_file = end == parts.len();
        let there = parts.get(start..end);
        !(folders_only && is_file)
            && there.is_some_and(|there| {
                there
                    .iter()
                    .zip(&wanted)
                    .all(|(part, wanted)| glob_matches(wanted, part))
            })
    };
    if anchored { at(0) } else { (0..parts.len()).any(at) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Paths and lines, each judged as `git check-ignore` does.
    #[test]
    fn simple_lines_mean_what_they_mean_to_git() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| Command::new("git").arg("-C").arg(dir.path()).args(args).output();
        let Ok(made) = git(&["init", "-q"]) else {
            assert!(std::env::var_os("CI").is_none(), "there is no git");
            return;
        };
        assert!(made.status.success());
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for path in ["token", "a/token", "a/b/token", "a/b/my.token"] {
            fs::write(dir.path().join(path), "x").unwrap();
            for lines in [
                "",
                "token",
                "/token",
                "token/",
                "a/",
                "/a",
                "a/token",
                "/a/b/",
                "b/token",
                "*.token",
                "*token*",
                "tok?n",
                "**/token",
                "# token",
                "!token",
                "token\n!token",
                "a/\n!token",
                "*\n!a",
                "b",
                "a/*/token",
                "other",
                " token",
            ] {
                fs::write(dir.path().join(".gitignore"), lines).unwrap();
                let by_git = git(&["check-ignore", "-q", path]).unwrap().status.success();
                let ours = in_git(&dir.path().join(path));
                let expected = if by_git { InGit::Ignored } else { InGit::NotIgnored };
                // Git does not look below a folder that is ignored.
                if !(by_git && lines.contains('!')) {
                    assert_eq!(ours, expected, "{path} by {lines:?}");
                }
            }
        }
        fs::write(dir.path().join(".gitignore"), "token").unwrap();
        assert!(git(&["add", "-f", "token"]).unwrap().status.success());
        assert_eq!(in_git(&dir.path().join("token")), InGit::Tracked);
        fs::write(dir.path().join("a/.gitignore"), "!token").unwrap();
        assert_eq!(in_git(&dir.path().join("a/token")), InGit::NotIgnored);
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("token"), "x").unwrap();
        assert_eq!(in_git(&elsewhere.path().join("token")), InGit::Outside);
    }
}
