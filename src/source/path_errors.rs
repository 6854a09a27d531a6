//! Errors about links that lead out of the roots, and about the kernel's own files.

use super::name_of;
use crate::diagnostics::RawDiagnostic;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The paths that the settings name, and where they count from.
#[derive(Debug)]
pub(super) struct NamedPaths {
    paths: Vec<PathBuf>,
    base: PathBuf,
}

impl NamedPaths {
    pub(super) fn new(paths: &[PathBuf], settings_file: Option<&Path>) -> Self {
        let base = settings_file.and_then(Path::parent);
        Self {
            paths: paths.to_vec(),
            base: base.unwrap_or(Path::new("")).to_owned(),
        }
    }

    /// A link leads to this canonical path, which is below none of the roots.
    pub(super) fn link_outside(&self, end: &Path, is_folder: bool, roots: &[PathBuf]) -> RawDiagnostic {
        let base = match self.base.as_os_str().is_empty() {
            true => Path::new("."),
            false => self.base.as_path(),
        };
        let base = fs::canonicalize(base).ok();
        let seen = |path: &Path| match &base {
            Some(base) => seen_from(base, path),
            None => path.to_owned(),
        };
        // A folder in which the roots lie as well has more in it than is meant.
        let above = |folder: &&Path| !roots.iter().chain(&base).any(|path| path.starts_with(folder));
        let folder = if is_folder {
            Some(end)
        } else {
            end.parent().filter(above)
        };
        let mut paths: Vec<String> = self
            .paths
            .iter()
            .map(|path| listed(self.as_written(path)))
            .collect();
        paths.push(listed(&seen(folder.unwrap_or(end))));
        let message = format!(
            "this link leads to {}, which is outside of what `rooms` names",
            name_of(&seen(end))
        );
        RawDiagnostic::new("link-outside", message).help(format!(
            "if it is to be read, name where it leads as well, `rooms: [{}]`; otherwise remove the link",
            paths.join(", ")
        ))
    }

    fn as_written<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.base).unwrap_or(path)
    }
}

/// The path as it is named from a folder, both canonical.
fn seen_from(folder: &Path, path: &Path) -> PathBuf {
    let shared = folder.components().zip(path.components());
    let shared = shared.take_while(|(a, b)| a == b).count();
    // Only the root is shared: that is no way to name it.
    if shared <= 1 {
        return path.to_owned();
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let seen: PathBuf = up.chain(path.components().skip(shared)).collect();
    match seen.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => seen,
    }
}

/// The path as it can stand in a list of YAML.
fn listed(path: &Path) -> String {
    let text = name_of(path);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    match text.chars().all(plain) && text.starts_with(|c: char| c != '-') {
        true => text,
        false => format!("{text:?}"),
    }
}

/// It is one of the kernel's files, or a folder of them.
pub(super) fn kernels() -> RawDiagnostic {
    let message = "this is, or leads to, a file or folder of the kernel, as all in /proc, /sys and /dev are; nothing is read there";
    RawDiagnostic::new("kernel-files", message).help("name files on a disk; if it is a link, remove it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_from_the_folder_of_the_settings() {
        for (folder, path, seen) in [
            ("/a/site", "/a/site/shared", "shared"),
            ("/a/site", "/a/shared/x.yaml", "../shared/x.yaml"),
            ("/a/site/conf", "/a", "../.."),
            ("/a/site", "/a/site", "."),
            ("/a/site", "/etc/rooms", "/etc/rooms"),
        ] {
            let found = seen_from(Path::new(folder), Path::new(path));
            assert_eq!(found, Path::new(seen), "{path} from {folder}");
        }
        assert_eq!(listed(Path::new("../a-b/c_d")), "../a-b/c_d");
        assert_eq!(listed(Path::new("a, b")), "\"a, b\"");
        assert_eq!(listed(Path::new("-a")), "\"-a\"");
    }
}
