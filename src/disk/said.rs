//! Errors of the system in words for people.

use std::io;
use std::path::Path;

const A_FOLDER: &str = "this is a folder; name a file in it";

/// An error about a file or a folder in words, without the system's own number.
pub(crate) fn described(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is a file, not a folder".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

/// The reason why a file cannot be opened or written, in words that follow its path.
pub(crate) fn write_fault(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "the folder does not exist".to_owned(),
        io::ErrorKind::NotADirectory => "this, or a part of this path, is not a folder".to_owned(),
        io::ErrorKind::IsADirectory => A_FOLDER.to_owned(),
        _ => described(error),
    }
}

/// The reason why no file can be written at this path.
pub(crate) fn why_not_written(path: &Path, error: &io::Error) -> String {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.display().to_string(),
        _ => ".".to_owned(),
    };
    match error.kind() {
        io::ErrorKind::NotFound => format!("the folder {folder} does not exist"),
        io::ErrorKind::NotADirectory => format!("{folder} is a file, not a folder"),
        io::ErrorKind::PermissionDenied => {
            format!("the user that runs roomsync cannot write to the folder {folder}")
        }
        io::ErrorKind::IsADirectory => A_FOLDER.to_owned(),
        _ => described(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn errors_of_the_system_become_words() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("file"), "").unwrap();
        let why = |path: &Path| why_not_written(path, &fs::write(path, "").unwrap_err());
        let shown = root.display();
        let missing = root.join("no/x");
        assert_eq!(why(&missing), format!("the folder {shown}/no does not exist"));
        let under = root.join("file/x");
        assert_eq!(why(&under), format!("{shown}/file is a file, not a folder"));
        assert_eq!(why(root), "this is a folder; name a file in it");
        let odd = io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error());
        assert!(!described(&odd).contains("os error"), "{}", described(&odd));
        let of = |errno: rustix::io::Errno| write_fault(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert_eq!(of(rustix::io::Errno::DQUOT), "the disk quota is used up");
        assert_eq!(of(rustix::io::Errno::NOSPC), "the disk is full");
        assert_eq!(of(rustix::io::Errno::NOENT), "the folder does not exist");
        assert_eq!(of(rustix::io::Errno::LOOP), described(&odd));
    }
}
